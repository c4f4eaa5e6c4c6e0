// A provider with the resources of DrFaust92/bitbucket that have an address at onebucket, for tests where that one
// can't be had. It makes the calls that the source of that provider shows, in the same order, with its types and ids.
package main

import (
	"github.com/hashicorp/terraform-plugin-sdk/v2/helper/schema"
	"github.com/hashicorp/terraform-plugin-sdk/v2/plugin"
)

func main() {
	plugin.Serve(&plugin.ServeOpts{
		ProviderAddr: "registry.opentofu.org/drfaust92/bitbucket",
		ProviderFunc: func() *schema.Provider {
			return &schema.Provider{
				Schema: map[string]*schema.Schema{
					"username": credential("BITBUCKET_USERNAME"),
					"password": credential("BITBUCKET_PASSWORD"),
				},
				ConfigureContextFunc: configure,
				ResourcesMap: map[string]*schema.Resource{
					"bitbucket_group":            group(),
					"bitbucket_group_membership": groupMembership(),
					"bitbucket_project":          project(),
					"bitbucket_repository":       repository(),
					"bitbucket_ssh_key":          sshKey(),
					"bitbucket_project_group_permission": permission(
						"2.0/workspaces/%s/projects/%s/permissions-config/groups/%s", "project_key", "group_slug"),
					"bitbucket_project_user_permission": permission(
						"2.0/workspaces/%s/projects/%s/permissions-config/users/%s", "project_key", "user_id"),
					"bitbucket_repository_group_permission": permission(
						"2.0/repositories/%s/%s/permissions-config/groups/%s", "repo_slug", "group_slug"),
					"bitbucket_repository_user_permission": permission(
						"2.0/repositories/%s/%s/permissions-config/users/%s", "repo_slug", "user_id"),
				},
				DataSourcesMap: map[string]*schema.Resource{
					"bitbucket_current_user":      currentUser(),
					"bitbucket_user":              user(),
					"bitbucket_workspace":         workspace(),
					"bitbucket_workspace_members": workspaceMembers(),
				},
			}
		},
	})
}

func credential(variable string) *schema.Schema {
	return &schema.Schema{
		Type: schema.TypeString, Optional: true, DefaultFunc: schema.EnvDefaultFunc(variable, nil)}
}

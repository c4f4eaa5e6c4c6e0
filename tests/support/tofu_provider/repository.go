package main

import (
	"regexp"
	"strings"

	"github.com/hashicorp/terraform-plugin-sdk/v2/helper/schema"
)

var notInSlugs = regexp.MustCompile(`[^a-zA-Z0-9_.-]+`)

func slugOf(d *schema.ResourceData) string {
	name := text(d, "slug")
	if name == "" {
		name = text(d, "name")
	}
	return strings.ToLower(notInSlugs.ReplaceAllString(name, "-"))
}

func repositoryAddress(d *schema.ResourceData) string {
	return "2.0/repositories/" + text(d, "owner") + "/" + slugOf(d)
}

func repositoryBody(d *schema.ResourceData) object {
	body := object{}
	for _, name := range []string{"name", "language", "description", "fork_policy", "scm"} {
		if value := text(d, name); value != "" {
			body[name] = value
		}
	}
	for _, name := range []string{"is_private", "has_wiki", "has_issues"} {
		body[name] = d.Get(name)
	}
	if key := text(d, "project_key"); key != "" {
		body["project"] = object{"key": key}
	}
	if branch := text(d, "mainbranch"); branch != "" {
		body["mainbranch"] = object{"name": branch}
	}
	return body
}

func repository() *schema.Resource {
	ofServer := func(kind schema.ValueType) *schema.Schema {
		return &schema.Schema{Type: kind, Optional: true, Computed: true}
	}
	return of{
		separator: "/", parts: []string{"owner", "slug"},
		schema: map[string]*schema.Schema{
			"owner": required(false), "name": required(false), "slug": ofServer(schema.TypeString),
			"scm": optional(schema.TypeString, "git"), "is_private": optional(schema.TypeBool, true),
			"has_wiki": optional(schema.TypeBool, false), "has_issues": optional(schema.TypeBool, false),
			"description": optional(schema.TypeString, nil), "language": optional(schema.TypeString, nil),
			"fork_policy": optional(schema.TypeString, "allow_forks"), "project_key": ofServer(schema.TypeString),
			"mainbranch": ofServer(schema.TypeString), "pipelines_enabled": optional(schema.TypeBool, false),
			"clone_ssh": computed(schema.TypeString), "clone_https": computed(schema.TypeString),
			"uuid":                           computed(schema.TypeString),
			"inherit_default_merge_strategy": ofServer(schema.TypeBool),
			"inherit_branching_model":        ofServer(schema.TypeBool),
		},
		create: func(c *client, d *schema.ResourceData) error {
			where := repositoryAddress(d)
			if _, err := c.call("POST", where, repositoryBody(d), nil); err != nil {
				return err
			}
			d.SetId(text(d, "owner") + "/" + slugOf(d))
			if err := putPipelines(c, d, where); err != nil {
				return err
			}
			return putInherited(c, d, where)
		},
		read: readRepository,
		update: func(c *client, d *schema.ResourceData) error {
			where := repositoryAddress(d)
			if d.HasChangesExcept("pipelines_enabled", "inherit_default_merge_strategy", "inherit_branching_model") {
				if _, err := c.call("PUT", where, repositoryBody(d), nil); err != nil {
					return err
				}
			}
			if d.HasChange("name") {
				d.SetId(text(d, "owner") + "/" + text(d, "name"))
			}
			if d.HasChange("pipelines_enabled") {
				if err := putPipelines(c, d, where); err != nil {
					return err
				}
			}
			if d.HasChanges("inherit_default_merge_strategy", "inherit_branching_model") {
				return putInherited(c, d, where)
			}
			return nil
		},
		remove: func(c *client, d *schema.ResourceData) error {
			_, err := c.call("DELETE", repositoryAddress(d), nil, nil)
			return err
		},
	}.resource()
}

func putPipelines(c *client, d *schema.ResourceData, where string) error {
	var stored object
	_, err := c.call("PUT", where+"/pipelines_config", object{"enabled": d.Get("pipelines_enabled")}, &stored)
	return err
}

// putInherited sends the settings that the configuration has, if there are any.
func putInherited(c *client, d *schema.ResourceData, where string) error {
	body := object{}
	for _, name := range []string{"default_merge_strategy", "branching_model"} {
		if given := d.GetRawConfig().GetAttr("inherit_" + name); !given.IsNull() {
			body[name] = given.True()
		}
	}
	if len(body) == 0 {
		return nil
	}
	_, err := c.call("PUT", where+"/override-settings", body, nil)
	return err
}

func readRepository(c *client, d *schema.ResourceData) error {
	type named struct{ Name string }
	type link struct{ Name, Href string }
	var found struct {
		Scm, Name, Slug, Language, Description, Uuid string
		ForkPolicy                                   string `json:"fork_policy"`
		IsPrivate                                    bool   `json:"is_private"`
		HasWiki                                      bool   `json:"has_wiki"`
		HasIssues                                    bool   `json:"has_issues"`
		Mainbranch                                   *named
		Project                                      *struct{ Key string }
		Links                                        struct {
			Avatar *link
			Clone  []link
		}
	}
	where := repositoryAddress(d)
	if isGone, err := c.read(d, where, &found); isGone || err != nil {
		return err
	}
	_ = found.Links.Avatar.Href // the original panics, too, where there is none
	values := object{"scm": found.Scm, "name": found.Name, "slug": found.Slug, "language": found.Language,
		"description": found.Description, "uuid": found.Uuid, "fork_policy": found.ForkPolicy,
		"is_private": found.IsPrivate, "has_wiki": found.HasWiki, "has_issues": found.HasIssues,
		"mainbranch": found.Mainbranch.Name, "project_key": found.Project.Key}
	for _, each := range found.Links.Clone {
		values[map[bool]string{true: "clone_https", false: "clone_ssh"}[each.Name == "https"]] = each.Href
	}

	var pipelines struct{ Enabled bool }
	if isGone, err := c.call("GET", where+"/pipelines_config", nil, &pipelines); err != nil && !isGone {
		return err
	}
	values["pipelines_enabled"] = pipelines.Enabled

	var inherited struct {
		DefaultMergeStrategy *bool `json:"default_merge_strategy"`
		BranchingModel       *bool `json:"branching_model"`
	}
	if _, err := c.call("GET", where+"/override-settings", nil, &inherited); err != nil {
		return err
	}
	values["inherit_default_merge_strategy"] = inherited.DefaultMergeStrategy
	values["inherit_branching_model"] = inherited.BranchingModel
	return set(d, values)
}

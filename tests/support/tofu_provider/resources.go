package main

import (
	"fmt"

	"github.com/hashicorp/terraform-plugin-sdk/v2/helper/schema"
)

func required(isForced bool) *schema.Schema {
	return &schema.Schema{Type: schema.TypeString, Required: true, ForceNew: isForced}
}

func optional(kind schema.ValueType, otherwise any) *schema.Schema {
	return &schema.Schema{Type: kind, Optional: true, Default: otherwise}
}

func computed(kind schema.ValueType) *schema.Schema {
	return &schema.Schema{Type: kind, Computed: true}
}

func group() *schema.Resource {
	type shape struct {
		Name                    string `json:"name,omitempty"`
		Slug                    string `json:"slug,omitempty"`
		AutoAdd                 bool   `json:"auto_add,omitempty"`
		Permission              string `json:"permission,omitempty"`
		EmailForwardingDisabled bool   `json:"email_forwarding_disabled,omitempty"`
	}
	wanted := func(d *schema.ResourceData) shape {
		return shape{Name: text(d, "name"), AutoAdd: d.Get("auto_add").(bool), Permission: text(d, "permission"),
			EmailForwardingDisabled: d.Get("email_forwarding_disabled").(bool)}
	}
	where, one := "1.0/groups/%s/%s", []string{"workspace", "slug"}
	update := func(c *client, d *schema.ResourceData) error {
		_, err := c.call("PUT", address(d, where+"/", one...), wanted(d), nil)
		return err
	}
	return of{
		separator: "/", parts: one,
		schema: map[string]*schema.Schema{
			"workspace": required(true), "name": required(false), "slug": computed(schema.TypeString),
			"auto_add": optional(schema.TypeBool, nil), "permission": optional(schema.TypeString, nil),
			"email_forwarding_disabled": optional(schema.TypeBool, nil),
		},
		create: func(c *client, d *schema.ResourceData) error {
			var made shape
			body := "name=" + text(d, "name")
			if _, err := c.call("POST", "1.0/groups/"+text(d, "workspace"), body, &made); err != nil {
				return err
			}
			d.SetId(text(d, "workspace") + "/" + made.Slug)
			// The sources send the name alone, and the rest with the next apply.
			if plain := (shape{Name: text(d, "name")}); wanted(d) == plain {
				return nil
			}
			if err := d.Set("slug", made.Slug); err != nil {
				return err
			}
			return update(c, d)
		},
		read: func(c *client, d *schema.ResourceData) error {
			var found shape
			if isGone, err := c.read(d, address(d, where, one...), &found); isGone || err != nil {
				return err
			}
			return set(d, object{"name": found.Name, "slug": found.Slug, "auto_add": found.AutoAdd,
				"permission": found.Permission, "email_forwarding_disabled": found.EmailForwardingDisabled})
		},
		update: update,
		remove: func(c *client, d *schema.ResourceData) error {
			_, err := c.call("DELETE", address(d, where, one...), nil, nil)
			return err
		},
	}.resource()
}

func groupMembership() *schema.Resource {
	where, one := "1.0/groups/%s/%s/members/%s", []string{"workspace", "group_slug", "uuid"}
	return of{
		separator: "/", parts: one,
		schema: map[string]*schema.Schema{
			"workspace": required(true), "group_slug": required(true), "uuid": required(true),
			"slug": computed(schema.TypeString),
		},
		create: func(c *client, d *schema.ResourceData) error {
			if _, err := c.call("PUT", address(d, where, one...), nil, nil); err != nil {
				return err
			}
			d.SetId(address(d, "%s/%s/%s", one...))
			return nil
		},
		read: func(c *client, d *schema.ResourceData) error {
			var members []struct{ UUID string }
			path := address(d, "1.0/groups/%s/%s/members", "workspace", "group_slug")
			if isGone, err := c.read(d, path, &members); isGone || err != nil {
				return err
			}
			for _, member := range members {
				if member.UUID == text(d, "uuid") {
					return nil
				}
			}
			return fmt.Errorf("error getting Group Member (%s): not found", d.Id())
		},
		remove: func(c *client, d *schema.ResourceData) error {
			_, err := c.call("DELETE", address(d, where, one...), nil, nil)
			return err
		},
	}.resource()
}

func project() *schema.Resource {
	where, one := "2.0/workspaces/%s/projects/%s", []string{"owner", "key"}
	wanted := func(d *schema.ResourceData) object {
		body := object{"name": text(d, "name"), "key": text(d, "key"), "is_private": d.Get("is_private")}
		if description := text(d, "description"); description != "" {
			body["description"] = description
		}
		return body
	}
	return of{
		separator: "/", parts: one,
		schema: map[string]*schema.Schema{
			"key": required(false), "owner": required(false), "name": required(false),
			"description": optional(schema.TypeString, nil), "is_private": optional(schema.TypeBool, true),
			"has_publicly_visible_repos": computed(schema.TypeBool), "uuid": computed(schema.TypeString),
		},
		create: func(c *client, d *schema.ResourceData) error {
			var made struct{ Key string }
			if _, err := c.call("POST", address(d, "2.0/workspaces/%s/projects", "owner"), wanted(d), &made); err != nil {
				return err
			}
			d.SetId(text(d, "owner") + "/" + made.Key)
			return nil
		},
		read: func(c *client, d *schema.ResourceData) error {
			var found struct {
				Key, Name, Description, Uuid string
				Private                      bool `json:"is_private"`
				Visible                      bool `json:"has_publicly_visible_repos"`
				Links                        struct{ Avatar *struct{ Href string } }
			}
			if isGone, err := c.read(d, address(d, where, one...), &found); isGone || err != nil {
				return err
			}
			_ = found.Links.Avatar.Href // the original panics, too, where there is none
			return set(d, object{"key": found.Key, "name": found.Name, "description": found.Description,
				"uuid": found.Uuid, "is_private": found.Private, "has_publicly_visible_repos": found.Visible})
		},
		update: func(c *client, d *schema.ResourceData) error {
			_, err := c.call("PUT", address(d, where, one...), wanted(d), nil)
			return err
		},
		remove: func(c *client, d *schema.ResourceData) error {
			_, err := c.call("DELETE", address(d, where, one...), nil, nil)
			return err
		},
	}.resource()
}

func sshKey() *schema.Resource {
	where := "2.0/users/%s/ssh-keys"
	return of{
		separator: "/", parts: []string{"user", "uuid"},
		schema: map[string]*schema.Schema{
			"user": required(true), "label": optional(schema.TypeString, nil), "uuid": computed(schema.TypeString),
			"comment": computed(schema.TypeString),
			"key":     {Type: schema.TypeString, Optional: true, ForceNew: true},
		},
		create: func(c *client, d *schema.ResourceData) error {
			var made struct{ Uuid string }
			body := object{"key": text(d, "key"), "label": text(d, "label")}
			if _, err := c.call("POST", address(d, where, "user"), body, &made); err != nil {
				return err
			}
			d.SetId(text(d, "user") + "/" + made.Uuid)
			return nil
		},
		read: func(c *client, d *schema.ResourceData) error {
			var found struct{ Label, Comment, Uuid string }
			if isGone, err := c.read(d, address(d, where+"/%s", "user", "uuid"), &found); isGone || err != nil {
				return err
			}
			return set(d, object{"label": found.Label, "comment": found.Comment, "uuid": found.Uuid})
		},
		update: func(c *client, d *schema.ResourceData) error {
			body := object{"key": text(d, "key"), "label": text(d, "label")}
			_, err := c.call("PUT", address(d, where+"/%s", "user", "uuid"), body, nil)
			return err
		},
		remove: func(c *client, d *schema.ResourceData) error {
			_, err := c.call("DELETE", address(d, where+"/%s", "user", "uuid"), nil, nil)
			return err
		},
	}.resource()
}

// permission is what a group or a person has on a project or repository: `kept` and `who` name which.
func permission(where, kept, who string) *schema.Resource {
	one := []string{"workspace", kept, who}
	put := func(c *client, d *schema.ResourceData) error {
		var stored object
		body := object{"permission": text(d, "permission")}
		if _, err := c.call("PUT", address(d, where, one...), body, &stored); err != nil {
			return err
		}
		d.SetId(address(d, "%s:%s:%s", one...))
		return nil
	}
	return of{
		separator: ":", parts: one,
		schema: map[string]*schema.Schema{
			"workspace": required(true), kept: required(true), who: required(true), "permission": required(false),
		},
		create: put,
		read: func(c *client, d *schema.ResourceData) error {
			var found struct {
				Permission string
				Group      *struct {
					Slug      string
					Workspace struct{ Slug string }
				}
				User *struct{ Uuid string }
			}
			if isGone, err := c.read(d, address(d, where, one...), &found); isGone || err != nil {
				return err
			}
			values := object{"permission": found.Permission}
			if who == "group_slug" {
				values["group_slug"], values["workspace"] = found.Group.Slug, found.Group.Workspace.Slug
			} else {
				values["user_id"] = found.User.Uuid
			}
			return set(d, values)
		},
		update: put,
		remove: func(c *client, d *schema.ResourceData) error {
			_, err := c.call("DELETE", address(d, where, one...), nil, nil)
			return err
		},
	}.resource()
}

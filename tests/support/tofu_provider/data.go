package main

import (
	"fmt"

	"github.com/hashicorp/terraform-plugin-sdk/v2/helper/schema"
)

// data makes a data source of one object: `given` are its arguments, `read` names what is taken of the answer.
func data(path func(*schema.ResourceData) string, given, read []string) *schema.Resource {
	attributes := map[string]*schema.Schema{}
	for _, name := range read {
		attributes[name] = computed(schema.TypeString)
	}
	for _, name := range given {
		attributes[name] = required(false)
	}
	return &schema.Resource{
		Schema: attributes,
		Read: func(d *schema.ResourceData, m any) error {
			var found object
			if _, err := m.(*client).call("GET", path(d), nil, &found); err != nil {
				return err
			}
			for _, name := range read {
				if err := d.Set(name, found[name]); err != nil {
					return err
				}
			}
			d.SetId(found["uuid"].(string))
			return nil
		},
	}
}

// currentUser asks for the addresses, too.
func currentUser() *schema.Resource {
	made := data(func(*schema.ResourceData) string { return "2.0/user" }, nil, []string{"uuid", "username", "display_name"})
	made.Schema["email"] = &schema.Schema{Type: schema.TypeSet, Computed: true, Elem: &schema.Schema{Type: schema.TypeString}}
	read := made.Read
	made.Read = func(d *schema.ResourceData, m any) error {
		if err := read(d, m); err != nil {
			return err
		}
		var page struct{ Values []struct{ Email string } }
		if _, err := m.(*client).call("GET", "2.0/user/emails", nil, &page); err != nil {
			return err
		}
		var emails []any
		for _, each := range page.Values {
			emails = append(emails, each.Email)
		}
		return d.Set("email", emails)
	}
	return made
}

func user() *schema.Resource {
	return data(func(d *schema.ResourceData) string { return "2.0/users/" + text(d, "uuid") },
		[]string{"uuid"}, []string{"username", "display_name"})
}

func workspace() *schema.Resource {
	return data(func(d *schema.ResourceData) string { return "2.0/workspaces/" + text(d, "workspace") },
		[]string{"workspace"}, []string{"uuid", "name", "slug"})
}

// workspaceMembers turns the pages by number, as the original does.
func workspaceMembers() *schema.Resource {
	return &schema.Resource{
		Schema: map[string]*schema.Schema{
			"workspace": required(false),
			"members":   {Type: schema.TypeSet, Computed: true, Elem: &schema.Schema{Type: schema.TypeString}},
		},
		Read: func(d *schema.ResourceData, m any) error {
			var members []any
			for path, number := address(d, "2.0/workspaces/%s/members", "workspace"), 1; path != ""; {
				var page struct {
					Next   string
					Values []struct{ User struct{ Uuid string } }
				}
				if _, err := m.(*client).call("GET", path, nil, &page); err != nil {
					return err
				}
				for _, each := range page.Values {
					members = append(members, each.User.Uuid)
				}
				if number++; page.Next == "" {
					path = ""
				} else {
					path = address(d, "2.0/workspaces/%s/members", "workspace") + fmt.Sprintf("?page=%d", number)
				}
			}
			d.SetId(text(d, "workspace"))
			return d.Set("members", members)
		},
	}
}

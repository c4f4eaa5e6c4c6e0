package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/hashicorp/terraform-plugin-sdk/v2/diag"
	"github.com/hashicorp/terraform-plugin-sdk/v2/helper/schema"
)

type object = map[string]any

// client calls the server by the name that Bitbucket has; `onebucket run` leads it elsewhere.
type client struct {
	username, password string
	http               *http.Client
}

func configure(_ context.Context, d *schema.ResourceData) (any, diag.Diagnostics) {
	return &client{d.Get("username").(string), d.Get("password").(string), &http.Client{}}, nil
}

// call sends a JSON body, or a string as it is without a content type, and decodes the answer into `into`.
// Its error has the answer's text; an answer of 404 is told by the first result.
func (c *client) call(method, path string, body, into any) (isGone bool, err error) {
	request, err := http.NewRequest(method, "https://api.bitbucket.org/"+path, reader(body))
	if err != nil {
		return false, err
	}
	request.SetBasicAuth(c.username, c.password)
	if _, isText := body.(string); body != nil && !isText {
		request.Header.Set("Content-Type", "application/json")
	}
	// The original opens a connection for each call, too, but for those of its generated client.
	request.Close = !isGenerated(path)
	answer, err := c.http.Do(request)
	if err != nil {
		return false, err
	}
	defer answer.Body.Close()
	content, err := io.ReadAll(answer.Body)
	if err != nil {
		return false, err
	}
	if answer.StatusCode >= 400 {
		return answer.StatusCode == http.StatusNotFound,
			fmt.Errorf("API Error: %d %s %s", answer.StatusCode, path, content)
	}
	if into == nil {
		return false, nil
	}
	return false, json.Unmarshal(content, into)
}

func isGenerated(path string) bool {
	return strings.HasPrefix(path, "2.0/") && !strings.Contains(path, "permissions-config") &&
		!strings.Contains(path, "override-settings") && !strings.HasSuffix(path, "/members")
}

func reader(body any) io.Reader {
	switch given := body.(type) {
	case nil:
		return nil
	case string:
		return strings.NewReader(given)
	}
	encoded, err := json.Marshal(body)
	if err != nil {
		panic(err)
	}
	return bytes.NewReader(encoded)
}

// read gets an object; one that is gone is removed from the state.
func (c *client) read(d *schema.ResourceData, path string, into any) (isGone bool, err error) {
	isGone, err = c.call("GET", path, nil, into)
	if isGone {
		d.SetId("")
		return true, nil
	}
	return false, err
}

// of makes a resource whose functions return errors; `parts` are what its id is made of, `separator` is between them.
type of struct {
	separator                    string
	parts                        []string
	schema                       map[string]*schema.Schema
	create, read, update, remove func(*client, *schema.ResourceData) error
}

func (o of) resource() *schema.Resource {
	made := &schema.Resource{
		Schema:               o.schema,
		CreateWithoutTimeout: o.then(o.create),
		ReadWithoutTimeout:   o.then(nil),
		DeleteWithoutTimeout: func(_ context.Context, d *schema.ResourceData, m any) diag.Diagnostics {
			return diag.FromErr(o.remove(m.(*client), d))
		},
		Importer: &schema.ResourceImporter{StateContext: schema.ImportStatePassthroughContext},
	}
	if o.update != nil {
		made.UpdateWithoutTimeout = o.then(o.update)
	}
	return made
}

// then runs a function, and reads what is there after it.
func (o of) then(first func(*client, *schema.ResourceData) error) func(
	context.Context, *schema.ResourceData, any) diag.Diagnostics {
	return func(_ context.Context, d *schema.ResourceData, m any) diag.Diagnostics {
		if first != nil {
			if err := first(m.(*client), d); err != nil {
				return diag.FromErr(err)
			}
		}
		parts := strings.Split(d.Id(), o.separator)
		if len(parts) != len(o.parts) {
			return diag.Errorf("unexpected format of ID (%q)", d.Id())
		}
		for i, name := range o.parts {
			if err := d.Set(name, parts[i]); err != nil {
				return diag.FromErr(err)
			}
		}
		return diag.FromErr(o.read(m.(*client), d))
	}
}

// set puts values into the state by name.
func set(d *schema.ResourceData, values object) error {
	for name, value := range values {
		if err := d.Set(name, value); err != nil {
			return err
		}
	}
	return nil
}

func text(d *schema.ResourceData, name string) string { return d.Get(name).(string) }

// address puts attributes into an address.
func address(d *schema.ResourceData, format string, names ...string) string {
	values := make([]any, len(names))
	for i, name := range names {
		values[i] = text(d, name)
	}
	return fmt.Sprintf(format, values...)
}

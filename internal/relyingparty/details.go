package relyingparty

import (
	"cmp"
	"slices"

	"parvis/internal/i18n"
	"parvis/internal/oidc/claim"
	"parvis/internal/oidc/protocol"
)

// DetailType is a sort of thing that a partner may ask people to allow (RFC 9396, 2).
type DetailType struct {
	// Type is its name in authorization_details.
	Type string `yaml:"type" json:"type"`
	// Title says in each language what is allowed, e.g. "Pay a fee".
	Title i18n.Text `yaml:"title" json:"title"`
	// Fields are the members that it has beside type, each with what it is called in each language. Requests with others are refused: people allow what they can read.
	Fields map[string]i18n.Text `yaml:"fields" json:"fields"`
}

// DetailType is the partner's type of a name; one without words when it is registered no longer.
func (p *RelyingParty) DetailType(name string) DetailType {
	i := slices.IndexFunc(p.DetailTypes, func(d DetailType) bool { return d.Type == name })
	if i < 0 {
		return DetailType{Type: name, Title: i18n.Text{"en": name, "fr": name}}
	}
	return p.DetailTypes[i]
}

// Task is one thing that a partner wants to do for somebody, in the words of its registration.
type Task struct {
	Title  string
	Fields []TaskField
}

// TaskField is one member of it.
type TaskField struct{ Label, Value string }

// Tasks are what kept authorization_details ask people to allow, as they read it.
func (p *RelyingParty) Tasks(tr *i18n.Tr, details string) ([]Task, error) {
	shown, err := protocol.ShowDetails(details, protocol.Words{Yes: tr.T("task.yes"), No: tr.T("task.no")})
	if err != nil {
		return nil, err //nolint:wrapcheck // the reader wraps it
	}
	var out []Task
	for _, s := range shown {
		kind := p.DetailType(s.Type)
		task := Task{Title: kind.Title.In(tr.Lang())}
		for _, f := range s.Fields {
			task.Fields = append(task.Fields, TaskField{Label: kind.Fields[f.Name].In(tr.Lang()), Value: cmp.Or(f.Value, tr.T("task.empty"))})
		}
		out = append(out, task)
	}
	return out, nil
}

// DetailFields are the members of each type.
func (p *RelyingParty) DetailFields() map[string][]string {
	out := map[string][]string{}
	for _, d := range p.DetailTypes {
		fields := []string{}
		for name := range d.Fields {
			fields = append(fields, name)
		}
		out[d.Type] = fields
	}
	return out
}

// DetailProblems lists what is wrong with types that no partner has yet.
func DetailProblems(types []DetailType) []string {
	c := &check{}
	c.details(Settings{DetailTypes: types})
	return c.problems
}

// details checks what a partner may ask people to allow.
func (c *check) details(s Settings) {
	if len(s.DetailTypes) > 20 {
		c.add("authorization_details_types", "name at most 20")
	}
	var seen []string
	for _, d := range s.DetailTypes {
		if !claim.IsScope(d.Type) || slices.Contains(seen, d.Type) {
			c.add("authorization_details_types", "%q: name each type once, with 1 to 128 visible ASCII characters", d.Type)
		}
		seen = append(seen, d.Type)
		c.text("authorization_details_types."+d.Type+".title", d.Title, 80, true)
		if len(d.Fields) == 0 || len(d.Fields) > 9 {
			c.add("authorization_details_types."+d.Type+".fields", "name 1 to 9")
		}
		for name, label := range d.Fields {
			if name == "type" || !claim.IsScope(name) {
				c.add("authorization_details_types."+d.Type+".fields", "%q is no name of a member", name)
			}
			c.text("authorization_details_types."+d.Type+".fields."+name, label, 60, true)
		}
	}
}

package config

import (
	"fmt"
	"net/url"
	"reflect"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"
)

// mask stands for a secret that is set.
const mask = "••••••••"

// Setting is one setting as `parvis config show` prints it.
type Setting struct {
	Path  string `json:"path"`
	Value any    `json:"value"`
}

// Show lists every setting in force; secrets are masked.
func (c *Config) Show() []Setting {
	var out []Setting
	for _, l := range leaves(reflect.ValueOf(c).Elem(), "") {
		if l.Path == "partners" {
			for _, p := range c.Partners {
				for _, pl := range leaves(reflect.ValueOf(p), "partners["+p.ID+"]") {
					if !pl.Value.IsZero() {
						out = append(out, pl.shown())
					}
				}
			}
			continue
		}
		if l.Path == "upstreams" {
			for _, u := range c.Upstreams {
				for _, ul := range leaves(reflect.ValueOf(u), "upstreams["+u.ID+"]") {
					if !ul.Value.IsZero() {
						out = append(out, ul.shown())
					}
				}
			}
			continue
		}
		out = append(out, l.shown())
	}
	return out
}

func (l leaf) shown() Setting {
	s := Setting{Path: l.Path, Value: l.Value.Interface()}
	if l.Value.Type() == durationType {
		s.Value = l.text()
	}
	if l.secret() && l.Value.Kind() == reflect.String && l.Value.String() != "" {
		s.Value = masked(l.Value.String())
	}
	return s
}

// masked hides a secret; of an address it hides the password only.
func masked(text string) string {
	u, err := url.Parse(text)
	if err != nil {
		return mask
	}
	if u.Scheme == "sqlite" {
		return text
	}
	if u.Host == "" || u.RawQuery != "" {
		return mask
	}
	if _, has := u.User.Password(); has {
		return strings.Replace(u.Redacted(), "xxxxx", mask, 1)
	}
	return text
}

// ShowText is Show as lines "path: value".
func (c *Config) ShowText() string {
	var b strings.Builder
	for _, s := range c.Show() {
		fmt.Fprintf(&b, "%s: %s\n", s.Path, written(s.Value))
	}
	return b.String()
}

// written is a value as the file could have it: lists and tables on one line.
func written(value any) string {
	switch reflect.ValueOf(value).Kind() {
	case reflect.Slice, reflect.Map, reflect.Struct, reflect.Pointer:
	default:
		return fmt.Sprint(value)
	}
	node := &yaml.Node{}
	if err := node.Encode(value); err != nil {
		return fmt.Sprint(value)
	}
	return oneLine(node)
}

func oneLine(node *yaml.Node) string {
	parts := make([]string, 0, len(node.Content))
	switch node.Kind {
	case yaml.SequenceNode:
		for _, n := range node.Content {
			parts = append(parts, oneLine(n))
		}
		return "[" + strings.Join(parts, ", ") + "]"
	case yaml.MappingNode:
		for i := 0; i+1 < len(node.Content); i += 2 {
			parts = append(parts, oneLine(node.Content[i])+": "+oneLine(node.Content[i+1]))
		}
		return "{" + strings.Join(parts, ", ") + "}"
	default:
		if strings.ContainsAny(node.Value, ",{}[]#\"'") || strings.Contains(node.Value, ": ") {
			return strconv.Quote(node.Value)
		}
		return node.Value
	}
}

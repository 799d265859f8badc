package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"reflect"
	"regexp"
	"strings"

	"gopkg.in/yaml.v3"
)

// decode reads a file's text over a configuration. All mistakes are listed, each
// with its line; the other settings are read. It is not readable when it is no YAML.
func decode(c *Config, text []byte) (problems []string, readable bool) {
	var node yaml.Node
	err := yaml.Unmarshal(text, &node)
	if err != nil {
		return []string{strings.TrimPrefix(err.Error(), "yaml: ")}, false
	}
	if len(node.Content) == 0 {
		return nil, true
	}
	problems = unknown(node.Content[0], reflect.TypeFor[Config](), "")
	d := yaml.NewDecoder(bytes.NewReader(text))
	d.KnownFields(len(problems) == 0) // else they are listed already
	err = d.Decode(c)
	if err == nil || errors.Is(err, io.EOF) {
		return problems, true
	}
	_, readable = errors.AsType[*yaml.TypeError](err)
	return append(problems, plainYAMLs(err)...), readable
}

// plainYAMLs are the mistakes that a decoder found, each in plain words.
func plainYAMLs(err error) []string {
	wrong, ok := errors.AsType[*yaml.TypeError](err)
	if !ok {
		return []string{strings.TrimPrefix(err.Error(), "yaml: ")}
	}
	var out []string
	for _, text := range wrong.Errors {
		out = append(out, plainYAML(text))
	}
	return out
}

// goTypes are the names that yaml gives to types in its messages.
var goTypes = regexp.MustCompile("cannot unmarshal !!(\\w+) `?([^`]*)`? into ([\\w.\\[\\]]+)")

// plainYAML says "line 3: cannot read "30 minutes" as a duration" instead of naming Go types.
func plainYAML(text string) string {
	return goTypes.ReplaceAllStringFunc(text, func(s string) string {
		m := goTypes.FindStringSubmatch(s)
		kind := m[3]
		switch kind {
		case "time.Duration":
			kind = "duration such as 30m or 12h"
		case "int", "int64", "uint":
			kind = "whole number"
		case "bool":
			kind = "true or false"
		case "string":
			kind = "text"
		default:
			kind = "table"
			if strings.HasPrefix(m[3], "[]") {
				kind = "list"
			}
		}
		if m[2] == "" {
			return fmt.Sprintf("expected %s here", kind)
		}
		return fmt.Sprintf("%q cannot be read as %s", m[2], kind)
	})
}

// unknown finds keys that no setting has, with line and nearest known name.
func unknown(node *yaml.Node, t reflect.Type, path string) []string {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch {
	case t.Kind() == reflect.Slice && node.Kind == yaml.SequenceNode:
		var out []string
		for i, item := range node.Content {
			out = append(out, unknown(item, t.Elem(), fmt.Sprintf("%s[%d]", path, i))...)
		}
		return out
	case t.Kind() != reflect.Struct || node.Kind != yaml.MappingNode || unmarshalsItself(t):
		return nil
	}
	fields := map[string]reflect.Type{}
	collect(t, fields)
	var out []string
	for i := 0; i+1 < len(node.Content); i += 2 {
		key := node.Content[i]
		ft, ok := fields[key.Value]
		if !ok {
			known := make([]string, 0, len(fields))
			for k := range fields {
				known = append(known, join(path, k))
			}
			out = append(out, fmt.Sprintf("line %d: %s: there is no such setting%s", key.Line, join(path, key.Value), suggest(join(path, key.Value), known)))
			continue
		}
		out = append(out, unknown(node.Content[i+1], ft, join(path, key.Value))...)
	}
	return out
}

// collect lists the settings of a struct, those of inlined structs included.
func collect(t reflect.Type, fields map[string]reflect.Type) {
	for f := range t.Fields() {
		name, inline, ok := yamlName(f)
		switch {
		case !ok:
		case inline:
			collect(f.Type, fields)
		default:
			fields[name] = f.Type
		}
	}
}

// unmarshalsItself reports whether a type has its own form in the file.
func unmarshalsItself(t reflect.Type) bool {
	return reflect.PointerTo(t).Implements(reflect.TypeFor[yaml.Unmarshaler]())
}

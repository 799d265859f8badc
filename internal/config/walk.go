package config

import (
	"encoding"
	"fmt"
	"reflect"
	"strings"
	"time"
)

// leaf is one setting: a scalar, a list, or a map of texts.
type leaf struct {
	Path   string // yaml path, e.g. "mail.server.host"
	Value  reflect.Value
	Owner  string // Go name of the struct that declares it, e.g. "parvis/internal/notify.Server"
	Field  string // Go name of the field
	Secret bool   // tagged as a secret
}

// durationType is time.Duration, a scalar although its kind is int64.
var durationType = reflect.TypeFor[time.Duration]()

// leaves lists every setting of a configuration in the order of its fields.
// The value must be addressable when the leaves are to be set.
func leaves(v reflect.Value, path string) []leaf {
	var out []leaf
	for i := range v.NumField() {
		field := v.Type().Field(i)
		name, inline, ok := yamlName(field)
		if !ok {
			continue
		}
		at := join(path, name)
		if inline {
			at = path
		}
		value := v.Field(i)
		if value.Kind() == reflect.Struct {
			out = append(out, leaves(value, at)...)
			continue
		}
		owner := v.Type().PkgPath() + "." + v.Type().Name()
		out = append(out, leaf{Path: at, Value: value, Owner: owner, Field: field.Name, Secret: field.Tag.Get("secret") == "true"})
	}
	return out
}

// yamlName is the name of a field in the file; false for fields that are not settings.
func yamlName(f reflect.StructField) (name string, inline, ok bool) {
	if !f.IsExported() {
		return "", false, false
	}
	tag := f.Tag.Get("yaml")
	if tag == "-" {
		return "", false, false
	}
	name, options, _ := strings.Cut(tag, ",")
	if strings.Contains(options, "inline") {
		return "", true, true
	}
	if name == "" {
		name = strings.ToLower(f.Name)
	}
	return name, false, true
}

func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

// secret reports whether a setting's value must never be shown: by its tag or its last name.
func (l leaf) secret() bool {
	if l.Secret {
		return true
	}
	name := l.Path[strings.LastIndexByte(l.Path, '.')+1:]
	switch name {
	case "password", "secret", "client_secret", "token", "key", "dsn":
		return l.Value.Kind() == reflect.String
	}
	return false
}

// text writes a value as the file would.
func (l leaf) text() string {
	v := l.Value
	if v.Type() == durationType {
		return duration(time.Duration(v.Int()))
	}
	switch v.Kind() {
	case reflect.String:
		return v.String()
	case reflect.Slice:
		parts := make([]string, v.Len())
		for i := range parts {
			parts[i] = fmt.Sprint(v.Index(i).Interface())
		}
		return "[" + strings.Join(parts, ", ") + "]"
	case reflect.Pointer:
		if v.IsNil() {
			return ""
		}
		return fmt.Sprint(v.Elem().Interface())
	default:
		return fmt.Sprint(v.Interface())
	}
}

// duration writes 30m, 24h, 90s: without the zeros that Duration.String adds.
func duration(d time.Duration) string {
	text := d.String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}

// typeName says in plain words what a setting holds.
func typeName(t reflect.Type) string {
	if t == durationType {
		return "duration"
	}
	if reflect.PointerTo(t).Implements(reflect.TypeFor[encoding.TextUnmarshaler]()) {
		return "text"
	}
	switch t.Kind() {
	case reflect.String:
		return "text"
	case reflect.Bool:
		return "true or false"
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64,
		reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return "whole number"
	case reflect.Float32, reflect.Float64:
		return "number"
	case reflect.Slice:
		return "list"
	case reflect.Map:
		if t.Elem().Kind() == reflect.String {
			return "text per language"
		}
		return "table"
	case reflect.Pointer:
		return typeName(t.Elem())
	default:
		return t.Kind().String()
	}
}

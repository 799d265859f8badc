package jose

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxDepth is how deep objects and arrays of a token may be nested.
const maxDepth = 16

// object checks that bytes are one JSON object of valid UTF-8, not nested too
// deep, in which no member of the top level is repeated: encoding/json compares
// names without regard to case and lets the last one win, so "ISS" or "iſs" after
// "iss" would replace it (RFC 7519, section 4; RFC 8725, section 2.6).
func object(raw []byte) error {
	if !utf8.Valid(raw) {
		return fmt.Errorf("%w: not UTF-8", ErrMalformed)
	}
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	first, err := dec.Token()
	if err != nil || first != json.Delim('{') {
		return fmt.Errorf("%w: no JSON object", ErrMalformed)
	}
	seen := map[string]bool{}
	for dec.More() {
		name, err := dec.Token()
		if err != nil {
			return fmt.Errorf("%w: %s", ErrMalformed, err.Error())
		}
		key := fold(fmt.Sprint(name))
		if seen[key] {
			return fmt.Errorf("%w: the member %.20q is repeated", ErrMalformed, key)
		}
		seen[key] = true
		if err := skipValue(dec); err != nil {
			return err
		}
	}
	if _, err := dec.Token(); err != nil {
		return fmt.Errorf("%w: %s", ErrMalformed, err.Error())
	}
	if len(bytes.TrimSpace(raw[dec.InputOffset():])) > 0 {
		return fmt.Errorf("%w: something follows the JSON object", ErrMalformed)
	}
	return nil
}

// fold gives names that encoding/json takes for each other the same form: each letter is
// the first of those that differ from it by their case only, so K and the Kelvin sign are
// k, s and the long s are S.
func fold(name string) string {
	return strings.Map(func(r rune) rune {
		for {
			next := unicode.SimpleFold(r)
			if next <= r {
				return next
			}
			r = next
		}
	}, name)
}

// Exact reads the members of an object into the fields of a struct whose json tags are
// their names exactly. Everything else is not looked at, whatever encoding/json would take
// it for.
func Exact(raw []byte, into any) error {
	var all map[string]json.RawMessage
	if err := json.Unmarshal(raw, &all); err != nil {
		return fmt.Errorf("%w: no JSON object", ErrMalformed)
	}
	wanted := map[string]json.RawMessage{}
	for field := range reflect.TypeOf(into).Elem().Fields() {
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		if value, there := all[name]; there && name != "" {
			wanted[name] = value
		}
	}
	var exact bytes.Buffer
	to := json.NewEncoder(&exact)
	to.SetEscapeHTML(false) // what is kept as it came stays as long as it came
	if err := to.Encode(wanted); err != nil {
		return fmt.Errorf("%w: %s", ErrMalformed, err.Error())
	}
	if err := json.Unmarshal(exact.Bytes(), into); err != nil {
		return fmt.Errorf("%w: a member is not of its type", ErrMalformed)
	}
	return nil
}

// skipValue reads over one value.
func skipValue(dec *json.Decoder) error {
	for depth := 1; ; {
		t, err := dec.Token()
		if err != nil {
			return fmt.Errorf("%w: %s", ErrMalformed, err.Error())
		}
		switch t {
		case json.Delim('{'), json.Delim('['):
			depth++
		case json.Delim('}'), json.Delim(']'):
			depth--
		}
		if depth > maxDepth {
			return fmt.Errorf("%w: nested too deep", ErrMalformed)
		}
		if depth == 1 {
			return nil
		}
	}
}

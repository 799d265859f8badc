package protocol

import (
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strings"
	"unicode"
)

// The limits of authorization_details (RFC 9396, 12 leaves them to us). With them each value
// can be shown to the person.
const (
	maxDetails      = 1200           // bytes
	keptDetails     = 8 * maxDetails // as we write them, with escapes
	maxDetailCount  = 5              // objects in it
	maxDetailItems  = 10             // members of an object, and of a list
	maxDetailText   = 200            // bytes of one text
	maxDetailNested = 2              // objects and lists in one another below a member
)

const paramDetails = "authorization_details"

// details says exactly what the service wants to do (RFC 9396, 2): objects of the types that
// are registered for it, with the members that are registered for the type and no others, so
// that nothing is allowed which the consent page cannot name.
func details(d *draft) *Error {
	asked, bad := d.client.details(d.params.Get(paramDetails))
	if bad != nil {
		return refuse(bad.Code, bad.Description)
	}
	d.request.Details = asked
	return nil
}

// details checks what a client sent, and gives it in the form in which it is kept.
func (c Client) details(raw string) (string, *Error) {
	if raw == "" {
		return "", nil
	}
	list, bad := readDetails(raw, maxDetails)
	if bad != nil {
		return "", bad
	}
	for _, one := range list {
		if bad := c.knows(one); bad != nil {
			return "", bad
		}
	}
	return writeDetails(list), nil
}

// Knows reports whether details, as they are kept, are still of the registration.
func (c Client) Knows(kept string) bool {
	if kept == "" {
		return true
	}
	list, bad := readDetails(kept, keptDetails)
	return bad == nil && !slices.ContainsFunc(list, func(one map[string]any) bool { return c.knows(one) != nil })
}

// knows checks one object against the registration.
func (c Client) knows(one map[string]any) *Error {
	kind, _ := one["type"].(string)
	fields, ok := c.Details[kind]
	if !ok {
		return badDetails("authorization_details has a type that is not registered for this client")
	}
	for name := range one {
		if name != "type" && !slices.Contains(fields, name) {
			return badDetails("authorization_details has a member that is not registered for its type")
		}
	}
	return nil
}

// readDetails reads a list of objects within the limits.
func readDetails(raw string, limit int) ([]map[string]any, *Error) {
	if len(raw) > limit {
		return nil, badDetails("authorization_details is longer than 1200 bytes")
	}
	dec := json.NewDecoder(strings.NewReader(raw))
	dec.UseNumber()
	var list []map[string]any
	if err := dec.Decode(&list); err != nil || dec.More() || len(list) == 0 || len(list) > maxDetailCount {
		return nil, badDetails("authorization_details must be a list of 1 to 5 JSON objects")
	}
	for _, one := range list {
		if kind, ok := one["type"].(string); !ok || kind == "" || len(one) > maxDetailItems {
			return nil, badDetails("each of authorization_details needs a type, and at most 10 members")
		}
		for name, value := range one {
			if len(name) > maxDetailText || !detail(value, 0) {
				return nil, badDetails("authorization_details has a member that is too long, too deep, or cannot be shown")
			}
		}
	}
	return list, nil
}

// detail reports whether a value can be shown to a person.
func detail(value any, depth int) bool {
	switch v := value.(type) {
	case string:
		return plain(v)
	case json.Number:
		return len(v) <= 32
	case bool:
		return true
	case []any:
		return depth < maxDetailNested && len(v) <= maxDetailItems && !slices.ContainsFunc(v, func(one any) bool { return !detail(one, depth+1) })
	case map[string]any:
		for name, one := range v {
			if !plain(name) || !detail(one, depth+1) {
				return false
			}
		}
		return depth < maxDetailNested && len(v) <= maxDetailItems
	default:
		return false // null says nothing
	}
}

// plain reports whether a text is short and has no character that hides or turns others around.
func plain(s string) bool {
	return s != "" && len(s) <= maxDetailText && !strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) })
}

// writeDetails is the one form in which details are kept and compared: members in order, no spaces.
func writeDetails(list []map[string]any) string {
	out, err := json.Marshal(list)
	if err != nil {
		return "" // what was read as JSON can be written
	}
	return string(out)
}

func badDetails(description string) *Error { return direct(InvalidDetails, description) }

// NarrowedDetails are the details that a token request asks for: some of those that were
// granted, each as it was granted, or, when it names none, "" for all of them (RFC 9396, 6).
func (r TokenRequest) NarrowedDetails(granted string) (string, *Error) {
	if r.Details == "" {
		return "", nil
	}
	list, bad := readDetails(r.Details, maxDetails)
	if bad != nil {
		return "", bad
	}
	var had []map[string]any
	if granted != "" {
		if had, bad = readDetails(granted, keptDetails); bad != nil {
			return "", bad
		}
	}
	var known []string
	for _, one := range had {
		known = append(known, writeDetails([]map[string]any{one}))
	}
	for _, one := range list {
		if !slices.Contains(known, writeDetails([]map[string]any{one})) {
			return "", badDetails("authorization_details must not exceed what was granted")
		}
	}
	return writeDetails(list), nil
}

// ShownDetail is one object of authorization_details as a person reads it.
type ShownDetail struct {
	Type   string
	Fields []ShownField // in the order of their names
}

// ShownField is one member: its registered name, and its value in words.
type ShownField struct{ Name, Value string }

var errDetails = errors.New("protocol: details that were not checked")

// Words are those for values that have none of their own.
type Words struct{ Yes, No string }

// ShowDetails lists what kept details say.
func ShowDetails(kept string, say Words) ([]ShownDetail, error) {
	if kept == "" {
		return nil, nil
	}
	list, bad := readDetails(kept, keptDetails)
	if bad != nil {
		return nil, errDetails
	}
	var out []ShownDetail
	for _, one := range list {
		kind, _ := one["type"].(string)
		shown := ShownDetail{Type: kind}
		for _, name := range slices.Sorted(maps.Keys(one)) {
			if name != "type" {
				shown.Fields = append(shown.Fields, ShownField{name, say.of(one[name])})
			}
		}
		out = append(out, shown)
	}
	return out, nil
}

func (w Words) of(value any) string {
	switch v := value.(type) {
	case string:
		return v
	case json.Number:
		return v.String()
	case bool:
		if v {
			return w.Yes
		}
		return w.No
	case []any:
		var all []string
		for _, one := range v {
			all = append(all, w.of(one))
		}
		return strings.Join(all, ", ")
	case map[string]any:
		var all []string
		for _, name := range slices.Sorted(maps.Keys(v)) {
			all = append(all, name+": "+w.of(v[name]))
		}
		return strings.Join(all, ", ")
	default:
		return ""
	}
}

// DetailsClaim is what kept details are in an answer or a token (RFC 9396, 7 and 9).
func DetailsClaim(kept string) json.RawMessage { return json.RawMessage(kept) }

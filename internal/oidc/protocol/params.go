package protocol

import (
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"
)

// The caps on what is read before anything is parsed.
const (
	MaxQuery  = 16 << 10 // bytes of a query or form body
	MaxParams = 64       // parameters in it
)

// Params are the parameters of one request, each at most once.
type Params struct {
	values   map[string]string
	repeated map[string]bool
}

// ParseParams reads a query or an application/x-www-form-urlencoded body. A
// parameter without a value is as good as absent, and none may come twice (RFC
// 6749, 3.1) but resource (RFC 8707, 2); a repetition is kept for the rule that answers it.
func ParseParams(raw string) (Params, *Error) {
	if len(raw) > MaxQuery {
		return Params{}, TooLong()
	}
	p := Params{values: map[string]string{}, repeated: map[string]bool{}}
	if raw == "" {
		return p, nil
	}
	n := 0
	for pair := range strings.SplitSeq(raw, "&") {
		if n++; n > MaxParams {
			return Params{}, page("the request has too many parameters")
		}
		if pair == "" {
			continue
		}
		rawName, rawValue, _ := strings.Cut(pair, "=")
		name, nameErr := url.QueryUnescape(rawName)
		value, valueErr := url.QueryUnescape(rawValue)
		switch {
		case nameErr != nil || valueErr != nil:
			return Params{}, page("the request has a wrong percent encoding")
		case !utf8.ValidString(name) || !utf8.ValidString(value):
			return Params{}, page("the request is not UTF-8")
		case strings.ContainsRune(name, 0) || strings.ContainsRune(value, 0):
			return Params{}, page("the request contains a NUL character")
		}
		if before, ok := p.values[name]; ok && name == paramResource {
			p.values[name] = before + " " + value
			continue
		}
		if _, ok := p.values[name]; ok {
			p.repeated[name] = true
			continue
		}
		p.values[name] = value
	}
	return p, nil
}

// TooLong refuses more than MaxQuery (RFC 9110, 15.5.14; RFC 9126, 2.3).
func TooLong() *Error {
	out := page("the request is too long")
	out.TooLong = true
	return out
}

// ParamsOf are parameters that were read before.
func ParamsOf(values map[string]string) Params {
	return Params{values: values, repeated: map[string]bool{}}
}

// Without are the parameters but for those named, as they can be stored.
func (p Params) Without(names ...string) map[string]string {
	out := map[string]string{}
	for name, value := range p.values {
		if !slices.Contains(names, name) {
			out[name] = value
		}
	}
	return out
}

// Get is the value of a parameter; empty when it is absent.
func (p Params) Get(name string) string { return p.values[name] }

// Repeated reports whether any of the named parameters came twice; without names, any at all.
func (p Params) Repeated(names ...string) bool {
	if len(names) == 0 {
		return len(p.repeated) > 0
	}
	for _, n := range names {
		if p.repeated[n] {
			return true
		}
	}
	return false
}

// joinList is the opposite of splitList.
func joinList(list []string) string { return strings.Join(list, " ") }

// splitList cuts a space-separated list and drops repetitions, keeping the order (RFC 6749, 3.3).
// A list can have thousands of words, which are not compared one by one with each other.
func splitList(s string) []string {
	var out []string
	seen := map[string]bool{}
	for word := range strings.FieldsSeq(s) {
		if !seen[word] {
			seen[word] = true
			out = append(out, word)
		}
	}
	return out
}

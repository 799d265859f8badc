package config

import (
	"fmt"
	"reflect"

	"parvis/internal/upstream"
)

// ParseUpstream reads one sign-in partner from a file of its own, with the same
// rules for unknown keys and secret files as the configuration. The error is an
// *Error with all problems.
func ParseUpstream(path string, text []byte) (upstream.Settings, error) {
	var s upstream.Settings
	root, problems := rootOf(text)
	if problems == nil {
		problems = decodeNode(root, &s)
	}
	if len(problems) == 0 {
		problems = readSecretFiles(reflect.ValueOf(&s).Elem(), "")
	}
	if len(problems) > 0 {
		return upstream.Settings{}, &Error{Path: path, Problems: problems}
	}
	return s, nil
}

// ReadSecretFile reads a secret's file whole and refuses one that everybody may read.
func ReadSecretFile(path string) (string, error) { return readSecretWhole(path) }

// upstreamProblems are those of each sign-in partner, and of all together.
func upstreamProblems(all []upstream.Settings) []string {
	var out []string
	ids, issuers := map[string]bool{}, map[string]bool{}
	var built []*upstream.Provider
	for _, s := range all {
		p, problems := s.Build()
		out = append(out, problems...)
		if ids[s.ID] {
			out = append(out, fmt.Sprintf("upstreams[%s].id: two sign-in partners have this id; give each its own", s.ID))
		}
		ids[s.ID] = true
		if p == nil {
			continue
		}
		if issuers[p.Issuer] {
			out = append(out, fmt.Sprintf("upstreams[%s].issuer: two sign-in partners have this issuer; an issuer belongs to one", s.ID))
		}
		issuers[p.Issuer] = true
		for _, other := range built {
			if upstream.Alike(p, other) {
				out = append(out, fmt.Sprintf("upstreams[%s].name: the name or the brand looks like that of upstreams[%s]; give names that people can tell apart", s.ID, other.ID))
			}
		}
		built = append(built, p)
	}
	return out
}

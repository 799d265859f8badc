package registration

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"parvis/internal/registrar"
	"parvis/internal/relyingparty"
)

// What an operator changed of a service after it registered is the operator's: it stays when
// the service changes its registration, until the operator sets it back to what the service
// had registered (RFC 7592, 2.2: the server may replace any of the values, and answers with
// those that it registered).

// written are settings by their keys, as they are stored.
type written map[string]json.RawMessage

func writtenOf(s relyingparty.Settings) (written, error) {
	raw, err := json.Marshal(s) //nolint:gosec // access_tokens is a format, no token
	if err != nil {
		return nil, fmt.Errorf("registration: %w", err)
	}
	return writtenIn(raw)
}

func writtenIn(raw []byte) (written, error) {
	var out written
	if err := json.Unmarshal(raw, &out); err != nil {
		return nil, fmt.Errorf("registration: %w", err)
	}
	return out, nil
}

// otherThan are the keys of settings that are others in two writings.
func (w written) otherThan(other written) []string {
	var out []string
	for key := range maps.Keys(w) {
		if !bytes.Equal(w[key], other[key]) {
			out = append(out, key)
		}
	}
	for key := range maps.Keys(other) {
		if _, there := w[key]; !there {
			out = append(out, key)
		}
	}
	slices.Sort(out)
	return out
}

// with takes the values of some keys from another writing.
func (w written) with(other written, keys []string) written {
	out := maps.Clone(w)
	for _, key := range keys {
		delete(out, key)
		if value, there := other[key]; there {
			out[key] = value
		}
	}
	return out
}

// baseline are the settings as a registration made them. One that is older than they are
// kept says the same by its metadata, but for the logo.
func baseline(known registrar.Registration, before relyingparty.Settings) (written, error) {
	if known.Baseline != "" {
		return writtenIn([]byte(known.Baseline))
	}
	return askedFor(known.Metadata, known.Token.Terms, before)
}

// askedFor are the settings that kept metadata asks for. The logo is not in it.
func askedFor(kept string, t registrar.Terms, before relyingparty.Settings) (written, error) {
	m, refusal := parse([]byte(kept))
	if refusal != nil {
		return nil, refusal
	}
	return writtenOf(m.settings(before, t))
}

// operatorWins puts the operator's values into an entry that asks for others. What a service
// had registered before is kept as its baseline, so that they are the operator's after it, too.
func operatorWins(known registrar.Registration, before relyingparty.Settings, e *registrar.Entry) error {
	now, err := writtenOf(before)
	if err != nil {
		return err
	}
	base, err := baseline(known, before)
	if err != nil {
		return err
	}
	asked, err := writtenOf(e.Settings)
	if err != nil {
		return err
	}
	theirs := now.otherThan(base)
	raw, err := json.Marshal(asked.with(base, theirs))
	if err != nil {
		return fmt.Errorf("registration: %w", err)
	}
	e.Baseline = string(raw)
	effective, err := json.Marshal(asked.with(now, theirs))
	if err != nil {
		return fmt.Errorf("registration: %w", err)
	}
	e.Settings = relyingparty.Settings{}
	if err := json.Unmarshal(effective, &e.Settings); err != nil {
		return fmt.Errorf("registration: %w", err)
	}
	if problems := e.Settings.Problems(); len(problems) > 0 { // what it says does not go with what the operator says
		return refusal(problems)
	}
	return nil
}

// effective puts the operator's values into what is answered, in place of what was
// registered, and names their members in operator_values.
func effective(out map[string]any, s relyingparty.Settings, base, asked written) error {
	now, err := writtenOf(s)
	if err != nil {
		return err
	}
	theirs := now.otherThan(base)
	names := []string{}
	for _, key := range slices.Compact(slices.Sorted(slices.Values(slices.Concat(theirs, now.otherThan(asked))))) {
		member := memberOf(key)
		if key == "logo" {
			member = "logo_uri"
		}
		if member == "" || !stated(out, member, key, s, now[key]) {
			continue
		}
		if slices.Contains(theirs, key) {
			names = append(names, member)
		}
	}
	if len(names) > 0 {
		slices.Sort(names)
		names = slices.Compact(names)
		out["operator_values"] = names
	}
	return nil
}

// stated writes one setting as a member of metadata; false for what has no such form.
func stated(out map[string]any, member, key string, s relyingparty.Settings, value json.RawMessage) bool {
	for name := range out {
		if base, _, tagged := strings.Cut(name, "#"); base == member && (tagged || key != "sector") {
			delete(out, name)
		}
	}
	switch key {
	case "sector", "logo": // not told as it is kept
	case "name", "policy_url", "terms_url":
		texts := map[string]map[string]string{"name": s.Name, "policy_url": s.PolicyURL, "terms_url": s.TermsURL}[key]
		for lang, text := range texts {
			out[member+"#"+lang] = text
		}
	case "scopes", "own_scopes":
		out[member] = strings.Join(slices.Concat(s.Scopes, s.OwnScopes), " ")
	case "authorization_details_types":
		var types []string
		for _, d := range s.DetailTypes {
			types = append(types, d.Type)
		}
		if len(types) > 0 {
			out[member] = types
		}
	case "max_age":
		if s.MaxAge > 0 {
			out[member] = int64(s.MaxAge / time.Second)
		}
	case "jwks":
		if s.JWKS != "" {
			out[member] = json.RawMessage(s.JWKS)
		}
	default:
		if len(value) > 0 {
			out[member] = value
		}
	}
	return true
}

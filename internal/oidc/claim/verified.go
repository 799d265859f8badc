package claim

import (
	"encoding/json"
	"maps"
	"reflect"
	"slices"
	"time"
)

// Verification is how the identity of somebody was verified (OpenID Identity Assurance Schema
// Definition 1.0, 5.3). When it was is Identity.VerifiedAt.
type Verification struct {
	TrustFramework string // the rules by which it was done; empty: it is not told as verified claims
	AssuranceLevel string // of the trust framework
	Policy         string // of the assurance process: what it must reach
	Procedure      string // of the assurance process: how that is done
	Process        string // reference to the one process, for questions about it
}

// element is the verification element with all that is known. Times are in UTC, for a zone
// would tell of a place (OpenID Connect for Identity Assurance 1.0, 9).
func (i Identity) element() map[string]any {
	v := i.Verification
	out, process := map[string]any{}, map[string]any{}
	for name, value := range map[string]string{"trust_framework": v.TrustFramework, "assurance_level": v.AssuranceLevel, "verification_process": v.Process} {
		if value != "" {
			out[name] = value
		}
	}
	for name, value := range map[string]string{"policy": v.Policy, "procedure": v.Procedure} {
		if value != "" {
			process[name] = value
		}
	}
	if len(process) > 0 {
		out["assurance_process"] = process
	}
	if !i.VerifiedAt.IsZero() {
		out["time"] = i.VerifiedAt.UTC().Format(time.RFC3339)
	}
	return out
}

// Assured is the verified_claims claim for what was asked for, with those of its claims that
// may be told; nil when there is nothing to tell. It is a list when several sets were asked for
// (OpenID Connect for Identity Assurance 1.0, 5.6 and 5.7).
func (p Person) Assured(asked Verified, may []string, now time.Time) any {
	var out []any
	for _, set := range asked.Sets {
		if told := p.Identity.set(set, may, now); told != nil {
			out = append(out, told)
		}
	}
	switch {
	case len(out) == 0:
		return nil
	case asked.Several:
		return out
	}
	return out[0]
}

// set is one set; nil when a wish for the verification is not met, when there is no trust
// framework, or no claim (OpenID Connect for Identity Assurance 1.0, 5.7.4 and 5.7.5).
func (i Identity) set(asked Set, may []string, now time.Time) map[string]any {
	all := i.element()
	framework, verified := all["trust_framework"]
	if !verified {
		return nil
	}
	told, ok := asked.Verification.met(all, now)
	if !ok {
		return nil
	}
	verification := map[string]any{"trust_framework": framework}
	if members, is := told.(map[string]any); is && len(asked.Verification.Members) > 0 {
		maps.Copy(verification, members)
	}
	if !slices.Contains(may, VerifiedAt) {
		delete(verification, "time")
	}
	claims := map[string]any{}
	for name, wish := range asked.Claims {
		if !slices.Contains(may, name) {
			continue
		}
		if value, ok := wish.met(plain(i.value(name)), now); ok && value != nil {
			claims[name] = value
		}
	}
	if len(claims) == 0 {
		return nil
	}
	return map[string]any{"verification": verification, "claims": claims}
}

// met is what an element tells of what there is; nil when there is nothing, false when it is
// not as it must be (OpenID Connect for Identity Assurance 1.0, 5.5.1 and 5.5.2).
func (w Wish) met(have any, now time.Time) (told any, ok bool) {
	if have == nil {
		return nil, !w.demands()
	}
	if len(w.Values) > 0 && !slices.ContainsFunc(w.Values, func(raw json.RawMessage) bool { return same(raw, have) }) {
		return nil, false
	}
	if w.MaxAge != nil && !young(have, *w.MaxAge, now) {
		return nil, false
	}
	switch {
	case len(w.Members) > 0:
		return w.object(have, now)
	case len(w.Entries) > 0:
		return w.entries(have, now)
	}
	return have, true
}

// object are the members of an object that are asked for; nil when it has none of them.
func (w Wish) object(have any, now time.Time) (any, bool) {
	all, _ := have.(map[string]any) // of anything else there are no members
	out := map[string]any{}
	for name, wish := range w.Members {
		told, ok := wish.met(all[name], now)
		if !ok {
			return nil, false
		}
		if told != nil {
			out[name] = told
		}
	}
	if len(out) == 0 {
		return nil, true
	}
	return out, true
}

// entries are those of a list that match one of the wishes, as it asks for them.
func (w Wish) entries(have any, now time.Time) (any, bool) {
	all, _ := have.([]any) // anything else has no entries
	var out []any
	for _, one := range all {
		for _, wish := range w.Entries {
			if told, ok := wish.met(one, now); ok && told != nil {
				out = append(out, told)
				break
			}
		}
	}
	if len(out) == 0 {
		return nil, !w.demands()
	}
	return out, true
}

// demands reports whether an element or one below it must be something.
func (w Wish) demands() bool {
	if len(w.Values) > 0 || w.MaxAge != nil {
		return true
	}
	for _, below := range w.Members {
		if below.demands() {
			return true
		}
	}
	// Any of the entries is enough: one that takes everything makes the others no demand.
	return len(w.Entries) > 0 && !slices.ContainsFunc(w.Entries, func(e Wish) bool { return !e.demands() })
}

// same reports whether a value is the one that JSON says.
func same(raw json.RawMessage, have any) bool {
	var value any
	return json.Unmarshal(raw, &value) == nil && reflect.DeepEqual(value, have)
}

// plain is a value as JSON gives it back, to be compared.
func plain(value any) any {
	if _, already := value.(string); already || value == nil {
		return value
	}
	text, err := json.Marshal(value)
	if err != nil {
		return nil
	}
	var out any
	if json.Unmarshal(text, &out) != nil {
		return nil
	}
	return out
}

// young reports whether no more seconds have passed since a time, or since the last second of
// a day (OpenID Connect for Identity Assurance 1.0, 5.5.2).
func young(have any, seconds int64, now time.Time) bool {
	text, _ := have.(string) // anything else is no time
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		day, err := time.Parse(time.DateOnly, text)
		if err != nil {
			return false
		}
		at = day.AddDate(0, 0, 1).Add(-time.Second)
	}
	return now.Unix()-at.Unix() <= seconds
}

package claim

import (
	"bytes"
	"encoding/json"
	"slices"

	"parvis/internal/jose"
)

// The most of a request for verified claims that is read.
const (
	maxSets    = 10  // in one place
	maxElement = 200 // elements, in one place
	maxNesting = 8   // below verification
	maxName    = 128 // bytes
)

// VerifiedClaims is the claim that holds claims with what is known of their verification
// (OpenID Connect for Identity Assurance 1.0, 5.1).
const VerifiedClaims = "verified_claims"

// Assured are the claims that verified_claims can hold (claims_in_verified_claims_supported
// of OpenID Connect for Identity Assurance 1.0, 8).
func Assured() []string {
	return []string{Name, GivenName, MiddleName, FamilyName, Birthdate, Address, SocialSecurityNumber}
}

// VerifiedRequest is what a claims parameter asks for as verified claims.
type VerifiedRequest struct {
	UserInfo Verified `json:"userinfo,omitzero"`
	IDToken  Verified `json:"id_token,omitzero"`
}

// Verified are the verified claims that are asked for in one place.
type Verified struct {
	Several bool  `json:"several,omitempty"` // several sets were asked for: the answer is a list
	Sets    []Set `json:"sets,omitempty"`
}

// Set are claims that are wanted with one kind of verification.
type Set struct {
	Verification Wish            `json:"verification"`
	Claims       map[string]Wish `json:"claims"`
}

// Wish is what is asked of one element. Its zero value asks for it as it is.
type Wish struct {
	Values  []json.RawMessage `json:"values,omitempty"`  // of which it must have one; none: it may have any
	MaxAge  *int64            `json:"max_age,omitempty"` // seconds
	Members map[string]Wish   `json:"members,omitempty"` // of an object; none: all
	Entries []Wish            `json:"entries,omitempty"` // of which entries of a list must match one; none: all
}

// Text keeps a request with a grant; "" when it asks for nothing.
func (r VerifiedRequest) Text() (string, error) {
	return written(r, len(r.UserInfo.Sets)+len(r.IDToken.Sets) == 0)
}

// KeptVerified is the request that Text kept.
func KeptVerified(text string) (VerifiedRequest, error) { return kept[VerifiedRequest](text) }

// Names are the claims that people are asked about: when the verification was is one of them
// where it is asked for.
func (v Verified) Names() []string {
	var out []string
	for _, set := range v.Sets {
		for name := range set.Claims {
			out = append(out, name)
		}
		if _, asked := set.Verification.Members["time"]; asked {
			out = append(out, VerifiedAt)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// readVerified reads verified_claims of a claims parameter: one set or a list of sets
// (OpenID Connect for Identity Assurance 1.0, 5.3 and 5.6). Claims that a service may not ask
// for, or that there are none of, are left out (5.7.2), and sets without any.
func readVerified(raw json.RawMessage, may []string) (Verified, error) {
	sets := []json.RawMessage{raw}
	if list(raw) {
		if err := json.Unmarshal(raw, &sets); err != nil || len(sets) == 0 {
			return Verified{}, Problem("verified_claims is an empty list")
		}
	}
	if len(sets) > maxSets {
		return Verified{}, Problem("verified_claims has more than 10 sets")
	}
	out, left := Verified{}, maxElement
	for _, raw := range sets {
		set, err := readSet(raw, may, &left)
		if err != nil {
			return Verified{}, err
		}
		if len(set.Claims) > 0 {
			out.Sets = append(out.Sets, set)
		}
	}
	out.Several = len(sets) > 1 && len(out.Sets) > 0
	return out, nil
}

func list(raw json.RawMessage) bool {
	return bytes.HasPrefix(bytes.TrimSpace(raw), []byte("["))
}

func null(raw json.RawMessage) bool {
	return len(raw) == 0 || string(bytes.TrimSpace(raw)) == "null"
}

// object are the members of an object; false when it is none.
func object(raw json.RawMessage) (map[string]json.RawMessage, bool) {
	var out map[string]json.RawMessage
	err := json.Unmarshal(raw, &out)
	return out, err == nil && out != nil
}

func readSet(raw json.RawMessage, may []string, left *int) (Set, error) {
	var two struct {
		Verification json.RawMessage `json:"verification"`
		Claims       json.RawMessage `json:"claims"`
	}
	if _, is := object(raw); !is || jose.Exact(raw, &two) != nil {
		return Set{}, Problem("verified_claims is no object")
	}
	if _, is := object(two.Verification); !is {
		return Set{}, Problem("verified_claims has no object verification")
	}
	verification, err := readWish(two.Verification, left, 0)
	if err != nil {
		return Set{}, err
	}
	claims, is := object(two.Claims)
	if !is || len(claims) == 0 {
		return Set{}, Problem("verified_claims has no claims")
	}
	if *left -= len(claims); *left < 0 {
		return Set{}, Problem("verified_claims has more than 200 elements")
	}
	out := Set{Verification: verification, Claims: map[string]Wish{}}
	for name, raw := range claims {
		wish := Wish{}
		if !null(raw) {
			members, is := object(raw)
			if !is {
				return Set{}, Problem("verified_claims has a claim that is neither null nor an object")
			}
			if err := wish.conditions(members); err != nil { // parts of claims cannot be asked for (5.3)
				return Set{}, err
			}
		}
		if slices.Contains(may, name) && slices.Contains(Assured(), name) {
			out.Claims[name] = wish
		}
	}
	return out, nil
}

// readWish reads what is asked of an element of verification and of those below it (OpenID
// Connect for Identity Assurance 1.0, 5.4).
func readWish(raw json.RawMessage, left *int, depth int) (Wish, error) {
	*left--
	switch {
	case *left < 0:
		return Wish{}, Problem("verified_claims has more than 200 elements")
	case depth > maxNesting:
		return Wish{}, Problem("verified_claims is nested too deep")
	case null(raw):
		return Wish{}, nil
	case list(raw):
		return readEntries(raw, left, depth)
	}
	members, is := object(raw)
	if !is {
		return Wish{}, Problem("verification has an element that is neither null, an object nor a list")
	}
	var out Wish
	if err := out.conditions(members); err != nil {
		return Wish{}, err
	}
	for name, raw := range members {
		if condition(name) {
			continue
		}
		if len(name) > maxName {
			return Wish{}, Problem("verification has an element with a name of more than 128 bytes")
		}
		wish, err := readWish(raw, left, depth+1)
		if err != nil {
			return Wish{}, err
		}
		switch name {
		case "evidence":
			if err := typed(raw); err != nil {
				return Wish{}, err
			}
		case "assurance_details": // never a condition (5.4)
			wish = Wish{}
		}
		if out.Members == nil {
			out.Members = map[string]Wish{}
		}
		out.Members[name] = wish
	}
	return out, nil
}

func readEntries(raw json.RawMessage, left *int, depth int) (Wish, error) {
	var entries []json.RawMessage
	if err := json.Unmarshal(raw, &entries); err != nil || len(entries) == 0 {
		return Wish{}, Problem("verification has an empty list")
	}
	var out Wish
	for _, raw := range entries {
		if _, is := object(raw); !is {
			return Wish{}, Problem("verification has a list whose entries are no objects")
		}
		entry, err := readWish(raw, left, depth+1)
		if err != nil {
			return Wish{}, err
		}
		out.Entries = append(out.Entries, entry)
	}
	return out, nil
}

// typed checks that evidence is asked for by its types: each entry names one by value, never
// several by values (OpenID Connect for Identity Assurance 1.0, 5.4).
func typed(raw json.RawMessage) error {
	if null(raw) {
		return nil
	}
	var entries []map[string]json.RawMessage
	if err := json.Unmarshal(raw, &entries); err != nil {
		return Problem("evidence is no list of objects")
	}
	for _, entry := range entries {
		kind, is := object(entry["type"])
		var value string
		if !is || json.Unmarshal(kind["value"], &value) != nil || value == "" || kind["values"] != nil {
			return Problem("evidence has an entry whose type is not given by value")
		}
	}
	return nil
}

// condition reports whether a member says something of an element, and is not below it.
// purpose is of earlier drafts, and changes nothing.
func condition(name string) bool {
	switch name {
	case "essential", "value", "values", "max_age", "purpose":
		return true
	}
	return false
}

// conditions reads what must be true of an element (OpenID Connect Core 1.0, 5.5.1; OpenID
// Connect for Identity Assurance 1.0, 5.5). essential changes nothing (5.7.1).
func (w *Wish) conditions(members map[string]json.RawMessage) error {
	if raw, there := members["essential"]; there {
		var essential bool
		if json.Unmarshal(raw, &essential) != nil {
			return Problem("verified_claims has an essential that is neither true nor false")
		}
	}
	if raw, there := members["values"]; there {
		if json.Unmarshal(raw, &w.Values) != nil || len(w.Values) == 0 || len(w.Values) > maxValues {
			return Problem("verified_claims has values that are no list of 1 to 20")
		}
	}
	if raw, there := members["value"]; there {
		if len(w.Values) > 0 {
			return Problem("verified_claims has both value and values")
		}
		w.Values = []json.RawMessage{raw}
	}
	if slices.ContainsFunc(w.Values, null) {
		return Problem("verified_claims has a value that is null")
	}
	if raw, there := members["max_age"]; there {
		var seconds float64
		if null(raw) || json.Unmarshal(raw, &seconds) != nil || seconds < 0 || seconds > 1<<40 {
			return Problem("verified_claims has a max_age that is no number of seconds")
		}
		whole := int64(seconds)
		w.MaxAge = &whole
	}
	return nil
}

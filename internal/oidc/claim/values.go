package claim

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Values say which values claims must have to be told (OpenID Connect Core 1.0, 5.5.1).
type Values struct {
	UserInfo Only `json:"userinfo,omitempty"`
	IDToken  Only `json:"id_token,omitempty"`
}

// Only are the values of claims, in JSON, of which each must have one. A claim that it does
// not name may have any.
type Only map[string][]json.RawMessage

// Text keeps values with a grant; "" when there are none.
func (v Values) Text() (string, error) { return written(v, len(v.UserInfo)+len(v.IDToken) == 0) }

// KeptValues are the values that Text kept.
func KeptValues(text string) (Values, error) { return kept[Values](text) }

// Everywhere are the values for a service that is told in the ID token what it is told at
// userinfo, too: a claim that it asks for in the ID token itself is told there as that says.
func (v Values) Everywhere(inIDToken []string) Values {
	idToken := Only{}
	for name, values := range v.UserInfo {
		if !slices.Contains(inIDToken, name) {
			idToken[name] = values
		}
	}
	maps.Copy(idToken, v.IDToken)
	return Values{UserInfo: v.UserInfo, IDToken: idToken}
}

// Keep takes out of claims that are to be told each that has none of the values which were
// asked for, essential or not (OpenID Connect Core 1.0, 5.5.1), and with it what says whether
// it was verified.
func (o Only) Keep(told map[string]any) {
	for name, values := range o {
		value, there := told[name]
		if !there {
			continue
		}
		have := plain(value)
		if !slices.ContainsFunc(values, func(raw json.RawMessage) bool { return same(raw, have) }) {
			delete(told, name)
			delete(told, verifying(name))
		}
	}
}

// verifying is the claim that says whether another one was verified; "" for none.
func verifying(name string) string {
	switch name {
	case Email:
		return EmailVerified
	case PhoneNumber:
		return PhoneNumberVerified
	case Phone:
		return PhoneVerified
	default:
		return ""
	}
}

// only reads the values of claims of a group.
func only(group map[string]*wanted, names []string) (Only, error) {
	var out Only
	for _, name := range names {
		values, err := group[name].any()
		if err != nil {
			return nil, err
		}
		if len(values) == 0 {
			continue
		}
		if out == nil {
			out = Only{}
		}
		out[name] = values
	}
	return out, nil
}

// any are the values that are asked for; none when each is good. null is no value.
func (w *wanted) any() ([]json.RawMessage, error) {
	if w == nil {
		return nil, nil
	}
	out := slices.DeleteFunc(append([]json.RawMessage{w.Value}, w.Values...), null)
	if len(out) > maxValues {
		return nil, Problem("claims has more than 20 values of one claim")
	}
	return out, nil
}

func written(v any, empty bool) (string, error) {
	if empty {
		return "", nil
	}
	var text strings.Builder
	to := json.NewEncoder(&text)
	to.SetEscapeHTML(false) // else a "<" of a service takes six times its room
	if err := to.Encode(v); err != nil {
		return "", fmt.Errorf("claim: %w", err)
	}
	return strings.TrimSuffix(text.String(), "\n"), nil
}

func kept[T any](text string) (out T, err error) {
	if text == "" {
		return out, nil
	}
	if err := json.Unmarshal([]byte(text), &out); err != nil {
		var none T
		return none, fmt.Errorf("claim: %w", err)
	}
	return out, nil
}

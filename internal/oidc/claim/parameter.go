package claim

import (
	"encoding/json"
	"slices"

	"parvis/internal/jose"
)

// The most of a claims parameter that is read.
const (
	maxParameter = 4096 // bytes
	maxValues    = 20   // of one claim
	maxSubject   = 255  // bytes (OpenID Connect Core 1.0, 2)
	maxACR       = 256  // bytes
)

// Problem says what is wrong with a claims parameter, for the service's team.
type Problem string

// Error is the problem's text.
func (p Problem) Error() string { return string(p) }

// Parameter is what a claims parameter asks for (OpenID Connect Core 1.0, 5.5).
type Parameter struct {
	UserInfo     []string        `json:"userinfo,omitempty"`     // claims for the userinfo endpoint
	IDToken      []string        `json:"idToken,omitempty"`      // claims for the ID token
	Values       Values          `json:"values,omitzero"`        // which these must have to be told (5.5.1)
	Subject      string          `json:"subject,omitempty"`      // the subject that must be signed in (5.5.1); "" for any
	ACR          []string        `json:"acr,omitempty"`          // wished for classes; none: not named
	EssentialACR bool            `json:"essentialAcr,omitempty"` // one of ACR must be reached (5.5.1.1)
	Verified     VerifiedRequest `json:"verified,omitzero"`
}

// KeepClaims keeps a parameter with a request that waits; "" when it asks for nothing.
func (p Parameter) KeepClaims() (string, error) {
	return written(p, len(p.UserInfo)+len(p.IDToken)+len(p.ACR)+len(p.Verified.UserInfo.Sets)+len(p.Verified.IDToken.Sets) == 0 && p.Subject == "")
}

// KeptParameter is the parameter that KeepClaims kept.
func KeptParameter(text string) (Parameter, error) { return kept[Parameter](text) }

// wanted is one member of the claims parameter (OpenID Connect Core 1.0, 5.5.1).
type wanted struct {
	Essential bool              `json:"essential"`
	Value     json.RawMessage   `json:"value"`
	Values    []json.RawMessage `json:"values"`
}

// UnmarshalJSON takes the members by their exact names.
func (w *wanted) UnmarshalJSON(data []byte) error {
	type plain wanted
	return jose.Exact(data, (*plain)(w)) //nolint:wrapcheck // the decoder's own
}

// ReadParameter reads a claims parameter of a client that may ask for some scopes: single
// claims, for the userinfo endpoint or the ID token (OpenID Connect Core 1.0, 5.5), and
// verified_claims. Members that are unknown or whose scope is not the client's are ignored,
// and so are those of verified identities where there are none. An error is a Problem.
func ReadParameter(raw string, scopes []string, identities bool) (Parameter, error) {
	var out Parameter
	if len(raw) > maxParameter {
		return out, Problem("claims is longer than 4096 bytes")
	}
	var all struct {
		UserInfo map[string]json.RawMessage `json:"userinfo"`
		IDToken  map[string]json.RawMessage `json:"id_token"`
	}
	if err := jose.Exact([]byte(raw), &all); err != nil {
		return out, errShape
	}
	if identities {
		for _, place := range []struct {
			from map[string]json.RawMessage
			into *Verified
		}{{all.UserInfo, &out.Verified.UserInfo}, {all.IDToken, &out.Verified.IDToken}} {
			if raw, asked := place.from[VerifiedClaims]; asked {
				var err error
				if *place.into, err = readVerified(raw, of(scopes)); err != nil {
					return Parameter{}, err
				}
			}
		}
	}
	userinfo, err := single(all.UserInfo)
	if err != nil {
		return out, err
	}
	idToken, err := single(all.IDToken)
	if err != nil {
		return out, err
	}
	out.UserInfo, out.IDToken = covered(userinfo, scopes, identities), covered(idToken, scopes, identities)
	if out.Values.UserInfo, err = only(userinfo, out.UserInfo); err != nil {
		return Parameter{}, err
	}
	if out.Values.IDToken, err = only(idToken, out.IDToken); err != nil {
		return Parameter{}, err
	}
	for _, group := range []map[string]*wanted{userinfo, idToken} {
		if w := group["sub"]; w != nil && len(w.Value) > 0 {
			var sub string
			if err := json.Unmarshal(w.Value, &sub); err != nil || len(sub) > maxSubject {
				return out, Problem("claims has a sub that is no string")
			}
			out.Subject = sub
		}
	}
	return out, out.class(idToken["acr"])
}

const errShape = Problem("claims is not the JSON of OpenID Connect Core 5.5")

// single are the single claims of a group.
func single(group map[string]json.RawMessage) (map[string]*wanted, error) {
	out := map[string]*wanted{}
	for name, raw := range group {
		if name == VerifiedClaims {
			continue
		}
		var w *wanted
		if err := json.Unmarshal(raw, &w); err != nil {
			return nil, errShape
		}
		out[name] = w
	}
	return out, nil
}

// of are the claims that some scopes stand for.
func of(scopes []string) []string {
	var out []string
	for _, s := range scopes {
		out = append(out, Of(s)...)
	}
	return out
}

// covered are the known claims of a group that scopes stand for, in a fixed order.
func covered(group map[string]*wanted, scopes []string, identities bool) []string {
	var out []string
	for _, s := range scopes {
		for _, name := range Of(s) {
			if _, ok := group[name]; ok && !slices.Contains(out, name) && (identities || !OfIdentity(name)) {
				out = append(out, name)
			}
		}
	}
	slices.Sort(out)
	return out
}

// class reads the wish for an authentication context class (OpenID Connect Core 1.0, 5.5.1.1).
func (p *Parameter) class(w *wanted) error {
	if w == nil {
		return nil
	}
	values, err := w.any()
	if err != nil {
		return err
	}
	for _, v := range values {
		var acr string
		if err := json.Unmarshal(v, &acr); err != nil || len(acr) > maxACR {
			return Problem("claims has an acr value that is no string")
		}
		p.ACR = append(p.ACR, acr)
	}
	p.EssentialACR = w.Essential && len(values) > 0
	return nil
}

package protocol

import (
	"encoding/json"
	"slices"

	"parvis/internal/jose"
)

const maxClaims = 4096

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

// The claims parameter asks for single claims, at the userinfo endpoint or in
// the ID token (OpenID Connect Core 1.0, 5.5). Members that are unknown or whose
// scope is not the client's are ignored. An essential acr becomes a condition
// (5.5.1.1), and so does a sub (5.5.1).
func claims(d *draft) *Error {
	raw := d.params.Get("claims")
	if raw == "" {
		return nil
	}
	if len(raw) > maxClaims {
		return refuse(InvalidRequest, "claims is longer than 4096 bytes")
	}
	var all struct {
		UserInfo map[string]*wanted `json:"userinfo"`
		IDToken  map[string]*wanted `json:"id_token"`
	}
	if err := jose.Exact([]byte(raw), &all); err != nil {
		return refuse(InvalidRequest, "claims is not the JSON of OpenID Connect Core 5.5")
	}
	d.request.UserInfo = d.allowed(all.UserInfo)
	d.request.IDToken = d.allowed(all.IDToken)
	for _, group := range []map[string]*wanted{all.UserInfo, all.IDToken} {
		if w := group["sub"]; w != nil && len(w.Value) > 0 {
			var sub string
			if err := json.Unmarshal(w.Value, &sub); err != nil || len(sub) > 255 {
				return refuse(InvalidRequest, "claims has a sub that is no string")
			}
			d.request.Subject = sub
		}
	}
	return d.acrClaim(all.IDToken["acr"])
}

// allowed are the known claims of a group that the client's scopes cover, in a fixed order.
func (d *draft) allowed(group map[string]*wanted) []string {
	var out []string
	for _, s := range d.client.Scopes {
		for _, claim := range ClaimsOf(s) {
			if _, ok := group[claim]; ok && !slices.Contains(out, claim) {
				out = append(out, claim)
			}
		}
	}
	slices.Sort(out)
	return out
}

func (d *draft) acrClaim(w *wanted) *Error {
	if w == nil {
		return nil
	}
	values := w.Values
	if len(w.Value) > 0 {
		values = append([]json.RawMessage{w.Value}, values...)
	}
	if len(values) == 0 {
		return nil
	}
	if len(values) > maxList {
		return refuse(InvalidRequest, "claims has too many acr values")
	}
	d.request.ACR = nil
	for _, v := range values {
		var acr string
		if err := json.Unmarshal(v, &acr); err != nil || len(acr) > 256 {
			return refuse(InvalidRequest, "claims has an acr value that is no string")
		}
		d.request.ACR = append(d.request.ACR, acr)
	}
	d.request.EssentialACR = w.Essential
	return nil
}

package protocol

import (
	"encoding/base64"
	"encoding/json"
	"slices"
	"time"
)

// TypeAccessToken is the typ of access tokens that are JWTs (RFC 9068, 2.1).
const TypeAccessToken = "at+jwt"

// MaxReadableLife is the longest that such a token is good: who reads it by itself does not
// hear that it was revoked.
const MaxReadableLife = 5 * time.Minute

// AccessToken is what an access token that is a JWT says (RFC 9068, 2.2).
type AccessToken struct {
	Issuer     string
	Subject    string // by which the service knows the person; "" when it acts for itself
	ClientID   string
	Audience   []string // nil: the issuer
	IssuedAt   time.Time
	Expires    time.Time
	Scopes     []string
	AuthTime   time.Time // zero: not known
	ACR        string
	AMR        []string
	Details    string   // what exactly was allowed (RFC 9396, 9.1)
	Actors     []string // who act for the subject, the newest first (RFC 8693, 4.1)
	Thumbprint string   // of the key that it is bound to; "" for none
	Digest     []byte   // that is kept of it
}

// Claims are its payload. There is nothing about the person in it but the identifier by
// which the service knows them. Its jti is the digest that is kept of it: it opens nothing.
func (t AccessToken) Claims() map[string]any {
	out := map[string]any{
		"iss": t.Issuer, "sub": t.ClientID, "client_id": t.ClientID, "aud": any(t.Issuer),
		"iat": t.IssuedAt.Unix(), "exp": t.Expires.Unix(), "jti": base64.RawURLEncoding.EncodeToString(t.Digest),
	}
	if t.Subject != "" {
		out["sub"] = t.Subject
	}
	switch len(t.Audience) {
	case 0:
	case 1:
		out["aud"] = t.Audience[0]
	default:
		out["aud"] = t.Audience
	}
	if len(t.Scopes) > 0 {
		out["scope"] = joinList(t.Scopes)
	}
	if !t.AuthTime.IsZero() {
		out["auth_time"] = t.AuthTime.Unix()
	}
	if t.ACR != "" {
		out["acr"] = t.ACR
	}
	if len(t.AMR) > 0 {
		out["amr"] = t.AMR
	}
	if t.Details != "" {
		out[paramDetails] = DetailsClaim(t.Details)
	}
	if len(t.Actors) > 0 {
		out["act"] = ActClaim(t.Actors)
	}
	if t.Thumbprint != "" {
		out["cnf"] = Confirmation(t.Thumbprint)
	}
	return out
}

// ReadAccessToken reads the payload of a JWT whose signature was ours: the digest that is
// kept of it; false when it is no access token of this issuer. Whether it is still good is
// for what is kept to say.
func ReadAccessToken(payload []byte, typ, issuer string) ([]byte, bool) {
	var t struct {
		Issuer string `json:"iss"`
		ID     string `json:"jti"`
	}
	if typ != TypeAccessToken || json.Unmarshal(payload, &t) != nil || t.Issuer != issuer {
		return nil, false
	}
	digest, err := base64.RawURLEncoding.Strict().DecodeString(t.ID)
	return digest, err == nil && len(digest) == 32
}

// OwnResources are the names by which a token for userinfo can be asked for: the issuer, and
// the address that its metadata names (RFC 9728, 2).
func OwnResources(issuer string) []string { return []string{issuer, issuer + PathUserInfo} }

// ForUserInfo reports whether a token for an audience opens userinfo: one for no resource in
// particular, or for one of OwnResources.
func ForUserInfo(audience []string, issuer string) bool {
	return len(audience) == 0 || slices.ContainsFunc(OwnResources(issuer), func(own string) bool { return slices.Contains(audience, own) })
}

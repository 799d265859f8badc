package protocol

import (
	"encoding/base64"
	"encoding/json"
	"math"
	"slices"
	"strings"
	"time"

	"parvis/internal/jose"
)

// The limits of client assertions and of ID tokens given back to us as a hint.
const (
	maxAssertion  = 8192
	maxJTI        = 256
	assertionLife = time.Hour        // an exp further ahead is refused, so that used ones can be forgotten
	clockAhead    = 10 * time.Second // how far a client's clock may run ahead
)

// Audience is the aud claim: one string or several.
type Audience []string

// UnmarshalJSON takes both forms (RFC 7519, 4.1.3).
func (a *Audience) UnmarshalJSON(data []byte) error {
	var one string
	if err := json.Unmarshal(data, &one); err == nil {
		*a = Audience{one}
		return nil
	}
	var many []string
	if err := json.Unmarshal(data, &many); err != nil {
		return err //nolint:wrapcheck // the decoder's own
	}
	*a = many
	return nil
}

// assertion are the claims of a client assertion (RFC 7523, 3).
type assertion struct {
	Issuer   string   `json:"iss"`
	Subject  string   `json:"sub"`
	Audience Audience `json:"aud"`
	Expires  *float64 `json:"exp"`
	IssuedAt *float64 `json:"iat"`
	NotYet   *float64 `json:"nbf"`
	ID       string   `json:"jti"`
}

// assertionSubject reads whose assertion it claims to be, to know which keys to verify it with.
func assertionSubject(token string) (string, *Error) {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return "", unauthenticated("client_assertion is no signed JWT")
	}
	payload, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return "", unauthenticated("client_assertion is no signed JWT")
	}
	var a struct {
		Subject string `json:"sub"`
	}
	if err := jose.Exact(payload, &a); err != nil || a.Subject == "" || len(a.Subject) > 256 {
		return "", unauthenticated("client_assertion names no client")
	}
	return a.Subject, nil
}

// Us is by which names an assertion may call us in aud.
type Us struct {
	Issuer string
	// Endpoints are taken, too, and a list of audiences with them: by clients that were
	// written before the issuer was demanded (RFC 7523, 3; OpenID Connect Core 1.0, 9).
	// Without them aud must be the issuer, as one string: an assertion that was made for
	// somebody else, too, can be used here by them (FAPI 2.0 Security Profile, 5.3.2.1;
	// draft-ietf-oauth-rfc7523bis, 4).
	Endpoints []string
}

// meant reports whether an assertion is for us.
func (u Us) meant(payload []byte, a Audience) bool {
	if len(u.Endpoints) > 0 {
		return len(a) <= 5 && slices.ContainsFunc(a, func(aud string) bool { return aud == u.Issuer || slices.Contains(u.Endpoints, aud) })
	}
	var one struct {
		Audience string `json:"aud"`
	}
	return jose.Exact(payload, &one) == nil && one.Audience == u.Issuer
}

// CheckAssertion checks the claims of an assertion whose signature was good
// (RFC 7523, 3; OpenID Connect Core 1.0, 9): issuer and subject are the client,
// the audience is us, it has not expired, does not come from the
// future, does not live long, and has an identifier so that it can be used once.
func CheckAssertion(payload []byte, clientID string, us Us, now time.Time) (jti string, expires time.Time, err *Error) {
	var a assertion
	if jose.Exact(payload, &a) != nil {
		return "", time.Time{}, unauthenticated("client_assertion has claims of a wrong type")
	}
	switch {
	case a.Issuer != clientID || a.Subject != clientID:
		return "", time.Time{}, unauthenticated("iss and sub of client_assertion must be the client_id")
	case !us.meant(payload, a.Audience):
		return "", time.Time{}, unauthenticated("aud of client_assertion must be the issuer, as one string")
	case a.ID == "" || len(a.ID) > maxJTI:
		return "", time.Time{}, unauthenticated("client_assertion needs a jti of at most 256 characters")
	case a.Expires == nil || !numericDate(a.Expires).After(now):
		return "", time.Time{}, unauthenticated("client_assertion has expired")
	case numericDate(a.Expires).After(now.Add(assertionLife)):
		return "", time.Time{}, unauthenticated("client_assertion is valid for more than an hour")
	case a.IssuedAt != nil && numericDate(a.IssuedAt).After(now.Add(clockAhead)):
		return "", time.Time{}, unauthenticated("client_assertion was issued in the future")
	case a.IssuedAt != nil && numericDate(a.IssuedAt).Before(now.Add(-assertionLife)):
		return "", time.Time{}, unauthenticated("client_assertion is too old")
	case a.NotYet != nil && numericDate(a.NotYet).After(now.Add(clockAhead)):
		return "", time.Time{}, unauthenticated("client_assertion is not valid yet")
	}
	return a.ID, numericDate(a.Expires), nil
}

// numericDate is a NumericDate (RFC 7519, 2); values that are no sensible time are in the far past or future.
func numericDate(f *float64) time.Time {
	v := *f
	if math.IsNaN(v) || v < 0 {
		return time.Time{}
	}
	return time.UnixMilli(int64(math.Min(v, 1e11) * 1000)).UTC()
}

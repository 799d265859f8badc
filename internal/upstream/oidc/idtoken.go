package oidc

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"time"

	"parvis/internal/jose"
	"parvis/internal/secret"
	"parvis/internal/upstream"
)

// claims are what is read of an ID token. Everything else in it is never looked at.
type claims struct {
	Issuer          string          `json:"iss"`
	Subject         string          `json:"sub"`
	Audience        audience        `json:"aud"`
	AuthorizedParty string          `json:"azp"`
	Expires         instant         `json:"exp"`
	IssuedAt        instant         `json:"iat"`
	NotBefore       instant         `json:"nbf"`
	AuthTime        instant         `json:"auth_time"`
	Nonce           string          `json:"nonce"`
	AccessHash      string          `json:"at_hash"`
	ACR             string          `json:"acr"`
	AMR             methods         `json:"amr"`
	SessionID       json.RawMessage `json:"sid"`    // OpenID Connect Back-Channel Logout 1.0, 2.1
	Events          json.RawMessage `json:"events"` // of logout tokens, which look alike

	algorithm jose.Algorithm
}

// audience is one text or several (RFC 7519, 4.1.3).
type audience []string

func (a *audience) UnmarshalJSON(raw []byte) error {
	var one string
	if json.Unmarshal(raw, &one) == nil {
		*a = audience{one}
		return nil
	}
	return json.Unmarshal(raw, (*[]string)(a))
}

// methods are the texts of amr; some providers write a single one.
type methods []string

func (m *methods) UnmarshalJSON(raw []byte) error { return (*audience)(m).UnmarshalJSON(raw) }

// instant is a NumericDate (RFC 7519, 2); zero: it was not there.
type instant struct{ time.Time }

// latest is where time ends for us: the year 2286. What is later is nonsense or an overflow.
const latest = 1e10

func (i *instant) UnmarshalJSON(raw []byte) error {
	if bytes.Equal(raw, []byte("null")) {
		return nil
	}
	var seconds float64
	if err := json.Unmarshal(raw, &seconds); err != nil {
		return err
	}
	if seconds <= 0 || seconds > latest {
		return errors.New("no instant")
	}
	i.Time = time.UnixMilli(int64(seconds * 1000))
	return nil
}

// open decrypts a token where it must be encrypted, and verifies its signature with
// the provider's keys, which are asked for once more when none of them fits.
func (c *Consumer) open(ctx context.Context, p *upstream.Provider, m *metadata, token string) ([]byte, error) {
	payload, _, err := c.openWithHeader(ctx, p, m, token)
	return payload, err
}

func (c *Consumer) openWithHeader(ctx context.Context, p *upstream.Provider, m *metadata, token string) ([]byte, jose.Header, error) {
	fail := func(format string, args ...any) ([]byte, jose.Header, error) {
		return nil, jose.Header{}, upstream.Fail(upstream.Invalid, format, args...)
	}
	switch encrypted := jose.Encrypted(token); {
	case encrypted && p.Client.Decrypter == nil:
		return fail("the token is encrypted, and there is no key for it: give oidc.decryption_key_file")
	case !encrypted && p.Client.Decrypter != nil:
		return fail("the token is not encrypted, although we have given a key")
	case encrypted:
		inside, err := p.Client.Decrypter.Decrypt(token)
		if err != nil {
			return fail("token: %w", err)
		}
		token = inside
	}
	for renew := false; ; renew = true {
		set, asked, err := c.keys(ctx, p, m, renew)
		if err != nil {
			return nil, jose.Header{}, err
		}
		payload, header, err := set.Verify(token, p.Client.Algorithms...)
		switch {
		case err == nil:
			return payload, header, nil
		case errors.Is(err, jose.ErrSignature) && !renew && !asked:
			continue
		}
		return fail("token: %w", err)
	}
}

// idToken opens an ID token and reads its claims.
func (c *Consumer) idToken(ctx context.Context, p *upstream.Provider, m *metadata, token string) (claims, error) {
	payload, header, err := c.openWithHeader(ctx, p, m, token)
	if err != nil {
		return claims{}, err
	}
	if header.Type != "" && header.Type != "jwt" { // another kind of token of the same provider (RFC 8725, 3.11)
		return claims{}, upstream.Fail(upstream.Invalid, "ID token: typ %.40q is that of another kind of token", header.Type)
	}
	out, err := readClaims(payload)
	out.algorithm = header.Algorithm
	return out, err
}

// readClaims reads the payload of a token whose signature was verified.
func readClaims(payload []byte) (claims, error) {
	var out claims
	if err := jose.Exact(payload, &out); err != nil {
		return claims{}, upstream.Fail(upstream.Invalid, "ID token: a claim is not of its type")
	}
	return out, nil
}

// check compares the claims with the request (OpenID Connect Core 1.0, 3.1.3.7) and
// makes the assertion.
func (t claims) check(p *upstream.Provider, pending upstream.Pending, accessToken string, now time.Time) (upstream.Assertion, error) {
	for _, rule := range []func(*upstream.Provider, upstream.Pending, time.Time) error{t.checkParties, t.checkTimes, t.checkRequest, t.checkAsked} {
		if err := rule(p, pending, now); err != nil {
			return upstream.Assertion{}, err
		}
	}
	if t.AccessHash != "" && (accessToken == "" || !secret.Equal([]byte(t.AccessHash), []byte(accessHash(t.algorithm, accessToken)))) {
		return upstream.Assertion{}, upstream.Fail(upstream.Invalid, "ID token: at_hash is not that of the access token")
	}
	if err := pending.CheckTimes(t.AuthTime.Time, now, p.Skew); err != nil {
		return upstream.Assertion{}, err
	}
	return upstream.Assertion{
		Issuer: t.Issuer, Subject: t.Subject, ACR: t.ACR, AMR: t.AMR, AuthTime: t.AuthTime.Time, NotOnOrAfter: t.Expires.Time,
		Presence: upstream.Presence{Subject: t.Subject, Index: t.sid()},
	}, nil
}

// maxSID is the longest identifier of a provider's session that is kept, in bytes.
const maxSID = 256

// sid is the provider's session; "" where the token names none that could be named again.
func (t claims) sid() string {
	var out string
	if json.Unmarshal(t.SessionID, &out) != nil || !printable(out, maxSID) {
		return ""
	}
	return out
}

// checkParties: by this provider, for us alone, about somebody.
func (t claims) checkParties(p *upstream.Provider, _ upstream.Pending, _ time.Time) error {
	switch {
	case t.Issuer != p.Issuer:
		return upstream.Fail(upstream.Invalid, "ID token: iss is that of another provider")
	case len(t.Audience) != 1 || t.Audience[0] != p.Client.ID:
		return upstream.Fail(upstream.Invalid, "ID token: aud is not us alone")
	case t.AuthorizedParty != "" && t.AuthorizedParty != p.Client.ID:
		return upstream.Fail(upstream.Invalid, "ID token: azp is somebody else")
	case len(t.Events) > 0:
		return upstream.Fail(upstream.Invalid, "ID token: it is a logout or event token")
	case !printable(t.Subject, upstream.MaxSubject):
		return upstream.Fail(upstream.Invalid, "ID token: sub is missing or no subject (1 to 255 ASCII characters)")
	}
	return nil
}

// printable reports whether a text is 1 to most printable ASCII characters.
func printable(text string, most int) bool {
	return text != "" && len(text) <= most && !strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r > '~' })
}

// checkTimes: not over, not from the future, made for this request.
func (t claims) checkTimes(p *upstream.Provider, pending upstream.Pending, now time.Time) error {
	switch {
	case t.Expires.IsZero() || t.IssuedAt.IsZero():
		return upstream.Fail(upstream.Invalid, "ID token: exp or iat is missing")
	case !now.Before(t.Expires.Add(p.Skew)):
		return upstream.Fail(upstream.Invalid, "ID token: expired")
	case t.IssuedAt.After(now.Add(p.Skew)) || t.NotBefore.After(now.Add(p.Skew)):
		return upstream.Fail(upstream.Invalid, "ID token: from the future; compare the clocks")
	case t.IssuedAt.Before(pending.At.Truncate(time.Second).Add(-p.Skew)):
		return upstream.Fail(upstream.Replay, "ID token: older than the request")
	}
	return nil
}

// checkRequest: the answer to this request and to no other.
func (t claims) checkRequest(_ *upstream.Provider, pending upstream.Pending, _ time.Time) error {
	if pending.Nonce == "" || !secret.Equal([]byte(t.Nonce), []byte(pending.Nonce)) {
		return upstream.Fail(upstream.Replay, "ID token: the nonce is not that of the request")
	}
	return nil
}

// checkAsked: what was asked for as essential is there, and what is there is sane.
func (t claims) checkAsked(p *upstream.Provider, _ upstream.Pending, _ time.Time) error {
	missing := map[string]bool{"acr": t.ACR == "", "amr": len(t.AMR) == 0, "auth_time": t.AuthTime.IsZero()}
	for _, claim := range p.Client.Claims {
		if missing[claim] {
			return upstream.Fail(upstream.Invalid, "ID token: %s is missing although it was asked for as essential", claim)
		}
	}
	odd := func(value string) bool { return !printable(value, 256) }
	if t.ACR != "" && odd(t.ACR) || len(t.AMR) > 20 || slices.ContainsFunc(t.AMR, odd) {
		return upstream.Fail(upstream.Invalid, "ID token: acr or amr is no value of its kind")
	}
	return nil
}

// accessHash is the left half of the hash of an access token, by the hash function
// of the signature (OpenID Connect Core 1.0, 3.1.3.6); SHA-512 for Ed25519.
func accessHash(alg jose.Algorithm, token string) string {
	if alg == jose.EdDSA {
		sum := sha512.Sum512([]byte(token))
		return base64.RawURLEncoding.EncodeToString(sum[:len(sum)/2])
	}
	sum := sha256.Sum256([]byte(token))
	return base64.RawURLEncoding.EncodeToString(sum[:len(sum)/2])
}

// isDPoP reports whether an access token is bound to a key (RFC 9449, 5).
func isDPoP(tokenType string) bool { return strings.EqualFold(tokenType, "DPoP") }

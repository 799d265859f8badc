package oidc

import (
	"context"
	"encoding/json"
	"slices"
	"time"

	"parvis/internal/upstream"
)

// How long a logout token counts, and its longest text.
const (
	departureLife = time.Hour // after it was made, whatever its exp says: so long its identifier is remembered
	maxDeparture  = 16 << 10
	maxJTI        = 256
	logoutEvent   = "http://schemas.openid.net/event/backchannel-logout"
)

// departure are the claims of a logout token (OpenID Connect Back-Channel Logout 1.0, 2.4).
type departure struct {
	claims

	ID    string                     `json:"jti"`
	Does  map[string]json.RawMessage `json:"events"`
	Nonce json.RawMessage            `json:"nonce"`
}

// Departure checks a logout token (OpenID Connect Back-Channel Logout 1.0, 2.6): signed,
// and encrypted where ID tokens are, as those are; by this provider, for us alone; made
// within the hour; a logout token and nothing else, so that no ID token passes for one.
// it names a person by sub, their session by sid, or both (2.4). Whoever acts on it takes its identifier first, once.
func (c *Consumer) Departure(ctx context.Context, p *upstream.Provider, token string) (upstream.Departure, error) {
	none := upstream.Departure{}
	if !visible(token, maxDeparture) {
		return none, upstream.Fail(upstream.Invalid, "logout token: missing or too long")
	}
	m, err := c.metadata(ctx, p)
	if err != nil {
		return none, err
	}
	payload, header, err := c.openWithHeader(ctx, p, m, token)
	if err != nil {
		return none, err
	}
	if !slices.Contains([]string{"", "jwt", "logout+jwt"}, header.Type) {
		return none, upstream.Fail(upstream.Invalid, "logout token: typ %.40q is that of another kind of token", header.Type)
	}
	d, err := readDeparture(payload)
	if err != nil {
		return none, err
	}
	if err := d.check(p, c.Now()); err != nil {
		return none, err
	}
	out := upstream.Departure{Issuer: d.Issuer, Subject: d.Subject, ID: d.ID, Until: d.IssuedAt.Add(departureLife + p.Skew)}
	if sid := d.sid(); sid != "" {
		out.Indexes = []string{sid}
	}
	return out, nil
}

// readDeparture reads the payload of a token whose signature was verified.
func readDeparture(payload []byte) (departure, error) {
	var out departure
	if err := json.Unmarshal(payload, &out); err != nil {
		return departure{}, upstream.Fail(upstream.Invalid, "logout token: a claim is not of its type")
	}
	return out, nil
}

// check holds the rules of the claims.
func (d departure) check(p *upstream.Provider, now time.Time) error {
	var about map[string]json.RawMessage
	event, there := d.Does[logoutEvent]
	switch {
	case d.Issuer != p.Issuer:
		return upstream.Fail(upstream.Invalid, "logout token: iss is that of another provider")
	case len(d.Audience) != 1 || d.Audience[0] != p.Client.ID:
		return upstream.Fail(upstream.Invalid, "logout token: aud is not us alone")
	case len(d.Nonce) > 0: // whatever its value: an ID token is no logout token
		return upstream.Fail(upstream.Invalid, "logout token: it has a nonce")
	case !there || json.Unmarshal(event, &about) != nil || about == nil:
		return upstream.Fail(upstream.Invalid, "logout token: events does not say that somebody signed out")
	case !visible(d.ID, maxJTI):
		return upstream.Fail(upstream.Invalid, "logout token: jti is missing or no identifier")
	case d.Subject != "" && !printable(d.Subject, upstream.MaxSubject):
		return upstream.Fail(upstream.Invalid, "logout token: sub is no subject")
	case len(d.SessionID) > 0 && d.sid() == "": // else it would end each session of the person
		return upstream.Fail(upstream.Invalid, "logout token: sid is no identifier (1 to 256 ASCII characters)")
	case d.Subject == "" && d.sid() == "":
		return upstream.Fail(upstream.Invalid, "logout token: sub and sid are missing")
	case d.Expires.IsZero() || d.IssuedAt.IsZero():
		return upstream.Fail(upstream.Invalid, "logout token: exp or iat is missing")
	case !now.Before(d.Expires.Add(p.Skew)), now.Sub(d.IssuedAt.Time) > departureLife:
		return upstream.Fail(upstream.Invalid, "logout token: too old")
	case d.IssuedAt.After(now.Add(p.Skew)) || d.NotBefore.After(now.Add(p.Skew)):
		return upstream.Fail(upstream.Invalid, "logout token: from the future; compare the clocks")
	}
	return nil
}

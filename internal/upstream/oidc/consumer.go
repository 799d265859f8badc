// Package oidc is the OpenID Connect consumer of sign-in partners: code flow with
// PKCE (S256) always, one address to come back to for each partner, state, nonce
// and iss (RFC 9207), private_key_jwt or a secret, PAR (RFC 9126) and DPoP
// (RFC 9449) where offered, ID tokens signed by an allowed asymmetric algorithm and
// encrypted where we have given the partner a key.
//
// The Consumer is stateless but for caches of metadata and keys, which renew
// themselves, and is safe for concurrent use. All calls go through outbound, each
// within the provider's timeout, none is repeated (but once when a DPoP nonce is
// demanded), and every answer is capped before it is parsed. What is sent is built
// from the Provider and the Ask alone, so that nothing of the service that a person
// is on the way to can leave (R42); tests compare every byte.
//
// It refuses what RFC 9700, OpenID Connect Core 1.0, 3.1.3.7 and RFC 8725 refuse, and
// besides: several audiences (SP 800-63C-4, 2.3), tokens older than the request,
// unencrypted ID tokens where a key was given. From an answer it reads iss, sub,
// acr, amr and auth_time, and nothing about the person.
package oidc

import (
	"context"
	"net/url"
	"strings"
	"sync"
	"time"

	"parvis/internal/i18n"
	"parvis/internal/jose"
	"parvis/internal/outbound"
	"parvis/internal/secret"
	"parvis/internal/upstream"
)

// Consumer speaks OpenID Connect with providers. All exported fields are needed.
type Consumer struct {
	Outbound *outbound.Client
	Signer   func(jose.Algorithm) (*jose.Signer, error) // the deployment's signing keys
	BaseURL  string                                     // the deployment's public address
	Now      func() time.Time

	mutex  sync.Mutex
	caches map[upstream.ID]*cache
}

// callback is where a provider sends people back to.
func (c *Consumer) callback(p *upstream.Provider) string {
	return c.base() + upstream.CallbackPath(p.ID)
}

// base is the deployment's public address without a slash at its end.
func (c *Consumer) base() string { return strings.TrimSuffix(c.BaseURL, "/") }

// withQuery adds parameters to an endpoint, which may have a query of its own.
func withQuery(address string, params url.Values) string {
	switch {
	case strings.HasSuffix(address, "?"):
	case strings.Contains(address, "?"):
		address += "&"
	default:
		address += "?"
	}
	return address + params.Encode()
}

// call makes one call within the provider's timeout. An answer with a status of 5xx
// or 429 is an *upstream.Error of the failure Outage.
func (c *Consumer) call(ctx context.Context, p *upstream.Provider, what string, in outbound.Request) (*outbound.Response, error) {
	limited, cancel := context.WithTimeout(ctx, p.Timeout)
	defer cancel()
	out, err := c.Outbound.Do(limited, in)
	if err == nil && (out.Status >= 500 || out.Status == 429) {
		err = out.Err()
	}
	if err != nil {
		return nil, upstream.Called(ctx, what, err)
	}
	return out, nil
}

// Begin makes the request of a sign-in (OpenID Connect Core 1.0, 3.1.2.1).
func (c *Consumer) Begin(ctx context.Context, p *upstream.Provider, ask upstream.Ask) (upstream.Request, error) {
	m, err := c.metadata(ctx, p)
	if err != nil {
		return upstream.Request{}, err
	}
	pending := upstream.Pending{State: secret.NewToken(), Nonce: secret.NewToken(), Verifier: secret.NewToken(), At: c.Now()}
	params := c.parameters(p, ask, pending)
	pushed := m.PushedAuthorization != "" && (p.Client.PAR != upstream.Off || m.RequirePushed)
	switch {
	case pushed:
		if params, err = c.push(ctx, p, m, params); err != nil {
			return upstream.Request{}, err
		}
	case p.Client.PAR == upstream.On:
		return upstream.Request{}, upstream.Fail(upstream.Invalid, "the provider offers no pushed authorization requests, and par is on")
	}
	return upstream.Request{URL: withQuery(m.Authorization, params), Pending: pending}, nil
}

// parameters are all that a partner is told of a sign-in.
func (c *Consumer) parameters(p *upstream.Provider, ask upstream.Ask, pending upstream.Pending) url.Values {
	params := url.Values{
		"response_type":         {"code"},
		"client_id":             {p.Client.ID},
		"redirect_uri":          {c.callback(p)},
		"scope":                 {strings.Join(p.Client.Scopes, " ")},
		"state":                 {pending.State},
		"nonce":                 {pending.Nonce},
		"code_challenge":        {challenge(pending.Verifier)},
		"code_challenge_method": {"S256"},
	}
	if p.Client.ResponseMode != "query" {
		params.Set("response_mode", p.Client.ResponseMode)
	}
	if values := p.Worth.Enough(p.Client.ACRValues, ask.Level); len(values) > 0 {
		params.Set("acr_values", strings.Join(values, " "))
	}
	if len(p.Client.Claims) > 0 {
		params.Set("claims", claimsParameter(p.Client.Claims))
	}
	switch {
	case ask.Fresh:
		params.Set("prompt", "login")
		params.Set("max_age", "0")
	case ask.MaxAge != nil:
		params.Set("max_age", seconds(*ask.MaxAge))
	}
	if ask.Lang != "" {
		params.Set("ui_locales", locales(ask.Lang))
	}
	return params
}

// locales are the languages of the partner's pages: the one with its country, and
// the bare one for partners that know no other.
func locales(l i18n.Lang) string { return l.Locale() + " " + string(l) }

// Probe looks whether metadata can be had, which also keeps the cache fresh;
// thorough: also whether the keys can be had and the token endpoint answers. A request
// without a client is refused there by every provider and changes nothing.
func (c *Consumer) Probe(ctx context.Context, p *upstream.Provider, thorough bool) error {
	m, err := c.fetchMetadata(ctx, p)
	if err != nil {
		return err
	}
	if !thorough {
		return nil
	}
	if err := c.probeKeys(ctx, p, m); err != nil {
		return err
	}
	_, err = c.call(ctx, p, "token endpoint", outbound.Request{
		Method: "POST", URL: m.Token, Body: []byte("grant_type=authorization_code"),
		Header: map[string]string{"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"},
	})
	return err
}

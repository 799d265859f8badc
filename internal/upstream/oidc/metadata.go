package oidc

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"parvis/internal/outbound"
	"parvis/internal/upstream"
)

// How long what a provider publishes is kept. It is asked for again when it is
// older than fresh; while that fails, it still serves until stale. Keys are also
// asked for again when one is not known, but no more often than again says.
const (
	fresh       = 10 * time.Minute
	stale       = time.Hour
	again       = 10 * time.Second
	maxMetadata = 64 << 10
)

// metadata is what a provider says of itself (OpenID Connect Discovery 1.0, 3; RFC 8414, 2).
type metadata struct {
	Issuer              string   `json:"issuer"`
	Authorization       string   `json:"authorization_endpoint"`
	Token               string   `json:"token_endpoint"`
	Keys                string   `json:"jwks_uri"`
	UserInfo            string   `json:"userinfo_endpoint"`
	EndSession          string   `json:"end_session_endpoint"`
	PushedAuthorization string   `json:"pushed_authorization_request_endpoint"`
	RequirePushed       bool     `json:"require_pushed_authorization_requests"`
	SendsIss            bool     `json:"authorization_response_iss_parameter_supported"`
	DPoPAlgorithms      []string `json:"dpop_signing_alg_values_supported"`
	ResponseTypes       []string `json:"response_types_supported"`
	ResponseModes       []string `json:"response_modes_supported"`
	ChallengeMethods    []string `json:"code_challenge_methods_supported"`
	AuthMethods         []string `json:"token_endpoint_auth_methods_supported"`
	IDTokenAlgorithms   []string `json:"id_token_signing_alg_values_supported"`
	ACRValues           []string `json:"acr_values_supported"`
	Scopes              []string `json:"scopes_supported"`
	ClaimsParameter     bool     `json:"claims_parameter_supported"`
}

// cache is what is known of one provider.
type cache struct {
	issuer   string
	mutex    sync.Mutex // of what follows
	metadata *metadata
	at       time.Time // of metadata
	tried    time.Time // of metadata, whatever came of it

	keys keyCache
}

// of is the cache of a provider; a new one when its issuer changed.
func (c *Consumer) of(p *upstream.Provider) *cache {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	if c.caches == nil {
		c.caches = map[upstream.ID]*cache{}
	}
	if known := c.caches[p.ID]; known != nil && known.issuer == p.Issuer {
		return known
	}
	c.caches[p.ID] = &cache{issuer: p.Issuer}
	return c.caches[p.ID]
}

// metadata is what a provider says of itself, from the cache where it is fresh.
func (c *Consumer) metadata(ctx context.Context, p *upstream.Provider) (*metadata, error) {
	k := c.of(p)
	k.mutex.Lock()
	known, age, lately := k.metadata, c.Now().Sub(k.at), c.Now().Sub(k.tried) < again
	k.mutex.Unlock()
	if known != nil && age >= 0 && (age < fresh || age < stale && lately) {
		return known, nil
	}
	m, err := c.fetchMetadata(ctx, p)
	if err != nil && known != nil && age >= 0 && age < stale {
		return known, nil // what it said before serves for a while
	}
	return m, err
}

// fetchMetadata asks a provider and keeps a good answer.
func (c *Consumer) fetchMetadata(ctx context.Context, p *upstream.Provider) (*metadata, error) {
	k := c.of(p)
	k.mutex.Lock()
	k.tried = c.Now()
	k.mutex.Unlock()
	answer, err := c.call(ctx, p, "metadata", outbound.Request{
		Method: "GET", URL: strings.TrimSuffix(p.Issuer, "/") + "/.well-known/openid-configuration",
		Header: map[string]string{"Accept": "application/json"},
	})
	if err != nil {
		return nil, err
	}
	if answer.Status != 200 {
		return nil, upstream.Fail(upstream.Invalid, "metadata: status %d", answer.Status)
	}
	m, err := parseMetadata(answer.Body, p.Issuer)
	if err != nil {
		return nil, err
	}
	k.mutex.Lock()
	defer k.mutex.Unlock()
	k.metadata, k.at = m, c.Now()
	return m, nil
}

// parseMetadata reads metadata and refuses what nobody could sign in with. The
// issuer must be the configured one, byte by byte: the document of another provider
// would lead codes and people astray (OpenID Connect Discovery 1.0, 4.3; RFC 9700, 4.4).
func parseMetadata(raw []byte, issuer string) (*metadata, error) {
	if len(raw) > maxMetadata {
		return nil, upstream.Fail(upstream.Invalid, "metadata: more than %d bytes", maxMetadata)
	}
	m := &metadata{}
	if err := json.Unmarshal(raw, m); err != nil {
		return nil, upstream.Fail(upstream.Invalid, "metadata: no JSON as it should be")
	}
	if m.Issuer != issuer {
		return nil, upstream.Fail(upstream.Invalid, "metadata: the issuer is %.200q, configured is %q; they must be the same, byte by byte", m.Issuer, issuer)
	}
	plain := strings.HasPrefix(issuer, "http://")
	for _, e := range []struct {
		name, value string
		needed      bool
	}{
		{"authorization_endpoint", m.Authorization, true},
		{"token_endpoint", m.Token, true},
		{"jwks_uri", m.Keys, true},
		{"userinfo_endpoint", m.UserInfo, false},
		{"pushed_authorization_request_endpoint", m.PushedAuthorization, false},
	} {
		if e.value == "" && !e.needed {
			continue
		}
		if err := checkEndpoint(e.value, plain); err != nil {
			return nil, upstream.Fail(upstream.Invalid, "metadata: %s %.200q: %v", e.name, e.value, err)
		}
	}
	if m.EndSession != "" && checkEndpoint(m.EndSession, plain) != nil {
		m.EndSession = "" // nobody's sign-in depends on it: it is not offered
	}
	if len(m.ResponseTypes) > 0 && !slices.Contains(m.ResponseTypes, "code") {
		return nil, upstream.Fail(upstream.Invalid, "metadata: response_types_supported lacks code")
	}
	return m, nil
}

// checkEndpoint wants a plain https address; http beside an http issuer only, which
// can be on the loopback only.
func checkEndpoint(text string, plain bool) error {
	if !visible(text, 2048) || strings.ContainsAny(text, `\"<>#`) {
		return fmt.Errorf("must be an address without fragment")
	}
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Hostname() == "" || u.User != nil || u.Opaque != "":
		return fmt.Errorf("must be a plain address")
	case u.Scheme != "https" && (!plain || u.Scheme != "http"):
		return fmt.Errorf("must begin with https://")
	}
	return nil
}

package relyingparty

import (
	"slices"
	"strings"
	"time"

	"parvis/internal/id"
	"parvis/internal/oidc/claim"
	"parvis/internal/oidc/protocol"
)

// maxRefreshTTL is the longest a service may go on while a person is away.
const maxRefreshTTL = 366 * 24 * time.Hour

// Grants reports whether the partner may get tokens by a grant type.
func (p *RelyingParty) Grants(grantType string) bool { return slices.Contains(p.GrantTypes, grantType) }

// Away is how long the partner may go on while a person is away: its own number, and no
// longer than an agreement with it lasts; 0: the deployment's.
func (p *RelyingParty) Away() time.Duration {
	if p.ConsentPeriod > 0 && (p.RefreshTokenTTL == 0 || p.ConsentPeriod < p.RefreshTokenTTL) {
		return p.ConsentPeriod
	}
	return p.RefreshTokenTTL
}

func (s Settings) exchangesFrom() []id.RelyingParty {
	var out []id.RelyingParty
	for _, from := range s.ExchangesFrom {
		out = append(out, id.RelyingParty(from))
	}
	return out
}

// grants checks how a partner gets tokens.
func (c *check) grants(s Settings) {
	for _, g := range s.GrantTypes {
		if !slices.Contains(protocol.GrantTypes, g) {
			c.add("grant_types", "%q is not known; use %s", g, strings.Join(protocol.GrantTypes, ", "))
		}
	}
	refreshes, offline := slices.Contains(s.GrantTypes, protocol.GrantRefreshToken), slices.Contains(s.Scopes, claim.ScopeOffline)
	switch {
	case refreshes && !offline:
		c.add("scopes", "grant_types has refresh_token, which services ask for by the scope offline_access; add it")
	case offline && !refreshes:
		c.add("grant_types", "the scope offline_access gives refresh tokens; add refresh_token (and authorization_code)")
	case refreshes && !slices.Contains(s.GrantTypes, protocol.GrantAuthorizationCode) && !slices.Contains(s.GrantTypes, protocol.GrantDeviceCode) && !slices.Contains(s.GrantTypes, protocol.GrantCIBA):
		c.add("grant_types", "refresh tokens come with an authorization_code, a device_code or a confirmation (urn:openid:params:grant-type:ciba); add one of them")
	}
	exchanges := slices.Contains(s.GrantTypes, protocol.GrantTokenExchange)
	switch {
	case exchanges && s.Auth == string(AuthNone):
		c.add("grant_types", "a public client (auth: none) cannot exchange tokens; give it a secret or keys")
	case exchanges && len(s.Resources) == 0:
		c.add("resources", "name the resources that tokens are exchanged for")
	case !exchanges && len(s.ExchangesFrom) > 0:
		c.add("exchanges_from", "needs the grant type %s", protocol.GrantTokenExchange)
	}
	for _, from := range s.ExchangesFrom {
		if !idPattern.MatchString(from) {
			c.add("exchanges_from", "%q is no id of a service", from)
		}
	}
	if slices.Contains(s.GrantTypes, protocol.GrantClientCredentials) && s.Auth == string(AuthNone) {
		c.add("grant_types", "a public client (auth: none) cannot use client_credentials; give it a secret or keys")
	}
	if len(s.OwnScopes) > 0 && !slices.Contains(s.GrantTypes, protocol.GrantClientCredentials) {
		c.add("own_scopes", "are asked for by client_credentials; add it to grant_types")
	}
	if len(s.OwnScopes) > 100 {
		c.add("own_scopes", "name at most 100")
	}
	for _, scope := range s.OwnScopes {
		switch {
		case slices.Contains(claim.Scopes, scope):
			c.add("own_scopes", "%q is about people, and nobody is there", scope)
		case !claim.IsScope(scope):
			c.add("own_scopes", "%q: use 1 to 128 visible ASCII characters other than quotes and backslashes", scope)
		}
	}
	if s.RefreshTokenTTL < 0 || s.RefreshTokenTTL > maxRefreshTTL {
		c.add("refresh_token_ttl", "must be at most 8784h")
	}
}

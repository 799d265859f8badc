package oidc_test

import (
	"net/url"
	"testing"

	"parvis/internal/id"
	"parvis/internal/jose"
	"parvis/internal/oidc/claim"
	"parvis/internal/relyingparty"
)

const (
	permits = "https://permits.example/api"  // asks us about its tokens
	charts  = "https://maps.example/api/"    // reads its tokens
	tiles   = "urn:example:tiles"            // reads them, too
	nowhere = "https://permits.example/api/" // not registered: another byte
)

// resourceful is a browser of a person who lets an office with resources go on while they are away.
func (h *house) resourceful() (*browser, id.Account) {
	h.t.Helper()
	h.enroll("office", func(s *relyingparty.Settings) {
		s.GrantTypes = append(s.GrantTypes, "client_credentials")
		s.OwnScopes = []string{"permits.read"}
		s.Resources = []relyingparty.Resource{{URI: permits}, {URI: charts, AccessTokens: "jwt"}, {URI: tiles, AccessTokens: "jwt"}}
	})
	a := h.person("anna@example.org")
	h.consent(a, "office", claim.Email, claim.ScopeOffline)
	b := h.browser()
	b.signIn(a, "")
	return b, a
}

// wanting are the parameters of a request for resources.
func wanting(v url.Values, resources ...string) url.Values {
	v["resource"] = resources
	return v
}

func (h *house) told(token any) map[string]any {
	h.t.Helper()
	out, _ := h.call("/introspect", "gateway", url.Values{"token": {token.(string)}})
	return out
}

// RFC 9449, 6.1: a token that others read names its key.
func TestAReadableTokenNamesTheKeyThatItIsBoundTo(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		b, _ := h.resourceful()
		k := h.holder()
		code := b.authorize(wanting(request("office"), charts)).answer(t).Get("code")
		tok := h.ask("office", exchange(code), k.proof("POST", "/token"))
		thumbprint, err := jose.Thumbprint(k.key.Key().Public())
		check(t, err)
		cnf, _ := h.claims(tok["access_token"].(string), "RS256")["cnf"].(map[string]any)
		if tok["token_type"] != "DPoP" || cnf["jkt"] != thumbprint {
			t.Errorf("%v %v", tok, cnf)
		}
	})
}

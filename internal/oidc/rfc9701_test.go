package oidc_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"parvis/internal/jose"
)

// RFC 9701, 4 and 5: who accepts application/token-introspection+jwt is answered a signed JWT with iss, aud, iat and token_introspection.
// RFC 9701, 8.1: it has a type of its own and neither sub nor exp, so that nobody takes it for an access token.
// RFC 9701, 7: the document names the algorithms.
func TestAnAnswerAboutATokenIsSignedWhenAskedFor(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		b, _ := h.agreed("service", "other")
		tok := h.asClient("service", exchange(b.code("service")))
		ask := func(client, accept, token string) (*http.Response, string) {
			t.Helper()
			r := post(t, h, "/introspect", url.Values{"token": {token}}.Encode(), "Accept", accept)
			r.SetBasicAuth(client, password)
			resp, err := http.DefaultClient.Do(r)
			check(t, err)
			defer func() { _ = resp.Body.Close() }()
			raw, err := io.ReadAll(resp.Body)
			check(t, err)
			return resp, string(raw)
		}
		const signed = "application/token-introspection+jwt"
		for _, c := range []struct {
			client, token string
			active        bool
		}{{"service", tok.Access, true}, {"gateway", tok.Access, true}, {"other", tok.Access, false}, {"gateway", "x", false}} {
			resp, text := ask(c.client, "application/json;q=0.5, "+signed, c.token)
			payload, head, err := h.keyring.Set().Verify(text, jose.RS256)
			if err != nil || head.Type != "token-introspection+jwt" || resp.Header.Get("Content-Type") != signed || resp.Header.Get("Cache-Control") != "no-store" {
				t.Fatalf("%v %+v %v", err, head, resp.Header)
			}
			claims := map[string]any{}
			check(t, json.Unmarshal(payload, &claims))
			inner, _ := claims["token_introspection"].(map[string]any)
			if claims["iss"] != h.issuer || claims["aud"] != c.client || claims["iat"] != float64(h.clock.Now().Unix()) || inner["active"] != c.active || len(claims) != 4 {
				t.Errorf("%s: %v", c.client, claims)
			}
			if !c.active && len(inner) != 1 {
				t.Errorf("%s is told more: %v", c.client, inner)
			}
			if _, status := h.userinfo(text); status != http.StatusUnauthorized {
				t.Errorf("the answer is an access token: %d", status)
			}
		}
		for _, accept := range []string{"*/*", "application/json", "application/jwt", signed + ";q=0", strings.Repeat("a", 2000) + "," + signed} {
			if resp, text := ask("service", accept, tok.Access); resp.Header.Get("Content-Type") != "application/json" || !strings.HasPrefix(text, "{") {
				t.Errorf("%.40s: %s", accept, text)
			}
		}
		if doc := h.browser().get("/.well-known/oauth-authorization-server").text; !strings.Contains(doc, `"introspection_signing_alg_values_supported":["RS256","ES256","PS256","EdDSA"]`) {
			t.Error(doc)
		}
	})
}

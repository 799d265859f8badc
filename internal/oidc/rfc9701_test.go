package oidc_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"parvis/internal/db"
	"parvis/internal/jose"
	"parvis/internal/relyingparty"
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

// RFC 9701, 6: introspection_signed_response_alg says what signs, RS256 by default, and introspection_encrypted_response_alg and _enc encrypt what was signed.
// RFC 9701, 7: the document names what can be registered.
// RFC 9701, 4: a weight of nothing is no wish for a JWT.
// RFC 9701, 5: a refusal is not signed.
func TestAnAnswerAboutATokenIsProtectedAsIsRegistered(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		reader, keys := sealed(t)
		h.adds("default", func(s *relyingparty.Settings) { s.IDTokenAlg = "ES256" })
		h.adds("chosen", func(s *relyingparty.Settings) { s.IntrospectionAlg = "ES256" })
		h.adds("sealed", func(s *relyingparty.Settings) {
			s.JWKS, s.IntrospectionAlg, s.IntrospectionKeyAlg, s.IntrospectionContentAlg = keys, "ES256", "RSA-OAEP-256", "A256GCM"
		})
		const accept = "application/token-introspection+jwt"
		for client, alg := range map[string]jose.Algorithm{"default": jose.RS256, "chosen": jose.ES256, "sealed": jose.ES256, "fapi2": jose.ES256} {
			if client == "fapi2" { // which takes no RS256
				h.write(func(tx *db.Tx) error {
					s, err := h.store.Settings(tx, "fapi2")
					if err == nil {
						s.IDTokenAlg = "ES256"
						err = h.store.Update(tx, s)
					}
					return err
				})
				check(t, h.registry.Refresh(t.Context()))
			}
			got := h.post("/introspect", h.assert(client, url.Values{"token": {"x"}}), "Accept", accept)
			text := got.text
			if client == "sealed" {
				var err error
				if text, err = reader.Decrypt(got.text); err != nil {
					t.Fatalf("%v: %s", err, got.text)
				}
			}
			payload, head, err := h.keyring.Set().Verify(text, alg)
			if err != nil || head.Type != "token-introspection+jwt" || got.Header.Get("Content-Type") != accept || !strings.Contains(string(payload), `"token_introspection":{"active":false}`) {
				t.Errorf("%s: %v %+v %s %s", client, err, head, payload, got.Header.Get("Content-Type"))
			}
		}
		for _, never := range []string{accept + ";q=0.0", accept + "; q=0.000, application/json"} {
			if got := h.post("/introspect", h.assert("chosen", url.Values{"token": {"x"}}), "Accept", never); got.text != `{"active":false}` {
				t.Errorf("%s: %s", never, got.text)
			}
		}
		if got := h.post("/introspect", url.Values{"token": {"x"}}, "Accept", accept, "Authorization", basic("gateway", "wrong")); got.StatusCode != http.StatusUnauthorized || !strings.Contains(got.text, `"error":"invalid_client"`) {
			t.Errorf("a refusal: %d %s", got.StatusCode, got.text)
		}
		var doc map[string]any
		h.document("/.well-known/oauth-authorization-server", &doc)
		if joined(doc["introspection_encryption_alg_values_supported"]) != "RSA-OAEP-256 ECDH-ES ECDH-ES+A256KW" || joined(doc["introspection_encryption_enc_values_supported"]) != "A128CBC-HS256 A128GCM A256GCM" {
			t.Errorf("%v", doc)
		}
	})
}

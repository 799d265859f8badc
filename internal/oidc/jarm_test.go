package oidc_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"parvis/internal/db"
	"parvis/internal/jose"
	"parvis/internal/relyingparty"
)

// JARM, 2.1: an answer has iss, aud and exp.
// JARM, 2.3: jwt, query.jwt and form_post.jwt.
// FAPI 2.0 MS, 5.4: answers are signed for the client.
func TestAnAnswerInAJWTIsSignedForItsClient(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		b, _ := h.agreed("strict", "service")
		ask := func(client, mode string, changes ...string) reply {
			if client == "strict" {
				return b.authorize(inObject(client, object(t, signingKey, "", objectClaims(h, client, "response_mode", mode))))
			}
			return b.authorize(request(client, append(changes, "response_mode", mode)...))
		}
		for _, c := range []struct {
			client string
			alg    jose.Algorithm
		}{{"strict", jose.ES256}, {"service", jose.RS256}} {
			for _, mode := range []string{"jwt", "query.jwt"} {
				got := ask(c.client, mode).answer(t)
				if len(got) != 1 {
					t.Errorf("more than the response: %v", got)
				}
				claims := h.claims(got.Get("response"), c.alg)
				if claims["iss"] != h.issuer || claims["aud"] != c.client || claims["code"] == "" || claims["state"] != "st4te" ||
					claims["exp"] != float64(h.clock.Now().Add(10*time.Minute).Unix()) {
					t.Errorf("%v", claims)
				}
			}
		}
		refused := h.claims(ask("service", "jwt", "scope", "email").answer(t).Get("response"), jose.RS256)
		if refused["error"] != "invalid_scope" || refused["state"] != "st4te" {
			t.Errorf("an error: %v", refused)
		}
		page := ask("service", "form_post.jwt")
		if page.StatusCode != http.StatusOK || !strings.Contains(page.text, `name="response"`) || strings.Contains(page.text, `name="code"`) {
			t.Errorf("form_post.jwt: %d", page.StatusCode)
		}
	})
}

// JARM, 2.2 and 3: an answer is signed, and then encrypted for the key of the service, where authorization_encrypted_response_alg is registered.
func TestAnAnswerIsEncryptedForTheServiceThatWantsIt(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		reader, keys := sealed(t)
		h.adds("sealed", func(s *relyingparty.Settings) {
			s.JWKS, s.AnswerAlg, s.AnswerKeyAlg, s.AnswerContentAlg = keys, "ES256", "RSA-OAEP-256", "A256GCM"
		})
		b, _ := h.agreed("sealed")
		for want, got := range map[string]url.Values{
			"code":  b.authorize(request("sealed", "response_mode", "jwt")).answer(t),
			"error": b.authorize(request("sealed", "response_mode", "jwt", "response_type", "token")).answer(t),
		} {
			if len(got) != 1 || strings.Count(got.Get("response"), ".") != 4 {
				t.Fatalf("%s: %v", want, got)
			}
			if head := headOf(t, got.Get("response")); head["alg"] != "RSA-OAEP-256" || head["enc"] != "A256GCM" || head["cty"] != "JWT" {
				t.Errorf("%s: %v", want, head)
			}
			inside, err := reader.Decrypt(got.Get("response"))
			check(t, err)
			if claims := h.claims(inside, jose.ES256); claims[want] == nil || claims["aud"] != "sealed" || claims["iss"] != h.issuer || claims["state"] != "st4te" {
				t.Errorf("%s: %v", want, claims)
			}
		}
		if got := b.authorize(request("sealed")).answer(t); got.Get("code") == "" {
			t.Errorf("an answer that is no JWT: %v", got)
		}
	})
}

// JARM, 3: an answer is not made while the key to encrypt it for cannot be fetched, and nothing is used up meanwhile.
func TestNoCodeIsMadeWhileItsAnswerCannotBeEncrypted(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		h.adds("unread", func(s *relyingparty.Settings) {
			s.Auth, s.JWKS, s.JWKSURI, s.AnswerKeyAlg = "none", "", "https://away.invalid/jwks", "ECDH-ES"
		})
		b, _ := h.agreed("unread")
		p := h.push("", request("unread", "response_mode", "jwt"))
		if p.status != http.StatusCreated {
			t.Fatalf("%+v", p)
		}
		resp, err := http.DefaultClient.Do(b.asks(t, "/authorize?"+named("unread", p).Encode()))
		check(t, err)
		check(t, resp.Body.Close())
		if resp.StatusCode != http.StatusServiceUnavailable || resp.Header.Get("Location") != "" {
			t.Errorf("%d", resp.StatusCode)
		}
		codes, unused := int64(-1), int64(-1)
		check(t, h.db.Read(t.Context(), func(tx *db.Tx) error {
			return tx.QueryRow(`SELECT (SELECT COUNT(*) FROM authorization_grant), (SELECT COUNT(*) FROM pushed_request WHERE used_at IS NULL)`).Scan(&codes, &unused)
		}))
		if codes != 0 || unused != 1 {
			t.Errorf("%d codes, %d unused requests", codes, unused)
		}
	})
}

// asks is a request of a browser that may be answered 5xx.
func (b *browser) asks(t *testing.T, target string) *http.Request {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, b.h.issuer+target, nil)
	check(t, err)
	for name, value := range b.cookies {
		r.AddCookie(&http.Cookie{Name: name, Value: value})
	}
	return r
}

// JARM, 2.3.2: a response mode of fragments is not for codes, and is refused.
// JARM, 4: the document names the response modes and the algorithms.
func TestTheResponseModesOfSignedAnswersAreNamed(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		b, _ := h.agreed("query")
		for _, mode := range []string{"fragment.jwt", "fragment", "form_post.jwt"} { // the last is not registered for it
			if got := b.authorize(request("query", "response_mode", mode)).answer(t); got.Get("error") != "invalid_request" || got.Get("code") != "" {
				t.Errorf("%s: %v", mode, got)
			}
		}
		var doc struct {
			Modes []string `json:"response_modes_supported"`
			Algs  []string `json:"authorization_signing_alg_values_supported"`
			Keys  []string `json:"authorization_encryption_alg_values_supported"`
			Encs  []string `json:"authorization_encryption_enc_values_supported"`
		}
		check(t, json.Unmarshal([]byte(h.browser().get("/.well-known/oauth-authorization-server").text), &doc))
		if !slices.Equal(doc.Modes, []string{"query", "form_post", "jwt", "query.jwt", "form_post.jwt"}) || !slices.Equal(doc.Algs, []string{"RS256", "ES256", "PS256", "EdDSA"}) ||
			!slices.Equal(doc.Keys, []string{"RSA-OAEP-256", "ECDH-ES", "ECDH-ES+A256KW"}) || !slices.Equal(doc.Encs, []string{"A128CBC-HS256", "A128GCM", "A256GCM"}) {
			t.Errorf("%+v", doc)
		}
	})
}

package oidc_test

import (
	"crypto"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"parvis/internal/jose"
)

// objectClaims are those of a good request object: a request, and what FAPI 2.0 Message
// Signing demands around it.
func objectClaims(h *house, client string, changes ...any) map[string]any {
	c := map[string]any{
		"iss": client, "aud": h.issuer, "nbf": h.clock.Now().Unix(), "exp": h.clock.Now().Add(5 * time.Minute).Unix(),
	}
	for name, value := range request(client) {
		c[name] = value[0]
	}
	for i := 0; i+1 < len(changes); i += 2 {
		if changes[i+1] == nil {
			delete(c, changes[i].(string))
			continue
		}
		c[changes[i].(string)] = changes[i+1]
	}
	return c
}

// object signs a request object.
func object(t *testing.T, key crypto.Signer, typ string, claims map[string]any) string {
	t.Helper()
	s, err := jose.NewSigner(jose.ES256, key)
	check(t, err)
	out, err := s.Sign(typ, claims)
	check(t, err)
	return out
}

func inObject(client, object string, more ...string) url.Values {
	v := url.Values{"client_id": {client}, "request": {object}}
	for i := 0; i+1 < len(more); i += 2 {
		v.Set(more[i], more[i+1])
	}
	return v
}

// RFC 9101, 5 and 6.3: of parameters beside the object none counts.
// RFC 9126, 3: an object may be pushed.
func TestOnlyWhatTheRequestObjectSaysCounts(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		b, _ := h.agreed("strict")
		signed := object(t, signingKey, "oauth-authz-req+jwt", objectClaims(h, "strict", "max_age", 3600, "claims", map[string]any{"userinfo": map[string]any{"email": nil}}))
		got := b.authorize(inObject("strict", signed, "redirect_uri", "https://evil.example/cb", "state", "forged", "scope", "openid")).answer(t)
		if got.Get("code") == "" || got.Get("state") != "st4te" {
			t.Errorf("%v", got)
		}
		if got := b.authorize(request("strict")).answer(t); got.Get("error") != "invalid_request" {
			t.Errorf("without an object: %v", got)
		}
		p := h.push("strict", url.Values{"client_id": {"strict"}, "request": {signed}})
		if p.status != http.StatusCreated {
			t.Fatalf("pushed: %+v", p)
		}
		if got := b.authorize(named("strict", p)).answer(t); got.Get("code") == "" {
			t.Errorf("pushed: %v", got)
		}
	})
}

// RFC 9101, 6.2: the signature, the algorithm and the type of an object are checked.
// RFC 9101, 6.3: client_id in and beside the object are the same.
// FAPI 2.0 MS, 5.3.1: an object has aud, nbf and exp, and is no older than an hour.
func TestARequestObjectThatIsNotGoodSendsNobodyAnywhere(t *testing.T) {
	foreign, err := jose.Generate(jose.ES256)
	check(t, err)
	each(t, func(t *testing.T, h *house) {
		b, _ := h.agreed("strict", "signed")
		now := h.clock.Now()
		with := func(changes ...any) string {
			return object(t, signingKey, "", objectClaims(h, "strict", changes...))
		}
		for name, o := range map[string]string{
			"a foreign key":         object(t, foreign, "", objectClaims(h, "strict")),
			"no signature":          "eyJhbGciOiJub25lIn0.e30.",
			"no token":              "x",
			"of an ID token's type": object(t, signingKey, "at+jwt", objectClaims(h, "strict")),
			"of another client":     with("client_id", "signed"),
			"without client_id":     with("client_id", nil),
			"of another issuer":     with("iss", "signed"),
			"a client assertion":    with("sub", "strict"),
			"for another server":    with("aud", "https://other.example"),
			"without audience":      with("aud", nil),
			"expired":               with("exp", now.Unix()),
			"without end":           with("exp", nil),
			"without beginning":     with("nbf", nil),
			"not yet":               with("nbf", now.Add(time.Minute).Unix()),
			"too old":               with("nbf", now.Add(-61*time.Minute).Unix()),
			"too long":              with("exp", now.Add(61*time.Minute).Unix()),
			"with an object":        with("request", "x"),
			"with a name":           with("request_uri", "urn:ietf:params:oauth:request_uri:x"),
			"with nothing":          with("state", "a\x00b"),
		} {
			got := b.authorize(inObject("strict", o, "redirect_uri", callback, "response_type", "code", "scope", "openid"))
			if got.StatusCode != http.StatusBadRequest || got.Header.Get("Location") != "" || !strings.Contains(got.text, "invalid_request_object") {
				t.Errorf("%s: %d %s", name, got.StatusCode, got.Header.Get("Location"))
			}
			if p := h.push("strict", inObject("strict", o)); p.status != http.StatusBadRequest || p.Error != "invalid_request_object" {
				t.Errorf("%s, pushed: %+v", name, p)
			}
		}
		both := inObject("strict", with())
		both.Set("request_uri", "urn:ietf:params:oauth:request_uri:x")
		if got := b.authorize(both); got.StatusCode != http.StatusBadRequest {
			t.Errorf("an object and a name: %d", got.StatusCode)
		}
		lax := object(t, signingKey, "JWT", objectClaims(h, "signed", "aud", nil, "nbf", nil, "exp", nil, "iss", nil))
		if got := b.authorize(inObject("signed", lax)).answer(t); got.Get("code") == "" {
			t.Errorf("a client that need not: %v", got)
		}
	})
}

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

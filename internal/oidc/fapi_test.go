package oidc_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"parvis/internal/db"
	"parvis/internal/oidc/protocol"
	"parvis/internal/pushed"
	"parvis/internal/secret"
)

// assert adds a client assertion of a service to a form.
func (h *house) assert(client string, v url.Values, changes ...any) url.Values {
	h.t.Helper()
	v.Set("client_assertion_type", protocol.AssertionType)
	v.Set("client_assertion", sign(h.t, signingKey, assertionClaims(h, append([]any{"iss", client, "sub", client}, changes...)...)))
	return v
}

// send posts a form to an endpoint for services.
func (h *house) post(path string, v url.Values, headers ...string) reply {
	h.t.Helper()
	return h.browser().do(http.MethodPost, path, v, headers...)
}

// FAPI 2.0 SP, 5.3.2.1: tokens are bound to a key, codes live for 60 seconds, aud of assertions is the issuer as a string, clocks may differ by 10 s.
// FAPI 2.0 SP, 5.3.2.2: requests are pushed with PKCE and redirect_uri, and answered with iss.
func TestFAPI2SecurityProfile(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		b, _ := h.agreed("fapi2")
		k := h.holder()
		code := func(changes ...string) string {
			t.Helper()
			p := h.push("", h.assert("fapi2", request("fapi2", changes...)))
			if p.status != http.StatusCreated {
				t.Fatalf("%+v", p)
			}
			got := b.authorize(named("fapi2", p)).answer(t)
			if got.Get("iss") != h.issuer || got.Get("code") == "" { // 5.3.2.2, 7: iss (RFC 9207)
				t.Fatalf("%v", got)
			}
			return got.Get("code")
		}
		redeem := func(code string, headers ...string) reply {
			t.Helper()
			return h.post("/token", h.assert("fapi2", exchange(code)), headers...)
		}
		got := redeem(code(), "DPoP", k.proof("POST", "/token"))
		if got.StatusCode != http.StatusOK || !strings.Contains(got.text, `"token_type":"DPoP"`) {
			t.Fatalf("%d %s", got.StatusCode, got.text)
		}
		for name, answer := range map[string]url.Values{ // 5.3.2.2, 2: only pushed requests
			"parameters in the address": b.authorize(request("fapi2")).answer(t),
		} {
			if answer.Get("error") != "invalid_request" {
				t.Errorf("%s: %v", name, answer)
			}
		}
		if got := redeem(code()); got.StatusCode != http.StatusUnauthorized && got.StatusCode != http.StatusBadRequest || !strings.Contains(got.text, "invalid_dpop_proof") { // 5.3.2.1, 4: sender-constrained
			t.Errorf("a bearer token: %d %s", got.StatusCode, got.text)
		}
		if p := h.push("", h.assert("fapi2", request("fapi2", "code_challenge", "", "code_challenge_method", ""))); p.Error != "invalid_request" { // 5.3.2.2, 5: PKCE
			t.Errorf("without PKCE: %+v", p)
		}
		if p := h.push("", h.assert("fapi2", request("fapi2", "redirect_uri", ""))); p.Error != "invalid_request" { // 5.3.2.2, 6
			t.Errorf("without redirect_uri: %+v", p)
		}
		old := code()
		h.clock.Advance(61 * time.Second) // 5.3.2.1, 11: codes live for 60 seconds at most
		if got := redeem(old, "DPoP", k.proof("POST", "/token")); !strings.Contains(got.text, "invalid_grant") {
			t.Errorf("after 61 s: %s", got.text)
		}
		for name, aud := range map[string]any{ // 5.3.2.1, 9: the issuer, as a string
			"a list": []string{h.issuer}, "the token endpoint": h.issuer + "/token", "the endpoint itself": h.issuer + "/par", "nothing": "",
		} {
			if p := h.push("", h.assert("fapi2", request("fapi2"), "aud", aud)); p.status != http.StatusUnauthorized || p.Error != "invalid_client" {
				t.Errorf("aud is %s: %+v", name, p)
			}
		}
		for name, when := range map[string]map[string]time.Duration{ // 5.3.2.1, 13: clocks
			"8 s ahead is taken":    {"ok": 8 * time.Second},
			"61 s ahead is refused": {"no": 61 * time.Second},
		} {
			for want, ahead := range when {
				at := h.clock.Now().Add(ahead)
				p := h.push("", h.assert("fapi2", request("fapi2"), "iat", at.Unix(), "nbf", at.Unix(), "exp", at.Add(time.Minute).Unix()))
				if (p.status == http.StatusCreated) != (want == "ok") {
					t.Errorf("%s: %+v", name, p)
				}
			}
		}
	})
}

// RFC 9126, 2.3: requests of one client are limited in number (429) and length (413), and wiped at their end.
func TestPushedRequestsAreLimitedByClientAndLengthAndWipedAtTheirEnd(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		for i := range 60 {
			if p := h.push("service", request("service")); p.status != http.StatusCreated {
				t.Fatalf("%d: %+v", i, p)
			}
		}
		got := h.post("/par", request("service"), "Authorization", basic("service", password))
		if got.StatusCode != http.StatusTooManyRequests || got.Header.Get("Retry-After") == "" {
			t.Errorf("%d %s", got.StatusCode, got.text)
		}
		if p := h.push("other", request("other")); p.status != http.StatusCreated {
			t.Errorf("another service is stopped with it: %+v", p)
		}
		h.clock.Advance(pushed.Preset("").Life)
		check(t, pushed.Requests{}.Purge(t.Context(), h.db))
		var rows, kept int64
		check(t, h.db.Read(t.Context(), func(tx *db.Tx) error {
			return tx.QueryRow(`SELECT COUNT(*), SUM(LENGTH(parameters)) FROM pushed_request WHERE wiped_at IS NOT NULL`).Scan(&rows, &kept)
		}))
		if rows != 61 || kept != 0 {
			t.Errorf("%d rows, %d bytes after their end", rows, kept)
		}
	})
}

// RFC 9126, 2.3: a body that is too long is answered 413.
func TestABodyThatIsTooLongIsRefusedAsThat(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		for size, text := range map[string]string{"a little": strings.Repeat("x", protocol.MaxQuery), "far": strings.Repeat("x", 1<<20)} {
			for _, path := range []string{"/par", "/token", "/introspect", "/revoke", "/authorize", "/userinfo"} {
				got := h.post(path, url.Values{"client_id": {"service"}, "long": {text}})
				if got.StatusCode != http.StatusRequestEntityTooLarge {
					t.Errorf("%s, %s: %d %s", path, size, got.StatusCode, got.text)
				}
			}
		}
		if got := h.browser().authorize(request("service", "long", strings.Repeat("x", protocol.MaxQuery))); got.StatusCode != http.StatusRequestURITooLong {
			t.Errorf("an address: %d", got.StatusCode)
		}
	})
}

// RFC 9449, 4.2: names of claims are exact, and none comes twice.
// RFC 9101, 4: names of claims of a request object are exact.
func TestNamesInProofsAndObjectsAreExact(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		b, _ := h.agreed("service", "strict")
		k := h.holder()
		for _, claim := range []string{"jti", "htm", "htu", "iat"} {
			upper := map[string]any{"jti": secret.NewToken(), "htm": "POST", "htu": h.issuer + "/token", "iat": h.clock.Now().Unix()}
			upper[strings.ToUpper(claim)] = upper[claim]
			delete(upper, claim)
			out, err := k.key.SignWithKey("dpop+jwt", upper)
			check(t, err)
			if tok, _ := k.tokens(h, "service", b.code("service"), out); tok.Error != "invalid_dpop_proof" {
				t.Errorf("%s in upper case: %+v", claim, tok)
			}
			both := map[string]any{"jti": secret.NewToken(), "htm": "POST", "htu": h.issuer + "/token", "iat": h.clock.Now().Unix()}
			both[strings.ToUpper(claim)] = both[claim]
			out, err = k.key.SignWithKey("dpop+jwt", both)
			check(t, err)
			if tok, _ := k.tokens(h, "service", b.code("service"), out); tok.Error != "invalid_dpop_proof" {
				t.Errorf("%s twice: %+v", claim, tok)
			}
		}
		for _, claim := range []string{"aud", "exp", "nbf"} {
			claims := objectClaims(h, "strict")
			claims[strings.ToUpper(claim)] = claims[claim]
			delete(claims, claim)
			got := b.get("/authorize?" + inObject("strict", object(t, signingKey, "oauth-authz-req+jwt", claims)).Encode())
			if got.StatusCode != http.StatusBadRequest {
				t.Errorf("%s of a request object in upper case: %d", claim, got.StatusCode)
			}
		}
	})
}

package oidc_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"parvis/internal/oidc/protocol"
	"parvis/internal/relyingparty"
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

// FAPI 2.0 SP, 5.3.2.2: plain OAuth: without openid there is no ID token, where the service is registered for that.
func TestAServiceThatMayGoWithoutOpenIDGetsNoIDToken(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		h.adds("plain-oauth", func(s *relyingparty.Settings) { s.Profile, s.OpenID = "fapi2", "optional" })
		b, _ := h.agreed("plain-oauth", "fapi2")
		k := h.holder()
		p := h.push("", h.assert("plain-oauth", request("plain-oauth", "scope", "email", "nonce", "")))
		if p.status != http.StatusCreated {
			t.Fatalf("%+v", p)
		}
		code := b.authorize(named("plain-oauth", p)).answer(t).Get("code")
		got := h.post("/token", h.assert("plain-oauth", exchange(code)), "DPoP", k.proof("POST", "/token"))
		var tok tokens
		check(t, json.Unmarshal([]byte(got.text), &tok))
		if got.StatusCode != http.StatusOK || tok.ID != "" || tok.Scope != "email" || tok.Access == "" {
			t.Fatalf("%d %s", got.StatusCode, got.text)
		}
		if told := h.told(tok.Access); told["active"] != true || told["scope"] != "email" || told["client_id"] != "plain-oauth" {
			t.Errorf("introspection: %v", told)
		}
		info := b.get("/userinfo", "Authorization", "DPoP "+tok.Access, "DPoP", k.proof("GET", "/userinfo", "ath", ath(tok.Access)))
		if info.StatusCode != http.StatusForbidden || !strings.Contains(info.Header.Get("WWW-Authenticate"), "insufficient_scope") {
			t.Errorf("userinfo: %d %s", info.StatusCode, info.text)
		}
		for client, scope := range map[string]string{"plain-oauth": "unknown", "fapi2": "email"} {
			if p := h.push("", h.assert(client, request(client, "scope", scope))); p.status != http.StatusBadRequest || p.Error != "invalid_scope" {
				t.Errorf("%s: %+v", client, p)
			}
		}
	})
}

// FAPI 2.0 SP, 5.3.4: an identifier of a call, x-fapi-interaction-id, is given back, and nothing that is none.
func TestTheIdentifierOfACallIsGivenBack(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		b, _ := h.agreed("service")
		tok := h.asClient("service", exchange(b.code("service")))
		for sent, want := range map[string]string{
			"93bac548-d2de-4546-b106-880a5018460d": "93bac548-d2de-4546-b106-880a5018460d", "": "", "93bac548": "", "93bac548-d2de-4546-b106-880a5018460d\tx": "",
		} {
			good := h.browser().get("/userinfo", "Authorization", "Bearer "+tok.Access, "X-FAPI-Interaction-ID", sent)
			bad := h.post("/par", url.Values{}, "X-FAPI-Interaction-ID", sent)
			if good.StatusCode != http.StatusOK || good.Header.Get("X-FAPI-Interaction-ID") != want || bad.Header.Get("X-FAPI-Interaction-ID") != want {
				t.Errorf("%q: %q and %q", sent, good.Header.Get("X-FAPI-Interaction-ID"), bad.Header.Get("X-FAPI-Interaction-ID"))
			}
		}
	})
}

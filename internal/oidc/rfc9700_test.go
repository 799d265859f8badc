package oidc_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"parvis/internal/oidc/protocol"
)

// RFC 9700, 2.1.2 and 2.4: no tokens in an answer of the authorization endpoint, and no password grant; neither is announced.
// RFC 9700, 2.6: nobody of another origin reads the authorization endpoint.
// RFC 9700, 4.2.4: no page of the provider tells its address to others.
// RFC 9700, 4.3.2: what carries a code is not kept.
// RFC 9700, 4.11.2: an address that is not registered is never a redirect, whatever else is wrong.
// RFC 9700, 4.12: redirects are 303, and never 307.
// RFC 9700, 4.16: no page of the provider can be framed.
func TestTheFrontChannelLeaksNothing(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		b, _ := h.agreed("service")
		for _, kind := range []string{"token", "id_token", "code token", "code id_token", "id_token token", "code id_token token", "none"} {
			got := b.authorize(request("service", "response_type", kind)).answer(t)
			if got.Get("error") != "unsupported_response_type" || got.Has("access_token") || got.Has("id_token") || got.Has("code") {
				t.Errorf("%s: %v", kind, got)
			}
		}
		if tok := h.asClient("service", url.Values{"grant_type": {"password"}, "username": {"anna@example.org"}, "password": {"x"}}); tok.Error != "unsupported_grant_type" {
			t.Errorf("password: %+v", tok)
		}
		var document protocol.Metadata
		check(t, json.Unmarshal([]byte(b.get(protocol.PathMetadata).text), &document))
		if !slices.Equal(document.ResponseTypes, []string{"code"}) || slices.Contains(document.GrantTypes, "password") || slices.Contains(document.GrantTypes, "implicit") || slices.Contains(document.ResponseModes, "fragment") {
			t.Errorf("announced: %v %v %v", document.ResponseTypes, document.GrantTypes, document.ResponseModes)
		}
		preflight := b.do(http.MethodOptions, "/authorize", nil, "Origin", "https://app.example", "Access-Control-Request-Method", "GET")
		answers := map[string]reply{
			"a code":      b.get("/authorize?"+request("service").Encode(), "Origin", "https://app.example"),
			"a journey":   b.authorize(request("service", "prompt", "login")),
			"by POST":     b.do(http.MethodPost, "/authorize", request("service")),
			"an error":    b.authorize(request("service", "scope", "")),
			"a page":      b.authorize(request("nobody")),
			"bad address": b.authorize(request("service", "redirect_uri", "https://evil.example/", "scope", "", "response_type", "token", "prompt", "none")),
		}
		if preflight.Header.Get("Access-Control-Allow-Origin") != "" || preflight.StatusCode != http.StatusMethodNotAllowed {
			t.Errorf("preflight: %d %v", preflight.StatusCode, preflight.Header)
		}
		for name, got := range answers {
			policy := got.Header.Get("Content-Security-Policy")
			if got.Header.Get("Access-Control-Allow-Origin") != "" || got.Header.Get("Cache-Control") != "no-store" || got.Header.Get("Referrer-Policy") == "" ||
				strings.Contains(got.Header.Get("Referrer-Policy"), "unsafe") || !strings.Contains(policy, "frame-ancestors 'none'") || got.Header.Get("X-Frame-Options") != "DENY" {
				t.Errorf("%s: %v", name, got.Header)
			}
			switch {
			case name == "a page" || name == "bad address":
				if got.StatusCode != http.StatusBadRequest || got.Header.Get("Location") != "" {
					t.Errorf("%s: %d %s", name, got.StatusCode, got.Header.Get("Location"))
				}
			case got.StatusCode != http.StatusSeeOther:
				t.Errorf("%s: %d", name, got.StatusCode)
			}
		}
		if got := answers["a page"].Header.Get("Referrer-Policy"); got != "no-referrer" && got != "same-origin" {
			t.Errorf("a page tells others where it was: %s", got)
		}
	})
}

// RFC 9700, 2.1.1 and 4.5: a code that was stolen is worth nothing in another session of the same client, whose verifier is another one.
// RFC 9700, 4.4: a code that was given for another provider's answer names its issuer, and its client is told apart by iss.
// RFC 9700, 4.10 and 2.2.1: an access token can be bound to its client: who stole it has not the key, and is given nothing.
func TestACodeIsWorthNothingInAnotherSessionOfItsClient(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		b, _ := h.agreed("service")
		stolen := b.authorize(request("service")).answer(t)
		if stolen.Get("iss") != h.issuer {
			t.Errorf("iss %q", stolen.Get("iss"))
		}
		if tok := h.asClient("service", exchange(stolen.Get("code"), "code_verifier", strings.Repeat("attacker-", 6))); tok.status != http.StatusBadRequest || tok.Error != "invalid_grant" {
			t.Errorf("injected: %+v", tok)
		}
		var document protocol.Metadata
		check(t, json.Unmarshal([]byte(b.get(protocol.PathMetadata).text), &document))
		k, thief := h.holder(), h.holder()
		tok, _ := k.tokens(h, "service", b.code("service"), k.proof("POST", "/token"))
		for who, c := range map[string]struct {
			headers []string
			want    int
		}{
			"without a proof":    {[]string{"Authorization", "DPoP " + tok.Access}, http.StatusUnauthorized},
			"as a bearer token":  {[]string{"Authorization", "Bearer " + tok.Access}, http.StatusUnauthorized},
			"by the thief's key": {[]string{"Authorization", "DPoP " + tok.Access, "DPoP", thief.proof("GET", "/userinfo", "ath", ath(tok.Access))}, http.StatusUnauthorized},
			"by its client":      {[]string{"Authorization", "DPoP " + tok.Access, "DPoP", k.proof("GET", "/userinfo", "ath", ath(tok.Access))}, http.StatusOK},
		} {
			if got := h.browser().get("/userinfo", c.headers...); got.StatusCode != c.want || strings.Contains(got.text, "anna@") != (c.want == http.StatusOK) {
				t.Errorf("%s: %d %s", who, got.StatusCode, got.text)
			}
		}
		if len(document.ProofAlgs) == 0 || !slices.Contains(document.AuthMethods, "private_key_jwt") {
			t.Errorf("announced: %v %v", document.ProofAlgs, document.AuthMethods)
		}
	})
}

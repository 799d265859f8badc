package oidc_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"parvis/internal/db/dbtest"
)

// RFC 7009, 2.1: a token is ended by its own client only.
// RFC 7009, 2.2: a token that is not good is no error.
func TestAClientEndsATokenOfItsOwnOnEveryNode(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		second := open(t, dbtest.Second(t, h.db, dbtest.WithClock(h.clock.Now)), h.clock, h)
		b, _ := h.agreed("service", "other", "public")
		tok := h.asClient("service", exchange(b.code("service")))
		if out, status := h.call("/revoke", "other", url.Values{"token": {tok.Access}}); status != http.StatusBadRequest || out["error"] != "invalid_request" {
			t.Errorf("another client: %d %v", status, out)
		}
		if _, status := second.userinfo(tok.Access); status != http.StatusOK {
			t.Fatalf("userinfo %d", status)
		}
		if out, status := h.call("/revoke", "service", url.Values{"token": {tok.Access}, "token_type_hint": {"refresh_token"}}); status != http.StatusOK || len(out) != 0 {
			t.Fatalf("%d %v", status, out)
		}
		for _, node := range []*house{h, second} {
			if _, status := node.userinfo(tok.Access); status != http.StatusUnauthorized {
				t.Errorf("userinfo afterwards: %d", status)
			}
		}
		for name, token := range map[string]string{"ended": tok.Access, "never given": "x"} {
			if _, status := h.call("/revoke", "service", url.Values{"token": {token}}); status != http.StatusOK {
				t.Errorf("a token that was %s: %d", name, status)
			}
		}
		if out, status := h.call("/revoke", "service", url.Values{}); status != http.StatusBadRequest || out["error"] != "invalid_request" {
			t.Errorf("no token: %d %v", status, out)
		}
		if out, status := h.call("/revoke", "nobody", url.Values{"token": {"x"}}); status != http.StatusUnauthorized || out["error"] != "invalid_client" {
			t.Errorf("a client that nobody knows: %d %v", status, out)
		}
		public := h.asClient("", exchange(b.code("public"), "client_id", "public"))
		if _, status := h.call("/revoke", "", url.Values{"token": {public.Access}, "client_id": {"public"}}); status != http.StatusOK {
			t.Errorf("a public client: %d", status)
		}
		if _, status := h.userinfo(public.Access); status != http.StatusUnauthorized {
			t.Errorf("userinfo afterwards: %d", status)
		}
	})
}

// RFC 7009, 2.1: with a refresh token everything that came of it ends.
func TestARevokedRefreshTokenEndsItsAccessTokensAndAnAccessTokenItself(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		b, _ := h.lasting()
		second := open(t, dbtest.Second(t, h.db, dbtest.WithClock(h.clock.Now)), h.clock, h)
		one := h.first(b, "office")
		token := one["refresh_token"].(string)
		if _, status := h.call("/revoke", "office", url.Values{"token": {one["access_token"].(string)}}); status != http.StatusOK {
			t.Fatal(status)
		}
		two := h.again("office", token)
		if two["error"] != nil {
			t.Fatalf("an access token that was revoked took the refresh token with it: %v", two)
		}
		if out, status := h.call("/revoke", "service", url.Values{"token": {token}}); status != http.StatusBadRequest || out["error"] != "invalid_request" {
			t.Errorf("another client: %d %v", status, out)
		}
		if _, status := h.call("/revoke", "office", url.Values{"token": {token}, "token_type_hint": {"access_token"}}); status != http.StatusOK {
			t.Fatal(status)
		}
		if out := second.again("office", token); out["error"] != "invalid_grant" {
			t.Errorf("%v", out)
		}
		if _, status := second.userinfo(two["access_token"].(string)); status != http.StatusUnauthorized {
			t.Errorf("userinfo %d", status)
		}
		for _, unknown := range []string{token, strings.Repeat("x", 43) + "." + strings.Repeat("y", 43)} {
			if _, status := h.call("/revoke", "office", url.Values{"token": {unknown}}); status != http.StatusOK {
				t.Errorf("one that nobody knows: %d", status)
			}
		}
	})
}

// RFC 7009, 2.1: a revocation is a form that is posted; every other method is 405, and a token in the address is none.
// RFC 7009, 2.1: the client authenticates first, and who does not ends nothing.
// RFC 7009, 2.1: a token_type_hint that is wrong or unknown is no matter.
// RFC 7009, 2.2: the answer is 200 and says nothing of the token, whatever it was.
// RFC 7009, 2.2.1: both kinds of tokens are ended, so nobody hears unsupported_token_type.
// RFC 7009, 2.3: browser applications of any origin may call, and there is no JSONP.
func TestARevocationIsReadByTheBook(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		b, _ := h.agreed("service")
		tok := h.asClient("service", exchange(b.code("service")))
		auth := []string{"Authorization", basic("service", password)}
		for _, method := range []string{http.MethodGet, http.MethodPut, http.MethodDelete} {
			got := h.browser().do(method, "/revoke?token="+tok.Access, nil, auth...)
			if got.StatusCode != http.StatusMethodNotAllowed || !strings.Contains(got.Header.Get("Allow"), http.MethodPost) || strings.Contains(got.Header.Get("Allow"), method) {
				t.Errorf("%s: %d %q", method, got.StatusCode, got.Header.Get("Allow"))
			}
		}
		for name, c := range map[string]struct {
			path    string
			form    url.Values
			headers []string
			status  int
			code    string
		}{
			"a token in the address": {"/revoke?token=" + tok.Access, url.Values{}, auth, http.StatusBadRequest, "invalid_request"},
			"two tokens":             {"/revoke", url.Values{"token": {tok.Access, tok.ID}}, auth, http.StatusBadRequest, "invalid_request"},
			"another form":           {"/revoke", url.Values{"token": {tok.Access}}, append([]string{"Content-Type", "application/json"}, auth...), http.StatusBadRequest, "invalid_request"},
			"a wrong secret":         {"/revoke", url.Values{"token": {tok.Access}}, []string{"Authorization", basic("service", "wrong")}, http.StatusUnauthorized, "invalid_client"},
			"a name alone":           {"/revoke", url.Values{"token": {tok.Access}, "client_id": {"service"}}, nil, http.StatusUnauthorized, "invalid_client"},
		} {
			got := h.post(c.path, c.form, c.headers...)
			if got.StatusCode != c.status || !strings.Contains(got.text, `"error":"`+c.code+`"`) || c.status == http.StatusUnauthorized && !strings.HasPrefix(got.Header.Get("WWW-Authenticate"), "Basic ") {
				t.Errorf("%s: %d %s %q", name, got.StatusCode, got.text, got.Header.Get("WWW-Authenticate"))
			}
			if _, status := h.userinfo(tok.Access); status != http.StatusOK {
				t.Fatalf("%s ended the token", name)
			}
		}
		for name, v := range map[string]url.Values{
			"an ID token": {"token": {tok.ID}}, "a code": {"token": {b.code("service")}}, "nothing of ours": {"token": {"\u00e9\n\""}, "token_type_hint": {"refresh_token"}},
			"with JSONP": {"token": {"x"}, "callback": {"run"}}, "an access token": {"token": {tok.Access}, "token_type_hint": {"urn:example:neither"}}, "the same again": {"token": {tok.Access}},
		} {
			if got := h.post("/revoke", v, auth...); got.StatusCode != http.StatusOK || got.text != "{}" || got.Header.Get("Content-Type") != "application/json" || got.Header.Get("Access-Control-Allow-Origin") != "*" {
				t.Errorf("%s: %d %s %v", name, got.StatusCode, got.text, got.Header)
			}
		}
		if _, status := h.userinfo(tok.Access); status != http.StatusUnauthorized {
			t.Errorf("afterwards: %d", status)
		}
		preflight := h.browser().do(http.MethodOptions, "/revoke", nil, "Origin", "https://app.example", "Access-Control-Request-Method", "POST")
		if preflight.StatusCode != http.StatusNoContent || !strings.Contains(preflight.Header.Get("Access-Control-Allow-Methods"), "POST") || preflight.Header.Get("Access-Control-Allow-Credentials") != "" {
			t.Errorf("preflight: %d %v", preflight.StatusCode, preflight.Header)
		}
	})
}

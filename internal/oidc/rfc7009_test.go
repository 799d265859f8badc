package oidc_test

import (
	"net/http"
	"net/url"
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

package oidc_test

import (
	"net/http"
	"net/url"
	"testing"
	"time"

	"parvis/internal/db"
)

// RFC 7662, 2.2: active tells what a token is worth, and nothing else is told of one that is not.
// RFC 7662, 2.1: who asks authenticates.
func TestAProtectedResourceIsToldWhatATokenIsWorth(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		b, _ := h.agreed("service", "gateway", "other")
		tok := h.asClient("service", exchange(b.code("service")))
		ask := func(client, token string) map[string]any {
			t.Helper()
			out, status := h.call("/introspect", client, url.Values{"token": {token}})
			if status != http.StatusOK {
				t.Fatalf("%d %v", status, out)
			}
			return out
		}
		now := h.clock.Now().Unix()
		for _, client := range []string{"service", "gateway"} {
			out := ask(client, tok.Access)
			if out["active"] != true || out["client_id"] != "service" || out["scope"] != "openid email" || out["token_type"] != "Bearer" || out["iss"] != h.issuer ||
				out["iat"] != float64(now) || out["exp"] != float64(now+900) || out["auth_time"] != float64(now) || out["acr"] == "" {
				t.Errorf("%s: %v", client, out)
			}
			if claims := h.claims(tok.ID, "RS256"); out["sub"] != claims["sub"] {
				t.Errorf("another person: %v", out["sub"])
			}
			if out["email"] != nil || out["username"] != nil {
				t.Errorf("it tells of the person: %v", out)
			}
		}
		inactive := func(name string, out map[string]any) {
			t.Helper()
			if out["active"] != false || len(out) != 1 {
				t.Errorf("%s: %v", name, out)
			}
		}
		inactive("another client", ask("other", tok.Access))
		inactive("no token of ours", ask("gateway", "x"))
		inactive("an ID token", ask("gateway", tok.ID))
		if out, status := h.call("/introspect", "", url.Values{"token": {tok.Access}, "client_id": {"public"}}); status != http.StatusUnauthorized || out["error"] != "invalid_client" {
			t.Errorf("a public client: %d %v", status, out)
		}
		h.clock.Advance(15 * time.Minute)
		inactive("an expired token", ask("service", tok.Access))

		fresh := h.asClient("service", exchange(b.code("service")))
		if out := ask("gateway", fresh.Access); out["active"] != true {
			t.Fatalf("%v", out)
		}
		h.write(func(tx *db.Tx) error { return h.store.Disable(tx, "service") })
		check(t, h.registry.Refresh(t.Context()))
		inactive("of a service that was disabled", ask("gateway", fresh.Access))
	})
}

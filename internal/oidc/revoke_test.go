package oidc_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"testing"
	"time"

	"parvis/internal/db"
	"parvis/internal/db/dbtest"
	"parvis/internal/oidc/protocol"
)

// call posts a form as a client with HTTP Basic ("" for none) and reads a JSON object.
func (h *house) call(path, client string, v url.Values) (map[string]any, int) {
	h.t.Helper()
	r := post(h.t, h, path, v.Encode())
	if client != "" {
		r.SetBasicAuth(client, password)
	}
	resp, err := http.DefaultClient.Do(r)
	check(h.t, err)
	defer func() { _ = resp.Body.Close() }()
	raw, err := io.ReadAll(resp.Body)
	check(h.t, err)
	out := map[string]any{}
	check(h.t, json.Unmarshal(raw, &out))
	if resp.Header.Get("Cache-Control") != "no-store" {
		h.t.Error("an answer may be kept")
	}
	return out, resp.StatusCode
}

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

func TestAnAssertionIsGoodForOneRevocationOrQuestion(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		for _, path := range []string{"/revoke", "/introspect"} {
			v := url.Values{"token": {"x"}, "client_assertion_type": {protocol.AssertionType}, "client_assertion": {sign(t, signingKey, assertionClaims(h))}}
			if out, status := h.call(path, "", v); status != http.StatusOK {
				t.Errorf("%s: %d %v", path, status, out)
			}
			if out, status := h.call(path, "", v); status != http.StatusUnauthorized || out["error"] != "invalid_client" {
				t.Errorf("%s again: %d %v", path, status, out)
			}
		}
	})
}

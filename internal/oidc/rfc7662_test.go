package oidc_test

import (
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"parvis/internal/db"
	"parvis/internal/oidc/protocol"
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

// RFC 7662, 2.2: of a refresh token its client alone is told, and no token_type, for no protected resource may take it for an access token.
func TestOnlyItsClientIsToldThatARefreshTokenIsGood(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		b, _ := h.lasting()
		one := h.first(b, "office")
		v := url.Values{"token": {one["refresh_token"].(string)}, "token_type_hint": {"refresh_token"}}
		out, _ := h.call("/introspect", "office", v)
		if out["active"] != true || out["client_id"] != "office" || out["scope"] != offline || out["token_type"] != nil || out["sub"] == nil {
			t.Errorf("%v", out)
		}
		if left := out["exp"].(float64) - float64(h.clock.Now().Unix()); left != h.grants.Settings.RefreshIdle.Seconds() {
			t.Errorf("%f seconds left", left)
		}
		for _, other := range []string{"gateway", "service"} {
			if out, _ := h.call("/introspect", other, v); out["active"] != false || len(out) != 1 {
				t.Errorf("%s: %v", other, out)
			}
		}
		h.clock.Advance(h.grants.Settings.RefreshIdle)
		if out, _ := h.call("/introspect", "office", v); out["active"] != false || len(out) != 1 {
			t.Errorf("unused for too long: %v", out)
		}
	})
}

// RFC 7662, 2.1: a question is a form that is posted, with the token in it; every other method is 405.
// RFC 7662, 2.1: a token_type_hint that is wrong or unknown is no matter.
// RFC 7662, 2.2: what is not active is said by one member, in the same bytes for every cause, and no answer is kept.
// RFC 7662, 2.2: what there is not, such as a scope, is left out.
// RFC 7662, 2.3: who does not authenticate hears invalid_client with 401, and nothing of the token.
func TestAQuestionAboutATokenIsReadByTheBook(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		b, a := h.agreed("service", "other")
		tok, ended := h.asClient("service", exchange(b.code("service"))), h.asClient("service", exchange(b.code("service")))
		if _, status := h.call("/revoke", "service", url.Values{"token": {ended.Access}}); status != http.StatusOK {
			t.Fatal(status)
		}
		auth := []string{"Authorization", basic("gateway", password)}
		for _, method := range []string{http.MethodGet, http.MethodPut} {
			if got := h.browser().do(method, "/introspect?token="+tok.Access, nil, auth...); got.StatusCode != http.StatusMethodNotAllowed || !strings.Contains(got.Header.Get("Allow"), http.MethodPost) || strings.Contains(got.text, "client_id") {
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
			"a token in the address": {"/introspect?token=" + tok.Access, url.Values{}, auth, http.StatusBadRequest, "invalid_request"},
			"two tokens":             {"/introspect", url.Values{"token": {tok.Access, "x"}}, auth, http.StatusBadRequest, "invalid_request"},
			"a wrong secret":         {"/introspect", url.Values{"token": {tok.Access}}, []string{"Authorization", basic("gateway", "wrong")}, http.StatusUnauthorized, "invalid_client"},
			"the token itself":       {"/introspect", url.Values{"token": {tok.Access}}, []string{"Authorization", "Bearer " + tok.Access}, http.StatusUnauthorized, "invalid_client"},
			"nobody":                 {"/introspect", url.Values{"token": {tok.Access}}, nil, http.StatusUnauthorized, "invalid_client"},
		} {
			got := h.post(c.path, c.form, c.headers...)
			if got.StatusCode != c.status || !strings.Contains(got.text, `"error":"`+c.code+`"`) || strings.Contains(got.text, "active") || c.status == http.StatusUnauthorized && got.Header.Get("WWW-Authenticate") == "" {
				t.Errorf("%s: %d %s %q", name, got.StatusCode, got.text, got.Header.Get("WWW-Authenticate"))
			}
		}
		for _, hint := range []string{"access_token", "refresh_token", "urn:example:neither"} {
			if out, _ := h.call("/introspect", "gateway", url.Values{"token": {tok.Access}, "token_type_hint": {hint}}); out["active"] != true {
				t.Errorf("%s: %v", hint, out)
			}
		}
		inactive := func(name, client, token string) {
			t.Helper()
			got := h.post("/introspect", url.Values{"token": {token}}, "Authorization", basic(client, password))
			if got.StatusCode != http.StatusOK || got.text != `{"active":false}` || got.Header.Get("Cache-Control") != "no-store" || got.Header.Get("Content-Type") != "application/json" {
				t.Errorf("%s: %d %s %v", name, got.StatusCode, got.text, got.Header)
			}
		}
		inactive("that of another", "other", tok.Access)
		inactive("revoked", "gateway", ended.Access)
		inactive("nobody's", "gateway", "x")
		inactive("a code", "gateway", b.code("service"))
		h.write(func(tx *db.Tx) error {
			_, err := tx.Exec(`UPDATE account SET status = 'closed' WHERE id = $1`, string(a))
			return err
		})
		inactive("of an account that was closed", "gateway", tok.Access)
		if claims := (protocol.Introspection{ClientID: "service"}).Claims(); claims["active"] != true || slices.Contains(slices.Collect(maps.Keys(claims)), "scope") {
			t.Errorf("a token without scopes: %v", claims)
		}
	})
}

package oidc_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"testing"

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

// A store that fails is never answered as a revocation.
func TestARevocationThatCannotBeStoredIsNoSuccess(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		b, _ := h.agreed("service")
		tok := h.asClient("service", exchange(b.code("service")))
		rename := func(from, to string) {
			h.write(func(tx *tx) error {
				_, err := tx.Exec("ALTER TABLE " + from + " RENAME TO " + to)
				return err
			})
		}
		rename("access_token", "access_gone")
		out, status := h.call("/revoke", "service", url.Values{"token": {tok.Access}})
		rename("access_gone", "access_token")
		if status != http.StatusInternalServerError || out["error"] != "server_error" {
			t.Errorf("%d %v", status, out)
		}
		if _, status := h.userinfo(tok.Access); status != http.StatusOK {
			t.Errorf("afterwards: %d", status)
		}
	})
}

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

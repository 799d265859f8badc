package oidc_test

import (
	"encoding/pem"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"parvis/internal/outbound"
	"parvis/internal/relyingparty"
)

// OIDC Core, 6.2: a request object is fetched from a registered request_uri, and its parameters alone count.
// RFC 9101, 5.2.3: it is fetched by GET and has its own media type.
// RFC 9101, 10.4: no other address is fetched, and what is wrong there sends nobody anywhere.
func TestARequestObjectIsFetchedFromItsRegisteredAddressOnly(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		var body, kind string
		asked := 0
		server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			asked++
			if r.URL.Path == "/moved" {
				http.Redirect(w, r, "/object", http.StatusFound)
				return
			}
			w.Header().Set("Content-Type", kind)
			_, _ = io.WriteString(w, body)
		}))
		t.Cleanup(server.Close)
		file := filepath.Join(t.TempDir(), "ca.pem")
		check(t, os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}), 0o600))
		s := outbound.Preset("")
		s.Allow, s.CAFile = []string{"127.0.0.0/8"}, file
		client, err := outbound.New(s, nil)
		check(t, err)
		t.Cleanup(client.Close)
		h.partnerKeys.Outbound = client
		object1, moved := server.URL+"/object", server.URL+"/moved"
		h.adds("fetched", func(s *relyingparty.Settings) { s.RequestURIs = []string{object1, moved} })
		b, _ := h.agreed("fetched")
		named := func(uri string) reply {
			return b.authorize(url.Values{"client_id": {"fetched"}, "request_uri": {uri}, "state": {"changed"}, "scope": {"openid"}, "response_type": {"code"}})
		}
		good := object(t, signingKey, "oauth-authz-req+jwt", objectClaims(h, "fetched"))
		for _, one := range []string{"application/oauth-authz-req+jwt", "application/jwt; charset=utf-8", "application/jose"} {
			body, kind = good+"\n", one
			if got := named(object1).answer(t); got.Get("code") == "" || got.Get("state") != "st4te" {
				t.Errorf("%s: %v", one, got)
			}
		}
		before := asked
		for name, uri := range map[string]string{"another path": server.URL + "/other", "a query": object1 + "?x=1", "a fragment": object1 + "#x", "an inner address": "http://169.254.169.254/latest"} {
			if got := named(uri); got.StatusCode != http.StatusBadRequest || got.Header.Get("Location") != "" || asked != before {
				t.Errorf("%s: %d, asked %d times", name, got.StatusCode, asked-before)
			}
		}
		if got := named(moved); got.StatusCode != http.StatusBadRequest || asked != before+1 {
			t.Errorf("a redirect: %d, asked %d times", got.StatusCode, asked-before)
		}
		for name, c := range map[string][2]string{
			"another type":     {good, "text/plain"},
			"a page":           {"<html>", "application/jwt"},
			"too long":         {good + strings.Repeat(" ", 65<<10), "application/jwt"},
			"another client's": {object(t, signingKey, "oauth-authz-req+jwt", objectClaims(h, "strict")), "application/jwt"},
		} {
			body, kind = c[0], c[1]
			if got := named(object1); got.StatusCode != http.StatusBadRequest || got.Header.Get("Location") != "" {
				t.Errorf("%s: %d", name, got.StatusCode)
			}
		}
		client.Close()
		server.Close()
		if got := named(object1); got.StatusCode != http.StatusBadRequest {
			t.Errorf("out of reach: %d", got.StatusCode)
		}
		if got := b.authorize(request("service", "request_uri", object1)).answer(t); got.Get("error") != "request_uri_not_supported" {
			t.Errorf("a service without one: %v", got)
		}
	})
}

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
		for _, one := range []string{"application/oauth-authz-req+jwt", "application/jwt; charset=utf-8"} {
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

// OIDC Core, 3.1.2.1: display, login_hint, ui_locales and acr_values never refuse a request; prompt and max_age must be what they can be.
// OIDC Core, 5.2: claims_locales is taken and changes nothing.
// OIDC Core, 5.5: claims that are unknown or not available are no error; what is no JSON of claims is.
func TestEachParameterIsTakenIgnoredOrRefusedAsTheSpecificationSays(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		b, _ := h.agreed("service")
		const taken, page = "", "page" // a code at once; a page of the journey
		for _, c := range []struct{ name, value, want string }{
			{"display", "page", taken},
			{"display", "popup", taken},
			{"display", "hologram", taken},
			{"claims_locales", "fr-CA en", taken},
			{"ui_locales", "tlh fr-CA", taken},
			{"ui_locales", strings.Repeat("x", 300), taken},
			{"login_hint", "anna@example.org", taken},
			{"login_hint", "not an address", taken},
			{"acr_values", "urn:example:unknown", taken},
			{"acr_values", strings.Repeat("a ", 600), "invalid_request"},
			{"something", "else", taken},
			{"prompt", "none", taken},
			{"prompt", "select_account", page},
			{"prompt", "create", page},
			{"prompt", "login", page},
			{"prompt", "consent", page},
			{"prompt", "select_account consent", page},
			{"prompt", "none login", "invalid_request"},
			{"prompt", "create login", "invalid_request"},
			{"prompt", "dance", "invalid_request"},
			{"max_age", "3600", taken},
			{"max_age", "-1", "invalid_request"},
			{"max_age", "soon", "invalid_request"},
			{"claims", `{"userinfo":{"email":{"essential":true},"name":{"essential":true}}}`, taken},
			{"claims", `{"id_token":{"email":{"value":"other@example.org"},"auth_time":{"essential":true}}}`, taken},
			{"claims", `{"id_token":{"acr":{"values":["urn:example:unknown"]}}}`, taken},
			{"claims", `{"id_token":{"acr":{"essential":true,"value":"urn:example:unknown"}}}`, "unmet_authentication_requirements"},
			{"claims", `{"ID_TOKEN":{"acr":{"essential":true,"value":"urn:example:unknown"}}}`, taken},
			{"claims", `{"id_token":{"acr":{"ESSENTIAL":true,"value":"urn:example:unknown"}}}`, taken},
			{"claims", `{"id_token":{"acr":{"essential":true,"value":7}}}`, "invalid_request"},
			{"claims", `{"userinfo":[]}`, "invalid_request"},
			{"claims", `[]`, "invalid_request"},
			{"claims", `{`, "invalid_request"},
			{"registration", "{}", "registration_not_supported"},
			{"request", "eyJ.e30.x", "request_not_supported"},
			{"response_mode", "fragment", "invalid_request"},
			{"response_type", "code id_token", "unsupported_response_type"},
		} {
			got := b.authorize(request("service", c.name, c.value))
			to := got.Header.Get("Location")
			switch {
			case c.want == page:
				if got.StatusCode != http.StatusSeeOther || !strings.HasPrefix(to, "/signin/") {
					t.Errorf("%s=%.60s: %d %s", c.name, c.value, got.StatusCode, to)
				}
			case got.answer(t).Get("error") != c.want || c.want == taken && got.answer(t).Get("code") == "":
				t.Errorf("%s=%.60s: %s", c.name, c.value, to)
			}
		}
		for _, name := range []string{"scope", "nonce", "state", "prompt", "claims", "display", "unknown"} { // RFC 6749, 3.1
			got := b.get("/authorize?" + request("service", name, "openid").Encode() + "&" + name + "=openid").answer(t)
			if got.Get("error") != "invalid_request" || name == "state" && got.Get("state") != "" {
				t.Errorf("%s twice: %v", name, got)
			}
		}
	})
}

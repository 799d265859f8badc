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

// RFC 8414, 2: issuer, authorization_endpoint, token_endpoint and response_types_supported are there; what signs assertions is named and never none; PKCE is announced with S256.
// RFC 8414, 3: the document of an issuer without a path is at /.well-known/oauth-authorization-server.
// RFC 8414, 3.1: it is asked for by GET.
// RFC 8414, 3.2: it is 200 and application/json, several values are an array, and a claim with none is left out.
// RFC 8414, 3.3: issuer is the address that the document was asked of.
func TestTheMetadataNameWhatThereIs(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		b := h.browser()
		got := b.get("/.well-known/oauth-authorization-server")
		if got.StatusCode != http.StatusOK || got.Header.Get("Content-Type") != "application/json" {
			t.Fatalf("%d %s", got.StatusCode, got.Header.Get("Content-Type"))
		}
		if posted := b.do(http.MethodPost, "/.well-known/oauth-authorization-server", url.Values{}); posted.StatusCode != http.StatusMethodNotAllowed {
			t.Errorf("POST: %d", posted.StatusCode)
		}
		var all map[string]any
		check(t, json.Unmarshal([]byte(got.text), &all))
		for name, want := range map[string]any{
			"issuer": h.issuer, "authorization_endpoint": h.issuer + "/authorize", "token_endpoint": h.issuer + "/token", "jwks_uri": h.issuer + "/jwks.json",
			"revocation_endpoint": h.issuer + "/revoke", "introspection_endpoint": h.issuer + "/introspect",
		} {
			if all[name] != want {
				t.Errorf("%s is %v, want %v", name, all[name], want)
			}
		}
		for name, want := range map[string][]string{
			"response_types_supported": {"code"}, "code_challenge_methods_supported": {"S256"}, "response_modes_supported": {"query", "form_post"},
			"grant_types_supported":                 {"authorization_code", "refresh_token", "client_credentials"},
			"token_endpoint_auth_methods_supported": {"client_secret_basic", "client_secret_post", "private_key_jwt", "none"},
		} {
			list := strings.Fields(joined(all[name]))
			if missing := slices.DeleteFunc(slices.Clone(want), func(v string) bool { return slices.Contains(list, v) }); len(missing) > 0 {
				t.Errorf("%s is %v and lacks %v", name, list, missing)
			}
			if name != "token_endpoint_auth_methods_supported" && name != "grant_types_supported" && name != "response_modes_supported" && len(list) != len(want) {
				t.Errorf("%s is %v, want %v", name, list, want)
			}
		}
		for name, value := range all {
			if list, is := value.([]any); is && len(list) == 0 || value == nil || value == "" {
				t.Errorf("%s is empty", name)
			}
			if strings.Contains(name, "signing_alg_values") && (slices.Contains(strings.Fields(joined(value)), "none") || joined(value) == "") {
				t.Errorf("%s is %v", name, value)
			}
			address, is := value.(string)
			if !is || !strings.HasSuffix(name, "_endpoint") && name != "jwks_uri" {
				continue
			}
			u, err := url.Parse(address)
			check(t, err)
			// What is named is there: POST for programs, and GET for pages and documents.
			found := false
			for _, method := range []string{http.MethodGet, http.MethodPost} {
				status := b.do(method, u.RequestURI(), nil).StatusCode
				found = found || status != http.StatusNotFound && status != http.StatusMethodNotAllowed
			}
			if !found || u.Fragment != "" || !strings.HasPrefix(address, h.issuer+"/") {
				t.Errorf("%s: nobody answers at %s", name, address)
			}
		}
		if openid := b.get(protocol.PathDiscovery); openid.text != got.text {
			t.Error("the two documents differ")
		}
	})
}

// RFC 8414, 2: the methods by which clients authenticate are named for each endpoint, and who asks about tokens is never nobody.
// RFC 8414, 2: where assertions are taken, what may sign them is named.
// RFC 8414, 3.1: every other method is 405, and there is no document at other addresses.
// RFC 8414, 3.2: the document may be kept, is asked for again by its tag, and is read from any origin.
func TestTheMetadataAreServedAndNameMethodsForEachEndpoint(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		b := h.browser()
		const at = "/.well-known/oauth-authorization-server"
		got := b.get(at, "Origin", "https://app.example")
		var doc map[string]any
		check(t, json.Unmarshal([]byte(got.text), &doc))
		for _, endpoint := range []string{"token", "revocation", "introspection"} {
			methods := strings.Fields(joined(doc[endpoint+"_endpoint_auth_methods_supported"]))
			if !slices.Contains(methods, "private_key_jwt") || slices.Contains(methods, "none") == (endpoint == "introspection") {
				t.Errorf("%s: %v", endpoint, methods)
			}
			if algs := joined(doc[endpoint+"_endpoint_auth_signing_alg_values_supported"]); algs != "RS256 ES256 PS256 EdDSA" {
				t.Errorf("%s: %s", endpoint, algs)
			}
		}
		for _, method := range []string{http.MethodPost, http.MethodPut, http.MethodDelete} {
			if got := b.do(method, at, nil); got.StatusCode != http.StatusMethodNotAllowed || !strings.Contains(got.Header.Get("Allow"), http.MethodGet) {
				t.Errorf("%s: %d %q", method, got.StatusCode, got.Header.Get("Allow"))
			}
		}
		for _, other := range []string{at + "/", at + "/tenant", "/tenant" + at} {
			if got := b.get(other); got.StatusCode != http.StatusNotFound {
				t.Errorf("%s: %d", other, got.StatusCode)
			}
		}
		kept := b.get(at, "If-None-Match", got.Header.Get("Etag"))
		if got.Header.Get("Cache-Control") != "public, max-age=3600" || kept.StatusCode != http.StatusNotModified || kept.text != "" || got.Header.Get("Access-Control-Allow-Origin") != "*" {
			t.Errorf("%d %v", kept.StatusCode, got.Header)
		}
	})
}

package oidc_test

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"

	goidc "github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"parvis/internal/jose"
)

// OIDC Discovery, 4.2: the document is JSON at its well-known address.
// RFC 8414, 3: the same document is at oauth-authorization-server.
func TestDocumentsMayBeKeptAndReadFromAnyOrigin(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		b := h.browser()
		for _, path := range []string{"/.well-known/openid-configuration", "/.well-known/oauth-authorization-server", "/jwks.json"} {
			got := b.get(path, "Origin", "https://app.example")
			if got.StatusCode != 200 || got.Header.Get("Content-Type") != "application/json" || !strings.HasPrefix(got.Header.Get("Cache-Control"), "public, max-age=") ||
				got.Header.Get("Access-Control-Allow-Origin") != "*" || got.Header.Get("Access-Control-Allow-Credentials") != "" || len(got.Cookies()) > 0 {
				t.Errorf("%s: %d %v", path, got.StatusCode, got.Header)
			}
			if again := b.get(path, "If-None-Match", got.Header.Get("ETag")); again.StatusCode != http.StatusNotModified {
				t.Errorf("%s again: %d", path, again.StatusCode)
			}
			if !json.Valid([]byte(got.text)) || strings.Contains(got.text, `"d"`) {
				t.Errorf("%s: %s", path, got.text)
			}
		}
		got := b.do(http.MethodOptions, "/token", nil, "Origin", "https://app.example", "Access-Control-Request-Method", "POST")
		if got.StatusCode != http.StatusNoContent || got.Header.Get("Access-Control-Allow-Headers") != "Authorization, Content-Type, DPoP, X-FAPI-Interaction-ID" {
			t.Errorf("preflight: %d %v", got.StatusCode, got.Header)
		}
		if got := b.get("/authorize?" + request("service").Encode()); got.Header.Get("Access-Control-Allow-Origin") != "" {
			t.Error("authorize may be read from other origins")
		}
	})
}

// OIDC Discovery, 4.3: issuer is the address the document was fetched from.
func TestGoOIDCSignsInAsAService(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		ctx := t.Context()
		provider, err := goidc.NewProvider(ctx, h.issuer)
		check(t, err)
		b, _ := h.agreed("service", "es256")
		for _, client := range []string{"service", "es256"} {
			config := oauth2.Config{ClientID: client, ClientSecret: password, Endpoint: provider.Endpoint(), RedirectURL: callback, Scopes: []string{"openid", "email"}}
			pkce := oauth2.GenerateVerifier()
			got := b.get(config.AuthCodeURL("st4te", goidc.Nonce("n0nce"), oauth2.S256ChallengeOption(pkce))).answer(t)
			tok, err := config.Exchange(context.WithoutCancel(ctx), got.Get("code"), oauth2.VerifierOption(pkce))
			check(t, err)
			raw, _ := tok.Extra("id_token").(string)
			idToken, err := provider.VerifierContext(ctx, &goidc.Config{ClientID: client, Now: h.clock.Now, SupportedSigningAlgs: []string{"RS256", "ES256"}}).Verify(ctx, raw)
			check(t, err)
			check(t, idToken.VerifyAccessToken(tok.AccessToken))
			if idToken.Nonce != "n0nce" {
				t.Errorf("nonce %q", idToken.Nonce)
			}
			info, err := provider.UserInfo(ctx, oauth2.StaticTokenSource(tok))
			check(t, err)
			if info.Subject != idToken.Subject || info.Email != "anna@example.org" || !info.EmailVerified {
				t.Errorf("userinfo %+v", info)
			}
		}
	})
}

// OIDC Discovery, 3: issuer, authorization_endpoint, token_endpoint, jwks_uri, response_types_supported, subject_types_supported and id_token_signing_alg_values_supported with RS256 are there, openid is among the scopes, and what is supported by default is said where it is not.
// OIDC Discovery, 4.1: the document is at the issuer's address with /.well-known/openid-configuration behind it.
// OIDC Core, 10.1: the keys that are published are public, each with a kid of its own, use and alg.
// OIDC Core, 10.1.1: of several keys of one algorithm the kid of a token names the one that signed it.
func TestTheModuleOfTheSuiteThatReadsDiscovery(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		b, _ := h.agreed("service")
		before := h.asClient("service", exchange(b.code("service"))).ID
		check(t, h.keyring.Rotate(t.Context()))
		var document map[string]any
		check(t, json.Unmarshal([]byte(b.get("/.well-known/openid-configuration").text), &document))
		for name, want := range map[string]string{
			"issuer": "", "authorization_endpoint": "/authorize", "token_endpoint": "/token", "userinfo_endpoint": "/userinfo", "jwks_uri": "/jwks.json", "end_session_endpoint": "/logout",
		} {
			if document[name] != h.issuer+want {
				t.Errorf("%s is %v", name, document[name])
			}
		}
		for name, want := range map[string]string{
			"response_types_supported": "code", "subject_types_supported": "pairwise public", "claim_types_supported": "normal", "scopes_supported": "openid email profile",
			"id_token_signing_alg_values_supported": "RS256", "request_object_signing_alg_values_supported": "RS256", "claims_supported": "sub iss aud auth_time acr email",
			"token_endpoint_auth_methods_supported": "client_secret_basic client_secret_post", "ui_locales_supported": "en fr", "prompt_values_supported": "none login consent select_account create",
		} {
			has := strings.Fields(joined(document[name]))
			for w := range strings.FieldsSeq(want) {
				if !slices.Contains(has, w) {
					t.Errorf("%s is %v and lacks %s", name, has, w)
				}
			}
		}
		for _, name := range []string{"claims_parameter_supported", "request_parameter_supported", "request_uri_parameter_supported", "require_request_uri_registration"} {
			if document[name] != true {
				t.Errorf("%s is %v", name, document[name])
			}
		}
		var set struct {
			Keys []map[string]any `json:"keys"`
		}
		published := b.get("/jwks.json").text
		check(t, json.Unmarshal([]byte(published), &set))
		kids, algs := map[any]bool{}, map[any]int{}
		for _, key := range set.Keys {
			kid, _ := key["kid"].(string)
			if kid == "" || kids[kid] || key["use"] != "sig" || key["kty"] == "oct" || key["alg"] == nil {
				t.Errorf("key %v", key)
			}
			for _, private := range []string{"d", "p", "q", "dp", "dq", "qi", "oth", "k"} {
				if key[private] != nil {
					t.Errorf("key %s has %s", kid, private)
				}
			}
			kids[kid] = true
			algs[key["alg"]]++
		}
		if algs["RS256"] < 2 {
			t.Fatalf("keys by algorithm: %v", algs)
		}
		keys, err := jose.ParseKeySet([]byte(published))
		check(t, err)
		for name, token := range map[string]string{"before": before, "after": h.asClient("service", exchange(b.code("service"))).ID} {
			head := headOf(t, token)
			if _, _, err := keys.Verify(token, jose.RS256); err != nil || !kids[head["kid"]] || head["alg"] != "RS256" {
				t.Errorf("%s the rotation: %v %v", name, head, err)
			}
		}
	})
}

package oidc_test

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	goidc "github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
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

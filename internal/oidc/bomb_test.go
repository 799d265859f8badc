package oidc_test

import (
	"encoding/base64"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"parvis/internal/oidc/protocol"
)

// What costs much to read is refused at each door for services.
func TestBombsAreRefusedAtEveryDoor(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		part := func(text string) string { return base64.RawURLEncoding.EncodeToString([]byte(text)) }
		rounds := part(`{"alg":"PBES2-HS256+A128KW","enc":"A256GCM","p2s":"c2FsdHNhbHQ","p2c":2147483647}`) + "." + part("key") + "." + part("iv") + ".." + part("tag")
		zip := part(`{"alg":"RSA-OAEP-256","enc":"A256GCM","zip":"DEF"}`) + "." + part("key") + "." + part("iv") + "." + part("x") + "." + part("tag")
		deep := part(`{"alg":"ES256"}`) + "." + part(`{"sub":"signed","iss":`+strings.Repeat("[", 900)+strings.Repeat("]", 900)+`}`) + "." + part("signature")
		long := sign(t, signingKey, assertionClaims(h, "x", strings.Repeat("x", 9000)))
		for name, bomb := range map[string]string{"rounds of PBKDF2": rounds, "compressed": zip, "nested deep": deep, "longer than assertions are": long} {
			form := exchange("code", "client_assertion_type", protocol.AssertionType, "client_assertion", bomb)
			for _, path := range []string{"/token", "/par", "/introspect", "/revoke"} {
				if got := h.post(path, form); got.StatusCode != http.StatusUnauthorized || !strings.Contains(got.text, "invalid_client") {
					t.Errorf("%s as an assertion at %s: %d %s", name, path, got.StatusCode, got.text)
				}
			}
			if p := h.push("strict", inObject("strict", bomb)); p.status != http.StatusBadRequest || p.Error != "invalid_request_object" {
				t.Errorf("%s as a request object: %+v", name, p)
			}
			if got := h.post("/token", exchange("code"), "Authorization", basic("service", password), "DPoP", bomb); !strings.Contains(got.text, "invalid_dpop_proof") {
				t.Errorf("%s as a proof: %d %s", name, got.StatusCode, got.text)
			}
			if got := h.browser().get("/userinfo", "Authorization", "Bearer "+bomb); got.StatusCode != http.StatusUnauthorized {
				t.Errorf("%s as an access token: %d", name, got.StatusCode)
			}
			if out, status := h.call("/introspect", "gateway", url.Values{"token": {bomb}}); status != http.StatusOK || out["active"] != false || len(out) != 1 {
				t.Errorf("%s to be told of: %d %v", name, status, out)
			}
		}
	})
}

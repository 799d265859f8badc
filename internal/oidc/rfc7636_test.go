package oidc_test

import (
	"net/http"
	"strings"
	"testing"
)

// RFC 7636, 4.4.1: without a challenge the request is invalid_request.
// RFC 9700, 2.1.1: a verifier without a challenge is refused.
func TestPKCECannotBeDowngraded(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		b, _ := h.agreed("service", "plain", "public")
		without := []string{"code_challenge", "", "code_challenge_method", ""}
		for _, client := range []string{"service", "public"} {
			if got := b.authorize(request(client, without...)).answer(t).Get("error"); got != "invalid_request" {
				t.Errorf("%s without PKCE: %q", client, got)
			}
		}
		for name, c := range map[string]struct {
			sent     []string
			verifier string
			ok       bool
		}{
			"none, none":           {without, "", true},
			"none, verifier":       {without, verifier, false},
			"challenge, none":      {nil, "", false},
			"challenge, challenge": {nil, request("x").Get("code_challenge"), false},
			"challenge, verifier":  {nil, verifier, true},
		} {
			tok := h.asClient("plain", exchange(b.code("plain", c.sent...), "code_verifier", c.verifier))
			if (tok.status == http.StatusOK) != c.ok {
				t.Errorf("%s: %d %s", name, tok.status, tok.Error)
			}
		}
	})
}

// RFC 7636, 4.1: a verifier has 43 to 128 unreserved characters.
// RFC 7636, 4.3: without a method it would be plain, which is refused.
// RFC 7636, 4.4.1: a method that is not supported is invalid_request.
// RFC 7636, 4.6: a verifier that is too short, too long or of other characters is invalid_grant.
// RFC 7636, B: the verifier of the example answers for its challenge.
func TestOnlyS256WithAVerifierByTheBook(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		b, _ := h.agreed("public")
		for name, changes := range map[string][]string{
			"plain": {"code_challenge", verifier, "code_challenge_method", "plain"}, "no method": {"code_challenge_method", ""},
			"s256": {"code_challenge_method", "s256"}, "S512": {"code_challenge_method", "S512"}, "no challenge": {"code_challenge", ""},
			"short": {"code_challenge", strings.Repeat("a", 42)}, "long": {"code_challenge", strings.Repeat("a", 44)}, "padded": {"code_challenge", strings.Repeat("a", 42) + "="},
			"other letters": {"code_challenge", strings.Repeat("a", 42) + "+"},
		} {
			if got := b.authorize(request("public", changes...)).answer(t); got.Get("error") != "invalid_request" || got.Has("code") {
				t.Errorf("%s: %v", name, got)
			}
		}
		code := b.code("public", "code_challenge", "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM")
		for name, v := range map[string]string{
			"short": verifier[:42], "long": strings.Repeat("a", 129), "a space": strings.Replace(verifier, "-", " ", 1), "a plus": verifier[:42] + "+", "a letter with an accent": verifier[:41] + "é",
		} {
			if tok := h.asClient("", exchange(code, "client_id", "public", "code_verifier", v)); tok.status != http.StatusBadRequest || tok.Error != "invalid_grant" {
				t.Errorf("%s: %+v", name, tok)
			}
		}
		tok := h.asClient("", exchange(b.code("public", "code_challenge", "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"), "client_id", "public", "code_verifier", "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"))
		if tok.status != http.StatusOK || tok.Access == "" {
			t.Errorf("the example: %+v", tok)
		}
	})
}

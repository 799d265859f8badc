package oidc_test

import (
	"net/http"
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

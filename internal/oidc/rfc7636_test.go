package oidc_test

import (
	"net/http"
	"net/url"
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

// RFC 7636, 4.4: the challenge is bound to the code, however the request came, and nobody is told it.
// RFC 7636, 4.6: another verifier, and none, are invalid_grant.
// RFC 7636, 5: the document names S256, and plain nowhere.
func TestTheChallengeIsBoundToTheCodeHoweverItCame(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		b, _ := h.agreed("signed")
		other := strings.Repeat("another-verifier-", 3)
		pushed := h.push("", h.assert("signed", request("signed")))
		challenge := request("signed").Get("code_challenge")
		for name, v := range map[string]url.Values{
			"in the address": request("signed"), "pushed": named("signed", pushed), "in an object": inObject("signed", object(t, signingKey, "", objectClaims(h, "signed"))),
		} {
			got := b.authorize(v)
			code := got.answer(t).Get("code")
			if code == "" || strings.Contains(got.Header.Get("Location"), challenge) {
				t.Fatalf("%s: %s", name, got.Header.Get("Location"))
			}
			for wrong, verifier := range map[string]string{"another": other, "none": "", "the challenge": challenge} {
				if got := h.post("/token", h.assert("signed", exchange(code, "code_verifier", verifier))); got.StatusCode != http.StatusBadRequest || !strings.Contains(got.text, `"error":"invalid_grant"`) {
					t.Errorf("%s, %s: %d %s", name, wrong, got.StatusCode, got.text)
				}
			}
		}
		var doc map[string]any
		h.document("/.well-known/oauth-authorization-server", &doc)
		if joined(doc["code_challenge_methods_supported"]) != "S256" {
			t.Errorf("%v", doc["code_challenge_methods_supported"])
		}
	})
}

package oidc_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"parvis/internal/secret"
)

// RFC 6750, 2.1 and 2.2: a token comes in the header or in a form, never in the address.
// RFC 6750, 3.1: a token that is not good is invalid_token with 401, a request without one has no error code.
// OIDC Core, 5.3.1: userinfo answers GET and POST.
func TestNoChangedTokenAndNoOtherKindOfTokenIsAnAccessToken(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		b, _ := h.agreed("service")
		code := b.code("service")
		tok := h.asClient("service", exchange(code))
		tries := []string{tok.ID, code, tok.Access[1:], tok.Access[:42], tok.Access + "A", tok.Access + "=", strings.ToLower(tok.Access), "'", "%00", "null"}
		for i := 0; i < len(tok.Access); i += 7 {
			tries = append(tries, tok.Access[:i]+string(tok.Access[i]^1)+tok.Access[i+1:])
		}
		for _, changed := range tries {
			got := b.get("/userinfo", "Authorization", "Bearer "+changed)
			if got.StatusCode != http.StatusUnauthorized || !strings.Contains(got.Header.Get("WWW-Authenticate"), `error="invalid_token"`) {
				t.Errorf("%q: %d %s", changed, got.StatusCode, got.Header.Get("WWW-Authenticate"))
			}
		}
		none := b.get("/userinfo")
		if none.StatusCode != http.StatusUnauthorized || strings.Contains(none.Header.Get("WWW-Authenticate"), "error") {
			t.Errorf("without a token: %d %s", none.StatusCode, none.Header.Get("WWW-Authenticate"))
		}
		if got := b.do(http.MethodPost, "/userinfo", url.Values{"access_token": {tok.Access}}); got.StatusCode != http.StatusOK {
			t.Errorf("in a form: %d %s", got.StatusCode, got.text)
		}
		if got := b.do(http.MethodPost, "/userinfo", nil, "Authorization", "Bearer "+tok.Access); got.StatusCode != http.StatusOK {
			t.Errorf("POST with a header: %d", got.StatusCode)
		}
		for _, kind := range []string{"text/plain;charset=UTF-8", "application/json", "application/x-www-form-urlencoded", "?"} {
			got := b.do(http.MethodPost, "/userinfo", nil, "Authorization", "Bearer "+tok.Access, "Content-Type", kind)
			if got.StatusCode != http.StatusOK {
				t.Errorf("POST with a header and a body of %s: %d %s", kind, got.StatusCode, got.text)
			}
			if got := b.do(http.MethodPost, "/userinfo", nil, "Content-Type", kind); got.StatusCode != http.StatusUnauthorized {
				t.Errorf("POST without a token and a body of %s: %d %s", kind, got.StatusCode, got.text)
			}
		}
		if got := b.get("/userinfo?access_token=" + tok.Access); got.StatusCode != http.StatusUnauthorized {
			t.Errorf("in the query: %d", got.StatusCode)
		}
	})
}

// RFC 6750, 3.1: without a token the challenge names the schemes, and no error.
// RFC 9449, 7.1: the challenge of DPoP names the algorithms.
func TestUserInfoWithoutATokenNamesTheSchemesAndNoError(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		for name, headers := range map[string][]string{"nothing": nil, "another scheme": {"Authorization", "Basic c2VydmljZTpzZWNyZXQ="}} {
			got := h.browser().get("/userinfo", headers...)
			all := strings.Join(got.Header.Values("Www-Authenticate"), "\n")
			if got.StatusCode != http.StatusUnauthorized || got.text != "" || !strings.Contains(all, `Bearer realm="`) || !strings.Contains(all, `DPoP realm="`) || !strings.Contains(all, `algs="`) || strings.Contains(all, "error") {
				t.Errorf("%s: %d %q\n%s", name, got.StatusCode, got.text, all)
			}
		}
		got := h.browser().get("/userinfo", "Authorization", "Bearer "+secret.NewToken())
		if head := got.Header.Get("Www-Authenticate"); got.StatusCode != http.StatusUnauthorized || !strings.Contains(head, `error="invalid_token"`) {
			t.Errorf("a wrong token: %d %q", got.StatusCode, head)
		}
	})
}

// RFC 6750, 2: a token that comes in two ways is invalid_request.
// RFC 6750, 2.1: the scheme is read in whatever letters (RFC 9110, 11.1).
// RFC 6750, 2.2: a body that is no form, and a form of a GET, bring no token.
// RFC 6750, 3: the challenge is Bearer with its realm, and says the error that the body says.
// RFC 6750, 5.3: what userinfo answers is not kept.
func TestATokenIsBroughtByTheBook(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		b, _ := h.agreed("service")
		token := h.asClient("service", exchange(b.code("service"))).Access
		form := url.Values{"access_token": {token}}
		for name, c := range map[string]struct {
			got    reply
			status int
			code   string // of the challenge; "" for none
		}{
			"header and form":  {b.do(http.MethodPost, "/userinfo", form, "Authorization", "Bearer "+token), http.StatusBadRequest, "invalid_request"},
			"twice in a form":  {b.do(http.MethodPost, "/userinfo", url.Values{"access_token": {token, token}}), http.StatusBadRequest, "invalid_request"},
			"small letters":    {b.get("/userinfo", "Authorization", "bearer "+token), http.StatusOK, ""},
			"as JSON":          {b.do(http.MethodPost, "/userinfo", form, "Content-Type", "application/json"), http.StatusUnauthorized, ""},
			"a form of a GET":  {b.do(http.MethodGet, "/userinfo", form), http.StatusUnauthorized, ""},
			"by Basic":         {b.get("/userinfo", "Authorization", basic("service", password)), http.StatusUnauthorized, ""},
			"an empty token":   {b.get("/userinfo", "Authorization", "Bearer "), http.StatusUnauthorized, "invalid_token"},
			"of another shape": {b.get("/userinfo", "Authorization", "Bearer a b"), http.StatusUnauthorized, "invalid_token"},
		} {
			challenge := strings.Join(c.got.Header.Values("WWW-Authenticate"), ", ")
			if c.got.StatusCode != c.status || c.got.Header.Get("Cache-Control") != "no-store" || c.code != "" && (!strings.Contains(challenge, `error="`+c.code+`"`) || !strings.Contains(c.got.text, `"error":"`+c.code+`"`)) ||
				c.code == "" && strings.Contains(challenge, "error=") || (c.status == http.StatusOK) != (challenge == "") || challenge != "" && !strings.Contains(challenge, `Bearer realm="`+h.issuer+`"`) {
				t.Errorf("%s: %d %s %s", name, c.got.StatusCode, challenge, c.got.text)
			}
			if len(c.got.Cookies()) > 0 {
				t.Errorf("%s: a cookie", name)
			}
		}
	})
}

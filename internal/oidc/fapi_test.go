package oidc_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"parvis/internal/db"
	"parvis/internal/oidc/protocol"
	"parvis/internal/pushed"
	"parvis/internal/secret"
)

// assert adds a client assertion of a service to a form.
func (h *house) assert(client string, v url.Values, changes ...any) url.Values {
	h.t.Helper()
	v.Set("client_assertion_type", protocol.AssertionType)
	v.Set("client_assertion", sign(h.t, signingKey, assertionClaims(h, append([]any{"iss", client, "sub", client}, changes...)...)))
	return v
}

// send posts a form to an endpoint for services.
func (h *house) post(path string, v url.Values, headers ...string) reply {
	h.t.Helper()
	return h.browser().do(http.MethodPost, path, v, headers...)
}

// FAPI 2.0 SP, 5.3.2.1: tokens are bound to a key, codes live for 60 seconds, aud of assertions is the issuer as a string, clocks may differ by 10 s.
// FAPI 2.0 SP, 5.3.2.2: requests are pushed with PKCE and redirect_uri, and answered with iss.
func TestFAPI2SecurityProfile(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		b, _ := h.agreed("fapi2")
		k := h.holder()
		code := func(changes ...string) string {
			t.Helper()
			p := h.push("", h.assert("fapi2", request("fapi2", changes...)))
			if p.status != http.StatusCreated {
				t.Fatalf("%+v", p)
			}
			got := b.authorize(named("fapi2", p)).answer(t)
			if got.Get("iss") != h.issuer || got.Get("code") == "" { // 5.3.2.2, 7: iss (RFC 9207)
				t.Fatalf("%v", got)
			}
			return got.Get("code")
		}
		redeem := func(code string, headers ...string) reply {
			t.Helper()
			return h.post("/token", h.assert("fapi2", exchange(code)), headers...)
		}
		got := redeem(code(), "DPoP", k.proof("POST", "/token"))
		if got.StatusCode != http.StatusOK || !strings.Contains(got.text, `"token_type":"DPoP"`) {
			t.Fatalf("%d %s", got.StatusCode, got.text)
		}
		for name, answer := range map[string]url.Values{ // 5.3.2.2, 2: only pushed requests
			"parameters in the address": b.authorize(request("fapi2")).answer(t),
		} {
			if answer.Get("error") != "invalid_request" {
				t.Errorf("%s: %v", name, answer)
			}
		}
		if got := redeem(code()); got.StatusCode != http.StatusUnauthorized && got.StatusCode != http.StatusBadRequest || !strings.Contains(got.text, "invalid_dpop_proof") { // 5.3.2.1, 4: sender-constrained
			t.Errorf("a bearer token: %d %s", got.StatusCode, got.text)
		}
		if p := h.push("", h.assert("fapi2", request("fapi2", "code_challenge", "", "code_challenge_method", ""))); p.Error != "invalid_request" { // 5.3.2.2, 5: PKCE
			t.Errorf("without PKCE: %+v", p)
		}
		if p := h.push("", h.assert("fapi2", request("fapi2", "redirect_uri", ""))); p.Error != "invalid_request" { // 5.3.2.2, 6
			t.Errorf("without redirect_uri: %+v", p)
		}
		old := code()
		h.clock.Advance(61 * time.Second) // 5.3.2.1, 11: codes live for 60 seconds at most
		if got := redeem(old, "DPoP", k.proof("POST", "/token")); !strings.Contains(got.text, "invalid_grant") {
			t.Errorf("after 61 s: %s", got.text)
		}
		for name, aud := range map[string]any{ // 5.3.2.1, 9: the issuer, as a string
			"a list": []string{h.issuer}, "the token endpoint": h.issuer + "/token", "the endpoint itself": h.issuer + "/par", "nothing": "",
		} {
			if p := h.push("", h.assert("fapi2", request("fapi2"), "aud", aud)); p.status != http.StatusUnauthorized || p.Error != "invalid_client" {
				t.Errorf("aud is %s: %+v", name, p)
			}
		}
		for name, when := range map[string]map[string]time.Duration{ // 5.3.2.1, 13: clocks
			"8 s ahead is taken":    {"ok": 8 * time.Second},
			"61 s ahead is refused": {"no": 61 * time.Second},
		} {
			for want, ahead := range when {
				at := h.clock.Now().Add(ahead)
				p := h.push("", h.assert("fapi2", request("fapi2"), "iat", at.Unix(), "nbf", at.Unix(), "exp", at.Add(time.Minute).Unix()))
				if (p.status == http.StatusCreated) != (want == "ok") {
					t.Errorf("%s: %+v", name, p)
				}
			}
		}
	})
}

// OIDC Core, 9: a service that is registered as compatible may name the token endpoint in aud of its assertion.
func TestACompatibleServiceMayNameTheTokenEndpoint(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		b, _ := h.agreed("moved", "signed")
		for name, aud := range map[string]any{"as text": h.issuer + "/token", "in a list": []string{h.issuer + "/token"}, "the issuer": h.issuer} {
			if got := h.post("/token", h.assert("moved", exchange(b.code("moved")), "aud", aud)); got.StatusCode != http.StatusOK {
				t.Errorf("%s: %s", name, got.text)
			}
		}
		if got := h.post("/token", h.assert("signed", exchange(b.code("signed")), "aud", h.issuer+"/token")); got.StatusCode != http.StatusUnauthorized {
			t.Errorf("a service that is not: %s", got.text)
		}
	})
}

// RFC 7523, 3: an assertion authenticates one request, whatever becomes of that.
func TestAnAssertionIsUsedUpByARefusedRequestAndNotByOneThatFailsBefore(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		b, _ := h.agreed("signed")
		refused := h.assert("signed", exchange("no-such-code"))
		if got := h.post("/token", refused); !strings.Contains(got.text, "invalid_grant") {
			t.Fatalf("%s", got.text)
		}
		again := exchange(b.code("signed"), "client_assertion_type", protocol.AssertionType, "client_assertion", refused.Get("client_assertion"))
		if got := h.post("/token", again); !strings.Contains(got.text, "invalid_client") {
			t.Errorf("after invalid_grant: %s", got.text)
		}
		unsupported := h.assert("signed", url.Values{"grant_type": {"password"}})
		if got := h.post("/token", unsupported); !strings.Contains(got.text, "unsupported_grant_type") {
			t.Fatalf("%s", got.text)
		}
		again.Set("client_assertion", unsupported.Get("client_assertion"))
		if got := h.post("/token", again); !strings.Contains(got.text, "invalid_client") {
			t.Errorf("after unsupported_grant_type: %s", got.text)
		}
		wrongPush := h.assert("signed", request("signed", "response_type", "token"))
		if p := h.push("", wrongPush); p.status != http.StatusBadRequest {
			t.Fatalf("%+v", p)
		}
		again.Set("client_assertion", wrongPush.Get("client_assertion"))
		if got := h.post("/token", again); !strings.Contains(got.text, "invalid_client") {
			t.Errorf("after a push that was refused: %s", got.text)
		}
		// Who was not authenticated has used nothing up.
		good := h.assert("signed", exchange(b.code("signed")))
		twice := good.Encode() + "&scope=a&scope=b"
		r := post(t, h, "/token", twice)
		if tok := h.send(r); tok.Error != "invalid_request" {
			t.Fatalf("%+v", tok)
		}
		if got := h.post("/token", good); got.StatusCode != http.StatusOK {
			t.Errorf("after a request that was malformed: %s", got.text)
		}
	})
}

// RFC 7523, 3.2: when it cannot be told whose an assertion is, nobody is refused for it: 503 with Retry-After.
func TestAServiceWhoseKeysCannotBeFetchedIsAskedToComeBack(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		send := func(path string, v url.Values) (int, string, string) {
			t.Helper()
			resp, err := http.DefaultClient.Do(post(t, h, path, h.assert("away", v).Encode()))
			check(t, err)
			defer func() { _ = resp.Body.Close() }()
			text := make([]byte, 512)
			n, _ := resp.Body.Read(text)
			return resp.StatusCode, resp.Header.Get("Retry-After"), string(text[:n])
		}
		for path, v := range map[string]url.Values{"/token": exchange("code"), "/par": request("away"), "/introspect": {"token": {"t"}}, "/revoke": {"token": {"t"}}} {
			if status, after, text := send(path, v); status != http.StatusServiceUnavailable || after != "30" || !strings.Contains(text, "temporarily_unavailable") {
				t.Errorf("%s: %d, Retry-After %q, %s", path, status, after, text)
			}
		}
		h.write(func(tx *db.Tx) error { return h.store.Disable(tx, "away") })
		check(t, h.registry.Refresh(t.Context()))
		if got := h.post("/token", h.assert("away", exchange("code"))); got.StatusCode != http.StatusUnauthorized {
			t.Errorf("once disabled: %d", got.StatusCode)
		}
	})
}

// RFC 9126, 2.3: requests of one client are limited in number (429) and length (413), and wiped at their end.
func TestPushedRequestsAreLimitedByClientAndLengthAndWipedAtTheirEnd(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		for i := range 60 {
			if p := h.push("service", request("service")); p.status != http.StatusCreated {
				t.Fatalf("%d: %+v", i, p)
			}
		}
		got := h.post("/par", request("service"), "Authorization", basic("service", password))
		if got.StatusCode != http.StatusTooManyRequests || got.Header.Get("Retry-After") == "" {
			t.Errorf("%d %s", got.StatusCode, got.text)
		}
		if p := h.push("other", request("other")); p.status != http.StatusCreated {
			t.Errorf("another service is stopped with it: %+v", p)
		}
		h.clock.Advance(pushed.Preset("").Life)
		check(t, pushed.Requests{}.Purge(t.Context(), h.db))
		var rows, kept int64
		check(t, h.db.Read(t.Context(), func(tx *db.Tx) error {
			return tx.QueryRow(`SELECT COUNT(*), SUM(LENGTH(parameters)) FROM pushed_request WHERE wiped_at IS NOT NULL`).Scan(&rows, &kept)
		}))
		if rows != 61 || kept != 0 {
			t.Errorf("%d rows, %d bytes after their end", rows, kept)
		}
	})
}

// RFC 9126, 2.3: a body that is too long is answered 413.
func TestABodyThatIsTooLongIsRefusedAsThat(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		for size, text := range map[string]string{"a little": strings.Repeat("x", protocol.MaxQuery), "far": strings.Repeat("x", 1<<20)} {
			for _, path := range []string{"/par", "/token", "/introspect", "/revoke", "/authorize", "/userinfo"} {
				got := h.post(path, url.Values{"client_id": {"service"}, "long": {text}})
				if got.StatusCode != http.StatusRequestEntityTooLarge {
					t.Errorf("%s, %s: %d %s", path, size, got.StatusCode, got.text)
				}
			}
		}
		if got := h.browser().authorize(request("service", "long", strings.Repeat("x", protocol.MaxQuery))); got.StatusCode != http.StatusRequestURITooLong {
			t.Errorf("an address: %d", got.StatusCode)
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

// RFC 9449, 4.2: names of claims are exact, and none comes twice.
// RFC 9101, 4: names of claims of a request object are exact.
func TestNamesInProofsAndObjectsAreExact(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		b, _ := h.agreed("service", "strict")
		k := h.holder()
		for _, claim := range []string{"jti", "htm", "htu", "iat"} {
			upper := map[string]any{"jti": secret.NewToken(), "htm": "POST", "htu": h.issuer + "/token", "iat": h.clock.Now().Unix()}
			upper[strings.ToUpper(claim)] = upper[claim]
			delete(upper, claim)
			out, err := k.key.SignWithKey("dpop+jwt", upper)
			check(t, err)
			if tok, _ := k.tokens(h, "service", b.code("service"), out); tok.Error != "invalid_dpop_proof" {
				t.Errorf("%s in upper case: %+v", claim, tok)
			}
			both := map[string]any{"jti": secret.NewToken(), "htm": "POST", "htu": h.issuer + "/token", "iat": h.clock.Now().Unix()}
			both[strings.ToUpper(claim)] = both[claim]
			out, err = k.key.SignWithKey("dpop+jwt", both)
			check(t, err)
			if tok, _ := k.tokens(h, "service", b.code("service"), out); tok.Error != "invalid_dpop_proof" {
				t.Errorf("%s twice: %+v", claim, tok)
			}
		}
		for _, claim := range []string{"aud", "exp", "nbf"} {
			claims := objectClaims(h, "strict")
			claims[strings.ToUpper(claim)] = claims[claim]
			delete(claims, claim)
			got := b.get("/authorize?" + inObject("strict", object(t, signingKey, "oauth-authz-req+jwt", claims)).Encode())
			if got.StatusCode != http.StatusBadRequest {
				t.Errorf("%s of a request object in upper case: %d", claim, got.StatusCode)
			}
		}
	})
}

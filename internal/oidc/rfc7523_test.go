package oidc_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"parvis/internal/db"
	"parvis/internal/db/dbtest"
	"parvis/internal/oidc/protocol"
)

// RFC 7523, 3: an assertion is good once.
// OIDC Core, 9: private_key_jwt.
func TestAClientAssertionIsGoodOnceOnOneNode(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		second := open(t, dbtest.Second(t, h.db, dbtest.WithClock(h.clock.Now)), h.clock, h)
		b, _ := h.agreed("signed")
		assertion := sign(t, signingKey, assertionClaims(h))
		if tok := h.asClient("", signed(b.code("signed"), assertion)); tok.status != http.StatusOK {
			t.Fatalf("%+v", tok)
		}
		for name, node := range map[string]*house{"the same node": h, "another node": second} {
			if tok := node.asClient("", signed(b.code("signed"), assertion)); tok.status != 401 || tok.Error != "invalid_client" {
				t.Errorf("replay at %s: %+v", name, tok)
			}
		}
	})
}

// RFC 7523, 3: an assertion is signed with a key of its client by an algorithm that is allowed.
func TestNoForgedAssertionOrHintIsBelieved(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		b, _ := h.agreed("signed", "service")
		code := b.code("signed")
		for name, forged := range forgeries(t, assertionClaims(h), signingKey.Public()) {
			if tok := h.asClient("", signed(code, forged)); tok.status != 401 || tok.Error != "invalid_client" {
				t.Errorf("assertion %s: %+v", name, tok)
			}
		}
		for name, changes := range map[string][]any{
			"other issuer": {"iss", "service"}, "other subject": {"sub", "service"}, "other audience": {"aud", "https://other.example"},
			"expired": {"exp", h.clock.Now().Unix()}, "no jti": {"jti", ""}, "from the future": {"iat", h.clock.Now().Add(time.Hour).Unix()},
		} {
			if tok := h.asClient("", signed(code, sign(t, signingKey, assertionClaims(h, changes...)))); tok.status != 401 {
				t.Errorf("assertion %s: %+v", name, tok)
			}
		}
		if tok := h.asClient("", signed(code, sign(t, signingKey, assertionClaims(h)))); tok.status != http.StatusOK {
			t.Errorf("the code was spent by a refused client: %+v", tok)
		}
		hint := map[string]any{"iss": h.issuer, "sub": "x", "aud": "service", "exp": h.clock.Now().Add(time.Hour).Unix()}
		hints := forgeries(t, hint, signingKey.Public())
		hints["a client's key"] = sign(t, signingKey, hint)
		for name, forged := range hints {
			if got := b.authorize(request("service", "id_token_hint", forged)).answer(t).Get("error"); got != "invalid_request" {
				t.Errorf("hint %s: %q", name, got)
			}
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

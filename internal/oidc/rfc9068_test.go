package oidc_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"parvis/internal/db"
	"parvis/internal/db/dbtest"
	"parvis/internal/jose"
	"parvis/internal/oidc/claim"
	"parvis/internal/oidc/protocol"
	"parvis/internal/relyingparty"
)

// RFC 9068, 2.1 and 2.2: the token is typed at+jwt and says iss, sub, aud, exp, iat, jti, client_id, scope, auth_time, acr and amr.
// RFC 9068, 6: its subject is the one by which this service knows the person, and it says nothing else about them.
func TestAReadableTokenSaysWhatItsResourceNeeds(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		b, _ := h.resourceful()
		tok := h.ask("office", exchange(b.authorize(wanting(request("office"), charts)).answer(t).Get("code")))
		access := tok["access_token"].(string)
		payload, head, err := h.keyring.Set().Verify(access, jose.RS256)
		if err != nil || head.Type != "at+jwt" {
			t.Fatalf("%v %v", head, err)
		}
		claims, idToken, now := h.claims(access, "RS256"), h.claims(tok["id_token"].(string), "RS256"), float64(h.clock.Now().Unix())
		for name, want := range map[string]any{
			"iss": h.issuer, "sub": idToken["sub"], "aud": charts, "client_id": "office", "scope": "openid email", "iat": now, "exp": now + 300,
			"auth_time": idToken["auth_time"], "acr": idToken["acr"],
		} {
			if claims[name] != want {
				t.Errorf("%s: %v, want %v", name, claims[name], want)
			}
		}
		if claims["jti"] == nil || claims["email"] != nil || claims["sid"] != nil || tok["expires_in"] != float64(300) || idToken["at_hash"] != protocol.LeftHash(access) {
			t.Errorf("%s %v", payload, tok)
		}
		if out := h.told(access); out["active"] != true || out["aud"] != charts || out["sub"] != idToken["sub"] {
			t.Errorf("introspection: %v", out)
		}
		if out := h.told(claims["jti"]); out["active"] != false {
			t.Error("its jti is a token")
		}
		itself := h.claims(h.ask("office", wanting(own(), charts))["access_token"].(string), "RS256")
		if itself["sub"] != "office" || itself["auth_time"] != nil || itself["acr"] != nil || itself["scope"] != "permits.read" {
			t.Errorf("for itself: %v", itself)
		}
	})
}

// RFC 9068, 4: who verifies it looks at its type, so that an ID token is no access token, and the other way round.
func TestAReadableTokenIsCheckedAgainstWhatIsKeptOfIt(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		second := open(t, dbtest.Second(t, h.db, dbtest.WithClock(h.clock.Now)), h.clock, h)
		b, a := h.resourceful()
		give := func() string {
			return h.ask("office", exchange(b.authorize(wanting(request("office"), charts, h.issuer)).answer(t).Get("code")))["access_token"].(string)
		}
		h.write(func(tx *db.Tx) error {
			s, err := h.store.Settings(tx, "office")
			if err == nil {
				s.AccessTokens = "jwt"
				err = h.store.Update(tx, s)
			}
			return err
		})
		check(t, h.registry.Refresh(t.Context()))
		check(t, second.registry.Refresh(t.Context()))
		access := give()
		if _, status := second.userinfo(access); status != http.StatusOK {
			t.Fatalf("userinfo %d", status)
		}
		head, rest, _ := strings.Cut(access, ".")
		payload, signature, _ := strings.Cut(rest, ".")
		other := give()
		for name, changed := range map[string]string{
			"no signature":      head + "." + payload + ".",
			"another signature": head + "." + payload + "." + other[strings.LastIndex(other, ".")+1:],
			"another payload":   head + "." + strings.Split(other, ".")[1] + "." + signature,
		} {
			if _, status := second.userinfo(changed); status != http.StatusUnauthorized {
				t.Errorf("%s: %d", name, status)
			}
		}
		if got := b.authorize(request("office", "id_token_hint", access, "prompt", "none")).answer(t); got.Get("error") == "" {
			t.Errorf("it is a hint: %v", got)
		}
		if _, status := h.call("/revoke", "office", url.Values{"token": {access}}); status != http.StatusOK {
			t.Fatal(status)
		}
		if _, status := second.userinfo(access); status != http.StatusUnauthorized {
			t.Errorf("revoked: %d", status)
		}
		if out := second.told(access); out["active"] != false {
			t.Errorf("revoked: %v", out)
		}
		h.write(func(tx *db.Tx) error { return h.grants.EndConnection(tx, a, "office") })
		if _, status := second.userinfo(other); status != http.StatusUnauthorized {
			t.Errorf("disconnected: %d", status)
		}
		last := give()
		h.clock.Advance(5 * time.Minute)
		if _, status := h.userinfo(last); status != http.StatusUnauthorized {
			t.Errorf("after five minutes: %d", status)
		}
	})
}

// RFC 9068, 2.1: a token is never unsigned, and the key that its kid names is among the published ones.
// RFC 9068, 3: a token for no resource in particular is for the issuer.
// RFC 9068, 5: what a service is given for itself has a sub that no person has.
// RFC 9068, 2.2: every token has a jti of its own, and that of a confirmation is a JWT, too.
// RFC 8707, 2.2: what was confirmed for no resource gives no token for one, and that spends nothing.
func TestEachGrantGivesReadableTokensToWhoReadsThem(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		h.enroll("reader", func(s *relyingparty.Settings) {
			s.AccessTokens, s.GrantTypes, s.OwnScopes = "jwt", append(s.GrantTypes, "client_credentials", protocol.GrantCIBA), []string{"permits.read"}
		})
		a := h.person("anna@example.org")
		h.consent(a, "reader", claim.Email, claim.ScopeOffline)
		b := h.browser()
		b.signIn(a, "")
		b.known()
		first := h.first(b, "reader")
		given := map[string]any{"a code": first["access_token"], "a renewal": h.again("reader", first["refresh_token"])["access_token"], "itself": h.ask("reader", own())["access_token"]}
		code, name := h.asks("reader")
		b.says(b.opens(name), "allow")
		poll := url.Values{"grant_type": {protocol.GrantCIBA}, "auth_req_id": {code}}
		if out := h.ask("reader", wanting(poll, h.issuer)); out["error"] != "invalid_target" {
			t.Errorf("for a resource: %v", out)
		}
		poll.Del("resource")
		h.clock.Advance(10 * time.Second)
		given["a confirmation"] = h.ask("reader", poll)["access_token"]
		published, seen := h.browser().get("/jwks.json").text, map[any]bool{}
		for name, token := range given {
			text, _ := token.(string)
			payload, head, err := h.keyring.Set().Verify(text, jose.RS256)
			if err != nil || head.Type != "at+jwt" || !strings.Contains(published, `"kid":"`+head.KeyID+`"`) || head.KeyID == "" {
				t.Fatalf("%s: %v %+v %s", name, err, head, text)
			}
			claims := h.claims(text, jose.RS256)
			if claims["aud"] != h.issuer || claims["client_id"] != "reader" || (claims["sub"] == "reader") != (name == "itself") || seen[claims["jti"]] || claims["exp"].(float64)-claims["iat"].(float64) > 300 {
				t.Errorf("%s: %s", name, payload)
			}
			seen[claims["jti"]] = true
			if out := h.told(text); out["active"] != true || out["scope"] != claims["scope"] {
				t.Errorf("%s: %v", name, out)
			}
		}
	})
}

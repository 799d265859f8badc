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
	"parvis/internal/oidc/protocol"
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

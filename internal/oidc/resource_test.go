package oidc_test

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"parvis/internal/db"
	"parvis/internal/db/dbtest"
	"parvis/internal/id"
	"parvis/internal/jose"
	"parvis/internal/oidc/claim"
	"parvis/internal/oidc/protocol"
	"parvis/internal/relyingparty"
)

const (
	permits = "https://permits.example/api"  // asks us about its tokens
	charts  = "https://maps.example/api/"    // reads its tokens
	tiles   = "urn:example:tiles"            // reads them, too
	nowhere = "https://permits.example/api/" // not registered: another byte
)

// resourceful is a browser of a person who lets an office with resources go on while they are away.
func (h *house) resourceful() (*browser, id.Account) {
	h.t.Helper()
	h.enroll("office", func(s *relyingparty.Settings) {
		s.GrantTypes = append(s.GrantTypes, "client_credentials")
		s.OwnScopes = []string{"permits.read"}
		s.Resources = []relyingparty.Resource{{URI: permits}, {URI: charts, AccessTokens: "jwt"}, {URI: tiles, AccessTokens: "jwt"}}
	})
	a := h.person("anna@example.org")
	h.consent(a, "office", claim.Email, claim.ScopeOffline)
	b := h.browser()
	b.signIn(a, "")
	return b, a
}

// wanting are the parameters of a request for resources.
func wanting(v url.Values, resources ...string) url.Values {
	v["resource"] = resources
	return v
}

func (h *house) told(token any) map[string]any {
	h.t.Helper()
	out, _ := h.call("/introspect", "gateway", url.Values{"token": {token.(string)}})
	return out
}

// RFC 8707, 2 and 2.1: resource names, once or several times, whom the token is for; what is not registered is invalid_target.
func TestATokenIsForTheResourcesThatWereAskedFor(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		b, _ := h.resourceful()
		for _, bad := range []string{nowhere, "permits", strings.ToUpper(permits), permits + "#x", permits + " " + nowhere} {
			got := b.authorize(wanting(request("office"), permits, bad)).answer(t)
			if got.Get("error") != "invalid_target" || got.Get("code") != "" {
				t.Errorf("%s: %v", bad, got)
			}
			if out, status := h.call("/par", "office", wanting(request("office"), bad)); status != http.StatusBadRequest || out["error"] != "invalid_target" {
				t.Errorf("pushed: %s: %d %v", bad, status, out)
			}
			if out := h.ask("office", wanting(own(), bad)); out["error"] != "invalid_target" {
				t.Errorf("for itself: %s: %v", bad, out)
			}
		}
		code := b.authorize(wanting(request("office"), permits, tiles)).answer(t).Get("code")
		tok := h.ask("office", exchange(code))
		if aud, _ := h.told(tok["access_token"])["aud"].([]any); !slices.Equal(aud, []any{permits, tiles}) {
			t.Errorf("%v", h.told(tok["access_token"]))
		}
		if strings.Contains(tok["access_token"].(string), ".") {
			t.Error("a token is a JWT for who cannot read it")
		}
		if tok = h.ask("office", wanting(own(), permits)); h.told(tok["access_token"])["aud"] != permits {
			t.Errorf("for itself: %v", h.told(tok["access_token"]))
		}
		if aud, ok := h.told(h.ask("office", exchange(b.code("office")))["access_token"])["aud"]; ok {
			t.Errorf("for none in particular: %v", aud)
		}
		out, status := h.call("/par", "office", wanting(request("office"), charts, tiles))
		if status != http.StatusCreated {
			t.Fatalf("%d %v", status, out)
		}
		code = b.authorize(url.Values{"client_id": {"office"}, "request_uri": {out["request_uri"].(string)}}).answer(t).Get("code")
		if tok = h.ask("office", exchange(code)); strings.Count(tok["access_token"].(string), ".") != 2 {
			t.Errorf("pushed, for two that read their tokens: %v", tok)
		}
	})
}

// RFC 8707, 2.2: a token request names some of the resources of its grant, never others.
// RFC 8707, 3: a token for another resource is worth nothing at userinfo.
func TestATokenIsNeverForMoreThanItsGrant(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		b, _ := h.resourceful()
		code := func(resources ...string) string {
			return b.authorize(wanting(request("office", "scope", offline), resources...)).answer(t).Get("code")
		}
		first := code(permits, charts, h.issuer)
		if out := h.ask("office", wanting(exchange(first), tiles)); out["error"] != "invalid_target" {
			t.Errorf("%v", out)
		}
		tok := h.ask("office", wanting(exchange(first), permits)) // the code was not spent by that
		if h.told(tok["access_token"])["aud"] != permits {
			t.Fatalf("%v %v", tok, h.told(tok["access_token"]))
		}
		if _, status := h.userinfo(tok["access_token"].(string)); status != http.StatusUnauthorized {
			t.Errorf("userinfo with a token for permits: %d", status)
		}
		again := url.Values{"grant_type": {"refresh_token"}, "refresh_token": {tok["refresh_token"].(string)}}
		if out := h.ask("office", wanting(again, tiles)); out["error"] != "invalid_target" {
			t.Errorf("%v", out)
		}
		mine := h.ask("office", wanting(again, h.issuer))
		if claims, status := h.userinfo(mine["access_token"].(string)); status != http.StatusOK || claims["email"] != "anna@example.org" {
			t.Errorf("userinfo with a token for the issuer: %d %v", status, claims)
		}
		delete(again, "resource")
		all := h.ask("office", again)
		if aud, _ := h.told(all["access_token"])["aud"].([]any); !slices.Equal(aud, []any{permits, charts, h.issuer}) {
			t.Errorf("%v", h.told(all["access_token"]))
		}
		for _, none := range []string{permits, h.issuer} {
			if out := h.ask("office", wanting(exchange(code()), none)); out["error"] != "invalid_target" {
				t.Errorf("a grant for no resource gives a token for %s: %v", none, out)
			}
		}
		// What is registered no longer is no reason for a token that is good everywhere.
		h.write(func(tx *db.Tx) error {
			s, err := h.store.Settings(tx, "office")
			if err == nil {
				s.Resources = nil
				err = h.store.Update(tx, s)
			}
			return err
		})
		check(t, h.registry.Refresh(t.Context()))
		if aud, _ := h.told(h.ask("office", again)["access_token"])["aud"].([]any); len(aud) != 3 {
			t.Errorf("after the registration changed: %v", aud)
		}
	})
}

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

// RFC 9449, 6.1: a token that others read names its key.
func TestAReadableTokenNamesTheKeyThatItIsBoundTo(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		b, _ := h.resourceful()
		k := h.holder()
		code := b.authorize(wanting(request("office"), charts)).answer(t).Get("code")
		tok := h.ask("office", exchange(code), k.proof("POST", "/token"))
		thumbprint, err := jose.Thumbprint(k.key.Key().Public())
		check(t, err)
		cnf, _ := h.claims(tok["access_token"].(string), "RS256")["cnf"].(map[string]any)
		if tok["token_type"] != "DPoP" || cnf["jkt"] != thumbprint {
			t.Errorf("%v %v", tok, cnf)
		}
	})
}

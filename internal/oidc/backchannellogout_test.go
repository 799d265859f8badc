package oidc_test

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"parvis/internal/audit"
	"parvis/internal/db"
	"parvis/internal/id"
	"parvis/internal/jose"
	"parvis/internal/relyingparty"
	"parvis/internal/session"
	"parvis/internal/web/kit"
)

// OIDC Back-Channel Logout, 2.4: a logout token has iss, aud, iat, exp, jti, events, sub and sid, and no nonce.
// OIDC Back-Channel Logout, 2.4: typ is logout+jwt, and exp at most two minutes ahead.
// OIDC Back-Channel Logout, 2.5: it is posted, form-encoded, as logout_token.
// OIDC Back-Channel Logout, 2.6: it is signed with the algorithm of the service's ID tokens.
// OIDC Back-Channel Logout, 2.1: the ID tokens of a session have the same sid.
func TestEachServiceOfASessionIsToldOfItsEnd(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		first, second := newTold(t), newTold(t)
		h.registers("first", first, nil)
		h.registers("second", second, func(s *relyingparty.Settings) { s.IDTokenAlg = "ES256" })
		b, _ := h.agreed("first", "second", "service")
		ids := map[string]string{}
		for _, client := range []string{"first", "second", "service"} {
			ids[client] = h.asClient(client, exchange(b.code(client))).ID
		}
		if to := b.logout("id_token_hint", ids["first"], "post_logout_redirect_uri", landing).Header.Get("Location"); to != landing {
			t.Fatalf("to %q", to)
		}
		h.tell()
		seen := map[any]bool{}
		for client, c := range map[string]struct {
			at  *told
			alg jose.Algorithm
		}{"first": {first, jose.RS256}, "second": {second, jose.ES256}} {
			got := c.at.take(t)
			if len(got) != 1 {
				t.Fatalf("%s was told %d times", client, len(got))
			}
			_, head, err := h.keyring.Set().Verify(got[0], c.alg)
			if err != nil || head.Type != "logout+jwt" {
				t.Errorf("%s: %+v %v", client, head, err)
			}
			claims, of := h.claims(got[0], c.alg), h.claims(ids[client], c.alg)
			if claims["iss"] != h.issuer || claims["aud"] != client || claims["sub"] != of["sub"] || claims["sid"] != of["sid"] || of["sid"] == "" || claims["jti"] == "" {
				t.Errorf("%s: %v of %v", client, claims, of)
			}
			iat, exp := claims["iat"].(float64), claims["exp"].(float64)
			if int64(iat) != h.clock.Now().Unix() || exp-iat > 120 || exp <= iat {
				t.Errorf("%s: from %v to %v", client, iat, exp)
			}
			events, _ := claims["events"].(map[string]any)
			if about, is := events["http://schemas.openid.net/event/backchannel-logout"].(map[string]any); !is || len(about) != 0 || len(events) != 1 {
				t.Errorf("%s: events %v", client, claims["events"])
			}
			if _, has := claims["nonce"]; has {
				t.Errorf("%s: a nonce", client)
			}
			seen[claims["sid"]], seen[claims["jti"]], seen[claims["sub"]] = true, true, true
		}
		if len(seen) != 6 {
			t.Error("two services can compare people by what they are told")
		}
		h.tell()
		if n := len(first.take(t)) + len(second.take(t)); n != 0 {
			t.Errorf("told again %d times", n)
		}
		if h.count(`SELECT COUNT(*) FROM logout_notice`) != 0 || h.count(`SELECT COUNT(*) FROM session_party`) != 0 {
			t.Error("something of the session is kept")
		}
	})
}

// OIDC Back-Channel Logout, 2.4: nothing else is taken for a logout token, and it for nothing else.
func TestALogoutTokenIsNoHintAndNoToken(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		at := newTold(t)
		h.registers("first", at, nil)
		b, a := h.agreed("first")
		b.code("first")
		h.write(func(tx *db.Tx) error { _, err := h.sessions.EndAll(tx, a, "", session.Revoked); return err })
		h.tell()
		got := at.take(t)
		if len(got) != 1 {
			t.Fatalf("told %d times", len(got))
		}
		b.signIn(a, "")
		if r := b.logout("id_token_hint", got[0], "post_logout_redirect_uri", landing); r.StatusCode != http.StatusBadRequest || !b.live() {
			t.Errorf("as a hint: %d, live %v", r.StatusCode, b.live())
		}
		if _, status := h.userinfo(got[0]); status != http.StatusUnauthorized {
			t.Errorf("as a token: %d", status)
		}
	})
}

// OIDC Back-Channel Logout, 2.3: the end of a session by whatever way is told, with the session's sid.
func TestWhateverEndsASessionIsTold(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		at := newTold(t)
		h.registers("first", at, nil)
		a := h.person("anna@example.org")
		h.consent(a, "first", "email")
		other := h.person("second@example.org")
		for name, c := range map[string]struct {
			end  func(tx *db.Tx, b *browser, s id.Session) error
			want int
		}{
			"signing out": {func(tx *db.Tx, _ *browser, s id.Session) error {
				_, err := h.sessions.End(tx, s, session.SignedOut)
				return err
			}, 1},
			"one on the page of sessions": {func(tx *db.Tx, _ *browser, s id.Session) error {
				_, err := h.sessions.EndOne(tx, a, s, session.Revoked)
				return err
			}, 1},
			"all of them": {func(tx *db.Tx, _ *browser, _ id.Session) error {
				_, err := h.sessions.EndAll(tx, a, "", session.Revoked)
				return err
			}, 1},
			"all but this one": {func(tx *db.Tx, _ *browser, s id.Session) error {
				_, err := h.sessions.EndAll(tx, a, s, session.Revoked)
				return err
			}, 0},
			"the account's": {func(tx *db.Tx, _ *browser, _ id.Session) error { return h.sessions.Erase(tx, a) }, 1},
			"another person signs in": {func(tx *db.Tx, b *browser, _ id.Session) error {
				_, err := h.sessions.Reauthenticate(tx, b.cookies[kit.SessionCookie], session.Prepare(other, b.facts()))
				return err
			}, 1},
			"the same person signs in anew": {func(tx *db.Tx, b *browser, _ id.Session) error {
				_, err := h.sessions.Reauthenticate(tx, b.cookies[kit.SessionCookie], session.Prepare(a, b.facts()))
				return err
			}, 0},
			"by itself": {func(*db.Tx, *browser, id.Session) error {
				h.clock.Advance(25 * time.Hour)
				return nil
			}, 0},
		} {
			b := h.browser()
			s := b.signIn(a, "")
			claims := h.claims(h.asClient("first", exchange(b.code("first"))).ID, jose.RS256)
			h.write(func(tx *db.Tx) error { return c.end(tx, b, s) })
			h.tell()
			got := at.take(t)
			if len(got) != c.want {
				t.Errorf("%s: told %d times, want %d", name, len(got), c.want)
			}
			if len(got) == 1 && h.claims(got[0], jose.RS256)["sid"] != claims["sid"] {
				t.Errorf("%s: told of another session", name)
			}
			h.write(func(tx *db.Tx) error { _, err := h.sessions.EndAll(tx, a, "", session.Revoked); return err })
			h.tell()
			if rest := at.take(t); len(rest) != 1-c.want { // also what ended by itself is told to who signs out everywhere
				t.Errorf("%s: told %d times afterwards", name, len(rest))
			} else if len(rest) == 1 && h.claims(rest[0], jose.RS256)["sid"] != claims["sid"] {
				t.Errorf("%s: afterwards told of a session that the service does not know", name)
			}
		}
	})
}

// OIDC Back-Channel Logout, 2.8: a service that fails is told again with a new token, one that refuses is not.
func TestAServiceThatDoesNotAnswerIsToldAgainAndNotForEver(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		at := newTold(t)
		h.registers("first", at, nil)
		b, a := h.agreed("first")
		end := func() {
			b.signIn(a, "")
			b.code("first")
			h.write(func(tx *db.Tx) error { _, err := h.sessions.EndAll(tx, a, "", session.Revoked); return err })
		}
		untold := func(reason string) int64 {
			return h.count(`SELECT COUNT(*) FROM audit_event WHERE name = $1 AND relying_party = $2 AND reason = $3 AND account IS NULL`, audit.LogoutUntold, "first", reason)
		}

		at.answer(http.StatusServiceUnavailable)
		end()
		h.tell()
		h.tell() // not due yet
		first := at.take(t)
		if len(first) != 1 {
			t.Fatalf("told %d times", len(first))
		}
		at.answer(http.StatusNoContent)
		h.clock.Advance(7 * time.Second)
		h.tell()
		again := at.take(t)
		if len(again) != 1 || h.claims(again[0], jose.RS256)["jti"] == h.claims(first[0], jose.RS256)["jti"] {
			t.Errorf("again: %d, with a new token", len(again))
		}
		h.clock.Advance(time.Hour)
		h.tell()
		if n := len(at.take(t)); n != 0 || h.count(`SELECT COUNT(*) FROM logout_notice`) != 0 {
			t.Errorf("after that %d times", n)
		}

		at.answer(http.StatusBadRequest)
		end()
		h.tell()
		h.clock.Advance(time.Hour)
		h.tell()
		if n := len(at.take(t)); n != 1 || untold("400") != 1 {
			t.Errorf("one that refuses was told %d times, %d events", n, untold("400"))
		}

		at.answer(http.StatusFound) // a redirect is not followed
		end()
		tries := 0
		for range 200 {
			h.tell()
			tries += len(at.take(t))
			h.clock.Advance(10 * time.Minute)
		}
		if tries < 20 || tries > 120 || untold("302") != 1 || h.count(`SELECT COUNT(*) FROM logout_notice`) != 0 {
			t.Errorf("told %d times in twelve hours, %d events", tries, untold("302"))
		}
	})
}

// OIDC Back-Channel Logout, 2.2: backchannel_logout_uri is absolute, https and without a fragment.
func TestABackChannelAddressIsAPlainOne(t *testing.T) {
	for uri, good := range map[string]bool{
		"https://service.example/logout": true, "https://service.example/logout?x=1": true, "http://127.0.0.1:8080/logout": true,
		"http://service.example/logout": false, "https://service.example/logout#x": false, "/logout": false, "https://u:p@service.example/": false, "javascript:alert(1)": false,
	} {
		s := parties()[0]
		s.BackchannelLogoutURI = uri
		problems := s.Problems()
		if (len(problems) == 0) != good || !good && !slices.ContainsFunc(problems, func(p string) bool { return strings.Contains(p, "backchannel_logout_uri") }) {
			t.Errorf("%s: %v", uri, problems)
		}
	}
	s := parties()[0]
	s.BackchannelLogoutSession = true
	if len(s.Problems()) != 1 {
		t.Error("a session is required of nothing")
	}
}

// OIDC Back-Channel Logout, 2.1: the discovery document says that it is supported, with sid.
func TestDiscoverySaysThatServicesAreTold(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		var out map[string]any
		h.document("/.well-known/openid-configuration", &out)
		for _, name := range []string{"backchannel_logout_supported", "backchannel_logout_session_supported"} {
			if out[name] != true {
				t.Errorf("%s is %v", name, out[name])
			}
		}
		if u, err := url.Parse(out["end_session_endpoint"].(string)); err != nil || u.Path != "/logout" {
			t.Errorf("%v", out["end_session_endpoint"])
		}
	})
}

// OIDC Back-Channel Logout, 2.4: a logout token is encrypted for a service whose ID tokens are.
func TestALogoutTokenIsEncryptedWhereIDTokensAre(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		key, err := jose.Generate(jose.RS256)
		check(t, err)
		reader, err := jose.NewDecrypter(key)
		check(t, err)
		raw, err := reader.JSON()
		check(t, err)
		at := newTold(t)
		h.registers("first", at, func(s *relyingparty.Settings) { s.JWKS, s.IDTokenKeyAlg = string(raw), "RSA-OAEP-256" })
		b, a := h.agreed("first")
		b.code("first")
		h.write(func(tx *db.Tx) error { _, err := h.sessions.EndAll(tx, a, "", session.Revoked); return err })
		h.tell()
		got := at.take(t)
		if len(got) != 1 || !jose.Encrypted(got[0]) {
			t.Fatalf("told %d times, or for everybody to read", len(got))
		}
		inside, err := reader.Decrypt(got[0])
		check(t, err)
		if claims := h.claims(inside, jose.RS256); claims["aud"] != "first" || claims["sid"] == "" {
			t.Errorf("%v", claims)
		}
	})
}

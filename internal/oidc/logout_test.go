package oidc_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"parvis/internal/db"
	"parvis/internal/session"
	"parvis/internal/web/kit"
)

// tx is short for the transactions of these tests.
type tx = db.Tx

// live reports whether the browser's session counts.
func (b *browser) live() bool {
	b.h.t.Helper()
	alive := false
	b.h.write(func(tx *tx) error {
		s, err := b.h.sessions.Find(tx, b.cookies[kit.SessionCookie])
		alive = s.Live()
		return err
	})
	return alive
}

func (b *browser) logout(pairs ...string) reply {
	b.h.t.Helper()
	v := url.Values{}
	for i := 0; i+1 < len(pairs); i += 2 {
		v.Add(pairs[i], pairs[i+1])
	}
	return b.get("/logout?" + v.Encode())
}

// OIDC RP-Initiated Logout, 2: an ID token of the very session ends it without a question.
// OIDC RP-Initiated Logout, 3: the browser goes to the registered post_logout_redirect_uri with state.
func TestAServiceOfTheLiveSessionSignsOutStraight(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		b, _ := h.agreed("service")
		hint := h.asClient("service", exchange(b.code("service"))).ID
		got := b.logout("id_token_hint", hint, "post_logout_redirect_uri", landing, "state", "a&b")
		if got.Header.Get("Location") != landing+"?state=a%26b" || got.StatusCode != http.StatusSeeOther {
			t.Errorf("%d %s", got.StatusCode, got.Header.Get("Location"))
		}
		if b.live() || b.cookies[kit.SessionCookie] != "" {
			t.Error("the session or its cookie is still there")
		}
	})
}

// OIDC RP-Initiated Logout, 2: without a hint that is proof the person is asked, and may stay.
func TestWithoutProofThePersonIsAskedAndCanStay(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		b, a := h.agreed("service", "other")
		old := h.asClient("service", exchange(b.code("service"))).ID
		b.signIn(a, "") // another session: the hint proves nothing about it
		for name, pairs := range map[string][]string{
			"no hint":                  {"client_id", "service", "post_logout_redirect_uri", landing},
			"hint of an older session": {"id_token_hint", old, "post_logout_redirect_uri", landing},
			"nothing at all":           nil,
		} {
			fid := b.logout(pairs...).flow(t)
			if !b.live() {
				t.Fatalf("%s: signed out without a question", name)
			}
			if to := b.get("/logout/finish/" + string(fid)).Header.Get("Location"); to != "/signin/"+string(fid) {
				t.Errorf("%s: the question can be skipped: %s", name, to)
			}
		}
		fid := b.logout("client_id", "service", "post_logout_redirect_uri", landing, "state", "s").flow(t)
		h.write(func(tx *tx) error { // the person says yes on the page
			s, err := h.sessions.Find(tx, b.cookies[kit.SessionCookie])
			if err != nil {
				return err
			}
			_, err = h.sessions.End(tx, s.ID, session.SignedOut)
			return err
		})
		if to := b.get("/logout/finish/" + string(fid)).Header.Get("Location"); to != landing+"?state=s" {
			t.Errorf("afterwards: %s", to)
		}
		if to := b.get("/logout/finish/" + string(fid)).Header.Get("Location"); to != "/signed-out" {
			t.Errorf("the second time: %s", to)
		}
	})
}

func TestWithoutASessionNothingIsAsked(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		b := h.browser()
		if to := b.logout().Header.Get("Location"); to != "/signed-out" {
			t.Error(to)
		}
		if to := b.logout("client_id", "service", "post_logout_redirect_uri", landing).Header.Get("Location"); to != landing {
			t.Error(to)
		}
	})
}

// OIDC RP-Initiated Logout, 2: the request may come by GET or POST.
func TestASignOutByPostGoesOnByGet(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		b, _ := h.agreed("service")
		hint := h.asClient("service", exchange(b.code("service"))).ID
		v := url.Values{"id_token_hint": {hint}, "post_logout_redirect_uri": {landing}}
		got := b.do(http.MethodPost, "/logout", v, "Origin", "https://service.example", "Sec-Fetch-Site", "cross-site")
		if len(got.Cookies()) > 0 || !b.live() {
			t.Error("the POST itself changed something")
		}
		if to := b.get(got.Header.Get("Location")).Header.Get("Location"); to != landing || b.live() {
			t.Errorf("%s, live %v", to, b.live())
		}
		empty := b.do(http.MethodPost, "/logout", nil)
		if to := b.get(empty.Header.Get("Location")).Header.Get("Location"); to != "/signed-out" {
			t.Errorf("an empty POST: %s", to)
		}
	})
}

// OIDC RP-Initiated Logout, 3: to an address that is not registered nobody is sent.
// OIDC RP-Initiated Logout, 2: client_id and the audience of the hint are the same service.
func TestABadSignOutRequestEndsNothingAndLeadsNowhere(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		b, _ := h.agreed("service", "other")
		hint := h.asClient("service", exchange(b.code("service"))).ID
		for name, pairs := range map[string][]string{
			"address without a client":  {"post_logout_redirect_uri", landing},
			"unknown client":            {"client_id", "nobody", "post_logout_redirect_uri", landing},
			"foreign address":           {"client_id", "service", "post_logout_redirect_uri", "https://evil.example/"},
			"redirect address":          {"client_id", "service", "post_logout_redirect_uri", callback},
			"address and more":          {"client_id", "service", "post_logout_redirect_uri", landing + "?x=1"},
			"javascript":                {"client_id", "service", "post_logout_redirect_uri", "javascript:alert(1)"},
			"broken hint":               {"id_token_hint", hint[:len(hint)-3], "post_logout_redirect_uri", landing},
			"hint of another client":    {"id_token_hint", hint, "client_id", "other", "post_logout_redirect_uri", landing},
			"address twice":             {"client_id", "service", "post_logout_redirect_uri", landing, "post_logout_redirect_uri", landing},
			"state of three kilobytes":  {"client_id", "service", "post_logout_redirect_uri", landing, "state", strings.Repeat("s", 3000)},
			"hint of twenty kilobytes":  {"id_token_hint", strings.Repeat("x", 20_000)},
			"a state that is not UTF-8": {"client_id", "service", "state", "\xff"},
		} {
			got := b.logout(pairs...)
			if got.StatusCode != http.StatusBadRequest || got.Header.Get("Location") != "" || !b.live() {
				t.Errorf("%s: %d %s, live %v", name, got.StatusCode, got.Header.Get("Location"), b.live())
			}
		}
	})
}

func TestAServiceSignsOutWhatWasSetAside(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		alive := func(token string) bool {
			live := false
			h.write(func(tx *tx) error {
				s, err := h.sessions.Find(tx, token)
				live = s.Live()
				return err
			})
			return live
		}
		_, a := h.agreed("service")
		// aside is a browser whose session was set aside to merge another account.
		aside := func() (b *browser, held, hint string) {
			b = h.browser()
			b.signIn(a, "")
			hint = h.asClient("service", exchange(b.code("service"))).ID
			held = b.cookies[kit.SessionCookie]
			b.cookies[kit.HeldCookie] = held
			delete(b.cookies, kit.SessionCookie)
			return b, held, hint
		}
		ended := func(name string, b *browser, held, to, want string) {
			t.Helper()
			if to != want || alive(held) || b.cookies[kit.HeldCookie] != "" || b.cookies[kit.SessionCookie] != "" {
				t.Errorf("%s: to %s, held live %v, cookies %v", name, to, alive(held), b.cookies)
			}
		}

		b, held, hint := aside()
		to := b.logout("id_token_hint", hint, "post_logout_redirect_uri", landing).Header.Get("Location")
		ended("alone", b, held, to, landing)

		b, held, _ = aside()
		ended("alone, without a hint", b, held, b.logout().Header.Get("Location"), "/signed-out")

		b, held, hint = aside()
		other := h.person("second@example.org")
		b.signIn(other, "")
		own := b.cookies[kit.SessionCookie]
		if b.logout("client_id", "service").flow(t); !alive(held) || !alive(own) {
			t.Error("signed out without a question")
		}
		to = b.logout("id_token_hint", hint, "post_logout_redirect_uri", landing).Header.Get("Location")
		ended("beside another one", b, held, to, landing)
		if alive(own) {
			t.Error("the other account is still signed in")
		}
	})
}

// OIDC RP-Initiated Logout, 2: ui_locales chooses the language of the pages, and logout_hint changes nothing that is decided.
// OIDC RP-Initiated Logout, 4: an ID token that has expired, also of a session of yesterday, is still a hint.
func TestHintsOfLanguageAndPersonDecideNothing(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		b, _ := h.agreed("service")
		hint := h.asClient("service", exchange(b.code("service"))).ID
		for lang, want := range map[string]string{"fr-CA en": `lang="fr"`, "de en": `lang="en"`, "": `lang="en"`} {
			got := b.logout("id_token_hint", hint, "post_logout_redirect_uri", "https://evil.example/", "ui_locales", lang)
			if got.StatusCode != http.StatusBadRequest || !strings.Contains(got.text, want) {
				t.Errorf("%q: %d without %s", lang, got.StatusCode, want)
			}
		}
		b.logout("client_id", "service", "logout_hint", "somebody@example.org").flow(t)
		h.clock.Advance(20 * time.Minute) // the ID token has expired, the session has not
		if to := b.logout("id_token_hint", hint, "logout_hint", "somebody@example.org", "post_logout_redirect_uri", landing).Header.Get("Location"); to != landing || b.live() {
			t.Errorf("to %q, live %v", to, b.live())
		}
		if to := b.logout("id_token_hint", hint, "post_logout_redirect_uri", landing).Header.Get("Location"); to != landing {
			t.Errorf("with nobody signed in: %q", to)
		}
	})
}

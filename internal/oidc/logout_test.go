package oidc_test

import (
	"net/url"
	"testing"

	"parvis/internal/db"
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

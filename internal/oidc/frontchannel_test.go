package oidc_test

import (
	"html"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"parvis/internal/db"
	"parvis/internal/relyingparty"
	"parvis/internal/secret"
	"parvis/internal/session"
	"parvis/internal/web/kit"
)

const framed = "https://service.example/framed?keep=1"

// framing adds a service that is framed when somebody signs out.
func (h *house) framing(name string, change func(*relyingparty.Settings)) {
	h.t.Helper()
	s := parties()[0]
	s.ID, s.FrontchannelLogoutURI, s.FrontchannelLogoutSession = name, framed, true
	if change != nil {
		change(&s)
	}
	h.write(func(tx *db.Tx) error { return h.store.Create(tx, s, secret.Digest(password)) })
	check(h.t, h.registry.Refresh(h.t.Context()))
}

var (
	frameTag = regexp.MustCompile(`<iframe [^>]*src="([^"]*)"[^>]*>`)
	nextTag  = regexp.MustCompile(`id="continue" href="([^"]*)"`)
)

// frames are what a page frames, and where it goes on.
func (r reply) frames(t *testing.T) (out []*url.URL, next string) {
	t.Helper()
	for _, m := range frameTag.FindAllStringSubmatch(r.text, -1) {
		u, err := url.Parse(html.UnescapeString(m[1]))
		check(t, err)
		if !strings.Contains(m[0], " hidden ") || !strings.Contains(m[0], ` title="`) || !strings.Contains(m[0], `sandbox="allow-scripts allow-same-origin"`) {
			t.Errorf("a frame %s", m[0])
		}
		out = append(out, u)
	}
	if m := nextTag.FindStringSubmatch(r.text); m != nil {
		next = html.UnescapeString(m[1])
	}
	return out, next
}

// Whoever is asked first, or lands nowhere, is shown the same page.
func TestWhoSaysYesIsShownTheServicesToo(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		h.framing("first", nil)
		b, _ := h.agreed("first")
		b.known()
		b.code("first")
		fid := b.logout("client_id", "first", "post_logout_redirect_uri", landing).flow(t)
		h.write(func(tx *db.Tx) error { // as the journey's page does
			s, err := h.sessions.Find(tx, b.cookies[kit.SessionCookie])
			if err != nil {
				return err
			}
			if err := h.visits.Leave(tx, b.digest(), s.ID); err != nil {
				return err
			}
			_, err = h.sessions.End(tx, s.ID, session.SignedOut)
			return err
		})
		to := b.get("/logout/finish/" + string(fid)).Header.Get("Location")
		frames, next := b.get(to).frames(t)
		if len(frames) != 1 || next != landing {
			t.Errorf("%q: %d frames, next %q", to, len(frames), next)
		}
		frames, next = b.get("/logout/services?partner=northland-bank").frames(t)
		if len(frames) != 1 || next != "/signed-out?partner=northland-bank&told=1" {
			t.Errorf("%d frames, next %q", len(frames), next)
		}
	})
}

// What is not of this browser's sign-out is not framed: sessions that end elsewhere, services
// that are disabled or have no address.
func TestOnlyWhatThisBrowserLeftIsFramed(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		h.framing("first", nil)
		h.framing("gone", nil)
		b, a := h.agreed("first", "gone", "service")
		b.known()
		for _, client := range []string{"first", "gone", "service"} {
			b.code(client)
		}
		if to := b.get("/logout/services").Header.Get("Location"); to != "/signed-out?told=1" {
			t.Errorf("who is signed in: %q", to)
		}
		h.write(func(tx *db.Tx) error { return h.store.Disable(tx, "gone") })
		check(t, h.registry.Refresh(t.Context()))
		other := h.browser()
		other.known()
		other.signIn(a, "")
		hint := h.asClient("first", exchange(other.code("first"))).ID
		h.write(func(tx *db.Tx) error { // the owner ends the other one
			s, err := h.sessions.Find(tx, other.cookies[kit.SessionCookie])
			if err != nil {
				return err
			}
			_, err = h.sessions.EndOne(tx, a, s.ID, session.Revoked)
			return err
		})
		if to := other.logout("id_token_hint", hint, "post_logout_redirect_uri", landing).Header.Get("Location"); to != landing {
			t.Errorf("who was signed out elsewhere: %q", to)
		}
		b.logout("client_id", "first").flow(t)
		h.write(func(tx *db.Tx) error {
			s, err := h.sessions.Find(tx, b.cookies[kit.SessionCookie])
			if err != nil {
				return err
			}
			if err := h.visits.Leave(tx, b.digest(), s.ID); err != nil {
				return err
			}
			_, err = h.sessions.End(tx, s.ID, session.SignedOut)
			return err
		})
		frames, _ := b.get("/logout/services").frames(t)
		if len(frames) != 1 || frames[0].Host != "service.example" {
			t.Errorf("framed: %v", frames)
		}
		h.clock.Advance(3 * time.Minute)
		h.write(func(tx *db.Tx) error { _, err := h.visits.Purge(tx, 100); return err })
		if n := h.count(`SELECT COUNT(*) FROM session_party`); n != 0 {
			t.Errorf("%d visits are kept", n)
		}
	})
}

// digest is by what the house knows the browser.
func (b *browser) digest() []byte { return secret.Digest(b.cookies[kit.BrowserCookie]) }

// known gives the browser the secret that our pages give every browser.
func (b *browser) known() { b.cookies[kit.BrowserCookie] = secret.NewToken() }

package oidc_test

import (
	"html"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"parvis/internal/db"
	"parvis/internal/jose"
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

// OIDC Front-Channel Logout, 2: the page frames the address of each service of the session with iss and sid.
// OIDC Front-Channel Logout, 2: a query of the registered address stays.
// OIDC Front-Channel Logout, 3: the sid is that of the session's ID tokens.
// OIDC RP-Initiated Logout, 3: the browser goes to post_logout_redirect_uri when the services were told.
func TestTheBrowserTellsTheServicesBeforeItLands(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		h.framing("first", nil)
		h.framing("second", func(s *relyingparty.Settings) {
			s.RedirectURIs, s.FrontchannelLogoutURI = append(s.RedirectURIs, "https://second.example:8443/cb"), "https://second.example:8443/out"
		})
		b, _ := h.agreed("first", "second", "service")
		b.known()
		sids := map[string]any{}
		hint := ""
		for _, client := range []string{"first", "second", "service"} {
			hint = h.asClient(client, exchange(b.code(client))).ID
			sids[client] = h.claims(hint, jose.RS256)["sid"]
		}
		got := b.logout("id_token_hint", hint, "post_logout_redirect_uri", landing, "state", "a&b")
		to := got.Header.Get("Location")
		if !strings.HasPrefix(to, "/logout/services/") || b.live() {
			t.Fatalf("to %q, live %v", to, b.live())
		}
		page := b.get(to)
		frames, next := page.frames(t)
		if page.StatusCode != http.StatusOK || len(frames) != 2 || next != landing+"?state=a%26b" {
			t.Fatalf("%d, %d frames, next %q", page.StatusCode, len(frames), next)
		}
		for i, client := range []string{"first", "second"} {
			if q := frames[i].Query(); q.Get("iss") != h.issuer || q.Get("sid") != sids[client] || (q.Get("keep") == "1") != (client == "first") {
				t.Errorf("%s: %s", client, frames[i])
			}
		}
		policy := page.Header.Get("Content-Security-Policy")
		if !strings.Contains(policy, "; frame-src https://service.example https://second.example:8443; ") {
			t.Errorf("the policy %s", policy)
		}
		if refresh := page.Header.Get("Refresh"); refresh != "5; url="+next {
			t.Errorf("without scripts: %q", refresh)
		}
		if h.browser().get(to).Header.Get("Location") != "/signed-out?told=1" {
			t.Error("another browser is shown what this one left, or sent where it goes")
		}
		h.clock.Advance(3 * time.Minute)
		if to := b.get(to).Header.Get("Location"); to != landing+"?state=a%26b" {
			t.Errorf("later: %q", to)
		}
	})
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

// OIDC Front-Channel Logout, 2: the address has scheme, host and port of a registered redirect address.
func TestAFrontChannelAddressIsOfTheServicesOwnOrigin(t *testing.T) {
	for uri, good := range map[string]bool{
		"https://service.example/out": true, "https://service.example/out?x=1": true, "https://service.example/out#x": false,
		"https://other.example/out": false, "https://service.example:8443/out": false, "http://service.example/out": false, "javascript:alert(1)": false,
	} {
		s := parties()[0]
		s.FrontchannelLogoutURI = uri
		problems := s.Problems()
		if (len(problems) == 0) != good || !good && !slices.ContainsFunc(problems, func(p string) bool { return strings.Contains(p, "frontchannel_logout_uri") }) {
			t.Errorf("%s: %v", uri, problems)
		}
	}
	s := parties()[0]
	s.FrontchannelLogoutSession = true
	if len(s.Problems()) != 1 {
		t.Error("a session is required of nothing")
	}
}

// OIDC Front-Channel Logout, 3: the discovery document says that it is supported, with sid.
func TestDiscoverySaysThatServicesAreFramed(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		var out map[string]any
		h.document("/.well-known/openid-configuration", &out)
		for _, name := range []string{"frontchannel_logout_supported", "frontchannel_logout_session_supported"} {
			if out[name] != true {
				t.Errorf("%s is %v", name, out[name])
			}
		}
	})
}

// digest is by what the house knows the browser.
func (b *browser) digest() []byte { return secret.Digest(b.cookies[kit.BrowserCookie]) }

// known gives the browser the secret that our pages give every browser.
func (b *browser) known() { b.cookies[kit.BrowserCookie] = secret.NewToken() }

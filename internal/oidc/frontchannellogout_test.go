package oidc_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"parvis/internal/i18n"
	"parvis/internal/jose"
	"parvis/internal/relyingparty"
)

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

// OIDC Front-Channel Logout, 3: of very many services those are framed that were visited last; the others are told by their back channel, and the page names those that have none.
func TestOfVeryManyServicesTheNewestAreFramedAndTheOthersNamed(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		const many = 33 // three more than one page frames
		at := newTold(t)
		var services []string
		for i := range many {
			name := fmt.Sprintf("service-%02d", many-i) // the order of names is the other way round
			services = append(services, name)
			h.framing(name, func(s *relyingparty.Settings) {
				s.Name = i18n.Text{"en": "The " + name, "fr": "Le " + name}
				s.FrontchannelLogoutURI = "https://service.example/" + name
				if i == 1 {
					s.BackchannelLogoutURI = at.URL + "/logout?at=bye"
				}
			})
		}
		b, _ := h.agreed(services...)
		b.known()
		hint := ""
		for _, name := range services {
			h.clock.Advance(time.Second)
			hint = b.code(name)
		}
		hint = h.asClient(services[many-1], exchange(hint)).ID
		to := b.logout("id_token_hint", hint, "post_logout_redirect_uri", landing).Header.Get("Location")
		for lang, words := range map[string][]string{
			"en": {"The ", "We are telling most of the services", "Sign out of 2 services yourself", "Here you may still be signed in:", "close all windows of the browser", ">Continue</a>"},
			"fr": {"Le ", "Nous en avisons la plupart des services", "Fermez aussi votre session dans 2 services", "Votre session y est peut-être encore ouverte", "toutes les fenêtres du navigateur", ">Continuer</a>"},
		} {
			want := words[0]
			page := b.get(to, "Accept-Language", lang)
			frames, next := page.frames(t)
			for _, said := range words {
				if !strings.Contains(page.text, said) {
					t.Errorf("%s: the page does not say %q", lang, said)
				}
			}
			if len(frames) != 30 || next != landing || page.Header.Get("Refresh") != "" || strings.Contains(page.text, "data-frames") {
				t.Fatalf("%d frames, next %q, goes on by itself: %q", len(frames), next, page.Header.Get("Refresh"))
			}
			for i, f := range frames {
				if f.Path != "/"+services[many-1-i] {
					t.Errorf("frame %d is %s", i, f)
				}
			}
			for i, name := range services {
				if got := strings.Contains(page.text, ">"+want+name+"</a></li>"); got != (i == 0 || i == 2) {
					t.Errorf("%s: %s is named as untold: %v", lang, name, got)
				}
			}
			if !strings.Contains(page.text, `<a href="https://www.service.example/" rel="noopener noreferrer">`) {
				t.Errorf("no way to a service that was not told: %s", page.text)
			}
		}
		h.tell()
		if n := len(at.take(t)); n != 1 {
			t.Errorf("the one with a back channel was told %d times", n)
		}
	})
}

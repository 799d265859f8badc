package oidc_test

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"parvis/internal/jose"
	"parvis/internal/relyingparty"
	"parvis/internal/session"
	"parvis/internal/web/kit"
)

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

// OIDC RP-Initiated Logout, 3: nor are they when the address is registered no longer by the time they would be.
func TestNobodyIsSentToAnAddressThatWasTakenFromAServiceMeanwhile(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		var kept relyingparty.Settings
		h.enroll("less", func(s *relyingparty.Settings) {
			s.PostLogoutRedirectURIs = []string{landing}
			kept = *s
		})
		for _, c := range []struct {
			taken    string
			landings []string
			disabled bool
			want     string
		}{
			{"nothing", []string{landing}, false, landing + "?state=s"},
			{"the address", []string{landing + "/elsewhere"}, false, "/signed-out"},
			{"everything", []string{landing}, true, "/signed-out"},
		} {
			update := func(landings []string, disabled bool) {
				kept.PostLogoutRedirectURIs = landings
				h.write(func(tx *tx) error {
					if err := h.store.Update(tx, kept); err != nil {
						return err
					}
					if disabled {
						return h.store.Disable(tx, "less")
					}
					return nil
				})
				check(t, h.registry.Refresh(t.Context()))
			}
			update([]string{landing}, false)
			b := h.browser()
			v := url.Values{"client_id": {"less"}, "post_logout_redirect_uri": {landing}, "state": {"s"}}
			to := b.do(http.MethodPost, "/logout", v).Header.Get("Location")
			update(c.landings, c.disabled)
			if got := b.get(to).Header.Get("Location"); got != c.want {
				t.Errorf("%s was taken: to %s, want %s", c.taken, got, c.want)
			}
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

// yes is what the person's press on the journey's page does.
func (b *browser) yes() {
	b.h.t.Helper()
	b.h.write(func(tx *tx) error {
		s, err := b.h.sessions.Find(tx, b.cookies[kit.SessionCookie])
		if err != nil {
			return err
		}
		if err := b.h.visits.Leave(tx, b.digest(), s.ID); err != nil {
			return err
		}
		_, err = b.h.sessions.End(tx, s.ID, session.SignedOut)
		return err
	})
}

// The modules of the plan oidcc-rp-initiated-logout of the OpenID Foundation that lead to a
// page of ours: what has no hint is asked about, and nobody is sent on without an address.
func TestWhoLandsNowhereIsShownThatTheyAreSignedOut(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		a := h.person("anna@example.org")
		h.consent(a, "service", "email")
		for name, c := range map[string]struct {
			pairs    func(hint string) []string
			straight bool
		}{
			"OIDC RP-Initiated Logout, 2: every parameter may be missing; then the person is asked":     {func(string) []string { return nil }, false},
			"OIDC RP-Initiated Logout, 2: only a state is no reason to send anybody anywhere":           {func(string) []string { return []string{"state", "s"} }, false},
			"OIDC RP-Initiated Logout, 2: only a client_id proves nothing, and the person is asked":     {func(string) []string { return []string{"client_id", "service"} }, false},
			"OIDC RP-Initiated Logout, 2: parameters that are not understood are ignored":               {func(string) []string { return []string{"x", "1", "client_id", "service"} }, false},
			"OIDC RP-Initiated Logout, 2: without post_logout_redirect_uri the browser stays on a page": {func(hint string) []string { return []string{"id_token_hint", hint, "state", "s"} }, true},
			"OIDC RP-Initiated Logout, 2: client_id beside a hint of the same client":                   {func(hint string) []string { return []string{"id_token_hint", hint, "client_id", "service"} }, true},
		} {
			t.Run(name, func(t *testing.T) {
				b := h.browser()
				b.signIn(a, "")
				got := b.logout(c.pairs(h.asClient("service", exchange(b.code("service"))).ID)...)
				if !c.straight {
					fid := got.flow(t)
					if !b.live() {
						t.Error("signed out without a question")
					}
					b.yes()
					got = b.get("/logout/finish/" + string(fid))
				}
				if to := got.Header.Get("Location"); to != "/signed-out" || b.live() {
					t.Errorf("to %q, live %v", to, b.live())
				}
				if got := b.authorize(request("service", "prompt", "none")).answer(t); got.Get("error") != "login_required" || got.Get("state") != "st4te" {
					t.Errorf("afterwards: %v", got)
				}
			})
		}
	})
}

// OIDC RP-Initiated Logout, 3: without a state none is added, and nothing else; a query of the registered address stays.
// OIDC RP-Initiated Logout, 2: who has signed out is signed in nowhere here: prompt=none is login_required.
func TestTheAddressToLandOnIsTheRegisteredOneAndNothingMore(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		const queried = landing + "?from=here"
		h.enroll("queried", func(s *relyingparty.Settings) { s.PostLogoutRedirectURIs = []string{landing, queried} })
		b, a := h.agreed("queried")
		for given, c := range map[string]struct{ state, want string }{
			landing: {"", landing}, queried: {"a b&c=é", queried + "&state=a%20b%26c%3D%C3%A9"},
		} {
			b.signIn(a, "")
			pairs := []string{"id_token_hint", h.asClient("queried", exchange(b.code("queried"))).ID, "post_logout_redirect_uri", given}
			if c.state != "" {
				pairs = append(pairs, "state", c.state)
			}
			if to := b.logout(pairs...).Header.Get("Location"); to != c.want || b.live() {
				t.Errorf("%s: to %q, live %v", given, to, b.live())
			}
			if got := b.authorize(request("queried", "prompt", "none")).answer(t).Get("error"); got != "login_required" {
				t.Errorf("afterwards %q", got)
			}
		}
	})
}

// OIDC RP-Initiated Logout, 4: a hint that this issuer did not sign is used for nothing: no redirect, nothing ended.
// OIDC RP-Initiated Logout, 2: a token of another kind is no ID token hint.
func TestNoForgedHintSignsAnybodyOut(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		b, _ := h.agreed("service")
		good := h.asClient("service", exchange(b.code("service")))
		claims := h.claims(good.ID, jose.RS256)
		hints := forgeries(t, claims, signingKey.Public())
		hints["a client's key"] = sign(t, signingKey, claims)
		hints["an access token"] = good.Access
		parts := strings.Split(good.ID, ".")
		hints["modified to alg none"] = base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"none"}`)) + "." + parts[1] + "."
		claims["sub"] = "somebody"
		payload, err := json.Marshal(claims)
		check(t, err)
		hints["another person under its signature"] = parts[0] + "." + base64.RawURLEncoding.EncodeToString(payload) + "." + parts[2]
		for name, forged := range hints {
			got := b.logout("id_token_hint", forged, "post_logout_redirect_uri", landing, "state", "s")
			if got.StatusCode != http.StatusBadRequest || got.Header.Get("Location") != "" || !b.live() {
				t.Errorf("%s: %d to %q, live %v", name, got.StatusCode, got.Header.Get("Location"), b.live())
			}
			if strings.Contains(got.text, landing) {
				t.Errorf("%s: the page leads there", name)
			}
		}
	})
}

// OIDC RP-Initiated Logout, 2: a hint of somebody else than who is signed in is no proof: the person is asked.
func TestAHintOfSomebodyElseAsks(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		b, _ := h.agreed("service")
		hint := h.asClient("service", exchange(b.code("service"))).ID
		other := h.person("second@example.org")
		b.signIn(other, "")
		b.logout("id_token_hint", hint, "post_logout_redirect_uri", landing).flow(t)
		if !b.live() {
			t.Error("somebody else's hint ended the session")
		}
	})
}

// OIDC RP-Initiated Logout, 4: a hint of a recent session is taken after the key that signed it was replaced, as long as that is published.
func TestAHintOutlivesTheRotationOfItsKey(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		b, a := h.agreed("service")
		hint := h.asClient("service", exchange(b.code("service"))).ID
		check(t, h.keyring.Rotate(t.Context()))
		h.clock.Advance(h.keyring.Settings.PublishBefore + time.Minute) // from here on the new key signs
		check(t, h.keyring.Refresh(t.Context()))
		b.signIn(a, "")
		now := h.asClient("service", exchange(b.code("service"))).ID
		if strings.Split(now, ".")[0] == strings.Split(hint, ".")[0] {
			t.Fatal("the same key still signs")
		}
		if b.logout("id_token_hint", hint, "post_logout_redirect_uri", landing).flow(t); !b.live() {
			t.Error("a hint of an older session ended this one")
		}
		b.yes()
		if to := b.logout("id_token_hint", hint, "post_logout_redirect_uri", landing).Header.Get("Location"); to != landing || b.live() {
			t.Errorf("to %q, live %v", to, b.live())
		}
	})
}

// OIDC RP-Initiated Logout, 2.1: the discovery document names the end_session_endpoint, below the issuer.
func TestDiscoveryNamesTheEndSessionEndpoint(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		var out map[string]any
		h.document("/.well-known/openid-configuration", &out)
		if out["end_session_endpoint"] != h.issuer+"/logout" {
			t.Errorf("%v", out["end_session_endpoint"])
		}
		if out["check_session_iframe"] != nil {
			t.Error("it promises an iframe of sessions")
		}
	})
}

// OIDC RP-Initiated Logout, 3.1: post_logout_redirect_uris are absolute, without a fragment, and https but for a machine's own loopback.
func TestAnAddressToLandOnIsAPlainOne(t *testing.T) {
	for uri, good := range map[string]bool{
		"https://service.example/bye": true, "https://service.example:8443/bye?x=1": true,
		"https://service.example/bye#x": false, "/bye": false, "javascript:alert(1)": false, "data:text/html,x": false, "https://u:p@service.example/": false, "": false,
	} {
		s := parties()[0]
		s.PostLogoutRedirectURIs = []string{uri}
		problems := s.Problems()
		if (len(problems) == 0) != good || !good && !slices.ContainsFunc(problems, func(p string) bool { return strings.Contains(p, "post_logout_redirect_uri") }) {
			t.Errorf("%q: %v", uri, problems)
		}
	}
}

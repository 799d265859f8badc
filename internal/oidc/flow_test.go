package oidc_test

import (
	"net/http"
	"strings"
	"testing"

	"parvis/internal/connection"
	"parvis/internal/db"
	"parvis/internal/id"
	"parvis/internal/secret"
	"parvis/internal/session"
	"parvis/internal/web/kit"
)

func TestTheJourneyEndsAtTheServiceAndNoStepCanBeSkipped(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		a, b := h.person("anna@example.org"), h.browser()
		fid := b.authorize(request("service", "login_hint", "anna@example.org", "ui_locales", "fr-CA")).flow(t)
		finish := "/authorize/finish/" + string(fid)
		back := func(why string) {
			t.Helper()
			if to := b.get(finish).Header.Get("Location"); to != "/signin/"+string(fid) {
				t.Errorf("%s: finish leads to %q", why, to)
			}
		}
		back("nobody signed in")
		b.signIn(a, fid)
		back("no consent")
		h.consent(a, "service", "locale")
		back("consent to something else")
		stranger := h.browser()
		stranger.signIn(a, "")
		if got := stranger.get(finish); got.StatusCode != http.StatusNotFound {
			t.Errorf("another browser: %d", got.StatusCode)
		}
		h.consent(a, "service", "email")
		got := b.get(finish).answer(t)
		if tok := h.asClient("service", exchange(got.Get("code"))); tok.status != http.StatusOK {
			t.Errorf("tokens %+v", tok)
		}
		back("the second time")
	})
}

func TestAFlowKeepsWhatThePagesNeed(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		b := h.browser()
		b.cookies[kit.BrowserCookie] = strings.Repeat("b", 43)
		fid := b.authorize(request("service", "login_hint", "anna@example.org", "ui_locales", "xx fr-CA", "prompt", "consent select_account", "max_age", "60")).flow(t)
		b.get("/authorize/finish/" + string(fid))
		h.write(func(tx *db.Tx) error {
			f, err := h.flows.Load(tx, fid, digestOf(b))
			s := f.State
			if err != nil || f.RelyingParty != "service" || s.LoginHint != "anna@example.org" || s.Locale != "fr" || !s.SelectAccount || !s.ForceConsent ||
				s.ReturnOrigin != "https://service.example" || len(s.Attributes) != 1 || s.Attributes[0] != "email" || s.Demand.MaxAge == nil ||
				s.Finish != "/authorize/finish/"+string(fid) || s.CancelPath != "/authorize/cancel/"+string(fid) {
				t.Errorf("%v %+v", err, s)
			}
			return nil
		})
	})
}

// OIDC Core, 3.1.2.1: prompt=consent, select_account, login and create each show a page to who is signed in and agreed.
func TestPromptsThatNeedAPageLeadToTheDispatcher(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		b, _ := h.agreed("service")
		for _, p := range []string{"consent", "select_account", "login", "create"} {
			b.authorize(request("service", "prompt", p)).flow(t)
		}
	})
}

// When something is ended, nothing that was given before or is asked for later works.
func TestWhatIsEndedIsEndedAtEveryMoment(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		for name, end := range map[string]func(a id.Account, s id.Session){
			"service disabled": func(id.Account, id.Session) {
				h.write(func(tx *db.Tx) error { return h.store.Disable(tx, "service") })
				check(t, h.registry.Refresh(t.Context()))
			},
			"disconnected": func(a id.Account, _ id.Session) {
				h.write(func(tx *db.Tx) error {
					if _, err := h.connections.Withdraw(tx, a, "service"); err != nil {
						return err
					}
					return h.grants.EndConnection(tx, a, "service")
				})
			},
			"account closed": func(a id.Account, _ id.Session) {
				h.write(func(tx *db.Tx) error {
					if _, err := h.accounts.Close(tx, a); err != nil {
						return err
					}
					return h.grants.EndAccount(tx, a)
				})
			},
		} {
			a := h.person("anna-" + strings.ReplaceAll(name, " ", "-") + "@example.org")
			h.consent(a, "service", "email")
			b := h.browser()
			sid := b.signIn(a, "")
			access := h.asClient("service", exchange(b.code("service"))).Access
			pending := b.code("service")
			waiting := b.authorize(request("service", "prompt", "login")).flow(t)
			b.signIn(a, waiting)
			end(a, sid)
			if _, status := h.userinfo(access); status != http.StatusUnauthorized {
				t.Errorf("%s: userinfo %d", name, status)
			}
			if tok := h.asClient("service", exchange(pending)); tok.status == http.StatusOK {
				t.Errorf("%s: a pending code was redeemed", name)
			}
			if to := b.get("/authorize/finish/" + string(waiting)).Header.Get("Location"); strings.HasPrefix(to, callback) {
				t.Errorf("%s: a waiting journey went to %s", name, to)
			}
			if to := b.authorize(request("service")).Header.Get("Location"); strings.HasPrefix(to, callback) {
				t.Errorf("%s: a new request went to %s", name, to)
			}
			h.write(func(tx *db.Tx) error { return h.store.Enable(tx, "service") })
			check(t, h.registry.Refresh(t.Context()))
		}
	})
}

func TestASignOutEndsTheSessionButNotWhatServicesHave(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		b, _ := h.agreed("service")
		access := h.asClient("service", exchange(b.code("service"))).Access
		h.write(func(tx *db.Tx) error {
			s, err := h.sessions.Find(tx, b.cookies[kit.SessionCookie])
			if err != nil {
				return err
			}
			_, err = h.sessions.End(tx, s.ID, session.SignedOut)
			return err
		})
		b.authorize(request("service")).flow(t)
		if _, status := h.userinfo(access); status != http.StatusOK {
			t.Errorf("userinfo %d", status)
		}
	})
}

func TestAHeadRequestChangesNothing(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		b, _ := h.agreed("service")
		for _, path := range []string{"/authorize?" + request("service").Encode(), "/logout"} {
			got := b.do(http.MethodHead, path, nil)
			if got.StatusCode != http.StatusBadRequest || got.Header.Get("Location") != "" {
				t.Errorf("%s: %d %s", path, got.StatusCode, got.Header.Get("Location"))
			}
		}
	})
}

func TestConsentThatHasRunOutIsAskedForAgain(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		b, a := h.agreed("service")
		h.clock.Advance(connection.Preset("").ConsentLife)
		b.signIn(a, "")
		b.authorize(request("service")).flow(t)
	})
}

func digestOf(b *browser) []byte { return secret.Digest(b.cookies[kit.BrowserCookie]) }

// A cache that goes by the ending of a path must find nobody's page, token or code below an
// endpoint (web cache deception), and nothing that it may keep.
func TestNothingPrivateIsBelowAnEndpoint(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		b, _ := h.agreed("service")
		access := h.asClient("service", exchange(b.code("service"))).Access
		query := "?" + request("service").Encode()
		for _, path := range []string{
			"/authorize/x.css" + query, "/authorize.css" + query, "/authorize;x.css" + query, "/authorize%2fx.css" + query, "/authorize/..%2fx.js" + query,
			"/userinfo/x.css", "/userinfo.js", "/userinfo%2fx.png", "/userinfo;a.css", "/introspect/x.css", "/logout/x.css",
		} {
			got := b.get(path, "Authorization", "Bearer "+access)
			if got.StatusCode != http.StatusNotFound || got.Header.Get("Location") != "" || got.Header.Get("Cache-Control") != "no-store" || strings.Contains(got.text, "anna@example.org") {
				t.Errorf("%s: %d %v", path, got.StatusCode, got.Header)
			}
		}
		if got := b.get("/userinfo?x=/a.css", "Authorization", "Bearer "+access); got.StatusCode != http.StatusOK || got.Header.Get("Cache-Control") != "no-store" {
			t.Errorf("with a query: %d %v", got.StatusCode, got.Header)
		}
	})
}

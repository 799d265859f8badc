package signinui_test

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"parvis/internal/config"
	"parvis/internal/ratelimit"
	"parvis/internal/web/kit"
	"parvis/internal/web/webtest"
)

func TestAWrongPasswordKeepsTheAddressAndNeverThePassword(t *testing.T) {
	each(t, func(t *testing.T, h *webtest.House, language string) {
		enrol(h, h.Person(language))
		p := h.Person(language)
		p.Open(webtest.Authorize(webtest.Aid))
		page := signIn(p, "wrong password here").Must("sign-in", http.StatusUnprocessableEntity)
		if page.Field("email", "value") != email || strings.Contains(page.Body, "wrong password here") {
			t.Error("the address must stay and the password must not")
		}
		page = p.Submit("sign-in", "email", "", "password", "").Must("sign-in", http.StatusUnprocessableEntity)
		if !page.Has("email-error") || !page.Has("password-error") {
			t.Error("both fields must be named")
		}
		signIn(p, good).Must("consent", http.StatusOK)
	})
}

func TestFiveWrongPasswordsLockTheSameForEveryAddressAndUnlockingKeepsThePassword(t *testing.T) {
	each(t, func(t *testing.T, h *webtest.House, language string) {
		enrol(h, h.Person(language))
		var locked []string
		for _, address := range []string{email, "nobody.here@example.org"} {
			p := h.Person(language)
			p.Open(webtest.Authorize(webtest.Aid))
			for range 5 {
				p.Submit("sign-in", "email", address, "password", "wrong password here")
			}
			text := p.Page.Must("locked", http.StatusOK).Text()
			locked = append(locked, strings.ReplaceAll(text[:strings.Index(text, "Accessib")], address, "ADDRESS"))
			if address != email {
				p.Follow("unlock-link").Must("unlock", http.StatusOK)
				p.Submit("unlock", "email", address).Must("check-email", http.StatusOK)
				continue
			}
			p.Follow("sign-in-link").Must("sign-in", http.StatusOK)
			signIn(p, good).Must("locked", http.StatusOK) // the right password does not help
			p.Follow("unlock-link").Must("unlock", http.StatusOK)
			p.Submit("unlock", "email", address).Must("check-email", http.StatusOK)
			p.Open(h.Link(email)).Must("confirm-link", http.StatusOK)
			p.Submit("confirm-link").Must("unlocked", http.StatusOK)
			p.Follow("sign-in-link").Must("sign-in", http.StatusOK)
			signIn(p, good).Must("consent", http.StatusOK)
			p.Submit("consent", "#allow")
			mustLeave(t, p, callback, "code=")
		}
		if locked[0] != locked[1] {
			t.Errorf("the lock page tells who has an account:\n%s\n%s", locked[0], locked[1])
		}
	})
}

func TestAForgottenPasswordIsReplacedAndDoesNotSignIn(t *testing.T) {
	each(t, func(t *testing.T, h *webtest.House, language string) {
		enrol(h, h.Person(language))
		p := h.Person(language)
		p.Open(webtest.Authorize(webtest.Aid))
		p.Follow("forgot-password-link").Must("forgot-password", http.StatusOK)
		p.Submit("forgot-password").Must("forgot-password", http.StatusUnprocessableEntity)
		p.Submit("forgot-password", "email", email).Must("check-email", http.StatusOK).MustSay("s•••s@example.org")
		p.Open(h.Link(email)).Must("confirm-link", http.StatusOK)
		page := p.Submit("confirm-link").Must("reset-password", http.StatusOK)
		if page.Field("password", "autocomplete") != "new-password" || !strings.Contains(page.Body, "checked") {
			t.Error("a new password is asked for, with the box of other sessions ticked")
		}
		p.Submit("reset-password", "password", "short").Must("reset-password", http.StatusUnprocessableEntity)
		p.Submit("reset-password", "password", another).Must("sign-in", http.StatusOK)
		if p.Cookie("__Host-parvis_session") != "" {
			t.Error("a reset signs nobody in")
		}
		signIn(p, good).Must("sign-in", http.StatusUnprocessableEntity)
		signIn(p, another).Must("consent", http.StatusOK)
	})
}

func TestTheCodeOfAResetWorksInThePlaceOfItsLink(t *testing.T) {
	h := webtest.Open(t)
	enrol(h, h.Person("en"))
	p := h.Person("en")
	p.Open("/signin?start=forgot-password").Must("forgot-password", http.StatusOK)
	p.Submit("forgot-password", "email", email)
	p.Submit("check-email", "code", h.Code(email)).Must("reset-password", http.StatusOK)
}

func TestEveryDetourKeepsTheService(t *testing.T) {
	each(t, func(t *testing.T, h *webtest.House, language string) {
		p := h.Person(language)
		p.Open(webtest.Authorize(webtest.Aid))
		back := p.Page.Href("back-to-service")
		for _, link := range []string{"create-account-link", "sign-in-link", "forgot-password-link", "sign-in-link", "unlock-link", "sign-in-link", "language-link", "language-link"} {
			page := p.Follow(link)
			if page.Status != http.StatusOK || page.Href("back-to-service") != back {
				t.Fatalf("after %s the way back is %q on %s", link, page.Href("back-to-service"), page.Name())
			}
		}
	})
}

func TestTheLanguageLinkKeepsThePageAndTheJourney(t *testing.T) {
	h := webtest.Open(t)
	p := h.Person("en")
	ask(p, webtest.Authorize(webtest.Aid))
	was := p.Page.URL
	page := p.Follow("language-link").Must("confirm-email", http.StatusOK)
	if page.Lang() != "fr" || page.URL != was {
		t.Errorf("page %s in %s", page.URL, page.Lang())
	}
	p.Submit("confirm-email", "code", h.Code(email)).Must("choose-password", http.StatusOK)
}

func TestTwoServicesInOneBrowserDoNotDisturbEachOther(t *testing.T) {
	h := webtest.Open(t)
	enrol(h, h.Person("en"))
	one := h.Person("en")
	one.Open(webtest.Authorize(webtest.Aid)).Must("sign-in", http.StatusOK)
	two := one.Tab()
	two.Open(webtest.Authorize(webtest.Fishing)).Must("sign-in", http.StatusOK).MustSay("Fishing licences")
	signIn(one, good).Must("consent", http.StatusOK).MustSay("Student aid")
	one.Submit("consent", "#allow")
	mustLeave(t, one, callback, "code=")
	two.Open(two.Page.URL)
	if two.Left == "" && two.Page.Name() == "consent" {
		two.Submit("consent", "#allow")
	}
	mustLeave(t, two, "https://fishing-licences.test/callback?", "code=")
}

func TestAnExpiredJourneyNamesItsServiceAndLeadsBack(t *testing.T) {
	each(t, func(t *testing.T, h *webtest.House, language string) {
		p := h.Person(language)
		p.Open(webtest.Authorize(webtest.Aid)).Must("sign-in", http.StatusOK)
		h.Advance(5 * time.Hour)
		page := p.Submit("sign-in", "email", email, "password", good).Must("expired", http.StatusGone)
		if page.Href("continue-to-service") != "https://student-aid.test/login?iss=https%3A%2F%2Fsignin.test" || page.Href("back-to-service") == "" {
			t.Errorf("the expired page leads to %q", page.Href("continue-to-service"))
		}
		p.Open("/signin").Must("sign-in", http.StatusOK)
		h.Advance(5 * time.Hour)
		p.Open(p.Page.URL).Must("expired", http.StatusGone)
		p.Follow("continue-to-service").Must("sign-in", http.StatusOK)
	})
}

func TestAForeignOrForgedJourneyIsAFriendlyPage(t *testing.T) {
	each(t, func(t *testing.T, h *webtest.House, language string) {
		p := h.Person(language)
		p.Open(webtest.Authorize(webtest.Aid))
		stranger := h.Person(language)
		stranger.Open("/signin").Must("sign-in", http.StatusOK)
		stranger.Open(p.Page.URL).Must("elsewhere", http.StatusNotFound).MustNotSay("Student aid", "Aide financière")
		for _, forged := range []string{"AAAAAAAAAAAAAAAAAAAAAAAAAA", "%00", "%2e%2e", strings.Repeat("A", 4000), "é", "a'b"} {
			page := stranger.Open("/signin/" + forged)
			if page.Status < 400 || page.Status >= 500 {
				t.Errorf("%.40q: %d", forged, page.Status)
			}
			page = stranger.Open("/signin/" + forged + "/sign-in")
			if page.Status < 400 || page.Status >= 500 {
				t.Errorf("%.40q/sign-in: %d", forged, page.Status)
			}
			page = stranger.Open("/link/" + forged)
			if page.Status < 400 || page.Status >= 500 {
				t.Errorf("link %.40q: %d", forged, page.Status)
			}
		}
		page := stranger.Open("/link/AAAA").Must("link-unknown", http.StatusNotFound)
		if page.Href("sign-in-link") == "" {
			t.Error("no way on")
		}
	})
}

func TestABrowserWithoutCookiesIsTold(t *testing.T) {
	each(t, func(t *testing.T, h *webtest.House, language string) {
		p := h.Person(language)
		p.NoCookie = true
		p.Open(webtest.Authorize(webtest.Aid)).Must("cookies-off", http.StatusBadRequest)
	})
}

func TestAPageOutOfTurnGoesToTheDispatcher(t *testing.T) {
	h := webtest.Open(t)
	p := h.Person("en")
	p.Open(webtest.Authorize(webtest.Aid)).Must("sign-in", http.StatusOK)
	flow := strings.TrimSuffix(p.Page.URL, "/sign-in")
	for _, page := range []string{"confirm-email", "choose-password", "reset-password", "consent", "check-email", "continue", "cancelled", "account-activated", "already-registered", "sign-out", "locked", "unlocked"} {
		if name := p.Open(flow + "/" + page).Name(); name != "sign-in" {
			t.Errorf("%s out of turn shows %s", page, name)
		}
	}
}

func TestAFormOfAnotherBrowserOrWithoutTokenChangesNothing(t *testing.T) {
	h := webtest.Open(t)
	p := h.Person("en")
	p.Open("/signin").Must("sign-in", http.StatusOK)
	page := p.Send(p.Page.URL, url.Values{"email": {email}, "password": {good}})
	if page.Status < 400 || page.Status >= 500 {
		t.Errorf("a form without a token: %d", page.Status)
	}
}

func TestDecliningTellsTheServiceAccessDenied(t *testing.T) {
	each(t, func(t *testing.T, h *webtest.House, language string) {
		enrol(h, h.Person(language))
		p := h.Person(language)
		p.Open(webtest.Authorize(webtest.Aid))
		signIn(p, good).Must("consent", http.StatusOK)
		asked := p.Page.URL
		p.Submit("consent", "#deny")
		mustLeave(t, p, callback, "error=access_denied", "state=state-1234567890")
		page := p.Open(asked).Must("expired", http.StatusGone) // the back button
		if page.Href("continue-to-service") == "" {
			t.Error("going back after declining is a dead end")
		}
	})
}

func TestWhoIsSignedInChoosesToContinueOrToSwitch(t *testing.T) {
	each(t, func(t *testing.T, h *webtest.House, language string) {
		p := h.Person(language)
		enrol(h, p)
		p.Open(webtest.Authorize(webtest.Fishing, "prompt", "select_account")).Must("continue-as", http.StatusOK).MustSay(email)
		p.Submit("continue-as")
		if p.Left == "" {
			p.Page.Must("consent", http.StatusOK)
		}
		p.Open(webtest.Authorize(webtest.Fishing, "prompt", "select_account")).Must("continue-as", http.StatusOK)
		p.Submit("continue-as", "#other-account").Must("sign-in", http.StatusOK)
		if p.Cookie("__Host-parvis_session") != "" {
			t.Error("the older session is still there")
		}
	})
}

// RFC 8252, 8.6: an application can pretend to be another one, so whoever is signed in is asked, and warned.
func TestWhoIsSignedInIsWarnedOfApplicationsOfTheDevice(t *testing.T) {
	for _, language := range []string{"en-CA", "fr-CA"} {
		t.Run(language, func(t *testing.T) {
			const back = "ca.fishing.pocket:/callback"
			h := webtest.Open(t, func(c *config.Config) {
				c.Partners[0].Type, c.Partners[0].Auth, c.Partners[0].Secret, c.Partners[0].RedirectURIs = "native", "none", "", []string{back}
			})
			p := h.Person(language)
			enrol(h, p)
			page := p.Open(webtest.Authorize(webtest.Fishing, "redirect_uri", back)).Must("continue-as", http.StatusOK)
			page.MustSay(email, say(language, "Continue only if you have just opened Fishing licences yourself", "Continuez seulement si vous venez d'ouvrir vous-même Permis de pêche"))
			p.Open(webtest.Authorize(webtest.Aid, "prompt", "select_account")).Must("continue-as", http.StatusOK).MustNotSay(say(language, "may pretend", "se faire passer"))
		})
	}
}

// The address is filled in, and stays that of who is signed in: another one is refused, and
// nothing is compared.
func TestReauthenticationIsOfWhoIsSignedIn(t *testing.T) {
	each(t, func(t *testing.T, h *webtest.House, language string) {
		p := h.Person(language)
		enrol(h, p)
		h.Advance(time.Minute)
		page := p.Open(webtest.Authorize(webtest.Aid, "prompt", "login")).Must("sign-in", http.StatusOK)
		if page.Field("email", "value") != email || page.Field("email", "type") != "email" {
			t.Errorf("the address of who is signed in: %q", page.Field("email", "value"))
		}
		p.Submit("sign-in", "email", "another@example.org", "password", good).Must("sign-in", http.StatusUnprocessableEntity).
			MustSay(say(language, "You are signed in as "+email, "Votre session est ouverte avec "+email))
		p.Submit("sign-in", "email", " "+strings.ToUpper(email), "password", good).Must("consent", http.StatusOK)
		p.Open(webtest.Authorize(webtest.Aid, "prompt", "login")).Must("sign-in", http.StatusOK)
		if page := p.Submit("switch").Must("sign-in", http.StatusOK); page.Field("email", "type") != "email" || p.Cookie(kit.SessionCookie) != "" {
			t.Error("somebody else cannot sign in here")
		}
	})
}

func TestAServiceCanAskForALanguageUntilThePersonChooses(t *testing.T) {
	h := webtest.Open(t)
	p := h.Person("en-CA")
	if page := p.Open(webtest.Authorize(webtest.Aid, "ui_locales", "fr-CA en")).Must("sign-in", http.StatusOK); page.Lang() != "fr" {
		t.Errorf("the page is in %s", page.Lang())
	}
	p.Follow("language-link").Must("sign-in", http.StatusOK)
	if page := p.Follow("create-account-link"); page.Lang() != "en" {
		t.Errorf("after the choice the page is in %s", page.Lang())
	}
}

func TestTheContactLinkCarriesTheReferenceAndTheService(t *testing.T) {
	h := webtest.Open(t)
	p := h.Person("en")
	page := p.Open(webtest.Authorize(webtest.Aid)).Must("sign-in", http.StatusOK)
	at := strings.Index(page.Body, "/contact?")
	if at < 0 || !strings.Contains(page.Body[at:at+60], "ref=") || !strings.Contains(page.Body[at:at+80], "service=student-aid") {
		t.Error("the contact page is not told what the person did")
	}
	stranger := h.Person("en")
	lost := stranger.Open("/link/AAAA").Must("link-unknown", http.StatusNotFound)
	if !strings.Contains(lost.Body, "/contact?ref=") {
		t.Error("a dead end gives no reference to quote")
	}
}

func TestAnAgreementIsThatOfThePersonWhomThePageShows(t *testing.T) {
	each(t, func(t *testing.T, h *webtest.House, language string) {
		const other = "rose.lake@example.org"
		enrol(h, h.Person(language))
		second := h.Person(language)
		second.Open("/signin?start=create-account")
		second.Submit("create-account", "email", other, "terms", "yes")
		second.Submit("confirm-email", "code", h.Code(other))
		second.Submit("choose-password", "password", another).Must("connected-services", http.StatusOK)

		p := h.Person(language)
		p.Open("/signin")
		p.Submit("sign-in", "email", email, "password", good).Must("connected-services", http.StatusOK)
		p.Open(webtest.Authorize(webtest.Aid)).Must("consent", http.StatusOK).MustSay(email)
		chooser := p.Tab()
		chooser.Open(webtest.Authorize(webtest.Aid, "prompt", "select_account")).Must("continue-as", http.StatusOK).MustSay(email)
		leaver := p.Tab()
		leaver.Open("/logout").Must("sign-out", http.StatusOK).MustSay(email)
		tab := p.Tab()
		tab.Open("/signout")
		tab.Submit("sign-out")
		tab.Open("/signin")
		tab.Submit("sign-in", "email", other, "password", another).Must("connected-services", http.StatusOK)

		p.Submit("consent", "#allow").Must("too-old", http.StatusBadRequest)
		if p.Left != "" {
			t.Errorf("led to %s", p.Left)
		}
		chooser.Submit("continue-as").Must("too-old", http.StatusBadRequest)
		leaver.Submit("sign-out", "#logout-yes").Must("too-old", http.StatusBadRequest)
		p.Open(webtest.Authorize(webtest.Aid)).Must("consent", http.StatusOK).MustSay(other)
		p.Submit("consent", "#allow")
		mustLeave(t, p, callback, "code=")
	})
}

func TestConsentIsNeverAnEmptyList(t *testing.T) {
	each(t, func(t *testing.T, h *webtest.House, language string) {
		p := h.Person(language)
		enrol(h, p)
		page := p.Open(webtest.Authorize(webtest.Fishing))
		if p.Left != "" {
			t.Fatal("the first visit to a service is asked about")
		}
		page.Must("consent", http.StatusOK)
		if strings.Count(page.Body, "<dt>") != 1 {
			t.Error("a service that asks for nothing still receives an identifier")
		}
		p.Submit("consent", "#allow")
		mustLeave(t, p, "https://fishing-licences.test/callback?", "code=")
		p.Open(webtest.Authorize(webtest.Fishing))
		mustLeave(t, p, "https://fishing-licences.test/callback?", "code=")
	})
}

func TestAServiceAsksToSignOutAndThePersonDecides(t *testing.T) {
	each(t, func(t *testing.T, h *webtest.House, language string) {
		p := h.Person(language)
		enrol(h, p)
		leave := "/logout?client_id=student-aid&state=bye&post_logout_redirect_uri=" + url.QueryEscape("https://student-aid.test/signed-out")
		p.Open(leave).Must("sign-out", http.StatusOK).MustSay(email)
		p.Submit("sign-out", "#stay").Must("connected-services", http.StatusOK)
		p.Open(leave).Must("sign-out", http.StatusOK)
		p.Submit("sign-out")
		if p.Cookie("__Host-parvis_session") != "" {
			t.Error("the session is still there")
		}
		mustLeave(t, p, "https://student-aid.test/signed-out?", "state=bye")
	})
}

func TestTooManyAttemptsAreSlowedDownWithoutLosingWhatWasTypedOrTheWay(t *testing.T) {
	for _, form := range []struct {
		start, page, id string
		values          []string
		rule            func(*ratelimit.Settings) *ratelimit.Limit
	}{
		{"sign-in", "sign-in", "sign-in", []string{"email", email, "password", "wrong password here"}, func(s *ratelimit.Settings) *ratelimit.Limit { return &s.SigninIP }},
		{"create-account", "create-account", "create-account", []string{"email", email, "terms", "yes"}, func(s *ratelimit.Settings) *ratelimit.Limit { return &s.EnrollmentIP }},
		{"forgot-password", "forgot-password", "forgot-password", []string{"email", email}, func(s *ratelimit.Settings) *ratelimit.Limit { return &s.ResetIP }},
		{"unlock", "unlock", "unlock", []string{"email", email}, func(s *ratelimit.Settings) *ratelimit.Limit { return &s.ResetIP }},
		{"create-account", "confirm-email", "confirm-email", []string{"code", "ABCDEF"}, func(s *ratelimit.Settings) *ratelimit.Limit { return &s.CodeIP }},
		{"forgot-password", "check-email", "check-email", []string{"code", "ABCDEF"}, func(s *ratelimit.Settings) *ratelimit.Limit { return &s.CodeIP }},
		{"create-account", "confirm-email", "resend", nil, func(s *ratelimit.Settings) *ratelimit.Limit { return &s.MailAddress }},
	} {
		for language, says := range map[string]string{"en-CA": "You can try again in 7 minutes", "fr-CA": "Vous pourrez réessayer dans 7 minutes"} {
			t.Run(form.id+" "+language, func(t *testing.T) {
				h := webtest.Open(t, func(c *config.Config) {
					*form.rule(&c.Limits) = ratelimit.Limit{Count: 1, Window: 7 * time.Minute}
				})
				p := h.Person(language)
				page := p.Page
				for range 3 {
					p.Open(webtest.Authorize(webtest.Aid)).Must("sign-in", http.StatusOK)
					p.Open(strings.Replace(p.Page.URL, "/sign-in", "/"+form.start, 1)).Must(form.start, http.StatusOK)
					if form.start != form.page {
						p.Submit(form.start, map[string][]string{"create-account": {"email", email, "terms", "yes"}, "forgot-password": {"email", email}}[form.start]...).
							Must(form.page, http.StatusOK)
					}
					if page = p.Submit(form.id, form.values...); page.Status == http.StatusTooManyRequests {
						break
					}
				}
				page.Must(form.page, http.StatusTooManyRequests).MustSay(says)
				if wait, err := strconv.Atoi(page.Header.Get("Retry-After")); err != nil || wait < 390 || wait > 420 || page.Href("back-to-service") == "" || !page.Has("error-summary") {
					t.Errorf("Retry-After %q, way back %q", page.Header.Get("Retry-After"), page.Href("back-to-service"))
				}
				for i := 0; i < len(form.values); i += 2 {
					switch name, value := form.values[i], form.values[i+1]; {
					case name == "password" && strings.Contains(page.Body, value):
						t.Error("the password came back")
					case (name == "email" || name == "code") && page.Field(name, "value") != value:
						t.Errorf("%s is lost", name)
					}
				}
			})
		}
	}
}

func TestADeclinedRequestThatNeverReachedTheServiceCanBeTakenUpAgain(t *testing.T) {
	each(t, func(t *testing.T, h *webtest.House, language string) {
		p := h.Person(language)
		enrol(h, p)
		p.Open(webtest.Authorize(webtest.Aid)).Must("consent", http.StatusOK)
		asked := p.Page.URL
		p.Stay = true
		p.Submit("consent", "#deny")
		p.Stay = false
		page := p.Open(asked).Must("cancelled", http.StatusOK)
		if !strings.HasPrefix(page.Href("return"), "/authorize/cancel/") || page.Href("return") != page.Href("back-to-service") {
			t.Errorf("the ways back are %q and %q", page.Href("return"), page.Href("back-to-service"))
		}
		p.Submit("cancelled", "#again").Must("consent", http.StatusOK)
		p.Stay = true
		p.Submit("consent", "#deny")
		p.Stay = false
		p.Open(asked).Must("cancelled", http.StatusOK)
		p.Follow("return")
		mustLeave(t, p, callback, "error=access_denied")
	})
}

// Who signs out at a shared computer is gone from it: a journey that stays open there
// must not tell the next person who it was.
func TestWhoSignedOutIsNotNamedByAJourneyThatStaysOpen(t *testing.T) {
	each(t, func(t *testing.T, h *webtest.House, language string) {
		enrol(h, h.Person(language))
		p := h.Person(language)
		p.Open(webtest.Authorize(webtest.Aid)).Must("sign-in", http.StatusOK)
		at := strings.TrimSuffix(p.Page.URL, "/sign-in")
		p.Submit("sign-in", "email", email, "password", "wrong password of mine")
		if got := p.Page.Must("sign-in", http.StatusUnprocessableEntity).Field("email", "value"); got != email {
			t.Errorf("who did not sign in has to type the address again: %q", got)
		}
		p.Submit("sign-in", "email", email, "password", good).Must("consent", http.StatusOK)
		h.Clock.Advance(31 * time.Minute)
		if got := p.Open(at).Must("sign-in", http.StatusOK).Field("email", "value"); got != email {
			t.Errorf("who was away for too long has to type the address again: %q", got)
		}
		p.Submit("sign-in", "password", good).Must("consent", http.StatusOK)
		tab := p.Tab()
		tab.Open("/signout")
		tab.Submit("sign-out").Must("signed-out", http.StatusOK)
		for _, page := range []string{"", "/sign-in", "/create-account", "/forgot-password", "/unlock"} {
			if page := p.Open(at + page); page.Status != http.StatusOK || page.Field("email", "value") != "" {
				t.Errorf("%s (%s) shows %q", page.URL, page.Name(), page.Field("email", "value"))
			}
			p.Page.MustNotSay(email)
		}
		// Nor does one that is taken up again hours later, though the service named them.
		p.Open(webtest.Authorize(webtest.Aid, "login_hint", email)).Must("sign-in", http.StatusOK)
		at = p.Page.URL
		p.Submit("sign-in", "password", good).Must("consent", http.StatusOK)
		tab.Open("/signout")
		tab.Submit("sign-out").Must("signed-out", http.StatusOK)
		for _, wait := range []time.Duration{0, 3 * time.Hour} {
			h.Advance(wait)
			if got := p.Open(at).Must("sign-in", http.StatusOK).MustNotSay(email).Field("email", "value"); got != "" {
				t.Errorf("after %v it shows %q", wait, got)
			}
		}
	})
}

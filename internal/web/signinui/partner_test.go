package signinui_test

import (
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"parvis/internal/account"
	"parvis/internal/config"
	"parvis/internal/db"
	"parvis/internal/upstream"
	"parvis/internal/web/webtest"
)

// eachBank walks a journey in both languages in a house with a sign-in partner, and on
// the other engine, too.
func eachBank(t *testing.T, test func(t *testing.T, h *webtest.House, bank *webtest.Bank, language string)) {
	t.Helper()
	for _, run := range [][2]string{{db.SQLite, languages[0]}, {db.SQLite, languages[1]}, {db.PostgreSQL, languages[1]}} {
		t.Run(run[0]+" "+run[1], func(t *testing.T) {
			h := webtest.OpenOn(t, run[0], webtest.WithBank)
			test(t, h, h.OpenBank(), run[1])
		})
	}
}

// say is a text in the language of a test.
func say(language, en, fr string) string {
	if language == "fr-CA" {
		return fr
	}
	return en
}

func TestADeploymentWithoutPartnersShowsNothingOfThem(t *testing.T) {
	each(t, func(t *testing.T, h *webtest.House, language string) {
		p := h.Person(language)
		if page := p.Open(webtest.Authorize(webtest.Aid)).Must("sign-in", http.StatusOK); page.Has("other-ways") {
			t.Error("there are other ways without any")
		}
		if p.Follow("create-account-link").Must("create-account", http.StatusOK).Has("use-partner-link") {
			t.Error("a partner is offered where there is none")
		}
	})
}

// R44: partner, e-mail address, code, account; and no password from then on.
func TestAnAccountIsCreatedWithAPartnerAndOpenedWithItAgain(t *testing.T) {
	eachBank(t, func(t *testing.T, h *webtest.House, bank *webtest.Bank, language string) {
		p := h.Person(language)
		door := p.Open(webtest.Authorize(webtest.Aid)).Must("sign-in", http.StatusOK).
			MustSay(say(language, "Sign-in partner", "Partenaire de connexion"), "Norbank")
		if !door.Has("partner-bank") {
			t.Fatal("no door of the bank")
		}
		page := p.Submit("partner-bank").Must("partner-hand-off", http.StatusOK)
		page.MustSay(say(language, "Northland Bank", "Banque du Northland"), say(language, "does not learn", "n'apprend pas"))
		if page.Attr("submit", "rel") != "noreferrer" || !strings.HasPrefix(page.Href("submit"), webtest.BankOrigin+"/") {
			t.Errorf("the way to the bank: %q, rel %q", page.Href("submit"), page.Attr("submit", "rel"))
		}
		p.Follow("submit")
		p.Open(bank.Answer(p)).Must("partner-account", http.StatusOK).MustSay(say(language, "equal e-mail address", "adresse courriel identique"))
		p.Follow("create-account-link").Must("create-account", http.StatusOK).MustSay(say(language, "Northland Bank", "Banque du Northland"))
		p.Submit("create-account", "email", email, "terms", "yes").Must("confirm-email", http.StatusOK)
		p.Submit("confirm-email", "code", h.Code(email)).Must("partner-create", http.StatusOK).MustSay(email, counted(language, 2, 3))
		p.Submit("partner-create").Must("consent", http.StatusOK).MustSay(counted(language, 3, 3))
		p.Submit("consent", "#allow")
		mustLeave(t, p, callback, "code=")

		again := h.Person(language)
		again.Open(webtest.Authorize(webtest.Aid))
		bank.SignIn(again)
		mustLeave(t, again, callback, "code=")
		// The policy of the bank's form is over before anything leads to the service.
		if came := again.Trail[0]; came.Status != http.StatusOK || came.Name() != "partner-returned" || !came.Has("continue") || strings.Contains(came.Body, "student-aid") {
			t.Errorf("the bank's form is answered by %d %s", came.Status, came.Name())
		}
		for _, ask := range bank.Asked {
			if string(ask.Lang) != language[:2] {
				t.Errorf("the bank is asked in %q", ask.Lang)
			}
		}
	})
}

// Whoever was in the browser before may have signed in at the partner: the last step asks,
// leads on to a password, and wants a sign-in there that is new.
func TestANewAccountAsksWhoseSignInAtAPartnerItIs(t *testing.T) {
	eachBank(t, func(t *testing.T, h *webtest.House, bank *webtest.Bank, language string) {
		begun := func(later time.Duration) *webtest.Person {
			t.Helper()
			p := h.Person(language)
			p.Open(webtest.Authorize(webtest.Aid))
			bank.SignIn(p).Must("partner-account", http.StatusOK)
			h.Clock.Advance(later)
			p.Follow("create-account-link")
			p.Submit("create-account", "email", email, "terms", "yes")
			p.Submit("confirm-email", "code", h.Code(email)).Must("partner-create", http.StatusOK)
			return p
		}
		p := begun(time.Minute)
		p.Page.MustSay(say(language, "Not you?", "Ce n'était pas vous?"), say(language, "Choose a password instead", "Choisir plutôt un mot de passe"))
		p.Submit("partner-back").Must("choose-password", http.StatusOK)

		p = begun(10 * time.Minute)
		if p.Page.Has("partner-create") {
			t.Error("an old sign-in is offered for the account")
		}
		p.Page.MustSay(say(language, "Sign in there once more", "Se connecter là-bas encore une fois"))
		p.Submit("partner-bank").Must("partner-hand-off", http.StatusOK).MustSay(say(language, "Choose a password instead", "Choisir plutôt un mot de passe"))
		p.Follow("submit")
		p.Open(bank.Answer(p)).Must("partner-create", http.StatusOK)
		p.Submit("partner-create").Must("consent", http.StatusOK)

		again := h.Person(language)
		again.Open(webtest.Authorize(webtest.Fishing))
		bank.SignIn(again).Must("consent", http.StatusOK)
	})
}

// R45: never on an equal address; the account's owner signs in to it, and says yes.
func TestAPartnerIsLinkedByWhoSignsInToTheAccountAndSaysSo(t *testing.T) {
	eachBank(t, func(t *testing.T, h *webtest.House, bank *webtest.Bank, language string) {
		enrol(h, h.Person(language))
		p := h.Person(language)
		p.Open(webtest.Authorize(webtest.Fishing))
		bank.SignIn(p).Must("partner-account", http.StatusOK)
		page := p.Follow("sign-in-link").Must("sign-in", http.StatusOK).MustSay(say(language, "Northland Bank", "Banque du Northland"))
		if page.Has("partner-bank") {
			t.Error("who is there to link a partner is offered another")
		}
		signIn(p, good).Must("second-step", http.StatusOK).MustSay(say(language, "Before a sign-in partner is linked", "Avant de lier un partenaire"))
		p.Submit("second-step", "code", sent(h, email)).Must("partner-link", http.StatusOK).MustSay(email)
		p.Submit("partner-link", "#no").Must("consent", http.StatusOK)

		p = h.Person(language)
		p.Open(webtest.Authorize(webtest.Fishing))
		bank.SignIn(p).Must("partner-account", http.StatusOK)
		p.Follow("sign-in-link")
		signIn(p, good)
		p.Submit("second-step", "code", sent(h, email))
		p.Submit("partner-link", "#yes").Must("partner-hand-off", http.StatusOK).
			MustSay(say(language, "one more time", "encore une fois"), email, say(language, "Do not link", "Ne pas lier"))
		bank.Customer = "somebody-else"
		page = bank.Again(p).Must("partner-problem", http.StatusOK).
			MustSay(say(language, "we linked nothing", "nous n'avons rien lié"), say(language, "Do not link", "Ne pas lier"))
		if page.Has("forgot-password-link") || strings.Contains(page.Body, "/forgot-password") {
			t.Error("who is signed in is offered another way to sign in")
		}
		bank.Customer = "customer-1"
		p.Submit("partner-bank").Must("partner-hand-off", http.StatusOK)
		bank.Again(p).Must("consent", http.StatusOK)
		if !strings.Contains(h.Mail(email).Text, say(language, "Northland Bank", "Banque du Northland")) {
			t.Error("the owner is not told of the link")
		}

		p = h.Person(language)
		p.Open("/signin")
		bank.SignIn(p).Must("connected-services", http.StatusOK)
	})
}

func TestABlockedPartnerIsNotOfferedForLinkingAndIsNoDeadEnd(t *testing.T) {
	eachBank(t, func(t *testing.T, h *webtest.House, bank *webtest.Bank, language string) {
		enrol(h, h.Person(language))
		p := h.Person(language)
		p.Open("/settings/partners/bank/block").Must("sign-in", http.StatusOK)
		signIn(p, good).Must("second-step", http.StatusOK)
		p.Submit("send-code").Must("second-step", http.StatusOK)
		p.Submit("second-step", "code", sent(h, email)).Must("block-partner", http.StatusOK)
		p.Submit("block-partner").Must("settings", http.StatusOK)

		p = h.Person(language)
		p.Open(webtest.Authorize(webtest.Fishing))
		bank.SignIn(p).Must("partner-account", http.StatusOK)
		p.Follow("sign-in-link")
		signIn(p, good).Must("second-step", http.StatusOK)
		page := p.Submit("second-step", "code", sent(h, email)).Must("partner-link", http.StatusOK).
			MustSay(say(language, "You have blocked Northland Bank", "Vous avez bloqué le partenaire Banque du Northland"), say(language, "your settings", "vos paramètres"))
		if page.Has("yes") {
			t.Error("a blocked partner is offered for linking")
		}
		p.Submit("partner-link", "#no").Must("consent", http.StatusOK)
	})
}

func TestEveryFailureHasItsWordsAndOrderedHelp(t *testing.T) {
	failures := []upstream.Failure{
		upstream.Cancelled, upstream.Refused, upstream.Outage, upstream.Slow, upstream.Invalid, upstream.Replay, upstream.Stale, upstream.Weaker,
	}
	eachBank(t, func(t *testing.T, h *webtest.House, bank *webtest.Bank, language string) {
		seen := map[string]upstream.Failure{}
		for _, failure := range failures {
			bank.Fails = failure
			p := h.Person(language)
			p.Open(webtest.Authorize(webtest.Aid))
			page := bank.SignIn(p).Must("partner-problem", http.StatusOK)
			if other, known := seen[page.Heading()]; known {
				t.Errorf("%s and %s have one heading", failure, other)
			}
			seen[page.Heading()] = failure
			page.MustSay(say(language, "forgotten card number", "oublié votre numéro de carte"))
			if page.Href("partner-help-link") != webtest.BankOrigin+say(language, "/help", "/aide") || !page.Has("contact") || !page.Has("submit") {
				t.Errorf("%s: help at %q", failure, page.Href("partner-help-link"))
			}
			bank.Fails = ""
			bank.SignIn(p).Must("partner-account", http.StatusOK)
			p.Submit("partner-back").Must("sign-in", http.StatusOK)
		}
	})
}

func TestFromEveryPageOfAPartnerThereIsAnotherWay(t *testing.T) {
	eachBank(t, func(t *testing.T, h *webtest.House, bank *webtest.Bank, language string) {
		p := h.Person(language)
		p.Open(webtest.Authorize(webtest.Aid))
		p.Submit("partner-bank").Must("partner-hand-off", http.StatusOK)
		p.Submit("partner-back").Must("sign-in", http.StatusOK)
		bank.Fails = upstream.Cancelled
		bank.SignIn(p).Must("partner-problem", http.StatusOK)
		p.Submit("partner-back").Must("sign-in", http.StatusOK)
		bank.Closed = upstream.Outage
		p.Submit("partner-bank").Must("partner-problem", http.StatusOK)
		p.Submit("partner-back").Must("sign-in", http.StatusOK)
		p.Follow("create-account-link").Must("create-account", http.StatusOK)
		p.Follow("use-partner-link").Must("sign-in", http.StatusOK)
	})
}

func TestAPartnerThatIsKnownToBeOutOfReachSaysSoAndIsNoButton(t *testing.T) {
	eachBank(t, func(t *testing.T, h *webtest.House, bank *webtest.Bank, language string) {
		p := h.Person(language)
		p.Open(webtest.Authorize(webtest.Aid))
		bank.Close()
		page := p.Open(p.Page.URL).Must("sign-in", http.StatusOK)
		if page.Has("partner-bank") || !page.Has("partner-bank-down") {
			t.Error("a partner that is down is still a button")
		}
		page.MustSay(say(language, "cannot be reached right now", "ne répond pas en ce moment"))
	})
}

// While nobody is let through to the partner, trying again is not offered; once it is back,
// it is, on the same page.
func TestAPartnerThatIsBackCanBeTriedAgainFromItsPage(t *testing.T) {
	eachBank(t, func(t *testing.T, h *webtest.House, bank *webtest.Bank, language string) {
		for _, failure := range []upstream.Failure{upstream.Outage, upstream.Slow} {
			p := h.Person(language)
			p.Open(webtest.Authorize(webtest.Aid))
			bank.Fails = failure
			page := bank.SignIn(p).Must("partner-problem", http.StatusOK)
			if !page.Has("partner-bank") || page.Has("look-again") {
				t.Errorf("%s: it cannot be tried again", failure)
			}
			bank.Close()
			page = p.Open(page.URL).Must("partner-problem", http.StatusOK).MustSay(say(language, "As soon as it can, you can try again here.", "Dès que ce sera possible, vous pourrez réessayer ici."))
			if page.Has("partner-bank") || !page.Has("look-again") || !page.Has("partner-back") {
				t.Errorf("%s: a partner that is out of reach can be tried again", failure)
			}
			p.Follow("look-again").Must("partner-problem", http.StatusOK)
			bank.Reopen()
			bank.Fails = ""
			if page := p.Follow("look-again").Must("partner-problem", http.StatusOK); page.Has("look-again") || page.Has("partner-down") {
				t.Errorf("%s: the page does not know that the partner is back", failure)
			}
			bank.SignIn(p).Must("partner-account", http.StatusOK)
		}
	})
}

func TestAPartnerThatIsTakenAwayIsNoDoorAnyMore(t *testing.T) {
	eachBank(t, func(t *testing.T, h *webtest.House, _ *webtest.Bank, language string) {
		p := h.Person(language)
		page := p.Open(webtest.Authorize(webtest.Aid)).Must("sign-in", http.StatusOK)
		at := strings.TrimSuffix(page.URL, "sign-in") + "partner"
		p.Send(at, url.Values{"form_token": {page.FormToken("partner-bank")}, "provider": {"gone"}}).Must("sign-in", http.StatusUnprocessableEntity)
	})
}

func TestAnAnswerThatNobodyWaitsForHasAWayOn(t *testing.T) {
	eachBank(t, func(t *testing.T, h *webtest.House, bank *webtest.Bank, language string) {
		p := h.Person(language)
		p.Open(webtest.Authorize(webtest.Aid))
		p.Submit("partner-bank")
		p.Follow("submit")
		answer := bank.Answer(p)

		// Another browser, with and without our cookies, and what somebody made up.
		p.Elsewhere().Open(answer).Must("partner-unexpected", http.StatusNotFound)
		other := p.Elsewhere()
		other.Open("/signin")
		other.Open(answer).Must("partner-unexpected", http.StatusNotFound)
		for _, address := range []string{
			"/partner/bank/callback", "/partner/nobody/callback?state=x&code=y", "/partner/bank/callback?state=x&state=y",
			"/partner/bank/callback?%zz", "/partner/bank/callback?state=" + strings.Repeat("s", 7<<10),
		} {
			if page := other.Open(address); page.Status >= 500 || !page.Has("sign-in-link") {
				t.Errorf("%.60s: %d %s", address, page.Status, page.Name())
			}
		}

		p.Open(answer).Must("partner-account", http.StatusOK)
		p.Open(answer).Must("partner-unexpected", http.StatusNotFound) // opened again
		p.Follow("sign-in-link")
	})
}

// OAuth 2.0 Form Post Response Mode: a browser sends none of our cookies with a post
// of another site, and all of them with the GET that it is led to.
func TestAPostedAnswerIsLedToOurOwnPage(t *testing.T) {
	eachBank(t, func(t *testing.T, h *webtest.House, bank *webtest.Bank, language string) {
		p := h.Person(language)
		p.Open(webtest.Authorize(webtest.Aid))
		p.Submit("partner-bank")
		p.Follow("submit")
		answer, err := url.Parse(bank.Answer(p))
		if err != nil {
			t.Fatal(err)
		}
		bankSite := p.Elsewhere()
		bankSite.Stay = true
		bankSite.Header = http.Header{"Origin": {webtest.BankOrigin}, "Sec-Fetch-Site": {"cross-site"}}
		form := answer.Query()
		form.Set("session_state", "for somebody else")
		page := bankSite.Send(answer.Path, form)
		if page.Status != http.StatusSeeOther || page.Header.Get("Cache-Control") != "no-store" || len(page.Header.Values("Set-Cookie")) > 0 {
			t.Errorf("%d %v", page.Status, page.Header)
		}
		to := page.Header.Get("Location")
		if to != answer.String() {
			t.Errorf("led to %q, want %q", to, answer)
		}
		p.Open(to).Must("partner-account", http.StatusOK)

		for what, form := range map[string]url.Values{"twice": {"state": {"a", "b"}}, "long": {"state": {strings.Repeat("s", 8<<10)}}} {
			if page := bankSite.Send(answer.Path, form); page.Status < 400 || page.Status >= 500 {
				t.Errorf("%s: %d", what, page.Status)
			}
		}
		// No other page takes what another site posts.
		if page := bankSite.Send("/signin/x/partner", url.Values{"provider": {"bank"}}); page.Status != http.StatusForbidden {
			t.Errorf("the button of a partner takes posts of other sites: %d", page.Status)
		}
	})
}

func TestALogoOfAPartnerComesFromHere(t *testing.T) {
	const logo = "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
	h := webtest.Open(t, webtest.WithBank, func(c *config.Config) { c.Upstreams[0].Logo = logo })
	h.OpenBank()
	p := h.Person("en-CA")
	if page := p.Open("/signin").Must("sign-in", http.StatusOK); !strings.Contains(page.Body, `src="/partner/bank/logo"`) {
		t.Error("the door has no logo")
	}
	page := p.Open("/partner/bank/logo")
	if page.Header.Get("Content-Type") != "image/png" || !slices.Equal([]byte(page.Body)[:4], []byte("\x89PNG")) {
		t.Errorf("%v", page.Header)
	}
	if page := p.Open("/partner/nobody/logo"); page.Status != http.StatusNotFound {
		t.Errorf("%d", page.Status)
	}
}

// exits are the buttons and links in the main part of a page.
func exits(p *webtest.Page) []string {
	main := p.Body[strings.Index(p.Body, `id="main"`):strings.Index(p.Body, "</main>")]
	return regexp.MustCompile(`<(?:button|a )[^>]*>`).FindAllString(main, -1)
}

// R47: an expired code has two exits and no other: a new code, or the sign-in anew.
func TestAnExpiredCodeOfWhoComesFromAPartnerHasTwoExits(t *testing.T) {
	eachBank(t, func(t *testing.T, h *webtest.House, bank *webtest.Bank, language string) {
		p := h.Person(language)
		p.Open(webtest.Authorize(webtest.Aid))
		bank.SignIn(p)
		p.Follow("create-account-link")
		p.Submit("create-account", "email", email, "terms", "yes").Must("confirm-email", http.StatusOK).MustSay("5 minutes")
		letter := h.Mail(email)
		if text := strings.ReplaceAll(letter.Text, "\u00a0", " "); !strings.Contains(text, "5 minutes") || strings.Contains(text, "30 minutes") {
			t.Errorf("the mail says\n%s", letter.Text)
		}
		h.Advance(5 * time.Minute)
		expired := func(page *webtest.Page, status int) {
			t.Helper()
			page.Must("code-expired", status).MustSay("5 minutes", "@example.org")
			if got := exits(page); len(got) != 2 || !page.Has("resend") || !page.Has("start-again") {
				t.Errorf("the exits are %q", got)
			}
		}
		late := letter.Codes[0]
		page := p.Submit("confirm-email", "code", late)
		expired(page, http.StatusUnprocessableEntity)
		expired(p.Open(strings.TrimSuffix(page.URL, "/")), http.StatusOK) // and when it is loaded again
		p.Open(h.Link(email)).Must("link-expired", http.StatusGone).MustSay("5 minutes")

		p.Open(page.URL)
		p.Submit("resend").Must("confirm-email", http.StatusOK).MustSay(say(language, "We sent the message again", "renvoyé le message"))
		p.Submit("confirm-email", "code", h.Code(email)).Must("partner-create", http.StatusOK)

		other := h.Person(language)
		other.Open(webtest.Authorize(webtest.Aid))
		bank.SignIn(other)
		other.Follow("create-account-link")
		at := other.Submit("create-account", "email", "another@example.org", "terms", "yes").URL
		h.Advance(6 * time.Minute)
		expired(other.Open(at), http.StatusOK)
		other.Submit("start-again").Must("sign-in", http.StatusOK)
		bank.SignIn(other).Must("partner-account", http.StatusOK)
	})
}

// R45, R47: the same for the code that proves an existing account.
func TestAnExpiredCodeBeforeALinkHasTwoExits(t *testing.T) {
	eachBank(t, func(t *testing.T, h *webtest.House, bank *webtest.Bank, language string) {
		enrol(h, h.Person(language))
		toCode := func() *webtest.Person {
			p := h.Person(language)
			p.Open(webtest.Authorize(webtest.Fishing))
			bank.SignIn(p)
			p.Follow("sign-in-link")
			signIn(p, good).Must("second-step", http.StatusOK).MustSay("5 minutes")
			return p
		}
		p := toCode()
		code := sent(h, email)
		h.Advance(5 * time.Minute)
		page := p.Submit("second-step", "code", code).Must("code-expired", http.StatusUnprocessableEntity).MustSay("5 minutes")
		if got := exits(page); len(got) != 2 {
			t.Errorf("the exits are %q", got)
		}
		p.Submit("resend").Must("second-step", http.StatusOK)
		p.Submit("second-step", "code", sent(h, email)).Must("partner-link", http.StatusOK)

		p = toCode()
		h.Advance(5 * time.Minute)
		p.Open(p.Page.URL).Must("code-expired", http.StatusOK)
		p.Submit("start-again").Must("sign-in", http.StatusOK)
		bank.SignIn(p).Must("partner-account", http.StatusOK)
	})
}

// R42: on every page of the way there and back, and at the sign-out, the browser is told
// to say nothing of where it comes from; only the one link leads to the partner, with
// nothing but what the request needs.
func TestNothingOfTheServiceLeavesByTheBrowser(t *testing.T) {
	eachBank(t, func(t *testing.T, h *webtest.House, bank *webtest.Bank, language string) {
		p := h.Person(language)
		p.Open(webtest.Authorize(webtest.Aid, "login_hint", "sam.rivers@example.org"))
		silent := func(page *webtest.Page) {
			t.Helper()
			if got := page.Header.Get("Referrer-Policy"); got != "no-referrer" {
				t.Errorf("%s: Referrer-Policy %q", page.Name(), got)
			}
			if csp := page.Header.Get("Content-Security-Policy"); strings.Contains(csp, "bank") {
				t.Errorf("%s: the policy names the partner: %s", page.Name(), csp)
			}
		}
		silent(p.Page)
		page := p.Submit("partner-bank").Must("partner-hand-off", http.StatusOK)
		silent(page)
		if n := strings.Count(page.Body, webtest.BankOrigin); n != 1 {
			t.Errorf("%d links lead to the partner", n)
		}
		to, err := url.Parse(page.Href("submit"))
		if err != nil {
			t.Fatal(err)
		}
		if q := to.Query(); len(q) != 1 || q.Get("state") == "" || to.Path != "/authorize" || to.Fragment != "" {
			t.Errorf("the way to the partner is %s", to)
		}
		p.Follow("submit")
		silent(p.Open(bank.Answer(p)).Must("partner-account", http.StatusOK))
		silent(p.Trail[0]) // the page that the partner's form ends on
		p.Follow("create-account-link")
		p.Submit("create-account", "email", email, "terms", "yes")
		p.Submit("confirm-email", "code", h.Code(email))
		silent(p.Submit("partner-create").Must("consent", http.StatusOK))
		p.Submit("consent", "#allow")
		mustLeave(t, p, callback, "code=")
		if strings.Contains(p.Left, "bank") {
			t.Errorf("the service is told %s", p.Left)
		}
		asked := len(bank.Asked)
		silent(p.Open("/settings"))
		silent(p.Follow("sign-out-link").Must("sign-out", http.StatusOK))
		silent(p.Submit("sign-out").Must("signed-out", http.StatusOK))
		if len(bank.Asked) != asked || strings.Count(p.Page.Body, webtest.BankOrigin) != 1 || p.Page.Attr("partner-sign-out", "rel") != "noreferrer" {
			t.Error("the partner hears of the sign-out, unless it is chosen")
		}
	})
}

// Who is signed in and has to prove it anew cannot do it as somebody else at a partner.
func TestAnotherAccountsPartnerIsAPageWithWaysOn(t *testing.T) {
	eachBank(t, func(t *testing.T, h *webtest.House, bank *webtest.Bank, language string) {
		p := h.Person(language)
		enrol(h, p)
		p.Open(webtest.Authorize(webtest.Fishing, "prompt", "login")).Must("sign-in", http.StatusOK)
		page := bank.SignIn(p).Must("partner-problem", http.StatusOK).MustSay(email, say(language, "You signed in there as somebody else", "Ce n'est pas la connexion de ce compte"))
		if !page.Has("again") && !page.Has("partner-bank") {
			t.Error("it cannot be tried again")
		}
		page = p.Submit("partner-back").Must("sign-in", http.StatusOK).MustSay(say(language, "Use another account", "Utiliser un autre compte"))
		if page.Field("email", "value") != email {
			t.Errorf("it is not said who signs in again: %q", page.Field("email", "value"))
		}
	})
}

// Every failure on the way to linking leaves the person signed in, with a way on that links nothing.
func TestWhoLinksAPartnerGoesOnWithoutItWhateverHappensThere(t *testing.T) {
	eachBank(t, func(t *testing.T, h *webtest.House, bank *webtest.Bank, language string) {
		enrol(h, h.Person(language))
		p := h.Person(language)
		p.Open(webtest.Authorize(webtest.Fishing))
		bank.SignIn(p).Must("partner-account", http.StatusOK)
		p.Follow("sign-in-link")
		signIn(p, good)
		p.Submit("second-step", "code", sent(h, email)).Must("partner-link", http.StatusOK).
			MustSay(say(language, "one more time", "encore une fois"))
		p.Submit("partner-link", "#yes")
		for _, failure := range []upstream.Failure{upstream.Cancelled, upstream.Refused, upstream.Slow, upstream.Invalid, upstream.Stale, upstream.Outage, upstream.Weaker} {
			bank.Fails = failure
			bank.Again(p).Must("partner-problem", http.StatusOK).MustSay(say(language, "go on without linking", "continuer sans lier"))
			p.Submit("partner-bank")
		}
		p.Submit("partner-back").Must("consent", http.StatusOK)
	})
}

func TestAnAccountThatWasClosedMeanwhileIsNotThePartnersFault(t *testing.T) {
	eachBank(t, func(t *testing.T, h *webtest.House, bank *webtest.Bank, language string) {
		p := h.Person(language)
		p.Open(webtest.Authorize(webtest.Aid))
		bank.SignIn(p)
		p.Follow("create-account-link")
		p.Submit("create-account", "email", email, "terms", "yes")
		p.Submit("confirm-email", "code", h.Code(email))
		p.Submit("partner-create")
		addr, err := account.ParseAddress(email)
		if err != nil {
			t.Fatal(err)
		}
		err = h.DB.Write(t.Context(), func(tx *db.Tx) error {
			a, _, err := h.Accounts.ByAddress(tx, addr)
			if err == nil {
				_, err = h.Accounts.Close(tx, a.ID)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		other := h.Person(language)
		other.Open(webtest.Authorize(webtest.Aid))
		page := bank.SignIn(other).Must("partner-account", http.StatusOK).MustSay(say(language, "is closed", "est fermé"))
		if !page.Has("create-account-link") || !page.Has("sign-in-link") || !page.Has("contact") {
			t.Errorf("the ways on are missing:\n%s", page.Text())
		}
	})
}

// Whose session a partner opened may sign out there, too, and is not sent there unasked.
func TestWhoSignsOutMayChooseToSignOutAtThePartnerToo(t *testing.T) {
	eachBank(t, func(t *testing.T, h *webtest.House, bank *webtest.Bank, language string) {
		p := h.Person(language)
		p.Open(webtest.Authorize(webtest.Aid))
		bank.SignIn(p)
		p.Follow("create-account-link")
		p.Submit("create-account", "email", email, "terms", "yes")
		p.Submit("confirm-email", "code", h.Code(email))
		p.Submit("partner-create")
		p.Open("/signout").Must("sign-out", http.StatusOK)
		page := p.Submit("sign-out").Must("signed-out", http.StatusOK).MustSay(say(language, "Northland Bank", "Banque du Northland"))
		if page.Attr("partner-sign-out", "rel") != "noreferrer" || page.Href("partner-sign-out") != webtest.BankOrigin+"/end-session?client_id=parvis" {
			t.Errorf("the way to the partner: %q", page.Href("partner-sign-out"))
		}
		page = p.Open("/partner/bank/signed-out").Must("signed-out", http.StatusOK)
		if page.Has("partner-too") || !page.Has("partner-back") || !page.Has("sign-in-link") {
			t.Errorf("back from the partner: %s", page.Text())
		}
		for _, address := range []string{"/signed-out?partner=nobody", "/partner/nobody/signed-out", "/signed-out?partner=" + strings.Repeat("x", 2000)} {
			if page := p.Open(address).Must("signed-out", http.StatusOK); page.Has("partner-too") || page.Has("partner-back") {
				t.Errorf("%.40s names a partner", address)
			}
		}
		bank.Close()
		if page := p.Open("/signed-out?partner=bank"); page.Has("partner-too") {
			t.Error("a partner that is out of reach is offered")
		}

		// Who signed in with a password is not asked about a partner.
		enrolled := h.Person(language)
		enrolled.Open("/signin")
		enrolled.Follow("create-account-link")
		enrolled.Submit("create-account", "email", "plain@example.org", "terms", "yes")
		enrolled.Submit("confirm-email", "code", h.Code("plain@example.org"))
		enrolled.Submit("choose-password", "password", good)
		enrolled.Open("/signout")
		if page := enrolled.Submit("sign-out").Must("signed-out", http.StatusOK); page.Has("partner-too") {
			t.Error("a partner is offered to who never was there")
		}
	})
}

// OpenID Connect Back-Channel Logout 1.0, 2.8: a machine is answered by status alone, with
// no cookie and nothing to keep.
func TestANoticeOfAPartnerEndsTheSessionAndIsAnsweredByItsStatus(t *testing.T) {
	eachBank(t, func(t *testing.T, h *webtest.House, bank *webtest.Bank, language string) {
		p := h.Person(language)
		p.Open(webtest.Authorize(webtest.Aid))
		bank.SignIn(p)
		p.Follow("create-account-link")
		p.Submit("create-account", "email", email, "terms", "yes")
		p.Submit("confirm-email", "code", h.Code(email))
		p.Submit("partner-create")
		p.Open("/services").Must("connected-services", http.StatusOK)

		machine := h.Person(language)
		machine.Stay = true
		machine.Header = http.Header{"Origin": {webtest.BankOrigin}, "Sec-Fetch-Site": {"cross-site"}}
		notice := func(partner, token string) *webtest.Page {
			page := machine.Send("/partner/"+partner+"/backchannel-logout", url.Values{"logout_token": {token}})
			if page.Header.Get("Cache-Control") != "no-store" || len(page.Header.Values("Set-Cookie")) > 0 {
				t.Errorf("%s: %v", token, page.Header)
			}
			return page
		}
		for what, c := range map[string]struct {
			partner, token string
			want           int
		}{
			"nothing":             {"bank", "", http.StatusBadRequest},
			"garbage":             {"bank", "garbage", http.StatusBadRequest},
			"too much":            {"bank", strings.Repeat("x", 21<<10), http.StatusBadRequest},
			"no such partner":     {"nobody", "customer-1 n", http.StatusNotFound},
			"a stranger, unknown": {"bank", "customer-7 n", http.StatusOK},
		} {
			if got := notice(c.partner, c.token); got.Status != c.want || c.want == http.StatusBadRequest && !strings.Contains(got.Body, `"invalid_request"`) {
				t.Errorf("%s: %d %s", what, got.Status, got.Body)
			}
		}
		p.Open("/services").Must("connected-services", http.StatusOK)
		bank.Closed = upstream.Outage
		if got := notice("bank", bank.Customer+" n-1"); got.Status != http.StatusServiceUnavailable {
			t.Errorf("without the partner's keys: %d", got.Status)
		}
		bank.Closed = ""
		if got := notice("bank", bank.Customer+" n-1"); got.Status != http.StatusOK || got.Body != "" {
			t.Errorf("%d %s", got.Status, got.Body)
		}
		if page := p.Open("/services"); page.Name() == "connected-services" {
			t.Error("the session goes on")
		}
		if got := notice("bank", bank.Customer+" n-1"); got.Status != http.StatusBadRequest {
			t.Errorf("a repetition: %d", got.Status)
		}
	})
}

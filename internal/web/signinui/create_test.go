package signinui_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"parvis/internal/web/webtest"
)

const (
	email    = "sam.rivers@example.org"
	good     = "paper lantern over the river 7"
	another  = "copper kettle behind the door 3"
	callback = "https://student-aid.test/callback?"
)

// languages are what every journey is walked in.
var languages = []string{"en-CA", "fr-CA"}

func each(t *testing.T, test func(t *testing.T, h *webtest.House, language string)) {
	t.Helper()
	for _, l := range languages {
		t.Run(l, func(t *testing.T) { test(t, webtest.Open(t), l) })
	}
}

// ask begins at a service and asks for an account.
func ask(p *webtest.Person, service string) {
	p.T.Helper()
	p.Open(service).Must("sign-in", http.StatusOK)
	p.Follow("create-account-link").Must("create-account", http.StatusOK)
	p.Submit("create-account", "email", email, "terms", "yes").Must("confirm-email", http.StatusOK)
}

// enrol makes an active account by the typed code, and leaves the person signed in.
func enrol(h *webtest.House, p *webtest.Person) {
	p.T.Helper()
	ask(p, "/signin")
	p.Submit("confirm-email", "code", h.Code(email)).Must("choose-password", http.StatusOK)
	p.Submit("choose-password", "password", good).Must("connected-services", http.StatusOK)
}

// signIn fills in the sign-in page.
func signIn(p *webtest.Person, password string) *webtest.Page {
	p.T.Helper()
	p.Page.Must("sign-in", p.Page.Status)
	return p.Submit("sign-in", "email", email, "password", password)
}

func mustLeave(t *testing.T, p *webtest.Person, want string, parts ...string) {
	t.Helper()
	if !strings.HasPrefix(p.Left, want) {
		t.Fatalf("the person is led to %q, want %q…; on screen: %s\n%s", p.Left, want, p.Page.Name(), p.Page.Text())
	}
	for _, part := range parts {
		if !strings.Contains(p.Left, part) {
			t.Errorf("%s lacks %s", p.Left, part)
		}
	}
}

func TestAPersonCreatesAnAccountByTheTypedCodeAndLandsInTheService(t *testing.T) {
	each(t, func(t *testing.T, h *webtest.House, language string) {
		p := h.Person(language)
		page := p.Open(webtest.Authorize(webtest.Aid)).Must("sign-in", http.StatusOK)
		name, department := "Student aid", "Ministry of Colleges"
		if language == "fr-CA" {
			name, department = "Aide financière aux études", "Ministère de l'Enseignement supérieur"
		}
		page.MustSay(name, department)
		if page.Href("back-to-service") != "https://student-aid.test/" || page.Lang() != language[:2] {
			t.Errorf("back leads to %q, the page is in %q", page.Href("back-to-service"), page.Lang())
		}
		ask(p, webtest.Authorize(webtest.Aid))
		p.Page.MustSay("s•••s@example.org", name, "30 minutes").MustNotSay(email)
		code := h.Code(email)
		p.Submit("confirm-email", "code", code[:3]+" "+code[3:]).Must("choose-password", http.StatusOK)
		if p.Page.Field("username", "value") != email || p.Page.Field("password", "autocomplete") != "new-password" {
			t.Error("a password manager cannot tell whose password this is")
		}
		p.Submit("choose-password", "password", good).Must("consent", http.StatusOK).MustSay(email, name)
		p.Submit("consent", "#allow")
		mustLeave(t, p, callback, "code=", "state=state-1234567890", "iss=")
	})
}

func TestTheLinkOfTheMailActivatesInTheSameBrowser(t *testing.T) {
	each(t, func(t *testing.T, h *webtest.House, language string) {
		p := h.Person(language)
		ask(p, webtest.Authorize(webtest.Aid))
		link := h.Link(email)
		for range 3 { // a mail scanner looks first
			scanner := h.Person("en")
			scanner.Open(link).Must("confirm-link", http.StatusOK)
		}
		p.Open(link).Must("confirm-link", http.StatusOK).MustSay("s•••s@example.org")
		p.Submit("confirm-link").Must("choose-password", http.StatusOK)
		p.Submit("choose-password", "password", good).Must("consent", http.StatusOK)
		p.Submit("consent", "#allow")
		mustLeave(t, p, callback, "code=")
		other := h.Person(language)
		other.Open(link).Must("link-used", http.StatusGone)
	})
}

func TestALinkOpenedElsewhereActivatesThereAndLeavesTheFirstBrowserAlone(t *testing.T) {
	each(t, func(t *testing.T, h *webtest.House, language string) {
		first := h.Person(language)
		ask(first, webtest.Authorize(webtest.Aid))
		second := first.Elsewhere()
		second.Open(h.Link(email)).Must("confirm-link", http.StatusOK)
		second.Submit("confirm-link").Must("choose-password", http.StatusOK)
		second.Submit("choose-password", "password", good).Must("account-activated", http.StatusOK)
		if to := second.Page.Href("continue-to-service"); to != "https://student-aid.test/login?iss=https%3A%2F%2Fsignin.test" {
			t.Errorf("continue leads to %q", to)
		}
		first.Open(first.Page.URL).Must("confirm-email", http.StatusOK)
		if first.Cookie("__Host-parvis_session") != "" {
			t.Error("the first browser was signed in")
		}
		first.Follow("sign-in-link").Must("sign-in", http.StatusOK)
		signIn(first, good).Must("consent", http.StatusOK)
	})
}

func TestAKnownAddressIsToldOnlyToWhoHasProvenIt(t *testing.T) {
	each(t, func(t *testing.T, h *webtest.House, language string) {
		enrol(h, h.Person(language))
		p := h.Person(language)
		ask(p, webtest.Authorize(webtest.Aid))
		p.Submit("confirm-email", "code", h.Code(email)).Must("already-registered", http.StatusOK).MustSay(email)
		p.Follow("sign-in-link").Must("sign-in", http.StatusOK)
		if p.Page.Field("email", "value") != email {
			t.Error("the address must be typed again")
		}
		signIn(p, good).Must("consent", http.StatusOK)
	})
}

func TestTheAnswerToAnAddressIsTheSameWhetherOrNotItIsKnown(t *testing.T) {
	h := webtest.Open(t)
	enrol(h, h.Person("en"))
	seen := map[string]bool{}
	for _, address := range []string{email, "sem.rivers@example.org"} {
		p := h.Person("en")
		p.Open(webtest.Authorize(webtest.Aid))
		p.Follow("create-account-link")
		page := p.Submit("create-account", "email", address, "terms", "yes").Must("confirm-email", http.StatusOK)
		text := page.Text()
		seen[text[:strings.Index(text, "reference:")]] = true
	}
	if len(seen) != 1 {
		t.Errorf("%d different answers: %v", len(seen), seen)
	}
}

func TestAnExpiredLinkSendsANewOneAndKeepsTheWayToTheService(t *testing.T) {
	each(t, func(t *testing.T, h *webtest.House, language string) {
		p := h.Person(language)
		ask(p, webtest.Authorize(webtest.Aid))
		old := h.Link(email)
		h.Advance(31 * time.Minute)
		p.Open(old).Must("link-expired", http.StatusGone).MustSay("30 minutes")
		p.Submit("resend").Must("link-sent", http.StatusOK)
		link := h.Link(email)
		if link == old {
			t.Fatal("no new link was sent")
		}
		p.Open(link).Must("confirm-link", http.StatusOK)
		p.Submit("confirm-link").Must("choose-password", http.StatusOK)
		p.Submit("choose-password", "password", good)
		if name := p.Page.Name(); name != "consent" && name != "account-activated" {
			t.Errorf("after the password comes %s:\n%s", name, p.Page.Text())
		}
	})
}

func TestALinkOfARemovedAccountExplainsAndLeadsBackToTheService(t *testing.T) {
	each(t, func(t *testing.T, h *webtest.House, language string) {
		p := h.Person(language)
		ask(p, webtest.Authorize(webtest.Aid))
		link := h.Link(email)
		h.Advance(25 * time.Hour)
		p.Open(link).Must("link-removed", http.StatusGone)
		if to := p.Page.Href("continue-to-service"); to != "https://student-aid.test/login?iss=https%3A%2F%2Fsignin.test" {
			t.Errorf("the way back leads to %q", to)
		}
		q := h.Person(language)
		ask(q, webtest.Authorize(webtest.Aid)) // the address is free again
		q.Submit("confirm-email", "code", h.Code(email)).Must("choose-password", http.StatusOK)
	})
}

func TestTheMessageCanBeSentAgainAndTheAddressChanged(t *testing.T) {
	each(t, func(t *testing.T, h *webtest.House, language string) {
		p := h.Person(language)
		ask(p, webtest.Authorize(webtest.Aid))
		old := h.Link(email)
		h.Advance(time.Minute)
		p.Submit("resend", "#resend-button").Must("confirm-email", http.StatusOK)
		if h.Link(email) == old {
			t.Fatal("no new message")
		}
		other := h.Person(language)
		other.Open(old).Must("link-replaced", http.StatusGone)
		p.Follow("other-address-link").Must("create-account", http.StatusOK)
		p.Submit("create-account", "email", "rose@example.org", "terms", "yes").Must("confirm-email", http.StatusOK).MustSay("r•••e@example.org")
	})
}

func TestAWrongCodeCountsDownAndFiveEndIt(t *testing.T) {
	h := webtest.Open(t)
	p := h.Person("en")
	ask(p, "/signin")
	code := h.Code(email)
	wrong := "000000"
	if code == wrong {
		wrong = "111111"
	}
	p.Submit("confirm-email", "code", "").Must("confirm-email", http.StatusUnprocessableEntity)
	p.Submit("confirm-email", "code", wrong).Must("confirm-email", http.StatusUnprocessableEntity).MustSay("4 attempts left")
	for range 4 {
		p.Submit("confirm-email", "code", wrong)
	}
	p.Page.Must("confirm-email", http.StatusUnprocessableEntity).MustSay("no longer works")
	p.Submit("confirm-email", "code", code).Must("confirm-email", http.StatusUnprocessableEntity)
}

func TestAPasswordIsRefusedWithEveryReason(t *testing.T) {
	each(t, func(t *testing.T, h *webtest.House, language string) {
		p := h.Person(language)
		ask(p, webtest.Authorize(webtest.Aid))
		p.Submit("confirm-email", "code", h.Code(email))
		p.Page.MustSay("15")
		for _, bad := range []string{"", "short", "password1234567", email, "aaaaaaaaaaaaaaaaaa"} {
			page := p.Submit("choose-password", "password", bad).Must("choose-password", http.StatusUnprocessableEntity)
			if page.Field("password", "value") != "" || !page.Has("error-summary") || !page.Has("password-error") {
				t.Errorf("%q: the page does not tell what is wrong, or repeats the password", bad)
			}
		}
		p.Submit("choose-password", "password", good).Must("consent", http.StatusOK)
	})
}

func TestTheFormOfANewAccountTellsEverythingThatIsMissing(t *testing.T) {
	each(t, func(t *testing.T, h *webtest.House, language string) {
		p := h.Person(language)
		p.Open(webtest.Authorize(webtest.Aid))
		p.Follow("create-account-link")
		page := p.Submit("create-account").Must("create-account", http.StatusUnprocessableEntity)
		if !page.Has("email-error") || !page.Has("terms-error") {
			t.Error("both errors must be shown")
		}
		prefix := "Error: "
		if language == "fr-CA" {
			prefix = "Erreur"
		}
		if !strings.HasPrefix(page.Title(), prefix) {
			t.Errorf("title %q", page.Title())
		}
		page = p.Submit("create-account", "email", "not an address", "terms", "yes").Must("create-account", http.StatusUnprocessableEntity)
		if page.Field("email", "value") != "not an address" {
			t.Error("what was typed is gone")
		}
		page = p.Submit("create-account", "email", "not an address", "terms", "").Must("create-account", http.StatusUnprocessableEntity)
		if !page.Has("email-error") || !page.Has("terms-error") {
			t.Error("an address that is none and the terms must be told at once")
		}
	})
}

func TestAConfirmedAddressThatIsLeftAloneMustBeConfirmedAgain(t *testing.T) {
	each(t, func(t *testing.T, h *webtest.House, language string) {
		p := h.Person(language)
		ask(p, webtest.Authorize(webtest.Aid))
		p.Submit("confirm-email", "code", h.Code(email)).Must("choose-password", http.StatusOK)
		h.Advance(31 * time.Minute)
		p.Submit("choose-password", "password", good).Must("create-account", http.StatusOK).MustSay("30 minutes")
		p.Submit("create-account", "email", email, "terms", "yes").Must("confirm-email", http.StatusOK)
		p.Submit("confirm-email", "code", h.Code(email)).Must("choose-password", http.StatusOK)
		h.Advance(29 * time.Minute)
		p.Submit("choose-password", "password", good).Must("consent", http.StatusOK)
	})
}

package signinui_test

import (
	"net/http"
	"strings"
	"testing"

	"parvis/internal/challenge"
	"parvis/internal/config"
	"parvis/internal/web/webtest"
)

// checked is a deployment in which every such form asks for the check.
func checked(t *testing.T) *webtest.House {
	t.Helper()
	return webtest.Open(t, func(c *config.Config) { c.Challenge.When = challenge.Always })
}

func TestWithoutJavaScriptTheCheckIsPassedByMailToTheService(t *testing.T) {
	for _, l := range languages {
		t.Run(l, func(t *testing.T) {
			h := checked(t)
			p := h.Person(l)
			p.Open(webtest.Authorize(webtest.Fishing)).Must("sign-in", http.StatusOK).
				MustSay(say(l, "Check that this is not a program", "Vérification qu’il ne s’agit pas d’un programme"))
			p.Follow("create-account-link").Must("create-account", http.StatusOK)
			p.Submit("create-account", "email", "sam.rivers@example.org", "terms", "yes").Must("create-account", http.StatusUnprocessableEntity).
				MustSay(say(l, "your browser must do a check", "votre navigateur doit faire une vérification"))
			if p.Page.Field("email", "value") != "sam.rivers@example.org" || !p.Page.Checked("terms") {
				t.Error("what was typed is lost")
			}
			p.Submit("create-account", "#challenge-by-mail").Must("confirm-email", http.StatusOK)
			p.Submit("confirm-email", "code", h.Code("sam.rivers@example.org"))
			p.Submit("choose-password", "password", good)

			p = h.Person(l)
			p.Open(webtest.Authorize(webtest.Fishing)).Must("sign-in", http.StatusOK)
			p.Submit("sign-in", "email", "sam.rivers@example.org", "password", good).Must("sign-in", http.StatusUnprocessableEntity)
			p.Submit("sign-in", "#challenge-by-mail", "email", "sam.rivers@example.org", "password", good).Must("sign-in", http.StatusOK).
				MustSay(say(l, "If there is an account with s•••s@example.org, we sent a code there", "S’il existe un compte avec l’adresse s•••s@example.org, nous y avons envoyé un code"))
			code := h.Code("sam.rivers@example.org")
			p.Submit("sign-in", "password", good, "challenge_code", "12").Must("sign-in", http.StatusUnprocessableEntity).
				MustSay(say(l, "The code is not right", "Le code n’est pas le bon"))
			p.Submit("sign-in", "password", "a wrong password", "challenge_code", code).Must("sign-in", http.StatusUnprocessableEntity)
			p.Submit("sign-in", "password", good).Must("consent", http.StatusOK)
		})
	}
}

func TestACheckedFormTellsNothingOfAnAddress(t *testing.T) {
	h := checked(t)
	p := h.Person("en")
	p.Open("/signin?start=create-account")
	p.Submit("create-account", "#challenge-by-mail", "email", email, "terms", "yes").Must("confirm-email", http.StatusOK)
	p.Submit("confirm-email", "code", h.Code(email)).Must("choose-password", http.StatusOK)
	p.Submit("choose-password", "password", good).Must("connected-services", http.StatusOK)
	said := func(address string) string {
		p := h.Person("en")
		p.Open(webtest.Authorize(webtest.Fishing))
		p.Submit("sign-in", "#challenge-by-mail", "email", address, "password", "a wrong password").Must("sign-in", http.StatusOK)
		text, _, _ := strings.Cut(p.Page.Text(), "If you call for help")
		return strings.NewReplacer("s•••s", "X", "e•••e", "X").Replace(text)
	}
	if known, unknown := said("sam.rivers@example.org"), said("eve@example.org"); known != unknown {
		t.Errorf("the page tells them apart:\n%s\n%s", known, unknown)
	}
	if n := len(h.Mails("eve@example.org")); n != 0 {
		t.Errorf("%d mails to somebody without an account", n)
	}
}

func TestEveryWayBackInCanAskForTheCheckAndGoOnByMail(t *testing.T) {
	h := checked(t)
	for link, want := range map[string]string{"forgot-password": "check-email", "unlock": "check-email"} {
		p := h.Person("fr")
		p.Open(webtest.Authorize(webtest.Fishing))
		form := p.Follow(link + "-link").Name()
		p.Submit(form, "email", link+"@example.org").Must(form, http.StatusUnprocessableEntity)
		p.Submit(form, "#challenge-by-mail").Must(want, http.StatusOK)
	}
}

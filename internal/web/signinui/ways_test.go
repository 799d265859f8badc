package signinui_test

import (
	"net/http"
	"strings"
	"testing"

	"parvis/internal/web/webtest"
)

func TestHowDidISignInIsAnsweredByMail(t *testing.T) {
	eachBank(t, func(t *testing.T, h *webtest.House, bank *webtest.Bank, l string) {
		customer(h, bank, l, "sam@example.org")
		ask := func(address string) string {
			p := h.Person(l)
			p.Open(webtest.Authorize(webtest.Fishing)).Must("sign-in", http.StatusOK)
			p.Follow("ways-link").Must("ways-in", http.StatusOK)
			page := p.Submit("ways-in", "email", address).Must("ways-sent", http.StatusOK)
			said := strings.ReplaceAll(page.Text(), address, "ADDRESS")
			p.Follow("sign-in-link").Must("sign-in", http.StatusOK)
			return strings.Split(said, say(l, "If you call for help", "Si vous appelez"))[0]
		}
		if known, unknown := ask("sam@example.org"), ask("nobody@example.org"); known != unknown {
			t.Errorf("the page tells them apart:\n%s\n%s", known, unknown)
		}
		if m := h.Mail("sam@example.org"); !strings.Contains(m.Text, say(l, "with the sign-in partner Northland Bank", "avec le partenaire de connexion Banque du Northland")) {
			t.Errorf("the owner is told:\n%s", m.Text)
		}
		if m := h.Mail("nobody@example.org"); !strings.Contains(m.Text, say(l, "There is no account with this address", "Il n’y a pas de compte utilisable")) {
			t.Errorf("somebody without an account is told:\n%s", m.Text)
		}
		p := h.Person(l)
		p.Open(webtest.Authorize(webtest.Fishing))
		p.Follow("ways-link")
		p.Submit("ways-in", "email", "no address").Must("ways-in", http.StatusUnprocessableEntity)
		p.Open(strings.Replace(p.Page.URL, "ways-in", "ways-sent", 1)).Must("sign-in", http.StatusOK) // nothing was asked
	})
}

package signinui_test

import (
	"net/http"
	"net/http/httptest"
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
		back := ""
		for _, link := range h.Mail("sam@example.org").Links {
			if strings.Contains(link, "service="+string(webtest.Fishing)) {
				back = link
			}
		}
		if back == "" {
			t.Errorf("the mail does not lead back to the service: %v", h.Mail("sam@example.org").Links)
		}
		back = webtest.Origin + leads(h, back) // the language is set first
		if to := leads(h, back); !strings.Contains(to, "/login?iss=http") || !strings.HasPrefix(to, "https://"+string(webtest.Fishing)) {
			t.Errorf("%s leads to %s", back, to)
		}
		for _, other := range []string{"nobody", "https%3A%2F%2Felsewhere.example", "//elsewhere.example", ""} {
			if to := leads(h, webtest.Origin+"/signin?start=service&service="+other); !strings.HasPrefix(to, "/signin/") {
				t.Errorf("%q leads to %s", other, to)
			}
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

// leads is where an address leads who is nobody yet.
func leads(h *webtest.House, address string) string {
	w := httptest.NewRecorder()
	h.Handler().ServeHTTP(w, httptest.NewRequest(http.MethodGet, address, http.NoBody))
	return w.Header().Get("Location")
}

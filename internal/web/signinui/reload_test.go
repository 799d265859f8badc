package signinui_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"parvis/internal/config"
	"parvis/internal/web/webtest"
)

// A sign-in page that was open for too long is loaded again, or its form is sent: it still
// does what the service asked for, and says that it starts afresh only to who had begun.
func TestASignInPageThatIsLoadedAgainAfterItsTimeStillWorks(t *testing.T) {
	each(t, func(t *testing.T, h *webtest.House, language string) {
		says := map[string]string{"en-CA": "then continue to Student aid", "fr-CA": "puis continuez vers Aide financière aux études"}[language]
		enrol(h, h.Person(language))
		p := h.Person(language)
		p.Open(webtest.Authorize(webtest.Aid)).Must("sign-in", http.StatusOK)
		asked := p.Page.URL
		for _, wait := range []time.Duration{31 * time.Minute, 4 * time.Hour} { // as often as one likes
			h.Advance(wait)
			p.Open(asked).Must("sign-in", http.StatusOK).MustNotSay(says)
		}
		p.Open(strings.TrimSuffix(asked, "sign-in")+"create-account").Must("create-account", http.StatusOK)
		p.Submit("create-account", "email", "somebody.else@example.org", "terms", "on").Must("confirm-email", http.StatusOK)
		waits := p.Page.URL
		h.Advance(3 * time.Hour)
		p.Open(waits).Must("create-account", http.StatusOK).MustSay(says).MustNotSay("somebody.else@example.org")
		p.Follow("sign-in-link").Must("sign-in", http.StatusOK)
		h.Advance(3 * time.Hour)
		p.Submit("sign-in", "email", email, "password", good).Must("consent", http.StatusOK) // the old page is still shown
		h.Advance(3 * time.Hour)
		p.Submit("consent", "#allow") // not signed in any more
		p.Page.Must("sign-in", http.StatusOK).MustSay(says)
		finish(p)
		mustLeave(t, p, callback, "code=", "state=state-1234567890")
	})
}

// A sign-in page is loaded again after its journey has ended: it ran out long ago, it was
// done in another tab, or so much time went by that nothing of it is kept. The page is no
// dead end, and what the service asks next works as if nothing had been.
func TestASignInPageThatIsLoadedAgainAfterItsEndLeadsBackAndTheServiceStartsAnew(t *testing.T) {
	const kept, wiped = "expired", "elsewhere"
	ends := map[string]struct {
		end  func(t *testing.T, h *webtest.House, p *webtest.Person)
		page string
	}{
		"ran out": {func(_ *testing.T, h *webtest.House, _ *webtest.Person) { h.Advance(5 * time.Hour) }, kept},
		"done in another tab": {func(t *testing.T, _ *webtest.House, p *webtest.Person) {
			tab := p.Tab()
			tab.Open(p.Page.URL)
			finish(tab)
			mustLeave(t, tab, callback, "code=")
		}, kept},
		"long ago": {func(_ *testing.T, h *webtest.House, _ *webtest.Person) {
			for range 8 {
				h.Advance(24 * time.Hour)
			}
		}, wiped},
	}
	each(t, func(t *testing.T, h *webtest.House, language string) {
		enrol(h, h.Person(language))
		for name, c := range ends {
			p := h.Person(language)
			p.Open(webtest.Authorize(webtest.Aid)).Must("sign-in", http.StatusOK)
			page := p.Page.URL
			c.end(t, h, p)
			for _, at := range []string{page, strings.TrimSuffix(page, "/sign-in"), page} { // as often as one likes
				p.Open(at)
				switch got := p.Page; {
				case got.Name() != c.page:
					t.Errorf("%s: %s is page %s", name, at, got.Name())
				case c.page == kept && got.Status != http.StatusGone, c.page == wiped && got.Status != http.StatusNotFound:
					t.Errorf("%s: %s answers %d", name, at, got.Status)
				case c.page == kept && got.Href("continue-to-service") != "https://student-aid.test/login?iss=https%3A%2F%2Fsignin.test":
					t.Errorf("%s: the way back is %q", name, got.Href("continue-to-service"))
				case c.page == wiped && got.Href("sign-in-link") != "/signin":
					t.Errorf("%s: there is no way on", name)
				}
			}
			p.Open(webtest.Authorize(webtest.Aid)) // as the service does, where the link leads
			finish(p)
			mustLeave(t, p, callback, "code=", "state=state-1234567890")
		}
	})
}

// finish signs in and agrees, where that is asked.
func finish(p *webtest.Person) {
	p.T.Helper()
	if p.Left == "" && p.Page.Name() == "sign-in" {
		signIn(p, good)
	}
	if p.Left == "" {
		p.Page.Must("consent", http.StatusOK)
		p.Submit("consent", "#allow")
	}
}

// A service that gave no address to come back to has its people start at the account.
func TestAnExpiredPageOfAServiceWithoutAnAddressStartsAtTheAccount(t *testing.T) {
	h := webtest.Open(t, func(c *config.Config) { c.Partners[1].StartURL, c.Partners[1].InitiateLoginURI = "", "" })
	enrol(h, h.Person("en-CA"))
	p := h.Person("en-CA")
	p.Open(webtest.Authorize(webtest.Aid)).Must("sign-in", http.StatusOK)
	h.Advance(5 * time.Hour)
	page := p.Open(p.Page.URL).Must("expired", http.StatusGone)
	if page.Href("continue-to-service") != "/signin" || page.Href("back-to-service") != "" {
		t.Errorf("leads to %q", page.Href("continue-to-service"))
	}
	p.Follow("continue-to-service").Must("sign-in", http.StatusOK)
	signIn(p, good).Must("connected-services", http.StatusOK)
}

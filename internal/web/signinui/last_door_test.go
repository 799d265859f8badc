package signinui_test

import (
	"net/http"
	"testing"
	"time"

	"parvis/internal/config"
	"parvis/internal/web/kit"
	"parvis/internal/web/webtest"
)

// customer creates an account with the bank, on the way to a service.
func customer(h *webtest.House, bank *webtest.Bank, lang, address string) *webtest.Person {
	p := h.Person(lang)
	p.Open(webtest.Authorize(webtest.Fishing)).Must("sign-in", http.StatusOK)
	bank.SignIn(p).Must("partner-account", http.StatusOK)
	p.Follow("create-account-link")
	p.Submit("create-account", "email", address, "terms", "yes")
	p.Submit("confirm-email", "code", h.Code(address))
	p.Submit("partner-create")
	return p
}

func TestTheSignInPageSaysHowSomebodySignedInLastTime(t *testing.T) {
	for _, l := range []string{"en-CA", "fr-CA"} {
		t.Run(l, func(t *testing.T) {
			h := webtest.Open(t, webtest.WithBank)
			bank := h.OpenBank()
			p := customer(h, bank, l, "sam@example.org")
			byBank := say(l, "You signed in with Northland Bank here last time.", "votre connexion ici s’est faite avec le partenaire Banque du Northland")
			h.Advance(24 * time.Hour) // the session is over by itself

			if page := p.Open(webtest.Authorize(webtest.Fishing)).Must("sign-in", http.StatusOK); !page.Has("last-door") {
				t.Errorf("nothing is said of the last time:\n%s", page.Text())
			}
			p.Page.MustSay(byBank, say(l, "You signed in with it here last time.", "Votre dernière connexion ici s’est faite ainsi."))
			if p.Open(webtest.Authorize(webtest.Aid)).Must("sign-in", http.StatusOK).Has("last-door") {
				t.Error("another service tells of it")
			}
			// Another browser, and a cookie of another name, tell nothing.
			if h.Person(l).Open(webtest.Authorize(webtest.Fishing)).Must("sign-in", http.StatusOK).Has("last-door") {
				t.Error("another browser tells of it")
			}
			// A plain control forgets it.
			p.Open(webtest.Authorize(webtest.Fishing))
			if p.Submit("forget-door").Must("sign-in", http.StatusOK).Has("last-door") || p.Cookie(kit.DoorsCookie) != "" {
				t.Error("it is not forgotten")
			}
		})
	}
}

// Whoever signs out at a shared computer leaves nothing of how they signed in there.
func TestSigningOutForgetsHowSomebodySignedIn(t *testing.T) {
	for _, l := range []string{"en-CA", "fr-CA"} {
		t.Run(l, func(t *testing.T) {
			h := webtest.Open(t, webtest.WithBank)
			p := h.Person(l)
			p.Open("/signin?start=create-account")
			p.Submit("create-account", "email", "sam@example.org", "terms", "yes")
			p.Submit("confirm-email", "code", h.Code("sam@example.org"))
			p.Submit("choose-password", "password", "paper lantern over the river 7").Must("connected-services", http.StatusOK)
			if p.Cookie(kit.DoorsCookie) == "" {
				t.Fatal("nothing is remembered")
			}
			p.Open("/signout")
			p.Submit("sign-out").Must("signed-out", http.StatusOK)
			if p.Cookie(kit.DoorsCookie) != "" || p.Open("/signin").Must("sign-in", http.StatusOK).Has("last-door") {
				t.Error("the next person at this computer is told how the last one signed in")
			}
			p.Submit("sign-in", "email", "sam@example.org", "password", "paper lantern over the river 7").Must("connected-services", http.StatusOK)
			h.Advance(24 * time.Hour)
			p.Open("/signin").Must("sign-in", http.StatusOK).MustSay(say(l, "with your e-mail address and password here last time", "avec votre adresse courriel et votre mot de passe"))
		})
	}
}

func TestADeploymentMayRememberNoDoors(t *testing.T) {
	h := webtest.Open(t, webtest.WithBank, func(c *config.Config) { c.Signin.RememberDoor = 0 })
	p := customer(h, h.OpenBank(), "en-CA", "sam@example.org")
	if p.Cookie(kit.DoorsCookie) != "" {
		t.Error("a door is remembered")
	}
}

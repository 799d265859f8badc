package signinui_test

import (
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"parvis/internal/config"
	"parvis/internal/db"
	"parvis/internal/i18n"
	"parvis/internal/id"
	"parvis/internal/relyingparty"
	"parvis/internal/upstream"
	"parvis/internal/web/webtest"
)

// doorsOf gives a service its doors.
func doorsOf(service id.RelyingParty, d relyingparty.Doors) func(*config.Config) {
	return func(c *config.Config) {
		for i := range c.Partners {
			if c.Partners[i].ID == string(service) {
				c.Partners[i].Doors = d
			}
		}
	}
}

func eachDoors(t *testing.T, d relyingparty.Doors, test func(t *testing.T, h *webtest.House, bank *webtest.Bank, language string)) {
	t.Helper()
	for _, l := range languages {
		t.Run(l, func(t *testing.T) {
			h := webtest.Open(t, webtest.WithBank, doorsOf(webtest.Aid, d))
			test(t, h, h.OpenBank(), l)
		})
	}
}

func TestAServiceThatTakesNoPasswordShowsPartnersOnlyAndSaysSo(t *testing.T) {
	eachDoors(t, relyingparty.Doors{Forbid: []string{"password"}}, func(t *testing.T, h *webtest.House, bank *webtest.Bank, l string) {
		p := h.Person(l)
		page := p.Open(webtest.Authorize(webtest.Aid)).Must("sign-in", http.StatusOK)
		page.MustSay(say(l, "does not take an e-mail address and a password", "avec une adresse courriel et un mot de passe n’y est pas possible"),
			say(l, "No account yet? Choose a sign-in partner.", "Pas encore de compte? Choisissez un partenaire de connexion."))
		if page.Has("sign-in") || page.Has("create-account-link") || !page.Has("partner-bank") {
			t.Error("the doors are not those of the service")
		}
		bank.SignIn(p).Must("partner-account", http.StatusOK)
		// An account is created with the partner, and opens the service.
		p.Follow("create-account-link").Must("create-account", http.StatusOK)
		p.Submit("create-account", "email", "sam@example.org", "terms", "yes")
		p.Submit("confirm-email", "code", h.Code("sam@example.org")).Must("partner-create", http.StatusOK)
		p.Submit("partner-create").Must("consent", http.StatusOK)
		// Elsewhere every door is there.
		if other := h.Person(l).Open(webtest.Authorize(webtest.Fishing)).Must("sign-in", http.StatusOK); !other.Has("sign-in") || other.Has("closed-doors") {
			t.Error("another service closes doors, too")
		}
	})
}

func TestAServiceThatTakesNoPartnerShowsThePasswordOnlyAndSaysSo(t *testing.T) {
	eachDoors(t, relyingparty.Doors{Allow: []string{"password"}}, func(t *testing.T, h *webtest.House, _ *webtest.Bank, l string) {
		p := h.Person(l)
		page := p.Open(webtest.Authorize(webtest.Aid)).Must("sign-in", http.StatusOK)
		page.MustSay(say(l, "It does not take sign-in partners.", "La connexion avec un partenaire n’y est pas possible."))
		if !page.Has("sign-in") || page.Has("other-ways") {
			t.Error("the doors are not those of the service")
		}
		if p.Follow("create-account-link").Must("create-account", http.StatusOK).Has("use-partner-link") {
			t.Error("a partner is offered that the service does not take")
		}
	})
}

func TestThePreferredDoorStandsFirst(t *testing.T) {
	eachDoors(t, relyingparty.Doors{Prefer: "bank"}, func(t *testing.T, h *webtest.House, _ *webtest.Bank, l string) {
		at := func(service id.RelyingParty) (bank, password int) {
			text := h.Person(l).Open(webtest.Authorize(service)).Must("sign-in", http.StatusOK).Text()
			return strings.Index(text, say(l, "Sign-in partner", "Partenaire de connexion")), strings.Index(text, say(l, "Forgot your password?", "Mot de passe oublié?"))
		}
		if bank, password := at(webtest.Aid); bank < 0 || password < 0 || bank > password {
			t.Errorf("the bank at %d, the password at %d", bank, password)
		}
		if bank, password := at(webtest.Fishing); bank < password {
			t.Errorf("elsewhere: the bank at %d, the password at %d", bank, password)
		}
	})
}

// A session that came through a closed door is asked for another one; without a page, the
// service gets the protocol's error (OpenID Connect Core 1.0, 3.1.2.6).
func TestASessionOfAClosedDoorDoesNotOpenTheNextService(t *testing.T) {
	eachDoors(t, relyingparty.Doors{Allow: []string{"password"}}, func(t *testing.T, h *webtest.House, bank *webtest.Bank, l string) {
		p := customer(h, bank, l, "sam@example.org")
		p.Open("/services").Must("connected-services", http.StatusOK)
		p.Open(webtest.Authorize(webtest.Aid, "prompt", "none"))
		if left, err := url.Parse(p.Left); err != nil || left.Query().Get("error") != "login_required" {
			t.Errorf("prompt=none: %q", p.Left)
		}
		page := p.Open(webtest.Authorize(webtest.Aid)).Must("sign-in", http.StatusOK).MustSay(
			say(l, "You are signed in, but not in a way that Student aid takes.", "Votre session est ouverte, mais Aide financière aux études n’accepte pas"))
		if page.Field("email", "value") != "sam@example.org" {
			t.Errorf("it is not said who signs in again: %q", page.Field("email", "value"))
		}
		// The session of before still opens what takes it.
		p.Open("/services").Must("connected-services", http.StatusOK)
		// "Forgot password" makes a first password, and that opens it (R49).
		p.Open(webtest.Authorize(webtest.Aid))
		p.Follow("forgot-password-link").Must("forgot-password", http.StatusOK)
		p.Submit("forgot-password", "email", "sam@example.org")
		p.Open(h.Link("sam@example.org"))
		p.Submit("confirm-link").Must("reset-password", http.StatusOK)
		p.Submit("reset-password", "password", "copper kettle under the stairs 9")
		if p.Page.Name() == "sign-in" {
			p.Submit("sign-in", "email", "sam@example.org", "password", "copper kettle under the stairs 9")
		}
		p.Page.Must("consent", http.StatusOK)
	})
}

func TestAPasswordIsNotTakenWhereOnlyPartnersAre(t *testing.T) {
	eachDoors(t, relyingparty.Doors{Allow: []string{"bank"}}, func(t *testing.T, h *webtest.House, bank *webtest.Bank, l string) {
		p := h.Person(l)
		p.Open("/signin?start=create-account")
		p.Submit("create-account", "email", "sam@example.org", "terms", "yes")
		p.Submit("confirm-email", "code", h.Code("sam@example.org"))
		p.Submit("choose-password", "password", "copper kettle under the stairs 9").Must("connected-services", http.StatusOK)
		page := p.Open(webtest.Authorize(webtest.Aid)).Must("sign-in", http.StatusOK)
		if page.Has("sign-in") {
			t.Error("the form of the password is there")
		}
		bank.SignIn(p).Must("partner-account", http.StatusOK)
	})
}

// A service whose only door is not there, or is out of use: each says so in its own words.
func TestAServiceIntoWhichNoDoorLeadsSaysWhy(t *testing.T) {
	for _, l := range languages {
		t.Run(l, func(t *testing.T) {
			h := webtest.Open(t)
			s := relyingparty.Settings{
				ID: "harbour", Name: i18n.Text{"en": "Harbour passes", "fr": "Laissez-passer du port"}, Department: i18n.Text{"en": "Ports", "fr": "Ports"},
				RedirectURIs: []string{"https://harbour.test/callback"}, Auth: "none", Doors: relyingparty.Doors{Allow: []string{"bank"}},
			}
			write := func(do func(tx *db.Tx) error) {
				t.Helper()
				if err := h.DB.Write(t.Context(), do); err != nil {
					t.Fatal(err)
				}
			}
			write(func(tx *db.Tx) error { return h.Partners.Create(tx, s, nil) })
			look := func(words string) {
				t.Helper()
				if err := errors.Join(h.Registry.Refresh(t.Context()), h.Upstreams.Refresh(t.Context())); err != nil {
					t.Fatal(err)
				}
				page := h.Person(l).Open(webtest.Authorize("harbour")).Must("sign-in", http.StatusOK).MustSay(words)
				if page.Has("sign-in") || page.Has("other-ways") || page.Has("create-account-link") {
					t.Error("a way in is offered")
				}
			}
			look(say(l, "this site does not have the ways to sign in that it takes", "ce site n’offre pas les façons de se connecter que ce service accepte"))
			bank := upstream.Settings{
				ID: "bank", Name: i18n.Text{"en": "The bank", "fr": "La banque"}, Issuer: webtest.BankOrigin, OIDC: upstream.OIDCSettings{ClientID: "parvis", Secret: "a-secret-of-the-tests-own"},
			}
			write(func(tx *db.Tx) error { return h.UpstreamStore.Create(tx, bank) })
			write(func(tx *db.Tx) error { return h.UpstreamStore.Disable(tx, "bank") })
			look(say(l, "are out of use", "sont hors service"))
		})
	}
}

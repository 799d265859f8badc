package accountui_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"parvis/internal/notify/notice"
)

const better = "violet drum beside the window 4"

func TestThePasswordIsChangedInTheSettings(t *testing.T) {
	eachOwner(t, func(t *testing.T, o owner) {
		elsewhere := o.Elsewhere()
		elsewhere.Open("/signin")
		elsewhere.Submit("sign-in", "email", email, "password", good).Must("connected-services", http.StatusOK)
		o.Open("/settings")
		o.Follow("change-password-link").Must("change-password", http.StatusOK)
		if o.Page.Field("end-others", "checked") == "" && !strings.Contains(o.Page.Body, "checked") {
			t.Error("signing out elsewhere is not proposed")
		}
		o.Submit("change-password").Must("change-password", http.StatusUnprocessableEntity)
		o.Submit("change-password", "password", "short").Must("change-password", http.StatusUnprocessableEntity)
		o.Submit("change-password", "password", email).Must("change-password", http.StatusUnprocessableEntity)
		o.Submit("change-password", "password", good).Must("change-password", http.StatusUnprocessableEntity).
			MustSay(o.say("You use this password already", "Vous utilisez déjà ce mot de passe"))
		if strings.Contains(o.Page.Body, good) {
			t.Error("the page shows what was typed")
		}
		o.Submit("change-password", "password", better).Must("settings", http.StatusOK).MustSay(o.say("Your password is changed", "Votre mot de passe est changé"))
		if m := o.h.Mail(email); m.Kind != notice.KindPasswordChanged || !strings.Contains(m.Text, o.say("All other devices were signed out", "Tous les autres appareils")) {
			t.Errorf("the owner is told %s:\n%s", m.Kind, m.Text)
		}
		if elsewhere.Open("/services").Name() == "connected-services" {
			t.Error("another browser is signed in still")
		}
		o.Open("/services").Must("connected-services", http.StatusOK)
		q := o.Elsewhere()
		q.Open("/signin")
		q.Submit("sign-in", "email", email, "password", good).Must("sign-in", http.StatusUnprocessableEntity)
		q.Submit("sign-in", "email", email, "password", better).Must("connected-services", http.StatusOK)
	})
}

func TestOthersStaySignedInWhereTheOwnerWantsIt(t *testing.T) {
	eachOwner(t, func(t *testing.T, o owner) {
		elsewhere := o.Elsewhere()
		elsewhere.Open("/signin")
		elsewhere.Submit("sign-in", "email", email, "password", good).Must("connected-services", http.StatusOK)
		o.Open("/settings/password").Must("change-password", http.StatusOK)
		o.Submit("change-password", "password", better, "end-others", "")
		o.Page.Must("settings", http.StatusOK)
		elsewhere.Open("/services").Must("connected-services", http.StatusOK)
	})
}

func TestTheWellKnownAddressLeadsThroughTheSignInToTheNewPassword(t *testing.T) {
	eachOwner(t, func(t *testing.T, o owner) {
		o.Open("/.well-known/change-password").Must("change-password", http.StatusOK)
		q := o.Elsewhere()
		q.Open("/.well-known/change-password").Must("sign-in", http.StatusOK)
		q.Submit("sign-in", "email", email, "password", good).Must("second-step", http.StatusOK) // a change wants more than a password
	})
}

func TestAFormOfTheNewPasswordThatIsTooOldAsksForProofsAgain(t *testing.T) {
	eachOwner(t, func(t *testing.T, o owner) {
		o.Open("/settings/password").Must("change-password", http.StatusOK)
		o.h.Advance(o.h.Table.Window() + time.Minute)
		o.Submit("change-password", "password", better)
		if !strings.Contains(o.Page.URL, "/signin/") {
			t.Errorf("old proofs change the password: %s", o.Page.URL)
		}
		q := o.Elsewhere()
		q.Open("/signin")
		q.Submit("sign-in", "email", email, "password", good).Must("connected-services", http.StatusOK)
	})
}

func TestTheLanguageOfTheAccountIsThatOfItsPagesAndMails(t *testing.T) {
	eachOwner(t, func(t *testing.T, o owner) {
		other, said, mailed := "fr", "La langue de votre compte est changée", "Votre mot de passe"
		if o.Page.Lang() == "fr" {
			other, said, mailed = "en", "The language of your account is changed", "password was changed"
		}
		o.Open("/settings")
		o.Follow("change-language-link").Must("language", http.StatusOK)
		o.Submit("language", "language", other).Must("settings", http.StatusOK).MustSay(said)
		if o.Page.Lang() != other {
			t.Errorf("the page is in %s", o.Page.Lang())
		}
		o.Open("/settings/password").Must("change-password", http.StatusOK)
		o.Submit("change-password", "password", better).Must("settings", http.StatusOK)
		if m := o.h.Mail(email); m.Lang != other || !strings.Contains(m.Subject, mailed) {
			t.Errorf("the mail is in %s: %s", m.Lang, m.Subject)
		}
		q := o.Elsewhere()
		q.Open("/signin")
		if q.Submit("sign-in", "email", email, "password", better).Must("connected-services", http.StatusOK); q.Page.Lang() != other {
			t.Error("the account's pages are not in its language in another browser")
		}
		q.Open("/services?lang=" + o.other(other))
		if q.Page.Lang() == other {
			t.Error("the browser's own choice does not count")
		}
		token := o.Open("/settings/language").FormToken("language")
		if page := o.Send("/settings/language", map[string][]string{"form_token": {token}, "language": {"xx"}}); page.Status != http.StatusUnprocessableEntity {
			t.Errorf("a language that nobody speaks: %d", page.Status)
		}
	})
}

func (o owner) other(lang string) string {
	if lang == "fr" {
		return "en"
	}
	return "fr"
}

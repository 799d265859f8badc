package accountui_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"parvis/internal/account"
	"parvis/internal/notify/notice"
	"parvis/internal/policy"
	"parvis/internal/web/webtest"
)

// linkTo is the link in the newest mail to an address that leads below a path.
func (o owner) linkTo(address, path string) string {
	o.t.Helper()
	for _, l := range o.h.Mail(address).Links {
		if strings.Contains(l, path) {
			return l
		}
	}
	o.t.Fatalf("no link to %s in the mail to %s:\n%s", path, address, o.h.Mail(address).Text)
	return ""
}

func TestAnAccountIsDeletedAndKeptByTheLink(t *testing.T) {
	eachOwner(t, func(t *testing.T, o owner) {
		o.connect()
		o.proves(policy.Password)
		o.Open("/settings/delete").Must("second-step", http.StatusOK) // the proofs are those of a password
		o.proves(policy.Email)
		o.Open("/settings").Must("settings", http.StatusOK)
		o.Follow("delete-link").Must("delete-account", http.StatusOK).MustSay(email, o.say("After 7 days", "Après 7 jours"),
			o.say("Student aid", "Aide financière aux études"), o.say("signed out everywhere", "Toutes vos sessions prennent fin"))
		o.Submit("delete-account").Must("closing-link", http.StatusOK).MustSay(o.say("You can close this window", "Vous pouvez fermer cette fenêtre"))
		if o.Cookie(sessionID) != "" || o.status(email) != account.Closing {
			t.Fatalf("the account is %s", o.status(email))
		}
		if m := o.h.Mail(email); m.Kind != notice.KindAccountClosing {
			t.Fatalf("the mail is %s", m.Kind)
		}

		link := o.linkTo(email, "/closing/")
		stranger := o.Elsewhere()
		for range 2 {
			stranger.Open(link).Must("closing-link", http.StatusOK).MustSay(o.say("Did you change your mind?", "Vous avez changé d'avis?"))
		}
		if o.status(email) != account.Closing {
			t.Fatal("looking at the link kept the account")
		}
		tab := stranger.Tab()
		tab.Open(link).Must("closing-link", http.StatusOK)
		stranger.Submit("closing-link").Must("closing-link", http.StatusOK).MustSay(o.say("open again, as it was before", "de nouveau ouvert, comme avant"))
		tab.Submit("closing-link").Must("closing-link", http.StatusOK).MustSay(o.say("open again", "de nouveau ouvert"))
		if o.status(email) != account.Active || stranger.Cookie(sessionID) != "" {
			t.Errorf("the account is %s, or the link signed somebody in", o.status(email))
		}
		o.Open("/closing/nothing").Must("closing-link", http.StatusNotFound).MustSay(o.say("does not work any more", "ne fonctionne plus"))
	})
}

func TestWhoSignsInToAClosedAccountMayKeepIt(t *testing.T) {
	eachOwner(t, func(t *testing.T, o owner) {
		o.connect()
		o.proves(policy.Email)
		o.Open("/settings/delete").Must("delete-account", http.StatusOK)
		o.Submit("delete-account").Must("closing-link", http.StatusOK)

		q := o.Elsewhere()
		q.Open(webtest.Authorize(webtest.Aid)).Must("sign-in", http.StatusOK)
		q.Submit("sign-in", "email", email, "password", good).Must("closing", http.StatusOK).MustSay(email, o.say("Do you want to keep it?", "Voulez-vous le garder?"))
		for _, path := range []string{"/settings", "/settings/methods", "/services", webtest.Authorize(webtest.Fishing)} {
			if page := q.Tab().Open(path); page.Name() != "closing" {
				t.Errorf("a closed account opens %s at %s", page.Name(), path)
			}
		}
		q.Open(webtest.Authorize(webtest.Aid)).Must("closing", http.StatusOK)
		q.Submit("keep-account", "#keep")
		if o.status(email) != account.Active {
			t.Fatalf("the account is %s", o.status(email))
		}
		if !strings.HasPrefix(q.Left, "https://student-aid.test/callback") {
			t.Errorf("the journey does not go on to the service: %s", q.Left)
		}

		// And to its end: the address is free again, the link explains.
		o.Open("/signin").Must("sign-in", http.StatusOK)
		o.Submit("sign-in", "email", email, "password", good).Must("connected-services", http.StatusOK)
		o.proves(policy.Email)
		o.Open("/settings/delete").Must("delete-account", http.StatusOK)
		o.Submit("delete-account").Must("closing-link", http.StatusOK)
		link := o.linkTo(email, "/closing/")
		late := o.Elsewhere()
		late.Open("/signin")
		late.Submit("sign-in", "email", email, "password", good).Must("closing", http.StatusOK)
		late.Submit("switch").Must("sign-in", http.StatusOK)
		o.h.Advance(7*24*time.Hour + time.Minute)
		o.Open(link).Must("closing-link", http.StatusOK).MustSay(o.say("Your account was deleted", "Votre compte a été supprimé"))
		if o.status(email) != "" {
			t.Errorf("the account is %s", o.status(email))
		}
		if m := o.h.Mail(email); m.Kind != notice.KindRemoved {
			t.Errorf("the last mail is %s", m.Kind)
		}
		o.create(email, alsoGood)
	})
}

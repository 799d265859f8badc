package accountui_test

import (
	"net/http"
	"testing"
	"time"

	"parvis/internal/account"
	"parvis/internal/notify/notice"
)

func TestAnUnusedAccountIsKeptByTheLinkOfItsMail(t *testing.T) {
	const day = 24 * time.Hour
	eachOwner(t, func(t *testing.T, o owner) {
		o.h.Advance(671 * day)
		o.h.Advance(time.Hour)
		if m := o.h.Mail(email); m.Kind != notice.KindUnusedFirst {
			t.Fatalf("the mail is %s", m.Kind)
		}
		link := o.linkTo(email, "/keep/")
		stranger := o.Elsewhere()
		for range 2 {
			stranger.Open(link).Must("unused-link", http.StatusOK).MustSay(o.say("Keep your account?", "Garder votre compte?"), o.say("the button does not sign you in", "le bouton ne vous connecte pas"))
		}
		tab := stranger.Tab()
		tab.Open(link).Must("unused-link", http.StatusOK)
		stranger.Submit("unused-link").Must("unused-link", http.StatusOK).MustSay(o.say("It will not be removed", "Il ne sera pas supprimé"))
		tab.Submit("unused-link").Must("unused-link", http.StatusOK).MustSay(o.say("It will not be removed", "Il ne sera pas supprimé"))
		if stranger.Cookie(sessionID) != "" {
			t.Error("the link signed somebody in")
		}
		if m := o.h.Mail(email); m.Kind != notice.KindUnusedKept {
			t.Errorf("the mail is %s", m.Kind)
		}
		o.h.Advance(70 * day)
		if o.status(email) != account.Active {
			t.Errorf("the account is %s", o.status(email))
		}
		o.Open("/keep/nothing").Must("unused-link", http.StatusNotFound).MustSay(o.say("does not work any more", "ne fonctionne plus"))

		// And to its end: nobody answers.
		o.h.Advance(602 * day)
		o.h.Advance(time.Hour)
		link = o.linkTo(email, "/keep/")
		o.h.Advance(47 * day)
		o.h.Advance(time.Hour)
		if m := o.h.Mail(email); m.Kind != notice.KindUnusedSecond {
			t.Fatalf("the mail is %s", m.Kind)
		}
		o.h.Advance(15 * day)
		if m := o.h.Mail(email); m.Kind != notice.KindRemoved || o.status(email) != "" {
			t.Fatalf("the mail is %s, the account %s", m.Kind, o.status(email))
		}
		stranger.Open(link).Must("unused-link", http.StatusOK).MustSay(o.say("Your account was removed", "Votre compte a été supprimé"))
		o.create(email, alsoGood)
	})
}

func TestTheActivityTellsOfTheWarning(t *testing.T) {
	eachOwner(t, func(t *testing.T, o owner) {
		o.h.Advance(671 * 24 * time.Hour)
		o.Open("/signin").Must("sign-in", http.StatusOK)
		o.Submit("sign-in", "email", email, "password", good)
		o.Open("/settings/activity").MustSay(o.say("because the account was not used for a long time", "parce que le compte n'a pas servi depuis longtemps"))
	})
}

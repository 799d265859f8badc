package accountui_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"parvis/internal/notify/notice"
	"parvis/internal/policy"
	"parvis/internal/web/webtest"
)

// wasntMe is the address of the link in the newest message about a new device.
func (o owner) wasntMe() string {
	o.t.Helper()
	for _, l := range o.h.Mails(email) {
		for _, link := range l.Links {
			if l.Kind == notice.KindNewSignIn && strings.Contains(link, "/wasnt-me/") {
				return link
			}
		}
	}
	o.t.Fatal("no message about a new device")
	return ""
}

func TestTheMessageAboutANewDeviceLeadsToSigningEverybodyOut(t *testing.T) {
	eachOwner(t, func(t *testing.T, o owner) {
		stranger := signsIn(o.Person)
		o.h.Advance(5 * time.Minute)
		if l := o.h.Mail(email); l.Kind != notice.KindNewSignIn || l.Lang != o.Page.Lang() {
			t.Fatalf("mail %q in %q", l.Kind, l.Lang)
		}
		link := o.wasntMe()
		reader := o.Elsewhere() // not signed in
		for range 2 {
			reader.Open(link).Must("wasnt-me", http.StatusOK).MustSay(o.say("sign out every device now", "fermez toutes les sessions maintenant"))
		}
		stranger.Open("/services").Must("connected-services", http.StatusOK)
		if reader.Page.Has("sign-out") || strings.Contains(reader.Page.Body, email) {
			t.Error("the page of the link tells the address or signs somebody in")
		}
		second := reader.Tab()
		second.Open(link)
		reader.Submit("wasnt-me").Must("wasnt-me-done", http.StatusOK)
		second.Submit("wasnt-me").Must("wasnt-me", http.StatusGone).MustSay(o.say("already used", "déjà été utilisé"))
		for _, p := range []*webtest.Person{stranger, o.Person} {
			p.Open("/services").Must("session-ended", http.StatusOK)
		}
		reader.Open("/services").Must("sign-in", http.StatusOK)
		if l := o.h.Mail(email); l.Kind != notice.KindSignedOut {
			t.Errorf("mail %q", l.Kind)
		}
		// The steps that are left lead on, and nobody is let in without the password.
		reader.Open("/wasnt-me/done")
		reader.Follow("choose-password").Must("forgot-password", http.StatusOK)
		reader.Open("/wasnt-me/done")
		reader.Follow("check").Must("sign-in", http.StatusOK)
		reader.Submit("sign-in", "email", email, "password", good).Must("secure", http.StatusOK).MustSay(o.say("All other devices are signed out", "Tous les autres appareils sont déconnectés"))

		o.h.Advance(11 * 24 * time.Hour)
		reader.Elsewhere().Open("/wasnt-me/nothing").Must("wasnt-me", http.StatusNotFound)
	})
}

func TestAnExpiredLinkOfTheMessageSaysSo(t *testing.T) {
	eachOwner(t, func(t *testing.T, o owner) {
		signsIn(o.Person)
		o.h.Advance(5 * time.Minute)
		link := o.wasntMe()
		reader := o.Elsewhere()
		reader.Open(link).Must("wasnt-me", http.StatusOK)
		o.h.Advance(10 * 24 * time.Hour)
		reader.Submit("wasnt-me")
		reader.Open(link).Must("wasnt-me", http.StatusGone).MustSay(o.say("This link has expired", "Ce lien a expiré"))
	})
}

func TestTheOwnerIsLedThroughSecuringTheAccount(t *testing.T) {
	eachOwner(t, func(t *testing.T, o owner) {
		o.connect()
		app, _ := o.app("Pixel")
		o.proves(policy.App)
		stranger := signsIn(o.Person)
		page := o.Open("/settings/activity").Must("activity", http.StatusOK)
		page.MustSay(o.say("This wasn't me", "Ce n'était pas moi"))
		o.FollowText(o.say("This wasn", "Ce n")).Must("secure", http.StatusOK)
		o.Page.MustSay("Pixel", o.say("Student aid", "Aide financière aux études"), email, o.say("New", "Nouveau"))
		o.Submit("secure").Must("secure", http.StatusOK).MustSay(o.say("All other devices are signed out", "Tous les autres appareils sont déconnectés"))
		stranger.Open("/services").Must("session-ended", http.StatusOK)
		o.Open("/services").Must("connected-services", http.StatusOK)

		page = o.Open("/settings/secure").Must("secure", http.StatusOK)
		page.MustSay(email, o.say("Main address", "Adresse principale"), o.say("Disconnect", "Déconnecter"))
		if !strings.Contains(page.Body, `<span>sam.<wbr>rivers@<wbr>example.<wbr>org</span>`) {
			t.Error("a long address breaks anywhere")
		}
		if page.Href("emails-link") != "/settings/emails" {
			t.Error("the page does not lead to the addresses")
		}
		o.Follow("remove-method:"+string(app)).Must("secure", http.StatusOK).MustNotSay("Pixel")
		o.Follow("remove-service:student-aid").Must("secure", http.StatusOK).MustNotSay(o.say("Student aid", "Aide financière aux études"))
		o.Submit("secure-finish").Must("secured", http.StatusOK).MustSay(
			o.say("other devices signed out", "autres appareils déconnectés"), o.say("Security method removed", "Méthode de sécurité supprimée"),
			o.say("Service disconnected", "Service retiré"), o.say("Check of the account finished", "Vérification du compte terminée"))
		nobody := o.Elsewhere()
		nobody.Open("/settings/secure").Must("sign-in", http.StatusOK)
	})
}

func TestRemovingWhileSecuringWantsAFreshProof(t *testing.T) {
	eachOwner(t, func(t *testing.T, o owner) {
		app, _ := o.app("Pixel")
		o.Open("/settings/secure").Must("secure", http.StatusOK)
		before := len(o.h.Mails(email))
		o.Follow("remove-method:" + string(app))
		if o.Page.Name() == "secure" {
			t.Fatal("a method is removed without a proof of it")
		}
		if n := len(o.h.Mails(email)); n > before+1 {
			t.Errorf("%d mails", n-before)
		}
		o.Open("/settings/methods").Must("methods", http.StatusOK).MustSay("Pixel")
	})
}

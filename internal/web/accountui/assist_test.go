package accountui_test

import (
	"net/http"
	"strings"
	"testing"

	"parvis/internal/notify/notice"
)

// assistLink is the link of the newest mail that asks to confirm a request.
func (o owner) assistLink() string {
	o.t.Helper()
	for _, m := range o.h.Mails(email) {
		for _, l := range m.Links {
			if m.Kind == notice.KindAssistConfirm && strings.Contains(l, "/assist/") {
				return l
			}
		}
	}
	o.t.Fatal("no mail asks for a confirmation")
	return ""
}

// R46: who cannot do it themselves asks the staff, and confirms it by mail.
func TestWhoCannotRemoveAPartnerAsksTheStaff(t *testing.T) {
	eachCustomer(t, func(t *testing.T, o owner) {
		q := owner{o.Elsewhere(), o.h, t}
		q.Open("/contact").Must("contact", http.StatusOK)
		known := q.Submit("contact", "email", email, "about", "unlink").Must("contact-sent", http.StatusOK).Text()
		other := owner{o.Elsewhere(), o.h, t}
		other.Open("/contact")
		unknown := other.Submit("contact", "email", "nobody@example.org", "about", "unlink").Must("contact-sent", http.StatusOK).Text()
		cut := func(s string) string { i := strings.Index(s, "-"); return s[:i-4] + s[i+5:] } // the reference
		if cut(known) != cut(unknown) {
			t.Errorf("the answers differ:\n%s\n%s", known, unknown)
		}
		q.Open(o.assistLink()).Must("assist", http.StatusOK).MustSay(o.say("Northland Bank", "Banque du Northland"), o.say("14 days", "14 jours"))
		q.Submit("assist").Must("assist", http.StatusUnprocessableEntity).MustSay(o.say("Choose the sign-in partner", "Choisissez le partenaire"))
		q.Submit("assist", "link", string(o.link().ID)).Must("assist", http.StatusOK).MustSay(o.say("Your request is confirmed", "Votre demande est confirmée"))
		if m := o.h.Mail(email); m.Kind != notice.KindAssistReceived {
			t.Errorf("the owner is told by %s", m.Kind)
		}
		if page := q.Open("/assist/nothing"); page.Status != http.StatusNotFound || page.Name() != "assist" {
			t.Errorf("%d %s", page.Status, page.Name())
		}
	})
}

func TestAnAccountWithoutPartnersHasNothingToRemove(t *testing.T) {
	eachOwnerOnBoth(t, func(t *testing.T, o owner) {
		o.Open("/contact").Must("contact", http.StatusOK)
		o.Submit("contact", "email", email, "about", "unlink", "message", "Please.").Must("contact-sent", http.StatusOK)
		o.Open(o.assistLink()).Must("assist", http.StatusOK).MustSay(o.say("There is nothing to remove", "Il n’y a rien à supprimer"))
		o.Open("/contact")
		o.h.Advance(0)
		o.Submit("contact", "email", email, "about", "close").Must("contact-sent", http.StatusOK)
		o.Open(o.assistLink()).Must("assist", http.StatusOK).MustSay(o.say("to close your account", "de fermer votre compte"))
		o.Submit("assist").Must("assist", http.StatusOK).MustSay(o.say("Your request is confirmed", "Votre demande est confirmée"))
		if page := o.Open("/contact"); page.Name() != "contact" {
			t.Error(page.Name())
		}
		o.Submit("contact", "email", email, "about", "something").Must("contact", http.StatusUnprocessableEntity)
	})
}

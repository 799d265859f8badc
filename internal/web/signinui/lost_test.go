package signinui_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"parvis/internal/notify/notice"
	"parvis/internal/policy"
	"parvis/internal/web/webtest"
)

// recoveryLink is the newest link of a recovery that was mailed in a message of a kind.
func recoveryLink(h *webtest.House, kind notice.Kind, which int) string {
	h.T.Helper()
	for _, m := range h.Mails(email) {
		n := 0
		for _, l := range m.Links {
			if m.Kind == kind && strings.Contains(l, "/recovery/") {
				if n == which {
					return l
				}
				n++
			}
		}
	}
	h.T.Fatalf("no link in a message %s", kind)
	return ""
}

// R80, with nothing but HTML.
func TestALostMethodIsRemovedOnThePagesAndBroughtBackByTheLinkOfTheMail(t *testing.T) {
	each(t, func(t *testing.T, h *webtest.House, language string) {
		withApp(h, language)
		h.Advance(time.Minute)
		p := h.Person(language)
		arrive(p, policy.ACRAAL2).Must("second-step", http.StatusOK)
		p.Follow("another-way-link").Must("another-way", http.StatusOK)
		page := p.Follow("lost-link").Must("lost-method", http.StatusOK)
		page.MustSay(say(language, "The methods above are removed at once.", "Les méthodes ci-dessus sont supprimées tout de suite."),
			say(language, "after 48 hours", "après 48 heures"))
		p.Submit("send-code").Must("lost-method", http.StatusOK)
		p.Submit("lost-method", "code", "").Must("lost-method", http.StatusUnprocessableEntity)
		p.Submit("lost-method", "code", wrongCode(h.Code(email))).Must("lost-method", http.StatusUnprocessableEntity)
		page = p.Submit("lost-method", "code", h.Code(email)).Must("set-up-method", http.StatusOK)
		page.MustSay(say(language, "Your lost methods were removed", "Vos méthodes perdues ont été supprimées"))
		tab := p.Tab() // with nothing in place of the lost methods, no new method is spoken of
		tab.Open("/settings/merge").Must("not-yet", http.StatusOK).
			MustSay(say(language, "You cannot change this yet", "Vous ne pouvez pas encore faire ce changement"), say(language, "Set up a new method now", "Configurez une nouvelle méthode")).
			MustNotSay(say(language, "Your new method", "Votre nouvelle méthode"))
		p.Submit("set-up-app").Must("set-up-app", http.StatusOK)
		p.Submit("set-up-app", "code", shown(h, seedOf(p))).Must("not-yet", http.StatusOK).
			MustSay(say(language, "Your new method does not count here yet", "Votre nouvelle méthode ne compte pas encore ici"))
		p.Open("/settings/methods").Must("methods", http.StatusOK).
			MustSay(say(language, "accept it from", "l’acceptent à partir du"))
		p.Open("/settings/merge").Must("not-yet", http.StatusOK) // what changes the account waits

		owner := h.Person(language)
		link := recoveryLink(h, notice.KindLostDone, 0)
		owner.Open(link).Must("recovery-link", http.StatusOK).MustSay(say(language, "Bring your security methods back?", "Rétablir vos méthodes de sécurité?"))
		owner.Submit("recovery-link").Must("recovery-link", http.StatusOK).MustSay(say(language, "Your methods are back", "Vos méthodes sont rétablies"))
		owner.Open(link).Must("recovery-link", http.StatusOK).MustSay(say(language, "Your methods are back", "Vos méthodes sont rétablies"))
		p.Open("/settings/methods").MustNotSay(say(language, "Your security methods", "Vos méthodes de sécurité"))
		if page := owner.Open("/recovery/nothing"); page.Status != http.StatusNotFound || page.Name() != "recovery-link" {
			t.Errorf("%d %s", page.Status, page.Name())
		}
	})
}

func TestAForgottenPasswordAndALostTelephoneAreNoDeadEndOnThePages(t *testing.T) {
	each(t, func(t *testing.T, h *webtest.House, language string) {
		withApp(h, language)
		h.Advance(time.Minute)
		const fresh = "plenty of otters in the river"
		p := h.Person(language)
		p.Open("/signin?start=forgot-password").Must("forgot-password", http.StatusOK)
		p.Submit("forgot-password", "email", email).Must("check-email", http.StatusOK)
		p.Submit("check-email", "code", h.Code(email)).Must("reset-password", http.StatusOK)
		p.Submit("reset-password", "password", fresh).Must("sign-in", http.StatusOK)
		h.Advance(time.Minute)

		p.Open(asks(policy.ACRAAL2)).Must("sign-in", http.StatusOK)
		signIn(p, fresh).Must("second-step", http.StatusOK)
		p.Follow("another-way-link")
		p.Follow("lost-link").Must("lost-method", http.StatusOK).MustSay(say(language, "You wait 48 hours", "Vous attendez 48 heures"))
		p.Submit("send-code").Must("lost-method", http.StatusOK)
		p.Submit("lost-method", "code", h.Code(email)).Must("lost-method", http.StatusOK).
			MustSay(say(language, "Your recovery is waiting", "Votre récupération est en attente"))
		h.Advance(48 * time.Hour)
		other := h.Person(language)
		other.Open(recoveryLink(h, notice.KindLostOpen, 0)).Must("recovery-link", http.StatusOK).
			MustSay(say(language, "Remove your lost methods", "Supprimer vos méthodes perdues"))
		other.Submit("recovery-link").Must("recovery-link", http.StatusOK).
			MustSay(say(language, "Your lost methods are removed", "Vos méthodes perdues sont supprimées"))
		other.Follow("sign-in-link").Must("sign-in", http.StatusOK)
		other.Open(asks(policy.ACRAAL2)).Must("sign-in", http.StatusOK)
		signIn(other, fresh).Must("second-step", http.StatusOK)
		other.Submit("second-step", "code", sent(h, email)).Must("set-up-method", http.StatusOK)
	})
}

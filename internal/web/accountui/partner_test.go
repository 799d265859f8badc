package accountui_test

import (
	"net/http"
	"strings"
	"testing"

	"parvis/internal/config"
	"parvis/internal/db"
	"parvis/internal/notify/notice"
	"parvis/internal/upstream"
	"parvis/internal/web/webtest"
)

// eachCustomer runs a test in both languages and on both engines for somebody who has
// created an account with a sign-in partner, and has no password.
func eachCustomer(t *testing.T, test func(t *testing.T, o owner)) {
	t.Helper()
	for _, l := range []string{"en-CA", "fr-CA"} {
		t.Run(l, func(t *testing.T) {
			webtest.OnEachEngine(t, func(t *testing.T, on func(*config.Config)) { // each with a database of its own
				h := webtest.Open(t, webtest.WithBank, on)
				bank := h.OpenBank()
				p := h.Person(l)
				p.Open("/signin").Must("sign-in", http.StatusOK)
				bank.SignIn(p).Must("partner-account", http.StatusOK)
				p.Follow("create-account-link").Must("create-account", http.StatusOK)
				p.Submit("create-account", "email", email, "terms", "yes").Must("confirm-email", http.StatusOK)
				p.Submit("confirm-email", "code", h.Code(email)).Must("partner-create", http.StatusOK)
				p.Submit("partner-create").Must("connected-services", http.StatusOK)
				test(t, owner{p, h, t})
			})
		})
	}
}

// link is the one link of the signed-in person's account.
func (o owner) link() upstream.Link {
	o.t.Helper()
	s := o.session()
	var all []upstream.Link
	o.write(func(tx *db.Tx) (err error) {
		all, err = o.h.Links.List(tx, s.Account)
		return err
	})
	if len(all) != 1 {
		o.t.Fatalf("%d links", len(all))
	}
	return all[0]
}

// R46: refused while it is the only way in, with what to do first.
func TestTheOnlyWayInIsKeptUntilThereIsAPassword(t *testing.T) {
	eachCustomer(t, func(t *testing.T, o owner) {
		page := o.Open("/settings").Must("settings", http.StatusOK)
		page.MustSay(o.say("Northland Bank", "Banque du Northland"), o.say("your only way to sign in", "votre seule façon de vous connecter"),
			o.say("Set a password", "Choisir un mot de passe"))
		if strings.Contains(page.Text(), o.say("not yet", "pas encore")) {
			t.Error("the sign-in that created the account is no use of the partner")
		}
		remove := "/settings/partners/" + string(o.link().ID) + "/remove"
		o.FollowText(o.say("Remove", "Supprimer")).Must("remove-partner", http.StatusOK)
		if o.Page.Has("remove-partner") || !o.Page.Has("change-password-link") {
			t.Error("the only way in can be removed")
		}
		// With its password the account has a second way in.
		o.Follow("change-password-link").Must("change-password", http.StatusOK).MustSay(o.say("Set a password", "Choisir un mot de passe"))
		o.Submit("change-password", "password", good).Must("settings", http.StatusOK).MustSay(o.say("Your password is set", "Votre mot de passe est enregistré"))
		if m := o.h.Mail(email); m.Kind != notice.KindPasswordChanged || !strings.Contains(m.Text, o.say("which had none", "qui n’en avait pas")) {
			t.Errorf("the owner is told %s:\n%s", m.Kind, m.Text)
		}
		o.Open(remove).Must("remove-partner", http.StatusOK)
		o.Submit("remove-partner").Must("settings", http.StatusOK).MustSay(o.say("is removed", "est supprimé"), o.say("No sign-in partner", "Aucun partenaire"))
		if !strings.Contains(o.h.Mail(email).Text, o.say("Northland Bank", "Banque du Northland")) {
			t.Error("the owner is not told")
		}
		o.Open(remove)
		if o.Page.Status != http.StatusNotFound {
			t.Errorf("a link that is gone: %d", o.Page.Status)
		}
	})
}

func TestRemovingAPartnerAsksForAProofFirst(t *testing.T) {
	for _, l := range []string{"en-CA", "fr-CA"} {
		t.Run(l, func(t *testing.T) {
			h := webtest.Open(t, webtest.WithBank)
			bank := h.OpenBank()
			p := h.Person(l)
			p.Open("/signin?start=create-account")
			p.Submit("create-account", "email", email, "terms", "yes")
			p.Submit("confirm-email", "code", h.Code(email))
			p.Submit("choose-password", "password", good).Must("connected-services", http.StatusOK)
			o := owner{p, h, t}
			made := upstream.NewLinkID()
			owns := o.session().Account
			o.write(func(tx *db.Tx) error { return h.Links.Link(tx, made, owns, webtest.BankOrigin, bank.Customer) })
			remove := "/settings/partners/" + string(made) + "/remove"
			back := h.Person(l)
			back.Open("/signin")
			back.Submit("sign-in", "email", email, "password", good).Must("connected-services", http.StatusOK)
			back.Open(remove).Must("second-step", http.StatusOK)
			back.Submit("send-code").Must("second-step", http.StatusOK)
			back.Submit("second-step", "code", h.Code(email)).Must("remove-partner", http.StatusOK)

			stranger := h.Person(l)
			stranger.Open(remove).Must("sign-in", http.StatusOK)
			bank.Customer = "customer-2"
			other := owner{stranger, h, t}
			bank.SignIn(stranger).Must("partner-account", http.StatusOK)
			other.Follow("create-account-link")
			other.Submit("create-account", "email", "other@example.org", "terms", "yes")
			other.Submit("confirm-email", "code", h.Code("other@example.org"))
			other.Submit("partner-create")
			other.Open(remove)
			if other.Page.Status != http.StatusNotFound {
				t.Errorf("a link of another account: %d %s", other.Page.Status, other.Page.Name())
			}
		})
	}
}

func TestSettingsWithoutPartnersShowNothingOfThem(t *testing.T) {
	eachOwner(t, func(t *testing.T, o owner) {
		if o.Open("/settings").Must("settings", http.StatusOK).Has("partners") {
			t.Error("there are partners without any")
		}
	})
}

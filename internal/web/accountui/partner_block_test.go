package accountui_test

import (
	"net/http"
	"strings"
	"testing"

	"parvis/internal/db"
	"parvis/internal/notify/notice"
	"parvis/internal/policy"
	"parvis/internal/web/webtest"
)

// eachWithBank runs a test in both languages for the owner of an account with a
// password, in a deployment with a sign-in partner.
func eachWithBank(t *testing.T, test func(t *testing.T, o owner, bank *webtest.Bank)) {
	t.Helper()
	for _, l := range []string{"en-CA", "fr-CA"} {
		t.Run(l, func(t *testing.T) {
			h := webtest.Open(t, webtest.WithBank)
			bank := h.OpenBank()
			p := h.Person(l)
			p.Open("/signin?start=create-account")
			p.Submit("create-account", "email", email, "terms", "yes")
			p.Submit("confirm-email", "code", h.Code(email))
			p.Submit("choose-password", "password", good).Must("connected-services", http.StatusOK)
			test(t, owner{p, h, t}, bank)
		})
	}
}

// code is the one-time code that was sent last.
func (o owner) code() string {
	o.t.Helper()
	for _, m := range o.h.Mails(email) {
		if m.Kind == notice.KindOneTimeCode && len(m.Codes) > 0 {
			return m.Codes[0]
		}
	}
	o.t.Fatal("no code was sent")
	return ""
}

func TestAPartnerIsBlockedAndUnblockedInTheSettings(t *testing.T) {
	eachWithBank(t, func(t *testing.T, o owner, _ *webtest.Bank) {
		o.proves(policy.Email)
		o.Open("/settings").Must("settings", http.StatusOK).MustSay(o.say("You do not sign in with this partner.", "Vous ne vous connectez pas avec ce partenaire."))
		o.FollowText(o.say("Block", "Bloquer")).Must("block-partner", http.StatusOK).MustSay(o.say("Block Northland Bank?", "Bloquer le partenaire Banque du Northland?"))
		o.Submit("block-partner").Must("settings", http.StatusOK).MustSay(
			o.say("The sign-in partner is blocked.", "Le partenaire de connexion est bloqué."),
			o.say("Blocked: nobody can add it", "Bloqué : personne ne peut l’ajouter"))
		if m := o.h.Mail(email); !strings.Contains(m.Subject, o.say("partner blocked", "bloqué")) || !strings.Contains(m.Text, o.say("Northland Bank", "Banque du Northland")) {
			t.Errorf("the owner is told %q", m.Subject)
		}
		o.Open("/settings/partners/bank/block").Must("settings", http.StatusOK) // it is so already
		o.FollowText(o.say("Unblock", "Débloquer")).Must("unblock-partner", http.StatusOK)
		o.Submit("unblock-partner").Must("settings", http.StatusOK).MustSay(o.say("is no longer blocked", "n’est plus bloqué"))
		if page := o.Open("/settings/partners/nobody/block"); page.Status != http.StatusNotFound {
			t.Errorf("a partner that nobody knows: %d", page.Status)
		}
	})
}

// A block outlives the partner's configuration: its owner sees it by the partner's own name
// for itself, and takes it back.
func TestABlockOfAPartnerThatIsGoneIsListedAndUnblocked(t *testing.T) {
	eachWithBank(t, func(t *testing.T, o owner, _ *webtest.Bank) {
		o.proves(policy.Email)
		account := o.session().Account
		o.write(func(tx *db.Tx) error { return o.h.Links.Block(tx, account, "https://gone.example/idp") })
		page := o.Open("/settings").Must("settings", http.StatusOK).MustSay("https://gone.example/idp",
			o.say("Blocked. This site no longer has this partner.", "Bloqué. Ce site n’a plus ce partenaire."))
		at := strings.Index(page.Body, "/settings/partners/~")
		if at < 0 {
			t.Fatal("there is no way to unblock it")
		}
		address := page.Body[at : at+strings.Index(page.Body[at:], `"`)]
		o.Open(address).Must("unblock-partner", http.StatusOK).MustSay(o.say("Unblock https://gone.example/idp?", "Débloquer le partenaire https://gone.example/idp?"),
			o.say("Should it come back", "S’il revient"))
		if page := o.Submit("unblock-partner").Must("settings", http.StatusOK); strings.Contains(page.Body, "gone.example") {
			t.Error("it is still listed")
		}
		for _, what := range []string{"unblock", "block", "add"} {
			other := strings.Replace(address, "/unblock", "/"+what, 1)
			if page := o.Open(other); page.Status != http.StatusNotFound {
				t.Errorf("%s: %d", other, page.Status)
			}
		}
	})
}

func TestBlockingAPartnerAsksForAProofFirst(t *testing.T) {
	eachWithBank(t, func(t *testing.T, o owner, _ *webtest.Bank) {
		back := o.h.Person(o.say("en-CA", "fr-CA"))
		back.Open("/signin")
		back.Submit("sign-in", "email", email, "password", good).Must("connected-services", http.StatusOK)
		back.Open("/settings/partners/bank/block").Must("second-step", http.StatusOK)
		back.Submit("send-code").Must("second-step", http.StatusOK)
		back.Submit("second-step", "code", o.h.Code(email)).Must("block-partner", http.StatusOK)

		stranger := o.h.Person("en")
		stranger.Open("/settings/partners/bank/block").Must("sign-in", http.StatusOK)
	})
}

// Who comes from a blocked partner is told so only after proving the account,
// even if the block came while the question was open.
func TestABlockedPartnerIsNotLinkedAndSaysSoToTheOwnerOnly(t *testing.T) {
	eachWithBank(t, func(t *testing.T, o owner, bank *webtest.Bank) {
		o.proves(policy.Email)
		p := o.h.Person(o.say("en-CA", "fr-CA"))
		p.Open("/signin")
		bank.SignIn(p).Must("partner-account", http.StatusOK)
		p.Follow("sign-in-link").Must("sign-in", http.StatusOK)
		p.Submit("sign-in", "email", email, "password", good).Must("second-step", http.StatusOK)
		p.Submit("second-step", "code", o.code()).Must("partner-link", http.StatusOK)

		o.Open("/settings/partners/bank/block")
		o.Submit("block-partner").Must("settings", http.StatusOK)

		page := p.Submit("partner-link", "#yes").Must("partner-link", http.StatusUnprocessableEntity).
			MustSay(o.say("You have blocked Northland Bank", "Vous avez bloqué le partenaire Banque du Northland"))
		if page.Has("yes") {
			t.Error("a blocked partner is offered for linking")
		}
		p.Submit("partner-link", "#no").Must("connected-services", http.StatusOK)
	})
}

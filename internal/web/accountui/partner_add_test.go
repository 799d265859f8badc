package accountui_test

import (
	"net/http"
	"strings"
	"testing"

	"parvis/internal/policy"
	"parvis/internal/upstream"
	"parvis/internal/web/webtest"
)

func TestAPartnerIsAddedInTheSettings(t *testing.T) {
	eachWithBank(t, func(t *testing.T, o owner, bank *webtest.Bank) {
		o.proves(policy.Email)
		o.Open("/settings").Must("settings", http.StatusOK)
		o.FollowText(o.say("Add", "Ajouter")).Must("add-sign-in-partner", http.StatusOK).MustSay(o.say("Add Northland Bank", "Ajouter le partenaire Banque du Northland"))
		o.Submit("add-sign-in-partner").Must("partner-hand-off", http.StatusOK)
		o.Follow("submit")
		o.Open(bank.Answer(o.Person)).Must("add-partner", http.StatusOK).MustSay(email)
		o.Submit("add-partner", "#yes").Must("settings", http.StatusOK).MustSay(
			o.say("The sign-in partner is added", "Le partenaire de connexion est ajouté"), o.say("Northland Bank", "Banque du Northland"))
		if o.Page.Has("other-partners") {
			t.Error("what is linked is offered")
		}
		if m := o.h.Mail(email); !strings.Contains(m.Subject, o.say("partner added", "ajouté")) {
			t.Errorf("the owner is told %q", m.Subject)
		}
		p := o.h.Person(o.say("en-CA", "fr-CA"))
		p.Open("/signin")
		bank.SignIn(p).Must("connected-services", http.StatusOK)
	})
}

// R45 and "deep links": who is not signed in, or not lately enough, proves who they are
// first and comes back to the page.
func TestAddingAPartnerAsksForAProofFirst(t *testing.T) {
	eachWithBank(t, func(t *testing.T, o owner, bank *webtest.Bank) {
		p := o.h.Person(o.say("en-CA", "fr-CA"))
		p.Open("/settings/partners/bank/add").Must("sign-in", http.StatusOK)
		p.Submit("sign-in", "email", email, "password", good).Must("second-step", http.StatusOK)
		p.Submit("send-code").Must("second-step", http.StatusOK)
		p.Submit("second-step", "code", o.h.Code(email)).Must("add-sign-in-partner", http.StatusOK)
		p.Submit("add-sign-in-partner").Must("partner-hand-off", http.StatusOK)
		p.Follow("submit")
		p.Open(bank.Answer(p)).Must("add-partner", http.StatusOK)
		p.Submit("add-partner", "#no").Must("settings", http.StatusOK).MustSay(o.say("No sign-in partner was added.", "Aucun partenaire de connexion n’a été ajouté."))
	})
}

func TestWhatWentWrongWhileAPartnerIsAddedIsSaidAndLeadsToTheSettings(t *testing.T) {
	eachWithBank(t, func(t *testing.T, o owner, bank *webtest.Bank) {
		o.proves(policy.Email)
		for _, failure := range []upstream.Failure{upstream.Cancelled, upstream.Refused, upstream.Outage, upstream.Slow, upstream.Invalid, upstream.Replay, upstream.Stale, upstream.Weaker, "newer"} {
			bank.Fails = failure
			o.Open("/settings/partners/bank/add").Must("add-sign-in-partner", http.StatusOK)
			o.Submit("add-sign-in-partner").Must("partner-hand-off", http.StatusOK)
			o.Follow("submit")
			o.Open(bank.Answer(o.Person)).Must("partner-not-added", http.StatusOK).MustSay(o.say("Northland Bank was not added", "Le partenaire Banque du Northland n’a pas été ajouté"))
			o.Submit("partner-not-added").Must("partner-hand-off", http.StatusOK)
			o.Submit("partner-back").Must("settings", http.StatusOK).MustSay(o.say("No sign-in partner was added.", "Aucun partenaire de connexion n’a été ajouté."))
		}
		bank.Fails, bank.Closed = "", upstream.Outage
		o.Open("/settings/partners/bank/add")
		o.Submit("add-sign-in-partner").Must("partner-not-added", http.StatusOK)
		o.Submit("partner-back").Must("settings", http.StatusOK)
	})
}

func TestAPartnersSignInThatOpensAnotherAccountSaysNothingOfThatAccount(t *testing.T) {
	eachWithBank(t, func(t *testing.T, o owner, bank *webtest.Bank) {
		other := o.h.Person(o.say("en-CA", "fr-CA"))
		other.Open("/signin").Must("sign-in", http.StatusOK)
		bank.SignIn(other).Must("partner-account", http.StatusOK)
		other.Follow("create-account-link")
		other.Submit("create-account", "email", rose, "terms", "yes")
		other.Submit("confirm-email", "code", o.h.Code(rose))
		other.Submit("partner-create").Must("connected-services", http.StatusOK)

		o.proves(policy.Email)
		o.Open("/settings/partners/bank/add")
		o.Submit("add-sign-in-partner")
		o.Follow("submit")
		page := o.Open(bank.Answer(o.Person)).Must("partner-not-added", http.StatusOK)
		page.MustSay(o.say("already opens another account here", "ouvre déjà un autre compte ici"))
		if strings.Contains(page.Text(), rose) || strings.Contains(page.Text(), "•") {
			t.Errorf("the page tells of the other account:\n%s", page.Text())
		}
		o.Submit("partner-back").Must("settings", http.StatusOK).MustSay(email)
	})
}

package signin_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"parvis/internal/audit"
	"parvis/internal/fault"
	"parvis/internal/flow"
	"parvis/internal/journeytest"
	"parvis/internal/notify/notice"
	"parvis/internal/signin"
)

func TestTheFirstVisitListsExactlyWhatIsSharedWithItsValues(t *testing.T) {
	journeytest.Each(t, func(t *testing.T, h *journeytest.House) {
		b := h.Active(address)
		f := b.From(journeytest.Licences)
		b.At(f, signin.StepConsent)
		got, err := h.Signin.Consent(t.Context(), b.Visitor, f)
		if err != nil {
			t.Fatal(err)
		}
		want := signin.ConsentView{RelyingParty: journeytest.Licences, Items: []signin.SharedItem{
			{Attribute: "email", Value: address, New: true}, {Attribute: "locale", Value: "en", New: true},
		}}
		if got.Address == "" || len(got.Addresses) > 0 {
			t.Errorf("of the only address %q a choice of %d is offered", got.Address, len(got.Addresses))
		}
		want.Address = got.Address // made anew for each account
		if d := cmp.Diff(want, got); d != "" {
			t.Error(d)
		}
		h.Clock.Advance(time.Minute)
		if err := h.Signin.Decide(t.Context(), b.Visitor, f, true); err != nil {
			t.Fatal(err)
		}
		b.At(f, signin.StepFinish)
		if h.Latest(address).Kind != notice.KindServiceConnected || h.Events(audit.ConsentGiven) != 1 {
			t.Error("the owner or the audit is not told")
		}
		b.At(b.From(journeytest.Licences), signin.StepFinish)
		list, err := h.Signin.Services(t.Context(), b.Visitor)
		if err != nil || len(list) != 1 || list[0].RelyingParty != journeytest.Licences {
			t.Errorf("services: %v %v", list, err)
		}
	})
}

func TestDecliningChangesNothingAndCanBeTakenBack(t *testing.T) {
	journeytest.Each(t, func(t *testing.T, h *journeytest.House) {
		b := h.Active(address)
		f := b.From(journeytest.Licences)
		if err := h.Signin.Decide(t.Context(), b.Visitor, f, false); err != nil {
			t.Fatal(err)
		}
		v := b.View(f)
		if v.Step != signin.StepCancelled || v.Cancel == "" || h.Events(audit.ConsentDeclined) != 1 {
			t.Errorf("%+v", v)
		}
		if list, _ := h.Signin.Services(t.Context(), b.Visitor); len(list) != 0 {
			t.Error("a declined service is connected")
		}
		if err := h.Signin.Resume(t.Context(), b.Visitor, f); err != nil {
			t.Fatal(err)
		}
		b.At(f, signin.StepConsent)
	})
}

func TestConsentIsAskedAgainForMoreAfterAYearAndOnDemand(t *testing.T) {
	journeytest.Each(t, func(t *testing.T, h *journeytest.House) {
		b := h.Active(address)
		less := func(s *flow.State) { s.Attributes = []string{"email"} }
		f := b.From(journeytest.Licences, less)
		if err := h.Signin.Decide(t.Context(), b.Visitor, f, true); err != nil {
			t.Fatal(err)
		}
		b.At(b.From(journeytest.Licences, less), signin.StepFinish)
		more := b.From(journeytest.Licences)
		b.At(more, signin.StepConsent)
		view, err := h.Signin.Consent(t.Context(), b.Visitor, more)
		if err != nil || !view.Again || view.Items[0].New || !view.Items[1].New {
			t.Errorf("%+v %v", view, err)
		}
		forced := b.From(journeytest.Licences, less, func(s *flow.State) { s.ForceConsent = true })
		b.At(forced, signin.StepConsent)
		if err := h.Signin.Decide(t.Context(), b.Visitor, forced, true); err != nil {
			t.Fatal(err)
		}
		b.At(forced, signin.StepFinish)
		h.Clock.Advance(366 * 24 * time.Hour)
		later := h.Browser()
		g := later.From(journeytest.Licences, less)
		later.SignIn(g, address, journeytest.Password)
		later.At(g, signin.StepConsent)
	})
}

func TestDisconnectingEndsTheAgreementAndTellsTheOwner(t *testing.T) {
	journeytest.Each(t, func(t *testing.T, h *journeytest.House) {
		b := h.Active(address)
		f := b.From(journeytest.Licences)
		if err := h.Signin.Decide(t.Context(), b.Visitor, f, true); err != nil {
			t.Fatal(err)
		}
		h.Clock.Advance(time.Minute)
		if err := h.Signin.Disconnect(t.Context(), b.Visitor, journeytest.Licences); err != nil {
			t.Fatal(err)
		}
		if h.Latest(address).Kind != notice.KindServiceDisconnected || h.Events(audit.ConsentWithdrawn) != 1 {
			t.Error("the owner or the audit is not told")
		}
		b.At(b.From(journeytest.Licences), signin.StepConsent)
		if err := h.Signin.Disconnect(t.Context(), b.Visitor, journeytest.Licences); !fault.Is(err, fault.NotFound) {
			t.Errorf("twice: %v", err)
		}
		if err := h.Signin.Disconnect(t.Context(), h.Browser().Visitor, journeytest.Licences); !fault.Is(err, fault.Denied) {
			t.Errorf("by nobody: %v", err)
		}
	})
}

func TestSomebodyElseCanTakeOverTheBrowser(t *testing.T) {
	journeytest.Each(t, func(t *testing.T, h *journeytest.House) {
		h.Active("other@example.org")
		b := h.Active(address)
		f := b.From(journeytest.Licences, func(s *flow.State) { s.SelectAccount = true })
		b.At(f, signin.StepContinue)
		g := b.From(journeytest.Licences, func(s *flow.State) { s.SelectAccount = true })
		if err := h.Signin.Continue(t.Context(), b.Visitor, g); err != nil {
			t.Fatal(err)
		}
		b.At(g, signin.StepConsent)
		if err := h.Signin.Switch(t.Context(), b.Visitor, f); err != nil {
			t.Fatal(err)
		}
		b.At(f, signin.StepSignIn)
		b.SignIn(f, "other@example.org", journeytest.Password)
		if v := b.View(f); v.Step != signin.StepConsent || v.Person.Address != "other@example.org" {
			t.Errorf("%+v", v)
		}
		// The other tab belongs to whoever is signed in now, and asks as whom to go on.
		b.At(g, signin.StepContinue)
	})
}

func TestASessionEndsWhenNothingHappensUnlessItIsExtended(t *testing.T) {
	journeytest.Each(t, func(t *testing.T, h *journeytest.House) {
		b := h.Active(address)
		for range 3 {
			h.Clock.Advance(20 * time.Minute)
			p, err := h.Signin.Extend(t.Context(), b.Visitor)
			if err != nil || p == nil || p.IdleEnds.Sub(h.Clock.Now()) != 30*time.Minute {
				t.Fatalf("%+v %v", p, err)
			}
		}
		h.Clock.Advance(30 * time.Minute)
		if p, err := h.Signin.Extend(t.Context(), b.Visitor); err != nil || p != nil {
			t.Errorf("an idle session was extended: %+v %v", p, err)
		}
	})
}

func TestSigningOutEndsTheSessionAndIsRecordedOnce(t *testing.T) {
	journeytest.Each(t, func(t *testing.T, h *journeytest.House) {
		b := h.Active(address)
		for range 2 {
			if err := h.Signin.SignOut(t.Context(), b.Visitor); err != nil {
				t.Fatal(err)
			}
		}
		if p, _ := h.Signin.Person(t.Context(), b.Visitor); p != nil || h.Events(audit.Signout) != 1 {
			t.Errorf("%v, %d events", p, h.Events(audit.Signout))
		}
	})
}

func TestSeveralServicesCanBeInProgressInOneBrowser(t *testing.T) {
	journeytest.Each(t, func(t *testing.T, h *journeytest.House) {
		h.Active(address)
		b := h.Browser()
		one, two := b.From(journeytest.Licences), b.From(journeytest.Permits)
		b.SignIn(one, address, journeytest.Password)
		b.At(one, signin.StepConsent)
		b.At(two, signin.StepConsent)
		if b.View(one).RelyingParty != journeytest.Licences || b.View(two).RelyingParty != journeytest.Permits {
			t.Error("the services were mixed up")
		}
	})
}

package signin_test

import (
	"sync"
	"testing"
	"time"

	"parvis/internal/audit"
	"parvis/internal/fault"
	"parvis/internal/id"
	"parvis/internal/journeytest"
	"parvis/internal/notify/notice"
	"parvis/internal/signin"
	"parvis/internal/upstream"
)

// adding begins to add the bank to the account of who is signed in, and goes there.
func adding(t *testing.T, h *journeytest.House, b *journeytest.Browser) (id.Flow, upstream.Answer) {
	t.Helper()
	f, err := h.Signin.PartnerAdd(t.Context(), b.Visitor, journeytest.BankID)
	if err != nil {
		t.Fatal(err)
	}
	b.At(f, signin.StepAddHandOff)
	return f, b.Answer(f)
}

func TestAPartnerIsAddedInTheSettingsWithFreshProofsAndAConfirmation(t *testing.T) {
	journeytest.Each(t, func(t *testing.T, h *journeytest.House) {
		b := h.Active(address)
		before := b.Session
		f, answer := adding(t, h, b)
		h.Bank.Comes(customer)
		if back, r, err := b.FromBank(answer); err != nil || back != f || r.Cookies.Session != "" {
			t.Fatalf("%s, %+v, %v", back, r, err)
		}
		b.At(f, signin.StepAddLink)
		if list, err := h.Partnering.Linked(t.Context(), b.Visitor); err != nil || len(list) != 0 {
			t.Errorf("linked without a confirmation: %+v, %v", list, err)
		}
		if err := h.Signin.PartnerAddLink(t.Context(), b.Visitor, f, true); err != nil {
			t.Fatal(err)
		}
		if v := b.View(f); v.Step != signin.StepFinish || !v.Added || v.Finish != "/settings" {
			t.Errorf("%+v", v)
		}
		list, err := h.Partnering.Linked(t.Context(), b.Visitor)
		if err != nil || len(list) != 1 || list[0].Provider != journeytest.BankID || list[0].Only {
			t.Errorf("%+v, %v", list, err)
		}
		if h.Told(address, notice.KindPartnerLinked) != 1 || h.Events(audit.UpstreamLinked) != 1 {
			t.Errorf("told %d times, noted %d times", h.Told(address, notice.KindPartnerLinked), h.Events(audit.UpstreamLinked))
		}
		if b.Session != before {
			t.Error("adding a partner gives another session")
		}
		// Nothing is told there but the language and that the sign-in is to be a new one, since
		// another person may have left theirs in this browser, and from now on it opens the account.
		for _, ask := range h.Bank.Asked() {
			if ask != (upstream.Ask{Fresh: true, Lang: "en"}) {
				t.Errorf("the bank is told %+v", ask)
			}
		}
		other := h.Browser()
		if r := other.AtBank(other.From(journeytest.Permits), customer); r.Outcome != signin.SignedIn || other.Live().Account != b.Live().Account {
			t.Errorf("%+v", r)
		}
	})
}

func TestAddingAPartnerWantsFreshProofsBeforeAndAtTheEnd(t *testing.T) {
	journeytest.Each(t, func(t *testing.T, h *journeytest.House) {
		b := h.Active(address)
		f, answer := adding(t, h, b)
		h.Bank.Comes(customer)
		if _, _, err := b.FromBank(answer); err != nil {
			t.Fatal(err)
		}
		h.Clock.Advance(h.Table.Window() + time.Minute)
		b.At(f, signin.StepFinish)
		if err := h.Signin.PartnerAddLink(t.Context(), b.Visitor, f, true); !fault.Is(err, fault.Conflict) {
			t.Errorf("old proofs add a partner: %v", err)
		}
		if _, err := h.Signin.PartnerAdd(t.Context(), b.Visitor, journeytest.BankID); !fault.Is(err, fault.Denied) {
			t.Errorf("old proofs begin: %v", err)
		}
		if _, err := h.Signin.PartnerAdd(t.Context(), h.Browser().Visitor, journeytest.BankID); !fault.Is(err, fault.Denied) {
			t.Errorf("nobody begins: %v", err)
		}
		if h.Events(audit.UpstreamLinked) != 0 {
			t.Error("a partner was linked")
		}
	})
}

// An answer belongs to the session that asked for it, whoever is signed in in the
// browser when it comes, and whoever brings it.
func TestAnAnswerAskedForInOneSessionIsNeverLinkedToAnotherAccount(t *testing.T) {
	journeytest.Each(t, func(t *testing.T, h *journeytest.House) {
		b := h.Active(address)
		h.Active("eve@example.org")
		f, answer := adding(t, h, b)
		h.Bank.Comes(customer)
		// Another browser brings it.
		thief := h.Active("thief@example.org")
		if _, _, err := thief.FromBank(answer); !fault.Is(err, fault.NotFound) {
			t.Errorf("another browser: %v", err)
		}
		// In this browser somebody else has signed in meanwhile.
		if err := h.Signin.SignOut(t.Context(), b.Visitor); err != nil {
			t.Fatal(err)
		}
		b.Session = ""
		b.SignIn(b.From(journeytest.Permits), "eve@example.org", journeytest.Password)
		if _, r, err := b.FromBank(answer); err != nil || r.Cookies.Session != "" {
			t.Fatalf("%+v, %v", r, err)
		}
		b.At(f, signin.StepFinish)
		for _, yes := range []bool{true, false} {
			if err := h.Signin.PartnerAddLink(t.Context(), b.Visitor, f, yes); !fault.Is(err, fault.Conflict) {
				t.Errorf("linked to who came next: %v", err)
			}
		}
		// Its owner is back in another session: the answer has been refused for good.
		if err := h.Signin.SignOut(t.Context(), b.Visitor); err != nil {
			t.Fatal(err)
		}
		b.Session = ""
		b.SignIn(b.From(journeytest.Permits), address, journeytest.Password)
		b.At(f, signin.StepFinish)
		if err := h.Signin.PartnerAddLink(t.Context(), b.Visitor, f, true); !fault.Is(err, fault.Conflict) {
			t.Errorf("linked in another session: %v", err)
		}
		if v := b.View(f); v.Added || h.Events(audit.UpstreamLinked) != 0 {
			t.Errorf("%+v", v)
		}
	})
}

// What is another account's is neither taken from it nor signed in with, and what is
// here already stays as it is.
func TestASubjectOfAnotherAccountIsNotAddedAndNotSignedInWith(t *testing.T) {
	journeytest.Each(t, func(t *testing.T, h *journeytest.House) {
		h.Browser().WithBank(customer, "owner@example.org")
		h.Clock.Advance(time.Minute)
		b := h.Active(address)
		mine := b.Live().Account
		f, answer := adding(t, h, b)
		h.Bank.Comes(customer)
		if _, r, err := b.FromBank(answer); err != nil || r.Outcome != "" {
			t.Fatalf("%+v, %v", r, err)
		}
		v := b.View(f)
		if v.Step != signin.StepAddFailed || v.PartnerFailure != signin.AddedOther || v.Person.Account != mine {
			t.Errorf("%+v", v)
		}
		if err := h.Signin.PartnerAddLink(t.Context(), b.Visitor, f, true); !fault.Is(err, fault.Conflict) {
			t.Errorf("taken from another account: %v", err)
		}
		if b.Live().Account != mine {
			t.Error("signed in as somebody else")
		}
		// With another sign-in at the bank it works, and that one is here already then.
		if err := h.Signin.PartnerAddAgain(t.Context(), b.Visitor, f); err != nil {
			t.Fatal(err)
		}
		b.At(f, signin.StepAddHandOff)
		h.Bank.Comes("customer-2")
		if _, _, err := b.FromBank(b.Answer(f)); err != nil {
			t.Fatal(err)
		}
		if err := h.Signin.PartnerAddLink(t.Context(), b.Visitor, f, true); err != nil {
			t.Fatal(err)
		}
		g, again := adding(t, h, b)
		if _, _, err := b.FromBank(again); err != nil {
			t.Fatal(err)
		}
		if v := b.View(g); v.PartnerFailure != signin.AddedBefore {
			t.Errorf("%+v", v)
		}
		if got := h.Events(audit.UpstreamLinked); got != 2 {
			t.Errorf("%d links were noted", got)
		}
	})
}

func TestEveryFailureOfAPartnerLeadsBackToTheSettings(t *testing.T) {
	journeytest.Each(t, func(t *testing.T, h *journeytest.House) {
		b := h.Active(address)
		for _, failure := range []upstream.Failure{upstream.Cancelled, upstream.Outage, upstream.Slow, upstream.Invalid, upstream.Refused, upstream.Stale, upstream.Weaker, upstream.Replay} {
			f, answer := adding(t, h, b)
			h.Bank.Fails(failure)
			if _, _, err := b.FromBank(answer); err != nil {
				t.Fatalf("%s: %v", failure, err)
			}
			if v := b.View(f); v.Step != signin.StepAddFailed || v.PartnerFailure != failure || v.Partner != journeytest.BankID {
				t.Errorf("%s: %+v", failure, v)
			}
			if err := h.Signin.PartnerAddBack(t.Context(), b.Visitor, f); err != nil {
				t.Error(err)
			}
			if v := b.View(f); v.Step != signin.StepFinish || v.Added {
				t.Errorf("%s: %+v", failure, v)
			}
		}
	})
}

func TestABlockedPartnerIsNotAddedWhateverTheOrder(t *testing.T) {
	journeytest.Each(t, func(t *testing.T, h *journeytest.House) {
		b := h.Active(address)
		f, answer := adding(t, h, b)
		h.Bank.Comes(customer)
		if _, _, err := b.FromBank(answer); err != nil {
			t.Fatal(err)
		}
		if err := h.Partnering.Block(t.Context(), b.Visitor, journeytest.BankID); err != nil {
			t.Fatal(err)
		}
		if err := h.Signin.PartnerAddLink(t.Context(), b.Visitor, f, true); !fault.Is(err, fault.Denied) {
			t.Errorf("blocked on the way: %v", err)
		}
		if _, err := h.Signin.PartnerAdd(t.Context(), b.Visitor, journeytest.BankID); !fault.Is(err, fault.Conflict) {
			t.Errorf("blocked before: %v", err)
		}
		if h.Events(audit.UpstreamLinked) != 0 {
			t.Error("a blocked partner was linked")
		}
	})
}

func TestOfManyWhoConfirmAtOnceOneAdds(t *testing.T) {
	journeytest.Each(t, func(t *testing.T, h *journeytest.House) {
		b := h.Active(address)
		f, answer := adding(t, h, b)
		h.Bank.Comes(customer)
		if _, _, err := b.FromBank(answer); err != nil {
			t.Fatal(err)
		}
		var all sync.WaitGroup
		errs := make([]error, 20)
		for i := range errs {
			all.Go(func() { errs[i] = h.Signin.PartnerAddLink(t.Context(), b.Visitor, f, true) })
		}
		all.Wait()
		won := 0
		for i, err := range errs {
			if err == nil {
				won++
			} else if !fault.Is(err, fault.Conflict) && !fault.Is(err, fault.Unavailable) {
				t.Errorf("racer %d: %v", i, err)
			}
		}
		if won != 1 || h.Events(audit.UpstreamLinked) != 1 || h.Told(address, notice.KindPartnerLinked) != 1 {
			t.Errorf("%d won, %d noted, %d told", won, h.Events(audit.UpstreamLinked), h.Told(address, notice.KindPartnerLinked))
		}
	}, journeytest.WithoutRehearsal())
}

package signin_test

import (
	"sync"
	"testing"
	"time"

	"parvis/internal/audit"
	"parvis/internal/authenticator/totp"
	"parvis/internal/db"
	"parvis/internal/enrollment"
	"parvis/internal/fault"
	"parvis/internal/flow"
	"parvis/internal/journeytest"
	"parvis/internal/notify/notice"
	"parvis/internal/policy"
	"parvis/internal/recovery"
	"parvis/internal/signin"
	"parvis/internal/upstream"
)

const customer = "customer-1"

// R44: first time without an account, and from then on without a password.
func TestAnAccountIsMadeAtASignInPartnerAndOpenedThereFromThenOn(t *testing.T) {
	journeytest.Each(t, func(t *testing.T, h *journeytest.House) {
		b := h.Browser()
		f := b.WithBank(customer, address)
		b.At(f, signin.StepConsent)
		owner := b.Live().Account
		if got := h.Table.ACR(policy.Demand{}, b.Live().Facts); got != policy.ACRTwoSteps {
			t.Errorf("a partner and a proven address are worth %q", got)
		}
		// The password route is closed: there is none.
		other := h.Browser()
		g := other.From(journeytest.Permits)
		if r := other.SignIn(g, address, journeytest.Password); r.Outcome != signin.Wrong {
			t.Errorf("%+v", r)
		}
		r := other.AtBank(g, customer)
		if r.Outcome != signin.SignedIn || other.Live().Account != owner {
			t.Fatalf("%+v", r)
		}
		other.At(g, signin.StepConsent)
		if got := h.Table.ACR(policy.Demand{}, other.Live().Facts); got != policy.ACROneStep {
			t.Errorf("a partner alone is worth %q", got)
		}
		if got := policy.AMR(other.Live().Facts); len(got) != 1 || got[0] != "partner" {
			t.Errorf("amr %v", got)
		}
		for _, ask := range h.Bank.Asked() {
			if ask.Level != 0 || ask.Lang != "en" {
				t.Errorf("the bank is told %+v", ask)
			}
		}
	})
}

// R45: never by an equal address, and with the best proof that the account can give.
func TestAnExistingAccountIsLinkedOnlyWithItsOwnersProof(t *testing.T) {
	journeytest.Each(t, func(t *testing.T, h *journeytest.House) {
		_, seed := h.WithApp(address)
		h.Clock.Advance(time.Minute)
		b := h.Browser()
		f := b.From(journeytest.Permits)
		b.AtBank(f, customer)
		// Whoever holds the mailbox alone is told that there is an account, and no more.
		b.Create(f, address)
		b.Activate(journeytest.Token(h.Latest(address)))
		b.At(f, signin.StepAlready)
		if _, err := h.Enroll.Partner(t.Context(), b.Visitor, f); !fault.Is(err, fault.Conflict) {
			t.Errorf("linked by the address alone: %v", err)
		}
		b.SignIn(f, address, journeytest.Password)
		b.At(f, signin.StepSecond) // the app guards the new way in
		if err := h.Signin.PartnerLink(t.Context(), b.Visitor, f, true); !fault.Is(err, fault.Conflict) {
			t.Errorf("linked without the app: %v", err)
		}
		h.Clock.Advance(totp.Period)
		b.Enter(f, h.AppCode(seed))
		b.At(f, signin.StepPartnerLink)
		b.LinkBank(f, customer)
		b.At(f, signin.StepConsent)
		told := 0
		for _, l := range h.Letters(address) {
			if l.Kind == notice.KindPartnerLinked {
				told++
			}
		}
		if told != 1 || h.Events(audit.UpstreamLinked) != 1 {
			t.Errorf("told %d times, noted %d times", told, h.Events(audit.UpstreamLinked))
		}
		again := h.Browser()
		if r := again.AtBank(again.From(journeytest.Permits), customer); r.Outcome != signin.SignedIn {
			t.Errorf("%+v", r)
		}
	})
}

// The sign-in at the partner comes before the proof of the account: it may be that of
// somebody who left the browser as it was, on the very page that its owner goes on with.
func TestAPartnerIsLinkedOnlyWhenWhoOwnsTheAccountSignsInThereToo(t *testing.T) {
	journeytest.Each(t, func(t *testing.T, h *journeytest.House) {
		h.Active(address)
		h.Clock.Advance(time.Minute)
		b := h.Browser()
		f := b.From(journeytest.Permits)
		b.AtBank(f, "intruder") // signs in, and walks away
		b.SignIn(f, address, journeytest.Password)
		b.Enter(f, b.Ask(f, address))
		b.At(f, signin.StepPartnerLink)
		links := func() int {
			t.Helper()
			list, err := h.Partnering.Linked(t.Context(), b.Visitor)
			if err != nil {
				t.Fatal(err)
			}
			return len(list)
		}
		if err := h.Signin.PartnerLink(t.Context(), b.Visitor, f, true); err != nil {
			t.Fatal(err)
		}
		if v := b.View(f); v.Step != signin.StepHandOff || !v.Linking || links() != 0 {
			t.Fatalf("after yes: %s, linking %v, %d links", v.Step, v.Linking, links())
		}
		if asked := h.Bank.Asked(); !asked[len(asked)-1].Fresh {
			t.Error("the bank may answer with the sign-in of who was there before")
		}
		// The owner is another customer there, or none.
		h.Bank.Comes("owner")
		if _, _, err := b.FromBank(b.Answer(f)); err != nil {
			t.Fatal(err)
		}
		if v := b.View(f); v.Step != signin.StepPartnerFailed || v.PartnerFailure != signin.OtherThere || links() != 0 {
			t.Errorf("another customer: %s, %q, %d links", v.Step, v.PartnerFailure, links())
		}
		h.Bank.Fails(upstream.Cancelled)
		if _, _, err := b.FromBank(b.ToBank(f)); err != nil { // tried again
			t.Fatal(err)
		}
		if v := b.View(f); v.Step != signin.StepPartnerFailed || !v.Linking || v.PartnerFailure != upstream.Cancelled || links() != 0 {
			t.Errorf("no customer: %s, %q, %d links", v.Step, v.PartnerFailure, links())
		}
		if err := h.Signin.PartnerBack(t.Context(), b.Visitor, f); err != nil {
			t.Fatal(err)
		}
		b.At(f, signin.StepConsent)
		stranger := h.Browser()
		g := stranger.From(journeytest.Permits)
		stranger.AtBank(g, "intruder")
		stranger.At(g, signin.StepPartnerNew)
		if stranger.Session != "" || h.Told(address, notice.KindPartnerLinked) != 0 {
			t.Error("who was there before has a way in")
		}
	})
}

// Who signs out, or is somebody else by then, links nothing when the answer comes.
func TestTheSecondSignInLinksOnlyForWhoStartedIt(t *testing.T) {
	journeytest.Each(t, func(t *testing.T, h *journeytest.House) {
		h.Active("eve@example.org")
		h.Active(address)
		h.Clock.Advance(time.Minute)
		b := h.Browser()
		f := b.From(journeytest.Permits)
		b.AtBank(f, customer)
		b.SignIn(f, address, journeytest.Password)
		b.Enter(f, b.Ask(f, address))
		if err := h.Signin.PartnerLink(t.Context(), b.Visitor, f, true); err != nil {
			t.Fatal(err)
		}
		answer := b.Answer(f)
		g := b.From(journeytest.Permits, journeytest.ForceLogin)
		if err := h.Signin.Switch(t.Context(), b.Visitor, g); err != nil {
			t.Fatal(err)
		}
		b.SignIn(g, "eve@example.org", journeytest.Password)
		if _, _, err := b.FromBank(answer); !fault.Is(err, fault.Conflict) {
			t.Errorf("%v", err)
		}
		for _, who := range []string{"eve@example.org", address} {
			c := h.Browser()
			c.SignIn(c.From(journeytest.Permits), who, journeytest.Password)
			if list, err := h.Partnering.Linked(t.Context(), c.Visitor); err != nil || len(list) != 0 {
				t.Errorf("%s: %+v, %v", who, list, err)
			}
		}
	})
}

// Whoever finds somebody else's journey in a browser must not be led to give them a way in.
func TestAPartnerIsNotLinkedToTheAccountOfWhoComesNext(t *testing.T) {
	journeytest.Each(t, func(t *testing.T, h *journeytest.House) {
		_, seed := h.WithApp(address)
		h.Clock.Advance(time.Minute)
		b := h.Browser()
		f := b.From(journeytest.Permits)
		b.AtBank(f, customer) // somebody signs in at the bank, and leaves
		g := b.From(journeytest.Permits, journeytest.Demand(policy.AAL2))
		b.SignIn(g, address, journeytest.Password) // the owner signs in, in another tab
		h.Clock.Advance(totp.Period)
		b.Enter(g, h.AppCode(seed))
		b.At(f, signin.StepConsent)
		if err := h.Signin.PartnerLink(t.Context(), b.Visitor, f, true); !fault.Is(err, fault.Conflict) {
			t.Errorf("the bank of who was here before is linked: %v", err)
		}
		if list, err := h.Partnering.Linked(t.Context(), b.Visitor); err != nil || len(list) != 0 {
			t.Errorf("%+v, %v", list, err)
		}
	})
}

func TestWhoDoesNotWantALinkGoesOnWithoutIt(t *testing.T) {
	journeytest.Each(t, func(t *testing.T, h *journeytest.House) {
		h.Active(address)
		b := h.Browser()
		f := b.From(journeytest.Permits)
		b.AtBank(f, customer)
		b.SignIn(f, address, journeytest.Password)
		b.Enter(f, b.Ask(f, address))
		b.At(f, signin.StepPartnerLink)
		if err := h.Signin.PartnerLink(t.Context(), b.Visitor, f, false); err != nil {
			t.Fatal(err)
		}
		b.At(f, signin.StepConsent)
		other := h.Browser()
		g := other.From(journeytest.Permits)
		other.AtBank(g, customer)
		other.At(g, signin.StepPartnerNew)
	})
}

// An answer is checked once, in the browser and for the partner that it was asked for.
func TestAnAnswerBelongsToOneJourneyOfOneBrowserAndIsCheckedOnce(t *testing.T) {
	journeytest.Each(t, func(t *testing.T, h *journeytest.House) {
		h.Browser().WithBank(customer, address)
		h.Bank.Comes(customer)
		b, thief := h.Browser(), h.Browser()
		f := b.From(journeytest.Permits)
		answer := b.ToBank(f)
		// Login CSRF: the thief's answer does nothing in another browser, nor does a forged one.
		g := thief.From(journeytest.Permits)
		theirs := thief.ToBank(g)
		for name, bad := range map[string]upstream.Answer{"another browser's": theirs, "none": {Params: map[string][]string{}}, "forged": {Params: map[string][]string{"state": {"x"}}}} {
			if _, _, err := b.FromBank(bad); !fault.Is(err, fault.NotFound) {
				t.Errorf("%s: %v", name, err)
			}
		}
		if _, _, err := h.Signin.PartnerReturn(t.Context(), b.Visitor, "other", answer); !fault.Is(err, fault.NotFound) {
			t.Errorf("at another partner's address: %v", err)
		}
		// Of many who bring it at once, one is signed in.
		var all sync.WaitGroup
		results := make([]signin.Outcome, 20)
		for i := range results {
			all.Go(func() {
				_, r, err := h.Signin.PartnerReturn(t.Context(), b.Visitor, journeytest.BankID, answer)
				if err != nil && !fault.Is(err, fault.NotFound) && !fault.Is(err, fault.Conflict) && !fault.Is(err, fault.Unavailable) {
					t.Errorf("racer %d: %v", i, err)
				}
				results[i] = r.Outcome
			})
		}
		all.Wait()
		won := 0
		for _, r := range results {
			if r == signin.SignedIn {
				won++
			}
		}
		if won != 1 {
			t.Errorf("%d sessions came of one answer", won)
		}
		if _, _, err := b.FromBank(answer); !fault.Is(err, fault.NotFound) {
			t.Errorf("a repetition: %v", err)
		}
	}, journeytest.WithoutRehearsal())
}

// Nobody is shut in: a partner that fails leaves every other door open.
func TestAPartnerThatFailsIsAPageWithTheOtherDoorsOpen(t *testing.T) {
	journeytest.Each(t, func(t *testing.T, h *journeytest.House) {
		h.Active(address)
		for _, failure := range []upstream.Failure{upstream.Cancelled, upstream.Outage, upstream.Slow, upstream.Invalid, upstream.Refused, upstream.Stale, upstream.Weaker, upstream.Replay} {
			b := h.Browser()
			f := b.From(journeytest.Permits)
			answer := b.ToBank(f)
			b.At(f, signin.StepHandOff)
			h.Bank.Fails(failure)
			if _, _, err := b.FromBank(answer); err != nil {
				t.Fatalf("%s: %v", failure, err)
			}
			if v := b.View(f); v.Step != signin.StepPartnerFailed || v.PartnerFailure != failure || v.Partner != journeytest.BankID {
				t.Errorf("%s: %+v", failure, v)
			}
			if err := h.Signin.PartnerBack(t.Context(), b.Visitor, f); err != nil {
				t.Error(err)
			}
			b.At(f, signin.StepSignIn)
			if r := b.SignIn(f, address, journeytest.Password); r.Outcome != signin.SignedIn {
				t.Errorf("%s: the password does not open: %+v", failure, r)
			}
		}
		if got := h.Events(audit.UpstreamFailed); got != 8 {
			t.Errorf("%d failures were noted", got)
		}
	})
}

// A partner's customer never becomes somebody else, and a closed account stays closed.
func TestASubjectIsOneAccountsAndAClosedAccountIsNotOpenedByIt(t *testing.T) {
	journeytest.Each(t, func(t *testing.T, h *journeytest.House) {
		b := h.Browser()
		b.WithBank(customer, address)
		owner := b.Live().Account
		eve := h.Active("eve@example.org")
		f := eve.From(journeytest.Permits, journeytest.ForceLogin)
		if err := h.Signin.Switch(t.Context(), eve.Visitor, f); err != nil {
			t.Fatal(err)
		}
		eve.AtBank(f, customer)
		if got := eve.Live().Account; got != owner {
			t.Errorf("somebody else's session goes on under %s", got)
		}
		err := h.DB.Write(t.Context(), func(tx *db.Tx) error { return h.Lifecycle.Close(tx, owner, notice.RemovedByOperator) })
		if err != nil {
			t.Fatal(err)
		}
		other := h.Browser()
		g := other.From(journeytest.Permits)
		other.AtBank(g, customer)
		other.At(g, signin.StepPartnerNew)
		if other.Session != "" {
			t.Error("a closed account is opened")
		}
	})
}

// R46: a partner is removed with fresh proofs, and not while it is the last way in.
func TestTheLastWayInIsNotRemoved(t *testing.T) {
	journeytest.Each(t, func(t *testing.T, h *journeytest.House) {
		b := h.Browser()
		b.WithBank(customer, address)
		list, err := h.Partnering.Linked(t.Context(), b.Visitor)
		if err != nil || len(list) != 1 || !list[0].Only || list[0].Provider != journeytest.BankID {
			t.Fatalf("%+v, %v", list, err)
		}
		if err := h.Partnering.Unlink(t.Context(), b.Visitor, list[0].ID); !fault.Is(err, fault.Conflict) {
			t.Errorf("the last way in is removed: %v", err)
		}
		// "Forgot password" gives the first one (R49).
		h.Clock.Advance(time.Minute)
		other := h.Browser()
		f := other.Direct()
		other.Reset(f, address)
		other.Recover(journeytest.Token(h.Latest(address)))
		if _, err := h.Recovery.Password(t.Context(), other.Visitor, f, recovery.PasswordForm{Password: journeytest.Other}); err != nil {
			t.Fatal(err)
		}
		h.Clock.Advance(h.Table.Window())
		if err := h.Partnering.Unlink(t.Context(), b.Visitor, list[0].ID); !fault.Is(err, fault.Denied) {
			t.Errorf("old proofs remove it: %v", err)
		}
		fresh := h.Browser()
		k := fresh.From(journeytest.Permits, journeytest.Demand(policy.TwoSteps))
		fresh.SignIn(k, address, journeytest.Other)
		fresh.Enter(k, fresh.Ask(k, address))
		if err := h.Partnering.Unlink(t.Context(), fresh.Visitor, list[0].ID); err != nil {
			t.Fatal(err)
		}
		if list, err := h.Partnering.Linked(t.Context(), fresh.Visitor); err != nil || len(list) != 0 {
			t.Errorf("%+v, %v", list, err)
		}
	})
}

// R32: the lock is the password's. A partner opens the account all the same, and lifts nothing.
func TestALockedPasswordDoesNotCloseTheDoorOfAPartner(t *testing.T) {
	journeytest.Each(t, func(t *testing.T, h *journeytest.House) {
		h.Active(address)
		b := h.Browser()
		f := b.From(journeytest.Permits)
		b.AtBank(f, customer)
		b.SignIn(f, address, journeytest.Password)
		b.Enter(f, b.Ask(f, address))
		b.LinkBank(f, customer)
		h.Lock(address)
		other := h.Browser()
		g := other.From(journeytest.Permits)
		if r := other.SignIn(g, address, journeytest.Password); r.Outcome != signin.Locked {
			t.Fatalf("%+v", r)
		}
		k := other.From(journeytest.Permits)
		if r := other.AtBank(k, customer); r.Outcome != signin.SignedIn {
			t.Errorf("%+v", r)
		}
		third := h.Browser()
		if r := third.SignIn(third.From(journeytest.Permits), address, journeytest.Password); r.Outcome != signin.Locked {
			t.Errorf("the partner lifted the lock: %+v", r)
		}
	})
}

// An account that is closed while its owner is at the partner: it is said, without
// blaming the partner, and the ways on are there.
func TestWhoseAccountWasClosedMeanwhileIsToldAndCanCreateAnother(t *testing.T) {
	journeytest.Each(t, func(t *testing.T, h *journeytest.House) {
		b := h.Browser()
		b.WithBank(customer, address)
		owner := b.Live().Account
		h.Clock.Advance(time.Minute)
		other := h.Browser()
		f := other.From(journeytest.Permits)
		h.Bank.Comes(customer)
		answer := other.ToBank(f)
		// As it is between the two transactions of an answer: closed, the link still read.
		err := h.DB.Write(t.Context(), func(tx *db.Tx) error { _, err := h.Accounts.Close(tx, owner); return err })
		if err != nil {
			t.Fatal(err)
		}
		if _, r, err := other.FromBank(answer); err != nil || r.Cookies.Session != "" {
			t.Fatalf("%+v, %v", r, err)
		}
		if v := other.View(f); v.Step != signin.StepPartnerNew || v.Notice != flow.NoticeClosed || v.PartnerFailure != "" {
			t.Errorf("%+v", v)
		}
		err = h.DB.Write(t.Context(), func(tx *db.Tx) error { return h.Links.Erase(tx, owner) })
		if err != nil {
			t.Fatal(err)
		}
		other.Create(f, "new@example.org")
		other.Activate(journeytest.Token(h.Latest("new@example.org")))
		r, err := h.Enroll.Partner(t.Context(), other.Visitor, f)
		if err != nil || r.Outcome != enrollment.Activated {
			t.Errorf("%+v, %v", r, err)
		}
	})
}

// A partner that does not say when somebody signed in there is asked, where it matters,
// and refused when it does not say then; what it has opened is never taken for young.
func TestAPartnerThatKeepsTheTimeToItselfIsNoFreshProof(t *testing.T) {
	journeytest.Each(t, func(t *testing.T, h *journeytest.House) {
		h.Browser().WithBank(customer, address)
		h.Bank.Untimed()
		h.Clock.Advance(100 * 24 * time.Hour)
		b := h.Browser()
		f := b.From(journeytest.Permits)
		if r := b.AtBank(f, customer); r.Outcome != signin.SignedIn {
			t.Fatalf("%+v", r)
		}
		if at := b.Live().Facts.AuthenticatedAt(); !at.IsZero() {
			t.Errorf("the service is told %v, which nobody knows", at)
		}
		hour := time.Hour
		for name, demand := range map[string]policy.Demand{"max_age": {MaxAge: &hour}, "prompt=login": {ForceLogin: true}, "a change": h.Table.Sensitive(nil)} {
			g := b.From(journeytest.Permits, func(s *flow.State) {
				demand.Journey = s.Demand.Journey
				s.Demand = demand
			})
			b.At(g, signin.StepSignIn)
			if r := b.AtBank(g, customer); r.Outcome == signin.SignedIn {
				t.Errorf("%s: an answer without a time is enough", name)
			}
			if v := b.View(g); v.Step != signin.StepPartnerFailed || v.PartnerFailure != upstream.Invalid {
				t.Errorf("%s: %s, %q", name, v.Step, v.PartnerFailure)
			}
		}
	})
}

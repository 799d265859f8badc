package partnering_test

import (
	"strings"
	"testing"
	"time"

	"parvis/internal/audit"
	"parvis/internal/fault"
	"parvis/internal/journeytest"
	"parvis/internal/notify/notice"
	"parvis/internal/policy"
	"parvis/internal/signin"
	"parvis/internal/upstream"
)

const (
	address  = "sam@example.org"
	customer = "customer-1"
)

func TestAPartnerThatIsNeverUsedIsBlockedWithFreshProofsAndUnblockedAgain(t *testing.T) {
	journeytest.Each(t, func(t *testing.T, h *journeytest.House) {
		b := h.Active(address)
		states := func(want ...bool) {
			t.Helper()
			list, err := h.Partnering.Choices(t.Context(), b.Visitor)
			if err != nil || len(list) != len(want) {
				t.Fatalf("%+v, %v", list, err)
			}
			for i, w := range want {
				if list[i].Blocked != w || list[i].Provider.ID != journeytest.BankID {
					t.Errorf("%+v, want blocked: %v", list[i], w)
				}
			}
		}
		states(false)
		for range 2 { // twice is once
			if err := h.Partnering.Block(t.Context(), b.Visitor, journeytest.BankID); err != nil {
				t.Fatal(err)
			}
		}
		states(true)
		if h.Told(address, notice.KindPartnerBlocked) != 1 || h.Events(audit.UpstreamBlocked) != 1 {
			t.Errorf("told %d times, noted %d times", h.Told(address, notice.KindPartnerBlocked), h.Events(audit.UpstreamBlocked))
		}
		if err := h.Partnering.Block(t.Context(), b.Visitor, "other"); !fault.Is(err, fault.NotFound) {
			t.Errorf("a partner that nobody knows: %v", err)
		}
		if err := h.Partnering.Unblock(t.Context(), h.Browser().Visitor, journeytest.BankIssuer); !fault.Is(err, fault.Denied) {
			t.Errorf("nobody unblocks: %v", err)
		}
		h.Clock.Advance(h.Table.Window() + time.Minute)
		if err := h.Partnering.Unblock(t.Context(), b.Visitor, journeytest.BankIssuer); !fault.Is(err, fault.Denied) {
			t.Errorf("old proofs unblock: %v", err)
		}
		states(true)
		fresh := h.Browser()
		f := fresh.From(journeytest.Permits, journeytest.Demand(policy.TwoSteps))
		fresh.SignIn(f, address, journeytest.Password)
		fresh.Enter(f, fresh.Ask(f, address))
		for range 2 {
			if err := h.Partnering.Unblock(t.Context(), fresh.Visitor, journeytest.BankIssuer); err != nil {
				t.Fatal(err)
			}
		}
		states(false)
		if h.Told(address, notice.KindPartnerUnblocked) != 1 || h.Events(audit.UpstreamUnblocked) != 1 {
			t.Errorf("told %d times, noted %d times", h.Told(address, notice.KindPartnerUnblocked), h.Events(audit.UpstreamUnblocked))
		}
	})
}

func TestALinkedPartnerIsNotBlocked(t *testing.T) {
	journeytest.Each(t, func(t *testing.T, h *journeytest.House) {
		b := h.Browser()
		b.WithBank(customer, address)
		if err := h.Partnering.Block(t.Context(), b.Visitor, journeytest.BankID); !fault.Is(err, fault.Conflict) {
			t.Errorf("%v", err)
		}
		if list, err := h.Partnering.Choices(t.Context(), b.Visitor); err != nil || len(list) != 0 {
			t.Errorf("%+v, %v", list, err)
		}
	})
}

// Who comes from a blocked partner sees what everybody sees until the account is
// proven: the block is its owner's business.
func TestABlockShowsOnlyToWhoHasProvenTheAccount(t *testing.T) {
	journeytest.Each(t, func(t *testing.T, h *journeytest.House) {
		b := h.Active(address)
		if err := h.Partnering.Block(t.Context(), b.Visitor, journeytest.BankID); err != nil {
			t.Fatal(err)
		}
		h.Active("free@example.org")
		h.Clock.Advance(time.Minute)
		type seen struct {
			step    signin.Step
			outcome signin.Outcome
		}
		look := func(to, from string) []seen {
			c := h.Browser()
			f := c.From(journeytest.Permits)
			c.AtBank(f, from)
			out := []seen{{step: c.View(f).Step}}
			r := c.SignIn(f, to, "not the password at all")
			out = append(out, seen{step: c.View(f).Step, outcome: r.Outcome})
			c.Create(f, to)
			out = append(out, seen{step: c.View(f).Step})
			return out
		}
		blocked, free := look(address, "customer-8"), look("free@example.org", "customer-9")
		for i := range blocked {
			if blocked[i] != free[i] {
				t.Errorf("step %d: blocked %+v, free %+v", i, blocked[i], free[i])
			}
		}
		// With the proofs of its owner the account is still not linked, and it is said.
		c := h.Browser()
		f := c.From(journeytest.Permits)
		c.AtBank(f, customer)
		c.SignIn(f, address, journeytest.Password)
		c.Enter(f, c.Ask(f, address))
		c.At(f, signin.StepPartnerLink)
		err := h.Signin.PartnerLink(t.Context(), c.Visitor, f, true)
		if !fault.Is(err, fault.Denied) {
			t.Errorf("a blocked partner is linked: %v", err)
		}
		c.At(f, signin.StepPartnerLink)
		if err := h.Signin.PartnerLink(t.Context(), c.Visitor, f, false); err != nil {
			t.Fatal(err)
		}
		c.At(f, signin.StepConsent)
		if h.Events(audit.UpstreamLinked) != 0 || h.Told(address, notice.KindPartnerLinked) != 0 {
			t.Error("a blocked partner was linked")
		}
	})
}

// A block outlives the partner's configuration, and its owner can see it and take it back.
func TestABlockOfAPartnerThatIsGoneIsShownAndTakenBack(t *testing.T) {
	journeytest.Each(t, func(t *testing.T, h *journeytest.House) {
		b := h.Active(address)
		if err := h.Partnering.Block(t.Context(), b.Visitor, journeytest.UnionID); err != nil {
			t.Fatal(err)
		}
		without := &upstream.Registry{DB: h.DB, Keys: h.Keys, Now: h.Clock.Now, File: h.Upstreams.File[:1], Consumers: h.Upstreams.Consumers}
		if err := without.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		h.Partnering.Upstreams = without
		list, err := h.Partnering.Choices(t.Context(), b.Visitor)
		if err != nil || len(list) != 2 || list[0].Key() != string(journeytest.BankID) || list[0].Blocked {
			t.Fatalf("%+v, %v", list, err)
		}
		gone := list[1]
		if gone.Provider != nil || !gone.Blocked || gone.Issuer != journeytest.UnionIssuer || !strings.HasPrefix(gone.Key(), "~") || len(gone.Key()) != 23 {
			t.Errorf("%+v", gone)
		}
		if err := h.Partnering.Unblock(t.Context(), h.Browser().Visitor, gone.Issuer); !fault.Is(err, fault.Denied) {
			t.Errorf("nobody unblocks: %v", err)
		}
		for range 2 {
			if err := h.Partnering.Unblock(t.Context(), b.Visitor, gone.Issuer); err != nil {
				t.Fatal(err)
			}
		}
		if list, err := h.Partnering.Choices(t.Context(), b.Visitor); err != nil || len(list) != 1 {
			t.Errorf("%+v, %v", list, err)
		}
		if h.Told(address, notice.KindPartnerUnblocked) != 1 || h.Events(audit.UpstreamUnblocked) != 1 {
			t.Errorf("told %d times, noted %d times", h.Told(address, notice.KindPartnerUnblocked), h.Events(audit.UpstreamUnblocked))
		}
	}, journeytest.WithUnion())
}

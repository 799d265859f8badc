package departure_test

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"parvis/internal/audit"
	"parvis/internal/fault"
	"parvis/internal/id"
	"parvis/internal/journeytest"
	"parvis/internal/ratelimit"
	"parvis/internal/recovery"
	"parvis/internal/signin"
	"parvis/internal/upstream"
)

const (
	address  = "sam.fisher@example.org"
	customer = "customer-1"
)

// byPartner makes an account with the bank in the place of a password.
func byPartner(t *testing.T, h *journeytest.House, b *journeytest.Browser, customer, address string) {
	t.Helper()
	f := b.From(journeytest.Permits)
	b.AtBank(f, customer)
	b.Create(f, address)
	b.Activate(journeytest.Token(h.Latest(address)))
	r, err := h.Enroll.Partner(t.Context(), b.Visitor, f)
	if err != nil {
		t.Fatal(err)
	}
	b.Keep(r.Cookies)
}

// OpenID Connect Back-Channel Logout 1.0: who signs out at the partner is signed out here
// where the partner had opened the session; nobody else is, and nothing else.
func TestWhoSignsOutAtThePartnerIsSignedOutWhereItOpenedTheDoor(t *testing.T) {
	journeytest.Each(t, func(t *testing.T, h *journeytest.House) {
		one := h.Browser()
		byPartner(t, h, one, customer, address)
		two := h.Browser()
		two.AtBank(two.From(journeytest.Permits), customer)
		other := h.Browser()
		byPartner(t, h, other, "customer-2", "other@example.org")
		// The same person, by a password: not the partner's session.
		h.Clock.Advance(time.Minute)
		lost := h.Browser()
		g := lost.Direct()
		lost.Reset(g, address)
		lost.Recover(journeytest.Token(h.Latest(address)))
		own := setPassword(t, h, lost, g)

		notice := func(partner upstream.ID, token string) error {
			return h.Departure.Take(t.Context(), h.Browser().Visitor, partner, token)
		}
		for what, token := range map[string]string{"a stranger": "nobody n-0", "at another partner": customer + " n-1"} {
			partner := journeytest.BankID
			if what == "at another partner" {
				partner = journeytest.UnionID
			}
			if err := notice(partner, token); err != nil {
				t.Errorf("%s: %v", what, err)
			}
		}
		if one.Live().ID == "" || two.Live().ID == "" {
			t.Fatal("a notice about somebody else ends sessions")
		}
		if err := notice(journeytest.BankID, customer+" n-2"); err != nil {
			t.Fatal(err)
		}
		if one.Live().ID != "" || two.Live().ID != "" {
			t.Error("the partner's sessions go on")
		}
		if other.Live().ID == "" || own.Live().ID == "" {
			t.Error("a session ended that is none of the partner's business")
		}
		if n := h.Events(audit.SessionEnded); n != 2 {
			t.Errorf("%d events", n)
		}
		// A repetition ends nothing that began since.
		again := h.Browser()
		again.AtBank(again.From(journeytest.Permits), customer)
		if err := notice(journeytest.BankID, customer+" n-2"); upstream.FailureOf(err) != upstream.Replay || again.Live().ID == "" {
			t.Errorf("a repetition: %v", err)
		}
		if err := notice(journeytest.BankID, "garbage"); upstream.FailureOf(err) != upstream.Invalid {
			t.Errorf("garbage: %v", err)
		}
		if err := notice("nobody", customer+" n-3"); !fault.Is(err, fault.NotFound) {
			t.Errorf("a partner that is not there: %v", err)
		}
	}, journeytest.WithUnion())
}

// OpenID Connect Back-Channel Logout 1.0, 2.4 and 2.6: a notice may name a session alone.
func TestANoticeOfASessionEndsThatSessionAlone(t *testing.T) {
	journeytest.Each(t, func(t *testing.T, h *journeytest.House) {
		notice := func(partner upstream.ID, token string) error {
			return h.Departure.Take(t.Context(), h.Browser().Visitor, partner, token)
		}
		h.Bank.CallsIt("first")
		one := h.Browser()
		byPartner(t, h, one, customer, address)
		h.Bank.CallsIt("second")
		two := h.Browser()
		two.AtBank(two.From(journeytest.Permits), customer)
		h.Bank.CallsIt("")
		unnamed := h.Browser()
		unnamed.AtBank(unnamed.From(journeytest.Permits), customer)

		if err := notice(journeytest.BankID, "- n-1 nobodys"); upstream.FailureOf(err) != upstream.Invalid {
			t.Errorf("a session by which nobody came: %v", err)
		}
		if err := notice(journeytest.UnionID, "- n-1 first"); upstream.FailureOf(err) != upstream.Invalid {
			t.Errorf("a session of another partner: %v", err)
		}
		if one.Live().ID == "" {
			t.Fatal("another partner's session ends")
		}
		if err := notice(journeytest.BankID, "- n-2 first"); err != nil {
			t.Fatal(err)
		}
		if one.Live().ID != "" || two.Live().ID == "" || unnamed.Live().ID == "" {
			t.Error("not just the session that was named ends")
		}
		if err := notice(journeytest.BankID, "- n-3 first"); err != nil {
			t.Errorf("a session that has ended: %v", err)
		}
		if err := notice(journeytest.BankID, "customer-2 n-4 second"); err != nil || two.Live().ID == "" {
			t.Errorf("the session of somebody else: %v", err)
		}
		// Of a person and a session, those of the person that could be it.
		if err := notice(journeytest.BankID, customer+" n-5 second"); err != nil {
			t.Fatal(err)
		}
		if two.Live().ID != "" || unnamed.Live().ID != "" {
			t.Error("a session that may be meant goes on")
		}
		if n := h.Events(audit.SessionEnded); n != 3 {
			t.Errorf("%d events", n)
		}
	}, journeytest.WithUnion())
}

// setPassword chooses the first password of a partner's account and signs in with it.
func setPassword(t *testing.T, h *journeytest.House, b *journeytest.Browser, f id.Flow) *journeytest.Browser {
	t.Helper()
	if _, err := h.Recovery.Password(t.Context(), b.Visitor, f, recovery.PasswordForm{Password: journeytest.Other}); err != nil {
		t.Fatal(err)
	}
	if r := b.SignIn(f, address, journeytest.Other); r.Outcome != signin.SignedIn {
		t.Fatalf("%+v", r)
	}
	return b
}

// Of many machines that bring one notice, one is heard.
func TestOneNoticeOfAPartnerCountsOnceForHoweverManyBringIt(t *testing.T) {
	journeytest.Each(t, func(t *testing.T, h *journeytest.House) {
		b := h.Browser()
		byPartner(t, h, b, customer, address)
		var all sync.WaitGroup
		var heard, late, busy atomic.Int64
		for range 50 {
			all.Go(func() {
				err := h.Departure.Take(t.Context(), h.Browser().Visitor, journeytest.BankID, customer+" the-notice")
				switch {
				case err == nil:
					heard.Add(1)
				case upstream.FailureOf(err) == upstream.Replay:
					late.Add(1)
				case fault.Is(err, fault.Unavailable):
					busy.Add(1)
				default:
					t.Error(err)
				}
			})
		}
		all.Wait()
		if heard.Load() != 1 || late.Load()+busy.Load() != 49 || b.Live().ID != "" || h.Events(audit.SessionEnded) != 1 {
			t.Errorf("%d heard, %d late, %d busy, %d events", heard.Load(), late.Load(), busy.Load(), h.Events(audit.SessionEnded))
		}
	}, journeytest.WithoutRehearsal())
}

// A partner sends all its notices from few addresses: those that count are never refused
// for their number, those that do not are.
func TestOnlyNoticesThatDoNotCountAreCounted(t *testing.T) {
	limits := ratelimit.Settings{PartnerIP: ratelimit.Limit{Count: 3, Window: time.Minute}, TokenIP: ratelimit.Limit{Count: 3, Window: time.Minute}}
	journeytest.Each(t, func(t *testing.T, h *journeytest.House) {
		machine := h.Browser().Visitor
		notice := func(token string) error { return h.Departure.Take(t.Context(), machine, journeytest.BankID, token) }
		for i := range 12 {
			if err := notice(fmt.Sprintf("customer-%d n-%d", i, i)); err != nil {
				t.Fatalf("notice %d: %v", i, err)
			}
		}
		for i := range 5 {
			err := notice("garbage")
			if throttled := fault.Is(err, fault.Throttled); throttled != (i >= 3) || !throttled && upstream.FailureOf(err) != upstream.Invalid {
				t.Errorf("garbage %d: %v", i, err)
			}
		}
		if err := notice("customer-99 n-99"); err != nil {
			t.Errorf("a good one after garbage: %v", err)
		}
	}, journeytest.WithLimits(limits))
}

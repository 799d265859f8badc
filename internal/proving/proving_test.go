package proving_test

import (
	"sync"
	"testing"
	"time"

	"parvis/internal/account"
	"parvis/internal/audit"
	"parvis/internal/db"
	"parvis/internal/fault"
	"parvis/internal/flow"
	"parvis/internal/journeytest"
	"parvis/internal/proving"
)

const address = "person@example.org"

// given is a journey whose proofs only count what they give.
func given(h *journeytest.House) (proving.Proving, *int) {
	n := new(int)
	return proving.Proving{
		DB: h.DB, Flows: h.Flows, Accounts: h.Accounts, Proofs: h.Proofs, Audit: h.Audit, Limiter: h.Enroll.Limiter,
		Purposes: []account.Purpose{account.ProveActivate}, Tasks: []flow.Task{flow.TaskCreate},
		Asking: func(*db.Tx, flow.Visitor, flow.Flow) (bool, error) { return true, nil },
		Give: func(_ *db.Tx, _ flow.Visitor, f flow.Flow, a account.Account, _ account.Proof) (proving.Outcome, flow.Progress, error) {
			*n++
			next := f.State.Progress
			next.Proven = a.ID
			return proving.Proven, next, nil
		},
	}, n
}

func TestALinkAndItsCodeAtOnceProveOnce(t *testing.T) {
	journeytest.Each(t, func(t *testing.T, h *journeytest.House) {
		h.Proofs.Settings.CodeTries, h.Proofs.Settings.CodeTriesPerAddress = 100, 100
		p, _ := given(h)
		b := h.Browser()
		f := b.Direct()
		b.Create(f, address)
		letter := h.Latest(address)
		var wait sync.WaitGroup
		won := make(chan proving.Outcome, 100)
		for i := range cap(won) {
			wait.Go(func() {
				answer := func() (proving.Result, error) { return p.Link(t.Context(), b.Visitor, journeytest.Token(letter)) }
				if i%2 == 0 {
					answer = func() (proving.Result, error) { return p.Code(t.Context(), b.Visitor, f, letter.Codes[0]) }
				}
				r, err := answer()
				if err != nil && fault.KindOf(err) == fault.Internal {
					t.Error(err)
				}
				if r.Outcome == proving.Proven {
					won <- r.Outcome
				}
			})
		}
		wait.Wait()
		if len(won) != 1 {
			t.Errorf("%d of 100 answers to one mail won", len(won))
		}
		if n := h.Events(audit.AddressProofUsed); n != 1 {
			t.Errorf("%d events of a used proof", n)
		}
	}, journeytest.WithoutRehearsal())
}

func TestALinkOfAnotherJourneyIsLeftAlone(t *testing.T) {
	journeytest.Each(t, func(t *testing.T, h *journeytest.House) {
		h.Active(address)
		h.Clock.Advance(time.Minute)
		other := h.Browser()
		other.Reset(other.Direct(), address)
		token := journeytest.Token(h.Latest(address))
		p, n := given(h)
		r, err := p.Link(t.Context(), other.Visitor, token)
		if err != nil || r.Outcome != proving.LinkEnded || *n != 0 {
			t.Errorf("an activation took a reset link: %+v %v, given %d times", r, err, *n)
		}
		if r := other.Recover(token); r.Outcome != proving.Proven {
			t.Errorf("the link was used up by the wrong journey: %q", r.Outcome)
		}
	})
}

func TestNothingIsProvenWithoutTheCookieOfTheBrowser(t *testing.T) {
	journeytest.Each(t, func(t *testing.T, h *journeytest.House) {
		b := h.Browser()
		b.Create(b.Direct(), address)
		token := journeytest.Token(h.Latest(address))
		p, n := given(h)
		_, err := p.Link(t.Context(), flow.Visitor{IP: "192.0.2.9"}, token)
		if !fault.Is(err, fault.Denied) || *n != 0 {
			t.Errorf("%v, given %d times", err, *n)
		}
		if r := b.Activate(token); r.Outcome != proving.Proven {
			t.Errorf("the link was used up: %q", r.Outcome)
		}
	})
}

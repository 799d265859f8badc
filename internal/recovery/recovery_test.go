package recovery_test

import (
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"parvis/internal/audit"
	"parvis/internal/fault"
	"parvis/internal/flow"
	"parvis/internal/id"
	"parvis/internal/journeytest"
	"parvis/internal/notify/notice"
	"parvis/internal/proving"
	"parvis/internal/recovery"
	"parvis/internal/signin"
)

const address = "sam@example.org"

// ask asks for a new password in a fresh browser and gives the letter.
func ask(h *journeytest.House, to string) (*journeytest.Browser, id.Flow, notice.Letter) {
	b := h.Browser()
	f := b.From(journeytest.Licences)
	h.Clock.Advance(time.Minute)
	b.Reset(f, to)
	return b, f, h.Latest(to)
}

func TestAForgottenPasswordIsReplacedAndSignsNobodyIn(t *testing.T) {
	journeytest.Each(t, func(t *testing.T, h *journeytest.House) {
		own := h.Active(address)
		b, f, letter := ask(h, address)
		if letter.Kind != notice.KindResetPassword {
			t.Fatalf("letter %s", letter.Kind)
		}
		b.At(f, signin.StepCheckEmail)
		if r := b.Recover(journeytest.Token(letter)); r.Outcome != proving.Proven || r.Flow != f {
			t.Fatalf("%+v", r)
		}
		b.At(f, signin.StepChoosePassword)
		r, err := h.Recovery.Password(t.Context(), b.Visitor, f, recovery.PasswordForm{Password: journeytest.Other, EndSessions: true})
		if err != nil || r.Outcome != recovery.Changed {
			t.Fatalf("%+v %v", r, err)
		}
		v := b.View(f)
		if v.Step != signin.StepSignIn || v.Notice != flow.NoticeReset || v.Person != nil || v.RelyingParty != journeytest.Licences {
			t.Errorf("afterwards: %+v", v)
		}
		if own.View(own.Direct()).Person != nil {
			t.Error("the other session still counts")
		}
		if h.Latest(address).Kind != notice.KindPasswordChanged {
			t.Error("the owner is not told")
		}
		if r := b.SignIn(f, address, journeytest.Password); r.Outcome != signin.Wrong {
			t.Errorf("the older password: %q", r.Outcome)
		}
		if r := b.SignIn(f, address, journeytest.Other); r.Outcome != signin.SignedIn {
			t.Errorf("the new password: %q", r.Outcome)
		}
		b.At(f, signin.StepConsent)
	})
}

func TestOtherSessionsStayWhenThePersonWantsIt(t *testing.T) {
	journeytest.Each(t, func(t *testing.T, h *journeytest.House) {
		own := h.Active(address)
		b, f, letter := ask(h, address)
		b.Recover(journeytest.Token(letter))
		_, err := h.Recovery.Password(t.Context(), b.Visitor, f, recovery.PasswordForm{Password: journeytest.Other})
		if err != nil {
			t.Fatal(err)
		}
		if own.View(own.Direct()).Person == nil {
			t.Error("the other session was ended")
		}
	})
}

func TestTheMailTellsWhatTheScreenDoesNot(t *testing.T) {
	journeytest.Each(t, func(t *testing.T, h *journeytest.House) {
		h.Active("active@example.org")
		h.Active("locked@example.org")
		h.Lock("locked@example.org")
		h.Pending("pending@example.org")
		h.Lock("nobody-locked@example.org")
		for _, c := range []struct {
			to            string
			reset, unlock notice.Kind // "" for no letter
			outcome       proving.Outcome
		}{
			{"active@example.org", notice.KindResetPassword, notice.KindUnlockNotLocked, proving.Sent},
			{"pending@example.org", notice.KindActivateAgain, notice.KindActivateAgain, proving.Sent},
			{"nobody@example.org", notice.KindResetNoAccount, notice.KindUnlockNoAccount, proving.Sent},
			{"locked@example.org", "", notice.KindUnlock, recovery.Locked},
			{"nobody-locked@example.org", "", notice.KindUnlockNoAccount, recovery.Locked},
		} {
			b := h.Browser()
			f := b.Direct()
			h.Clock.Advance(time.Minute)
			before := len(h.Letters(c.to))
			if r := b.Reset(f, c.to); r.Outcome != c.outcome {
				t.Errorf("reset of %s: %q", c.to, r.Outcome)
			}
			switch got := h.Letters(c.to); {
			case c.reset == "" && len(got) != before:
				t.Errorf("reset of %s: a letter %s", c.to, got[0].Kind)
			case c.reset != "" && (len(got) != before+1 || got[0].Kind != c.reset):
				t.Errorf("reset of %s: letters %v", c.to, got)
			}
			want := signin.StepCheckEmail
			if c.outcome == recovery.Locked {
				want = signin.StepUnlock
			}
			b.At(f, want)
			h.Clock.Advance(time.Minute)
			if r := b.Unlock(f, c.to); r.Outcome != proving.Sent {
				t.Errorf("unlock of %s: %q", c.to, r.Outcome)
			}
			b.At(f, signin.StepCheckEmail)
			if got := h.Latest(c.to).Kind; got != c.unlock {
				t.Errorf("unlock of %s: letter %s, want %s", c.to, got, c.unlock)
			}
		}
	})
}

func TestEveryAddressCostsTheSameWork(t *testing.T) {
	journeytest.Each(t, func(t *testing.T, h *journeytest.House) {
		h.Active("active@example.org")
		h.Pending("pending@example.org")
		h.Active("locked@example.org")
		h.Lock("locked@example.org")
		h.Lock("nobody-locked@example.org")
		cost := func(ask func(b *journeytest.Browser, f id.Flow)) int64 {
			b := h.Browser()
			f := b.From(journeytest.Licences)
			return h.Statements(func() { ask(b, f) })
		}
		reset := func(to string) int64 {
			return cost(func(b *journeytest.Browser, f id.Flow) { b.Reset(f, to) })
		}
		unlock := func(to string) int64 {
			return cost(func(b *journeytest.Browser, f id.Flow) { b.Unlock(f, to) })
		}
		for _, to := range []string{"active@example.org", "pending@example.org"} {
			if got, want := reset(to), reset("nobody@example.org"); got != want {
				t.Errorf("reset of %s: %d statements, of an unknown address %d", to, got, want)
			}
			if got, want := unlock(to), unlock("nobody@example.org"); got != want {
				t.Errorf("unlock of %s: %d statements, of an unknown address %d", to, got, want)
			}
		}
		if got, want := reset("locked@example.org"), reset("nobody-locked@example.org"); got != want {
			t.Errorf("reset of a locked account: %d statements, of a locked unknown address %d", got, want)
		}
		if got, want := unlock("locked@example.org"), unlock("nobody-locked@example.org"); got != want {
			t.Errorf("unlock of a locked account: %d statements, of a locked unknown address %d", got, want)
		}
	}, journeytest.WithoutRehearsal())
}

func TestUnlockingKeepsThePassword(t *testing.T) {
	journeytest.Each(t, func(t *testing.T, h *journeytest.House) {
		h.Active(address)
		h.Lock(address)
		b := h.Browser()
		f := b.From(journeytest.Licences)
		b.SignIn(f, address, journeytest.Password)
		h.Clock.Advance(time.Minute)
		b.Unlock(f, address)
		if r := b.Recover(journeytest.Token(h.Latest(address))); r.Outcome != recovery.Unlocked || r.Flow != f {
			t.Fatalf("%+v", r)
		}
		if v := b.View(f); v.Step != signin.StepSignIn || v.Notice != flow.NoticeUnlocked || v.Address != address {
			t.Errorf("%+v", v)
		}
		if h.Latest(address).Kind != notice.KindUnlocked || h.Events(audit.PasswordUnlocked) != 1 {
			t.Error("the owner or the audit is not told")
		}
		if r := b.SignIn(f, address, journeytest.Password); r.Outcome != signin.SignedIn {
			t.Errorf("%q", r.Outcome)
		}
	})
}

func TestALinkOpenedElsewhereGoesOnThere(t *testing.T) {
	journeytest.Each(t, func(t *testing.T, h *journeytest.House) {
		h.Active(address)
		first, f, letter := ask(h, address)
		phone := h.Browser()
		r := phone.Recover(journeytest.Token(letter))
		if r.Outcome != proving.Proven || r.Flow == f {
			t.Fatalf("%+v", r)
		}
		first.At(f, signin.StepCheckEmail)
		_, err := h.Recovery.Password(t.Context(), first.Visitor, f, recovery.PasswordForm{Password: journeytest.Other})
		if !fault.Is(err, fault.Conflict) {
			t.Errorf("a new password without proof in this browser: %v", err)
		}
		_, err = h.Recovery.Password(t.Context(), phone.Visitor, r.Flow, recovery.PasswordForm{Password: journeytest.Other})
		if err != nil {
			t.Fatal(err)
		}
		phone.SignIn(r.Flow, address, journeytest.Other)
		if v := phone.View(r.Flow); v.Step != signin.StepReady || v.RelyingParty != journeytest.Licences {
			t.Errorf("the phone ends at %q of %q", v.Step, v.RelyingParty)
		}
	})
}

func TestAnActivationMailSentInsteadOfAResetActivates(t *testing.T) {
	journeytest.Each(t, func(t *testing.T, h *journeytest.House) {
		h.Pending(address)
		b, f, letter := ask(h, address)
		r, err := h.Recovery.Code(t.Context(), b.Visitor, f, letter.Codes[0])
		if err != nil || r.Outcome != proving.Proven {
			t.Fatalf("%+v %v", r, err)
		}
		b.At(f, signin.StepChoosePassword)
		b.Choose(f, journeytest.Password)
		b.At(f, signin.StepConsent)
	})
}

func TestAResetLinkLivesThirtyMinutes(t *testing.T) {
	journeytest.Each(t, func(t *testing.T, h *journeytest.House) {
		h.Active(address)
		b, _, letter := ask(h, address)
		token := journeytest.Token(letter)
		h.Clock.Advance(30*time.Minute - time.Millisecond)
		if l := b.Link(token); l.Status != signin.LinkLive || l.Purpose != signin.LinkReset {
			t.Errorf("just before: %+v", l)
		}
		h.Clock.Advance(time.Millisecond)
		if l := b.Link(token); l.Status != signin.LinkExpired || l.Resend {
			t.Errorf("at its end: %+v", l)
		}
		if r := b.Recover(token); r.Outcome != proving.LinkEnded {
			t.Errorf("at its end: %q", r.Outcome)
		}
	})
}

func TestAResetLinkDoesNotActivateAndAnActivationLinkDoesNotReset(t *testing.T) {
	journeytest.Each(t, func(t *testing.T, h *journeytest.House) {
		h.Active(address)
		b, _, letter := ask(h, address)
		token := journeytest.Token(letter)
		if r := b.Activate(token); r.Outcome == "proven" {
			t.Error("a reset link activated")
		}
		if r := b.Recover(token); r.Outcome != proving.Proven {
			t.Errorf("trying the wrong door consumed the link: %q", r.Outcome)
		}
	})
}

func TestFiveHundredPressesOfOneLinkGiveOneWinner(t *testing.T) {
	journeytest.Each(t, func(t *testing.T, h *journeytest.House) {
		h.Active(address)
		_, _, letter := ask(h, address)
		token := journeytest.Token(letter)
		visitors := make([]flow.Visitor, 500)
		for i := range visitors {
			visitors[i] = h.Browser().Visitor
		}
		var won, lost, busy atomic.Int64
		var all sync.WaitGroup
		for _, v := range visitors {
			all.Go(func() {
				r, err := h.Recovery.ConfirmLink(t.Context(), v, token)
				switch {
				case fault.Is(err, fault.Unavailable):
					busy.Add(1)
				case err != nil:
					t.Error(err)
				case r.Outcome == proving.Proven:
					won.Add(1)
				default:
					lost.Add(1)
				}
			})
		}
		all.Wait()
		if won.Load() != 1 || lost.Load()+busy.Load() != 499 || busy.Load() > 25 {
			t.Errorf("%d winners, %d losers, %d busy", won.Load(), lost.Load(), busy.Load())
		}
	}, journeytest.WithoutRehearsal())
}

func TestFiveHundredTriesOfOneCodeGiveOneWinner(t *testing.T) {
	journeytest.Each(t, func(t *testing.T, h *journeytest.House) {
		h.Active(address)
		b, f, letter := ask(h, address)
		var won atomic.Int64
		var all sync.WaitGroup
		for range 500 {
			all.Go(func() {
				r, err := h.Recovery.Code(t.Context(), b.Visitor, f, letter.Codes[0])
				if err == nil && r.Outcome == proving.Proven {
					won.Add(1)
				}
			})
		}
		all.Wait()
		if won.Load() != 1 {
			t.Errorf("%d winners", won.Load())
		}
	}, journeytest.WithoutRehearsal())
}

func TestAProofOfResetDoesNotOutliveItsLinkOrTheOwnersNewPassword(t *testing.T) {
	journeytest.Each(t, func(t *testing.T, h *journeytest.House) {
		h.Active(address)
		choose := func(b *journeytest.Browser, f id.Flow, password string) proving.Outcome {
			r, err := h.Recovery.Password(t.Context(), b.Visitor, f, recovery.PasswordForm{Password: password})
			if err != nil {
				t.Fatal(err)
			}
			return r.Outcome
		}
		late, f, letter := ask(h, address)
		late.Recover(journeytest.Token(letter))
		h.Clock.Advance(30 * time.Minute)
		if got := choose(late, f, journeytest.Other); got != proving.LinkEnded {
			t.Errorf("after half an hour: %q", got)
		}
		late.At(f, signin.StepForgot)

		thief, g, letter := ask(h, address)
		thief.Recover(journeytest.Token(letter)) // somebody who reads the owner's mail, and waits
		owner, own, letter := ask(h, address)
		owner.Recover(journeytest.Token(letter))
		h.Clock.Advance(time.Minute)
		if got := choose(owner, own, journeytest.Other); got != recovery.Changed {
			t.Fatalf("the owner: %q", got)
		}
		if got := choose(thief, g, "a password only the thief knows"); got != proving.LinkEnded {
			t.Errorf("the thief, after the owner: %q", got)
		}
		if r := owner.SignIn(own, address, journeytest.Other); r.Outcome != signin.SignedIn {
			t.Errorf("the owner's password: %q", r.Outcome)
		}
	})
}

func TestAResetGoesToTheAddressAsItWasFirstWritten(t *testing.T) {
	journeytest.Each(t, func(t *testing.T, h *journeytest.House) {
		h.Active(address)
		b := h.Browser()
		h.Clock.Advance(time.Minute)
		b.Reset(b.Direct(), "SAM@Example.ORG")
		if len(h.Letters("SAM@Example.ORG")) != 0 || h.Latest(address).Kind != notice.KindResetPassword {
			t.Error("the mail went to what was typed")
		}
	})
}

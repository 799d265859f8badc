package reclaim_test

import (
	"testing"
	"time"

	"parvis/internal/audit"
	"parvis/internal/authenticator"
	"parvis/internal/authenticator/totp"
	"parvis/internal/id"
	"parvis/internal/journeytest"
	"parvis/internal/policy"
	"parvis/internal/reclaim"
	"parvis/internal/signin"
	"parvis/internal/stepup"
)

// disable types wrong codes at a second step until its method is disabled, and counts those
// that were compared: never more than SP 800-63B-4, 3.2.2 allows, however long it takes.
func disable(t *testing.T, h *journeytest.House, b *journeytest.Browser, f id.Flow) (compared int) {
	t.Helper()
	for range 200 {
		r := b.Enter(f, "000000")
		switch r.Outcome {
		case stepup.Disabled:
			return compared + 1
		case stepup.Waiting:
			compared++
			h.Clock.Advance(h.Methods.Settings.Wait + time.Second)
			if b.Live().ID == "" { // the session went idle meanwhile
				b, f = signedIn(h, journeytest.Password)
			}
		case stepup.Wrong:
			compared++
		default:
			t.Fatalf("%+v", r)
		}
	}
	t.Fatal("guesses without end")
	return 0
}

// A method that was disabled on purpose is no dead end, and no way around what it guards.
func TestAMethodThatWasGuessedAtUntilItWasDisabledLeadsThroughTheRecovery(t *testing.T) {
	journeytest.Each(t, func(t *testing.T, h *journeytest.House) {
		h.WithApp(sam)
		b, f := signedIn(h, journeytest.Password)
		if n, most := disable(t, h, b, f), h.Methods.Settings.MaxFailures; n > most || most > 100 {
			t.Errorf("%d were compared of %d", n, most)
		}
		if h.Events(audit.MethodDisabled) != 1 {
			t.Error("not noted once")
		}
		b, f = signedIn(h, journeytest.Password)
		b.At(f, signin.StepSecond)
		if r := recover(t, h, b, f); r.Outcome != reclaim.Removed {
			t.Fatalf("%+v", r)
		}
		b.SetUp(f, policy.App)
		b.BindApp(f)
		if got := worth(h, b); got != policy.TwoSteps {
			t.Errorf("worth %v", got)
		}
	})
}

// Codes by e-mail that were guessed at until they were turned off count again when their
// owner has proven the mailbox with a mailed link, and no earlier.
func TestCodesByMailThatWereTurnedOffAreBoundAgainWithAMailedLink(t *testing.T) {
	journeytest.Each(t, func(t *testing.T, h *journeytest.House) {
		_, seed := h.WithApp(sam)
		disabled := func() bool {
			b, f := signedIn(h, journeytest.Password)
			h.Clock.Advance(totp.Period)
			app(t, h, b, f, seed)
			for _, a := range authenticator.Of(b.Bound(), authenticator.Email) {
				return h.Methods.StateOf(a, h.Clock.Now()).Standing == authenticator.Disabled
			}
			return false
		}
		guesses := 0
		for !disabled() {
			if guesses++; guesses > 120 {
				t.Fatal("guesses without end")
			}
			h.Clock.Advance(h.Methods.Settings.Wait + time.Second)
			b, f := signedIn(h, journeytest.Password)
			if err := h.Reclaim.Send(t.Context(), b.Visitor, f); err != nil {
				continue // too many were sent: another hour
			}
			for range h.Methods.Settings.Tries {
				if r, err := h.Reclaim.Prove(t.Context(), b.Visitor, f, "000000"); err != nil || r.Outcome == reclaim.Removed {
					t.Fatalf("%+v, %v", r, err)
				}
			}
		}
		h.Clock.Advance(24 * time.Hour)
		if !disabled() {
			t.Error("time alone ends it")
		}
		forgot(t, h)
		b, f := signedIn(h, other)
		if r := recover(t, h, b, f); r.Outcome != reclaim.Waits {
			t.Errorf("%+v", r)
		}
	})
}

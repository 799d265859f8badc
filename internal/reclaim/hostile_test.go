package reclaim_test

import (
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"parvis/internal/audit"
	"parvis/internal/authenticator/lost"
	"parvis/internal/db"
	"parvis/internal/fault"
	"parvis/internal/journeytest"
	"parvis/internal/notify/notice"
	"parvis/internal/policy"
	"parvis/internal/reclaim"
	"parvis/internal/recovery"
	"parvis/internal/signin"
)

// A session that is older than the new password confirms nothing.
func TestAMethodProvenInAnOlderSessionDoesNotConfirmThePasswordOfTheMailbox(t *testing.T) {
	journeytest.Each(t, func(t *testing.T, h *journeytest.House) {
		owner, seed := withPhone(t, h)
		h.Clock.Advance(time.Minute)
		thief := h.Browser()
		f := thief.Direct()
		thief.Reset(f, sam)
		thief.Recover(journeytest.Token(h.Latest(sam)))
		if _, err := h.Recovery.Password(t.Context(), thief.Visitor, f, recovery.PasswordForm{Password: other}); err != nil {
			t.Fatal(err)
		}
		h.Clock.Advance(time.Minute)
		app(t, h, owner, owner.From(journeytest.Permits, aal2), seed)
		if got := worth(h, owner); got != policy.AAL2 {
			t.Fatalf("worth %v", got)
		}
		thief, f = signedIn(h, other)
		if v, err := h.Reclaim.Look(t.Context(), thief.Visitor, f); err != nil || v.Wait == 0 {
			t.Errorf("%+v, %v", v, err)
		}
	})
}

// Of many who type the code, or use a link, at once one does something.
func TestOfManyAtOnceOneRemovesAndOneBringsBack(t *testing.T) {
	journeytest.Each(t, func(t *testing.T, h *journeytest.House) {
		withPhone(t, h)
		b, f := signedIn(h, journeytest.Password)
		if err := h.Reclaim.Send(t.Context(), b.Visitor, f); err != nil {
			t.Fatal(err)
		}
		code := h.Code(sam)
		removed := race(func() bool {
			r, err := h.Reclaim.Prove(t.Context(), b.Visitor, f, code)
			return err == nil && r.Outcome == reclaim.Removed
		})
		if removed != 1 || kinds(h, sam, notice.KindLostDone) != 1 || h.Events(audit.RecoveryDone) != 1 {
			t.Errorf("%d removed", removed)
		}
		link := token(t, h, number, notice.KindLostDone, 1)
		if n := race(func() bool { return use(t, h, link) == nil }); n != 1 || h.Events(audit.RecoveryUndone) != 1 {
			t.Errorf("%d brought back", n)
		}
	})
}

// A code that is too old removes nothing, and begins no wait; nor does the code before, once
// there is a newer one.
func TestAnExpiredOrReplacedCodeRemovesNothing(t *testing.T) {
	journeytest.Each(t, func(t *testing.T, h *journeytest.House) {
		withPhone(t, h)
		b, f := signedIn(h, journeytest.Password)
		send := func() string {
			t.Helper()
			if err := h.Reclaim.Send(t.Context(), b.Visitor, f); err != nil {
				t.Fatal(err)
			}
			return h.Code(sam)
		}
		is := func(typed string, want reclaim.Outcome) {
			t.Helper()
			r, err := h.Reclaim.Prove(t.Context(), b.Visitor, f, typed)
			if err != nil || r.Outcome != want {
				t.Errorf("%+v, %v, want %s", r, err, want)
			}
		}
		late := send()
		h.Clock.Advance(h.Codes.Settings.EmailLifetime)
		is(late, reclaim.Ended)
		older := send()
		h.Clock.Advance(time.Minute)
		if newer := send(); newer != older {
			is(older, reclaim.Wrong)
			if n := kinds(h, number, notice.KindLostWaits) + kinds(h, number, notice.KindLostDone) + h.Events(audit.RecoveryDone); n != 0 {
				t.Errorf("%d messages and events of a recovery", n)
			}
			is(newer, reclaim.Removed)
		}
	})
}

// The links that bring the methods back do so as long as the new one does not count; later
// they do nothing, by whatever channel they came.
func TestALinkThatBringsTheMethodsBackEndsWithTheCoolingOff(t *testing.T) {
	journeytest.Each(t, func(t *testing.T, h *journeytest.House) {
		withPhone(t, h)
		b, f := signedIn(h, journeytest.Password)
		recover(t, h, b, f)
		b.SetUp(f, policy.App)
		b.BindApp(f)
		links := []string{token(t, h, sam, notice.KindLostDone, 1), token(t, h, number, notice.KindLostDone, 1)}
		h.Clock.Advance(h.Table.CoolingOff())
		for _, link := range links {
			if l := opened(t, h, link); l.Outcome == lost.Undone || l.Stage == lost.Done {
				t.Errorf("%+v", l)
			}
			if err := use(t, h, link); !fault.Is(err, fault.Conflict) {
				t.Errorf("%v", err)
			}
		}
		if n := kinds(h, sam, notice.KindLostUndone) + h.Events(audit.RecoveryUndone); n != 0 {
			t.Errorf("%d messages and events", n)
		}
	})
}

// Stopping and going on at once: one of them holds, on whatever node.
func TestStoppingAndGoingOnAtOnceEndInOneOfThem(t *testing.T) {
	journeytest.Each(t, func(t *testing.T, h *journeytest.House) {
		withPhone(t, h)
		forgot(t, h)
		b, f := signedIn(h, other)
		recover(t, h, b, f)
		stop := token(t, h, number, notice.KindLostWaits, 1)
		advance(t, h, h.Table.RecoverAfter(policy.Loss{}))
		finish := token(t, h, sam, notice.KindLostOpen, 1)
		var n atomic.Int32
		race(func() bool {
			link := finish
			if n.Add(1)%2 == 0 {
				link = stop
			}
			return use(t, h, link) == nil
		})
		// A stop link that comes after the end brings everything back: both orders are sound.
		done, stopped, undone := h.Events(audit.RecoveryDone), h.Events(audit.RecoveryStopped), h.Events(audit.RecoveryUndone)
		if done+stopped != 1 || undone > done {
			t.Errorf("done %d, stopped %d, undone %d", done, stopped, undone)
		}
		l := opened(t, h, stop)
		if l.Outcome != lost.Stopped && l.Outcome != lost.Undone && l.Stage != lost.Done {
			t.Errorf("%+v", l)
		}
	})
}

// race runs f in many goroutines at once and counts where it was true.
func race(f func() bool) int {
	const racers = 24
	var wins atomic.Int32
	var wait sync.WaitGroup
	for range racers {
		wait.Go(func() {
			if f() {
				wins.Add(1)
			}
		})
	}
	wait.Wait()
	return int(wins.Load())
}

// Guesses at the code are counted at the address, and a new code resets nothing.
func TestWrongCodesOfARecoveryAreCountedAndANewCodeResetsNothing(t *testing.T) {
	journeytest.Each(t, func(t *testing.T, h *journeytest.House) {
		withPhone(t, h)
		b, f := signedIn(h, journeytest.Password)
		tries := 0
		for {
			if err := h.Reclaim.Send(t.Context(), b.Visitor, f); err != nil {
				t.Fatal(err)
			}
			code := h.Code(sam)
			wrong := "000000"
			if code == wrong {
				wrong = "000001"
			}
			r, err := h.Reclaim.Prove(t.Context(), b.Visitor, f, wrong)
			if err != nil {
				t.Fatal(err)
			}
			tries++
			if r.Outcome == reclaim.Refused {
				if r, err = h.Reclaim.Prove(t.Context(), b.Visitor, f, code); err != nil || r.Outcome != reclaim.Refused {
					t.Errorf("the right code while it waits: %+v, %v", r, err)
				}
				break
			}
			if tries > 20 {
				t.Fatal("guesses without end")
			}
			h.Clock.Advance(30 * time.Second)
		}
		if want := h.Methods.Settings.Tries; tries != want {
			t.Errorf("%d guesses, want %d", tries, want)
		}
	})
}

// A session that was left open does not prove the first step.
func TestAFirstStepThatIsTooOldIsAskedForAgain(t *testing.T) {
	journeytest.Each(t, func(t *testing.T, h *journeytest.House) {
		b, _ := withPhone(t, h)
		h.Clock.Advance(h.Table.Window() + time.Minute)
		f := b.From(journeytest.Permits, aal2)
		b.At(f, signin.StepSecond)
		if err := h.Reclaim.Send(t.Context(), b.Visitor, f); err != nil {
			t.Fatal(err)
		}
		b.At(f, signin.StepSignIn)
		b.SignIn(f, sam, journeytest.Password)
		b.At(f, signin.StepSecond)
		if r := recover(t, h, b, f); r.Outcome != reclaim.Removed {
			t.Errorf("%+v", r)
		}
	})
}

// Nobody recovers what is not lost, or not theirs: without a second step that a method
// would prove, in another browser, or signed out, it is out of turn.
func TestARecoveryOutOfTurnChangesNothing(t *testing.T) {
	journeytest.Each(t, func(t *testing.T, h *journeytest.House) {
		b, seed := withPhone(t, h)
		plain := b.From(journeytest.Permits)
		strong := b.From(journeytest.Permits, aal2)
		stranger := h.Browser()
		for name, try := range map[string]func() error{
			"nothing is due":  func() error { return h.Reclaim.Send(t.Context(), b.Visitor, plain) },
			"another browser": func() error { return h.Reclaim.Send(t.Context(), stranger.Visitor, strong) },
			"signed out": func() error {
				v := b.Visitor
				v.Session = ""
				return h.Reclaim.Send(t.Context(), v, strong)
			},
		} {
			if err := try(); err == nil {
				t.Errorf("%s: a code was sent", name)
			}
		}
		app(t, h, b, strong, seed)
		if _, err := h.Reclaim.Look(t.Context(), b.Visitor, strong); !fault.Is(err, fault.Conflict) {
			t.Errorf("proven, and still lost: %v", err)
		}
		for _, bad := range []string{"", "nothing", strings.Repeat("A", 43), strings.Repeat("x", 5000)} {
			if l := opened(t, h, bad); l.Known {
				t.Errorf("%q is known", bad)
			}
			if err := use(t, h, bad); !fault.Is(err, fault.Conflict) {
				t.Errorf("%q: %v", bad, err)
			}
		}
	})
}

// The end of an account takes its recoveries along, and the staff's help ends them.
func TestTheEndOfAnAccountAndTheStaffEndARecovery(t *testing.T) {
	journeytest.Each(t, func(t *testing.T, h *journeytest.House) {
		withPhone(t, h)
		forgot(t, h)
		b, f := signedIn(h, other)
		recover(t, h, b, f)
		link := token(t, h, sam, notice.KindLostWaits, 1)
		account := b.Live().Account
		err := h.DB.Write(t.Context(), func(tx *db.Tx) error {
			_, err := h.Lifecycle.ResetMethods(tx, account)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		if l := opened(t, h, link); l.Stage != lost.Ended || l.Outcome != lost.Dropped {
			t.Errorf("%+v", l)
		}
		if err := h.Lifecycle.Erase(t.Context(), account, notice.RemovedByOperator); err != nil {
			t.Fatal(err)
		}
		if l := opened(t, h, link); l.Known {
			t.Errorf("%+v", l)
		}
	})
}

// Who knows the password only, or has the telephone only, gets no further than before.
func TestWhoKnowsThePasswordOnlyOrHasTheTelephoneOnlyGetsNowhere(t *testing.T) {
	journeytest.Each(t, func(t *testing.T, h *journeytest.House) {
		withPhone(t, h)
		thief, f := signedIn(h, journeytest.Password)
		if err := h.Reclaim.Send(t.Context(), thief.Visitor, f); err != nil {
			t.Fatal(err)
		}
		for _, typed := range []string{"123456", "654321"} {
			if r, err := h.Reclaim.Prove(t.Context(), thief.Visitor, f, typed); err != nil || r.Outcome == reclaim.Removed || r.Outcome == reclaim.Waits {
				t.Errorf("%+v, %v", r, err)
			}
		}
		if got := worth(h, thief); got != policy.OneStep {
			t.Errorf("the password alone is worth %v", got)
		}
		if n := kinds(h, number, notice.KindLostWaits) + kinds(h, number, notice.KindLostDone); n != 0 {
			t.Errorf("%d texts", n)
		}
		// The telephone: no first step, so no second one, and nothing to recover.
		finder := h.Browser()
		g := finder.From(journeytest.Permits, aal2)
		finder.At(g, signin.StepSignIn)
		if err := h.Reclaim.Send(t.Context(), finder.Visitor, g); !fault.Is(err, fault.Conflict) {
			t.Errorf("%v", err)
		}
		if _, err := h.Reclaim.Look(t.Context(), finder.Visitor, g); !fault.Is(err, fault.Conflict) {
			t.Errorf("%v", err)
		}
	})
}

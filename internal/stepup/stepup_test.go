package stepup_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"parvis/internal/audit"
	"parvis/internal/authenticator"
	"parvis/internal/authenticator/phone"
	"parvis/internal/authenticator/totp"
	"parvis/internal/db"
	"parvis/internal/fault"
	"parvis/internal/flow"
	"parvis/internal/id"
	"parvis/internal/journeytest"
	"parvis/internal/notify/notice"
	"parvis/internal/policy"
	"parvis/internal/session"
	"parvis/internal/signin"
	"parvis/internal/stepup"
)

const sam = "sam@example.org"

var aal2 = journeytest.Demand(policy.AAL2)

func conflict(t *testing.T, what string, err error) {
	t.Helper()
	if !fault.Is(err, fault.Conflict) {
		t.Errorf("%s: %v, want out of turn", what, err)
	}
}

// mailed fails the test unless so many mails of a kind went to sam.
func mailed(t *testing.T, h *journeytest.House, kind notice.Kind, want int) {
	t.Helper()
	got := 0
	for _, l := range h.Letters(sam) {
		if l.Kind == kind {
			got++
		}
	}
	if got != want {
		t.Errorf("%d mails %q, want %d", got, kind, want)
	}
}

func TestASetUpInsideTheJourneyGoesOnToTheService(t *testing.T) {
	journeytest.Each(t, func(t *testing.T, h *journeytest.House) {
		b := h.Active(sam)
		h.Clock.Advance(h.Table.Window() + time.Minute)
		f := b.From(journeytest.Permits, aal2)
		b.At(f, signin.StepSecond)
		v, err := h.Stepup.Look(t.Context(), b.Visitor, f)
		if err != nil || v.Method != policy.Email || v.Way != stepup.WaySend || v.Target == sam || v.Target == "" {
			t.Fatalf("%+v, %v", v, err)
		}
		older := b.Session
		if r := b.Enter(f, b.Ask(f, sam)); r.Outcome != stepup.Done {
			t.Fatalf("%+v", r)
		}
		if b.Session == older || h.Events(audit.MethodUsed) != 1 {
			t.Error("a proof gave no new token, or was not noted")
		}
		b.At(f, signin.StepSetUp)
		c, err := h.Stepup.Choices(t.Context(), b.Visitor, f)
		if err != nil || !c.Required || c.Offer[0].Method != policy.App || c.Level != policy.AAL2 {
			t.Errorf("%+v, %v", c, err)
		}
		b.SetUp(f, policy.App)
		b.At(f, signin.StepSetUpApp)
		seed := b.BindApp(f)
		b.At(f, signin.StepAnother)
		if err := h.Stepup.Another(t.Context(), b.Visitor, f, false); err != nil {
			t.Fatal(err)
		}
		b.At(f, signin.StepConsent)
		if got := h.Table.ACR(policy.Demand{}, b.Live().Facts); got != policy.ACRAAL2 {
			t.Errorf("the session is worth %q", got)
		}
		mailed(t, h, notice.KindMethodAdded, 1)
		// The code that confirmed the app was its only use.
		g := b.From(journeytest.Permits, func(s *flow.State) { s.Demand = policy.Demand{Level: policy.AAL2, ForceLogin: true} })
		b.SignIn(g, sam, journeytest.Password)
		if r := b.Enter(g, h.AppCode(seed)); r.Outcome != stepup.Used {
			t.Errorf("the code was taken twice: %+v", r)
		}
		h.Clock.Advance(totp.Period)
		if r := b.Enter(g, h.AppCode(seed)); r.Outcome != stepup.Done {
			t.Errorf("%+v", r)
		}
	})
}

// R58: from a service that demands little to one that demands more, only what is
// missing is asked for.
func TestOnlyWhatIsMissingIsAsked(t *testing.T) {
	journeytest.Each(t, func(t *testing.T, h *journeytest.House) {
		b, seed := h.WithApp(sam)
		b.At(b.From(journeytest.Permits), signin.StepConsent)
		f := b.From(journeytest.Permits, aal2)
		b.At(f, signin.StepSecond)
		before := b.Live()
		h.Clock.Advance(totp.Period)
		if r := b.Enter(f, h.AppCode(seed)); r.Outcome != stepup.Done {
			t.Fatalf("%+v", r)
		}
		b.At(f, signin.StepConsent)
		after := b.Live()
		if after.ID != before.ID || !after.EndsAt.Equal(before.EndsAt) || !after.Facts.Password.Equal(before.Facts.Password) {
			t.Errorf("%+v became %+v", before, after)
		}
		b.At(b.From(journeytest.Licences, aal2), signin.StepConsent)
	})
}

func TestNothingIsSkipped(t *testing.T) {
	journeytest.Each(t, func(t *testing.T, h *journeytest.House) {
		b, seed := h.WithApp(sam)
		stranger := h.Browser()
		f := b.From(journeytest.Permits, aal2)
		ctx, j := t.Context(), h.Stepup
		conflict(t, "set-up instead of a proof", j.SetUp(ctx, b.Visitor, f, policy.Backup))
		_, err := j.App(ctx, b.Visitor, f)
		conflict(t, "an app without a proof", err)
		_, err = j.BindBackup(ctx, b.Visitor, f)
		conflict(t, "codes without a proof", err)
		conflict(t, "a number without a proof", j.Phone(ctx, b.Visitor, f, stepup.PhoneForm{Number: "+14165550134", Channel: policy.Text, Suggest: "Phone"}))
		conflict(t, "not now", j.Another(ctx, b.Visitor, f, false))
		_, err = j.Prove(ctx, stranger.Visitor, f, h.AppCode(seed), false)
		if !fault.Is(err, fault.NotFound) {
			t.Errorf("another browser enters the flow: %v", err)
		}
		// Without the password there is no second step.
		g := stranger.From(journeytest.Permits, aal2)
		_, err = j.Look(ctx, stranger.Visitor, g)
		conflict(t, "a second step for nobody", err)
		_, err = j.Prove(ctx, stranger.Visitor, g, h.AppCode(seed), false)
		conflict(t, "a proof for nobody", err)
		stranger.At(g, signin.StepSignIn)
		// Nor after it was done.
		h.Clock.Advance(totp.Period)
		b.Enter(f, h.AppCode(seed))
		_, err = j.Prove(ctx, b.Visitor, f, h.AppCode(seed), false)
		conflict(t, "a proof that nothing asks for", err)
	})
}

func TestAMethodIsNotTradedForAWeakerOne(t *testing.T) {
	journeytest.Each(t, func(t *testing.T, h *journeytest.House) {
		b, _ := h.WithApp(sam)
		f := b.From(journeytest.Permits, aal2)
		for _, option := range []string{"email.", "email.x", "", "text.x", "app.x", "password."} {
			if err := h.Stepup.Choose(t.Context(), b.Visitor, f, option); !fault.Is(err, fault.Invalid) {
				t.Errorf("%q was chosen: %v", option, err)
			}
		}
		conflict(t, "a code by e-mail", h.Stepup.Send(t.Context(), b.Visitor, f))
		v, err := h.Stepup.Look(t.Context(), b.Visitor, f)
		if err != nil || len(v.Unfit) != 1 || v.Unfit[0].Method != policy.Email {
			t.Errorf("what does not fit is not named: %+v, %v", v, err)
		}
		// Nor to set up another one.
		g, err := h.Signin.Start(t.Context(), b.Visitor, signin.Starts{Sensitive: true, SetUp: policy.Backup, Next: "/settings/methods"})
		if err != nil {
			t.Fatal(err)
		}
		b.At(g, signin.StepSecond)
		if v, err := h.Stepup.Look(t.Context(), b.Visitor, g); err != nil || v.Method != policy.App || len(v.Others) != 0 {
			t.Errorf("%+v, %v", v, err)
		}
	})
}

// A code is worth nothing in another journey, browser or session than its own.
func TestACodeBelongsToItsJourney(t *testing.T) {
	journeytest.Each(t, func(t *testing.T, h *journeytest.House) {
		b := h.Active(sam)
		h.Clock.Advance(h.Table.Window() + time.Minute)
		other := h.Browser()
		other.SignIn(other.Direct(), sam, journeytest.Password)
		f, g := b.From(journeytest.Permits, aal2), b.From(journeytest.Licences, aal2)
		code := b.Ask(f, sam)
		h.Clock.Advance(time.Minute)
		own := b.Ask(g, sam)
		theirs := other.From(journeytest.Permits, aal2)
		h.Clock.Advance(time.Minute)
		other.Ask(theirs, sam)
		if code == own {
			t.Skip("two equal codes: one time in a million")
		}
		for name, r := range map[string]stepup.Result{
			"another journey": b.Enter(g, code), "another browser": other.Enter(theirs, code),
		} {
			if r.Outcome != stepup.Wrong {
				t.Errorf("%s: %+v", name, r)
			}
		}
		if r := b.Enter(f, code); r.Outcome != stepup.Done {
			t.Errorf("its own journey: %+v", r)
		}
	})
}

func TestACodeDoesNotOutliveItsJourney(t *testing.T) {
	journeytest.Each(t, func(t *testing.T, h *journeytest.House) {
		b := h.Active(sam)
		h.Clock.Advance(h.Table.Window() + time.Minute)
		if _, err := h.Signin.Extend(t.Context(), b.Visitor); err != nil {
			t.Fatal(err)
		}
		f := b.From(journeytest.Permits, aal2)
		code := b.Ask(f, sam)
		h.Clock.Advance(10 * time.Minute)
		if r := b.Enter(f, code); r.Outcome != stepup.Ended || r.Left != h.Methods.Settings.Tries {
			t.Errorf("an old code, or a failure of nobody's: %+v", r)
		}
		older := b.Ask(f, sam)
		h.Clock.Advance(time.Minute)
		newer := b.Ask(f, sam)
		if older != newer && b.Enter(f, older).Outcome == stepup.Done {
			t.Error("a code that was replaced is taken")
		}
		err := h.DB.Write(t.Context(), func(tx *db.Tx) error { _, err := h.Flows.End(tx, f); return err })
		if err != nil {
			t.Fatal(err)
		}
		if _, err := h.Stepup.Prove(t.Context(), b.Visitor, f, newer, false); !fault.Is(err, fault.Expired) {
			t.Errorf("the code of a journey that has ended: %v", err)
		}
		g := b.From(journeytest.Permits, aal2)
		if r := b.Enter(g, newer); r.Outcome != stepup.Ended {
			t.Errorf("it is taken in the next one: %+v", r)
		}
	})
}

// Whoever guesses at many requests at once has no more guesses than one who waits.
func TestFortyGuessesAtOnceAreFive(t *testing.T) {
	journeytest.Each(t, func(t *testing.T, h *journeytest.House) {
		b, seed := h.WithApp(sam)
		f := b.From(journeytest.Permits, aal2)
		wrong := "000000"
		if h.AppCode(seed) == wrong {
			wrong = "111111"
		}
		var all sync.WaitGroup
		outcomes := make([]stepup.Result, 40)
		for i := range outcomes {
			all.Go(func() {
				r, err := h.Stepup.Prove(t.Context(), b.Visitor, f, wrong, false)
				if err != nil {
					t.Errorf("guess %d: %v", i, err)
				}
				outcomes[i] = r
			})
		}
		all.Wait()
		compared := 0
		for _, e := range h.Recent() {
			if e.Name == audit.MethodFailed && e.Reason == string(stepup.Wrong) {
				compared++
			}
		}
		if compared != h.Methods.Settings.Tries || h.Events(audit.MethodWaits) != 1 {
			t.Errorf("%d guesses were compared, %d waits", compared, h.Events(audit.MethodWaits))
		}
		h.Clock.Advance(totp.Period)
		if r := b.Enter(f, h.AppCode(seed)); r.Outcome != stepup.Waiting || r.Until.IsZero() {
			t.Errorf("the right code while it waits: %+v", r)
		}
		h.Clock.Advance(h.Methods.Settings.Wait + time.Minute)
		f = b.From(journeytest.Permits, aal2)
		if r := b.Enter(f, h.AppCode(seed)); r.Outcome != stepup.Done {
			t.Errorf("after the wait: %+v", r)
		}
	}, journeytest.WithoutRehearsal())
}

// SP 800-63B-4, 3.1.3.2: a new code must not give new guesses.
func TestANewCodeResetsNoCount(t *testing.T) {
	journeytest.Each(t, func(t *testing.T, h *journeytest.House) {
		b := h.Active(sam)
		h.Clock.Advance(h.Table.Window() + time.Minute)
		f := b.From(journeytest.Permits, aal2)
		tries := h.Methods.Settings.Tries
		for n := range tries {
			code := b.Ask(f, sam)
			wrong := "123456"
			if code == wrong {
				wrong = "654321"
			}
			r := b.Enter(f, wrong)
			if last := n == tries-1; (r.Outcome == stepup.Waiting) != last {
				t.Fatalf("wrong code %d: %+v", n+1, r)
			}
			h.Clock.Advance(30 * time.Second)
		}
		conflict(t, "another code while it waits", h.Stepup.Send(t.Context(), b.Visitor, f))
		v, err := h.Stepup.Look(t.Context(), b.Visitor, f)
		if err != nil || v.Way != stepup.WayWait || v.Standing.Standing != authenticator.Waiting {
			t.Errorf("%+v, %v", v, err)
		}
	})
}

// Of many who present one right code at once, on two nodes, one is signed in.
func TestOneCodeIsTakenOnceOnEveryNode(t *testing.T) {
	journeytest.Each(t, func(t *testing.T, h *journeytest.House) {
		_, seed := h.WithApp(sam)
		nodes := []*stepup.Journey{h.Stepup, new(*h.Stepup)}
		type door struct {
			*journeytest.Browser

			flow id.Flow
		}
		var doors []door
		for range 4 {
			b := h.Browser()
			f := b.From(journeytest.Permits, aal2)
			b.SignIn(f, sam, journeytest.Password)
			doors = append(doors, door{b, f})
		}
		h.Clock.Advance(totp.Period)
		code := h.AppCode(seed)
		var all sync.WaitGroup
		results := make([]stepup.Outcome, len(doors))
		for i, d := range doors {
			all.Go(func() {
				r, err := nodes[i%2].Prove(t.Context(), d.Visitor, d.flow, code, false)
				if err != nil {
					t.Errorf("door %d: %v", i, err)
				}
				results[i] = r.Outcome
			})
		}
		all.Wait()
		done := 0
		for _, r := range results {
			if r == stepup.Done {
				done++
			}
		}
		if done != 1 {
			t.Errorf("one code opened %d doors: %v", done, results)
		}
	}, journeytest.WithoutRehearsal())
}

func TestTooManyFailuresInARowDisableAMethodAndTellItsOwnerOnce(t *testing.T) {
	journeytest.Each(t, func(t *testing.T, h *journeytest.House) {
		h.Stepup.Methods.Settings.MaxFailures, h.Stepup.Methods.Settings.Tries = 10, 20
		b, seed := h.WithApp(sam)
		f := b.From(journeytest.Permits, aal2)
		var last stepup.Result
		for range 12 {
			last = b.Enter(f, "000000")
		}
		if last.Outcome != stepup.Disabled || h.Events(audit.MethodDisabled) != 1 {
			t.Fatalf("%+v, told %d times", last, h.Events(audit.MethodDisabled))
		}
		mailed(t, h, notice.KindMethodDisabled, 1)
		h.Clock.Advance(time.Hour / 4)
		if r := b.Enter(f, h.AppCode(seed)); r.Outcome != stepup.Disabled {
			t.Errorf("it is used: %+v", r)
		}
		// What was lost on purpose opens no weaker way.
		v, err := h.Stepup.Look(t.Context(), b.Visitor, f)
		if err != nil || v.Method != policy.App || v.Way != stepup.WayWait || len(v.Others) != 0 {
			t.Errorf("%+v, %v", v, err)
		}
	})
}

// The try that lets a method wait is counted before it is compared, and then another
// method is suggested: the last code must count all the same, right or wrong.
func TestTheLastCodeBeforeAMethodWaitsCountsBesideOtherMethods(t *testing.T) {
	journeytest.Each(t, func(t *testing.T, h *journeytest.House) {
		b, seed := h.WithApp(sam)
		owner, other := b.Live().Account, totp.Prepare()
		app := authenticator.Of(b.Bound(), authenticator.TOTP)[0]
		if err := h.DB.Write(t.Context(), func(tx *db.Tx) error { return h.Apps.Bind(tx, owner, other, "Tablet", 0) }); err != nil {
			t.Fatal(err)
		}
		f := b.From(journeytest.Permits, aal2)
		if err := h.Stepup.Choose(t.Context(), b.Visitor, f, "app."+string(app.ID)); err != nil {
			t.Fatal(err)
		}
		b.Enter(f, h.AppCode(seed)) // used last: it is suggested from now on
		for _, right := range []bool{true, false} {
			h.Clock.Advance(time.Minute)
			b = h.Browser()
			f := b.From(journeytest.Permits, aal2)
			b.SignIn(f, sam, journeytest.Password)
			for range h.Methods.Settings.Tries - 1 {
				b.Enter(f, "000000")
			}
			code, want := "000000", stepup.Waiting
			if right {
				code, want = h.AppCode(seed), stepup.Done
			}
			if r := b.Enter(f, code); r.Outcome != want {
				t.Errorf("the last code: %+v, want %s", r, want)
			}
		}
		if n := h.Events(audit.MethodWaits); n != 1 {
			t.Errorf("%d waits were noted", n)
		}
		if n := h.Events(audit.MethodFailed); n != 2*h.Methods.Settings.Tries-1 {
			t.Errorf("%d failures were noted", n)
		}
	})
}

// A guess that was compared is noted even when whoever made it was gone at once: else
// nobody would ever hear of the one that counts.
func TestSigningOutWhileACodeIsComparedHidesNoFailure(t *testing.T) {
	journeytest.Each(t, func(t *testing.T, h *journeytest.House) {
		b, _ := h.WithApp(sam)
		owner := b.Live().Account
		set, err := h.BackupCodes.Draft(t.Context(), h.BackupCodes.Make())
		if err != nil {
			t.Fatal(err)
		}
		if err := h.DB.Write(t.Context(), func(tx *db.Tx) error { return h.BackupCodes.Store(tx, owner, set) }); err != nil {
			t.Fatal(err)
		}
		f := b.From(journeytest.Permits, aal2)
		v, err := h.Stepup.Look(t.Context(), b.Visitor, f)
		if err != nil {
			t.Fatal(err)
		}
		if err := h.Stepup.Choose(t.Context(), b.Visitor, f, v.Others[0].ID); err != nil {
			t.Fatal(err)
		}
		wrong := h.BackupCodes.Make()[0]
		for range h.Methods.Settings.Tries - 1 {
			b.Enter(f, wrong)
		}
		hash := h.Stepup.BackupCodes.HashLike
		h.Stepup.BackupCodes.HashLike = func(ctx context.Context, text, verifier string) (string, error) {
			if err := h.Signin.SignOut(ctx, b.Visitor); err != nil {
				t.Error(err)
			}
			return hash(ctx, text, verifier)
		}
		_, err = h.Stepup.Prove(t.Context(), b.Visitor, f, wrong, false)
		conflict(t, "after signing out", err)
		if failed, waits := h.Events(audit.MethodFailed), h.Events(audit.MethodWaits); failed != h.Methods.Settings.Tries || waits != 1 {
			t.Errorf("%d failures and %d waits were noted", failed, waits)
		}
	})
}

// Whoever enters wrong codes has passed the first step: the owner must hear of it, and
// not hear it so often that nobody reads it any more.
func TestAMethodThatBeginsToWaitTellsItsOwnerOnceADay(t *testing.T) {
	journeytest.Each(t, func(t *testing.T, h *journeytest.House) {
		b, _ := h.WithApp(sam)
		owner := b.Live().Account
		// guesses signs in and enters wrong codes.
		guesses := func(codes int) {
			b := h.Browser()
			f := b.From(journeytest.Permits, aal2)
			b.SignIn(f, sam, journeytest.Password)
			for range codes {
				b.Enter(f, "000000")
			}
		}
		guesses(h.Methods.Settings.Tries - 1)
		mailed(t, h, notice.KindMethodWaits, 0)
		guesses(2) // the second is not compared any more
		mailed(t, h, notice.KindMethodWaits, 1)
		said := func() string {
			all := h.Letters(sam)
			return all[slices.IndexFunc(all, func(l notice.Letter) bool { return l.Kind == notice.KindMethodWaits })].Text
		}
		if text := said(); !strings.Contains(text, fmt.Sprintf("%d wrong codes", h.Methods.Settings.Tries)) || !strings.Contains(text, "(15\u00a0minutes)") {
			t.Errorf("the mail says neither how often nor how long:\n%s", text)
		}

		h.Clock.Advance(h.Methods.Settings.Wait + time.Minute)
		guesses(h.Methods.Settings.Tries)
		if n := h.Events(audit.MethodWaits); n != 2 {
			t.Fatalf("it waited %d times", n)
		}
		mailed(t, h, notice.KindMethodWaits, 1)

		// Another method is told of by itself, and the next day is another day.
		second := totp.Prepare()
		if err := h.DB.Write(t.Context(), func(tx *db.Tx) error { return h.Apps.Bind(tx, owner, second, "Tablet", 0) }); err != nil {
			t.Fatal(err)
		}
		guesses(h.Methods.Settings.Tries)
		mailed(t, h, notice.KindMethodWaits, 2)
		if text := said(); !strings.Contains(text, "Tablet") {
			t.Errorf("the mail does not name the method:\n%s", text)
		}
		h.Clock.Advance(24 * time.Hour)
		guesses(h.Methods.Settings.Tries)
		mailed(t, h, notice.KindMethodWaits, 3)
	})
}

func TestARememberedBrowserIsNotAskedWhereThatIsEnough(t *testing.T) {
	journeytest.Each(t, func(t *testing.T, h *journeytest.House) {
		two := journeytest.Demand(policy.TwoSteps)
		b := h.Active(sam)
		h.Clock.Advance(time.Second)
		enter := func(b *journeytest.Browser, keep bool, change ...func(*flow.State)) id.Flow {
			b.Session = ""
			f := b.From(journeytest.Permits, change...)
			b.SignIn(f, sam, journeytest.Password)
			if b.View(f).Step == signin.StepSecond && keep {
				if v, err := h.Stepup.Look(t.Context(), b.Visitor, f); err != nil || v.Keeps != h.Sessions.Settings.Remember {
					t.Fatalf("not offered: %+v, %v", v, err)
				}
				b.EnterAndKeep(f, b.Ask(f, sam), true)
			}
			return f
		}
		b.At(enter(b, true, two), signin.StepConsent)
		mailed(t, h, notice.KindBrowserRemembered, 1)
		h.Clock.Advance(time.Hour)
		f := enter(b, false, two)
		b.At(f, signin.StepConsent)
		if got := h.Table.ACR(policy.Demand{}, b.Live().Facts); got != policy.ACRTwoSteps {
			t.Errorf("claimed as %q", got)
		}
		b.At(enter(b, false, aal2), signin.StepSecond)
		other := h.Browser()
		other.At(enter(other, false, two), signin.StepSecond)
		if err := h.Stepup.Remove(t.Context(), b.Visitor, "x"); !fault.Is(err, fault.Denied) {
			t.Errorf("it lets the account be changed: %v", err)
		}
		list, err := h.Stepup.Overview(t.Context(), b.Visitor)
		if err != nil || len(list.Browsers) != 1 || !list.Browsers[0].Here || list.Browsers[0].Device.Browser != "Firefox" {
			t.Fatalf("%+v, %v", list.Browsers, err)
		}
		if err := h.Stepup.Forget(t.Context(), other.Visitor, list.Browsers[0].ID); err != nil {
			t.Fatal(err)
		}
		b.At(enter(b, true, two), signin.StepConsent)
		h.Clock.Advance(h.Sessions.Settings.Remember)
		b.At(enter(b, false, two), signin.StepSecond)
	})
}

func TestATelephoneIsProvenBeforeItIsBound(t *testing.T) {
	journeytest.Each(t, func(t *testing.T, h *journeytest.House) {
		const number = "+14165550134"
		b := h.Active(sam)
		f := b.From(journeytest.Permits, aal2)
		b.SetUp(f, policy.Text)
		ctx, j := t.Context(), h.Stepup
		for _, bad := range []string{"", "12", "+1 900 555 0134", "not a number"} {
			if err := j.Phone(ctx, b.Visitor, f, stepup.PhoneForm{Number: bad, Channel: policy.Text, Suggest: "Phone"}); !fault.Is(err, fault.Invalid) {
				t.Errorf("%q: %v", bad, err)
			}
		}
		if err := j.Phone(ctx, b.Visitor, f, stepup.PhoneForm{Number: "(416) 555-0134", Region: "CA", Channel: policy.Text, Suggest: "Phone"}); err != nil {
			t.Fatal(err)
		}
		b.At(f, signin.StepConfirmPhone)
		text := h.Code(number)
		h.Clock.Advance(time.Minute)
		if err := j.SendPhone(ctx, b.Visitor, f, policy.Voice); err != nil {
			t.Fatal(err)
		}
		if d, err := j.PhoneDraft(ctx, b.Visitor, f); err != nil || d.Channel != policy.Voice || d.Sent == nil || !d.CanText {
			t.Errorf("%+v, %v", d, err)
		}
		if r, err := j.BindPhone(ctx, b.Visitor, f, text); err != nil || r.Outcome == stepup.Done {
			t.Errorf("a code that was replaced: %+v, %v", r, err)
		}
		r, err := j.BindPhone(ctx, b.Visitor, f, " "+h.Code(number)[:3]+"-"+h.Code(number)[3:])
		if err != nil || r.Outcome != stepup.Done {
			t.Fatalf("%+v, %v", r, err)
		}
		b.Keep(r.Cookies)
		b.At(f, signin.StepAnother)
		if got := h.Table.ACR(policy.Demand{}, b.Live().Facts); got != policy.ACRAAL2 {
			t.Errorf("the session is worth %q", got)
		}
		// From now on the channel that was proven is suggested, the other one offered.
		g := b.From(journeytest.Permits, func(s *flow.State) { s.Demand = policy.Demand{Level: policy.AAL2, ForceLogin: true} })
		b.SignIn(g, sam, journeytest.Password)
		v, err := j.Look(ctx, b.Visitor, g)
		if err != nil || v.Method != policy.Voice || v.Target == number || len(v.Others) != 1 || v.Others[0].Method != policy.Text {
			t.Fatalf("%+v, %v", v, err)
		}
		h.Clock.Advance(time.Minute)
		if err := j.Choose(ctx, b.Visitor, g, v.Others[0].ID); err != nil {
			t.Fatal(err)
		}
		if r := b.Enter(g, h.Code(number)); r.Outcome != stepup.Done {
			t.Errorf("%+v", r)
		}
	})
}

func TestBackupCodesAreGoodOnceAndRenewedAtTheEnd(t *testing.T) {
	journeytest.Each(t, func(t *testing.T, h *journeytest.House) {
		b := h.Active(sam)
		ctx, j := t.Context(), h.Stepup
		bind := func(f id.Flow) []string {
			codes, err := j.Backup(ctx, b.Visitor, f)
			again, err2 := j.Backup(ctx, b.Visitor, f)
			if err != nil || err2 != nil || len(codes) != 10 || !slices.Equal(codes, again) {
				t.Fatalf("%v, %v: %v, %v", codes, again, err, err2)
			}
			if r, err := j.BindBackup(ctx, b.Visitor, f); err != nil || r.Outcome != stepup.Done {
				t.Fatalf("%+v, %v", r, err)
			}
			return codes
		}
		f := b.From(journeytest.Permits, aal2)
		b.SetUp(f, policy.Backup)
		codes := bind(f)
		b.At(f, signin.StepSecond) // they were shown, not proven
		if r := b.Enter(f, codes[0]); r.Outcome != stepup.Done {
			t.Fatalf("%+v", r)
		}
		again := func() id.Flow {
			g := b.From(journeytest.Permits, func(s *flow.State) { s.Demand = policy.Demand{Level: policy.AAL2, ForceLogin: true} })
			b.SignIn(g, sam, journeytest.Password)
			return g
		}
		g := again()
		if r := b.Enter(g, codes[0]); r.Outcome != stepup.Used {
			t.Errorf("a code twice: %+v", r)
		}
		for n, code := range codes[1:] {
			if n > 0 {
				g = again()
			}
			if r := b.Enter(g, code); r.Outcome != stepup.Done {
				t.Fatalf("code %d: %+v", n+1, r)
			}
		}
		b.At(g, signin.StepSetUpBackup)
		mailed(t, h, notice.KindBackupCodesUsedUp, 1)
		mailed(t, h, notice.KindBackupCodeUsed, 9)
		mailed(t, h, notice.KindBackupCodesMade, 1)
		fresh := bind(g)
		if slices.Contains(fresh, codes[0]) {
			t.Error("an old code is in the new set")
		}
		g = again()
		if r := b.Enter(g, fresh[3]); r.Outcome != stepup.Done {
			t.Errorf("%+v", r)
		}
	})
}

func TestTheOwnerChangesMethodsWithFreshProofsOnly(t *testing.T) {
	journeytest.Each(t, func(t *testing.T, h *journeytest.House) {
		b, seed := h.WithApp(sam)
		ctx, j := t.Context(), h.Stepup
		app := authenticator.Of(b.Bound(), authenticator.TOTP)[0].ID
		if err := j.Remove(ctx, b.Visitor, app); !fault.Is(err, fault.Denied) {
			t.Fatalf("a password removes the app: %v", err)
		}
		if fresh, err := j.Fresh(ctx, b.Visitor); err != nil || fresh {
			t.Errorf("fresh: %v, %v", fresh, err)
		}
		f, err := h.Signin.Start(ctx, b.Visitor, signin.Starts{Sensitive: true, Next: "/settings/methods"})
		if err != nil {
			t.Fatal(err)
		}
		b.At(f, signin.StepSecond)
		h.Clock.Advance(totp.Period)
		b.Enter(f, h.AppCode(seed))
		b.At(f, signin.StepFinish)
		other, _ := h.WithApp("eve@example.org")
		if err := j.Remove(ctx, b.Visitor, authenticator.Of(other.Bound(), authenticator.TOTP)[0].ID); !fault.Is(err, fault.NotFound) {
			t.Errorf("somebody else's app: %v", err)
		}
		if err := j.Rename(ctx, b.Visitor, app, "Old phone"); err != nil {
			t.Error(err)
		}
		h.Clock.Advance(h.Table.Window() - time.Minute)
		if err := j.Remove(ctx, b.Visitor, app); err != nil {
			t.Fatal(err)
		}
		if len(authenticator.Of(b.Bound(), authenticator.TOTP)) != 0 {
			t.Error("the app is there still")
		}
		mailed(t, h, notice.KindMethodRemoved, 1)
		for _, name := range []audit.Name{audit.MethodRenamed, audit.MethodRemoved} {
			if h.Events(name) != 1 {
				t.Errorf("%s was noted %d times", name, h.Events(name))
			}
		}
		h.Clock.Advance(2 * time.Minute)
		if fresh, err := j.Fresh(ctx, b.Visitor); err != nil || fresh {
			t.Errorf("after the window: %v, %v", fresh, err)
		}
		if _, err := j.Overview(ctx, h.Browser().Visitor); !fault.Is(err, fault.Denied) {
			t.Errorf("nobody sees methods: %v", err)
		}
	})
}

// A session that was signed out in the meantime is not brought back by a code.
func TestACodeDoesNotReviveASession(t *testing.T) {
	journeytest.Each(t, func(t *testing.T, h *journeytest.House) {
		b, seed := h.WithApp(sam)
		f := b.From(journeytest.Permits, aal2)
		live := b.Live()
		err := h.DB.Write(t.Context(), func(tx *db.Tx) error {
			_, err := h.Sessions.End(tx, live.ID, session.Revoked)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		h.Clock.Advance(totp.Period)
		_, err = h.Stepup.Prove(t.Context(), b.Visitor, f, h.AppCode(seed), false)
		conflict(t, "a code for a session that has ended", err)
		b.At(f, signin.StepSignIn)
	})
}

// R62: the method used last is the default; backup codes are kept for need.
func TestTheOneUsedLastIsAskedForFirst(t *testing.T) {
	journeytest.Each(t, func(t *testing.T, h *journeytest.House) {
		b, _ := h.WithApp(sam)
		number, err := h.Phones.Settings.Parse("+14165550134", "")
		if err != nil {
			t.Fatal(err)
		}
		codes := h.BackupCodes.Make()
		set, err := h.BackupCodes.Draft(t.Context(), codes)
		if err != nil {
			t.Fatal(err)
		}
		telephone := phone.Prepare(number, authenticator.ByText)
		owner := b.Live().Account
		err = h.DB.Write(t.Context(), func(tx *db.Tx) error {
			if err := h.Phones.Bind(tx, owner, telephone, "Phone"); err != nil {
				return err
			}
			return h.BackupCodes.Store(tx, owner, set)
		})
		if err != nil {
			t.Fatal(err)
		}
		// next begins anew at the service and says which method is asked for, and the others in order.
		next := func() (id.Flow, stepup.View) {
			h.Clock.Advance(time.Minute)
			b = h.Browser()
			f := b.From(journeytest.Permits, aal2)
			b.SignIn(f, sam, journeytest.Password)
			v, err := h.Stepup.Look(t.Context(), b.Visitor, f)
			if err != nil {
				t.Fatal(err)
			}
			return f, v
		}
		order := func(v stepup.View) (out []policy.Method) {
			for _, o := range append([]stepup.Option{v.Option}, v.Others...) {
				out = append(out, o.Method)
			}
			return out
		}
		f, v := next()
		if got := order(v); !slices.Equal(got, []policy.Method{policy.App, policy.Text, policy.Voice, policy.Backup}) {
			t.Errorf("nothing was used yet: %v, want as it is recommended", got)
		}
		if err := h.Stepup.Choose(t.Context(), b.Visitor, f, v.Others[0].ID); err != nil {
			t.Fatal(err)
		}
		b.Enter(f, h.Code("+14165550134"))
		f, v = next()
		if v.Method != policy.Text {
			t.Errorf("%s is asked for, the text was used last", v.Method)
		}
		if err := h.Stepup.Choose(t.Context(), b.Visitor, f, v.Others[2].ID); err != nil {
			t.Fatal(err)
		}
		b.Enter(f, codes[0])
		f, v = next()
		if v.Method != policy.Text || v.Others[2].Method != policy.Backup {
			t.Errorf("%v: backup codes are not proposed", order(v))
		}
		b.Ask(f, "+14165550134")
		for range h.Methods.Settings.Tries {
			b.Enter(f, "000000")
		}
		if _, v = next(); v.Method != policy.App {
			t.Errorf("%s is asked for although it waits", v.Method)
		}
	})
}

// Codes that nobody has looked at for months are often gone when they are needed.
func TestWhoHasNotUsedBackupCodesForLongIsAskedWhetherTheyAreAtHand(t *testing.T) {
	journeytest.Each(t, func(t *testing.T, h *journeytest.House) {
		b, seed := h.WithApp(sam)
		owner := b.Live().Account
		set, err := h.BackupCodes.Draft(t.Context(), h.BackupCodes.Make())
		if err != nil {
			t.Fatal(err)
		}
		if err := h.DB.Write(t.Context(), func(tx *db.Tx) error { return h.BackupCodes.Store(tx, owner, set) }); err != nil {
			t.Fatal(err)
		}
		next := func() id.Flow {
			h.Clock.Advance(time.Minute)
			b = h.Browser()
			f := b.From(journeytest.Permits, aal2)
			b.SignIn(f, sam, journeytest.Password)
			b.Enter(f, h.AppCode(seed))
			return f
		}
		b.At(next(), signin.StepConsent)
		h.Clock.Advance(h.BackupCodes.Settings.RemindAfter)
		f := next()
		b.At(f, signin.StepRemind)
		if err := h.Stepup.Remind(t.Context(), b.Visitor, f, true); err != nil {
			t.Fatal(err)
		}
		b.At(f, signin.StepConsent)
		conflict(t, "an answer to what was not asked", h.Stepup.Remind(t.Context(), b.Visitor, f, false))
		b.At(next(), signin.StepConsent)
		h.Clock.Advance(h.BackupCodes.Settings.RemindAfter)
		f = next()
		b.At(f, signin.StepRemind)
		if err := h.Stepup.Remind(t.Context(), b.Visitor, f, false); err != nil {
			t.Fatal(err)
		}
		b.At(f, signin.StepSetUpBackup)
		if err := h.Stepup.Another(t.Context(), b.Visitor, f, false); err != nil {
			t.Fatal(err)
		}
		b.At(f, signin.StepConsent)
	})
}

package stepup_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"parvis/internal/audit"
	"parvis/internal/authenticator"
	"parvis/internal/authenticator/totp"
	"parvis/internal/db"
	"parvis/internal/fault"
	"parvis/internal/flow"
	"parvis/internal/id"
	"parvis/internal/journeytest"
	"parvis/internal/policy"
	"parvis/internal/ratelimit"
	"parvis/internal/signin"
	"parvis/internal/stepup"
)

// Somebody begins a set-up, notes its secret, and leaves the page open in a shared
// browser. Whoever signs in there next must not bind what the first one has seen.
func TestWhatOnePersonWasSettingUpIsNeverBoundToAnother(t *testing.T) {
	journeytest.Each(t, func(t *testing.T, h *journeytest.House) {
		ctx, j := t.Context(), h.Stepup
		for _, m := range []policy.Method{policy.App, policy.Backup, policy.Text} {
			thief, owner := string(m)+"-thief@example.org", string(m)+"-owner@example.org"
			h.Active(owner)
			b := h.Active(thief)
			f := b.From(journeytest.Permits, aal2)
			b.SetUp(f, m)
			seen := begin(t, h, b, f, m)

			g := b.From(journeytest.Permits, journeytest.ForceLogin)
			if err := h.Signin.Switch(ctx, b.Visitor, g); err != nil {
				t.Fatal(err)
			}
			b.Session = ""
			other := b.From(journeytest.Permits, aal2)
			b.SignIn(other, owner, journeytest.Password)
			b.Enter(other, b.Ask(other, owner)) // the guard: now the owner may set something up

			b.At(f, signin.StepSetUp) // in the tab that was left open
			switch m {
			case policy.App:
				_, err := j.BindApp(ctx, b.Visitor, f, h.AppCode(seen.seed), "", "App")
				conflict(t, "the thief's app", err)
			case policy.Backup:
				_, err := j.BindBackup(ctx, b.Visitor, f)
				conflict(t, "the thief's codes", err)
			default:
				_, err := j.PhoneDraft(ctx, b.Visitor, f)
				conflict(t, "the thief's number is shown", err)
				conflict(t, "and is sent a code", j.SendPhone(ctx, b.Visitor, f, policy.Text))
			}
			if got := authenticator.Of(b.Bound(), authenticator.TOTP, authenticator.BackupCode, authenticator.Phone); len(got) != 0 {
				t.Errorf("%s: bound to the owner: %v", m, got)
			}
			b.SetUp(f, m)
			if now := begin(t, h, b, f, m); m == policy.App && now.seed.Secret() == seen.seed.Secret() || m == policy.Backup && slices.Equal(now.codes, seen.codes) {
				t.Errorf("%s: the owner is shown the thief's secret", m)
			}
		}
	})
}

// seen is what a page of a set-up shows.
type seen struct {
	seed  totp.Seed
	codes []string
}

// begin opens the page of a set-up.
func begin(t *testing.T, h *journeytest.House, b *journeytest.Browser, f id.Flow, m policy.Method) (s seen) {
	t.Helper()
	var err error
	switch m {
	case policy.App:
		var d stepup.AppDraft
		if d, err = h.Stepup.App(t.Context(), b.Visitor, f); err == nil {
			s.seed = journeytest.Seed(t, d)
		}
	case policy.Backup:
		s.codes, err = h.Stepup.Backup(t.Context(), b.Visitor, f)
	default:
		err = h.Stepup.Phone(t.Context(), b.Visitor, f, stepup.PhoneForm{Number: "+14165550134", Channel: m, Suggest: "Phone"})
	}
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// A journey that was left open must not let whoever comes to the browser hours later
// set a method of their own up: what was proven in it ages like any other proof.
func TestAJourneyThatWasLeftOpenDoesNotKeepItsProofsFresh(t *testing.T) {
	journeytest.Each(t, func(t *testing.T, h *journeytest.House) {
		b := h.Active(sam)
		f, err := h.Signin.Start(t.Context(), b.Visitor, signin.Starts{Sensitive: true, SetUp: flow.AnyMethod, Next: "/settings/methods"})
		if err != nil {
			t.Fatal(err)
		}
		g := b.From(journeytest.Permits, aal2)
		h.Clock.Advance(h.Table.Window() + time.Second)
		b.SignIn(f, sam, journeytest.Password)
		b.Enter(f, b.Ask(f, sam))
		b.At(f, signin.StepSetUp)
		b.SetUp(g, policy.App)
		b.SetUp(f, policy.App)
		h.Clock.Advance(h.Table.Window() - time.Second)
		b.At(f, signin.StepSetUpApp)
		h.Clock.Advance(2 * time.Second)
		b.At(f, signin.StepSignIn)
		b.At(g, signin.StepSecond)
		_, err = h.Stepup.App(t.Context(), b.Visitor, f)
		conflict(t, "the secret of an app", err)
	})
}

// Who answered STOP gets no text, also when somebody else types the number, lets it
// be called first and then asks for a text instead.
func TestANumberThatWantsNoTextsIsNotSentOneBySwitchingTheChannel(t *testing.T) {
	const number = "+14165550134"
	journeytest.Each(t, func(t *testing.T, h *journeytest.House) {
		b := h.Active(sam)
		f := b.From(journeytest.Permits, aal2)
		b.SetUp(f, policy.Text)
		n, err := h.Phones.Settings.Parse(number, "")
		if err != nil {
			t.Fatal(err)
		}
		err = h.DB.Write(t.Context(), func(tx *db.Tx) error { _, err := h.Phones.Stop(tx, n); return err })
		if err != nil {
			t.Fatal(err)
		}
		form := stepup.PhoneForm{Number: number, Channel: policy.Text, Suggest: "Phone"}
		if err := h.Stepup.Phone(t.Context(), b.Visitor, f, form); !fault.Is(err, fault.Invalid) {
			t.Errorf("a text at once: %v", err)
		}
		form.Channel = policy.Voice
		if err := h.Stepup.Phone(t.Context(), b.Visitor, f, form); err != nil {
			t.Fatal(err)
		}
		h.Clock.Advance(time.Minute)
		before := len(h.Letters(number))
		if err := h.Stepup.SendPhone(t.Context(), b.Visitor, f, policy.Text); !fault.Is(err, fault.Invalid) {
			t.Errorf("a text after a call: %v", err)
		}
		if d, err := h.Stepup.PhoneDraft(t.Context(), b.Visitor, f); err != nil || d.CanText {
			t.Errorf("a text is offered: %+v, %v", d, err)
		}
		if got := len(h.Letters(number)) - before; got != 0 {
			t.Errorf("%d more messages went out", got)
		}
		if err := h.Stepup.SendPhone(t.Context(), b.Visitor, f, policy.Voice); err != nil {
			t.Errorf("a call: %v", err)
		}
	})
}

// Many accounts, each within its own limit, must not make a stranger's telephone ring.
func TestANumberThatIsBeingSetUpIsSentFewCodesWhoeverAsks(t *testing.T) {
	const number = "+14165550134"
	limits := ratelimit.Preset("parvis")
	limits.MailAddress, limits.EnrollmentIP = ratelimit.Limit{}, ratelimit.Limit{}
	journeytest.Each(t, func(t *testing.T, h *journeytest.House) {
		sent := 0
		for _, who := range []string{"a@example.org", "b@example.org"} {
			b := h.Active(who)
			f := b.From(journeytest.Permits, aal2)
			b.SetUp(f, policy.Text)
			for range 10 {
				form := stepup.PhoneForm{Number: "(416) 555-0134", Region: "CA", Channel: policy.Text, Suggest: "Phone"}
				if err := h.Stepup.Phone(t.Context(), b.Visitor, f, form); err == nil {
					sent++
				} else if !fault.Is(err, fault.Throttled) {
					t.Fatal(err)
				}
				if err := h.Stepup.Back(t.Context(), b.Visitor, f); err != nil && !fault.Is(err, fault.Conflict) {
					t.Fatal(err)
				}
				b.SetUp(f, policy.Text)
				h.Clock.Advance(time.Minute)
			}
		}
		if want := int(limits.SetUpNumber.Count); sent != want {
			t.Errorf("%d codes were sent to %s, want %d", sent, number, want)
		}
	}, journeytest.WithLimits(limits))
}

// Text messages cost money, and some numbers earn it: one account, with number after
// number, must not be able to spend it all day.
func TestOneAccountTextsFewNumbersADayThatItDoesNotOwn(t *testing.T) {
	limits := ratelimit.Preset("parvis")
	journeytest.Each(t, func(t *testing.T, h *journeytest.House) {
		b := h.Active(sam)
		f := b.From(journeytest.Permits, aal2)
		b.SetUp(f, policy.Text)
		sent, most := 0, int(limits.SetUpAccount.Count)
		for n := range 4 * most {
			if n%int(limits.SendAccount.Count) == 0 && n > 0 {
				h.Clock.Advance(time.Hour)
				f = b.From(journeytest.Permits, aal2)
				b.SignIn(f, sam, journeytest.Password)
				b.Enter(f, b.Ask(f, sam))
				b.SetUp(f, policy.Text)
			}
			err := h.Stepup.Phone(t.Context(), b.Visitor, f, stepup.PhoneForm{
				Number: fmt.Sprintf("+1416555%04d", 1000+n), Channel: policy.Text, Suggest: "Phone",
			})
			switch {
			case err == nil:
				sent++
			case !fault.Is(err, fault.Throttled):
				t.Fatal(err)
			}
		}
		if sent > most || sent < int(limits.SendAccount.Count) {
			t.Errorf("%d numbers got a text, want at most %d", sent, most)
		}
	}, journeytest.WithLimits(limits))
}

// Each set of backup codes costs as many hashes as it has codes: one account must not
// take all turns of hashing.
func TestBackupCodesAreNotMadeWithoutEnd(t *testing.T) {
	limits := ratelimit.Preset("parvis")
	journeytest.Each(t, func(t *testing.T, h *journeytest.House) {
		b := h.Active(sam)
		f := b.From(journeytest.Permits, aal2)
		b.SetUp(f, policy.Backup)
		if _, err := h.Stepup.Backup(t.Context(), b.Visitor, f); err != nil {
			t.Fatal(err)
		}
		const asked = 70
		var hashed, refused atomic.Int64
		gate := make(chan struct{})
		hash := h.Stepup.BackupCodes.Hash
		h.Stepup.BackupCodes.Hash = func(ctx context.Context, text string) (string, error) {
			hashed.Add(1)
			<-gate // until it is known how many come so far
			return hash(ctx, text)
		}
		var wg sync.WaitGroup
		for range asked {
			wg.Go(func() {
				if _, err := h.Stepup.BindBackup(t.Context(), b.Visitor, f); fault.Is(err, fault.Throttled) {
					refused.Add(1)
				}
			})
		}
		for hashed.Load()+refused.Load() < asked {
			time.Sleep(time.Millisecond)
		}
		close(gate)
		wg.Wait()
		if allowed := limits.SetUpAccount.Count; hashed.Load() > allowed {
			t.Errorf("%d sets were hashed, want %d", hashed.Load(), allowed)
		}
		if sets := authenticator.Of(b.Bound(), authenticator.BackupCode); len(sets) != 1 {
			t.Errorf("%d sets", len(sets))
		}
	}, journeytest.WithoutRehearsal(), journeytest.WithLimits(limits))
}

// Two who hold one account's password and mailbox, or one in many windows: once the
// first method is bound, every other set-up needs that method first.
func TestOfManySetUpsAtOnceOneIsBoundWithoutAnOlderMethod(t *testing.T) {
	journeytest.Each(t, func(t *testing.T, h *journeytest.House) {
		h.Active(sam)
		type ready struct {
			visitor flow.Visitor
			flow    id.Flow
			code    string
		}
		var all []ready
		for range 8 {
			b := h.Browser()
			f := b.From(journeytest.Permits, aal2)
			b.SignIn(f, sam, journeytest.Password)
			b.Enter(f, b.Ask(f, sam))
			b.SetUp(f, policy.App)
			all = append(all, ready{b.Visitor, f, h.AppCode(begin(t, h, b, f, policy.App).seed)})
		}
		var done atomic.Int64
		var wg sync.WaitGroup
		for _, r := range all {
			wg.Go(func() {
				got, err := h.Stepup.BindApp(t.Context(), r.visitor, r.flow, r.code, "", "App")
				if err == nil && got.Outcome == stepup.Done {
					done.Add(1)
				} else if !fault.Is(err, fault.Conflict) && !fault.Is(err, fault.Unavailable) {
					t.Errorf("%+v, %v", got, err)
				}
			})
		}
		wg.Wait()
		if done.Load() != 1 {
			t.Errorf("%d apps were bound", done.Load())
		}
	}, journeytest.WithoutRehearsal())
}

// Who removes the telephone that was stolen expects the thief to be out: a session in
// which the removed method was proven counts no longer, and others stay.
func TestRemovingAMethodEndsTheOtherSessionsItOpened(t *testing.T) {
	journeytest.Each(t, func(t *testing.T, h *journeytest.House) {
		b, seed := h.WithApp(sam)
		plain, thief := h.Browser(), h.Browser()
		plain.SignIn(plain.From(journeytest.Permits), sam, journeytest.Password)
		prove := func(b *journeytest.Browser, f id.Flow) {
			h.Clock.Advance(totp.Period)
			if r := b.Enter(f, h.AppCode(seed)); r.Outcome != stepup.Done {
				t.Fatalf("%+v", r)
			}
		}
		g := thief.From(journeytest.Permits, aal2)
		thief.SignIn(g, sam, journeytest.Password)
		prove(thief, g)
		prove(b, b.From(journeytest.Permits, aal2))
		app := authenticator.Of(b.Bound(), authenticator.TOTP)[0].ID
		if err := h.Stepup.Remove(t.Context(), b.Visitor, app); err != nil {
			t.Fatal(err)
		}
		if thief.Live().ID != "" {
			t.Error("the session that the removed app opened lives on")
		}
		if b.Live().ID == "" || plain.Live().ID == "" {
			t.Error("a session ended that has nothing to do with it")
		}
		if n := h.Events(audit.SessionEnded); n != 1 {
			t.Errorf("%d ended sessions were noted", n)
		}
	})
}

func TestBackupCodesAreTypedOnlySoOftenFromOneNetworkAndTheWaitGrows(t *testing.T) {
	limits := ratelimit.Settings{BackupAccountIP: ratelimit.Limit{Count: 2, Window: time.Minute, Growth: 2, Longest: time.Hour}}
	journeytest.Each(t, func(t *testing.T, h *journeytest.House) {
		b, _ := h.WithApp(sam)
		set, err := h.BackupCodes.Draft(t.Context(), h.BackupCodes.Make())
		if err != nil {
			t.Fatal(err)
		}
		owner := b.Live().Account
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
		for i, wait := range []time.Duration{0, 0, 4 * time.Minute, 8 * time.Minute} {
			_, err := h.Stepup.Prove(t.Context(), b.Visitor, f, wrong, false)
			e, ok := errors.AsType[*fault.Error](err)
			if throttled := ok && e.Kind == fault.Throttled; throttled != (wait > 0) || throttled && e.RetryAfter != wait {
				t.Errorf("try %d: %v, want a wait of %s", i+1, err, wait)
			}
		}
		if n := h.Events(audit.MethodFailed); n != 2 {
			t.Errorf("%d codes were compared, want 2", n)
		}
	}, journeytest.WithLimits(limits))
}

func TestATelephoneIsSentFewCodesInAShortTime(t *testing.T) {
	limits := ratelimit.Settings{SendNumberBurst: ratelimit.Preset("logingov").SendNumberBurst}
	journeytest.Each(t, func(t *testing.T, h *journeytest.House) {
		for i, who := range []string{"a@example.org", "b@example.org", "c@example.org"} { // one telephone of a family
			b := h.Active(who)
			f := b.From(journeytest.Permits, aal2)
			b.SetUp(f, policy.Text)
			form := stepup.PhoneForm{Number: "(416) 555-0134", Region: "CA", Channel: policy.Text, Suggest: "Phone"}
			err := h.Stepup.Phone(t.Context(), b.Visitor, f, form)
			if fault.Is(err, fault.Throttled) != (i == 2) {
				t.Errorf("account %d: %v", i+1, err)
			}
		}
	}, journeytest.WithLimits(limits))
}

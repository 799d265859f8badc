package stepup_test

import (
	"slices"
	"testing"
	"time"

	"parvis/internal/authenticator"
	"parvis/internal/authenticator/totp"
	"parvis/internal/flow"
	"parvis/internal/id"
	"parvis/internal/journeytest"
	"parvis/internal/policy"
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

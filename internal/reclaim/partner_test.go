package reclaim_test

import (
	"testing"
	"time"

	"parvis/internal/authenticator"
	"parvis/internal/authenticator/totp"
	"parvis/internal/db"
	"parvis/internal/id"
	"parvis/internal/journeytest"
	"parvis/internal/notify/notice"
	"parvis/internal/policy"
	"parvis/internal/profile"
	"parvis/internal/reclaim"
)

const customer = "customer-9"

// linked links the bank to sam's account, which has no second step yet, by whoever knows a
// password and reads the mailbox.
func linked(t *testing.T, h *journeytest.House, password string) {
	t.Helper()
	h.Clock.Advance(time.Minute)
	b := h.Browser()
	f := b.From(journeytest.Permits)
	b.AtBank(f, customer)
	b.SignIn(f, sam, password)
	b.Enter(f, b.Ask(f, sam))
	b.LinkBank(f, customer)
	if n := kinds(h, sam, notice.KindPartnerLinked); n != 1 {
		t.Fatalf("%d partners were linked", n)
	}
}

// guarded gives an account an app, and a password that its owner chose.
func guarded(t *testing.T, h *journeytest.House, account id.Account) totp.Seed {
	t.Helper()
	d := totp.Prepare()
	err := h.DB.Write(t.Context(), func(tx *db.Tx) error {
		if err := authenticator.SetByOwner(tx, account); err != nil {
			return err
		}
		return h.Apps.Bind(tx, account, d, "App", 0)
	})
	if err != nil {
		t.Fatal(err)
	}
	h.Clock.Advance(time.Hour)
	return d.Seed
}

// byBank comes with the bank to a service that demands AAL2.
func byBank(h *journeytest.House) (*journeytest.Browser, id.Flow) {
	b := h.Browser()
	f := b.From(journeytest.Permits, aal2)
	b.AtBank(f, customer)
	return b, f
}

// Whoever read the mailbox before the owner set up a second step may have left a way in.
func TestAPartnerLinkedByTheMailboxAloneWaitsAsItDoes(t *testing.T) {
	journeytest.Each(t, func(t *testing.T, h *journeytest.House) {
		account := h.Active(sam).Live().Account
		forgot(t, h)
		linked(t, h, other)
		guarded(t, h, account)
		thief, f := byBank(h)
		if got := thief.Live().Account; got != account {
			t.Fatalf("the bank opens %q", got)
		}
		if v, err := h.Reclaim.Look(t.Context(), thief.Visitor, f); err != nil || v.Wait != h.Table.RecoverAfter(policy.Loss{}) {
			t.Errorf("%+v, %v", v, err)
		}
		if r := recover(t, h, thief, f); r.Outcome != reclaim.Waits {
			t.Errorf("%+v", r)
		}
		owner, g := signedIn(h, other) // who knows the password that the owner chose does not wait
		if v, err := h.Reclaim.Look(t.Context(), owner.Visitor, g); err != nil || v.Wait != 0 {
			t.Errorf("the owner: %+v, %v", v, err)
		}
	})
}

func TestAPartnerLinkedWithAPasswordIsIndependentOfTheMailbox(t *testing.T) {
	journeytest.Each(t, func(t *testing.T, h *journeytest.House) {
		account := h.Active(sam).Live().Account
		linked(t, h, journeytest.Password)
		guarded(t, h, account)
		b, f := byBank(h)
		if r := recover(t, h, b, f); r.Outcome != reclaim.Removed {
			t.Errorf("%+v", r)
		}
	})
}

func TestAMethodProvenBesideAPartnerConfirmsItsLink(t *testing.T) {
	journeytest.Each(t, func(t *testing.T, h *journeytest.House) {
		account := h.Active(sam).Live().Account
		forgot(t, h)
		linked(t, h, other)
		seed := guarded(t, h, account)
		b, f := byBank(h)
		b.Enter(f, h.AppCode(seed))
		if got := worth(h, b); got != policy.AAL2 {
			t.Fatalf("worth %v", got)
		}
		later, g := byBank(h)
		if r := recover(t, h, later, g); r.Outcome != reclaim.Removed {
			t.Errorf("%+v", r)
		}
	})
}

// A password that is chosen anew in a session which rests on the mailbox rests on it, too.
func TestAPasswordChosenInTheSettingsByTheMailboxAloneWaitsAsItDoes(t *testing.T) {
	const third = "a third long password of Sam"
	for chosen, want := range map[string]reclaim.Outcome{other: reclaim.Waits, journeytest.Password: reclaim.Removed} {
		journeytest.Each(t, func(t *testing.T, h *journeytest.House) {
			account := h.Active(sam).Live().Account
			if chosen == other {
				forgot(t, h)
			}
			b := h.Browser()
			f := b.From(journeytest.Permits, journeytest.Demand(policy.TwoSteps))
			b.SignIn(f, sam, chosen)
			b.Enter(f, b.Ask(f, sam))
			if err := h.Profile.Password(t.Context(), b.Visitor, profile.PasswordForm{Password: third}); err != nil {
				t.Fatal(err)
			}
			d := totp.Prepare()
			if err := h.DB.Write(t.Context(), func(tx *db.Tx) error { return h.Apps.Bind(tx, account, d, "App", 0) }); err != nil {
				t.Fatal(err)
			}
			h.Clock.Advance(time.Hour)
			thief, g := signedIn(h, third)
			if r := recover(t, h, thief, g); r.Outcome != want {
				t.Errorf("%+v", r)
			}
		})
	}
}

package lifecycle_test

import (
	"bytes"
	"fmt"
	"testing"
	"time"

	"parvis/internal/account"
	"parvis/internal/audit"
	"parvis/internal/authenticator"
	"parvis/internal/authenticator/password"
	"parvis/internal/db"
	"parvis/internal/fault"
	"parvis/internal/id"
	"parvis/internal/journeytest"
	"parvis/internal/notify/notice"
	"parvis/internal/recovery"
	"parvis/internal/secret"
	"parvis/internal/signin"
	"parvis/internal/upstream"
)

const address = "sam@example.org"

func find(t *testing.T, h *journeytest.House, to string) (account.Account, bool) {
	t.Helper()
	addr, err := account.ParseAddress(to)
	if err != nil {
		t.Fatal(err)
	}
	var a account.Account
	var found bool
	err = h.DB.Read(t.Context(), func(tx *db.Tx) (err error) {
		a, found, err = h.Accounts.ByAddress(tx, addr)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return a, found
}

func TestWhoseOldPepperIsDroppedChoosesANewPassword(t *testing.T) {
	journeytest.Each(t, func(t *testing.T, h *journeytest.House) {
		h.Active(address)
		h.Active("other@example.org")
		old := h.Keys.PepperIDs()[0]
		newer, err := secret.NewKeys(bytes.Repeat([]byte{8}, secret.RootBytes), bytes.Repeat([]byte{7}, secret.RootBytes))
		if err != nil {
			t.Fatal(err)
		}
		hasher := password.NewHasher(newer, password.Cheap(password.Preset("parvis")))
		fresh, err := hasher.Hash(t.Context(), journeytest.Password)
		if err != nil {
			t.Fatal(err)
		}
		codes, err := h.BackupCodes.Draft(t.Context(), h.BackupCodes.Make())
		if err != nil {
			t.Fatal(err)
		}
		stays, _ := find(t, h, "other@example.org")
		err = h.DB.Write(t.Context(), func(tx *db.Tx) error {
			kept, _, err := h.Lifecycle.Passwords.Get(tx, stays.ID)
			if err != nil {
				return err
			}
			for i := range 101 { // more than two transactions remove
				if err := h.Lifecycle.Passwords.Set(tx, id.Account(fmt.Sprintf("EXTRA%d", i)), authenticator.ID(fmt.Sprintf("EXTRA%d", i)), kept.Verifier); err != nil {
					return err
				}
			}
			if err := h.BackupCodes.Store(tx, stays.ID, codes); err != nil {
				return err
			}
			_, err = h.Lifecycle.Passwords.Replace(tx, stays.ID, kept, fresh)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		removed, sets, err := h.Lifecycle.DropPepper(t.Context(), old)
		if err != nil || removed != 102 || sets != 1 || h.Events(audit.MethodRemoved) != 103 {
			t.Fatalf("%d and %d removed, %d told, %v", removed, sets, h.Events(audit.MethodRemoved), err)
		}
		if again, sets, err := h.Lifecycle.DropPepper(t.Context(), old); err != nil || again != 0 || sets != 0 {
			t.Errorf("%d and %d removed again, %v", again, sets, err)
		}
		h.Signin.Hasher, h.Recovery.Hasher = hasher, hasher
		b := h.Browser()
		if r := b.SignIn(b.Direct(), "other@example.org", journeytest.Password); r.Outcome != signin.SignedIn {
			t.Errorf("with the newest pepper: %+v", r)
		}
		b = h.Browser()
		if r := b.SignIn(b.Direct(), address, journeytest.Password); r.Outcome != signin.Wrong {
			t.Errorf("without a password: %+v", r)
		}
		f := b.Direct()
		h.Clock.Advance(time.Minute)
		b.Reset(f, address)
		b.Recover(journeytest.Token(h.Latest(address)))
		if r, err := h.Recovery.Password(t.Context(), b.Visitor, f, recovery.PasswordForm{Password: journeytest.Other}); err != nil || r.Outcome != recovery.Changed {
			t.Fatalf("%+v %v", r, err)
		}
		if r := b.SignIn(f, address, journeytest.Other); r.Outcome != signin.SignedIn {
			t.Errorf("with the new password: %+v", r)
		}
	})
}

func TestAnUnactivatedAccountIsRemovedAfterADayAndNotBefore(t *testing.T) {
	journeytest.Each(t, func(t *testing.T, h *journeytest.House) {
		h.Pending("new@example.org")
		h.Active("active@example.org")
		h.Clock.Advance(24*time.Hour - time.Millisecond)
		if err := h.Lifecycle.RemoveUnactivated(t.Context()); err != nil {
			t.Fatal(err)
		}
		before, found := find(t, h, "new@example.org")
		if !found {
			t.Fatal("removed too early")
		}
		h.Clock.Advance(time.Millisecond)
		if err := h.Lifecycle.RemoveUnactivated(t.Context()); err != nil {
			t.Fatal(err)
		}
		if _, found := find(t, h, "new@example.org"); found {
			t.Error("not removed in time")
		}
		if _, found := find(t, h, "active@example.org"); !found {
			t.Error("an active account was removed")
		}
		for _, e := range h.Recent() {
			if e.Account == before.ID && (e.Personal.Address != "" || e.Personal.IP != "") {
				t.Errorf("the event %s of a removed account keeps who it was", e.Name)
			}
		}
		if h.Events(audit.AccountRemovedUnactivated) != 1 {
			t.Error("the removal is not in the audit")
		}
	})
}

func TestTheRemovalCatchesUpAfterDowntime(t *testing.T) {
	journeytest.Each(t, func(t *testing.T, h *journeytest.House) {
		for _, to := range []string{"a@example.org", "b@example.org", "c@example.org"} {
			h.Pending(to)
			h.Clock.Advance(12 * time.Hour)
		}
		h.Clock.Advance(40 * 24 * time.Hour)
		for _, j := range h.Lifecycle.Jobs() {
			if err := j.Run(t.Context()); err != nil {
				t.Fatalf("%s: %v", j.Name, err)
			}
		}
		for _, to := range []string{"a@example.org", "b@example.org", "c@example.org"} {
			if _, found := find(t, h, to); found {
				t.Errorf("%s is still there", to)
			}
		}
	})
}

func TestAMailThatWaitsIsNotSentToARemovedAccount(t *testing.T) {
	journeytest.Each(t, func(t *testing.T, h *journeytest.House) {
		h.Pending(address)
		h.Clock.Advance(25 * time.Hour)
		if err := h.Lifecycle.RemoveUnactivated(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got := h.Letters(address); len(got) != 0 {
			t.Errorf("letters: %v", got)
		}
	})
}

func TestAClosedAccountIsErasedEverywhereAndItsAddressIsFree(t *testing.T) {
	journeytest.Each(t, func(t *testing.T, h *journeytest.House) {
		own := h.Active(address)
		f := own.From(journeytest.Licences)
		if err := h.Signin.Decide(t.Context(), own.Visitor, f, true); err != nil {
			t.Fatal(err)
		}
		a, _ := find(t, h, address)
		links, fresh := h.Lifecycle.Links, upstream.NewLinkID()
		linked := func() (found bool) {
			err := h.DB.Read(t.Context(), func(tx *db.Tx) (err error) {
				_, found, err = links.Find(tx, "https://bank.example", "s-1")
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
			return found
		}
		err := h.DB.Write(t.Context(), func(tx *db.Tx) error { return links.Link(tx, fresh, a.ID, "https://bank.example", "s-1") })
		if err != nil || !linked() {
			t.Fatal(err)
		}
		if err := h.Lifecycle.Erase(t.Context(), a.ID, notice.RemovedByOperator); err != nil {
			t.Fatal(err)
		}
		if linked() {
			t.Error("the link to a sign-in partner outlives its account")
		}
		if own.View(own.Direct()).Person != nil {
			t.Error("a session outlives its account")
		}
		if r := h.Browser(); r.SignIn(r.Direct(), address, journeytest.Password).Outcome != signin.Wrong {
			t.Error("a closed account signs in")
		}
		if h.Latest(address).Kind != notice.KindRemoved {
			t.Error("the owner is not told")
		}
		for _, e := range h.Recent() {
			if e.Account == a.ID && e.Name != audit.AccountClosed && (e.Personal != audit.Personal{}) {
				t.Errorf("the event %s keeps who it was", e.Name)
			}
		}
		if err := h.Lifecycle.Erase(t.Context(), a.ID, notice.RemovedByOperator); !fault.Is(err, fault.NotFound) {
			t.Errorf("closing twice: %v", err)
		}
		h.Active(address)
		b, _ := find(t, h, address)
		if b.ID == a.ID {
			t.Error("the identifier was given again")
		}
	})
}

func TestAnOperatorUnlocksAndSendsAgain(t *testing.T) {
	journeytest.Each(t, func(t *testing.T, h *journeytest.House) {
		h.Active(address)
		h.Lock(address)
		h.Pending("pending@example.org")
		a, _ := find(t, h, address)
		p, _ := find(t, h, "pending@example.org")
		secrets := h.Proofs.Draft(account.ProveActivate, account.Addr{})
		h.Clock.Advance(time.Minute)
		var was bool
		err := h.DB.Write(t.Context(), func(tx *db.Tx) (err error) {
			if was, err = h.Lifecycle.Unlock(tx, a.ID); err != nil {
				return err
			}
			return h.Lifecycle.ResendActivation(tx, p.ID, secrets)
		})
		if err != nil || !was {
			t.Fatalf("%v %v", was, err)
		}
		if k := h.Latest(address).Kind; k != notice.KindUnlocked {
			t.Errorf("letter %s", k)
		}
		b := h.Browser()
		r := b.Activate(journeytest.Token(h.Latest("pending@example.org")))
		b.At(r.Flow, signin.StepChoosePassword)
		b.Choose(r.Flow, journeytest.Password)
		b.At(r.Flow, signin.StepServices)
		err = h.DB.Write(t.Context(), func(tx *db.Tx) error {
			_, err := h.Lifecycle.Unlock(tx, id.Account("nobody"))
			return err
		})
		if !fault.Is(err, fault.NotFound) {
			t.Errorf("unlocking nobody: %v", err)
		}
	})
}

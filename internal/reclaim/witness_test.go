package reclaim_test

import (
	"testing"
	"time"

	"parvis/internal/account"
	"parvis/internal/authenticator"
	"parvis/internal/authenticator/phone"
	"parvis/internal/db"
	"parvis/internal/id"
	"parvis/internal/journeytest"
	"parvis/internal/notify/notice"
	"parvis/internal/profile"
	"parvis/internal/reclaim"
)

// Somebody reads an address that its owner gave up, takes it back, and begins a recovery:
// the owner is told at the addresses and numbers that the taking back removed, and stops it.
func TestWhoTakesAGivenUpAddressBackRecoversNothingUnseen(t *testing.T) {
	const fresh = "sam.new@example.net"
	journeytest.Each(t, func(t *testing.T, h *journeytest.House) {
		owner, _ := h.WithApp(sam)
		a := owner.Live().Account
		h.Clock.Advance(h.Accounts.Settings.AddressUndo + time.Hour)
		addr, err := account.ParseAddress(fresh)
		if err != nil {
			t.Fatal(err)
		}
		n, err := h.Phones.Settings.Parse(number, "")
		if err != nil {
			t.Fatal(err)
		}
		row, change, telephone := id.New[id.Address](), account.NewChange(), phone.Prepare(n, authenticator.ByText)
		err = h.DB.Write(t.Context(), func(tx *db.Tx) error {
			if err := h.Phones.Bind(tx, a, telephone, "Phone"); err != nil {
				return err
			}
			old, _, err := h.Accounts.Main(tx, a)
			if err != nil {
				return err
			}
			if _, _, err := h.Accounts.Add(tx, a, row, addr); err != nil {
				return err
			}
			if _, err := h.Accounts.MakeMain(tx, a, row); err != nil {
				return err
			}
			if err := h.Accounts.Note(tx, change, account.Removed, old); err != nil {
				return err
			}
			_, err = h.Accounts.TakeAway(tx, old)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		h.Clock.Advance(time.Hour)
		if u, err := h.Profile.TakeBack(t.Context(), h.Browser().Visitor, change.Token); err != nil || u.Status != profile.UndoOpen {
			t.Fatalf("%+v, %v", u, err)
		}
		if kinds(h, fresh, notice.KindAddressesRestored) != 1 {
			t.Error("the owner is not told of the taking back")
		}
		h.Clock.Advance(time.Minute)
		forgot(t, h)
		b, f := signedIn(h, other)
		v, err := h.Reclaim.Look(t.Context(), b.Visitor, f)
		if err != nil || v.Wait == 0 || v.Told.Addresses != 2 || v.Told.Numbers != 1 {
			t.Fatalf("%+v, %v", v, err)
		}
		if r := recover(t, h, b, f); r.Outcome != reclaim.Waits {
			t.Fatalf("%+v", r)
		}
		for _, to := range []string{sam, fresh, number} {
			if got := kinds(h, to, notice.KindLostWaits); got != 1 {
				t.Errorf("%s is told %d times", to, got)
			}
		}
		advance(t, h, v.Wait)
		if kinds(h, sam, notice.KindLostOpen) != 1 || kinds(h, fresh, notice.KindLostOpen) != 0 {
			t.Error("the link that finishes goes to an address that is not the account's")
		}
		if err := use(t, h, token(t, h, fresh, notice.KindLostWaits, 1)); err != nil {
			t.Fatal(err)
		}
		if kinds(h, fresh, notice.KindLostStopped) != 1 || b.Live().ID != "" {
			t.Error("the owner did not stop it")
		}
	})
}

// What was removed is told for its time only, and is nothing for another account or after
// the account's end.
func TestWhatATakingBackRemovedIsToldForItsTimeOnly(t *testing.T) {
	journeytest.Each(t, func(t *testing.T, h *journeytest.House) {
		owner := h.Active(sam)
		a := owner.Who()
		addr, err := account.ParseAddress("gone@example.net")
		if err != nil {
			t.Fatal(err)
		}
		keep := func() {
			row := id.New[id.Address]()
			err := h.DB.Write(t.Context(), func(tx *db.Tx) error {
				if err := h.Accounts.WitnessNumber(tx, a, string(row)+"n", number); err != nil {
					return err
				}
				return h.Accounts.Witness(tx, account.Email{ID: row, Account: a, Address: addr})
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		left := func(of id.Account) (w account.Witnesses, rows int) {
			err := h.DB.Read(t.Context(), func(tx *db.Tx) (err error) {
				if w, err = h.Accounts.Witnesses(tx, of); err != nil {
					return err
				}
				return tx.QueryRow(`SELECT COUNT(*) FROM address_witness`).Scan(&rows)
			})
			if err != nil {
				t.Fatal(err)
			}
			return w, rows
		}
		keep()
		if w, _ := left(a); len(w.Addresses) != 1 || w.Addresses[0].Key != addr.Key || len(w.Numbers) != 1 || w.Numbers[0] != number {
			t.Errorf("%+v", w)
		}
		if w, _ := left("somebody"); w.Any() {
			t.Errorf("another account: %+v", w)
		}
		h.Clock.Advance(account.WitnessFor)
		if w, _ := left(a); w.Any() {
			t.Errorf("after its time: %+v", w)
		}
		purge := func(tx *db.Tx) error { _, err := h.Accounts.PurgeChanges(tx, 10); return err }
		if err := h.DB.Write(t.Context(), purge); err != nil {
			t.Fatal(err)
		}
		if _, rows := left(a); rows != 0 {
			t.Errorf("%d rows are kept", rows)
		}
		keep()
		if err := h.DB.Write(t.Context(), func(tx *db.Tx) error { _, err := h.Accounts.Close(tx, a); return err }); err != nil {
			t.Fatal(err)
		}
		if _, rows := left(a); rows != 0 {
			t.Errorf("%d rows outlive the account", rows)
		}
	})
}

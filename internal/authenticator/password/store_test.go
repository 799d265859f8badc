package password_test

import (
	"bytes"
	"context"
	"testing"
	"time"

	"parvis/internal/authenticator"
	"parvis/internal/authenticator/password"
	"parvis/internal/db"
	"parvis/internal/db/dbtest"
	"parvis/internal/id"
)

func write(t *testing.T, d *db.DB, fn func(tx *db.Tx) error) {
	t.Helper()
	if err := d.Write(context.Background(), fn); err != nil {
		t.Fatal(err)
	}
}

func TestAPasswordIsSetChangedReplacedAndRemoved(t *testing.T) {
	clock := dbtest.NewClock()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		p := password.Passwords{Keys: keys(t, 9)}
		account := id.New[id.Account]()
		get := func() (s password.Stored, found bool) {
			write(t, d, func(tx *db.Tx) (err error) { s, found, err = p.Get(tx, account); return err })
			return s, found
		}
		if _, found := get(); found {
			t.Fatal("a password from nowhere")
		}
		bound := authenticator.NewID()
		write(t, d, func(tx *db.Tx) error { return p.Set(tx, account, bound, "first") })
		first, found := get()
		if !found || first.Verifier != "first" || !first.SetAt.Equal(clock.Now()) || first.Authenticator != bound {
			t.Fatalf("%+v", first)
		}
		clock.Advance(time.Hour)
		var replaced, stale bool
		write(t, d, func(tx *db.Tx) (err error) { replaced, err = p.Replace(tx, account, first, "first again"); return err })
		if again, _ := get(); !replaced || again.Verifier != "first again" || !again.SetAt.Equal(first.SetAt) {
			t.Errorf("raised: %v, %+v", replaced, again)
		}
		read, _ := get()
		write(t, d, func(tx *db.Tx) error { return p.Set(tx, account, authenticator.NewID(), "second") })
		write(t, d, func(tx *db.Tx) (err error) { stale, err = p.Replace(tx, account, read, "first once more"); return err })
		if second, _ := get(); stale || second.Verifier != "second" || !second.SetAt.Equal(clock.Now()) {
			t.Errorf("raising undid a change: %v, %+v", stale, second)
		}
		write(t, d, func(tx *db.Tx) error {
			if err := authenticator.Used(tx, bound); err != nil {
				return err
			}
			list, err := authenticator.List(tx, account)
			if err == nil && (len(list) != 1 || list[0].ID != bound || list[0].Type != authenticator.Password || !list[0].UsedAt.Equal(clock.Now())) {
				t.Errorf("authenticators: %+v", list)
			}
			return err
		})
		var removed, twice bool
		write(t, d, func(tx *db.Tx) (err error) {
			if removed, err = p.Remove(tx, account); err != nil {
				return err
			}
			twice, err = p.Remove(tx, account)
			return err
		})
		if _, found := get(); found || !removed || twice {
			t.Errorf("removed %v, twice %v, found %v", removed, twice, found)
		}
	}, dbtest.WithClock(clock.Now))
}

func TestAVerifierIsSealedToItsAccount(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		p := password.Passwords{Keys: keys(t, 9)}
		write(t, d, func(tx *db.Tx) error {
			if err := p.Set(tx, "SAM", authenticator.NewID(), "verifier of sam"); err != nil {
				return err
			}
			return p.Set(tx, "EVE", authenticator.NewID(), "verifier of eve")
		})
		// Whoever can write to the database puts their own verifier into another row.
		write(t, d, func(tx *db.Tx) error {
			var stored []byte
			if err := tx.QueryRow(`SELECT verifier FROM password WHERE account_id = 'EVE'`).Scan(&stored); err != nil {
				return err
			}
			if bytes.Contains(stored, []byte("verifier")) {
				t.Error("the verifier stands in clear in the database")
			}
			return tx.ExecOne(`UPDATE password SET verifier = $1 WHERE account_id = 'SAM'`, stored)
		})
		err := d.Read(context.Background(), func(tx *db.Tx) error { _, _, err := p.Get(tx, "SAM"); return err })
		if err == nil {
			t.Error("a foreign verifier is accepted")
		}
	})
}

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
		v := map[string]string{}
		for _, name := range []string{"first", "first again", "second", "first once more"} {
			v[name] = hash(t, cheap(t), name)
		}
		get := func() (s password.Stored, found bool) {
			write(t, d, func(tx *db.Tx) (err error) { s, found, err = p.Get(tx, account); return err })
			return s, found
		}
		if _, found := get(); found {
			t.Fatal("a password from nowhere")
		}
		bound := authenticator.NewID()
		write(t, d, func(tx *db.Tx) error { return p.Set(tx, account, bound, v["first"]) })
		first, found := get()
		if !found || first.Verifier != v["first"] || !first.SetAt.Equal(clock.Now()) || first.Authenticator != bound {
			t.Fatalf("%+v", first)
		}
		clock.Advance(time.Hour)
		var replaced, stale bool
		write(t, d, func(tx *db.Tx) (err error) {
			replaced, err = p.Replace(tx, account, first, v["first again"])
			return err
		})
		if again, _ := get(); !replaced || again.Verifier != v["first again"] || !again.SetAt.Equal(first.SetAt) {
			t.Errorf("raised: %v, %+v", replaced, again)
		}
		read, _ := get()
		write(t, d, func(tx *db.Tx) error { return p.Set(tx, account, authenticator.NewID(), v["second"]) })
		write(t, d, func(tx *db.Tx) (err error) {
			stale, err = p.Replace(tx, account, read, v["first once more"])
			return err
		})
		if second, _ := get(); stale || second.Verifier != v["second"] || !second.SetAt.Equal(clock.Now()) {
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
			if err := p.Set(tx, "SAM", authenticator.NewID(), hash(t, cheap(t), "of sam")); err != nil {
				return err
			}
			return p.Set(tx, "EVE", authenticator.NewID(), hash(t, cheap(t), "of eve"))
		})
		// Whoever can write to the database puts their own verifier into another row.
		write(t, d, func(tx *db.Tx) error {
			var stored []byte
			if err := tx.QueryRow(`SELECT verifier FROM password WHERE account_id = 'EVE'`).Scan(&stored); err != nil {
				return err
			}
			if bytes.Contains(stored, []byte("argon2id")) {
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

func TestVerifiersAreCountedByTheirPepper(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		now := rotated(t, 8, 9)
		older, newer := now.PepperIDs()[1], now.PepperIDs()[0]
		old, p := cheap(t), password.Passwords{Keys: now}
		fresh := hash(t, password.NewHasher(now, password.Cheap(password.Preset("parvis"))), "x")
		first := hash(t, old, "x")
		state := func() (list []string, counts [3]int64, with []id.Account) {
			write(t, d, func(tx *db.Tx) (err error) {
				if list, err = p.Peppers(tx); err != nil {
					return err
				}
				for i, pepper := range []string{"", older, newer} {
					if counts[i], err = p.Count(tx, pepper); err != nil {
						return err
					}
				}
				with, err = p.WithPepper(tx, older, 1)
				return err
			})
			return list, counts, with
		}
		if list, counts, _ := state(); len(list) != 0 || counts != [3]int64{} {
			t.Errorf("without passwords: %q %v", list, counts)
		}
		const unnamed = "$argon2id$v=19$m=8,t=1,p=1$" + argonSaltAndSum
		for account, v := range map[id.Account]string{"ANA": first, "BEA": first, "CAT": fresh, "DAN": unnamed} {
			write(t, d, func(tx *db.Tx) error { return p.Set(tx, account, authenticator.NewID(), v) })
		}
		list, counts, with := state()
		if len(list) != 3 || list[0] != "" || counts != [3]int64{1, 2, 1} || len(with) != 1 || with[0] != "ANA" {
			t.Errorf("%q %v %v", list, counts, with)
		}
		write(t, d, func(tx *db.Tx) error {
			read, _, err := p.Get(tx, "ANA")
			if err != nil {
				return err
			}
			_, err = p.Replace(tx, "ANA", read, fresh)
			return err
		})
		write(t, d, func(tx *db.Tx) error { return p.Set(tx, "DAN", "", fresh) })
		if list, counts, with := state(); len(list) != 2 || counts != [3]int64{0, 1, 3} || with[0] != "BEA" {
			t.Errorf("after two changed: %q %v %v", list, counts, with)
		}
		if err := d.Write(t.Context(), func(tx *db.Tx) error { return p.Set(tx, "EVE", authenticator.NewID(), "no verifier") }); err == nil {
			t.Error("something else than a verifier was stored")
		}
	})
}

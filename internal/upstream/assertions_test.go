package upstream

import (
	"bytes"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"parvis/internal/db"
	"parvis/internal/db/dbtest"
	"parvis/internal/secret"
)

func TestAnAssertionIsTakenOnceAtEachIssuerByHoweverMany(t *testing.T) {
	clock := dbtest.NewClock()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		a := Assertions{DB: d}
		until := clock.Now().Add(time.Hour)
		var won atomic.Int64
		var all sync.WaitGroup
		begin := make(chan struct{})
		for range 50 {
			all.Go(func() {
				<-begin
				first, err := a.Take(t.Context(), bank, "_1", until)
				if err != nil {
					t.Error(err)
				}
				if first {
					won.Add(1)
				}
			})
		}
		close(begin)
		all.Wait()
		if won.Load() != 1 {
			t.Errorf("%d of 50 racers took one assertion", won.Load())
		}
		for _, c := range [][2]string{{bank, "_2"}, {other, "_1"}, {bank + ":", "_1"}, {bank, ":_1"}, {bank[:len(bank)-1], "e_1"}} {
			if first, err := a.Take(t.Context(), c[0], c[1], until); err != nil || !first {
				t.Errorf("%q of %q is not another one: %v", c[1], c[0], err)
			}
		}
	}, dbtest.WithClock(clock.Now))
}

func TestAnAssertionIsRememberedUntilItWouldBeRefusedAnyway(t *testing.T) {
	clock := dbtest.NewClock()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		a := Assertions{DB: d}
		until := clock.Now().Add(10 * time.Minute)
		if first, err := a.Take(t.Context(), bank, "_1", until); err != nil || !first {
			t.Fatal(first, err)
		}
		for _, wait := range []time.Duration{0, 10*time.Minute - time.Second} {
			clock.Advance(wait)
			if err := a.Purge(t.Context()); err != nil {
				t.Fatal(err)
			}
			if first, err := a.Take(t.Context(), bank, "_1", until); err != nil || first {
				t.Errorf("taken again after %v: %v", wait, err)
			}
		}
		clock.Advance(time.Second)
		if err := a.Purge(t.Context()); err != nil {
			t.Fatal(err)
		}
		if n := countOf(t, d, "SELECT COUNT(*) FROM upstream_assertion"); n != 0 {
			t.Errorf("%d are kept longer than needed", n)
		}
	}, dbtest.WithClock(clock.Now))
}

func countOf(t *testing.T, d *db.DB, query string) (n int) {
	t.Helper()
	if err := d.Read(t.Context(), func(tx *db.Tx) error { return tx.QueryRow(query).Scan(&n) }); err != nil {
		t.Fatal(err)
	}
	return n
}

func FuzzRelayStatesOfStrangersAreNotOurs(f *testing.F) {
	k, err := secret.NewKeys(make([]byte, secret.RootBytes), bytes.Repeat([]byte{1}, secret.RootBytes))
	if err != nil {
		f.Fatal(err)
	}
	now := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	relays := Relays{Keys: k}
	mine := relays.New("bank", now)
	f.Add(mine)
	f.Add("a.b")
	f.Fuzz(func(t *testing.T, state string) {
		if relays.Ours("bank", state, now) && state != mine {
			t.Errorf("%q", state)
		}
	})
}

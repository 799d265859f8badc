package ciba_test

import (
	"bytes"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"parvis/internal/ciba"
	"parvis/internal/db"
	"parvis/internal/db/dbtest"
	"parvis/internal/device"
	"parvis/internal/secret"
)

var keys = func() *secret.Keys {
	k, err := secret.NewKeys(make([]byte, 32), bytes.Repeat([]byte("k"), 32))
	if err != nil {
		panic(err)
	}
	return k
}()

func requests() ciba.Requests { return ciba.Requests{Keys: keys, Settings: ciba.Preset("")} }

// begin stores a request to an account.
func begin(t *testing.T, d *db.DB) ciba.Request {
	t.Helper()
	n := ciba.Prepare("caller")
	n.Account, n.Scopes, n.Life, n.NotificationToken = "anna", []string{"openid", "email"}, 10*time.Minute, "a-token-of-the-service-0123456789"
	write(t, d, func(tx *db.Tx) error { return requests().Begin(tx, n) })
	return n
}

// pings counts those that a condition is true of.
func pings(t *testing.T, d *db.DB, where string) (n int64) {
	t.Helper()
	if err := d.Read(t.Context(), func(tx *db.Tx) error {
		return tx.QueryRow(`SELECT COUNT(*) FROM ciba_ping WHERE ` + where).Scan(&n)
	}); err != nil {
		t.Fatal(err)
	}
	return n
}

func write(t *testing.T, d *db.DB, f func(tx *db.Tx) error) {
	t.Helper()
	if err := d.Write(t.Context(), f); err != nil {
		t.Fatal(err)
	}
}

func TestARequestIsDecidedOnceAndByWhoWasAsked(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		n := begin(t, d)
		write(t, d, func(tx *db.Tx) error {
			done, err := requests().Decide(tx, n.ID, "bert", true)
			if done {
				t.Error("another account decided")
			}
			return err
		})
		var won atomic.Int64
		var running sync.WaitGroup
		for i := range 100 {
			running.Go(func() {
				var first bool
				err := d.WriteStatement(t.Context(), func(tx *db.Tx) (err error) {
					first, err = requests().Decide(tx, n.ID, "anna", i%2 == 0)
					return err
				})
				if err != nil {
					t.Error(err)
				}
				if first {
					won.Add(1)
				}
			})
		}
		running.Wait()
		if won.Load() != 1 {
			t.Errorf("decided %d times", won.Load())
		}
		if n := pings(t, d, `due_at IS NOT NULL`); n != 1 {
			t.Errorf("%d services are to be told", n)
		}
	})
}

func TestARequestIsKeptAWhileAfterItsEndAndNoLonger(t *testing.T) {
	clock := dbtest.NewClock()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		n := begin(t, d)
		stands := func() (s device.Standing, waiting int) {
			t.Helper()
			write(t, d, func(tx *db.Tx) (err error) {
				if s, err = requests().Poll(tx, n.AuthReqID, "caller"); err != nil {
					return err
				}
				all, err := requests().Waiting(tx, "anna")
				waiting = len(all)
				return err
			})
			return s, waiting
		}
		if s, waiting := stands(); s != device.Waiting || waiting != 1 {
			t.Errorf("%s, %d", s, waiting)
		}
		if n := pings(t, d, `due_at IS NULL`); n != 1 {
			t.Errorf("%d pings wait for the decision", n)
		}
		clock.Advance(10 * time.Minute)
		if err := requests().Purge(t.Context(), d); err != nil {
			t.Fatal(err)
		}
		if n := pings(t, d, `1 = 1`); n != 0 {
			t.Errorf("the service's token is kept after the end of a request that nobody decided: %d", n)
		}
		if s, waiting := stands(); s != device.Expired || waiting != 0 {
			t.Errorf("after its end: %s, %d", s, waiting)
		}
		clock.Advance(61 * time.Minute)
		if err := requests().Purge(t.Context(), d); err != nil {
			t.Fatal(err)
		}
		if s, _ := stands(); s != device.Unknown {
			t.Errorf("long after: %s", s)
		}
	}, dbtest.WithClock(clock.Now))
}

func TestTheEndOfAnAccountTakesWhatItWasAsked(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		n := begin(t, d)
		write(t, d, func(tx *db.Tx) error { return requests().Erase(tx, "anna") })
		if n := pings(t, d, `1 = 1`); n != 0 {
			t.Errorf("%d pings stay", n)
		}
		write(t, d, func(tx *db.Tx) error {
			s, err := requests().Poll(tx, n.AuthReqID, "caller")
			if s != device.Unknown {
				t.Errorf("%s", s)
			}
			return err
		})
	})
}

func TestRequestedExpiryIsCapped(t *testing.T) {
	s := ciba.Preset("")
	for asked, want := range map[time.Duration]time.Duration{0: s.Life, time.Minute: time.Minute, time.Hour: s.Longest} {
		if got := s.LifeOf(asked); got != want {
			t.Errorf("%s: %s", asked, got)
		}
	}
	if p := s.Problems(); len(p) != 0 {
		t.Error(p)
	}
}

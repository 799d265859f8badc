package db_test

import (
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"parvis/internal/db"
	"parvis/internal/db/dbtest"
	"parvis/internal/fault"
)

func TestNoUpdateIsLostWhenManyReadAndWriteOneRow(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		table(t, d)
		if err := d.Write(t.Context(), func(tx *db.Tx) error { return insert(tx, "a") }); err != nil {
			t.Fatal(err)
		}
		other := dbtest.Second(t, d, dbtest.WithoutRehearsal())
		var done atomic.Int64
		errs := together(24, func(i int) error {
			on := d
			if i%2 == 0 {
				on = other
			}
			err := on.Write(t.Context(), func(tx *db.Tx) error {
				var n int
				if err := tx.QueryRow("SELECT n FROM thing WHERE id = $1", "a").Scan(&n); err != nil {
					return err
				}
				return tx.ExecOne("UPDATE thing SET n = $1 WHERE id = $2", n+1, "a")
			})
			if err == nil {
				done.Add(1)
			}
			return err
		})
		for i, err := range errs {
			if err != nil && !fault.Is(err, fault.Unavailable) {
				t.Errorf("writer %d: %v", i, err)
			}
		}
		if n := count(t, d, "SELECT n FROM thing WHERE id = $1", "a"); int64(n) != done.Load() || n == 0 {
			t.Errorf("the row counts %d for %d acknowledged updates", n, done.Load())
		}
	}, dbtest.WithoutRehearsal())
}

func TestFortyStatementsOnOneRowAllCount(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		table(t, d)
		if err := d.Write(t.Context(), func(tx *db.Tx) error { return insert(tx, "a") }); err != nil {
			t.Fatal(err)
		}
		for i, err := range together(40, func(int) error {
			return d.WriteStatement(t.Context(), func(tx *db.Tx) error {
				return tx.ExecOne("UPDATE thing SET n = n + 1 WHERE id = $1", "a")
			})
		}) {
			if err != nil {
				t.Errorf("writer %d: %v", i, err)
			}
		}
		if n := count(t, d, "SELECT n FROM thing WHERE id = $1", "a"); n != 40 {
			t.Errorf("the row counts %d, want 40", n)
		}
	})
}

func TestOfFiveHundredRacersOneWins(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		table(t, d)
		if err := d.Write(t.Context(), func(tx *db.Tx) error { return insert(tx, "ticket") }); err != nil {
			t.Fatal(err)
		}
		other := dbtest.Second(t, d)
		var winners atomic.Int64
		for i, err := range together(500, func(i int) error {
			on := d
			if i%2 == 0 {
				on = other
			}
			won := false
			err := on.WriteStatement(t.Context(), func(tx *db.Tx) error {
				won = false
				var id string
				err := tx.QueryRow("UPDATE thing SET at = $1 WHERE id = $2 AND at IS NULL RETURNING id", db.Millis(tx.Now()), "ticket").Scan(&id)
				if errors.Is(err, db.ErrNoRows) {
					return nil
				}
				won = err == nil
				return err
			})
			if won {
				winners.Add(1)
			}
			return err
		}) {
			if err != nil {
				t.Errorf("racer %d: %v", i, err)
			}
		}
		if winners.Load() != 1 {
			t.Errorf("%d racers won", winners.Load())
		}
	})
}

func TestASerializationFailureIsRepeatedAndAnEndlessOneIsUnavailable(t *testing.T) {
	d := dbtest.Open(t, db.PostgreSQL, dbtest.WithoutRehearsal())
	table(t, d)
	for _, id := range []string{"a", "b"} {
		if err := d.Write(t.Context(), func(tx *db.Tx) error { return insert(tx, id) }); err != nil {
			t.Fatal(err)
		}
	}
	disturb := func() {
		err := d.WriteStatement(t.Context(), func(tx *db.Tx) error {
			return tx.ExecOne("UPDATE thing SET n = n + 1 WHERE id = $1", "a")
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, endless := range []bool{false, true} {
		runs := 0
		err := d.Write(t.Context(), func(tx *db.Tx) error {
			runs++
			var n int
			if err := tx.QueryRow("SELECT n FROM thing WHERE id = $1", "a").Scan(&n); err != nil {
				return err
			}
			if endless || runs < 3 {
				disturb()
			}
			return tx.ExecOne("UPDATE thing SET n = n + 1 WHERE id = $1", "a")
		})
		if !endless && (err != nil || runs != 3) {
			t.Errorf("after %d runs: %v", runs, err)
		}
		if endless && (!fault.Is(err, fault.Unavailable) || !errors.Is(err, db.ErrUnavailable) || runs < 5) {
			t.Errorf("after %d runs: %v", runs, err)
		}
	}
}

func TestAReaderSeesOneInstant(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		table(t, d)
		err := d.Read(t.Context(), func(tx *db.Tx) error {
			var before, after int
			if err := tx.QueryRow("SELECT COUNT(*) FROM thing").Scan(&before); err != nil {
				return err
			}
			err := d.Write(t.Context(), func(tx *db.Tx) error { return insert(tx, "a") })
			if err != nil {
				return err
			}
			if err := tx.QueryRow("SELECT COUNT(*) FROM thing").Scan(&after); err != nil {
				return err
			}
			if before != after {
				return fmt.Errorf("%d rows became %d", before, after)
			}
			return nil
		})
		if err != nil {
			t.Error(err)
		}
	})
}

func TestTheTransactionsClockIsTheOneGiven(t *testing.T) {
	clock := dbtest.NewClock()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		err := d.Write(t.Context(), func(tx *db.Tx) error {
			if !tx.Now().Equal(clock.Now()) {
				return fmt.Errorf("it is %s, want %s", tx.Now(), clock.Now())
			}
			return nil
		})
		if err != nil {
			t.Error(err)
		}
		skew, err := d.ClockSkew(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if d.Engine() == db.PostgreSQL && skew > -time.Hour && skew < time.Hour {
			t.Errorf("a clock of another day is %s off", skew)
		}
	}, dbtest.WithClock(clock.Now))
	d := dbtest.Open(t, db.PostgreSQL)
	began := time.Now()
	skew, err := d.ClockSkew(t.Context())
	if took := time.Since(began); err != nil || skew.Abs() > took+10*time.Millisecond { // what it measures lies within the question, but for rounding
		t.Errorf("the same machine's clock is %s off, asked in %s: %v", skew, took, err)
	}
}

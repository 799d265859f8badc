package db_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"parvis/internal/db"
	"parvis/internal/db/dbtest"
	"parvis/internal/fault"
)

func insert(tx *db.Tx, id string) error {
	return tx.ExecOne("INSERT INTO thing (id, n) VALUES ($1, 0)", id)
}

// count reads one number.
func count(t testing.TB, d *db.DB, query string, args ...any) int {
	t.Helper()
	var n int
	err := d.Read(context.Background(), func(tx *db.Tx) error { return tx.QueryRow(query, args...).Scan(&n) })
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// together runs f many times at once and returns the errors by index.
func together(n int, f func(i int) error) []error {
	out := make([]error, n)
	var all sync.WaitGroup
	start := make(chan struct{})
	for i := range n {
		all.Go(func() {
			<-start
			out[i] = f(i)
		})
	}
	close(start)
	all.Wait()
	return out
}

func TestAFailingOrPanickingClosureTakesNothingOfItsNeighboursWithIt(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		table(t, d)
		mistake := errors.New("no")
		errs := together(90, func(i int) error {
			return d.Write(t.Context(), func(tx *db.Tx) error {
				if err := insert(tx, fmt.Sprint("thing", i)); err != nil {
					return err
				}
				switch i % 5 {
				case 0:
					return mistake
				case 1:
					panic("oh")
				case 2:
					return insert(tx, fmt.Sprint("thing", i)) // the key is taken
				}
				return nil
			})
		})
		for i, err := range errs {
			var panicked *db.PanicError
			switch {
			case i%5 == 0 && !errors.Is(err, mistake),
				i%5 == 1 && !errors.As(err, &panicked),
				i%5 == 2 && err == nil,
				i%5 > 2 && err != nil:
				t.Errorf("closure %d gave %v", i, err)
			}
		}
		if n := count(t, d, "SELECT COUNT(*) FROM thing"); n != 36 {
			t.Errorf("%d rows were committed, want 36", n)
		}
	})
}

func TestAClosureWhoseGoroutineEndsLeavesTheWriterWorking(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		table(t, d)
		_ = together(20, func(i int) error {
			return d.Write(t.Context(), func(tx *db.Tx) error {
				if err := insert(tx, fmt.Sprint("thing", i)); err != nil {
					return err
				}
				if i%2 == 0 {
					runtime.Goexit() // what t.Fatal does
				}
				return nil
			})
		})
		if n := count(t, d, "SELECT COUNT(*) FROM thing"); n != 10 {
			t.Errorf("%d rows were committed, want 10", n)
		}
	})
}

func TestASwallowedFailureOfAStatementStillRollsBack(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		table(t, d)
		err := d.Write(t.Context(), func(tx *db.Tx) error {
			if err := insert(tx, "a"); err != nil {
				return err
			}
			_ = insert(tx, "a") // swallowed
			return nil
		})
		if err == nil {
			t.Error("it committed")
		}
		if n := count(t, d, "SELECT COUNT(*) FROM thing"); n != 0 {
			t.Errorf("%d rows were committed, want 0", n)
		}
	})
}

func TestACancelledRequestDoesNotRollBackItsNeighbours(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		table(t, d)
		errs := together(60, func(i int) error {
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			return d.Write(ctx, func(tx *db.Tx) error {
				if err := insert(tx, fmt.Sprint("thing", i)); err != nil {
					return err
				}
				if i%2 == 0 {
					cancel() // the person closed the page in the middle
				}
				_, err := tx.Exec("UPDATE thing SET n = 1 WHERE id = $1", fmt.Sprint("thing", i))
				return err
			})
		})
		committed := 0
		for i, err := range errs {
			if i%2 == 1 && err != nil {
				t.Errorf("neighbour %d was rolled back: %v", i, err)
			}
			if err == nil {
				committed++
			}
		}
		if n := count(t, d, "SELECT COUNT(*) FROM thing WHERE n = 1"); n != committed {
			t.Errorf("%d rows for %d acknowledged writes", n, committed)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		ran := false
		err := d.Write(ctx, func(*db.Tx) error { ran = true; return nil })
		if !errors.Is(err, context.Canceled) || ran {
			t.Errorf("a request that had ended before ran=%v, error %v", ran, err)
		}
	})
}

func TestAClosureOverItsTimeIsEndedAndItsNeighboursRunAgain(t *testing.T) {
	// Long enough that on a busy machine none of the neighbours is over its time.
	short := dbtest.WithSettings(func(s *db.Settings) { s.TransactionTimeout = 3 * time.Second })
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		table(t, d)
		const endless = "WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r WHERE n < 900000000) SELECT COUNT(*) FROM r"
		errs := together(30, func(i int) error {
			return d.Write(t.Context(), func(tx *db.Tx) error {
				if err := insert(tx, fmt.Sprint("thing", i)); err != nil {
					return err
				}
				if i == 7 {
					var n int
					return tx.QueryRow(endless).Scan(&n)
				}
				return nil
			})
		})
		for i, err := range errs {
			if i == 7 {
				if !fault.Is(err, fault.Unavailable) {
					t.Errorf("the endless closure gave %v", err)
				}
			} else if err != nil {
				t.Errorf("neighbour %d: %v", i, err)
			}
		}
		if n := count(t, d, "SELECT COUNT(*) FROM thing"); n != 29 {
			t.Errorf("%d rows were committed, want 29", n)
		}
	}, short, dbtest.WithoutRehearsal())
}

func TestAFullDiskAcknowledgesNothingAndTheWriterRecovers(t *testing.T) {
	d := dbtest.Open(t, db.SQLite, dbtest.WithoutRehearsal())
	table(t, d)
	limit := func(pages int) {
		err := d.Write(t.Context(), func(tx *db.Tx) error {
			_, err := tx.Exec(fmt.Sprintf("PRAGMA max_page_count = %d", pages))
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	limit(1) // SQLite raises it to the present size
	large := []byte(strings.Repeat("x", 1<<20))
	errs := together(20, func(i int) error {
		return d.Write(t.Context(), func(tx *db.Tx) error {
			if i == 3 {
				return tx.ExecOne("INSERT INTO thing (id, body) VALUES ($1, $2)", "large", large)
			}
			return insert(tx, fmt.Sprint("thing", i))
		})
	})
	acknowledged := 0
	for i, err := range errs {
		switch {
		case err == nil:
			acknowledged++
		case !fault.Is(err, fault.Unavailable):
			t.Errorf("closure %d gave %v", i, err)
		}
	}
	if errs[3] == nil {
		t.Error("what did not fit was acknowledged")
	}
	if n := count(t, d, "SELECT COUNT(*) FROM thing"); n != acknowledged {
		t.Errorf("%d rows for %d acknowledged writes", n, acknowledged)
	}
	limit(1 << 20)
	err := d.Write(t.Context(), func(tx *db.Tx) error { return insert(tx, "after") })
	if err != nil {
		t.Errorf("after there is space again: %v", err)
	}
}

func TestWhatWaitsForTheCommitRunsOnceAfterIt(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		table(t, d)
		ran := 0
		err := d.Write(t.Context(), func(tx *db.Tx) error {
			tx.AfterCommit(func() { ran += count(t, d, "SELECT COUNT(*) FROM thing") })
			return insert(tx, "a")
		})
		if err != nil || ran != 1 {
			t.Errorf("ran %d times after the commit, error %v", ran, err)
		}
		_ = d.Write(t.Context(), func(tx *db.Tx) error {
			tx.AfterCommit(func() { ran++ })
			return errors.New("no")
		})
		if ran != 1 {
			t.Error("it ran after a rollback")
		}
	})
}

func TestATransactionUsedOutsideItsClosureIsRefused(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		table(t, d)
		var kept *db.Tx
		if err := d.Write(t.Context(), func(tx *db.Tx) error { kept = tx; return nil }); err != nil {
			t.Fatal(err)
		}
		if err := insert(kept, "a"); err == nil {
			t.Error("a statement ran after the end")
		}
		err := d.Read(t.Context(), func(tx *db.Tx) error { return insert(tx, "b") })
		if err == nil {
			t.Error("a read wrote")
		}
		err = d.Write(t.Context(), func(tx *db.Tx) error {
			_, err := tx.Query("SELECT id FROM thing")
			return err
		})
		if err == nil {
			t.Error("rows were left open unnoticed")
		}
		err = d.Write(t.Context(), func(tx *db.Tx) error { return tx.ExecOne("UPDATE thing SET at = $1", time.Now()) })
		if err == nil {
			t.Error("a time.Time was accepted as an argument")
		}
	})
}

func TestEveryClosureIsRehearsedInTests(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		table(t, d)
		runs := 0
		err := d.Write(t.Context(), func(tx *db.Tx) error {
			runs++
			return insert(tx, "a")
		})
		if err != nil || runs != 2 {
			t.Errorf("ran %d times, error %v", runs, err)
		}
	})
}

func TestNothingIsWrittenAfterClose(t *testing.T) {
	for _, engine := range []string{db.SQLite, db.PostgreSQL} {
		t.Run(engine, func(t *testing.T) {
			first := dbtest.Open(t, engine)
			d, err := db.Open(t.Context(), first.Settings(), time.Now)
			if err != nil {
				t.Fatal(err)
			}
			if err := d.Close(); err != nil {
				t.Fatal(err)
			}
			if err := d.Write(t.Context(), func(*db.Tx) error { return nil }); err == nil {
				t.Error("a write succeeded")
			}
			if err := d.Read(t.Context(), func(*db.Tx) error { return nil }); err == nil {
				t.Error("a read succeeded")
			}
		})
	}
}

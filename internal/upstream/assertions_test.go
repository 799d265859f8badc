package upstream

import (
	"context"
	"fmt"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"parvis/internal/db"
	"parvis/internal/db/dbtest"
	"parvis/internal/fault"
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

func TestAnAnswerOnItsWayIsGivenAwayOnceToWhoeverNamesIt(t *testing.T) {
	clock := dbtest.NewClock()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		a := Answers{DB: d, Keys: keys(t, 1)}
		keep := func() string {
			t.Helper()
			handle, err := a.Keep(t.Context(), "bank", url.Values{"SAMLResponse": {"an answer"}, "RelayState": {"a state"}})
			if err != nil {
				t.Fatal(err)
			}
			return handle
		}
		take := func(ctx context.Context, provider ID, handle string) bool {
			t.Helper()
			answer, found, err := a.Take(ctx, provider, handle)
			if err != nil {
				t.Error(err)
			}
			if found && (answer.Params.Get("SAMLResponse") != "an answer" || answer.State() != "a state") {
				t.Error("another answer came back")
			}
			return found
		}
		handle := keep()
		if take(t.Context(), "other", handle) || take(t.Context(), "bank", "") || take(t.Context(), "bank", handle[1:]) {
			t.Error("an answer is given to the wrong one")
		}
		var won atomic.Int64
		var all sync.WaitGroup
		begin := make(chan struct{})
		for range 30 {
			all.Go(func() {
				<-begin
				if take(t.Context(), "bank", handle) {
					won.Add(1)
				}
			})
		}
		close(begin)
		all.Wait()
		if won.Load() != 1 {
			t.Errorf("%d of 30 racers got one answer", won.Load())
		}

		late := keep()
		clock.Advance(answerLife)
		if take(t.Context(), "bank", late) {
			t.Error("an answer waits for too long")
		}
		if err := (Assertions{DB: d}).Purge(t.Context()); err != nil {
			t.Fatal(err)
		}
		if n := countOf(t, d, "SELECT COUNT(*) FROM upstream_answer"); n != 0 {
			t.Errorf("%d answers stay", n)
		}
	}, dbtest.WithClock(clock.Now))
}

func TestAnswersOnTheirWayAreCappedAndSealed(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		a := Answers{DB: d, Keys: keys(t, 1)}
		if _, err := a.Keep(t.Context(), "bank", url.Values{"SAMLResponse": {strings.Repeat("a", MaxAnswer)}}); !fault.Is(err, fault.Invalid) {
			t.Errorf("a long one: %v", err)
		}
		handle, err := a.Keep(t.Context(), "bank", url.Values{"SAMLResponse": {"a readable answer"}})
		if err != nil {
			t.Fatal(err)
		}
		var id, stored []byte
		if err := d.Read(t.Context(), func(tx *db.Tx) error {
			return tx.QueryRow(`SELECT CAST(id AS BYTEA), answer FROM upstream_answer`).Scan(&id, &stored)
		}); err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(id)+string(stored), handle) || strings.Contains(string(stored), "readable") {
			t.Error("an answer or its handle stands in clear")
		}
		write(t, d, func(tx *db.Tx) error {
			for i := range mostWaits - 1 {
				if err := tx.ExecOne(`INSERT INTO upstream_answer (id, provider, answer, expires_at) VALUES ($1, 'bank', $2, $3)`,
					digestOf(fmt.Sprint(handle, i)), stored, db.Millis(tx.Now().Add(answerLife))); err != nil {
					return err
				}
			}
			return nil
		})
		if _, err := a.Keep(t.Context(), "bank", url.Values{}); !fault.Is(err, fault.Unavailable) {
			t.Errorf("one more than may wait: %v", err)
		}
	})
}

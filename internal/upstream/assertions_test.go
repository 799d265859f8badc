package upstream

import (
	"bytes"
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

func TestAnAnswerOnItsWayIsGivenAwayOnceToWhoeverNamesIt(t *testing.T) {
	clock := dbtest.NewClock()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		a := Answers{DB: d, Keys: keys(t, 1)}
		keep := func() string {
			t.Helper()
			state := Relays{Keys: a.Keys}.New("bank", clock.Now())
			handle, err := a.Keep(t.Context(), "bank", "192.0.2.1", url.Values{"SAMLResponse": {"an answer"}, "RelayState": {state}})
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
			if found && (answer.Params.Get("SAMLResponse") != "an answer" || answer.State() != handle) {
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
	clock := dbtest.NewClock()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		a := Answers{DB: d, Keys: keys(t, 1)}
		relays := Relays{Keys: a.Keys}
		keep := func(ip, state, answer string) error {
			_, err := a.Keep(t.Context(), "bank", ip, url.Values{"SAMLResponse": {answer}, "RelayState": {state}})
			return err
		}
		state := relays.New("bank", clock.Now())
		if err := keep("192.0.2.1", state, strings.Repeat("a", MaxAnswer)); !fault.Is(err, fault.Invalid) {
			t.Errorf("a long one: %v", err)
		}
		for range 3 { // of one relay state one is kept, the last one
			if err := keep("192.0.2.1", state, "a readable answer"); err != nil {
				t.Fatal(err)
			}
		}
		var id, stored []byte
		if err := d.Read(t.Context(), func(tx *db.Tx) error {
			return tx.QueryRow(`SELECT CAST(id AS BYTEA), answer FROM upstream_answer`).Scan(&id, &stored)
		}); err != nil {
			t.Fatal(err)
		}
		if n := countOf(t, d, "SELECT COUNT(*) FROM upstream_answer"); n != 1 {
			t.Errorf("%d are kept of one relay state", n)
		}
		if strings.Contains(string(id)+string(stored), state) || strings.Contains(string(stored), "readable") {
			t.Error("an answer or its handle stands in clear")
		}

		// one network keeps nobody else from coming in, however many addresses it has
		refused := 0
		for i := range 2 * mostNetwork {
			err := keep(fmt.Sprintf("2001:db8:7:%x::1", i), relays.New("bank", clock.Now()), "x")
			if fault.Is(err, fault.Unavailable) {
				refused++
			} else if err != nil {
				t.Fatal(err)
			}
		}
		if refused != mostNetwork {
			t.Errorf("%d of %d of one network were refused", refused, 2*mostNetwork)
		}
		if err := keep("2001:db8:8::1", relays.New("bank", clock.Now()), "x"); err != nil {
			t.Errorf("another network: %v", err)
		}

		there := countOf(t, d, "SELECT COUNT(*) FROM upstream_answer")
		write(t, d, func(tx *db.Tx) error {
			for i := range mostWaits - there {
				if err := tx.ExecOne(`INSERT INTO upstream_answer (id, provider, network, answer, expires_at) VALUES ($1, 'bank', $2, $3, $4)`,
					digestOf(fmt.Sprint(state, i)), fmt.Sprint(i), stored, db.Millis(tx.Now().Add(answerLife))); err != nil {
					return err
				}
			}
			return nil
		})
		if err := keep("198.51.100.1", relays.New("bank", clock.Now()), "x"); !fault.Is(err, fault.Unavailable) {
			t.Errorf("one more than may wait: %v", err)
		}
	}, dbtest.WithClock(clock.Now))
}

func TestAnAnswerToNothingThatWasAskedIsNotKept(t *testing.T) {
	clock := dbtest.NewClock()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		a := Answers{DB: d, Keys: keys(t, 2, 1)}
		ours := Relays{Keys: a.Keys}.New("bank", clock.Now())
		older := Relays{Keys: keys(t, 1)}.New("bank", clock.Now())
		for name, c := range map[string]struct {
			state string
			kept  bool
		}{
			"ours":                 {ours, true},
			"under an older key":   {older, true},
			"nothing":              {"", false},
			"made up":              {"a state", false},
			"another partner's":    {Relays{Keys: a.Keys}.New("other", clock.Now()), false},
			"another deployment's": {Relays{Keys: keys(t, 9)}.New("bank", clock.Now()), false},
			"old":                  {Relays{Keys: a.Keys}.New("bank", clock.Now().Add(-pendingLife-time.Second)), false},
			"of the future":        {Relays{Keys: a.Keys}.New("bank", clock.Now().Add(time.Hour)), false},
			"cut":                  {ours[:len(ours)-1], false},
			"changed":              {"A" + ours[1:], strings.HasPrefix(ours, "A")},
			"without its code":     {ours[:strings.IndexByte(ours, '.')], false},
		} {
			_, err := a.Keep(t.Context(), "bank", "192.0.2.1", url.Values{"SAMLResponse": {"x"}, "RelayState": {c.state}})
			if c.kept && err != nil || !c.kept && !fault.Is(err, fault.Expired) {
				t.Errorf("%s: %v", name, err)
			}
		}
		if len(ours) > 80 {
			t.Errorf("a relay state has %d bytes (SAML bindings 3.4.3: 80)", len(ours))
		}
	}, dbtest.WithClock(clock.Now))
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

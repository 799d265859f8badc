package handover

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
	"parvis/internal/upstream"
)

func keys(t *testing.T, roots ...byte) *secret.Keys {
	t.Helper()
	var all [][]byte
	for _, b := range roots {
		all = append(all, bytes.Repeat([]byte{b}, secret.RootBytes))
	}
	k, err := secret.NewKeys(make([]byte, secret.RootBytes), all...)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func writeTo(t *testing.T, d *db.DB, fn func(tx *db.Tx) error) {
	t.Helper()
	if err := d.Write(t.Context(), fn); err != nil {
		t.Fatal(err)
	}
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
			state := upstream.Relays{Keys: a.Keys}.New("bank", clock.Now())
			handle, err := a.Keep(t.Context(), "bank", "192.0.2.1", url.Values{"SAMLResponse": {"an answer"}, "RelayState": {state}})
			if err != nil {
				t.Fatal(err)
			}
			return handle
		}
		take := func(ctx context.Context, provider upstream.ID, handle string) bool {
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
		if err := (Answers{DB: d}).Purge(t.Context()); err != nil {
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
		relays := upstream.Relays{Keys: a.Keys}
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
		writeTo(t, d, func(tx *db.Tx) error {
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
		ours := upstream.Relays{Keys: a.Keys}.New("bank", clock.Now())
		older := upstream.Relays{Keys: keys(t, 1)}.New("bank", clock.Now())
		for name, c := range map[string]struct {
			state string
			kept  bool
		}{
			"ours":                 {ours, true},
			"under an older key":   {older, true},
			"nothing":              {"", false},
			"made up":              {"a state", false},
			"another partner's":    {upstream.Relays{Keys: a.Keys}.New("other", clock.Now()), false},
			"another deployment's": {upstream.Relays{Keys: keys(t, 9)}.New("bank", clock.Now()), false},
			"old":                  {upstream.Relays{Keys: a.Keys}.New("bank", clock.Now().Add(-time.Hour-time.Second)), false},
			"of the future":        {upstream.Relays{Keys: a.Keys}.New("bank", clock.Now().Add(time.Hour)), false},
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

package connection

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"parvis/internal/audit"
	"parvis/internal/db"
	"parvis/internal/db/dbtest"
	"parvis/internal/id"
	"parvis/internal/secret"
)

func connections(t *testing.T, d *db.DB) Connections {
	t.Helper()
	k, err := secret.NewKeys(make([]byte, 32), []byte(strings.Repeat("k", 32)))
	if err != nil {
		t.Fatal(err)
	}
	return Connections{Settings: Preset(""), Audit: &audit.Log{DB: d, Keys: k, Settings: audit.Preset("")}}
}

func write(t *testing.T, d *db.DB, fn func(tx *db.Tx) error) {
	t.Helper()
	if err := d.Write(t.Context(), fn); err != nil {
		t.Fatal(err)
	}
}

func TestConsentIsAskedForTheFirstTimeForMoreAfterAYearAndAfterADisconnect(t *testing.T) {
	clock := dbtest.NewClock()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		c := connections(t, d)
		email := Asked{Account: "a", RelyingParty: "s", Claims: []string{"email"}}
		both := Asked{Account: "a", RelyingParty: "s", Claims: []string{"email", "locale"}}
		none := Asked{Account: "a", RelyingParty: "s"}
		want := func(a Asked, reason Reason) {
			t.Helper()
			write(t, d, func(tx *db.Tx) error {
				got, err := c.Needed(tx, a)
				if got != reason {
					t.Errorf("got %q, want %q", got, reason)
				}
				return err
			})
		}
		give := func(a Asked) { t.Helper(); write(t, d, func(tx *db.Tx) error { return c.Give(tx, a) }) }

		want(none, First)
		give(none)
		want(none, NotNeeded)
		want(email, More)
		give(email)
		want(email, NotNeeded)
		want(both, More)
		write(t, d, func(tx *db.Tx) error { return c.Declined(tx, both) })
		want(both, More)
		want(email, NotNeeded)
		clock.Advance(365*24*time.Hour - time.Second)
		want(email, NotNeeded)
		short := email
		short.Period = time.Hour
		want(short, Lapsed)
		clock.Advance(time.Second)
		want(email, Lapsed)
		give(email)
		want(email, NotNeeded)
		write(t, d, func(tx *db.Tx) error {
			ended, err := c.Withdraw(tx, "a", "s")
			if !ended {
				t.Error("nothing was withdrawn")
			}
			return err
		})
		want(none, First)
	}, dbtest.WithClock(clock.Now))
}

func TestWhatLapsedAndIsNotAskedForAgainIsSharedNoLonger(t *testing.T) {
	clock := dbtest.NewClock()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		c := connections(t, d)
		email := Asked{Account: "a", RelyingParty: "s", Claims: []string{"email"}}
		locale := Asked{Account: "a", RelyingParty: "s", Claims: []string{"locale"}}
		give := func(a Asked) { t.Helper(); write(t, d, func(tx *db.Tx) error { return c.Give(tx, a) }) }
		give(email)
		clock.Advance(365 * 24 * time.Hour)
		give(locale) // the page showed the locale only
		write(t, d, func(tx *db.Tx) error {
			reason, err := c.Needed(tx, email)
			if reason != More {
				t.Errorf("the address is %q, want to be asked for", reason)
			}
			return err
		})
	}, dbtest.WithClock(clock.Now))
}

func TestAServiceIsListedFromTheFirstConsent(t *testing.T) {
	clock := dbtest.NewClock()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		c := connections(t, d)
		start := clock.Now()
		write(t, d, func(tx *db.Tx) error {
			return c.Give(tx, Asked{Account: "a", RelyingParty: "s", Claims: []string{"email"}})
		})
		clock.Advance(time.Minute)
		write(t, d, func(tx *db.Tx) error { return c.Give(tx, Asked{Account: "a", RelyingParty: "t"}) })
		write(t, d, func(tx *db.Tx) error { return c.Give(tx, Asked{Account: "b", RelyingParty: "t"}) })
		clock.Advance(time.Minute)
		write(t, d, func(tx *db.Tx) error { return c.Used(tx, "a", "s") })
		write(t, d, func(tx *db.Tx) error {
			return c.Give(tx, Asked{Account: "a", RelyingParty: "s", Claims: []string{"locale"}})
		})
		var got []Connection
		write(t, d, func(tx *db.Tx) error {
			var err error
			got, err = c.List(tx, "a")
			return err
		})
		want := []Connection{
			{Account: "a", RelyingParty: "s", Claims: []string{"locale", "email"}, Since: start, ConsentedAt: start.Add(2 * time.Minute), LastUsed: start.Add(2 * time.Minute)},
			{Account: "a", RelyingParty: "t", Claims: []string{}, Since: start.Add(time.Minute), ConsentedAt: start.Add(time.Minute)},
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
	}, dbtest.WithClock(clock.Now))
}

func subject(t *testing.T, d *db.DB, c Connections, sector string, account id.Account) string {
	t.Helper()
	var out string
	write(t, d, func(tx *db.Tx) error {
		var err error
		out, err = c.Subject(tx, sector, account)
		return err
	})
	return out
}

// OIDC Core, 8: subjects are pairwise by sector, or public.
func TestASubjectIsRandomStaysAndIsNeverSharedBetweenSectors(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		c := connections(t, d)
		first := subject(t, d, c, "one", "a")
		if len(first) != 43 || first != subject(t, d, c, "one", "a") {
			t.Errorf("subject %q does not stay", first)
		}
		if first == subject(t, d, c, "two", "a") || first == subject(t, d, c, "one", "b") {
			t.Error("two sectors or two accounts share a subject")
		}
		write(t, d, func(tx *db.Tx) error { return c.Give(tx, Asked{Account: "a", RelyingParty: "s"}) })
		write(t, d, func(tx *db.Tx) error { _, err := c.Withdraw(tx, "a", "s"); return err })
		write(t, d, func(tx *db.Tx) error { return c.Forget(tx, "a") })
		if first != subject(t, d, c, "one", "a") {
			t.Error("a disconnect or an erasure changed the subject")
		}
	})
}

func TestRacersForASubjectAllGetTheSame(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		c, nodes := connections(t, d), []*db.DB{d, dbtest.Second(t, d)}
		var mu sync.Mutex
		var wg sync.WaitGroup
		seen := map[string]int{}
		for i := range 16 {
			wg.Go(func() {
				var got string
				err := nodes[i%2].Write(t.Context(), func(tx *db.Tx) error {
					var err error
					got, err = c.Subject(tx, "one", "a")
					return err
				})
				mu.Lock()
				defer mu.Unlock()
				if err != nil {
					got = fmt.Sprint(err)
				}
				seen[got]++
			})
		}
		wg.Wait()
		if len(seen) != 1 {
			t.Errorf("%d answers: %v", len(seen), seen)
		}
	}, dbtest.WithoutRehearsal())
}

func TestTheLastUseIsNotedToTheMinute(t *testing.T) {
	clock := dbtest.NewClock()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		c := connections(t, d)
		write(t, d, func(tx *db.Tx) error { return c.Give(tx, Asked{Account: "a", RelyingParty: "s"}) })
		used := func() time.Time {
			t.Helper()
			write(t, d, func(tx *db.Tx) error { return c.Used(tx, "a", "s") })
			var got []Connection
			write(t, d, func(tx *db.Tx) (err error) {
				got, err = c.List(tx, "a")
				return err
			})
			return got[0].LastUsed
		}
		first := clock.Now()
		if at := used(); !at.Equal(first) {
			t.Errorf("first used at %v, noted %v", first, at)
		}
		clock.Advance(time.Minute - time.Millisecond)
		if at := used(); !at.Equal(first) {
			t.Errorf("within the minute it was written again: %v", at)
		}
		clock.Advance(time.Millisecond)
		if at := used(); !at.Equal(clock.Now()) {
			t.Errorf("after a minute it still says %v", at)
		}
	}, dbtest.WithClock(clock.Now))
}

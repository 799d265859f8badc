package upstream

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"parvis/internal/audit"
	"parvis/internal/db"
	"parvis/internal/db/dbtest"
	"parvis/internal/fault"
	"parvis/internal/id"
)

const bank, other = "https://sign-in.bank.example", "https://other.example"

func links(t *testing.T, d *db.DB, roots ...byte) Links {
	t.Helper()
	k := keys(t, roots...)
	return Links{Keys: k, Audit: &audit.Log{DB: d, Keys: k, Settings: audit.Preset("")}}
}

func link(t *testing.T, d *db.DB, l Links, a id.Account, issuer, subject string) error {
	t.Helper()
	fresh := NewLinkID()
	return d.Write(t.Context(), func(tx *db.Tx) error { return l.Link(tx, fresh, a, issuer, subject) })
}

func find(t *testing.T, d *db.DB, l Links, issuer, subject string) (Link, bool) {
	t.Helper()
	var out Link
	var found bool
	err := d.Read(t.Context(), func(tx *db.Tx) (err error) {
		out, found, err = l.Find(tx, issuer, subject)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out, found
}

func TestALinkIsFoundByIssuerAndSubjectAndByNothingElse(t *testing.T) {
	clock := dbtest.NewClock()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		l := links(t, d, 1)
		if err := link(t, d, l, "ann", bank, "s-1"); err != nil {
			t.Fatal(err)
		}
		got, found := find(t, d, l, bank, "s-1")
		if !found || got.Account != "ann" || got.Subject != "s-1" || !got.Since.Equal(clock.Now().Truncate(time.Millisecond)) || !got.UsedAt.IsZero() {
			t.Errorf("%v %+v", found, got.Account)
		}
		for _, c := range [][2]string{{bank, "s-2"}, {bank, "S-1"}, {bank, "s-1 "}, {other, "s-1"}, {bank + "s", "-1"}, {bank[:len(bank)-1], "es-1"}, {"", bank + "s-1"}} {
			if _, found := find(t, d, l, c[0], c[1]); found {
				t.Errorf("found by %q and %q", c[0], c[1])
			}
		}
		if err := link(t, d, l, "bob", other, "s-1"); err != nil {
			t.Errorf("the same subject at another issuer: %v", err)
		}
		for _, a := range []id.Account{"ann", "bob"} {
			if err := link(t, d, l, a, bank, "s-1"); !fault.Is(err, fault.Conflict) {
				t.Errorf("once more to %s: %v", a, err)
			}
		}
		for _, subject := range []string{"", strings.Repeat("s", MaxSubject+1)} {
			if err := link(t, d, l, "ann", bank, subject); err == nil {
				t.Errorf("a subject of %d bytes was linked", len(subject))
			}
		}
		clock.Advance(time.Hour)
		write(t, d, func(tx *db.Tx) error { return l.Used(tx, got.ID) })
		if after, _ := find(t, d, l, bank, "s-1"); !after.UsedAt.Equal(clock.Now().Truncate(time.Millisecond)) {
			t.Errorf("used at %v", after.UsedAt)
		}
		if text := fmt.Sprintf("%v %+v", got, got); strings.Contains(text, "s-1") {
			t.Errorf("a link prints its subject: %s", text)
		}
	}, dbtest.WithClock(clock.Now))
}

func TestASubjectIsSealedAndStandsNowhereInClear(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		l := links(t, d, 1)
		const subject = "person-4711-at-the-bank"
		if err := link(t, d, l, "ann", bank, subject); err != nil {
			t.Fatal(err)
		}
		write(t, d, func(tx *db.Tx) error {
			var sealed []byte
			var index string
			if err := tx.QueryRow(`SELECT subject, subject_index FROM upstream_link`).Scan(&sealed, &index); err != nil {
				return err
			}
			if bytes.Contains(sealed, []byte(subject)) || strings.Contains(index, subject) {
				t.Error("the subject stands in the database")
			}
			events, err := tx.Query(`SELECT data FROM audit_event`)
			all, err := db.Collect(events, err, func(r *db.Rows) (s string, err error) { return s, r.Scan(&s) })
			if strings.Contains(strings.Join(all, " "), subject) || len(all) != 1 {
				t.Errorf("events: %v", all)
			}
			return err
		})
	})
}

func TestOfManyRacersForOneSubjectExactlyOneGetsIt(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		l := links(t, d, 1)
		const racers = 50
		results := make([]error, racers)
		var all sync.WaitGroup
		begin := make(chan struct{})
		for i := range racers {
			fresh := NewLinkID()
			all.Go(func() {
				<-begin
				results[i] = d.Write(t.Context(), func(tx *db.Tx) error {
					return l.Link(tx, fresh, id.Account(fmt.Sprintf("account-%d", i)), bank, "s-1")
				})
			})
		}
		close(begin)
		all.Wait()
		won := -1
		for i, err := range results {
			switch {
			case err == nil && won >= 0:
				t.Errorf("%d and %d have the subject both", won, i)
			case err == nil:
				won = i
			case !fault.Is(err, fault.Conflict) && !fault.Is(err, fault.Unavailable):
				t.Errorf("racer %d: %v", i, err)
			}
		}
		got, found := find(t, d, l, bank, "s-1")
		if !found || got.Account != id.Account(fmt.Sprintf("account-%d", won)) {
			t.Errorf("%d won, found %v %v", won, found, got.Account)
		}
		write(t, d, func(tx *db.Tx) error {
			var n int
			err := tx.QueryRow(`SELECT COUNT(*) FROM upstream_link`).Scan(&n)
			if n != 1 {
				t.Errorf("%d links", n)
			}
			return err
		})
	})
}

func TestASubjectStaysUniqueWhileRootKeysChange(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		if err := link(t, d, links(t, d, 1), "ann", bank, "s-1"); err != nil {
			t.Fatal(err)
		}
		newer := links(t, d, 2, 1)
		if got, found := find(t, d, newer, bank, "s-1"); !found || got.Account != "ann" {
			t.Error("not found under the new key")
		}
		if err := link(t, d, newer, "bob", bank, "s-1"); !fault.Is(err, fault.Conflict) {
			t.Errorf("linked twice under two keys: %v", err)
		}
	})
}

func TestAnUnlinkedSubjectIsFreeAndOthersStay(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		l := links(t, d, 1)
		for _, subject := range []string{"s-1", "s-2"} {
			if err := link(t, d, l, "ann", bank, subject); err != nil {
				t.Fatal(err)
			}
		}
		first, _ := find(t, d, l, bank, "s-1")
		var foreign, own, again bool
		write(t, d, func(tx *db.Tx) (err error) {
			foreign, err = l.Unlink(tx, "bob", first.ID)
			return err
		})
		write(t, d, func(tx *db.Tx) (err error) {
			own, err = l.Unlink(tx, "ann", first.ID)
			return err
		})
		write(t, d, func(tx *db.Tx) (err error) {
			again, err = l.Unlink(tx, "ann", first.ID)
			return err
		})
		if foreign || !own || again {
			t.Errorf("foreign %v, own %v, again %v", foreign, own, again)
		}
		write(t, d, func(tx *db.Tx) error {
			list, err := l.List(tx, "ann")
			if err != nil || len(list) != 1 || list[0].Subject != "s-2" {
				t.Errorf("%v %v", list, err)
			}
			return err
		})
		if err := link(t, d, l, "bob", bank, "s-1"); err != nil {
			t.Errorf("the subject is not free: %v", err)
		}
	})
}

func TestABlockedPartnerCannotBeLinkedAndALinkedOneCannotBeBlocked(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		l := links(t, d, 1)
		block := func(a id.Account, issuer string) error {
			return d.Write(t.Context(), func(tx *db.Tx) error { return l.Block(tx, a, issuer) })
		}
		for range 2 {
			if err := block("ann", bank); err != nil {
				t.Fatal(err)
			}
		}
		if err := link(t, d, l, "ann", bank, "s-1"); !fault.Is(err, fault.Denied) {
			t.Errorf("linked although blocked: %v", err)
		}
		if err := link(t, d, l, "bob", bank, "s-1"); err != nil {
			t.Errorf("a block of one account holds for another: %v", err)
		}
		if err := block("bob", bank); !fault.Is(err, fault.Conflict) {
			t.Errorf("blocked although linked: %v", err)
		}
		var blocked []string
		var was, again bool
		write(t, d, func(tx *db.Tx) (err error) {
			blocked, err = l.Blocked(tx, "ann")
			return err
		})
		write(t, d, func(tx *db.Tx) (err error) {
			was, err = l.Unblock(tx, "ann", bank)
			return err
		})
		write(t, d, func(tx *db.Tx) (err error) {
			again, err = l.Unblock(tx, "ann", bank)
			return err
		})
		if len(blocked) != 1 || blocked[0] != bank || !was || again {
			t.Errorf("%v, %v, %v", blocked, was, again)
		}
		if err := link(t, d, l, "ann", bank, "s-2"); err != nil {
			t.Errorf("after the block: %v", err)
		}
	})
}

func TestAtOnceABlockAndALinkNeverHoldBoth(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		l := links(t, d, 1)
		for i := range 20 {
			a, fresh := id.Account(fmt.Sprintf("a-%d", i)), NewLinkID()
			var all sync.WaitGroup
			var linked, blocked error
			all.Go(func() {
				linked = d.Write(t.Context(), func(tx *db.Tx) error { return l.Link(tx, fresh, a, bank, string(a)) })
			})
			all.Go(func() {
				blocked = d.Write(t.Context(), func(tx *db.Tx) error { return l.Block(tx, a, bank) })
			})
			all.Wait()
			if (linked == nil) == (blocked == nil) {
				t.Errorf("linked: %v, blocked: %v", linked, blocked)
			}
		}
	})
}

func TestAnAccountHasOnlySoManyLinksAndErasingForgetsThemAll(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		l := links(t, d, 1)
		for i := range MaxLinks {
			if err := link(t, d, l, "ann", bank, fmt.Sprintf("s-%d", i)); err != nil {
				t.Fatal(err)
			}
		}
		if err := link(t, d, l, "ann", other, "one more"); !fault.Is(err, fault.Conflict) {
			t.Errorf("one more than allowed: %v", err)
		}
		if err := link(t, d, l, "bob", other, "bob"); err != nil {
			t.Fatal(err)
		}
		write(t, d, func(tx *db.Tx) error {
			return errors.Join(l.Block(tx, "ann", other), l.Erase(tx, "ann"))
		})
		write(t, d, func(tx *db.Tx) error {
			n, err := l.Count(tx, "ann")
			blocked, err2 := l.Blocked(tx, "ann")
			if n != 0 || len(blocked) != 0 {
				t.Errorf("%d links and %v are left", n, blocked)
			}
			return errors.Join(err, err2)
		})
		if _, found := find(t, d, l, other, "bob"); !found {
			t.Error("the link of somebody else is gone")
		}
	})
}

package device

import (
	"strings"
	"sync"
	"testing"
	"time"

	"parvis/internal/db"
	"parvis/internal/db/dbtest"
	"parvis/internal/id"
	"parvis/internal/secret"
)

func requests(t *testing.T) Requests {
	t.Helper()
	keys, err := secret.NewKeys(make([]byte, 32), []byte(strings.Repeat("k", 32)))
	if err != nil {
		t.Fatal(err)
	}
	return Requests{Keys: keys, Settings: Preset("")}
}

// RFC 8628, 6.1: user codes are of letters that make no words and are not mistaken for others.
func TestUserCodesAreOfConsonantsAndReadHoweverTheyAreTyped(t *testing.T) {
	seen := map[rune]bool{}
	for range 2000 {
		c := NewCode()
		if len(c) != codeLength || len(c.String()) != codeLength+1 {
			t.Fatalf("%q %q", c, c.String())
		}
		for _, r := range c {
			seen[r] = true
		}
		for _, typed := range []string{c.String(), strings.ToLower(c.String()), " " + string(c) + " ", strings.Join(strings.Split(string(c), ""), " ")} {
			if got, ok := Clean(typed); !ok || got != c {
				t.Fatalf("%q is read as %q", typed, got)
			}
		}
	}
	if len(seen) != len(letters) || strings.ContainsAny(letters, "AEIOUY01258") {
		t.Errorf("%d letters of %q", len(seen), letters)
	}
	for _, typed := range []string{"", "BCDF", "BCDFGHJKL", "BCDF-GHJA", "BCDF-GHJ1", "BCDF-GHJé", strings.Repeat("-", 80) + "BCDFGHJK"} {
		if got, ok := Clean(typed); ok {
			t.Errorf("%q is read as %q", typed, got)
		}
	}
}

func FuzzClean(f *testing.F) {
	f.Add("bcdf-ghjk")
	f.Add("BCDF GHJK ")
	f.Add("ſ\x00İ")
	f.Fuzz(func(t *testing.T, typed string) {
		c, ok := Clean(typed)
		if !ok {
			return
		}
		if again, ok := Clean(c.String()); !ok || again != c || len(c) != codeLength || strings.Trim(string(c), letters) != "" {
			t.Errorf("%q is read as %q, then %q", typed, c, again)
		}
	})
}

func TestFromWhereADeviceAskedIsKeptSealedUntilSomebodyDecides(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		s := requests(t)
		n := Prepare("tv", []string{"openid"})
		n.Origin = Origin{IP: "198.51.100.7", System: "Android"}
		var found Request
		var raw []byte
		kept := func(do func(tx *db.Tx) error) {
			t.Helper()
			err := d.Write(t.Context(), func(tx *db.Tx) error {
				if err := do(tx); err != nil {
					return err
				}
				return tx.QueryRow(`SELECT origin FROM device_request WHERE digest = $1`, secret.Digest(n.Device)).Scan(&raw)
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		kept(func(tx *db.Tx) (err error) {
			if _, err := s.Begin(tx, n); err != nil {
				return err
			}
			found, _, err = s.Find(tx, secret.Digest(n.Device))
			return err
		})
		if found.Origin != n.Origin || len(raw) == 0 || strings.Contains(string(raw), "198.51") || strings.Contains(string(raw), "Android") {
			t.Errorf("%+v of %q", found.Origin, raw)
		}
		kept(func(tx *db.Tx) error {
			_, err := s.Decide(tx, found.Digest, true)
			return err
		})
		if raw != nil {
			t.Errorf("%d bytes are kept after the decision", len(raw))
		}
	})
}

func TestACodeIsOpenedAFewTimesAndNotAfterItsEnd(t *testing.T) {
	clock := dbtest.NewClock()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		s := requests(t)
		n := Prepare("tv", []string{"openid", "email"})
		opened := func(code Code) (found bool) {
			err := d.WriteStatement(t.Context(), func(tx *db.Tx) (err error) {
				var r Request
				r, found, err = s.Open(tx, code)
				if found && (r.RelyingParty != "tv" || len(r.Scopes) != 2) {
					t.Errorf("%+v", r)
				}
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
			return found
		}
		begin := func(n New) (stored bool) {
			err := d.WriteStatement(t.Context(), func(tx *db.Tx) (err error) {
				stored, err = s.Begin(tx, n)
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
			return stored
		}
		if !begin(n) || begin(New{Device: secret.NewToken(), User: n.User, RelyingParty: "tv"}) {
			t.Error("a user code was given twice")
		}
		for i := range mostOpen + 2 {
			if opened(n.User) != (i < mostOpen) {
				t.Errorf("opened the %dth time", i+1)
			}
		}
		late := Prepare("tv", []string{"openid", "email"})
		begin(late)
		clock.Advance(s.Settings.Life)
		if opened(late.User) || opened(NewCode()) {
			t.Error("a code that is over, or none, was opened")
		}
		clock.Advance(2 * time.Hour)
		if err := s.Purge(t.Context(), d); err != nil {
			t.Fatal(err)
		}
		if !begin(New{Device: n.Device, User: n.User, RelyingParty: "tv"}) {
			t.Error("what ended long ago is kept")
		}
	}, dbtest.WithClock(clock.Now))
}

// Of many who decide at once one does.
func TestARequestIsDecidedOnce(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		s := requests(t)
		n := Prepare("tv", nil)
		if err := d.WriteStatement(t.Context(), func(tx *db.Tx) error { _, err := s.Begin(tx, n); return err }); err != nil {
			t.Fatal(err)
		}
		var running sync.WaitGroup
		var mu sync.Mutex
		won := 0
		for i := range 50 {
			running.Go(func() {
				var first bool
				err := d.Write(t.Context(), func(tx *db.Tx) (err error) {
					first, err = s.Decide(tx, secret.Digest(n.Device), i%2 == 0)
					return err
				})
				mu.Lock()
				defer mu.Unlock()
				if err == nil && first {
					won++
				}
			})
		}
		running.Wait()
		if won != 1 {
			t.Errorf("%d decided", won)
		}
	})
}

func TestNobodyPollsWithTheCodeOfAnother(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		s := requests(t)
		n := Prepare("tv", nil)
		err := d.WriteStatement(t.Context(), func(tx *db.Tx) error {
			if _, err := s.Begin(tx, n); err != nil {
				return err
			}
			for rp, want := range map[id.RelyingParty]Standing{"other": Unknown, "tv": Waiting} {
				if got, err := s.Poll(tx, n.Device, rp); err != nil || got != want {
					t.Errorf("%s: %s %v", rp, got, err)
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	})
}

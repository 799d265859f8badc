package backupcode_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"parvis/internal/authenticator"
	"parvis/internal/authenticator/backupcode"
	"parvis/internal/authenticator/password"
	"parvis/internal/db"
	"parvis/internal/db/dbtest"
	"parvis/internal/fault"
	"parvis/internal/id"
	"parvis/internal/secret"
)

type house struct {
	*testing.T
	db     *db.DB
	clock  *dbtest.Clock
	hasher *password.Hasher
	backupcode.Codes
}

func each(t *testing.T, test func(h *house), options ...dbtest.Option) {
	clock := dbtest.NewClock()
	root := bytes.Repeat([]byte{1}, secret.RootBytes)
	keys, err := secret.NewKeys(root, root)
	if err != nil {
		t.Fatal(err)
	}
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		hasher := password.NewHasher(keys, password.Cheap(password.Preset("parvis")))
		test(&house{T: t, db: d, clock: clock, hasher: hasher, Codes: backupcode.Codes{
			Keys: keys, Settings: backupcode.Preset("parvis"), Hash: hasher.Hash, HashLike: hasher.HashLike,
			Methods: authenticator.Authenticators{Settings: authenticator.Preset("parvis")},
		}})
	}, append(options, dbtest.WithClock(clock.Now))...)
}

func (h *house) write(fn func(tx *db.Tx) error) {
	h.Helper()
	if err := h.db.Write(context.Background(), fn); err != nil {
		h.Fatal(err)
	}
}

func (h *house) store(account id.Account) backupcode.Draft {
	h.Helper()
	d, err := h.Draft(h.Context(), h.Make())
	if err != nil {
		h.Fatal(err)
	}
	h.write(func(tx *db.Tx) error { return h.Store(tx, account, d) })
	return d
}

func (h *house) find(account id.Account) (s backupcode.Set, found bool) {
	h.Helper()
	h.write(func(tx *db.Tx) (err error) { s, found, err = h.Find(tx, account); return err })
	return s, found
}

func (h *house) guess(s backupcode.Set, code string) backupcode.Guess {
	h.Helper()
	g, err := h.Guess(h.Context(), s, code)
	if err != nil {
		h.Fatal(err)
	}
	return g
}

func (h *house) redeem(g backupcode.Guess) (won bool) {
	h.Helper()
	h.write(func(tx *db.Tx) (err error) { won, err = h.Redeem(tx, g); return err })
	return won
}

func TestEachOfTenCodesIsUsedOnce(t *testing.T) {
	each(t, func(h *house) {
		d := h.store("SAM")
		if len(d.Codes) != 10 {
			h.Fatalf("%d codes", len(d.Codes))
		}
		for n, code := range d.Codes {
			h.clock.Advance(time.Minute)
			s, _ := h.find("SAM")
			if s.Left != 10-n || s.Total != 10 {
				h.Fatalf("after %d: %+v", n, s)
			}
			before := h.hasher.Computed()
			first, second := h.guess(s, code), h.guess(s, code)
			if made := h.hasher.Computed() - before; made != 2 {
				h.Errorf("two guesses cost %d computations", made)
			}
			if first.Outcome != backupcode.Matched || second.Outcome != backupcode.Matched {
				h.Fatalf("%v %v", first.Outcome, second.Outcome)
			}
			if !h.redeem(first) || h.redeem(second) {
				h.Error("not redeemed once")
			}
			s, _ = h.find("SAM")
			if got := h.guess(s, code); got.Outcome != backupcode.Used || !s.UsedAt.Equal(h.clock.Now()) {
				h.Errorf("again: %v, used at %v", got.Outcome, s.UsedAt)
			}
		}
		s, found := h.find("SAM")
		if !found || s.Left != 0 {
			h.Errorf("%+v", s)
		}
		if g := h.guess(s, "000000000000"); g.Outcome != backupcode.Wrong {
			h.Errorf("%v", g.Outcome)
		}
		err := h.db.Write(context.Background(), func(tx *db.Tx) error { _, err := h.Redeem(tx, backupcode.Guess{}); return err })
		if err == nil {
			h.Error("a wrong code was redeemed")
		}
	})
}

func TestOneCodePresentedFortyTimesAtOnceIsUsedOnce(t *testing.T) {
	each(t, func(h *house) {
		d := h.store("SAM")
		s, _ := h.find("SAM")
		g := h.guess(s, d.Codes[3])
		other := dbtest.Second(t, h.db, dbtest.WithClock(h.clock.Now), dbtest.WithoutRehearsal())
		var wg sync.WaitGroup
		var mu sync.Mutex
		redeemed := 0
		for i := range 40 {
			node := []*db.DB{h.db, other}[i%2]
			wg.Go(func() {
				var won bool
				err := node.WriteStatement(context.Background(), func(tx *db.Tx) (err error) { won, err = h.Redeem(tx, g); return err })
				mu.Lock()
				defer mu.Unlock()
				if err != nil {
					h.Errorf("redeem: %v", err)
				}
				if won {
					redeemed++
				}
			})
		}
		wg.Wait()
		if s, _ := h.find("SAM"); redeemed != 1 || s.Left != 9 {
			h.Errorf("redeemed %d times, %d left", redeemed, s.Left)
		}
	}, dbtest.WithoutRehearsal())
}

func TestANewSetEndsTheOlderOneAndItsFailures(t *testing.T) {
	each(t, func(h *house) {
		older := h.store("SAM")
		s, _ := h.find("SAM")
		matched := h.guess(s, older.Codes[0])
		h.redeem(h.guess(s, older.Codes[1]))
		for range 5 {
			h.write(func(tx *db.Tx) error { _, err := h.Methods.Attempt(tx, "SAM", older.ID); return err })
		}
		newer := h.store("SAM")
		s, _ = h.find("SAM")
		if s.ID != newer.ID || s.Left != 10 || !s.UsedAt.IsZero() {
			h.Errorf("%+v", s)
		}
		for _, code := range older.Codes {
			if got := h.guess(s, code); got.Outcome != backupcode.Wrong {
				h.Errorf("an older code: %v", got.Outcome)
			}
		}
		if h.redeem(matched) {
			h.Error("an older code was redeemed after the newer set")
		}
		var list []authenticator.Authenticator
		h.write(func(tx *db.Tx) (err error) { list, err = authenticator.List(tx, "SAM"); return err })
		if len(list) != 1 || list[0].ID != newer.ID || h.Methods.StateOf(list[0], h.clock.Now()).Standing != authenticator.Usable {
			h.Errorf("%+v", list)
		}
	})
}

func TestCodesOfAnotherAccountAreWrong(t *testing.T) {
	each(t, func(h *house) {
		sam, eve := h.store("SAM"), h.store("EVE")
		s, _ := h.find("SAM")
		if got := h.guess(s, eve.Codes[0]); got.Outcome != backupcode.Wrong {
			h.Errorf("%v", got.Outcome)
		}
		h.write(func(tx *db.Tx) error {
			var stored []byte
			if err := tx.QueryRow(`SELECT verifiers FROM backup_code WHERE account_id = 'EVE'`).Scan(&stored); err != nil {
				return err
			}
			if bytes.Contains(stored, []byte("argon2id")) || bytes.Contains(stored, []byte(eve.Codes[0])) {
				h.Error("the codes or their verifiers stand in clear")
			}
			return tx.ExecOne(`UPDATE backup_code SET verifiers = $1 WHERE account_id = 'SAM'`, stored)
		})
		err := h.db.Read(context.Background(), func(tx *db.Tx) error { _, _, err := h.Find(tx, "SAM"); return err })
		if err == nil {
			h.Errorf("codes of EVE sign in as SAM (%s)", sam.ID)
		}
	})
}

func TestTheOwnerIsAskedAfterFiveMonthsWithoutUse(t *testing.T) {
	each(t, func(h *house) {
		d := h.store("SAM")
		due := func() bool {
			s, _ := h.find("SAM")
			return h.Due(s, h.clock.Now())
		}
		h.clock.Advance(150*24*time.Hour - time.Millisecond)
		if due() {
			h.Error("too early")
		}
		h.clock.Advance(time.Millisecond)
		if !due() {
			h.Error("not asked")
		}
		h.write(func(tx *db.Tx) error { return h.Reminded(tx, "SAM") })
		if due() {
			h.Error("asked again at once")
		}
		h.clock.Advance(100 * 24 * time.Hour)
		s, _ := h.find("SAM")
		h.redeem(h.guess(s, d.Codes[0]))
		h.clock.Advance(100 * 24 * time.Hour)
		if due() {
			h.Error("asked although one was used")
		}
		h.clock.Advance(50 * 24 * time.Hour)
		if !due() {
			h.Error("not asked after the use")
		}
		h.Settings.RemindAfter = 0
		if due() {
			h.Error("asked although nobody wants it")
		}
	})
}

func TestARemovedSetIsGone(t *testing.T) {
	each(t, func(h *house) {
		d := h.store("SAM")
		s, _ := h.find("SAM")
		g := h.guess(s, d.Codes[0])
		var removed, again bool
		h.write(func(tx *db.Tx) (err error) {
			if removed, err = h.Remove(tx, "SAM"); err != nil {
				return err
			}
			again, err = h.Remove(tx, "SAM")
			return err
		})
		if _, found := h.find("SAM"); found || !removed || again || h.redeem(g) {
			h.Errorf("removed %v, again %v, found %v", removed, again, found)
		}
		var list []authenticator.Authenticator
		h.write(func(tx *db.Tx) (err error) { list, err = authenticator.List(tx, "SAM"); return err })
		if len(list) != 0 {
			h.Errorf("%+v", list)
		}
	})
}

func TestWhenTooManyWaitNoCodeIsComparedOrLost(t *testing.T) {
	each(t, func(h *house) {
		d := h.store("SAM")
		s, _ := h.find("SAM")
		h.HashLike = func(context.Context, string, string) (string, error) {
			return "", fault.Retry(fault.Unavailable, "error.busy", time.Second)
		}
		if _, err := h.Guess(h.Context(), s, d.Codes[0]); !fault.Is(err, fault.Unavailable) {
			h.Errorf("%v", err)
		}
		if _, err := h.Draft(h.Context(), h.Make()); !fault.Is(err, fault.Unavailable) {
			h.Errorf("%v", err)
		}
	})
}

func codes() backupcode.Codes { return backupcode.Codes{Settings: backupcode.Preset("parvis")} }

func TestACodeIsReadAsPeopleTypeIt(t *testing.T) {
	for _, typed := range []string{
		"7K30-M921-0XVD", "7k30m9210xvd", " 7K30 M921 0XVD ", "7K3O-M92I-OXVD", "7k3o m92l oxvd", "７Ｋ３０－Ｍ９２１－０ＸＶＤ", "7K30\u2013M921\u20110XVD",
	} {
		if got, err := codes().Parse(typed); err != nil || got != "7K30M9210XVD" {
			t.Errorf("%q became %q, %v", typed, got, err)
		}
	}
	for _, typed := range []string{"", "-", "7K30-M921-0XV", "7K30-M921-0XVDA", "7K30-M921-0XVU", "7K30-M921-0XV\u00e9", "7K30-M921-0XV*", strings.Repeat(" ", 200) + "7K30M9210XVD"} {
		if got, err := codes().Parse(typed); !fault.Is(err, fault.Invalid) {
			t.Errorf("%q was accepted as %q", typed, got)
		}
	}
	if got := backupcode.Grouped("7K30M9210XVD"); got != "7K30-M921-0XVD" {
		t.Error(got)
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{"7K30-M921-0XVD", "oil oil oil oil", "７Ｋ３０", "\xff", "uuuuuuuuuuuu"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, typed string) {
		got, err := codes().Parse(typed)
		if err != nil {
			return
		}
		if len(got) != 12 || strings.Trim(got, "0123456789ABCDEFGHJKMNPQRSTVWXYZ") != "" {
			t.Errorf("%q became %q", typed, got)
		}
		if again, err := codes().Parse(backupcode.Grouped(got)); err != nil || again != got {
			t.Errorf("%q became %q: %v", got, again, err)
		}
	})
}

func TestCodesAreRandomReadableAndNeverPrinted(t *testing.T) {
	each(t, func(h *house) {
		seen, characters := map[string]bool{}, map[rune]int{}
		for range 30 {
			d, err := h.Draft(h.Context(), h.Make())
			if err != nil {
				h.Fatal(err)
			}
			for _, code := range d.Codes {
				if read, err := h.Parse(code); err != nil || read != code || seen[code] {
					h.Fatalf("code %q: %v", code, err)
				}
				seen[code] = true
				for _, r := range code {
					characters[r]++
				}
			}
			var out bytes.Buffer
			slog.New(slog.NewTextHandler(&out, nil)).Info("x", "draft", d)
			if all := fmt.Sprintf("%v %+v %#v %s", d, d, d, d) + out.String(); strings.Contains(all, d.Codes[0]) {
				h.Error(all)
			}
		}
		for r, n := range characters {
			if n < 50 || n > 190 { // 3,600 characters, 112.5 of each expected: more than five standard deviations
				h.Errorf("%c came %d times", r, n)
			}
		}
		if len(characters) != 32 {
			h.Errorf("%d characters", len(characters))
		}
	})
}

func TestSettingsOfEveryPresetAreAccepted(t *testing.T) {
	for _, name := range []string{"parvis", "ontario", "logingov"} {
		if p := backupcode.Preset(name).Problems(); p != nil {
			t.Errorf("%s: %v", name, p)
		}
	}
	if got := (backupcode.Settings{Codes: 1, Length: 13, RemindAfter: time.Second}).Problems(); len(got) != 3 {
		t.Errorf("%v", got)
	}
}

func TestASetKeepsItsPepperUntilTheOwnerMakesANewOne(t *testing.T) {
	each(t, func(h *house) {
		d := h.store("SAM")
		pepper := bytes.Repeat([]byte{1}, secret.RootBytes) // the house's
		newer, err := secret.NewKeys(bytes.Repeat([]byte{2}, secret.RootBytes), pepper)
		if err == nil {
			newer, err = newer.WithOlderPeppers(pepper)
		}
		if err != nil {
			h.Fatal(err)
		}
		hasher := password.NewHasher(newer, password.Cheap(password.Preset("parvis")))
		h.Keys, h.Hash, h.HashLike = newer, hasher.Hash, hasher.HashLike
		counts := func() (out [2]int64, needed []string) {
			h.write(func(tx *db.Tx) (err error) {
				for i, id := range newer.PepperIDs() {
					if out[i], err = h.Count(tx, id); err != nil {
						return err
					}
				}
				needed, err = h.Peppers(tx)
				return err
			})
			return out, needed
		}
		s, _ := h.find("SAM")
		if got := h.guess(s, d.Codes[0]); got.Outcome != backupcode.Matched {
			h.Errorf("with the older pepper: %v", got.Outcome)
		}
		if n, needed := counts(); n != [2]int64{0, 1} || len(needed) != 1 || needed[0] != newer.PepperIDs()[1] {
			h.Errorf("before: %v %q", n, needed)
		}
		d = h.store("SAM")
		s, _ = h.find("SAM")
		if got := h.guess(s, d.Codes[0]); got.Outcome != backupcode.Matched {
			h.Errorf("with the newest pepper: %v", got.Outcome)
		}
		if n, needed := counts(); n != [2]int64{1, 0} || len(needed) != 1 || needed[0] != newer.PepperIDs()[0] {
			h.Errorf("after: %v %q", n, needed)
		}
	})
}

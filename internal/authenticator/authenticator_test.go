package authenticator_test

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf8"

	"parvis/internal/authenticator"
	"parvis/internal/db"
	"parvis/internal/db/dbtest"
	"parvis/internal/fault"
	"parvis/internal/id"
)

type house struct {
	*testing.T
	db    *db.DB
	clock *dbtest.Clock
	authenticator.Authenticators
}

func each(t *testing.T, test func(h *house), options ...dbtest.Option) {
	clock := dbtest.NewClock()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		test(&house{T: t, db: d, clock: clock, Authenticators: authenticator.Authenticators{Settings: authenticator.Preset("parvis")}})
	}, append(options, dbtest.WithClock(clock.Now))...)
}

func (h *house) try(fn func(tx *db.Tx) error) error {
	return h.db.Write(context.Background(), fn)
}

func (h *house) write(fn func(tx *db.Tx) error) {
	h.Helper()
	if err := h.try(fn); err != nil {
		h.Fatal(err)
	}
}

func (h *house) bind(account id.Account, t authenticator.Type, name string) (authenticator.ID, error) {
	a := authenticator.Authenticator{ID: authenticator.NewID(), Account: account, Type: t, Name: name}
	return a.ID, h.try(func(tx *db.Tx) error { return h.Bind(tx, a) })
}

func (h *house) bound(account id.Account, t authenticator.Type, name string) authenticator.ID {
	h.Helper()
	a, err := h.bind(account, t, name)
	if err != nil {
		h.Fatal(err)
	}
	return a
}

func (h *house) list(account id.Account) (out []authenticator.Authenticator) {
	h.Helper()
	h.write(func(tx *db.Tx) (err error) { out, err = authenticator.List(tx, account); return err })
	return out
}

func (h *house) state(account id.Account, a authenticator.ID) authenticator.State {
	h.Helper()
	var got authenticator.Authenticator
	h.write(func(tx *db.Tx) (err error) { got, _, err = authenticator.Get(tx, account, a); return err })
	return h.StateOf(got, h.clock.Now())
}

func (h *house) attempt(account id.Account, a authenticator.ID) (out authenticator.Attempt) {
	h.Helper()
	err := h.db.WriteStatement(context.Background(), func(tx *db.Tx) (err error) {
		out, err = h.Attempt(tx, account, a)
		return err
	})
	if err != nil {
		h.Fatal(err)
	}
	return out
}

func (h *house) failed(a authenticator.Attempt) (told bool) {
	h.Helper()
	h.write(func(tx *db.Tx) (err error) { told, err = h.Failed(tx, a); return err })
	return told
}

func (h *house) succeeded(a authenticator.Attempt) (ok bool) {
	h.Helper()
	h.write(func(tx *db.Tx) (err error) { ok, err = h.Succeeded(tx, a); return err })
	return ok
}

// race makes n attempts at once on two nodes and says how many were allowed and
// how often the owner would be told that the authenticator was disabled.
func (h *house) race(account id.Account, a authenticator.ID, n int) (allowed, told int) {
	h.Helper()
	other := dbtest.Second(h.T, h.db, dbtest.WithClock(h.clock.Now), dbtest.WithoutRehearsal())
	var wg sync.WaitGroup
	var mu sync.Mutex
	for i := range n {
		node := []*db.DB{h.db, other}[i%2]
		wg.Go(func() {
			var at authenticator.Attempt
			err := node.WriteStatement(context.Background(), func(tx *db.Tx) (err error) {
				at, err = h.Attempt(tx, account, a)
				return err
			})
			var last bool
			if err == nil && at.Allowed {
				err = node.WriteStatement(context.Background(), func(tx *db.Tx) (err error) {
					last, err = h.Failed(tx, at)
					return err
				})
			}
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				h.Errorf("attempt: %v", err)
			}
			if at.Allowed {
				allowed++
			}
			if last {
				told++
			}
		})
	}
	wg.Wait()
	return allowed, told
}

func TestOfFortyCodesAtOnceExactlyFiveAreComparedAndThenItWaits(t *testing.T) {
	each(t, func(h *house) {
		a := h.bound("SAM", authenticator.TOTP, "Phone")
		if allowed, told := h.race("SAM", a, 40); allowed != 5 || told != 0 {
			h.Errorf("%d compared, told %d times", allowed, told)
		}
		s := h.state("SAM", a)
		if s.Standing != authenticator.Waiting || !s.Until.Equal(h.clock.Now().Add(15*time.Minute)) || s.Failures != 5 {
			h.Errorf("%+v", s)
		}
	}, dbtest.WithoutRehearsal())
}

func TestOfFortyFailuresAtOnceExactlyAsManyAsAreAllowedInARowAreCompared(t *testing.T) {
	each(t, func(h *house) {
		h.Settings.Tries, h.Settings.MaxFailures = 1000, 12
		a := h.bound("SAM", authenticator.TOTP, "Phone")
		if allowed, told := h.race("SAM", a, 40); allowed != 12 || told != 1 {
			h.Errorf("%d compared, told %d times", allowed, told)
		}
		if s := h.state("SAM", a); s.Standing != authenticator.Disabled || s.Failures != 12 {
			h.Errorf("%+v", s)
		}
	}, dbtest.WithoutRehearsal())
}

func TestAHundredFailuresInARowDisableUntilItIsBoundAgain(t *testing.T) {
	each(t, func(h *house) {
		a := h.bound("SAM", authenticator.Phone, "Mobile")
		compared := 0
		for range 200 {
			at := h.attempt("SAM", a)
			told := h.failed(at)
			if at.Allowed {
				compared++
			} else {
				h.clock.Advance(time.Minute)
			}
			if told != (at.Allowed && compared == 100) {
				h.Fatalf("after %d comparisons: told %v", compared, told)
			}
			if compared == 100 && !at.Allowed {
				break
			}
			if s := h.state("SAM", a); s.Standing == authenticator.Waiting {
				h.clock.Advance(s.Until.Sub(h.clock.Now()))
			}
		}
		if compared != 100 {
			h.Fatalf("%d compared", compared)
		}
		h.clock.Advance(365 * 24 * time.Hour)
		if at := h.attempt("SAM", a); at.Allowed || at.State.Standing != authenticator.Disabled {
			h.Errorf("time alone ends it: %+v", at)
		}
		h.write(func(tx *db.Tx) error {
			was, err := authenticator.Rebind(tx, "SAM", a)
			if err == nil && !was {
				h.Error("it was not bound again")
			}
			return err
		})
		if s := h.state("SAM", a); s.Standing != authenticator.Usable || s.Failures != 0 || s.Left != 5 {
			h.Errorf("bound again: %+v", s)
		}
		if at := h.attempt("SAM", a); !at.Allowed || !h.list("SAM")[0].BoundAt.Equal(h.clock.Now()) {
			h.Errorf("%+v", at)
		}
	})
}

func TestADisablingThatAProcessCouldNotTellIsToldLater(t *testing.T) {
	each(t, func(h *house) {
		h.Settings.Tries, h.Settings.MaxFailures = 1000, 10
		a := h.bound("SAM", authenticator.TOTP, "Phone")
		for range 10 {
			h.attempt("SAM", a) // the process dies before it compares
		}
		refused := h.attempt("SAM", a)
		if refused.Allowed || h.failed(refused) {
			h.Fatal("told while the last comparison may still succeed")
		}
		h.clock.Advance(time.Minute)
		if !h.failed(refused) || h.failed(refused) {
			h.Error("told never or twice")
		}
	})
}

func TestASuccessForgetsTheFailuresAndNotesTheUse(t *testing.T) {
	each(t, func(h *house) {
		a := h.bound("SAM", authenticator.TOTP, "Phone")
		for range 3 {
			var at authenticator.Attempt
			for n := 1; n <= 5; n++ { // the fifth may be right
				at = h.attempt("SAM", a)
				if !at.Allowed || at.State.Failures != n || (n < 5) != (at.State.Left == 5-n && at.State.Standing == authenticator.Usable) {
					h.Fatalf("attempt %d: %+v", n, at)
				}
			}
			if !h.succeeded(at) {
				h.Fatal("a right code counts for nothing")
			}
			if s := h.state("SAM", a); s.Standing != authenticator.Usable || s.Failures != 0 || s.Left != 5 {
				h.Fatalf("%+v", s)
			}
		}
		if !h.list("SAM")[0].UsedAt.Equal(h.clock.Now()) {
			h.Error("the use is not noted")
		}
	})
}

func TestASuccessAfterItWasDisabledOrRemovedCountsForNothing(t *testing.T) {
	each(t, func(h *house) {
		h.Settings.Tries, h.Settings.MaxFailures = 1000, 10
		a := h.bound("SAM", authenticator.TOTP, "Phone")
		first := h.attempt("SAM", a)
		var last authenticator.Attempt
		for range 9 {
			last = h.attempt("SAM", a)
		}
		h.failed(last)
		if h.succeeded(first) {
			h.Error("a slow success enables it again")
		}
		b := h.bound("EVE", authenticator.TOTP, "Phone")
		at := h.attempt("EVE", b)
		h.write(func(tx *db.Tx) error { _, err := authenticator.Remove(tx, "EVE", b); return err })
		if h.succeeded(at) {
			h.Error("a removed one succeeds")
		}
	})
}

func TestWrongCodesAreCountedInTheirWindow(t *testing.T) {
	each(t, func(h *house) {
		a := h.bound("SAM", authenticator.TOTP, "Phone")
		for range 4 {
			h.attempt("SAM", a)
		}
		h.clock.Advance(15*time.Minute - time.Millisecond)
		if s := h.state("SAM", a); s.Left != 1 {
			h.Errorf("%+v", s)
		}
		h.clock.Advance(time.Millisecond)
		if s := h.state("SAM", a); s.Left != 5 || s.Failures != 4 {
			h.Errorf("%+v", s)
		}
		for range 5 {
			if !h.attempt("SAM", a).Allowed {
				h.Fatal("the window did not end")
			}
		}
		at := h.attempt("SAM", a)
		if at.Allowed || at.State.Standing != authenticator.Waiting {
			h.Errorf("%+v", at)
		}
		h.clock.Advance(at.State.Until.Sub(h.clock.Now()) - time.Millisecond)
		if h.attempt("SAM", a).Allowed {
			h.Error("it waits too short")
		}
		h.clock.Advance(time.Millisecond)
		if at := h.attempt("SAM", a); !at.Allowed || at.State.Failures != 10 || at.State.Left != 4 {
			h.Errorf("after the wait: %+v", at)
		}
	})
}

func TestNobodyTouchesTheAuthenticatorOfAnotherAccount(t *testing.T) {
	each(t, func(h *house) {
		a := h.bound("SAM", authenticator.TOTP, "Phone")
		for name, fn := range map[string]func(tx *db.Tx) error{
			"attempt": func(tx *db.Tx) error { _, err := h.Attempt(tx, "EVE", a); return err },
			"rename":  func(tx *db.Tx) error { _, err := authenticator.Rename(tx, "EVE", a, "Mine"); return err },
			"rebind": func(tx *db.Tx) error {
				if was, err := authenticator.Rebind(tx, "EVE", a); was || err != nil {
					return err
				}
				return authenticator.None()
			},
			"remove": func(tx *db.Tx) error {
				if ok, err := authenticator.Remove(tx, "EVE", a); ok || err != nil {
					return err
				}
				return authenticator.None()
			},
		} {
			if err := h.try(fn); !fault.Is(err, fault.NotFound) {
				h.Errorf("%s: %v", name, err)
			}
		}
		if l := h.list("SAM"); len(l) != 1 || l[0].Name != "Phone" || h.state("SAM", a).Failures != 0 {
			h.Errorf("%+v", l)
		}
	})
}

func TestEachTypeHasItsRoom(t *testing.T) {
	each(t, func(h *house) {
		h.Settings.Apps, h.Settings.Phones = 2, 3
		for i, c := range []struct {
			t    authenticator.Type
			most int
		}{
			{authenticator.TOTP, 2},
			{authenticator.Phone, 3},
			{authenticator.Passkey, 10},
			{authenticator.BackupCode, 1},
			{authenticator.Email, 1},
			{authenticator.Password, 1},
		} {
			account := id.Account("SAM" + string(c.t))
			for n := range c.most {
				if room := h.Room(h.list(account), c.t); room != c.most-n {
					h.Errorf("%s: room for %d beside %d", c.t, room, n)
				}
				h.bound(account, c.t, "")
			}
			if _, err := h.bind(account, c.t, ""); !fault.Is(err, fault.Conflict) || h.Room(h.list(account), c.t) != 0 {
				h.Errorf("%d %s: one too many: %v", i, c.t, err)
			}
		}
	})
}

func TestOfManyWhoBindAtOnceNoMoreThanTheRoomAreBound(t *testing.T) {
	each(t, func(h *house) {
		h.Settings.Apps = 2
		var wg sync.WaitGroup
		for range 12 {
			wg.Go(func() { _, _ = h.bind("SAM", authenticator.TOTP, "") }) // most are refused: that is what is tested
		}
		wg.Wait()
		if n := len(h.list("SAM")); n != 2 {
			h.Errorf("%d were bound", n)
		}
	}, dbtest.WithoutRehearsal())
}

func TestTheAddressIsBoundWhenItIsNeededAndOnce(t *testing.T) {
	each(t, func(h *house) {
		var wg sync.WaitGroup
		var mu sync.Mutex
		seen := map[authenticator.ID]bool{}
		for range 8 {
			fresh := authenticator.NewID()
			wg.Go(func() {
				var a authenticator.Authenticator
				err := h.try(func(tx *db.Tx) (err error) {
					a, err = authenticator.Ensure(tx, "SAM", authenticator.Email, fresh)
					return err
				})
				mu.Lock()
				defer mu.Unlock()
				if err != nil || a.Type != authenticator.Email || a.Account != "SAM" {
					h.Errorf("%+v %v", a, err)
				}
				seen[a.ID] = true
			})
		}
		wg.Wait()
		if len(seen) != 1 || len(h.list("SAM")) != 1 {
			h.Errorf("%v", seen)
		}
		err := h.try(func(tx *db.Tx) error {
			_, err := authenticator.Ensure(tx, "SAM", authenticator.TOTP, authenticator.NewID())
			return err
		})
		if err == nil {
			h.Error("an app from nothing")
		}
	}, dbtest.WithoutRehearsal())
}

func TestANameIsTheOnlyOneOfItsAccount(t *testing.T) {
	each(t, func(h *house) {
		a := h.bound("SAM", authenticator.TOTP, "  Téléphone  ")
		h.clock.Advance(time.Second)
		b := h.bound("SAM", authenticator.Phone, "Work")
		email := h.bound("SAM", authenticator.Email, "")
		h.bound("EVE", authenticator.TOTP, "Work")
		if got := h.list("SAM")[0].Name; got != "Téléphone" {
			h.Errorf("name %q is not NFC or not trimmed", got)
		}
		rename := func(which authenticator.ID, typed string) error {
			return h.try(func(tx *db.Tx) error { _, err := authenticator.Rename(tx, "SAM", which, typed); return err })
		}
		for _, taken := range []string{"work", "WORK", " Work ", "Ｗork"} {
			if err := rename(a, taken); !fault.Is(err, fault.Invalid) {
				h.Errorf("%q beside Work: %v", taken, err)
			}
			if _, err := h.bind("SAM", authenticator.TOTP, taken); !fault.Is(err, fault.Invalid) {
				h.Errorf("bind %q beside Work: %v", taken, err)
			}
		}
		if err := rename(b, "WORK"); err != nil {
			h.Errorf("its own name in capitals: %v", err)
		}
		if err := rename(email, "Post"); !fault.Is(err, fault.NotFound) {
			h.Errorf("an address has no name: %v", err)
		}
		list := h.list("SAM")
		if got := authenticator.FreeName(list, "Work"); got != "Work 2" {
			h.Errorf("free name %q", got)
		}
		if got := authenticator.FreeName(list, "Tablet"); got != "Tablet" {
			h.Errorf("free name %q", got)
		}
	})
}

func TestANameThatWasProposedIsKnownAgain(t *testing.T) {
	for name, behind := range map[string]string{"Phone": "", "Phone 2": " 2", "Phone 17": " 17"} {
		if got, ok := authenticator.Proposed(name, "Phone"); !ok || got != behind {
			t.Errorf("%q: %q, %v", name, got, ok)
		}
	}
	for _, name := range []string{"", "phone", "Phone ", "Phone 1", "Phone 02", "Phone2", "Phone -3", "Phone 2 ", "Work", "My Phone"} {
		if got, ok := authenticator.Proposed(name, "Phone"); ok {
			t.Errorf("%q counts as proposed, with %q", name, got)
		}
	}
}

func TestANameHasOneToEightyVisibleCharacters(t *testing.T) {
	for typed, want := range map[string]string{
		"a": "a", " Ana’s phone\t": "Ana’s phone", strings.Repeat("é", 80): strings.Repeat("é", 80),
		strings.Repeat("e\u0301", 80): strings.Repeat("é", 80), "👩‍👩‍👧 tablet": "👩‍👩‍👧 tablet", "携帯": "携帯",
	} {
		if n, err := authenticator.ParseName(typed); err != nil || n.Text != want {
			t.Errorf("%q: %q, %v", typed, n.Text, err)
		}
	}
	for _, typed := range []string{
		"", "   ", "\u00a0", strings.Repeat("é", 81), "a\nb", "a\x00b", "a\u202eb", "a\u2066b", "\xff", strings.Repeat(" ", 2000) + "a", "a\u2028b",
	} {
		if n, err := authenticator.ParseName(typed); !fault.Is(err, fault.Invalid) {
			t.Errorf("%q was accepted as %q", typed, n.Text)
		}
	}
}

func FuzzName(f *testing.F) {
	for _, s := range []string{"Phone", " é ", "e\u0301", "a\u202eb", "\xff", "ﬀ", "İ", strings.Repeat("x", 81)} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, typed string) {
		n, err := authenticator.ParseName(typed)
		if err != nil {
			return
		}
		count := utf8.RuneCountInString(n.Text)
		if count < 1 || count > 80 || !utf8.ValidString(n.Text) || strings.TrimSpace(n.Text) != n.Text {
			t.Errorf("%q became %q", typed, n.Text)
		}
		again, err := authenticator.ParseName(n.Text)
		if err != nil || again != n {
			t.Errorf("%q became %q, and that %q: %v", typed, n.Text, again.Text, err)
		}
	})
}

func TestWhatIsErasedIsGone(t *testing.T) {
	each(t, func(h *house) {
		h.bound("SAM", authenticator.TOTP, "Phone")
		h.bound("SAM", authenticator.Email, "")
		h.bound("EVE", authenticator.Email, "")
		password := h.bound("SAM", authenticator.Password, "")
		h.write(func(tx *db.Tx) error { return authenticator.Reset(tx, "SAM") })
		if l := h.list("SAM"); len(l) != 1 || l[0].ID != password {
			h.Errorf("after a reset: %+v", l)
		}
		h.write(func(tx *db.Tx) error { return authenticator.Erase(tx, "SAM") })
		if len(h.list("SAM")) != 0 || len(h.list("EVE")) != 1 {
			h.Error("too much or too little was erased")
		}
	})
}

func TestSettingsOfEveryPresetAreAccepted(t *testing.T) {
	for _, name := range []string{"parvis", "ontario", "logingov"} {
		if p := authenticator.Preset(name).Problems(); p != nil {
			t.Errorf("%s: %v", name, p)
		}
	}
	if got := len(authenticator.Settings{}.Problems()); got != 7 {
		t.Errorf("%d problems of empty settings", got)
	}
}

package account_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"parvis/internal/account"
	"parvis/internal/db"
	"parvis/internal/db/dbtest"
	"parvis/internal/id"
)

// active is an account that is active, with a proven address.
func (h *house) active(written string) account.Account {
	h.Helper()
	a, _ := h.create(written)
	h.write(func(tx *db.Tx) error {
		if _, err := h.accounts.MarkProven(tx, a.ID, h.addr(written)); err != nil {
			return err
		}
		_, err := h.accounts.Activate(tx, a.ID)
		return err
	})
	return a
}

func (h *house) add(a id.Account, written string) (out account.Added, removed id.Account) {
	h.Helper()
	row := id.New[id.Address]()
	h.write(func(tx *db.Tx) (err error) {
		out, removed, err = h.accounts.Add(tx, a, row, h.addr(written))
		return err
	})
	return out, removed
}

func (h *house) addresses(a id.Account) (out []account.Email) {
	h.Helper()
	h.write(func(tx *db.Tx) (err error) { out, err = h.accounts.Addresses(tx, a); return err })
	return out
}

func (h *house) address(a id.Account, written string) account.Email {
	h.Helper()
	for _, e := range h.addresses(a) {
		if e.Address.Key == h.addr(written).Key {
			return e
		}
	}
	h.Fatalf("the account has no %s", written)
	return account.Email{}
}

func TestAnAccountIsFoundByEachOfItsAddresses(t *testing.T) {
	each(t, func(h *house) {
		a := h.active("sam@example.org")
		if out, _ := h.add(a.ID, "Sam.Rivers@Example.com"); out != account.AddedNow {
			h.Fatal(out)
		}
		if out, _ := h.add(a.ID, "sam.rivers@example.com"); out != account.AddedOwn {
			h.Errorf("a second time: %s", out)
		}
		if found, ok := h.byAddress("SAM.RIVERS@example.com"); !ok || found.ID != a.ID {
			h.Error("not found by the second address")
		}
		b := h.active("eve@example.org")
		if out, _ := h.add(b.ID, "sam.rivers@example.com"); out != account.AddedTaken {
			h.Errorf("an address of another account: %s", out)
		}
		all := h.addresses(a.ID)
		if len(all) != 2 || !all[0].Main || all[1].Main || all[1].ProvenAt.IsZero() || all[0].Address.Written != "sam@example.org" {
			h.Errorf("%+v", all)
		}
		h.write(func(tx *db.Tx) error {
			e, _, err := h.accounts.Typed(tx, a.ID, h.addr("sam.RIVERS@example.com"))
			if e.Address.Written != "Sam.Rivers@Example.com" {
				h.Errorf("mail for the second address goes to %q", e.Address.Written)
			}
			return err
		})
	})
}

func TestAnAccountThatNobodyActivatedGivesWayToWhoReadsTheAddress(t *testing.T) {
	each(t, func(h *house) {
		waits, _ := h.create("sam.rivers@example.com")
		a := h.active("sam@example.org")
		if out, removed := h.add(a.ID, "sam.rivers@example.com"); out != account.AddedNow || removed != waits.ID {
			h.Errorf("%s, removed %q", out, removed)
		}
		if found, _ := h.byAddress("sam.rivers@example.com"); found.ID != a.ID {
			h.Error("the address is not the account's")
		}
	})
}

func TestAnAccountHasNoMoreAddressesThanItMay(t *testing.T) {
	each(t, func(h *house) {
		a := h.active("sam@example.org")
		for i := range h.accounts.Settings.Addresses - 1 {
			if out, _ := h.add(a.ID, fmt.Sprintf("sam%d@example.org", i)); out != account.AddedNow {
				h.Fatal(out)
			}
		}
		if out, _ := h.add(a.ID, "more@example.org"); out != account.AddedFull {
			h.Errorf("one too many: %s", out)
		}
	})
}

func TestOfAccountsThatRaceForAnAddressOneGetsIt(t *testing.T) {
	each(t, func(h *house) {
		const racers = 12
		var all []id.Account
		for i := range racers {
			all = append(all, h.active(fmt.Sprintf("racer%d@example.org", i)).ID)
		}
		var wg sync.WaitGroup
		var mu sync.Mutex
		got := map[account.Added]int{}
		for _, a := range all {
			wg.Go(func() {
				row := id.New[id.Address]()
				var out account.Added
				for {
					err := h.db.Write(context.Background(), func(tx *db.Tx) (err error) {
						out, _, err = h.accounts.Add(tx, a, row, h.addr("prize@example.org"))
						return err
					})
					if err == nil {
						break
					}
				}
				mu.Lock()
				defer mu.Unlock()
				got[out]++
			})
		}
		wg.Wait()
		if got[account.AddedNow] != 1 || got[account.AddedTaken] != racers-1 {
			h.Errorf("%v", got)
		}
		if n := h.count(`SELECT COUNT(*) FROM email_address`); n != racers+1 {
			h.Errorf("%d addresses", n)
		}
	}, dbtest.WithoutRehearsal())
}

func TestOfRacersForTheLastPlaceOneGetsIt(t *testing.T) {
	each(t, func(h *house) {
		h.accounts.Settings.Addresses = 2
		a := h.active("sam@example.org")
		var wg sync.WaitGroup
		for i := range 8 {
			wg.Go(func() {
				row := id.New[id.Address]()
				for {
					err := h.db.Write(context.Background(), func(tx *db.Tx) error {
						_, _, err := h.accounts.Add(tx, a.ID, row, h.addr(fmt.Sprintf("sam%d@example.org", i)))
						return err
					})
					if err == nil {
						return
					}
				}
			})
		}
		wg.Wait()
		if n := h.count(`SELECT COUNT(*) FROM email_address`); n != 2 {
			h.Errorf("%d addresses", n)
		}
	}, dbtest.WithoutRehearsal())
}

func TestTheMainAddressStaysUntilAnotherOneIsMain(t *testing.T) {
	each(t, func(h *house) {
		a := h.active("sam@example.org")
		h.add(a.ID, "new@example.org")
		first, second := h.address(a.ID, "sam@example.org"), h.address(a.ID, "new@example.org")
		var gone, made, again, foreign bool
		h.write(func(tx *db.Tx) (err error) {
			if gone, err = h.accounts.TakeAway(tx, first); err != nil {
				return err
			}
			if foreign, err = h.accounts.MakeMain(tx, id.New[id.Account](), second.ID); err != nil {
				return err
			}
			if made, err = h.accounts.MakeMain(tx, a.ID, second.ID); err != nil {
				return err
			}
			again, err = h.accounts.MakeMain(tx, a.ID, second.ID)
			return err
		})
		if gone || foreign || !made || again {
			h.Errorf("removed %v, by another account %v, made main %v, again %v", gone, foreign, made, again)
		}
		h.write(func(tx *db.Tx) (err error) { gone, err = h.accounts.TakeAway(tx, first); return err })
		if !gone {
			h.Error("an address that is not the main one stays")
		}
		if _, ok := h.byAddress("sam@example.org"); ok {
			h.Error("a removed address is not free")
		}
		if all := h.addresses(a.ID); len(all) != 1 || !all[0].Main {
			h.Errorf("%+v", all)
		}
	})
}

func TestFailuresAreCountedOfAllAddressesTogetherAndShownOfEachAlone(t *testing.T) {
	each(t, func(h *house) {
		a := h.active("sam@example.org")
		h.add(a.ID, "new@example.org")
		count := func(holder id.Account, written string) (out account.Attempt) {
			key := h.attempts.Key(h.addr(written), nil).Of(holder)
			err := h.db.WriteStatement(context.Background(), func(tx *db.Tx) (err error) {
				out, err = h.attempts.Count(tx, key)
				return err
			})
			if err != nil {
				h.Fatal(err)
			}
			return out
		}
		state := func(holder id.Account, written string) (shown, closed bool) {
			h.write(func(tx *db.Tx) (err error) {
				if shown, err = h.attempts.AnyLocked(tx, h.addr(written)); err != nil {
					return err
				}
				closed, err = h.attempts.Closed(tx, holder, h.addr(written))
				return err
			})
			return shown, closed
		}
		most := h.attempts.Settings.MaxFailures
		for i := range most {
			if got := count(a.ID, "sam@example.org"); !got.Allowed || got.Failures != i+1 {
				h.Fatalf("%d: %+v", i, got)
			}
		}
		for i := range most { // as to an address that nobody has, and nothing is compared
			mine, nobodys := count(a.ID, "new@example.org"), count("", "nobody@example.org")
			if mine.Allowed || !mine.Hidden || nobodys.Hidden || mine.Failures != nobodys.Failures || mine.Left != nobodys.Left {
				h.Errorf("%d: %+v, of nobody: %+v", i, mine, nobodys)
			}
			shown, closed := state(a.ID, "new@example.org")
			if shown != (i+1 == most) || !closed {
				h.Errorf("%d: shown %v, closed %v", i, shown, closed)
			}
		}
		if got := count(a.ID, "new@example.org"); got.Allowed || got.Hidden {
			h.Errorf("locked at the address itself: %+v", got)
		}
		var was bool
		h.write(func(tx *db.Tx) error {
			all, err := h.accounts.Every(tx, a.ID)
			if err != nil {
				return err
			}
			was, err = h.attempts.Unlock(tx, a.ID, all...)
			return err
		})
		for _, written := range []string{"sam@example.org", "new@example.org"} {
			if shown, closed := state(a.ID, written); !was || shown || closed {
				h.Errorf("%s after unlocking: shown %v, closed %v", written, shown, closed)
			}
		}
		count(a.ID, "new@example.org")
		h.write(func(tx *db.Tx) error { _, err := h.accounts.Close(tx, a.ID); return err })
		if n := h.count(`SELECT COUNT(*) FROM failed_attempt WHERE address_index LIKE 'account:%'`); n != 0 {
			h.Error("the counter of a closed account is kept")
		}
	})
}

func TestOfManyGuessesAtAllAddressesOfAnAccountExactlyFiveAreCompared(t *testing.T) {
	each(t, func(h *house) {
		a := h.active("sam@example.org")
		h.add(a.ID, "new@example.org")
		h.add(a.ID, "third@example.org")
		all := []string{"sam@example.org", "new@example.org", "third@example.org"}
		var wg sync.WaitGroup
		var mu sync.Mutex
		compared := 0
		for i := range 30 {
			key := h.attempts.Key(h.addr(all[i%len(all)]), nil).Of(a.ID)
			wg.Go(func() {
				var got account.Attempt
				err := h.db.WriteStatement(context.Background(), func(tx *db.Tx) (err error) {
					got, err = h.attempts.Count(tx, key)
					return err
				})
				mu.Lock()
				defer mu.Unlock()
				if err != nil {
					h.Error(err)
				}
				if got.Allowed {
					compared++
				}
			})
		}
		wg.Wait()
		if compared != h.attempts.Settings.MaxFailures {
			h.Errorf("%d compared", compared)
		}
	}, dbtest.WithoutRehearsal())
}

// change notes what was done to an address and gives the secret of its link.
func (h *house) change(what account.Change, e account.Email) string {
	d := account.NewChange()
	h.write(func(tx *db.Tx) error { return h.accounts.Note(tx, d, what, e) })
	return d.Token
}

// none is what other packages keep of an account here: nothing.
func none(*db.Tx, id.Account) error { return nil }

func (h *house) takeBack(token string) (removed []account.Email, taken, done bool) {
	h.Helper()
	row := id.New[id.Address]()
	h.write(func(tx *db.Tx) error {
		c, found, err := h.accounts.ChangeBy(tx, token)
		if err != nil || !found {
			return err
		}
		removed, taken, done, err = h.accounts.TakeBack(tx, c, row, none)
		return err
	})
	return removed, taken, done
}

// takenOver is an account whose address was put out by another one.
func (h *house) takenOver() (a account.Account, token string) {
	h.Helper()
	a = h.active("sam@example.org")
	h.clock.Advance(time.Hour)
	h.add(a.ID, "eve@example.org")
	first, second := h.address(a.ID, "sam@example.org"), h.address(a.ID, "eve@example.org")
	h.write(func(tx *db.Tx) error {
		if _, err := h.accounts.MakeMain(tx, a.ID, second.ID); err != nil {
			return err
		}
		_, err := h.accounts.TakeAway(tx, first)
		return err
	})
	return a, h.change(account.Removed, first)
}

func TestARemovedAddressTakesItsPlaceAgainOnce(t *testing.T) {
	each(t, func(h *house) {
		a, token := h.takenOver()
		h.clock.Advance(h.accounts.Settings.AddressUndo - time.Millisecond)
		removed, taken, done := h.takeBack(token)
		if taken || !done || len(removed) != 1 || removed[0].Address.Key != "eve@example.org" {
			h.Fatalf("removed %v, taken %v, done %v", removed, taken, done)
		}
		if all := h.addresses(a.ID); len(all) != 1 || !all[0].Main || all[0].Address.Key != "sam@example.org" || all[0].ProvenAt.IsZero() {
			h.Errorf("%+v", all)
		}
		if _, _, done := h.takeBack(token); done {
			h.Error("taken back twice")
		}
	})
}

func TestAnAddressTakesNothingBackWhenItsTimeIsOver(t *testing.T) {
	each(t, func(h *house) {
		_, token := h.takenOver()
		h.clock.Advance(h.accounts.Settings.AddressUndo)
		if _, _, done := h.takeBack(token); done {
			h.Error("taken back too late")
		}
		h.write(func(tx *db.Tx) error { _, err := h.accounts.PurgeChanges(tx, 10); return err })
		if n := h.count(`SELECT COUNT(*) FROM address_change WHERE address IS NOT NULL`); n != 0 {
			h.Error("the address is kept")
		}
		h.clock.Advance(h.accounts.Settings.ProofsKept)
		h.write(func(tx *db.Tx) error { _, err := h.accounts.PurgeChanges(tx, 10); return err })
		if n := h.count(`SELECT COUNT(*) FROM address_change`); n != 0 {
			h.Error("what is left of it is kept")
		}
	})
}

// What was noted before an address was kept for its account reserves nothing, and a node of
// before creates accounts with one that is.
func TestAStrangerWhoBeginsAnAccountDoesNotKeepAnAddressFromComingBack(t *testing.T) {
	before := func(h *house) {
		h.write(func(tx *db.Tx) error { _, err := tx.Exec(`UPDATE address_change SET address_index = NULL`); return err })
	}
	each(t, func(h *house) {
		_, token := h.takenOver()
		before(h)
		h.create("sam@example.org")
		if _, taken, done := h.takeBack(token); taken || !done {
			h.Errorf("taken %v, done %v", taken, done)
		}
	})
	each(t, func(h *house) {
		_, token := h.takenOver()
		before(h)
		h.active("sam@example.org") // its reader has an account of their own by now
		if _, taken, done := h.takeBack(token); !taken || done {
			h.Errorf("taken %v, done %v", taken, done)
		}
	})
}

func TestNobodyActivatesAnAccountWithAnAddressThatIsKeptForAnother(t *testing.T) {
	each(t, func(h *house) {
		a := h.active("sam@example.org")
		h.clock.Advance(time.Hour)
		h.add(a.ID, "eve@example.org")
		first, second := h.address(a.ID, "sam@example.org"), h.address(a.ID, "eve@example.org")
		h.write(func(tx *db.Tx) error {
			if _, err := h.accounts.MakeMain(tx, a.ID, second.ID); err != nil {
				return err
			}
			_, err := h.accounts.TakeAway(tx, first)
			return err
		})
		waits, created := h.create("sam@example.org") // on a node that knows of nothing kept
		h.change(account.Removed, first)
		activate := func() (ok bool) {
			h.write(func(tx *db.Tx) (err error) {
				if _, err := h.accounts.MarkProven(tx, waits.ID, h.addr("sam@example.org")); err != nil {
					return err
				}
				ok, err = h.accounts.Activate(tx, waits.ID)
				return err
			})
			return ok
		}
		if !created || activate() {
			h.Error("activated with an address that is kept for another account")
		}
		h.clock.Advance(h.accounts.Settings.AddressUndo)
		if !activate() {
			h.Error("not activated when it is kept no longer")
		}
	})
}

func TestAKeptAddressIsFoundForItsTimeAndByNobodyOfItsAccount(t *testing.T) {
	each(t, func(h *house) {
		a, _ := h.takenOver()
		kept := func(own id.Account) (out account.Reservation) {
			h.write(func(tx *db.Tx) (err error) {
				out, err = h.accounts.Reserved(tx, h.addr("SAM@example.org"), own)
				return err
			})
			return out
		}
		if r := kept(""); r.Account != a.ID || r.Address.Written != "sam@example.org" || r.Locale != "en" {
			h.Errorf("%+v", r)
		}
		if kept(a.ID).Kept() {
			h.Error("kept from its own account")
		}
		if b, created := h.create("sam@example.org"); created || b.ID != "" {
			h.Error("an account is created with it")
		}
		b := h.active("bob@example.org")
		if out, _ := h.add(b.ID, "sam@example.org"); out != account.AddedTaken {
			h.Errorf("another account: %s", out)
		}
		if out, _ := h.add(a.ID, "sam@example.org"); out != account.AddedNow {
			h.Errorf("its own account: %s", out)
		}
		h.clock.Advance(h.accounts.Settings.AddressUndo)
		if kept("").Kept() {
			h.Error("kept for ever")
		}
		h.write(func(tx *db.Tx) error { _, err := h.accounts.PurgeChanges(tx, 10); return err })
		if n := h.count(`SELECT COUNT(*) FROM address_change WHERE address_index IS NOT NULL`); n != 0 {
			h.Error("its index is kept")
		}
	})
}

func TestWhoTakesBackFirstDecides(t *testing.T) {
	each(t, func(h *house) {
		a, token := h.takenOver()
		other := h.change(account.Demoted, h.address(a.ID, "eve@example.org"))
		if _, _, done := h.takeBack(token); !done {
			h.Fatal("not taken back")
		}
		if _, _, done := h.takeBack(other); done {
			h.Error("the link of the other address works still")
		}
	})
}

func TestOfManyWhoTakeBackOneDoes(t *testing.T) {
	each(t, func(h *house) {
		_, token := h.takenOver()
		var wg sync.WaitGroup
		var mu sync.Mutex
		won := 0
		for range 10 {
			wg.Go(func() {
				row := id.New[id.Address]()
				for {
					var done bool
					err := h.db.Write(context.Background(), func(tx *db.Tx) error {
						c, _, err := h.accounts.ChangeBy(tx, token)
						if err != nil || !c.Open(tx.Now()) {
							done = false
							return err
						}
						_, _, done, err = h.accounts.TakeBack(tx, c, row, none)
						return err
					})
					if err != nil {
						continue
					}
					mu.Lock()
					defer mu.Unlock()
					if done {
						won++
					}
					return
				}
			})
		}
		wg.Wait()
		if won != 1 {
			h.Errorf("%d won", won)
		}
	}, dbtest.WithoutRehearsal())
}

func TestAYoungAddressTakesNothingBack(t *testing.T) {
	each(t, func(h *house) {
		a := h.active("sam@example.org")
		h.clock.Advance(time.Minute)
		h.add(a.ID, "new@example.org")
		may := func(written string) (out bool) {
			e := h.address(a.ID, written)
			h.write(func(tx *db.Tx) (err error) { out, err = h.accounts.TakesBack(tx, e); return err })
			return out
		}
		if !may("sam@example.org") || may("new@example.org") {
			h.Error("the first address takes back what is done to it, a young one does not")
		}
		h.clock.Advance(h.accounts.Settings.AddressUndo)
		if !may("new@example.org") {
			h.Error("an address that has grown old takes nothing back")
		}
	})
}

func TestWhatWasMailedToAnAddressEndsWithIt(t *testing.T) {
	each(t, func(h *house) {
		a, b := h.active("sam@example.org"), h.active("eve@example.org")
		issue := func(owner id.Account) account.ProofDraft {
			d := h.proofs.Draft(account.ProveAdd, h.addr("new@example.org"))
			d.Account = owner
			h.write(func(tx *db.Tx) error { _, err := h.proofs.Issue(tx, d); return err })
			return d
		}
		status := func(d account.ProofDraft) (out account.ProofStatus) {
			h.write(func(tx *db.Tx) error {
				p, err := h.proofs.Find(tx, d.Token)
				out = p.Status
				return err
			})
			return out
		}
		older, others := issue(a.ID), issue(b.ID)
		newer := issue(a.ID)
		if status(older) != account.ProofReplaced || status(others) != account.ProofLive || status(newer) != account.ProofLive {
			h.Errorf("older %s, of another account %s, newer %s", status(older), status(others), status(newer))
		}
		var waiting []account.Proof
		h.write(func(tx *db.Tx) (err error) { waiting, err = h.proofs.Waiting(tx, a.ID); return err })
		if len(waiting) != 1 || waiting[0].ID != newer.ID || waiting[0].Address.Key != "new@example.org" {
			h.Errorf("waiting: %+v", waiting)
		}
		var ended int64
		h.write(func(tx *db.Tx) (err error) { ended, err = h.proofs.Withdraw(tx, b.ID, newer.ID); return err })
		if ended != 0 || status(newer) != account.ProofLive {
			h.Error("withdrawn by another account")
		}
		h.write(func(tx *db.Tx) (err error) { ended, err = h.proofs.Withdraw(tx, a.ID, newer.ID); return err })
		if ended != 1 || status(newer) != account.ProofRemoved || status(others) != account.ProofLive {
			h.Errorf("%d ended, newer %s, of another account %s", ended, status(newer), status(others))
		}
	})
}

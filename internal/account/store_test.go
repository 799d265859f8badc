package account_test

import (
	"bytes"
	"context"
	"sync"
	"testing"
	"time"

	"parvis/internal/account"
	"parvis/internal/db"
	"parvis/internal/db/dbtest"
	"parvis/internal/id"
	"parvis/internal/secret"
)

// house is everything of this package over one database.
type house struct {
	*testing.T
	db       *db.DB
	clock    *dbtest.Clock
	accounts account.Accounts
	attempts account.Attempts
	proofs   account.Proofs
}

func keys(t testing.TB, roots ...byte) *secret.Keys {
	t.Helper()
	var all [][]byte
	for _, b := range roots {
		all = append(all, bytes.Repeat([]byte{b}, secret.RootBytes))
	}
	k, err := secret.NewKeys(bytes.Repeat([]byte{9}, secret.RootBytes), all...)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func each(t *testing.T, test func(h *house), options ...dbtest.Option) {
	clock := dbtest.NewClock()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		h := &house{T: t, db: d, clock: clock}
		h.use(keys(t, 1))
		test(h)
	}, append(options, dbtest.WithClock(clock.Now))...)
}

func (h *house) use(k *secret.Keys) {
	s := account.Preset("parvis")
	h.accounts = account.Accounts{Keys: k, Settings: s}
	h.attempts = account.Attempts{Keys: k, Settings: s}
	h.proofs = account.Proofs{Keys: k, Settings: s}
}

func (h *house) write(fn func(tx *db.Tx) error) {
	h.Helper()
	if err := h.db.Write(context.Background(), fn); err != nil {
		h.Fatal(err)
	}
}

func (h *house) statement(fn func(tx *db.Tx) error) {
	h.Helper()
	if err := h.db.WriteStatement(context.Background(), fn); err != nil {
		h.Fatal(err)
	}
}

func (h *house) addr(written string) account.Addr {
	h.Helper()
	a, err := account.ParseAddress(written)
	if err != nil {
		h.Fatal(err)
	}
	return a
}

func (h *house) create(written string) (a account.Account, created bool) {
	h.Helper()
	draft := account.NewDraft(h.addr(written), "en")
	h.write(func(tx *db.Tx) (err error) {
		a, created, err = h.accounts.CreatePending(tx, draft)
		return err
	})
	return a, created
}

func (h *house) byAddress(written string) (a account.Account, found bool) {
	h.Helper()
	h.write(func(tx *db.Tx) (err error) {
		a, found, err = h.accounts.ByAddress(tx, h.addr(written))
		return err
	})
	return a, found
}

func (h *house) count(query string, args ...any) (n int) {
	h.Helper()
	h.write(func(tx *db.Tx) error { return tx.QueryRow(query, args...).Scan(&n) })
	return n
}

func TestAnAddressHasOneAccountHoweverItIsWritten(t *testing.T) {
	each(t, func(h *house) {
		first, created := h.create("Sam@Example.org")
		if !created || first.Status != account.Pending || first.Locale != "en" || !first.CreatedAt.Equal(h.clock.Now()) {
			h.Fatalf("created %v: %+v", created, first)
		}
		again, created := h.create(" sam@example.ORG")
		if created || again.ID != first.ID {
			h.Errorf("a second account: %+v", again)
		}
		if found, ok := h.byAddress("SAM@EXAMPLE.ORG"); !ok || found.ID != first.ID {
			h.Errorf("not found by another way of writing: %v", ok)
		}
		if _, ok := h.byAddress("s.am@example.org"); ok {
			h.Error("dots are not folded")
		}
		h.write(func(tx *db.Tx) error {
			e, found, err := h.accounts.Main(tx, first.ID)
			if err == nil && (!found || e.Address.Written != "sam@example.ORG" || !e.Main || !e.ProvenAt.IsZero()) {
				h.Errorf("main address %+v", e)
			}
			return err
		})
	})
}

func TestASpellingOfAStrangerDoesNotStandInTheOwnersWay(t *testing.T) {
	each(t, func(h *house) {
		written := func(a account.Account) (out string) {
			h.write(func(tx *db.Tx) error {
				to, err := h.accounts.Mailbox(tx, a.ID)
				out = to.Written
				return err
			})
			return out
		}
		a, _ := h.create("sam@examp\u217ce.org") // a small Roman numeral fifty: mail may not find its way
		h.create("sam@example.org")
		if got := written(a); got != "sam@example.org" {
			h.Errorf("mail of an address that nobody has proven goes to %q", got)
		}
		h.write(func(tx *db.Tx) error {
			_, err := h.accounts.MarkProven(tx, a.ID, h.addr("sam@example.org"))
			return err
		})
		h.create("SAM@examp\u217ce.org")
		if got := written(a); got != "sam@example.org" {
			h.Errorf("a stranger changed the spelling of a proven address to %q", got)
		}
	})
}

func TestRacersForOneAddressCreateOneAccount(t *testing.T) {
	each(t, func(h *house) {
		const racers = 20
		var wg sync.WaitGroup
		var mu sync.Mutex
		won, ids := 0, map[id.Account]bool{}
		for range racers {
			wg.Go(func() {
				draft := account.NewDraft(h.addr("sam@example.org"), "en")
				var a account.Account
				var created bool
				err := h.db.Write(context.Background(), func(tx *db.Tx) (err error) {
					a, created, err = h.accounts.CreatePending(tx, draft)
					return err
				})
				mu.Lock()
				defer mu.Unlock()
				switch {
				case err != nil: // the database was too busy: nothing happened
				case created:
					won++
					ids[a.ID] = true
				default:
					ids[a.ID] = true
				}
			})
		}
		wg.Wait()
		if won != 1 || len(ids) != 1 || h.count(`SELECT COUNT(*) FROM account`) != 1 {
			h.Errorf("%d created, %d accounts seen", won, len(ids))
		}
	}, dbtest.WithoutRehearsal())
}

func TestCreationMakesTheSameStatementsForKnownAndUnknownAddresses(t *testing.T) {
	var mu sync.Mutex
	var seen []string
	observe := dbtest.Observe(func(q string) { mu.Lock(); seen = append(seen, q); mu.Unlock() })
	each(t, func(h *house) {
		run := func(address string) int {
			mu.Lock()
			seen = nil
			mu.Unlock()
			h.create(address)
			mu.Lock()
			defer mu.Unlock()
			return len(seen)
		}
		fresh := run("sam@example.org")
		known := run("sam@example.org")
		// A new account is read back once more, which costs microseconds.
		if fresh-known > 2 || known > fresh {
			h.Errorf("%d statements for a new address, %d for a known one", fresh, known)
		}
	}, observe)
}

func TestOnlyAProvenAddressActivates(t *testing.T) {
	each(t, func(h *house) {
		a, _ := h.create("sam@example.org")
		var early, proven, foreign, now, twice bool
		h.write(func(tx *db.Tx) (err error) {
			if early, err = h.accounts.Activate(tx, a.ID); err != nil {
				return err
			}
			if foreign, err = h.accounts.MarkProven(tx, a.ID, h.addr("eve@example.org")); err != nil {
				return err
			}
			if proven, err = h.accounts.MarkProven(tx, a.ID, h.addr("SAM@example.org")); err != nil {
				return err
			}
			if now, err = h.accounts.Activate(tx, a.ID); err != nil {
				return err
			}
			twice, err = h.accounts.Activate(tx, a.ID)
			return err
		})
		if early || foreign || !proven || !now || twice {
			h.Errorf("early %v, foreign %v, proven %v, activated %v, twice %v", early, foreign, proven, now, twice)
		}
		found, _ := h.byAddress("sam@example.org")
		if found.Status != account.Active || !found.ActivatedAt.Equal(h.clock.Now()) {
			h.Errorf("%+v", found)
		}
	})
}

func TestAnUnactivatedAccountIsRemovedAfterADayAndItsAddressIsFree(t *testing.T) {
	each(t, func(h *house) {
		late, _ := h.create("late@example.org")
		active, _ := h.create("active@example.org")
		draft := h.proofs.Draft(account.ProveActivate, h.addr("late@example.org"))
		draft.Account, draft.RelyingParty = late.ID, "fishing"
		h.write(func(tx *db.Tx) error {
			if _, err := h.accounts.MarkProven(tx, active.ID, h.addr("active@example.org")); err != nil {
				return err
			}
			if _, err := h.accounts.Activate(tx, active.ID); err != nil {
				return err
			}
			_, err := h.proofs.Issue(tx, draft)
			return err
		})
		due := func() (out []id.Account) {
			h.write(func(tx *db.Tx) (err error) { out, err = h.accounts.Unactivated(tx, 10); return err })
			return out
		}
		h.clock.Advance(24*time.Hour - time.Millisecond)
		if got := due(); len(got) != 0 {
			h.Fatalf("removed too early: %v", got)
		}
		h.clock.Advance(time.Millisecond)
		got := due()
		if len(got) != 1 || got[0] != late.ID {
			h.Fatalf("due: %v", got)
		}
		var removed, spared, again bool
		h.write(func(tx *db.Tx) (err error) {
			if removed, err = h.accounts.RemoveUnactivated(tx, late.ID); err != nil {
				return err
			}
			if again, err = h.accounts.RemoveUnactivated(tx, late.ID); err != nil {
				return err
			}
			spared, err = h.accounts.RemoveUnactivated(tx, active.ID)
			return err
		})
		if !removed || again || spared {
			h.Errorf("removed %v, again %v, an active one %v", removed, again, spared)
		}
		h.write(func(tx *db.Tx) error {
			p, err := h.proofs.Find(tx, draft.Token)
			if err == nil && (p.Status != account.ProofRemoved || p.RelyingParty != "fishing" || p.Address.Key != "" || p.Account != "") {
				h.Errorf("the old link says %+v", p)
			}
			return err
		})
		if n := h.count(`SELECT COUNT(*) FROM email_address`); n != 1 {
			h.Errorf("%d addresses are left", n)
		}
		if fresh, created := h.create("late@example.org"); !created || fresh.ID == late.ID {
			h.Errorf("the address is not free: %+v", fresh)
		}
	})
}

func TestAClosedAccountKeepsNoAddress(t *testing.T) {
	each(t, func(h *house) {
		a, _ := h.create("sam@example.org")
		var closed, twice bool
		h.write(func(tx *db.Tx) (err error) {
			if closed, err = h.accounts.Close(tx, a.ID); err != nil {
				return err
			}
			twice, err = h.accounts.Close(tx, a.ID)
			return err
		})
		if !closed || twice {
			h.Errorf("closed %v, twice %v", closed, twice)
		}
		if _, found := h.byAddress("sam@example.org"); found {
			h.Error("a closed account is found by its address")
		}
		h.write(func(tx *db.Tx) error {
			got, found, err := h.accounts.ByID(tx, a.ID)
			if err == nil && (!found || got.Status != account.Closed || got.Locale != "") {
				h.Errorf("%+v", got)
			}
			return err
		})
	})
}

func TestAccountsAreFoundWhileRootKeysChange(t *testing.T) {
	each(t, func(h *house) {
		old, _ := h.create("sam@example.org")
		h.use(keys(h, 2, 1))
		if found, ok := h.byAddress("sam@example.org"); !ok || found.ID != old.ID {
			h.Fatal("not found under the new root key")
		}
		if _, created := h.create("sam@example.org"); created {
			h.Error("a second account under the new root key")
		}
		fresh, _ := h.create("kim@example.org")
		h.use(keys(h, 1, 2))
		if found, ok := h.byAddress("kim@example.org"); !ok || found.ID != fresh.ID {
			h.Error("a node that does not seal with the new key yet does not find its accounts")
		}
	})
}

func TestTheDatabaseHoldsNoAddressInClear(t *testing.T) {
	each(t, func(h *house) {
		a, _ := h.create("canary@example.org")
		draft := h.proofs.Draft(account.ProveReset, h.addr("canary@example.org"))
		draft.Account = a.ID
		h.write(func(tx *db.Tx) error { _, err := h.proofs.Issue(tx, draft); return err })
		h.statement(func(tx *db.Tx) error {
			_, err := h.attempts.Count(tx, h.attempts.Key(h.addr("canary@example.org"), nil))
			return err
		})
		for _, query := range []string{
			`SELECT address, address_index FROM email_address`, `SELECT address, address_index FROM address_proof`,
			`SELECT address_index, device FROM failed_attempt`, `SELECT token_digest, code_mac FROM address_proof`,
		} {
			h.write(func(tx *db.Tx) error {
				var x, y []byte
				err := tx.QueryRow(query).Scan(&x, &y)
				for _, clear := range []string{"canary", draft.Token, draft.Code} {
					if bytes.Contains(append(x, y...), []byte(clear)) {
						h.Errorf("%s shows %q", query, clear)
					}
				}
				return err
			})
		}
	})
}

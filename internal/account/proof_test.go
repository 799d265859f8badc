package account_test

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"parvis/internal/account"
	"parvis/internal/db"
	"parvis/internal/db/dbtest"
)

func (h *house) issue(purpose account.Purpose, address string) account.ProofDraft {
	h.Helper()
	d := h.proofs.Draft(purpose, h.addr(address))
	d.Flow, d.RelyingParty = "FLOW", "fishing"
	h.write(func(tx *db.Tx) error { _, err := h.proofs.Issue(tx, d); return err })
	return d
}

func (h *house) find(token string) (p account.Proof) {
	h.Helper()
	h.write(func(tx *db.Tx) (err error) { p, err = h.proofs.Find(tx, token); return err })
	return p
}

func (h *house) use1(token string) (p account.Proof, won bool) {
	h.Helper()
	h.write(func(tx *db.Tx) (err error) { p, won, err = h.proofs.Use(tx, token); return err })
	return p, won
}

func (h *house) code(d account.ProofDraft, typed string) (try account.CodeTry) {
	h.Helper()
	h.statement(func(tx *db.Tx) (err error) { try, err = h.proofs.TryCode(tx, d.ID, typed); return err })
	return try
}

func (h *house) useCode(try account.CodeTry) (p account.Proof, won bool) {
	h.Helper()
	h.write(func(tx *db.Tx) (err error) { p, won, err = h.proofs.UseCode(tx, try); return err })
	return p, won
}

// wrong is a code that is not the draft's.
func wrong(d account.ProofDraft) string {
	if d.Code == "000000" {
		return "000001"
	}
	return "000000"
}

func TestOpeningALinkConsumesNothingAndUsingItDoesOnce(t *testing.T) {
	each(t, func(h *house) {
		d := h.issue(account.ProveActivate, "Sam@example.org")
		for range 3 {
			p := h.find(d.Token)
			if p.Status != account.ProofLive || p.Address.Written != "Sam@example.org" || p.Flow != "FLOW" ||
				p.RelyingParty != "fishing" || p.Purpose != account.ProveActivate || p.ID != d.ID {
				h.Fatalf("%+v", p)
			}
		}
		if p, won := h.use1(d.Token); !won || p.Address.Written != "Sam@example.org" {
			h.Fatalf("first use: %v, %+v", won, p)
		}
		if p, won := h.use1(d.Token); won || p.Status != account.ProofUsed || p.RelyingParty != "fishing" {
			h.Errorf("second use: %v, %+v", won, p)
		}
		if _, won := h.useCode(account.CodeTry{Proof: d.ID, Matches: true}); won {
			h.Error("the code still works after the link")
		}
		if p, won := h.use1("no such token"); won || p.Status != account.ProofUnknown {
			h.Errorf("unknown token: %v, %+v", won, p)
		}
	})
}

func TestANewMessageEndsTheOlderOfTheSameAddressAndPurpose(t *testing.T) {
	each(t, func(h *house) {
		older := h.issue(account.ProveActivate, "sam@example.org")
		reset := h.issue(account.ProveReset, "sam@example.org")
		other := h.issue(account.ProveActivate, "kim@example.org")
		newer := h.issue(account.ProveActivate, "SAM@example.org")
		if p, won := h.use1(older.Token); won || p.Status != account.ProofReplaced {
			h.Errorf("the older link: %v, %+v", won, p)
		}
		if h.code(older, older.Code).Allowed {
			h.Error("the older code is compared")
		}
		for _, d := range []account.ProofDraft{reset, other, newer} {
			if p := h.find(d.Token); p.Status != account.ProofLive {
				h.Errorf("%s of %v: %v", d.Purpose, d.Address, p.Status)
			}
		}
	})
}

func TestALinkEndsAfterHalfAnHour(t *testing.T) {
	each(t, func(h *house) {
		d := h.issue(account.ProveReset, "sam@example.org")
		h.clock.Advance(30*time.Minute - time.Millisecond)
		if p := h.find(d.Token); p.Status != account.ProofLive {
			h.Errorf("before: %v", p.Status)
		}
		h.clock.Advance(time.Millisecond)
		if p, won := h.use1(d.Token); won || p.Status != account.ProofExpired || p.RelyingParty != "fishing" {
			h.Errorf("after: %v, %+v", won, p)
		}
		if h.code(d, d.Code).Allowed {
			h.Error("the code outlives the link")
		}
		if _, won := h.useCode(account.CodeTry{Proof: d.ID, Matches: true}); won {
			h.Error("a match from before is used after the end")
		}
	})
}

func TestATypedCodeIsCountedAndUsedOnce(t *testing.T) {
	each(t, func(h *house) {
		d := h.issue(account.ProveActivate, "sam@example.org")
		if try := h.code(d, wrong(d)); !try.Allowed || try.Matches || try.Left != 4 {
			h.Fatalf("%+v", try)
		}
		try := h.code(d, " "+d.Code[:3]+"-"+d.Code[3:]+" ")
		if !try.Matches || try.Left != 3 {
			h.Fatalf("the code with spaces: %+v", try)
		}
		if p, won := h.useCode(try); !won || p.Address.Key != "sam@example.org" {
			h.Fatalf("%v %+v", won, p)
		}
		if _, won := h.useCode(try); won {
			h.Error("used twice")
		}
		if _, won := h.use1(d.Token); won {
			h.Error("the link still works after the code")
		}
		if h.code(d, d.Code).Allowed {
			h.Error("a used code is compared")
		}
	})
}

func TestAfterFiveWrongCodesTheRightOneIsNotComparedButTheLinkWorks(t *testing.T) {
	each(t, func(h *house) {
		d := h.issue(account.ProveActivate, "sam@example.org")
		for range 5 {
			h.code(d, wrong(d))
		}
		try := h.code(d, d.Code)
		if try.Allowed || try.Matches {
			h.Errorf("%+v", try)
		}
		if _, won := h.useCode(try); won {
			h.Error("used")
		}
		if _, won := h.use1(d.Token); !won {
			h.Error("whoever has the message is locked out")
		}
	})
}

func TestNewMessagesDoNotGiveMoreGuessesForever(t *testing.T) {
	each(t, func(h *house) {
		compared := 0
		for range 10 {
			d := h.issue(account.ProveReset, "sam@example.org")
			for range 6 {
				if h.code(d, wrong(d)).Allowed {
					compared++
				}
			}
		}
		if compared != h.proofs.Settings.CodeTriesPerAddress {
			h.Errorf("%d codes compared for one address", compared)
		}
		if d := h.issue(account.ProveUnlock, "SAM@example.org"); h.code(d, d.Code).Allowed {
			h.Error("another purpose gives more guesses")
		}
		if d := h.issue(account.ProveUnlock, "kim@example.org"); !h.code(d, d.Code).Matches {
			h.Error("another address is blocked")
		}
		h.clock.Advance(h.proofs.Settings.CodeTriesExpire)
		if d := h.issue(account.ProveReset, "sam@example.org"); !h.code(d, d.Code).Matches {
			h.Error("blocked for ever")
		}
	})
}

func TestManyCodesAtOnceCompareNoMoreThanFive(t *testing.T) {
	each(t, func(h *house) {
		d := h.issue(account.ProveReset, "sam@example.org")
		var compared atomic.Int64
		var wg sync.WaitGroup
		for i := range 40 {
			wg.Go(func() {
				var try account.CodeTry
				err := h.db.WriteStatement(context.Background(), func(tx *db.Tx) (err error) {
					try, err = h.proofs.TryCode(tx, d.ID, fmt.Sprintf("%06d", i))
					return err
				})
				if err != nil {
					h.Error(err)
				}
				if try.Allowed {
					compared.Add(1)
				}
			})
		}
		wg.Wait()
		if n := compared.Load(); n != 5 {
			h.Errorf("%d compared", n)
		}
	}, dbtest.WithoutRehearsal())
}

func TestOfFiveHundredRacersWithLinkAndCodeOneWins(t *testing.T) {
	each(t, func(h *house) {
		other := dbtest.Second(t, h.db, dbtest.WithClock(h.clock.Now), dbtest.WithoutRehearsal())
		d := h.issue(account.ProveActivate, "sam@example.org")
		try := h.code(d, d.Code)
		var won, lost, busy atomic.Int64
		var wg sync.WaitGroup
		for i := range 500 {
			node := []*db.DB{h.db, other}[i%2]
			wg.Go(func() {
				var ok bool
				err := node.Write(context.Background(), func(tx *db.Tx) (err error) {
					if i%4 < 2 {
						_, ok, err = h.proofs.Use(tx, d.Token)
					} else {
						_, ok, err = h.proofs.UseCode(tx, try)
					}
					return err
				})
				switch {
				case err != nil:
					busy.Add(1)
				case ok:
					won.Add(1)
				default:
					lost.Add(1)
				}
			})
		}
		wg.Wait()
		if won.Load() != 1 {
			h.Errorf("%d winners, %d losers, %d sent away", won.Load(), lost.Load(), busy.Load())
		}
	}, dbtest.WithoutRehearsal())
}

func TestWhatRemainsOfAProofHoldsNoAddress(t *testing.T) {
	each(t, func(h *house) {
		d := h.issue(account.ProveReset, "sam@example.org")
		purge := func() (n int64) {
			h.write(func(tx *db.Tx) (err error) { n, err = h.proofs.Purge(tx, 100); return err })
			return n
		}
		h.clock.Advance(23 * time.Hour)
		if n := purge(); n != 0 {
			h.Errorf("purged %d too early", n)
		}
		h.clock.Advance(time.Hour)
		if n := purge(); n != 1 {
			h.Errorf("purged %d", n)
		}
		if n := h.count(`SELECT COUNT(*) FROM address_proof WHERE address IS NULL AND address_index IS NULL AND code_mac IS NULL`); n != 1 {
			h.Error("the address is still there")
		}
		if p := h.find(d.Token); p.Status != account.ProofExpired || p.RelyingParty != "fishing" {
			h.Errorf("the old link says %+v", p)
		}
		h.clock.Advance(h.proofs.Settings.ProofsKept)
		purge()
		if p := h.find(d.Token); p.Status != account.ProofUnknown {
			h.Errorf("kept for ever: %+v", p)
		}
	})
}

package account_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"parvis/internal/account"
	"parvis/internal/db"
	"parvis/internal/db/dbtest"
	"parvis/internal/secret"
)

func (h *house) try(key account.AttemptKey) (a account.Attempt) {
	h.Helper()
	h.statement(func(tx *db.Tx) (err error) { a, err = h.attempts.Count(tx, key); return err })
	return a
}

func (h *house) fail(key account.AttemptKey) (locked bool) {
	h.Helper()
	h.write(func(tx *db.Tx) (err error) { locked, err = h.attempts.Failed(tx, key); return err })
	return locked
}

func (h *house) lock(key account.AttemptKey) (l account.Lock) {
	h.Helper()
	h.write(func(tx *db.Tx) (err error) { l, err = h.attempts.Locked(tx, key); return err })
	return l
}

func TestOfFortyGuessesAtOnceExactlyFiveAreCompared(t *testing.T) {
	each(t, func(h *house) {
		other := dbtest.Second(t, h.db, dbtest.WithClock(h.clock.Now), dbtest.WithoutRehearsal())
		// One address in many ways of writing: one counter.
		writings := []string{"sam@example.org", "SAM@example.org", " Sam@EXAMPLE.org ", "sam@EXAMPLE。org"}
		var wg sync.WaitGroup
		var mu sync.Mutex
		allowed, failures, told := 0, map[int]bool{}, 0
		for i := range 40 {
			node := []*db.DB{h.db, other}[i%2]
			key := h.attempts.Key(h.addr(writings[i%len(writings)]), nil)
			wg.Go(func() {
				var a account.Attempt
				err := node.WriteStatement(context.Background(), func(tx *db.Tx) (err error) {
					a, err = h.attempts.Count(tx, key)
					return err
				})
				var justLocked bool
				if err == nil && a.Allowed {
					err = node.Write(context.Background(), func(tx *db.Tx) (err error) {
						justLocked, err = h.attempts.Failed(tx, key)
						return err
					})
				}
				mu.Lock()
				defer mu.Unlock()
				if err != nil {
					h.Errorf("count: %v", err)
				}
				if a.Allowed {
					allowed++
					failures[a.Failures] = true
				}
				if justLocked {
					told++
				}
			})
		}
		wg.Wait()
		if allowed != 5 || len(failures) != 5 || told != 1 {
			h.Errorf("%d compared, counts %v, the owner is told %d times", allowed, failures, told)
		}
		if l := h.lock(h.attempts.Key(h.addr("sam@example.org"), nil)); !l.Locked || l.Failures != 5 {
			h.Errorf("%+v", l)
		}
	}, dbtest.WithoutRehearsal())
}

func TestAWrongPasswordCountsBeforeItIsCompared(t *testing.T) {
	each(t, func(h *house) {
		key := h.attempts.Key(h.addr("nobody@example.org"), nil)
		for n := 1; n <= 5; n++ {
			a := h.try(key)
			if !a.Allowed || a.Failures != n || a.Left != 5-n {
				h.Fatalf("attempt %d: %+v", n, a)
			}
			// The process may end here: the attempt is counted already.
			if l := h.lock(key); l.Failures != n || l.Locked != (n == 5) {
				h.Fatalf("after attempt %d: %+v", n, l)
			}
			if just := h.fail(key); just != (n == 5) {
				h.Fatalf("attempt %d: just locked %v", n, just)
			}
		}
		if a := h.try(key); a.Allowed {
			h.Errorf("a sixth: %+v", a)
		}
		if h.fail(key) {
			h.Error("the owner is told twice")
		}
	})
}

func TestASuccessForgetsTheFailures(t *testing.T) {
	each(t, func(h *house) {
		key := h.attempts.Key(h.addr("sam@example.org"), nil)
		for range 3 { // the fifth in a row may be right
			for range 5 {
				if !h.try(key).Allowed {
					h.Fatal("not allowed")
				}
			}
			h.write(func(tx *db.Tx) error { return h.attempts.Clear(tx, key) })
		}
		if l := h.lock(key); l.Locked || l.Failures != 0 {
			h.Errorf("%+v", l)
		}
	})
}

func TestStrangersDoNotLockAKnownBrowserAndUnlockingOpensAll(t *testing.T) {
	each(t, func(h *house) {
		sam := h.addr("sam@example.org")
		strangers := h.attempts.Key(sam, nil)
		own := h.attempts.Key(sam, secret.Digest("device"))
		for range 5 {
			h.try(strangers)
		}
		if a := h.try(own); !a.Allowed || a.Failures != 1 {
			h.Fatalf("the owner's browser: %+v", a)
		}
		for range 4 {
			h.try(own)
		}
		if h.try(own).Allowed {
			h.Error("a known browser has no limit")
		}
		var was, again bool
		h.write(func(tx *db.Tx) (err error) { was, err = h.attempts.Unlock(tx, "", sam); return err })
		h.write(func(tx *db.Tx) (err error) { again, err = h.attempts.Unlock(tx, "", sam); return err })
		if !was || again {
			h.Errorf("unlocked %v, again %v", was, again)
		}
		if !h.try(strangers).Allowed || !h.try(own).Allowed {
			h.Error("still locked")
		}
	})
}

func TestFailuresExpireAndArePurged(t *testing.T) {
	each(t, func(h *house) {
		key := h.attempts.Key(h.addr("sam@example.org"), nil)
		for range 5 {
			h.try(key)
		}
		h.fail(key)
		h.clock.Advance(h.attempts.Settings.AttemptsExpire)
		if l := h.lock(key); l.Locked {
			h.Errorf("%+v", l)
		}
		for n := 1; n <= 5; n++ {
			if a := h.try(key); !a.Allowed || a.Failures != n {
				h.Fatalf("after expiry: %+v", a)
			}
		}
		if !h.fail(key) {
			h.Error("the owner is not told of the second lock")
		}
		h.clock.Advance(h.attempts.Settings.AttemptsExpire)
		var n int64
		h.write(func(tx *db.Tx) (err error) { n, err = h.attempts.Purge(tx, 10); return err })
		if n != 1 || h.count(`SELECT COUNT(*) FROM failed_attempt`) != 0 {
			h.Errorf("purged %d", n)
		}
	})
}

func TestALockHoldsWhileRootKeysChange(t *testing.T) {
	each(t, func(h *house) {
		for range 5 {
			h.try(h.attempts.Key(h.addr("sam@example.org"), nil))
		}
		h.use(keys(h, 2, 1))
		key := h.attempts.Key(h.addr("sam@example.org"), nil)
		if h.try(key).Allowed || !h.lock(key).Locked {
			h.Error("a new root key opens the lock")
		}
	})
}

func TestSettingsOfEveryPresetAreAccepted(t *testing.T) {
	for _, name := range []string{"parvis", "ontario", "logingov"} {
		if p := account.Preset(name).Problems(); p != nil {
			t.Errorf("%s: %v", name, p)
		}
	}
	if got := len(account.Settings{}.Problems()); got < 5 {
		t.Errorf("%d problems of empty settings", got)
	}
	if account.Preset("ontario").AttemptsExpire < 300*24*time.Hour {
		t.Error("ontario: locked until unlocked")
	}
}

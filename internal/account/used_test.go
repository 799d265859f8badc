package account_test

import (
	"testing"
	"time"

	"parvis/internal/account"
	"parvis/internal/db"
)

func (h *house) usedAt(a account.Account) time.Time {
	h.Helper()
	var found account.Account
	h.write(func(tx *db.Tx) (err error) {
		found, _, err = h.accounts.ByID(tx, a.ID)
		return err
	})
	return found.UsedAt
}

func TestTheLastUseOfAnAccountIsADay(t *testing.T) {
	each(t, func(h *house) {
		a, _ := h.create("sam@example.org")
		if at := h.usedAt(a); !at.IsZero() {
			h.Fatalf("used at %v", at)
		}
		for _, step := range []time.Duration{0, time.Minute, 25 * time.Hour, 400 * 24 * time.Hour, -400 * 24 * time.Hour} {
			h.clock.Advance(step)
			h.write(func(tx *db.Tx) error { return h.accounts.Used(tx, a.ID) })
			if at, want := h.usedAt(a), h.clock.Now().UTC().Truncate(24*time.Hour); !at.Equal(want) {
				h.Errorf("after %v it was used at %v, want %v", step, at, want)
			}
		}
		h.write(func(tx *db.Tx) error { _, err := h.accounts.Close(tx, a.ID); return err })
		if at := h.usedAt(a); !at.IsZero() {
			h.Errorf("a closed account was used at %v", at)
		}
	})
}

func TestAnAccountOlderThanTheRecordWasUsedToday(t *testing.T) {
	each(t, func(h *house) {
		var all []account.Account
		for _, written := range []string{"one@example.org", "two@example.org", "three@example.org"} {
			a, _ := h.create(written)
			all = append(all, a)
			h.write(func(tx *db.Tx) error {
				_, err := tx.Exec(`UPDATE account SET status = 'active', used_at = NULL WHERE id = $1`, a.ID)
				return err
			})
		}
		h.create("pending@example.org")
		var counts []int64
		for range 3 {
			h.write(func(tx *db.Tx) error {
				n, err := h.accounts.NoteUnknown(tx, 2)
				counts = append(counts, n)
				return err
			})
		}
		if last := counts[len(counts)-1]; last != 0 {
			h.Errorf("it does not come to an end: %v", counts)
		}
		for _, a := range all {
			if at := h.usedAt(a); !at.Equal(h.clock.Now().UTC().Truncate(24 * time.Hour)) {
				h.Errorf("used at %v", at)
			}
		}
	})
}

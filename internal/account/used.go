package account

import (
	"fmt"
	"time"

	"parvis/internal/db"
	"parvis/internal/id"
)

// usedOn is how exactly an account's last use is known: the beginning of its day, in UTC.
// So it is written once a day, and says no more about a person than is needed.
func usedOn(now time.Time) int64 { return db.Millis(now.UTC().Truncate(24 * time.Hour)) }

// Used notes that the owner of an account has shown that they use it: by a sign-in, or by
// keeping the account. That ends the warnings before its removal. It is not called for each
// request.
func (s Accounts) Used(tx *db.Tx, account id.Account) error {
	// Other than, not before: a clock that was ahead for a while leaves nothing behind.
	n, err := tx.Exec(`UPDATE account SET used_at = $1 WHERE id = $2 AND (used_at IS NULL OR used_at <> $1)`, usedOn(tx.Now()), account)
	if err != nil {
		return fmt.Errorf("account: used: %w", err)
	}
	if n == 0 {
		return nil // it was used today already; nobody is warned about such an account
	}
	_, err = tx.Exec(`UPDATE unused_warning SET ended_at = $1, outcome = $2 WHERE account_id = $3 AND ended_at IS NULL`,
		db.Millis(tx.Now()), WarningUsed, account)
	if err != nil {
		return fmt.Errorf("account: end warning: %w", err)
	}
	return nil
}

// NoteUnknown gives active accounts whose last use is not known, because they are older
// than that record, today as the day of it; it reports how many, at most limit.
func (s Accounts) NoteUnknown(tx *db.Tx, limit int) (int64, error) {
	n, err := tx.Exec(`UPDATE account SET used_at = $1 WHERE used_at IS NULL AND id IN (
		SELECT id FROM account WHERE status = 'active' AND used_at IS NULL ORDER BY id LIMIT $2)`, usedOn(tx.Now()), limit)
	if err != nil {
		return 0, fmt.Errorf("account: note use: %w", err)
	}
	return n, nil
}

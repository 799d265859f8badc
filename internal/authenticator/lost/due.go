package lost

import (
	"fmt"

	"parvis/internal/db"
	"parvis/internal/id"
)

// many reads requests.
func many(tx *db.Tx, query string, args ...any) ([]Request, error) {
	rows, err := tx.Query(query, args...)
	out, err := db.Collect(rows, err, func(rows *db.Rows) (Request, error) { return scan(rows) })
	if err != nil {
		return nil, fmt.Errorf("lost: list: %w", err)
	}
	return out, nil
}

// ToWarn are requests in the last quarter of their wait whose owners were not told again.
func (Requests) ToWarn(tx *db.Tx, limit int) ([]Request, error) {
	return many(tx, `SELECT `+columns+` FROM lost_method
		WHERE ended_at IS NULL AND done_at IS NULL AND warned_at IS NULL AND wait_until > $1
			AND wait_until - (wait_until - asked_at) / 4 <= $1 ORDER BY wait_until, id LIMIT $2`, db.Millis(tx.Now()), limit)
}

// Warned notes that the owner was told again; false when that was noted before.
func (q Requests) Warned(tx *db.Tx, request ID) (bool, error) {
	return q.one(tx, `UPDATE lost_method SET warned_at = $1 WHERE id = $2 AND warned_at IS NULL AND ended_at IS NULL`,
		db.Millis(tx.Now()), request)
}

// ToOpen are requests whose wait is over and whose last link was not sent.
func (Requests) ToOpen(tx *db.Tx, limit int) ([]Request, error) {
	return many(tx, `SELECT `+columns+` FROM lost_method
		WHERE ended_at IS NULL AND done_at IS NULL AND opened_at IS NULL AND wait_until <= $1 AND finish_by > $1
		ORDER BY wait_until, id LIMIT $2`, db.Millis(tx.Now()), limit)
}

// Opened notes that the last link was sent; false when that was noted before.
func (q Requests) Opened(tx *db.Tx, request ID) (bool, error) {
	return q.one(tx, `UPDATE lost_method SET opened_at = $1 WHERE id = $2 AND opened_at IS NULL AND ended_at IS NULL`,
		db.Millis(tx.Now()), request)
}

// Expire ends requests whose last link was not used in time, at most limit, and gives them.
func (Requests) Expire(tx *db.Tx, limit int) ([]Request, error) {
	return many(tx, `UPDATE lost_method SET ended_at = $1, outcome = $2 WHERE id IN (
		SELECT id FROM lost_method WHERE ended_at IS NULL AND done_at IS NULL AND finish_by <= $1 ORDER BY finish_by, id LIMIT $3)
		RETURNING `+columns, db.Millis(tx.Now()), Expired, limit)
}

// ExpireOf is Expire for one account, before another request is begun.
func (Requests) ExpireOf(tx *db.Tx, account id.Account) ([]Request, error) {
	return many(tx, `UPDATE lost_method SET ended_at = $1, outcome = $2
		WHERE account_id = $3 AND ended_at IS NULL AND done_at IS NULL AND finish_by <= $1 RETURNING `+columns,
		db.Millis(tx.Now()), Expired, account)
}

// Settle ends requests that can no longer be undone, at most limit, and gives them.
func (Requests) Settle(tx *db.Tx, limit int) ([]Request, error) {
	return many(tx, `UPDATE lost_method SET ended_at = $1, outcome = $2 WHERE id IN (
		SELECT id FROM lost_method WHERE ended_at IS NULL AND undo_until <= $1 ORDER BY undo_until, id LIMIT $3)
		RETURNING `+columns, db.Millis(tx.Now()), Settled, limit)
}

// heldMost bounds what Of reads.
const heldMost = 1000

// Of lists the requests of an account that are not forgotten yet, for its owner, the newest first.
func (Requests) Of(tx *db.Tx, account id.Account) ([]Request, error) {
	return many(tx, `SELECT `+columns+` FROM lost_method WHERE account_id = $1 ORDER BY asked_at DESC, id LIMIT $2`, account, heldMost)
}

package backupcode

import (
	"errors"
	"fmt"

	"parvis/internal/db"
	"parvis/internal/id"
)

// Peppers are the ids of the peppers that sets in the database were made with; ""
// stands for those made before there were ids. A set keeps its pepper until its
// owner makes a new one: nobody but the owner knows the codes. It asks the index
// once for each, however many sets there are.
func (c Codes) Peppers(tx *db.Tx) ([]string, error) {
	var out []string
	query, args := `SELECT pepper FROM backup_code ORDER BY pepper LIMIT 1`, []any{}
	for {
		var pepper string
		err := tx.QueryRow(query, args...).Scan(&pepper)
		if errors.Is(err, db.ErrNoRows) {
			return out, nil
		}
		if err != nil {
			return nil, fmt.Errorf("backupcode: peppers: %w", err)
		}
		out = append(out, pepper)
		query, args = `SELECT pepper FROM backup_code WHERE pepper > $1 ORDER BY pepper LIMIT 1`, []any{pepper}
	}
}

// Count is how many sets were made with a pepper.
func (c Codes) Count(tx *db.Tx, pepper string) (int64, error) {
	var n int64
	if err := tx.QueryRow(`SELECT COUNT(*) FROM backup_code WHERE pepper = $1`, pepper).Scan(&n); err != nil {
		return 0, fmt.Errorf("backupcode: count: %w", err)
	}
	return n, nil
}

// WithPepper are at most limit accounts whose set was made with a pepper, by their ids.
func (c Codes) WithPepper(tx *db.Tx, pepper string, limit int) ([]id.Account, error) {
	rows, err := tx.Query(`SELECT account_id FROM backup_code WHERE pepper = $1 ORDER BY account_id LIMIT $2`, pepper, limit)
	out, err := db.Collect(rows, err, func(r *db.Rows) (account id.Account, err error) { err = r.Scan(&account); return })
	if err != nil {
		return nil, fmt.Errorf("backupcode: with pepper: %w", err)
	}
	return out, nil
}

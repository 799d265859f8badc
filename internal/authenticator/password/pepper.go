package password

import (
	"errors"
	"fmt"

	"parvis/internal/db"
	"parvis/internal/id"
)

// Peppers are the ids of the peppers that verifiers in the database were made
// with; "" stands for those made before there were ids. It asks the index once
// for each, however many verifiers there are.
func (p Passwords) Peppers(tx *db.Tx) ([]string, error) {
	var out []string
	query, args := `SELECT pepper FROM password ORDER BY pepper LIMIT 1`, []any{}
	for {
		var pepper string
		err := tx.QueryRow(query, args...).Scan(&pepper)
		if errors.Is(err, db.ErrNoRows) {
			return out, nil
		}
		if err != nil {
			return nil, fmt.Errorf("password: peppers: %w", err)
		}
		out = append(out, pepper)
		query, args = `SELECT pepper FROM password WHERE pepper > $1 ORDER BY pepper LIMIT 1`, []any{pepper}
	}
}

// Count is how many verifiers were made with a pepper.
func (p Passwords) Count(tx *db.Tx, pepper string) (int64, error) {
	var n int64
	if err := tx.QueryRow(`SELECT COUNT(*) FROM password WHERE pepper = $1`, pepper).Scan(&n); err != nil {
		return 0, fmt.Errorf("password: count: %w", err)
	}
	return n, nil
}

// WithPepper are at most limit accounts whose verifier was made with a pepper, by their ids.
func (p Passwords) WithPepper(tx *db.Tx, pepper string, limit int) ([]id.Account, error) {
	rows, err := tx.Query(`SELECT account_id FROM password WHERE pepper = $1 ORDER BY account_id LIMIT $2`, pepper, limit)
	out, err := db.Collect(rows, err, func(r *db.Rows) (account id.Account, err error) { err = r.Scan(&account); return })
	if err != nil {
		return nil, fmt.Errorf("password: with pepper: %w", err)
	}
	return out, nil
}

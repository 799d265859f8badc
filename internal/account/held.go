package account

import (
	"fmt"
	"time"

	"parvis/internal/db"
	"parvis/internal/id"
)

// heldMost bounds each list that is read for the owner of an account.
const heldMost = 1000

// Moved is an address that an account had, or had as its main one, and that can still
// take that back.
type Moved struct {
	Address Addr
	At      time.Time
	EndsAt  time.Time
}

// Moved lists them, for the owner, the newest first.
func (s Accounts) Moved(tx *db.Tx, account id.Account) ([]Moved, error) {
	type stored struct {
		Moved
		id     string
		sealed []byte
	}
	rows, err := tx.Query(`SELECT id, address, made_at, ends_at FROM address_change
		WHERE account_id = $1 AND address IS NOT NULL ORDER BY made_at DESC, id LIMIT $2`, account, heldMost)
	found, err := db.Collect(rows, err, func(r *db.Rows) (m stored, err error) {
		return m, r.Scan(&m.id, &m.sealed, db.ScanTime(&m.At), db.ScanTime(&m.EndsAt))
	})
	if err != nil {
		return nil, fmt.Errorf("account: moved addresses: %w", err)
	}
	out := make([]Moved, len(found))
	for i, m := range found {
		plain, err := s.Keys.Open("address_change", "address", m.id, m.sealed)
		if err != nil {
			return nil, fmt.Errorf("account: open moved address: %w", err)
		}
		if m.Address, err = ParseAddress(string(plain)); err != nil {
			return nil, fmt.Errorf("account: stored address: %w", err)
		}
		out[i] = m.Moved
	}
	return out, nil
}

// Of lists the mergings of an account that are not forgotten yet, for its owner, the newest first.
func (m Merges) Of(tx *db.Tx, account id.Account) ([]Merge, error) {
	rows, err := tx.Query(`SELECT `+mergeColumns+` FROM account_merge WHERE survivor = $1 OR second = $1
		ORDER BY merged_at DESC, id LIMIT $2`, account, heldMost)
	out, err := db.Collect(rows, err, func(r *db.Rows) (Merge, error) { return scanMerge(r) })
	if err != nil {
		return nil, fmt.Errorf("account: list mergings: %w", err)
	}
	return out, nil
}

// Of lists the closures of an account that are not forgotten yet, for its owner, the newest first.
func (c Closures) Of(tx *db.Tx, account id.Account) ([]Closure, error) {
	rows, err := tx.Query(`SELECT `+closureColumns+` FROM account_closing WHERE account_id = $1
		ORDER BY asked_at DESC, id LIMIT $2`, account, heldMost)
	out, err := db.Collect(rows, err, func(r *db.Rows) (Closure, error) { return scanClosure(r) })
	if err != nil {
		return nil, fmt.Errorf("account: list closures: %w", err)
	}
	return out, nil
}

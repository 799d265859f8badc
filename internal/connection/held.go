package connection

import (
	"fmt"
	"time"

	"parvis/internal/db"
	"parvis/internal/id"
)

// Identifier is one by which a sector knows a person, or knew them once.
type Identifier struct {
	Sector    string
	Subject   string
	Since     time.Time
	RetiredAt time.Time // zero: it is in use
}

// Identifiers lists those of an account, for its owner, in the order of the sectors.
func (c Connections) Identifiers(tx *db.Tx, account id.Account) ([]Identifier, error) {
	rows, err := tx.Query(`SELECT sector, subject, created_at, NULL AS retired_at FROM subject WHERE account = $1
		UNION ALL SELECT sector, subject, created_at, retired_at FROM retired_subject WHERE account = $1
		ORDER BY 1, 3, 2`, string(account))
	out, err := db.Collect(rows, err, func(r *db.Rows) (i Identifier, err error) {
		return i, r.Scan(&i.Sector, &i.Subject, db.ScanTime(&i.Since), db.NullTime(&i.RetiredAt))
	})
	if err != nil {
		return nil, fmt.Errorf("connection: identifiers: %w", err)
	}
	return out, nil
}

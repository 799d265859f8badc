package grant

import (
	"fmt"
	"time"

	"parvis/internal/db"
	"parvis/internal/id"
)

// Held is what is kept of one authorization, for the person whom it was about.
type Held struct {
	Grant

	At        time.Time
	EndsAt    time.Time
	Redeemed  bool // the service took what it was given
	RevokedAt time.Time
}

// heldMost bounds what Held reads: what was given is kept for a day or two after its end.
const heldMost = 1000

// Held lists what services were given for an account and is not forgotten yet, the newest
// first. Codes and tokens are no part of it: nobody knows them here.
func (g Grants) Held(tx *db.Tx, account id.Account) ([]Held, error) {
	rows, err := tx.Query(`SELECT `+columns+`, created_at, ends_at, CASE WHEN redeemed_at IS NULL THEN 0 ELSE 1 END, revoked_at
		FROM authorization_grant WHERE account = $1 ORDER BY created_at DESC, id LIMIT $2`, string(account), heldMost)
	out, err := db.Collect(rows, err, func(r *db.Rows) (Held, error) {
		var h Held
		var redeemed int64
		given, err := scan(r.Scan, db.ScanTime(&h.At), db.ScanTime(&h.EndsAt), &redeemed, db.NullTime(&h.RevokedAt))
		h.Grant, h.Redeemed = given, redeemed == 1
		return h, err
	})
	if err != nil {
		return nil, fmt.Errorf("grant: held: %w", err)
	}
	return out, nil
}

package assist

import (
	"fmt"

	"parvis/internal/db"
	"parvis/internal/id"
)

// heldMost bounds what Of reads.
const heldMost = 1000

// Of lists the requests of an account that are not forgotten yet, for its owner, the newest first.
func (r Requests) Of(tx *db.Tx, account id.Account) ([]Request, error) {
	rows, err := tx.Query(`SELECT `+columns+` FROM assist_request WHERE account_id = $1 ORDER BY asked_at DESC, id LIMIT $2`, account, heldMost)
	out, err := db.Collect(rows, err, func(rows *db.Rows) (Request, error) { return scan(rows) })
	if err != nil {
		return nil, fmt.Errorf("assist: list: %w", err)
	}
	return out, nil
}

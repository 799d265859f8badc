package notify

import (
	"fmt"
	"time"

	"parvis/internal/db"
	"parvis/internal/id"
	"parvis/internal/notify/notice"
)

// Sent is the record of a message to the owner of an account: neither where it went nor
// what it said.
type Sent struct {
	Kind    notice.Kind
	Channel notice.Channel
	Status  string
	At      time.Time
	DoneAt  time.Time // zero: it waits
}

// heldMost bounds what Held reads.
const heldMost = 1000

// Held lists the messages of an account that are not forgotten yet, for its owner, the newest first.
func (o *Outbox) Held(tx *db.Tx, account id.Account) ([]Sent, error) {
	rows, err := tx.Query(`SELECT kind, channel, status, created_at, done_at FROM outbox
		WHERE account = $1 ORDER BY created_at DESC, id LIMIT $2`, account, heldMost)
	out, err := db.Collect(rows, err, func(r *db.Rows) (s Sent, err error) {
		return s, r.Scan(&s.Kind, &s.Channel, &s.Status, db.ScanTime(&s.At), db.NullTime(&s.DoneAt))
	})
	if err != nil {
		return nil, fmt.Errorf("notify: held: %w", err)
	}
	return out, nil
}

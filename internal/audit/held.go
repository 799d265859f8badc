package audit

import (
	"parvis/internal/db"
	"parvis/internal/id"
)

// Held reads the events of an account that are older than one of its events ("" for the
// newest ones), newest first, at most limit: all of them, for its owner. Between the events
// of one instant the identifiers decide, so that no page repeats or leaves out one.
func (l *Log) Held(tx *db.Tx, account id.Account, older id.Event, limit int) ([]Event, error) {
	if older == "" {
		rows, err := tx.Query(`SELECT `+columns+` FROM audit_event WHERE account = $1 ORDER BY at DESC, id DESC LIMIT $2`, account, limit)
		return l.collect(rows, err)
	}
	rows, err := tx.Query(`SELECT `+columns+` FROM audit_event WHERE account = $1
		AND (at, id) < (SELECT at, id FROM audit_event WHERE account = $1 AND id = $2) ORDER BY at DESC, id DESC LIMIT $3`, account, older, limit)
	return l.collect(rows, err)
}

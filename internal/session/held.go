package session

import (
	"fmt"
	"time"

	"parvis/internal/db"
	"parvis/internal/id"
)

// KnownBrowser is a browser in which an account has signed in, for its owner. Nothing but
// its cookie tells which one it is.
type KnownBrowser struct {
	Since  time.Time
	UsedAt time.Time
}

// Held is everything that is kept of an account's sessions and browsers, for its owner.
type Held struct {
	Sessions []Session // also those that ended and are not forgotten yet
	Browsers []KnownBrowser
	Recalled []RememberedBrowser // in which the second step is not asked
}

// Held reads it, the newest first.
func (s Sessions) Held(tx *db.Tx, account id.Account) (Held, error) {
	now := tx.Now()
	var out Held
	rows, err := tx.Query(`SELECT `+columns+` FROM session WHERE account_id = $1 ORDER BY created_at DESC, id`, account)
	out.Sessions, err = db.Collect(rows, err, func(r *db.Rows) (Session, error) { return s.scan(r, now) })
	if err != nil {
		return Held{}, fmt.Errorf("session: held: %w", err)
	}
	rows, err = tx.Query(`SELECT created_at, used_at FROM device WHERE account_id = $1 ORDER BY used_at DESC`, account)
	out.Browsers, err = db.Collect(rows, err, func(r *db.Rows) (b KnownBrowser, err error) {
		return b, r.Scan(db.ScanTime(&b.Since), db.ScanTime(&b.UsedAt))
	})
	if err != nil {
		return Held{}, fmt.Errorf("session: held: %w", err)
	}
	out.Recalled, err = s.ListRemembered(tx, account)
	return out, err
}

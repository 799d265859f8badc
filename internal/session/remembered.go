package session

import (
	"errors"
	"fmt"
	"time"

	"parvis/internal/db"
	"parvis/internal/id"
	"parvis/internal/secret"
)

// RememberedBrowser is a browser in which the second step of an account is not
// asked for a while. It never replaces the password, and what it is worth is for
// policy to say (SP 800-63B-4, 5.1: it is no authentication).
type RememberedBrowser struct {
	ID       id.Browser
	Account  id.Account
	ProvenAt time.Time // when the second step was proven there
	EndsAt   time.Time // when it is asked again
	Browser  string    // its name in a word of a closed list, e.g. "Firefox"; "" unknown
	System   string    // that of its system, e.g. "Android"; "" unknown

	device []byte
}

// Is reports whether it is the browser of a visitor: known is what Known gave.
func (b RememberedBrowser) Is(known []byte) bool {
	return len(known) > 0 && secret.Equal(b.device, known)
}

// NewBrowser makes the identifier of a browser to be remembered, before the
// transaction.
func NewBrowser() id.Browser { return id.New[id.Browser]() }

// Remembers reports whether browsers are remembered at all in this deployment.
func (s Sessions) Remembers() bool { return s.Settings.Remember > 0 }

// RememberStep remembers the browser in which the owner of an account has proven a
// second step just now and asked not to be asked again for Settings.Remember. known
// names it (Known): its cookie changes with every sign-in, so that a copy is worth
// nothing for long. False when browsers are not remembered or this one is not known.
// What was remembered of it before is replaced.
func (s Sessions) RememberStep(tx *db.Tx, fresh RememberedBrowser, known []byte) (bool, error) {
	if !s.Remembers() || len(known) == 0 {
		return false, nil
	}
	_, err := tx.Exec(`INSERT INTO remembered_browser (id, account_id, device, proven_at, browser, system)
		VALUES ($1, $2, $3, $4, $5, $6)
		ON CONFLICT (account_id, device) DO UPDATE SET id = $1, proven_at = $4, browser = $5, system = $6`,
		fresh.ID, fresh.Account, known, db.Millis(tx.Now()), fresh.Browser, fresh.System)
	if err != nil {
		return false, fmt.Errorf("session: remember browser: %w", err)
	}
	return true, nil
}

const rememberedColumns = `id, account_id, device, proven_at, browser, system`

func (s Sessions) scanRemembered(r interface{ Scan(dest ...any) error }) (RememberedBrowser, error) {
	var b RememberedBrowser
	err := r.Scan(&b.ID, &b.Account, &b.device, db.ScanTime(&b.ProvenAt), &b.Browser, &b.System)
	b.EndsAt = b.ProvenAt.Add(s.Settings.Remember)
	return b, err
}

// since is the instant after which a second step must have been proven to be remembered.
func (s Sessions) since(now time.Time) int64 { return db.Millis(now.Add(-s.Settings.Remember)) }

// Remembered finds what is remembered of a known browser for an account; false when
// nothing is, or not any more. Call it when the password was right, never before.
func (s Sessions) Remembered(tx *db.Tx, known []byte, account id.Account) (RememberedBrowser, bool, error) {
	if !s.Remembers() || len(known) == 0 {
		return RememberedBrowser{}, false, nil
	}
	b, err := s.scanRemembered(tx.QueryRow(`SELECT `+rememberedColumns+` FROM remembered_browser
		WHERE account_id = $1 AND device = $2 AND proven_at > $3`, account, known, s.since(tx.Now())))
	if errors.Is(err, db.ErrNoRows) {
		return RememberedBrowser{}, false, nil
	}
	if err != nil {
		return RememberedBrowser{}, false, fmt.Errorf("session: find remembered browser: %w", err)
	}
	return b, true, nil
}

// ListRemembered gives the remembered browsers of an account, the newest first.
func (s Sessions) ListRemembered(tx *db.Tx, account id.Account) ([]RememberedBrowser, error) {
	if !s.Remembers() {
		return nil, nil
	}
	rows, err := tx.Query(`SELECT `+rememberedColumns+` FROM remembered_browser
		WHERE account_id = $1 AND proven_at > $2 ORDER BY proven_at DESC, id`, account, s.since(tx.Now()))
	out, err := db.Collect(rows, err, func(r *db.Rows) (RememberedBrowser, error) { return s.scanRemembered(r) })
	if err != nil {
		return nil, fmt.Errorf("session: list remembered browsers: %w", err)
	}
	return out, nil
}

// ForgetOne forgets one remembered browser of an account; false when there is no
// such one (any more).
func (s Sessions) ForgetOne(tx *db.Tx, account id.Account, browser id.Browser) (bool, error) {
	n, err := tx.Exec(`DELETE FROM remembered_browser WHERE id = $1 AND account_id = $2`, browser, account)
	if err != nil {
		return false, fmt.Errorf("session: forget browser: %w", err)
	}
	return n == 1, nil
}

// ForgetAll forgets every remembered browser of an account and tells how many: when
// its owner asks for it, its password is changed, or a method is removed.
func (s Sessions) ForgetAll(tx *db.Tx, account id.Account) (int64, error) {
	n, err := tx.Exec(`DELETE FROM remembered_browser WHERE account_id = $1`, account)
	if err != nil {
		return 0, fmt.Errorf("session: forget browsers: %w", err)
	}
	return n, nil
}

// purgeRemembered deletes what is no longer remembered, at most limit of it.
func (s Sessions) purgeRemembered(tx *db.Tx, limit int) (int64, error) {
	n, err := tx.Exec(`DELETE FROM remembered_browser WHERE id IN (
		SELECT id FROM remembered_browser WHERE proven_at <= $1 ORDER BY proven_at LIMIT $2)`, s.since(tx.Now()), limit)
	if err != nil {
		return 0, fmt.Errorf("session: purge remembered browsers: %w", err)
	}
	return n, nil
}

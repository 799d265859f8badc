package account

import (
	"errors"
	"fmt"
	"time"

	"parvis/internal/db"
	"parvis/internal/fault"
	"parvis/internal/id"
	"parvis/internal/secret"
)

// Closure is the wish of an owner to delete their account. Until EndsAt the account opens
// nothing, nothing of it is erased, and the wish can be taken back.
type Closure struct {
	ID      id.Closure
	Account id.Account
	At      time.Time // when it was asked for
	EndsAt  time.Time // when the account is erased
	EndedAt time.Time // zero: it has not ended
	Outcome Outcome   // Undone: the account was kept; Finished: it is erased
}

// ClosureDraft is a closure to be stored. Make it with NewClosure, before the transaction.
type ClosureDraft struct {
	ID    id.Closure
	Token string // for the link in the mails: 256 bits
}

// NewClosure makes the identifier and the secret of a closure.
func NewClosure() ClosureDraft {
	return ClosureDraft{ID: id.New[id.Closure](), Token: secret.NewToken()}
}

// Closures are the closures in the database. Every method takes a transaction.
type Closures struct{}

// closuresKept is how long an ended closure still explains its link.
const closuresKept = 30 * 24 * time.Hour

// Begin closes an active account to everything and stores the closure; fault Conflict when
// it is not active (any more). Run it in DB.Write: of racers one begins.
func (c Closures) Begin(tx *db.Tx, d ClosureDraft, account id.Account, wait time.Duration) (Closure, error) {
	n, err := tx.Exec(`UPDATE account SET status = $1 WHERE id = $2 AND status = $3`, Closing, account, Active)
	if err != nil {
		return Closure{}, fmt.Errorf("account: close: %w", err)
	}
	if n != 1 {
		return Closure{}, fault.New(fault.Conflict, "error.closing.begun")
	}
	out := Closure{ID: d.ID, Account: account, At: tx.Now(), EndsAt: tx.Now().Add(wait)}
	err = tx.ExecOne(`INSERT INTO account_closing (id, account_id, token_digest, asked_at, ends_at) VALUES ($1, $2, $3, $4, $5)`,
		d.ID, account, secret.Digest(d.Token), db.Millis(out.At), db.Millis(out.EndsAt))
	if err != nil {
		return Closure{}, fmt.Errorf("account: close: %w", err)
	}
	return out, nil
}

const closureColumns = `id, account_id, asked_at, ends_at, ended_at, outcome`

func scanClosure(r row) (Closure, error) {
	var c Closure
	err := r.Scan(&c.ID, &c.Account, db.ScanTime(&c.At), db.ScanTime(&c.EndsAt), db.NullTime(&c.EndedAt), db.ScanText(&c.Outcome))
	return c, err
}

// Pending is the closure of an account that has not ended.
func (c Closures) Pending(tx *db.Tx, account id.Account) (Closure, bool, error) {
	return c.one(tx, `account_id = $1 AND ended_at IS NULL`, account)
}

// ByToken is the closure that a mailed link is about, ended or not.
func (c Closures) ByToken(tx *db.Tx, token string) (Closure, bool, error) {
	return c.one(tx, `token_digest = $1`, secret.Digest(token))
}

func (c Closures) one(tx *db.Tx, where string, arg any) (Closure, bool, error) {
	out, err := scanClosure(tx.QueryRow(`SELECT `+closureColumns+` FROM account_closing WHERE `+where, arg))
	if errors.Is(err, db.ErrNoRows) {
		return Closure{}, false, nil
	}
	if err != nil {
		return Closure{}, false, fmt.Errorf("account: find closure: %w", err)
	}
	return out, true, nil
}

// Keep ends a closure before its time: the account is active again. False when it has
// ended already, or its time is over: of keeping and finishing one wins, once.
func (c Closures) Keep(tx *db.Tx, closure Closure) (bool, error) {
	ok, err := c.end(tx, closure.ID, Undone, `ends_at > $1`)
	if err != nil || !ok {
		return false, err
	}
	n, err := tx.Exec(`UPDATE account SET status = $1 WHERE id = $2 AND status = $3`, Active, closure.Account, Closing)
	if err != nil {
		return false, fmt.Errorf("account: keep: %w", err)
	}
	return n == 1, nil
}

// Finish ends a closure whose time is over; false when the account was kept. The caller
// erases the account in the same transaction.
func (c Closures) Finish(tx *db.Tx, closure id.Closure) (bool, error) {
	return c.end(tx, closure, Finished, `ends_at <= $1`)
}

// end is the one statement that ends a closure.
func (c Closures) end(tx *db.Tx, closure id.Closure, outcome Outcome, when string) (bool, error) {
	n, err := tx.Exec(`UPDATE account_closing SET ended_at = $1, outcome = $2 WHERE id = $3 AND ended_at IS NULL AND `+when,
		db.Millis(tx.Now()), outcome, closure)
	if err != nil {
		return false, fmt.Errorf("account: end closure: %w", err)
	}
	return n == 1, nil
}

// Due lists closures whose time is over, the oldest first; not that of an account into
// which another one was merged, as long as that can be undone.
func (c Closures) Due(tx *db.Tx, limit int) ([]Closure, error) {
	rows, err := tx.Query(`SELECT `+closureColumns+` FROM account_closing
		WHERE ended_at IS NULL AND ends_at <= $1
		AND NOT EXISTS (SELECT 1 FROM account_merge m WHERE m.survivor = account_closing.account_id AND m.ended_at IS NULL AND m.ends_at > $1)
		ORDER BY ends_at LIMIT $2`, db.Millis(tx.Now()), limit)
	out, err := db.Collect(rows, err, func(r *db.Rows) (Closure, error) { return scanClosure(r) })
	if err != nil {
		return nil, fmt.Errorf("account: list closures: %w", err)
	}
	return out, nil
}

// Erase ends the closure of an account that is erased by another way meanwhile.
func (c Closures) Erase(tx *db.Tx, account id.Account) error {
	_, err := tx.Exec(`UPDATE account_closing SET ended_at = $1, outcome = $2 WHERE account_id = $3 AND ended_at IS NULL`,
		db.Millis(tx.Now()), Finished, account)
	if err != nil {
		return fmt.Errorf("account: erase closure: %w", err)
	}
	return nil
}

// Purge deletes closures that ended long ago, at most limit of them.
func (c Closures) Purge(tx *db.Tx, limit int) (int64, error) {
	n, err := tx.Exec(`DELETE FROM account_closing WHERE id IN (
		SELECT id FROM account_closing WHERE ended_at <= $1 ORDER BY ended_at LIMIT $2)`, db.Millis(tx.Now().Add(-closuresKept)), limit)
	if err != nil {
		return 0, fmt.Errorf("account: purge closures: %w", err)
	}
	return n, nil
}

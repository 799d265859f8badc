// Package authenticator keeps the list of what is bound to an account to prove
// who its owner is: type, name, since when, last used.
//
// Each type has a package of its own below this one (password, later totp,
// passkey …) with its own table; it binds and removes its line here in the
// transaction in which it stores or deletes its secret. The pages read the list.
package authenticator

import (
	"fmt"
	"time"

	"parvis/internal/db"
	"parvis/internal/id"
)

// ID names one authenticator.
type ID string

// Type is the type of an authenticator.
type Type string

// The types.
const (
	Password Type = "password"
)

// Authenticator is one way in that is bound to an account.
type Authenticator struct {
	ID      ID
	Account id.Account
	Type    Type
	Name    string    // given by the person; "" for types of which there is only one
	BoundAt time.Time // when it was bound
	UsedAt  time.Time // when it was last used, to the minute; zero: never
}

// NewID makes the identifier of an authenticator, before the transaction.
func NewID() ID { return id.New[ID]() }

// Bind notes that an authenticator is bound to an account from now on.
func Bind(tx *db.Tx, a Authenticator) error {
	err := tx.ExecOne(`INSERT INTO authenticator (id, account_id, type, name, bound_at) VALUES ($1, $2, $3, $4, $5)`,
		a.ID, a.Account, a.Type, a.Name, db.Millis(tx.Now()))
	if err != nil {
		return fmt.Errorf("authenticator: bind: %w", err)
	}
	return nil
}

// Used notes a use. It writes at most once a minute.
func Used(tx *db.Tx, authenticator ID) error {
	now := tx.Now()
	_, err := tx.Exec(`UPDATE authenticator SET used_at = $1 WHERE id = $2 AND (used_at IS NULL OR used_at <= $3)`,
		db.Millis(now), authenticator, db.Millis(now.Add(-time.Minute)))
	if err != nil {
		return fmt.Errorf("authenticator: note use: %w", err)
	}
	return nil
}

// Remove takes an authenticator off the list; false when it is not on it.
func Remove(tx *db.Tx, authenticator ID) (bool, error) {
	n, err := tx.Exec(`DELETE FROM authenticator WHERE id = $1`, authenticator)
	if err != nil {
		return false, fmt.Errorf("authenticator: remove: %w", err)
	}
	return n == 1, nil
}

// List gives the authenticators of an account, the oldest first.
func List(tx *db.Tx, account id.Account) ([]Authenticator, error) {
	rows, err := tx.Query(`SELECT id, account_id, type, name, bound_at, used_at FROM authenticator
		WHERE account_id = $1 ORDER BY bound_at, id`, account)
	out, err := db.Collect(rows, err, func(r *db.Rows) (Authenticator, error) {
		var a Authenticator
		return a, r.Scan(&a.ID, &a.Account, &a.Type, &a.Name, db.ScanTime(&a.BoundAt), db.NullTime(&a.UsedAt))
	})
	if err != nil {
		return nil, fmt.Errorf("authenticator: list: %w", err)
	}
	return out, nil
}

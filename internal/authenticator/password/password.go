// Package password is the password of an account: which ones are accepted, how
// they are turned into a verifier and checked, and where the verifier is kept.
//
// A Policy judges a new password and gives each reason (SP 800-63B-4, 3.1.1.2).
// A Hasher makes and checks verifiers, at most one per core at a time with a
// bounded queue before them; it runs outside of every transaction. Passwords
// keeps the verifiers, sealed to their account. The caller counts an attempt
// before it asks for a comparison (account.Attempts), and for an address without
// an account asks for one of the same cost (Hasher.VerifyDummy).
//
// A password is taken whole: normalised to Unicode NFC, counted in code points,
// never cut, never changed in case.
package password

import (
	"errors"
	"fmt"
	"time"

	"golang.org/x/text/unicode/norm"

	"parvis/internal/authenticator"
	"parvis/internal/db"
	"parvis/internal/id"
	"parvis/internal/secret"
)

// Normalize is the form of a password that is counted, judged and hashed: NFC.
func Normalize(typed string) string { return norm.NFC.String(typed) }

// Stored is the password of an account as the database has it.
type Stored struct {
	Authenticator authenticator.ID
	Verifier      string    // PHC string
	SetAt         time.Time // when the owner chose it
	LeakedAt      time.Time // when it was found among passwords from leaks; zero: it was not
	Row           int64     // version of the row, for Replace
}

// String keeps the verifier out of whatever prints a Stored.
func (s Stored) String() string { return "password set " + s.SetAt.Format(time.DateOnly) }

// Passwords are the passwords in the database. Every method takes a transaction.
type Passwords struct {
	Keys *secret.Keys
}

// Get reads the password of an account; false when it has none.
func (p Passwords) Get(tx *db.Tx, account id.Account) (Stored, bool, error) {
	var out Stored
	var sealed []byte
	err := tx.QueryRow(`SELECT authenticator_id, verifier, set_at, leaked_at, row_version FROM password WHERE account_id = $1`, account).
		Scan(&out.Authenticator, &sealed, db.ScanTime(&out.SetAt), db.NullTime(&out.LeakedAt), &out.Row)
	if errors.Is(err, db.ErrNoRows) {
		return Stored{}, false, nil
	}
	if err != nil {
		return Stored{}, false, fmt.Errorf("password: get: %w", err)
	}
	plain, err := p.Keys.Open("password", "verifier", string(account), sealed)
	if err != nil {
		return Stored{}, false, fmt.Errorf("password: open verifier: %w", err)
	}
	out.Verifier = string(plain)
	return out, true, nil
}

// pepperOf is the id of a verifier's pepper; "" for one made before there were ids.
func pepperOf(verifier string) (string, error) {
	v, err := parsePHC(verifier)
	return v.pepper, err
}

// Set makes a verifier (Hasher.Hash) the account's password, the first or a new
// one, and notes that its owner chose it (else call authenticator.SetByMailbox after it).
// bound names the authenticator if it is the first; make it with
// authenticator.NewID, before the transaction.
func (p Passwords) Set(tx *db.Tx, account id.Account, bound authenticator.ID, verifier string) error {
	pepper, err := pepperOf(verifier)
	if err != nil {
		return err
	}
	sealed := p.Keys.Seal("password", "verifier", string(account), []byte(verifier))
	n, err := tx.Exec(`UPDATE password SET verifier = $1, pepper = $2, set_at = $3, leaked_at = NULL, row_version = row_version + 1 WHERE account_id = $4`,
		sealed, pepper, db.Millis(tx.Now()), account)
	if err != nil {
		return fmt.Errorf("password: change: %w", err)
	}
	if n == 1 {
		return authenticator.SetByOwner(tx, account)
	}
	err = tx.ExecOne(`INSERT INTO password (account_id, authenticator_id, verifier, pepper, set_at, row_version) VALUES ($1, $2, $3, $4, $5, 1)`,
		account, bound, sealed, pepper, db.Millis(tx.Now()))
	if err != nil {
		return fmt.Errorf("password: set: %w", err)
	}
	return authenticator.Authenticators{}.Bind(tx, authenticator.Authenticator{ID: bound, Account: account, Type: authenticator.Password})
}

// Leaked notes that a password which was read is known from a leak; true once for each
// password: then tell the owner. False when it was changed since it was read.
func (p Passwords) Leaked(tx *db.Tx, account id.Account, read Stored) (bool, error) {
	n, err := tx.Exec(`UPDATE password SET leaked_at = $1 WHERE account_id = $2 AND row_version = $3 AND leaked_at IS NULL`,
		db.Millis(tx.Now()), account, read.Row)
	if err != nil {
		return false, fmt.Errorf("password: note leak: %w", err)
	}
	return n == 1, nil
}

// Replace stores a stronger verifier of the same password, or one with the newest
// pepper, unless the password was changed since it was read; then it is false and
// nothing happens.
func (p Passwords) Replace(tx *db.Tx, account id.Account, read Stored, verifier string) (bool, error) {
	pepper, err := pepperOf(verifier)
	if err != nil {
		return false, err
	}
	n, err := tx.Exec(`UPDATE password SET verifier = $1, pepper = $2, row_version = row_version + 1 WHERE account_id = $3 AND row_version = $4`,
		p.Keys.Seal("password", "verifier", string(account), []byte(verifier)), pepper, account, read.Row)
	if err != nil {
		return false, fmt.Errorf("password: raise parameters: %w", err)
	}
	return n == 1, nil
}

// Remove deletes the password of an account; false when it has none.
func (p Passwords) Remove(tx *db.Tx, account id.Account) (bool, error) {
	stored, found, err := p.Get(tx, account)
	if err != nil || !found {
		return false, err
	}
	if err := tx.ExecOne(`DELETE FROM password WHERE account_id = $1`, account); err != nil {
		return false, fmt.Errorf("password: remove: %w", err)
	}
	return authenticator.Remove(tx, account, stored.Authenticator)
}

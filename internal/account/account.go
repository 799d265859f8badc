// Package account keeps people's accounts, their e-mail addresses, the failed
// attempts at them and the proofs of address that were mailed.
//
// An account is pending until its address is proven and its password chosen,
// then active, and closed at the end; merged is one that its owner merged into another
// and that can be restored for a while (Merges), closing one that its owner deletes
// and can keep for a while (Closures). Locked is not a status of the account but
// of the password's counter (Attempts), so that other ways in stay open. An
// address belongs to one account only: it is found by a blind index of its key
// (ParseAddress) and kept sealed. Failures are counted by that index whether or
// not an account exists, so that a lock says nothing about who has an account, and for
// the account as a whole, which shows nowhere.
// Proofs are the links and typed codes of mails: single use, and what remains
// of them afterwards holds no address.
//
// The journeys, the OpenID endpoints and the operator's commands call it, each
// with their own transaction. It refuses a second account for an address, and
// to hand out an address in anything that is logged.
package account

import (
	"errors"
	"fmt"
	"log/slog"
	"time"

	"parvis/internal/db"
	"parvis/internal/id"
	"parvis/internal/secret"
)

// Status is how far the life of an account has come.
type Status string

// The statuses.
const (
	Pending Status = "pending" // the address is not proven or no password chosen yet
	Active  Status = "active"  // can sign in
	Merged  Status = "merged"  // suspended in favour of another account of the same person; see Merges
	Closing Status = "closing" // its owner asked to delete it, and can still take that back; see Closures
	Closed  Status = "closed"  // ended; the row stays for the audit, without address
)

// Account is one person's account.
type Account struct {
	ID          id.Account
	Status      Status
	Locale      string    // language of pages and mails: "en" or "fr"
	CreatedAt   time.Time // when the address was first typed
	ActivatedAt time.Time // zero while pending
	ClosedAt    time.Time // zero unless closed
	UsedAt      time.Time // beginning of the day of the newest sign-in, in UTC; zero: not known
}

// LogValue shows what may be logged of an account.
func (a Account) LogValue() slog.Value {
	return slog.GroupValue(slog.String("id", string(a.ID)), slog.String("status", string(a.Status)))
}

// Email is one e-mail address of an account.
type Email struct {
	ID       id.Address
	Account  id.Account
	Address  Addr      // as written when it was added: where mail goes
	Main     bool      // the one that mail goes to
	AddedAt  time.Time // when it was typed
	ProvenAt time.Time // when a message to it was answered; zero: never
}

// Accounts are the accounts in the database. Every method takes a transaction.
type Accounts struct {
	Keys     *secret.Keys
	Settings Settings
}

const accountColumns = `a.id, a.status, a.locale, a.created_at, a.activated_at, a.closed_at, a.used_at`

// row is what one row of a query offers.
type row interface{ Scan(dest ...any) error }

func scanAccount(r row) (Account, error) {
	var a Account
	err := r.Scan(&a.ID, &a.Status, &a.Locale, db.ScanTime(&a.CreatedAt), db.NullTime(&a.ActivatedAt), db.NullTime(&a.ClosedAt), db.NullTime(&a.UsedAt))
	return a, err
}

// one turns "no such row" into false.
func one(a Account, err error, doing string) (Account, bool, error) {
	if errors.Is(err, db.ErrNoRows) {
		return Account{}, false, nil
	}
	if err != nil {
		return Account{}, false, fmt.Errorf("account: %s: %w", doing, err)
	}
	return a, true, nil
}

// ByID finds an account.
func (s Accounts) ByID(tx *db.Tx, account id.Account) (Account, bool, error) {
	a, err := scanAccount(tx.QueryRow(`SELECT `+accountColumns+` FROM account a WHERE a.id = $1`, account))
	return one(a, err, "find by id")
}

// ByAddress finds the account that an address belongs to, proven or not.
func (s Accounts) ByAddress(tx *db.Tx, addr Addr) (Account, bool, error) {
	var found Account
	var ok bool
	// One query per root key, always all of them: the same work for every address.
	for _, index := range s.Keys.Indexes(indexPurpose, addr.Key) {
		a, err := scanAccount(tx.QueryRow(`SELECT `+accountColumns+`
			FROM email_address e JOIN account a ON a.id = e.account_id WHERE e.address_index = $1`, index))
		a, hit, err := one(a, err, "find by address")
		if err != nil {
			return Account{}, false, err
		}
		if hit && !ok {
			found, ok = a, true
		}
	}
	return found, ok, nil
}

// CreatePending makes a pending account for an address, unless one exists for
// it: then that one is returned, whatever its status, and created is false. It
// makes the same statements in both cases. For an address that is reserved
// (Reserved) it makes none, and gives none. Run it in DB.Write: of racers for one
// address one creates.
func (s Accounts) CreatePending(tx *db.Tx, draft Draft) (a Account, created bool, err error) {
	older, found, err := s.ByAddress(tx, draft.Address)
	if err != nil {
		return Account{}, false, err
	}
	now := db.Millis(tx.Now())
	reserved, err := s.Reserved(tx, draft.Address, "")
	if err != nil {
		return Account{}, false, err
	}
	// The same two statements run when the address is taken; they insert nothing then.
	taken := 0
	if found || reserved.Kept() {
		taken = 1
	}
	_, err = tx.Exec(`INSERT INTO account (id, status, locale, created_at)
		SELECT $1, $2, $3, $4 WHERE $5 = 0`, draft.ID, Pending, draft.Locale, now, taken)
	if err != nil {
		return Account{}, false, fmt.Errorf("account: create: %w", err)
	}
	sealed := s.Keys.Seal("email_address", "address", string(draft.AddressID), []byte(draft.Address.Written))
	n, err := tx.Exec(`INSERT INTO email_address (id, account_id, address, address_index, main, added_at)
		SELECT $1, a.id, $2, $3, 1, $4 FROM account a WHERE a.id = $5
		ON CONFLICT (address_index) DO NOTHING`,
		draft.AddressID, sealed, s.Keys.Index(indexPurpose, draft.Address.Key), now, draft.ID)
	if err != nil {
		return Account{}, false, fmt.Errorf("account: create address: %w", err)
	}
	if err := s.respell(tx, older.ID, draft.Address); err != nil {
		return Account{}, false, err
	}
	switch {
	case found:
		return older, false, nil
	case reserved.Kept():
		return Account{}, false, nil
	case n != 1:
		return Account{}, false, errors.New("account: another account took the address in the same instant")
	}
	return Account{ID: draft.ID, Status: Pending, Locale: draft.Locale, CreatedAt: tx.Now()}, true, nil
}

// respell keeps the address of a pending account as it was written last, until
// somebody proves it. Otherwise a stranger who typed it first, in a way that mail
// does not reach, would keep its owner out. It makes the same statements for every account.
func (s Accounts) respell(tx *db.Tx, account id.Account, addr Addr) error {
	var row string
	err := tx.QueryRow(`SELECT id FROM email_address
		WHERE account_id = $1 AND address_index = $2 AND proven_at IS NULL`,
		account, s.Keys.Index(indexPurpose, addr.Key)).Scan(&row)
	if err != nil && !errors.Is(err, db.ErrNoRows) {
		return fmt.Errorf("account: find spelling: %w", err)
	}
	_, err = tx.Exec(`UPDATE email_address SET address = $1 WHERE id = $2 AND proven_at IS NULL`,
		s.Keys.Seal("email_address", "address", row, []byte(addr.Written)), row)
	if err != nil {
		return fmt.Errorf("account: keep spelling: %w", err)
	}
	return nil
}

// Draft is an account to be created. Make it with NewDraft, before the transaction.
type Draft struct {
	ID        id.Account
	AddressID id.Address
	Address   Addr
	Locale    string
}

// NewDraft makes the identifiers of a new account.
func NewDraft(addr Addr, locale string) Draft {
	return Draft{ID: id.New[id.Account](), AddressID: id.New[id.Address](), Address: addr, Locale: locale}
}

// Activate makes a pending account active; false when it is not pending (any
// more). Its address must have been proven: the one who chose the password has
// answered a message to it; and not be reserved for an account that had it.
func (s Accounts) Activate(tx *db.Tx, account id.Account) (bool, error) {
	now := db.Millis(tx.Now())
	n, err := tx.Exec(`UPDATE account SET status = $1, activated_at = $2
		WHERE id = $3 AND status = $4
		AND EXISTS (SELECT 1 FROM email_address e WHERE e.account_id = account.id AND e.proven_at IS NOT NULL)
		AND NOT EXISTS (SELECT 1 FROM email_address e JOIN address_change c ON c.address_index = e.address_index
			WHERE e.account_id = account.id AND c.account_id <> account.id AND c.ended_at IS NULL AND c.ends_at > $2)`,
		Active, now, account, Pending)
	if err != nil {
		return false, fmt.Errorf("account: activate: %w", err)
	}
	return n == 1, nil
}

// SetLocale keeps the language of an account's pages and mails.
func (s Accounts) SetLocale(tx *db.Tx, account id.Account, locale string) error {
	if _, err := tx.Exec(`UPDATE account SET locale = $1 WHERE id = $2 AND locale <> $1`, locale, account); err != nil {
		return fmt.Errorf("account: set language: %w", err)
	}
	return nil
}

// Close ends an account and frees its addresses; false when it is closed
// already. The row stays, without address, language or last use; what other packages keep
// of the account they erase themselves.
func (s Accounts) Close(tx *db.Tx, account id.Account) (bool, error) {
	n, err := tx.Exec(`UPDATE account SET status = $1, closed_at = $2, locale = '', used_at = NULL WHERE id = $3 AND status <> $1`,
		Closed, db.Millis(tx.Now()), account)
	if err != nil {
		return false, fmt.Errorf("account: close: %w", err)
	}
	if n == 0 {
		return false, nil
	}
	return true, s.forget(tx, account, "account closed")
}

// Remove deletes an account with its addresses; what remains of its proofs
// says "removed". False when there is none.
func (s Accounts) Remove(tx *db.Tx, account id.Account) (bool, error) {
	if err := s.forget(tx, account, "account removed"); err != nil {
		return false, err
	}
	n, err := tx.Exec(`DELETE FROM account WHERE id = $1`, account)
	if err != nil {
		return false, fmt.Errorf("account: remove: %w", err)
	}
	return n == 1, nil
}

// forget deletes the addresses and takes them out of the proofs and counters.
func (s Accounts) forget(tx *db.Tx, account id.Account, doing string) error {
	now := db.Millis(tx.Now())
	for _, step := range []struct {
		query string
		args  []any
	}{
		{
			`DELETE FROM failed_attempt WHERE address_index IN (SELECT address_index FROM email_address WHERE account_id = $1) OR address_index = $2`,
			[]any{account, whole(account)},
		},
		{
			`UPDATE address_proof SET removed_at = $1, address = NULL, address_index = NULL, code_mac = NULL, account_id = NULL
			WHERE account_id = $2 OR address_index IN (SELECT address_index FROM email_address WHERE account_id = $2)`,
			[]any{now, account},
		},
		{`DELETE FROM address_change WHERE account_id = $1`, []any{account}},
		{`DELETE FROM address_witness WHERE account_id = $1`, []any{account}},
		{`DELETE FROM email_address WHERE account_id = $1`, []any{account}},
	} {
		if _, err := tx.Exec(step.query, step.args...); err != nil {
			return fmt.Errorf("account: %s: %w", doing, err)
		}
	}
	return nil
}

// Unactivated lists pending accounts that were created longer ago than
// Settings.UnactivatedAfter, oldest first. The lifecycle removes each of them,
// in every package that keeps something.
func (s Accounts) Unactivated(tx *db.Tx, limit int) ([]id.Account, error) {
	rows, err := tx.Query(`SELECT id FROM account WHERE status = $1 AND created_at <= $2 ORDER BY created_at LIMIT $3`,
		Pending, db.Millis(tx.Now().Add(-s.Settings.UnactivatedAfter)), limit)
	out, err := db.Collect(rows, err, func(r *db.Rows) (a id.Account, err error) { return a, r.Scan(&a) })
	if err != nil {
		return nil, fmt.Errorf("account: list unactivated: %w", err)
	}
	return out, nil
}

// RemoveUnactivated removes one account if it is still pending and too old;
// false when it was activated or removed in the meantime.
func (s Accounts) RemoveUnactivated(tx *db.Tx, account id.Account) (bool, error) {
	a, found, err := s.ByID(tx, account)
	if err != nil {
		return false, err
	}
	if !found || a.Status != Pending || a.CreatedAt.After(tx.Now().Add(-s.Settings.UnactivatedAfter)) {
		return false, nil
	}
	return s.Remove(tx, account)
}

package account

import (
	"errors"
	"fmt"

	"parvis/internal/db"
	"parvis/internal/id"
)

// indexPurpose keeps the blind index of addresses apart from every other index.
const indexPurpose = "address"

// Addresses lists the addresses of an account, the main one first.
func (s Accounts) Addresses(tx *db.Tx, account id.Account) ([]Email, error) {
	type stored struct {
		Email
		sealed []byte
	}
	rows, err := tx.Query(`SELECT id, account_id, address, main, added_at, proven_at
		FROM email_address WHERE account_id = $1 ORDER BY main DESC, added_at, id`, account)
	found, err := db.Collect(rows, err, func(r *db.Rows) (stored, error) {
		var e stored
		var main int64
		err := r.Scan(&e.ID, &e.Account, &e.sealed, &main, db.ScanTime(&e.AddedAt), db.NullTime(&e.ProvenAt))
		e.Main = main == 1
		return e, err
	})
	if err != nil {
		return nil, fmt.Errorf("account: list addresses: %w", err)
	}
	out := make([]Email, len(found))
	for i, e := range found {
		if e.Address, err = s.open(e.ID, e.sealed); err != nil {
			return nil, err
		}
		out[i] = e.Email
	}
	return out, nil
}

// open decrypts a stored address.
func (s Accounts) open(row id.Address, sealed []byte) (Addr, error) {
	plain, err := s.Keys.Open("email_address", "address", string(row), sealed)
	if err != nil {
		return Addr{}, fmt.Errorf("account: open address: %w", err)
	}
	addr, err := ParseAddress(string(plain))
	if err != nil {
		return Addr{}, fmt.Errorf("account: stored address: %w", err)
	}
	return addr, nil
}

// WithMain is ByID and Main in one statement. The address is zero when the
// account has none, and when it is not active: then nobody is shown it.
func (s Accounts) WithMain(tx *db.Tx, account id.Account) (Account, Email, bool, error) {
	return s.WithAddress(tx, account, "")
}

// WithAddress is WithMain with an address that was chosen before: the main one when it is
// not (any longer) the account's, or was never proven.
func (s Accounts) WithAddress(tx *db.Tx, account id.Account, chosen id.Address) (Account, Email, bool, error) {
	var a Account
	var e Email
	var sealed []byte
	var main *int64
	err := tx.QueryRow(`SELECT `+accountColumns+`, e.id, e.address, e.main, e.added_at, e.proven_at
		FROM account a LEFT JOIN email_address e ON e.account_id = a.id
		WHERE a.id = $1 ORDER BY CASE WHEN e.id = $2 AND e.proven_at IS NOT NULL THEN 0 ELSE 1 END, e.main DESC, e.added_at, e.id LIMIT 1`, account, chosen).
		Scan(&a.ID, &a.Status, &a.Locale, db.ScanTime(&a.CreatedAt), db.NullTime(&a.ActivatedAt), db.NullTime(&a.ClosedAt), db.NullTime(&a.UsedAt),
			db.ScanText(&e.ID), &sealed, &main, db.NullTime(&e.AddedAt), db.NullTime(&e.ProvenAt))
	a, found, err := one(a, err, "find with address")
	if err != nil || !found || a.Status != Active || e.ID == "" {
		return a, Email{}, found, err
	}
	e.Account, e.Main = a.ID, main != nil && *main == 1
	if e.Address, err = s.open(e.ID, sealed); err != nil {
		return Account{}, Email{}, false, err
	}
	return a, e, true, nil
}

// Main is the address that an account's mail goes to.
func (s Accounts) Main(tx *db.Tx, account id.Account) (Email, bool, error) {
	all, err := s.Addresses(tx, account)
	if err != nil || len(all) == 0 {
		return Email{}, false, err
	}
	return all[0], true, nil
}

// MarkProven notes that a message to an address of an account was answered;
// false when the address is not (any longer) the account's. The first instant stays.
func (s Accounts) MarkProven(tx *db.Tx, account id.Account, addr Addr) (bool, error) {
	var hit int64
	for _, index := range s.Keys.Indexes(indexPurpose, addr.Key) {
		n, err := tx.Exec(`UPDATE email_address SET proven_at = COALESCE(proven_at, $1)
			WHERE account_id = $2 AND address_index = $3`, db.Millis(tx.Now()), account, index)
		if err != nil {
			return false, fmt.Errorf("account: mark proven: %w", err)
		}
		hit += n
	}
	return hit > 0, nil
}

// errNoAddress says that an account has no address, which only a closed one may.
var errNoAddress = errors.New("account: the account has no address")

// Mailbox is where an account's mail goes; an error when it has no address.
func (s Accounts) Mailbox(tx *db.Tx, account id.Account) (Addr, error) {
	e, found, err := s.Main(tx, account)
	if err != nil {
		return Addr{}, err
	}
	if !found {
		return Addr{}, errNoAddress
	}
	return e.Address, nil
}

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
		plain, err := s.Keys.Open("email_address", "address", string(e.ID), e.sealed)
		if err != nil {
			return nil, fmt.Errorf("account: open address: %w", err)
		}
		addr, err := ParseAddress(string(plain))
		if err != nil {
			return nil, fmt.Errorf("account: stored address: %w", err)
		}
		e.Address = addr
		out[i] = e.Email
	}
	return out, nil
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

package account

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"parvis/internal/db"
	"parvis/internal/id"
	"parvis/internal/secret"
)

// Added says what came of adding an address.
type Added string

// What can come of it.
const (
	AddedNow   Added = "added"    // the account has it from now on
	AddedOwn   Added = "own"      // the account has it already
	AddedTaken Added = "taken"    // another account has it, or had it and can still take it back
	AddedFull  Added = "too-many" // the account has as many addresses as it can have
)

// Add gives an account an address that somebody has just proven to read. An account that
// waits for its activation with that address gives way and is removed: nobody has
// finished it, and whoever reads the address is here; removed is that account, for the
// audit. Run it in DB.Write: of accounts that race for an address one gets it.
func (s Accounts) Add(tx *db.Tx, account id.Account, row id.Address, addr Addr) (out Added, removed id.Account, err error) {
	owner, found, err := s.ByAddress(tx, addr)
	if err != nil {
		return "", "", err
	}
	reserved, err := s.Reserved(tx, addr, account)
	if err != nil {
		return "", "", err
	}
	switch {
	case found && owner.ID == account:
		return AddedOwn, "", nil
	case reserved.Kept():
		return AddedTaken, "", nil
	case found && owner.Status == Pending:
		if _, err := s.Remove(tx, owner.ID); err != nil {
			return "", "", err
		}
		removed = owner.ID
	case found:
		return AddedTaken, "", nil
	}
	now := db.Millis(tx.Now())
	n, err := tx.Exec(`INSERT INTO email_address (id, account_id, address, address_index, main, added_at, proven_at)
		SELECT $1, a.id, $2, $3, 0, $4, $4 FROM account a WHERE a.id = $5 AND a.status = $6
		AND (SELECT COUNT(*) FROM email_address e WHERE e.account_id = a.id) < $7
		ON CONFLICT (address_index) DO NOTHING`,
		row, s.Keys.Seal("email_address", "address", string(row), []byte(addr.Written)),
		s.Keys.Index(indexPurpose, addr.Key), now, account, Active, s.Settings.Addresses)
	if err != nil {
		return "", "", fmt.Errorf("account: add address: %w", err)
	}
	if n == 1 {
		return AddedNow, removed, nil
	}
	if removed != "" {
		return "", "", errors.New("account: an address that was freed could not be added")
	}
	// Another account took it in the same instant, or there is no room.
	if _, found, err = s.ByAddress(tx, addr); err != nil || found {
		return AddedTaken, "", err
	}
	return AddedFull, "", nil
}

// AddressOf is an address of an account by its row; false when it is not (any longer) the account's.
func (s Accounts) AddressOf(tx *db.Tx, account id.Account, row id.Address) (Email, bool, error) {
	all, err := s.Addresses(tx, account)
	if err != nil {
		return Email{}, false, err
	}
	i := slices.IndexFunc(all, func(e Email) bool { return e.ID == row })
	if i < 0 {
		return Email{}, false, nil
	}
	return all[i], true, nil
}

// Typed is the address of an account that somebody typed, as it was first written, where
// mail for it goes; the main one when the account does not have it. False when the
// account has no address. It makes the same statement for every account.
func (s Accounts) Typed(tx *db.Tx, account id.Account, addr Addr) (Email, bool, error) {
	all, err := s.Addresses(tx, account)
	if err != nil || len(all) == 0 {
		return Email{}, false, err
	}
	if i := slices.IndexFunc(all, func(e Email) bool { return e.Address.Key == addr.Key }); i >= 0 {
		return all[i], true, nil
	}
	return all[0], true, nil
}

// Every is every address of an account, the main one first; of nobody's, none.
func (s Accounts) Every(tx *db.Tx, account id.Account) ([]Addr, error) {
	all, err := s.Addresses(tx, account)
	out := make([]Addr, len(all))
	for i, e := range all {
		out[i] = e.Address
	}
	return out, err
}

// MakeMain makes a proven address of an account its main one; false when it is that
// already or not (any longer) the account's.
func (s Accounts) MakeMain(tx *db.Tx, account id.Account, row id.Address) (bool, error) {
	n, err := tx.Exec(`UPDATE email_address SET main = 1
		WHERE id = $1 AND account_id = $2 AND main = 0 AND proven_at IS NOT NULL`, row, account)
	if err != nil {
		return false, fmt.Errorf("account: make main: %w", err)
	}
	if n == 0 {
		return false, nil
	}
	if _, err := tx.Exec(`UPDATE email_address SET main = 0 WHERE account_id = $1 AND id <> $2 AND main = 1`, account, row); err != nil {
		return false, fmt.Errorf("account: make main: %w", err)
	}
	return true, nil
}

// TakeAway removes an address of an account and frees it, unless its change was noted (Note); false when it is the main one,
// or not (any longer) the account's. What was mailed to it proves nothing any more.
func (s Accounts) TakeAway(tx *db.Tx, e Email) (bool, error) {
	n, err := tx.Exec(`DELETE FROM email_address WHERE id = $1 AND account_id = $2 AND main = 0`, e.ID, e.Account)
	if err != nil {
		return false, fmt.Errorf("account: remove address: %w", err)
	}
	if n == 0 {
		return false, nil
	}
	for _, index := range s.Keys.Indexes(indexPurpose, e.Address.Key) {
		_, err := tx.Exec(`UPDATE address_proof SET removed_at = $1, address = NULL, address_index = NULL, code_mac = NULL, account_id = NULL
			WHERE address_index = $2 AND account_id = $3`, db.Millis(tx.Now()), index, e.Account)
		if err != nil {
			return false, fmt.Errorf("account: end proofs of an address: %w", err)
		}
		if _, err := tx.Exec(`DELETE FROM failed_attempt WHERE address_index = $1`, index); err != nil {
			return false, fmt.Errorf("account: forget failures of an address: %w", err)
		}
	}
	return true, nil
}

// Waiting lists what was mailed to addresses that are to be added to an account and that
// nobody has answered yet, the oldest first.
func (p Proofs) Waiting(tx *db.Tx, account id.Account) ([]Proof, error) {
	now := tx.Now()
	rows, err := tx.Query(`SELECT `+proofColumns+` FROM address_proof
		WHERE account_id = $1 AND purpose = $2 AND consumed_at IS NULL AND replaced_at IS NULL AND removed_at IS NULL AND expires_at > $3
		ORDER BY created_at, id`, account, ProveAdd, db.Millis(now))
	out, err := db.Collect(rows, err, func(r *db.Rows) (Proof, error) { return p.scanProof(r, now) })
	if err != nil {
		return nil, fmt.Errorf("account: list waiting addresses: %w", err)
	}
	return out, nil
}

// Withdraw ends what was mailed to an address that is no longer to be added to an account;
// "" ends all of them. It reports how many ended.
func (p Proofs) Withdraw(tx *db.Tx, account id.Account, proof id.Proof) (int64, error) {
	n, err := tx.Exec(`UPDATE address_proof SET removed_at = $1, address = NULL, address_index = NULL, code_mac = NULL
		WHERE account_id = $2 AND purpose = $3 AND (id = $4 OR $4 = '')
		AND consumed_at IS NULL AND replaced_at IS NULL AND removed_at IS NULL`,
		db.Millis(tx.Now()), account, ProveAdd, string(proof))
	if err != nil {
		return 0, fmt.Errorf("account: withdraw address: %w", err)
	}
	return n, nil
}

// Change says what was done to an address.
type Change string

// The changes that can be taken back.
const (
	Removed Change = "removed" // it was removed from the account
	Demoted Change = "demoted" // another one is the main address
)

// AddressChange is a change that the address it was done to can take back.
type AddressChange struct {
	ID      id.AddressChange
	Account id.Account
	What    Change
	Address Addr      // zero once its time is over
	AddedAt time.Time // when the address had been added
	MadeAt  time.Time
	EndsAt  time.Time // until when it can be taken back
	Ended   bool      // it was taken back
}

// Open reports whether a change can be taken back at an instant.
func (c AddressChange) Open(now time.Time) bool {
	return c.ID != "" && !c.Ended && c.Address.Key != "" && now.Before(c.EndsAt)
}

// ChangeDraft is a change to be noted. Make it with NewChange, before the transaction.
type ChangeDraft struct {
	ID    id.AddressChange
	Token string // secret of the link that takes it back: 256 bits
}

// NewChange makes the identifier and the secret of a change.
func NewChange() ChangeDraft {
	return ChangeDraft{ID: id.New[id.AddressChange](), Token: secret.NewToken()}
}

// TakesBack reports whether an address of an account may take back what is done to it: the
// one that the account has had longest, and every one that it has had for as long as
// something can be taken back. A younger one may be that of somebody who got into the
// account, and who must not come back by it.
func (s Accounts) TakesBack(tx *db.Tx, e Email) (bool, error) {
	if !e.AddedAt.After(tx.Now().Add(-s.Settings.AddressUndo)) {
		return true, nil
	}
	all, err := s.Addresses(tx, e.Account)
	if err != nil || len(all) == 0 {
		return len(all) == 0, err
	}
	first := slices.MinFunc(all, func(a, b Email) int { return a.AddedAt.Compare(b.AddedAt) })
	return first.Address.Key == e.Address.Key, nil
}

// Note keeps for Settings.AddressUndo how a change is taken back. Until then the address is
// reserved for its account (Reserved).
func (s Accounts) Note(tx *db.Tx, d ChangeDraft, what Change, e Email) error {
	err := tx.ExecOne(`INSERT INTO address_change (id, account_id, what, token_digest, address, address_index, added_at, made_at, ends_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
		d.ID, e.Account, what, secret.Digest(d.Token), s.Keys.Seal("address_change", "address", string(d.ID), []byte(e.Address.Written)),
		s.Keys.Index(indexPurpose, e.Address.Key), db.Millis(e.AddedAt), db.Millis(tx.Now()), db.Millis(tx.Now().Add(s.Settings.AddressUndo)))
	if err != nil {
		return fmt.Errorf("account: note change of an address: %w", err)
	}
	return nil
}

// ChangeBy is the change that a mailed link takes back, over or not; false for an unknown link.
func (s Accounts) ChangeBy(tx *db.Tx, token string) (AddressChange, bool, error) {
	var c AddressChange
	var sealed []byte
	var ended time.Time
	err := tx.QueryRow(`SELECT id, account_id, what, address, added_at, made_at, ends_at, ended_at FROM address_change
		WHERE token_digest = $1 OR again_digest = $1`, secret.Digest(token)).Scan(&c.ID, &c.Account, &c.What, &sealed, db.ScanTime(&c.AddedAt), db.ScanTime(&c.MadeAt), db.ScanTime(&c.EndsAt), db.NullTime(&ended))
	if errors.Is(err, db.ErrNoRows) {
		return AddressChange{}, false, nil
	}
	if err != nil {
		return AddressChange{}, false, fmt.Errorf("account: find change of an address: %w", err)
	}
	c.Ended = !ended.IsZero()
	if sealed == nil {
		return c, true, nil
	}
	plain, err := s.Keys.Open("address_change", "address", string(c.ID), sealed)
	if err != nil {
		return AddressChange{}, false, fmt.Errorf("account: open change of an address: %w", err)
	}
	c.Address, err = ParseAddress(string(plain))
	if err != nil {
		return AddressChange{}, false, fmt.Errorf("account: address of a change: %w", err)
	}
	return c, true, nil
}

// Left are the addresses of an account that were removed, or made a lesser one, since an
// instant, as far as they can still take that back: who holds one of them had the account.
func (s Accounts) Left(tx *db.Tx, account id.Account, since time.Time) ([]Addr, error) {
	type stored struct {
		row    id.AddressChange
		sealed []byte
	}
	rows, err := tx.Query(`SELECT id, address FROM address_change
		WHERE account_id = $1 AND made_at >= $2 AND address IS NOT NULL AND ended_at IS NULL ORDER BY made_at, id`, account, db.Millis(since))
	found, err := db.Collect(rows, err, func(r *db.Rows) (c stored, err error) { return c, r.Scan(&c.row, &c.sealed) })
	if err != nil {
		return nil, wrap("list addresses that left", err)
	}
	out := make([]Addr, len(found))
	for i, c := range found {
		plain, err := s.Keys.Open("address_change", "address", string(c.row), c.sealed)
		if err != nil {
			return nil, wrap("open address that left", err)
		}
		if out[i], err = ParseAddress(string(plain)); err != nil {
			return nil, fmt.Errorf("account: address that left: %w", err)
		}
	}
	return out, nil
}

// Changing reports whether a change to an address of an account can still be taken back: the
// addresses that are there now may be those of somebody else.
func (s Accounts) Changing(tx *db.Tx, account id.Account) (bool, error) {
	var n int64
	err := tx.QueryRow(`SELECT COUNT(*) FROM address_change WHERE account_id = $1 AND ended_at IS NULL AND ends_at > $2`,
		account, db.Millis(tx.Now())).Scan(&n)
	return n > 0, wrap("look for changes of addresses", err)
}

// TakeBack gives an address its place as the main address again, once: false when that
// was done already or its time is over. It removes the addresses that came to the account
// in the time before the change in which it could have been taken back, or after it, for
// somebody else may have added them, and gives those away as removed. taken says that
// another account has the address meanwhile; then nothing changes. One that only waits for
// its activation is removed, and forget called for the rest of it. row is the row of the
// address if it has to be added again.
func (s Accounts) TakeBack(tx *db.Tx, c AddressChange, row id.Address, forget func(*db.Tx, id.Account) error) (removed []Email, taken, done bool, err error) {
	owner, found, err := s.ByAddress(tx, c.Address)
	if err != nil {
		return nil, false, false, err
	}
	if found && owner.ID != c.Account && owner.Status != Pending {
		return nil, true, false, nil
	}
	n, err := tx.Exec(`UPDATE address_change SET ended_at = $1, address = NULL, address_index = NULL
		WHERE id = $2 AND ended_at IS NULL AND address IS NOT NULL AND ends_at > $1`, db.Millis(tx.Now()), c.ID)
	if err != nil || n == 0 {
		return nil, false, false, wrap("take back change of an address", err)
	}
	// Whoever took it back first decides: a link to another address takes nothing back after that.
	if _, err := tx.Exec(`UPDATE address_change SET ended_at = $1, address = NULL, address_index = NULL WHERE account_id = $2 AND ended_at IS NULL`,
		db.Millis(tx.Now()), c.Account); err != nil {
		return nil, false, false, wrap("end changes of addresses", err)
	}
	if found && owner.ID != c.Account { // begun by somebody who does not read the address, to keep its owner out
		if _, err := s.Remove(tx, owner.ID); err != nil {
			return nil, false, false, err
		}
		if err := forget(tx, owner.ID); err != nil {
			return nil, false, false, err
		}
		found = false
	}
	if !found {
		err := tx.ExecOne(`INSERT INTO email_address (id, account_id, address, address_index, main, added_at, proven_at)
			VALUES ($1, $2, $3, $4, 0, $5, $6)`, row, c.Account, s.Keys.Seal("email_address", "address", string(row), []byte(c.Address.Written)),
			s.Keys.Index(indexPurpose, c.Address.Key), db.Millis(c.AddedAt), db.Millis(tx.Now()))
		if err != nil {
			return nil, false, false, wrap("restore address", err)
		}
	}
	back, _, err := s.Typed(tx, c.Account, c.Address)
	if err != nil {
		return nil, false, false, err
	}
	if _, err := s.MakeMain(tx, c.Account, back.ID); err != nil {
		return nil, false, false, err
	}
	all, err := s.Addresses(tx, c.Account)
	if err != nil {
		return nil, false, false, err
	}
	suspect := c.MadeAt.Add(-s.Settings.AddressUndo)
	for _, e := range all {
		if e.ID == back.ID || !e.AddedAt.After(suspect) || !e.AddedAt.After(c.AddedAt) {
			continue
		}
		if _, err := s.TakeAway(tx, e); err != nil {
			return nil, false, false, err
		}
		removed = append(removed, e)
	}
	return removed, false, true, nil
}

func wrap(doing string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("account: %s: %w", doing, err)
}

// PurgeChanges wipes the addresses of changes whose time is over and deletes their remains
// after Settings.ProofsKept, and witnesses whose time is over, at most limit of each.
func (s Accounts) PurgeChanges(tx *db.Tx, limit int) (int64, error) {
	wiped, err := tx.Exec(`UPDATE address_change SET address = NULL, address_index = NULL WHERE id IN (
		SELECT id FROM address_change WHERE address IS NOT NULL AND ends_at <= $1 ORDER BY ends_at LIMIT $2)`, db.Millis(tx.Now()), limit)
	if err != nil {
		return 0, wrap("wipe changes of addresses", err)
	}
	deleted, err := tx.Exec(`DELETE FROM address_change WHERE id IN (
		SELECT id FROM address_change WHERE ends_at <= $1 ORDER BY ends_at LIMIT $2)`,
		db.Millis(tx.Now().Add(-s.Settings.ProofsKept)), limit)
	if err != nil {
		return 0, wrap("delete changes of addresses", err)
	}
	witnesses, err := tx.Exec(`DELETE FROM address_witness WHERE id IN (
		SELECT id FROM address_witness WHERE ends_at <= $1 ORDER BY ends_at LIMIT $2)`, db.Millis(tx.Now()), limit)
	return wiped + deleted + witnesses, wrap("delete witnesses", err)
}

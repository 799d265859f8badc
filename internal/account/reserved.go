package account

import (
	"errors"
	"fmt"
	"time"

	"parvis/internal/db"
	"parvis/internal/id"
	"parvis/internal/secret"
)

// Reservation is an address that was removed from an account and can still take that back
// (AddressChange). Until then no other account gets it: whoever removed it could else put
// it on one of their own, and its undo would find it taken. The zero value is none.
type Reservation struct {
	Change  id.AddressChange
	Account id.Account // the one that it is kept for
	Locale  string     // of that account
	Address Addr       // as it was first written: where mail goes
	EndsAt  time.Time  // from when anybody can have it
}

// Kept reports whether an address is reserved.
func (r Reservation) Kept() bool { return r.Change != "" }

// Reserved finds for which account other than own an address is reserved; own is "" for
// whoever is not signed in. It makes the same statements for every address.
func (s Accounts) Reserved(tx *db.Tx, addr Addr, own id.Account) (Reservation, error) {
	var out Reservation
	for _, index := range s.Keys.Indexes(indexPurpose, addr.Key) {
		var r Reservation
		var sealed []byte
		err := tx.QueryRow(`SELECT c.id, c.account_id, c.address, c.ends_at, a.locale
			FROM address_change c JOIN account a ON a.id = c.account_id
			WHERE c.address_index = $1 AND c.address IS NOT NULL AND c.ended_at IS NULL AND c.ends_at > $2
			AND c.account_id <> $3 AND a.status IN ($4, $5, $6) ORDER BY c.ends_at DESC, c.id LIMIT 1`,
			index, db.Millis(tx.Now()), own, Active, Merged, Closing).
			Scan(&r.Change, &r.Account, &sealed, db.ScanTime(&r.EndsAt), &r.Locale)
		if errors.Is(err, db.ErrNoRows) {
			continue
		}
		if err != nil {
			return Reservation{}, wrap("find reserved address", err)
		}
		plain, err := s.Keys.Open("address_change", "address", string(r.Change), sealed)
		if err != nil {
			return Reservation{}, wrap("open reserved address", err)
		}
		if r.Address, err = ParseAddress(string(plain)); err != nil {
			return Reservation{}, fmt.Errorf("account: reserved address: %w", err)
		}
		if !out.Kept() {
			out = r
		}
	}
	return out, nil
}

// Remind is Reserved, and gives a reserved address a link with which its reader takes the
// removal back, beside the one that was mailed to it then; an older one of Remind ends.
// token is its secret: make it with secret.NewToken, before the transaction. It makes the
// same statements for every address.
func (s Accounts) Remind(tx *db.Tx, addr Addr, own id.Account, token string) (Reservation, error) {
	r, err := s.Reserved(tx, addr, own)
	if err != nil {
		return Reservation{}, err
	}
	_, err = tx.Exec(`UPDATE address_change SET again_digest = $1 WHERE id = $2 AND ended_at IS NULL`, secret.Digest(token), r.Change)
	return r, wrap("renew the link of a reserved address", err)
}

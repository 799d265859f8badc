package account

import (
	"fmt"
	"time"

	"parvis/internal/db"
	"parvis/internal/id"
)

// WitnessFor is for how long what a taking back removed is told of recoveries: as long as
// an objection lengthens them.
const WitnessFor = 30 * 24 * time.Hour

// Witnesses are where an account was told something until a change to its addresses was
// taken back (TakeBack). Whoever did that may be a stranger who reads an address that the
// owner gave up; so the others are told of recoveries for a while, and can stop them.
type Witnesses struct {
	Addresses []Addr
	Numbers   []string // E.164
}

// Any reports whether there are some.
func (w Witnesses) Any() bool { return len(w.Addresses)+len(w.Numbers) > 0 }

// What a witness is reached by.
const (
	byMail = "email"
	byText = "text"
)

// Witness keeps an address that a taking back removed for WitnessFor.
func (s Accounts) Witness(tx *db.Tx, e Email) error {
	return s.witness(tx, string(e.ID), e.Account, byMail, e.Address.Written)
}

// WitnessNumber keeps a number (E.164) that a taking back removed for WitnessFor; row names it.
func (s Accounts) WitnessNumber(tx *db.Tx, account id.Account, row, number string) error {
	return s.witness(tx, row, account, byText, number)
}

func (s Accounts) witness(tx *db.Tx, row string, account id.Account, channel, to string) error {
	_, err := tx.Exec(`INSERT INTO address_witness (id, account_id, channel, address, ends_at) VALUES ($1, $2, $3, $4, $5)
		ON CONFLICT (id) DO NOTHING`,
		row, account, channel, s.Keys.Seal("address_witness", "address", row, []byte(to)), db.Millis(tx.Now().Add(WitnessFor)))
	return wrap("keep witness", err)
}

// Witnesses reads those of an account whose time is not over.
func (s Accounts) Witnesses(tx *db.Tx, account id.Account) (Witnesses, error) {
	type stored struct {
		id, channel string
		sealed      []byte
	}
	rows, err := tx.Query(`SELECT id, channel, address FROM address_witness
		WHERE account_id = $1 AND ends_at > $2 ORDER BY ends_at, id LIMIT $3`, account, db.Millis(tx.Now()), heldMost)
	found, err := db.Collect(rows, err, func(r *db.Rows) (w stored, err error) { return w, r.Scan(&w.id, &w.channel, &w.sealed) })
	if err != nil {
		return Witnesses{}, wrap("list witnesses", err)
	}
	var out Witnesses
	for _, w := range found {
		plain, err := s.Keys.Open("address_witness", "address", w.id, w.sealed)
		if err != nil {
			return Witnesses{}, wrap("open witness", err)
		}
		if w.channel == byText {
			out.Numbers = append(out.Numbers, string(plain))
			continue
		}
		addr, err := ParseAddress(string(plain))
		if err != nil {
			return Witnesses{}, fmt.Errorf("account: address of a witness: %w", err)
		}
		out.Addresses = append(out.Addresses, addr)
	}
	return out, nil
}

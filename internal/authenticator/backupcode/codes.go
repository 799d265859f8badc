package backupcode

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"parvis/internal/authenticator"
	"parvis/internal/db"
	"parvis/internal/fault"
	"parvis/internal/id"
	"parvis/internal/secret"
)

// Codes are the backup codes in the database. All fields are needed.
type Codes struct {
	Keys     *secret.Keys
	Methods  authenticator.Authenticators
	Settings Settings

	// Hash makes the verifier of a text with a salt of its own, and HashLike with the
	// salt and cost of another: password.Hasher, which bounds how many run at once. Hash
	// mixes in the newest pepper of Keys.
	Hash     func(ctx context.Context, text string) (string, error)
	HashLike func(ctx context.Context, text, verifier string) (string, error)
}

// Draft is a new set.
type Draft struct {
	ID    authenticator.ID
	Codes []string // show them with Grouped

	verifiers []string
	pepper    string // id of the one in the verifiers
}

// String keeps the codes out of formatted texts.
func (Draft) String() string { return "(codes)" }

// GoString keeps the codes out of formatted texts.
func (Draft) GoString() string { return "(codes)" }

// LogValue keeps the codes out of the log.
func (Draft) LogValue() slog.Value { return slog.StringValue("(codes)") }

// Make makes the codes of a set. Show them with Grouped, and keep them in the sealed
// state of the journey until their owner has them too.
func (c Codes) Make() []string {
	out := make([]string, c.Settings.Codes)
	for i := range out {
		out[i] = newCode(c.Settings.Length)
	}
	return out
}

// Draft makes the verifiers of a set, as many as there are codes, so call it outside
// of every transaction. When too many wait it is a fault of kind Unavailable.
func (c Codes) Draft(ctx context.Context, codes []string) (Draft, error) {
	d := Draft{ID: authenticator.NewID(), pepper: c.Keys.PepperIDs()[0]}
	for i, code := range codes {
		var v string
		var err error
		if i == 0 {
			v, err = c.Hash(ctx, code)
		} else {
			v, err = c.HashLike(ctx, code, d.verifiers[0])
		}
		if err != nil {
			return Draft{}, fmt.Errorf("backupcode: draft: %w", err)
		}
		d.Codes, d.verifiers = append(d.Codes, code), append(d.verifiers, v)
	}
	return d, nil
}

// Store makes a set that of the account; an older one ends with all its codes, and
// its failures are forgotten. Fault Conflict while an older one is set aside. Run it in DB.Write.
func (c Codes) Store(tx *db.Tx, account id.Account, d Draft) error {
	list, err := authenticator.List(tx, account)
	if err != nil {
		return err
	}
	if aside(list) { // an older set that was lost may still be found
		return fault.New(fault.Conflict, "error.method.full")
	}
	if _, err := c.Remove(tx, account); err != nil {
		return err
	}
	err = c.Methods.Bind(tx, authenticator.Authenticator{ID: d.ID, Account: account, Type: authenticator.BackupCode})
	if err != nil {
		return err
	}
	plain, err := json.Marshal(d.verifiers)
	if err != nil {
		return fmt.Errorf("backupcode: encode: %w", err)
	}
	err = tx.ExecOne(`INSERT INTO backup_code (authenticator_id, account_id, verifiers, pepper, made_at) VALUES ($1, $2, $3, $4, $5)`,
		d.ID, account, c.Keys.Seal("backup_code", "verifiers", string(d.ID), plain), d.pepper, db.Millis(tx.Now()))
	if err != nil {
		return fmt.Errorf("backupcode: store: %w", err)
	}
	return nil
}

// aside reports whether the set of an account was set aside.
func aside(list []authenticator.Authenticator) bool {
	return slices.ContainsFunc(authenticator.Aside(list), func(a authenticator.Authenticator) bool { return a.Type == authenticator.BackupCode })
}

// Set is the set of an account.
type Set struct {
	ID      authenticator.ID
	Account id.Account
	MadeAt  time.Time
	UsedAt  time.Time   // when one of them was last used; zero: never
	Total   int         // how many there were
	Left    int         // how many were not used; make a new set when it is 0
	Uses    []time.Time // when codes were used, the oldest first

	RemindedAt time.Time // when its owner last said that they are at hand; zero: never

	verifiers []string
	used      map[int]bool
}

// Find reads the set of an account; false when it has none.
func (c Codes) Find(tx *db.Tx, account id.Account) (Set, bool, error) {
	s := Set{Account: account, used: map[int]bool{}}
	var sealed []byte
	err := tx.QueryRow(`SELECT authenticator_id, verifiers, made_at, reminded_at FROM backup_code WHERE account_id = $1`, account).
		Scan(&s.ID, &sealed, db.ScanTime(&s.MadeAt), db.NullTime(&s.RemindedAt))
	if errors.Is(err, db.ErrNoRows) {
		return Set{}, false, nil
	}
	if err != nil {
		return Set{}, false, fmt.Errorf("backupcode: find: %w", err)
	}
	plain, err := c.Keys.Open("backup_code", "verifiers", string(s.ID), sealed)
	if err != nil {
		return Set{}, false, fmt.Errorf("backupcode: open verifiers: %w", err)
	}
	if err := json.Unmarshal(plain, &s.verifiers); err != nil {
		return Set{}, false, fmt.Errorf("backupcode: decode verifiers: %w", err)
	}
	rows, err := tx.Query(`SELECT place, used_at FROM backup_code_use WHERE authenticator_id = $1 ORDER BY used_at`, s.ID)
	places, err := db.Collect(rows, err, func(r *db.Rows) (place int, err error) {
		err = r.Scan(&place, db.ScanTime(&s.UsedAt))
		s.Uses = append(s.Uses, s.UsedAt)
		return place, err
	})
	if err != nil {
		return Set{}, false, fmt.Errorf("backupcode: find uses: %w", err)
	}
	for _, p := range places {
		s.used[p] = true
	}
	s.Total, s.Left = len(s.verifiers), len(s.verifiers)-len(places)
	return s, true, nil
}

// Outcome is what came of a typed code.
type Outcome string

// The outcomes.
const (
	Matched Outcome = "matched" // redeem it now
	Wrong   Outcome = "wrong"   // none of the set
	Used    Outcome = "used"    // one that was used before
)

// Guess is what a typed code is.
type Guess struct {
	Outcome Outcome

	set   authenticator.ID
	owner id.Account
	place int
}

// Guess compares a parsed code with a set that was found before, after the attempt
// was counted: one computation, outside of every transaction. When too many wait it
// is a fault of kind Unavailable.
func (c Codes) Guess(ctx context.Context, s Set, code string) (Guess, error) {
	if len(s.verifiers) == 0 {
		return Guess{}, errors.New("backupcode: a guess at no set")
	}
	mine, err := c.HashLike(ctx, code, s.verifiers[0])
	if err != nil {
		return Guess{}, fmt.Errorf("backupcode: guess: %w", err)
	}
	out := Guess{Outcome: Wrong}
	for place, v := range s.verifiers { // always all of them
		if secret.Equal([]byte(v), []byte(mine)) {
			out = Guess{Outcome: Matched, set: s.ID, owner: s.Account, place: place}
		}
	}
	if out.Outcome == Matched && s.used[out.place] {
		out.Outcome = Used
	}
	return out, nil
}

// Redeem uses a matched code up; false when another request was faster or there is
// a newer set. It is one conditional statement.
func (c Codes) Redeem(tx *db.Tx, g Guess) (bool, error) {
	if g.Outcome != Matched {
		return false, errors.New("backupcode: a code that did not match cannot be redeemed")
	}
	n, err := tx.Exec(`INSERT INTO backup_code_use (authenticator_id, place, account_id, used_at)
		SELECT authenticator_id, CAST($1 AS BIGINT), account_id, CAST($2 AS BIGINT) FROM backup_code
		WHERE authenticator_id = $3 AND account_id = $4
		ON CONFLICT (authenticator_id, place) DO NOTHING`,
		g.place, db.Millis(tx.Now()), g.set, g.owner)
	if err != nil {
		return false, fmt.Errorf("backupcode: redeem: %w", err)
	}
	return n == 1, nil
}

// Due reports whether to ask the owner at sign-in if the codes are still at hand:
// none was used, and nobody asked, for Settings.RemindAfter.
func (c Codes) Due(s Set, now time.Time) bool {
	if c.Settings.RemindAfter == 0 || s.Left == 0 {
		return false
	}
	last := s.MadeAt
	for _, at := range []time.Time{s.UsedAt, s.RemindedAt} {
		if at.After(last) {
			last = at
		}
	}
	return now.Sub(last) >= c.Settings.RemindAfter
}

// Reminded notes that the owner was asked.
func (c Codes) Reminded(tx *db.Tx, account id.Account) error {
	if _, err := tx.Exec(`UPDATE backup_code SET reminded_at = $1 WHERE account_id = $2`, db.Millis(tx.Now()), account); err != nil {
		return fmt.Errorf("backupcode: note reminder: %w", err)
	}
	return nil
}

// Remove deletes the set of an account; false when it has none.
func (c Codes) Remove(tx *db.Tx, account id.Account) (bool, error) {
	var set authenticator.ID
	err := tx.QueryRow(`SELECT authenticator_id FROM backup_code WHERE account_id = $1`, account).Scan(&set)
	if errors.Is(err, db.ErrNoRows) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("backupcode: remove: %w", err)
	}
	if err := c.Erase(tx, account); err != nil {
		return false, err
	}
	return authenticator.Remove(tx, account, set)
}

// Erase deletes everything that is kept of an account's codes; the line of the
// list is erased with it.
func (c Codes) Erase(tx *db.Tx, account id.Account) error {
	for _, query := range []string{`DELETE FROM backup_code_use WHERE account_id = $1`, `DELETE FROM backup_code WHERE account_id = $1`} {
		if _, err := tx.Exec(query, account); err != nil {
			return fmt.Errorf("backupcode: erase: %w", err)
		}
	}
	return nil
}

package authenticator

import (
	"fmt"
	"slices"
	"time"

	"parvis/internal/db"
	"parvis/internal/id"
	"parvis/internal/policy"
)

// millis is an instant for a nullable column; nil for the zero time.
func millis(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return db.Millis(t)
}

// SetAside sets everything aside that the owner of an account may have lost, and gives
// it: nothing of it proves anything from now on. Until an instant BringBack gives it back;
// what is bound before counts in full only after that. Run it in DB.Write.
func SetAside(tx *db.Tx, account id.Account, until time.Time) ([]Authenticator, error) {
	rows, err := tx.Query(`UPDATE authenticator SET aside_until = $1
		WHERE account_id = $2 AND type NOT IN ($3, $4) AND aside_until IS NULL RETURNING `+columns,
		db.Millis(until), account, Password, Email)
	out, err := db.Collect(rows, err, func(r *db.Rows) (Authenticator, error) { return scan(r) })
	if err != nil {
		return nil, fmt.Errorf("authenticator: set aside: %w", err)
	}
	slices.SortFunc(out, func(a, b Authenticator) int { return a.BoundAt.Compare(b.BoundAt) })
	return out, nil
}

// BringBack gives back what was set aside of an account and not erased since. What was
// bound in its place is the caller's to remove, before: see Reclaimed.
func BringBack(tx *db.Tx, account id.Account) error {
	_, err := tx.Exec(`UPDATE authenticator SET aside_until = NULL WHERE account_id = $1 AND aside_until IS NOT NULL`, account)
	if err != nil {
		return fmt.Errorf("authenticator: bring back: %w", err)
	}
	return nil
}

// Reclaimed are the authenticators of an account that were bound in place of lost ones
// and do not count in full yet.
func Reclaimed(list []Authenticator, now time.Time) []Authenticator {
	return slices.DeleteFunc(slices.Clone(list), func(a Authenticator) bool { return a.IsAside() || !a.CountsFrom.After(now) })
}

// Aside are the authenticators of a list that were set aside.
func Aside(list []Authenticator) []Authenticator {
	return slices.DeleteFunc(slices.Clone(list), func(a Authenticator) bool { return !a.IsAside() })
}

// AsideOver are authenticators whose owner can no longer bring them back, at most limit.
func AsideOver(tx *db.Tx, limit int) ([]Authenticator, error) {
	rows, err := tx.Query(`SELECT `+columns+` FROM authenticator WHERE aside_until <= $1 ORDER BY aside_until LIMIT $2`,
		db.Millis(tx.Now()), limit)
	out, err := db.Collect(rows, err, func(r *db.Rows) (Authenticator, error) { return scan(r) })
	if err != nil {
		return nil, fmt.Errorf("authenticator: list what was set aside: %w", err)
	}
	return out, nil
}

// SetByMailbox notes that the password of an account was chosen with a mailed link, just
// now: until ConfirmPassword it proves no more than the mailbox does.
func SetByMailbox(tx *db.Tx, account id.Account) error { return passwordBy(tx, account, ByMailbox) }

// SetByOwner notes that the password of an account was chosen by somebody who had proven
// who they are.
func SetByOwner(tx *db.Tx, account id.Account) error { return passwordBy(tx, account, "") }

func passwordBy(tx *db.Tx, account id.Account, by BoundBy) error {
	_, err := tx.Exec(`UPDATE authenticator SET bound_by = $1, bound_at = $2 WHERE account_id = $3 AND type = $4`,
		by, db.Millis(tx.Now()), account, Password)
	if err != nil {
		return fmt.Errorf("authenticator: note how the password was chosen: %w", err)
	}
	return nil
}

// ConfirmPassword notes that a method of AAL2 or more was proven in a session that began
// with the password at an instant: from then on it proves something else than the mailbox,
// however it was chosen. A session that is older than the password confirms nothing: its
// owner may not know that somebody chose another one.
func ConfirmPassword(tx *db.Tx, account id.Account, proven time.Time) error {
	if proven.IsZero() {
		return nil
	}
	_, err := tx.Exec(`UPDATE authenticator SET bound_by = '' WHERE account_id = $1 AND type = $2 AND bound_by = $3 AND bound_at <= $4`,
		account, Password, ByMailbox, db.Millis(proven))
	if err != nil {
		return fmt.Errorf("authenticator: confirm the password: %w", err)
	}
	return nil
}

// Independent reports whether the first step of a session proves something else than the
// mailbox, for an account with these authenticators.
func Independent(list []Authenticator, facts policy.Facts) bool {
	if !facts.Partner.At.IsZero() && facts.Partner.ByMailbox == "" {
		return true
	}
	own := slices.ContainsFunc(Of(list, Password), func(p Authenticator) bool { return p.BoundBy != ByMailbox })
	return own && !facts.Password.IsZero()
}

// MailboxOnly reports whether nothing was proven in a session but the mailbox: what is
// bound in it is worth no more.
func MailboxOnly(list []Authenticator, facts policy.Facts) bool {
	strong := func(p policy.Proof) bool { return p.Method.Worth() >= policy.AAL2 && !p.Cooling }
	return !Independent(list, facts) && !slices.ContainsFunc(facts.Others, strong)
}

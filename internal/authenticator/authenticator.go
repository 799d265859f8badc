// Package authenticator keeps the list of what is bound to an account to prove
// who its owner is: type, name, since when, last used, and how often it failed.
//
// Each type has a package of its own below this one (password, totp, phone,
// backupcode …) with its own table; it binds and removes its line here in the
// transaction in which it stores or deletes its secret. The pages read the list.
//
// Every authenticator has its own counter of failures (Authenticators.Attempt),
// which is raised before a comparison and which no new code resets: after a few
// failures in a short time it waits, and after at most 100 in a row it is disabled
// until it is bound again (SP 800-63B-4, 3.2.2). The password is counted by
// account.Attempts instead, because guesses at it are made before it is known
// whether there is an account.
package authenticator

import (
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"parvis/internal/db"
	"parvis/internal/fault"
	"parvis/internal/id"
)

// ID names one authenticator.
type ID string

// Type is the type of an authenticator.
type Type string

// The types.
const (
	Password   Type = "password"    // what a person knows
	Email      Type = "email"       // a code sent to the account's main address: not authentication by SP 800-63B-4, 3.1.3.1
	Phone      Type = "phone"       // a code sent by text or said in a call (3.1.3.3)
	TOTP       Type = "totp"        // an authenticator app, RFC 6238
	Passkey    Type = "passkey"     // WebAuthn
	BackupCode Type = "backup_code" // a look-up secret (3.1.2)
)

// Channel is how a code is sent.
type Channel string

// The channels.
const (
	ByEmail Channel = "email"
	ByText  Channel = "text"
	ByVoice Channel = "voice"
)

// single reports whether an account has at most one authenticator of a type.
func (t Type) single() bool { return t == Password || t == Email || t == BackupCode }

// Authenticator is one way in that is bound to an account.
type Authenticator struct {
	ID      ID
	Account id.Account
	Type    Type
	Name    string    // given by the person; "" for types of which there is only one
	BoundAt time.Time // when it was bound, or bound again
	UsedAt  time.Time // when it was last used; zero: never

	BoundBy    BoundBy   // how it was bound, as far as that limits what it is worth
	CountsFrom time.Time // when it counts in full; zero: at once
	AsideUntil time.Time // until when its owner, who lost it, may bring it back; zero: it is in use

	counter counter
}

// BoundBy is how an authenticator was bound.
type BoundBy string

// The ways. The zero value: by the best proof that the account could give.
const (
	ByMailbox BoundBy = "mailbox" // of a password: chosen with a mailed link
	ByReclaim BoundBy = "reclaim" // in place of methods that were lost
)

// IsAside reports whether an authenticator was set aside: it proves nothing.
func (a Authenticator) IsAside() bool { return !a.AsideUntil.IsZero() }

// TriedAt is when it was last tried in vain, as far as that counts still; zero: it does not.
func (a Authenticator) TriedAt() time.Time { return a.counter.triedAt }

// LogValue keeps the name that a person gave out of the log.
func (a Authenticator) LogValue() slog.Value {
	return slog.GroupValue(slog.String("id", string(a.ID)), slog.String("type", string(a.Type)))
}

// NewID makes the identifier of an authenticator, before the transaction.
func NewID() ID { return id.New[ID]() }

// None says that an account has no such authenticator.
func None() error { return fault.New(fault.NotFound, "error.method.none") }

// Bind notes that an authenticator is bound to an account from now on. A fault on
// the field "name" when the name cannot be had, and of kind Conflict when the
// account has as many of the type as Settings allow. Run it in DB.Write.
func (m Authenticators) Bind(tx *db.Tx, a Authenticator) error {
	list, err := List(tx, a.Account)
	if err != nil {
		return err
	}
	name, err := nameFor(list, a.ID, a.Name)
	if err != nil {
		return err
	}
	if m.Room(list, a.Type) <= 0 {
		return fault.New(fault.Conflict, "error.method.full")
	}
	a.BoundBy, a.CountsFrom = "", time.Time{}
	if o := Owned(list); a.Type != Password && a.Type != Email && o.Cools(tx.Now()) {
		a.BoundBy, a.CountsFrom = ByReclaim, o.CountFrom
	}
	return bind(tx, a, name)
}

func bind(tx *db.Tx, a Authenticator, name Name) error {
	err := tx.ExecOne(`INSERT INTO authenticator (id, account_id, type, name, name_key, bound_at, bound_by, counts_from)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`,
		a.ID, a.Account, a.Type, name.Text, db.NullText(name.key), db.Millis(tx.Now()), a.BoundBy, millis(a.CountsFrom))
	if err != nil {
		return fmt.Errorf("authenticator: bind: %w", err)
	}
	return nil
}

// Ensure gives the account's authenticator of a type of which there is only one,
// and binds it when it is not there yet: so is the e-mail address, which needs no
// secret of its own. Make fresh with NewID, before the transaction.
func Ensure(tx *db.Tx, account id.Account, t Type, fresh ID) (Authenticator, error) {
	if !t.single() {
		return Authenticator{}, fmt.Errorf("authenticator: ensure: an account can have several of type %s", t)
	}
	_, err := tx.Exec(`INSERT INTO authenticator (id, account_id, type, name, bound_at) VALUES ($1, $2, $3, '', $4)
		ON CONFLICT DO NOTHING`, fresh, account, t, db.Millis(tx.Now()))
	if err != nil {
		return Authenticator{}, fmt.Errorf("authenticator: ensure: %w", err)
	}
	a, err := scan(tx.QueryRow(`SELECT `+columns+` FROM authenticator WHERE account_id = $1 AND type = $2`, account, t))
	if err != nil {
		return Authenticator{}, fmt.Errorf("authenticator: ensure: %w", err)
	}
	return a, nil
}

// Rebind notes that an authenticator that was disabled was proven anew by its owner, by
// other means than those that had failed: it counts as bound now, and its failures are
// forgotten. False when it is not disabled, or the account has no such authenticator:
// then nothing is forgotten.
func Rebind(tx *db.Tx, account id.Account, authenticator ID) (bool, error) {
	n, err := tx.Exec(`UPDATE authenticator SET bound_at = $1, failures = 0, tried_at = NULL, tries = 0,
		tries_end_at = NULL, waits_until = NULL, disabled_at = NULL
		WHERE id = $2 AND account_id = $3 AND disabled_at IS NOT NULL AND aside_until IS NULL`,
		db.Millis(tx.Now()), authenticator, account)
	if err != nil {
		return false, fmt.Errorf("authenticator: bind again: %w", err)
	}
	return n == 1, nil
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

// Rename gives an authenticator another name: 1 to 80 characters that no other
// authenticator of the account has. A fault on the field "name" otherwise; None
// when the account has no such authenticator. Run it in DB.Write.
func Rename(tx *db.Tx, account id.Account, authenticator ID, typed string) (Name, error) {
	list, err := List(tx, account)
	if err != nil {
		return Name{}, err
	}
	i := slices.IndexFunc(list, func(a Authenticator) bool { return a.ID == authenticator })
	if i < 0 || list[i].Type.single() {
		return Name{}, None()
	}
	name, err := ParseName(typed)
	if err != nil {
		return Name{}, err
	}
	if name, err = nameFor(list, authenticator, name.Text); err != nil {
		return Name{}, err
	}
	err = tx.ExecOne(`UPDATE authenticator SET name = $1, name_key = $2 WHERE id = $3`, name.Text, name.key, authenticator)
	if err != nil {
		return Name{}, fmt.Errorf("authenticator: rename: %w", err)
	}
	return name, nil
}

// Remove takes an authenticator off the list; false when it is not on it. The
// package of its type calls it when it deletes the secret.
func Remove(tx *db.Tx, account id.Account, authenticator ID) (bool, error) {
	n, err := tx.Exec(`DELETE FROM authenticator WHERE id = $1 AND account_id = $2`, authenticator, account)
	if err != nil {
		return false, fmt.Errorf("authenticator: remove: %w", err)
	}
	return n == 1, nil
}

// Erase takes everything off the list of an account.
func Erase(tx *db.Tx, account id.Account) error {
	if _, err := tx.Exec(`DELETE FROM authenticator WHERE account_id = $1`, account); err != nil {
		return fmt.Errorf("authenticator: erase: %w", err)
	}
	return nil
}

// Reset takes everything but the password off the list of an account.
func Reset(tx *db.Tx, account id.Account) error {
	if _, err := tx.Exec(`DELETE FROM authenticator WHERE account_id = $1 AND type <> $2`, account, Password); err != nil {
		return fmt.Errorf("authenticator: reset: %w", err)
	}
	return nil
}

const columns = `id, account_id, type, name, bound_at, used_at, bound_by, counts_from, aside_until,
	failures, tries, tries_end_at, waits_until, disabled_at, tried_at`

func scan(r interface{ Scan(dest ...any) error }) (Authenticator, error) {
	var a Authenticator
	return a, r.Scan(&a.ID, &a.Account, &a.Type, &a.Name, db.ScanTime(&a.BoundAt), db.NullTime(&a.UsedAt),
		&a.BoundBy, db.NullTime(&a.CountsFrom), db.NullTime(&a.AsideUntil), &a.counter.failures,
		&a.counter.tries, db.NullTime(&a.counter.triesEndAt), db.NullTime(&a.counter.waitsUntil), db.NullTime(&a.counter.disabledAt), db.NullTime(&a.counter.triedAt))
}

// Get reads one authenticator of an account; false when it has no such one.
func Get(tx *db.Tx, account id.Account, authenticator ID) (Authenticator, bool, error) {
	a, err := scan(tx.QueryRow(`SELECT `+columns+` FROM authenticator WHERE id = $1 AND account_id = $2`, authenticator, account))
	if errors.Is(err, db.ErrNoRows) {
		return Authenticator{}, false, nil
	}
	if err != nil {
		return Authenticator{}, false, fmt.Errorf("authenticator: get: %w", err)
	}
	return a, true, nil
}

// List gives the authenticators of an account, the oldest first; those that were set
// aside, too, which Of leaves out.
func List(tx *db.Tx, account id.Account) ([]Authenticator, error) {
	rows, err := tx.Query(`SELECT `+columns+` FROM authenticator WHERE account_id = $1 ORDER BY bound_at, id`, account)
	out, err := db.Collect(rows, err, func(r *db.Rows) (Authenticator, error) { return scan(r) })
	if err != nil {
		return nil, fmt.Errorf("authenticator: list: %w", err)
	}
	return out, nil
}

// Of are the authenticators of a list in use that have one of some types, in its order.
func Of(list []Authenticator, types ...Type) []Authenticator {
	var out []Authenticator
	for _, a := range list {
		if slices.Contains(types, a.Type) && !a.IsAside() {
			out = append(out, a)
		}
	}
	return out
}

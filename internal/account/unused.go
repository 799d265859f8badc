package account

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"parvis/internal/db"
	"parvis/internal/id"
	"parvis/internal/secret"
)

// Warning is how far the owner of an unused account was warned, and what the account is now.
type Warning struct {
	ID           id.Warning
	Account      id.Account
	Status       Status    // of the account
	Locale       string    // of the account
	UsedAt       time.Time // of the account
	Mails        int       // of the newest warning
	FirstAt      time.Time // when the first one was queued; zero: the account is kept without one
	FirstHanded  time.Time // when the mail server took it over; zero: not yet
	SecondAt     time.Time // zero: not yet
	SecondHanded time.Time // zero: not yet
	RemovesAt    time.Time // the day of the removal that the owner was told
	NextAt       time.Time // when something is to be done
	EndedAt      time.Time // zero: it has not ended
	Outcome      WarningOutcome
}

// WarningOutcome says how a warning ended.
type WarningOutcome string

// The outcomes. The zero value is: it has not ended.
const (
	WarningUsed        WarningOutcome = "used"        // the owner signed in
	WarningKept        WarningOutcome = "kept"        // by the link of a mail
	WarningRemoved     WarningOutcome = "removed"     // the account is erased
	WarningVoid        WarningOutcome = "void"        // the account does not count as unused any more, by the settings
	WarningUndelivered WarningOutcome = "undelivered" // no mail server took it over
	WarningExempt      WarningOutcome = "exempt"      // the account is kept whether it is used or not
)

// Warnings are the warnings in the database. Every method takes a transaction.
type Warnings struct{}

// warningsKept is how long an ended warning still explains its links.
const warningsKept = 30 * 24 * time.Hour

// Unused is an account that nobody has used for long.
type Unused struct {
	Account id.Account
	Locale  string
	UsedAt  time.Time
}

// Unused lists active accounts that were used last at an instant or before and whose owner
// is not warned, the longest unused first, after a given one: the zero value begins.
func (w Warnings) Unused(tx *db.Tx, until time.Time, after Unused, limit int) ([]Unused, error) {
	rows, err := tx.Query(`SELECT a.id, a.locale, a.used_at FROM account a
		WHERE a.status = 'active' AND a.used_at IS NOT NULL AND a.used_at <= $1 AND (a.used_at > $2 OR a.used_at = $2 AND a.id > $3)
		AND NOT EXISTS (SELECT 1 FROM unused_warning w WHERE w.account_id = a.id AND (w.ended_at IS NULL OR w.retry_at > $4))
		ORDER BY a.used_at, a.id LIMIT $5`,
		db.Millis(until), millisOr0(after.UsedAt), after.Account, db.Millis(tx.Now()), limit)
	out, err := db.Collect(rows, err, func(r *db.Rows) (u Unused, err error) {
		return u, r.Scan(&u.Account, &u.Locale, db.ScanTime(&u.UsedAt))
	})
	return out, wrap("list unused accounts", err)
}

// millisOr0 is the zero time as 0, the beginning of every list by time.
func millisOr0(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return db.Millis(t)
}

// WarningDraft is a warning to be stored. Make it with NewWarning, before the transaction.
type WarningDraft struct {
	ID    id.Warning
	Token string // for the link in the mails: 256 bits
}

// NewWarning makes the identifier and the secret of a warning.
func NewWarning() WarningDraft {
	return WarningDraft{ID: id.New[id.Warning](), Token: secret.NewToken()}
}

// Mailing is one warning as it goes out.
type Mailing struct {
	Token     string
	Mails     int       // to how many addresses
	RemovesAt time.Time // told in it
	NextAt    time.Time
	Until     time.Time // the account was used then at the latest, else nothing happens
}

// First stores that the owner of an account is warned the first time; false when the
// account was used meanwhile, is not active, or its owner is warned already. Run it in
// DB.Write: of racers one warns.
func (w Warnings) First(tx *db.Tx, warning id.Warning, account id.Account, m Mailing) (bool, error) {
	now := db.Millis(tx.Now())
	n, err := tx.Exec(`INSERT INTO unused_warning (id, account_id, made_at, mails, first_digest, first_at, removes_at, next_at)
		SELECT $1, a.id, $2, $3, $4, $2, $5, $6 FROM account a
		WHERE a.id = $7 AND a.status = 'active' AND a.used_at <= $8
		AND NOT EXISTS (SELECT 1 FROM unused_warning w WHERE w.account_id = a.id AND (w.ended_at IS NULL OR w.retry_at > $2))
		ON CONFLICT DO NOTHING`,
		warning, now, m.Mails, secret.Digest(m.Token), db.Millis(m.RemovesAt), db.Millis(m.NextAt), account, db.Millis(m.Until))
	return n == 1, wrap("warn first", err)
}

// Second stores that the owner is warned a second time; false when that was done already,
// the warning ended, the first one was not handed over, or the account was used meanwhile.
func (w Warnings) Second(tx *db.Tx, warning id.Warning, m Mailing) (bool, error) {
	n, err := tx.Exec(`UPDATE unused_warning SET second_at = $1, second_digest = $2, mails = $3, removes_at = $4, next_at = $5
		WHERE id = $6 AND ended_at IS NULL AND second_at IS NULL AND first_handed_at IS NOT NULL AND `+stillUnused+`$7)`,
		db.Millis(tx.Now()), secret.Digest(m.Token), m.Mails, db.Millis(m.RemovesAt), db.Millis(m.NextAt), warning, db.Millis(m.Until))
	return n == 1, wrap("warn second", err)
}

// stillUnused is the condition of everything that goes on; it ends with the newest last use.
const stillUnused = `EXISTS (SELECT 1 FROM account a WHERE a.id = unused_warning.account_id AND a.status = 'active' AND a.used_at <= `

// Keep stores that an unused account is kept without a warning, and is not looked at again
// until an instant.
func (w Warnings) Keep(tx *db.Tx, warning id.Warning, account id.Account, retry time.Time) error {
	now := db.Millis(tx.Now())
	_, err := tx.Exec(`INSERT INTO unused_warning (id, account_id, made_at, mails, next_at, ended_at, outcome, retry_at)
		VALUES ($1, $2, $3, 0, $3, $3, $4, $5)`, warning, account, now, WarningExempt, db.Millis(retry))
	return wrap("keep an unused account", err)
}

const warningColumns = `w.id, w.account_id, w.mails, w.first_at, w.first_handed_at, w.second_at, w.second_handed_at, w.removes_at, w.next_at, w.ended_at, w.outcome`

// fields are where one row of warningColumns goes.
func (w *Warning) fields() []any {
	return []any{
		&w.ID, &w.Account, &w.Mails, db.NullTime(&w.FirstAt), db.NullTime(&w.FirstHanded), db.NullTime(&w.SecondAt), db.NullTime(&w.SecondHanded),
		db.NullTime(&w.RemovesAt), db.ScanTime(&w.NextAt), db.NullTime(&w.EndedAt), db.ScanText(&w.Outcome),
	}
}

// Due lists the warnings with which something is to be done, after a given one: the zero
// value begins.
func (w Warnings) Due(tx *db.Tx, after Warning, limit int) ([]Warning, error) {
	rows, err := tx.Query(`SELECT `+warningColumns+`, a.status, a.locale, a.used_at
		FROM unused_warning w JOIN account a ON a.id = w.account_id
		WHERE w.ended_at IS NULL AND w.next_at <= $1 AND (w.next_at > $2 OR w.next_at = $2 AND w.id > $3)
		ORDER BY w.next_at, w.id LIMIT $4`, db.Millis(tx.Now()), millisOr0(after.NextAt), after.ID, limit)
	out, err := db.Collect(rows, err, func(r *db.Rows) (one Warning, err error) {
		return one, r.Scan(append(one.fields(), &one.Status, &one.Locale, db.NullTime(&one.UsedAt))...)
	})
	return out, wrap("list warnings", err)
}

// ByToken is the warning that a mailed link is about, ended or not.
func (w Warnings) ByToken(tx *db.Tx, token string) (Warning, bool, error) {
	var one Warning
	err := tx.QueryRow(`SELECT `+warningColumns+` FROM unused_warning w WHERE w.first_digest = $1 OR w.second_digest = $1`,
		secret.Digest(token)).Scan(one.fields()...)
	if errors.Is(err, db.ErrNoRows) {
		return Warning{}, false, nil
	}
	return one, err == nil, wrap("find warning", err)
}

// Of lists the warnings about an account that are not forgotten yet, for its owner, the newest first.
func (w Warnings) Of(tx *db.Tx, account id.Account) ([]Warning, error) {
	rows, err := tx.Query(`SELECT `+warningColumns+` FROM unused_warning w WHERE w.account_id = $1 AND w.first_at IS NOT NULL
		ORDER BY w.made_at DESC, w.id LIMIT $2`, account, heldMost)
	out, err := db.Collect(rows, err, func(r *db.Rows) (one Warning, err error) { return one, r.Scan(one.fields()...) })
	return out, wrap("list warnings of an account", err)
}

// Handed stores when the mail server took the newest warning over.
func (w Warnings) Handed(tx *db.Tx, one Warning, at, next time.Time) (bool, error) {
	column := "first_handed_at"
	if !one.SecondAt.IsZero() {
		column = "second_handed_at"
	}
	n, err := tx.Exec(`UPDATE unused_warning SET `+column+` = $1, next_at = $2 WHERE id = $3 AND ended_at IS NULL AND `+column+` IS NULL`,
		db.Millis(at), db.Millis(next), one.ID)
	return n == 1, wrap("note a warning", err)
}

// Wait stores when something is to be done next.
func (w Warnings) Wait(tx *db.Tx, warning id.Warning, next time.Time) error {
	_, err := tx.Exec(`UPDATE unused_warning SET next_at = $1 WHERE id = $2 AND ended_at IS NULL`, db.Millis(next), warning)
	return wrap("put a warning off", err)
}

// End ends a warning; false when it has ended already: of racers one ends it. The account is
// not warned again before retry, when that is given.
func (w Warnings) End(tx *db.Tx, warning id.Warning, outcome WarningOutcome, retry time.Time) (bool, error) {
	var later any
	if !retry.IsZero() {
		later = db.Millis(retry)
	}
	n, err := tx.Exec(`UPDATE unused_warning SET ended_at = $1, outcome = $2, retry_at = $3 WHERE id = $4 AND ended_at IS NULL`,
		db.Millis(tx.Now()), outcome, later, warning)
	return n == 1, wrap("end a warning", err)
}

// Remove ends a warning so that the account is erased, by the caller in the same
// transaction. False when it ended, or not all of this holds: both warnings were handed
// over, the second at an instant or before; the day that the owner was told has come; the
// account is active and was used last at an instant or before.
func (w Warnings) Remove(tx *db.Tx, warning id.Warning, secondBy, usedBy time.Time) (bool, error) {
	n, err := tx.Exec(`UPDATE unused_warning SET ended_at = $1, outcome = $2
		WHERE id = $3 AND ended_at IS NULL AND first_handed_at IS NOT NULL AND second_handed_at <= $4 AND removes_at <= $1 AND `+stillUnused+`$5)`,
		db.Millis(tx.Now()), WarningRemoved, warning, db.Millis(secondBy), db.Millis(usedBy))
	return n == 1, wrap("end a warning", err)
}

// Calm ends every warning, at most limit of them, because accounts are not removed any more.
func (w Warnings) Calm(tx *db.Tx, limit int) (int64, error) {
	n, err := tx.Exec(`UPDATE unused_warning SET ended_at = $1, outcome = $2 WHERE id IN (
		SELECT id FROM unused_warning WHERE ended_at IS NULL ORDER BY next_at LIMIT $3)`, db.Millis(tx.Now()), WarningVoid, limit)
	return n, wrap("end warnings", err)
}

// Erase ends the warning about an account that is erased by another way meanwhile.
func (w Warnings) Erase(tx *db.Tx, account id.Account) error {
	_, err := tx.Exec(`UPDATE unused_warning SET ended_at = $1, outcome = $2 WHERE account_id = $3 AND ended_at IS NULL`,
		db.Millis(tx.Now()), WarningRemoved, account)
	return wrap("erase warning", err)
}

// Purge deletes warnings that ended long ago, at most limit of them.
func (w Warnings) Purge(tx *db.Tx, limit int) (int64, error) {
	n, err := tx.Exec(`DELETE FROM unused_warning WHERE id IN (
		SELECT id FROM unused_warning WHERE ended_at <= $1 AND (retry_at IS NULL OR retry_at <= $2) ORDER BY ended_at LIMIT $3)`,
		db.Millis(tx.Now().Add(-warningsKept)), db.Millis(tx.Now()), limit)
	return n, wrap("purge warnings", err)
}

// Waiting counts accounts that were used last at an instant or before and are not warned,
// and warnings by how far they are: after the first mail, after the second one.
func (w Warnings) Waiting(tx *db.Tx, until time.Time) (unwarned, first, second int64, err error) {
	err = tx.QueryRow(`SELECT (SELECT COUNT(*) FROM account a WHERE a.status = 'active' AND a.used_at IS NOT NULL AND a.used_at <= $1
			AND NOT EXISTS (SELECT 1 FROM unused_warning w WHERE w.account_id = a.id AND (w.ended_at IS NULL OR w.retry_at > $2))),
		(SELECT COUNT(*) FROM unused_warning WHERE ended_at IS NULL AND second_at IS NULL),
		(SELECT COUNT(*) FROM unused_warning WHERE ended_at IS NULL AND second_at IS NOT NULL)`, db.Millis(until), db.Millis(tx.Now())).
		Scan(&unwarned, &first, &second)
	return unwarned, first, second, wrap("count warnings", err)
}

// Mailboxes are the confirmed addresses of several accounts, the main one of each first.
func (s Accounts) Mailboxes(tx *db.Tx, of []id.Account) (map[id.Account][]Addr, error) {
	if len(of) == 0 {
		return map[id.Account][]Addr{}, nil
	}
	marks, args := make([]string, len(of)), make([]any, len(of))
	for i, a := range of {
		marks[i], args[i] = "$"+strconv.Itoa(i+1), a
	}
	type stored struct {
		row     id.Address
		account id.Account
		sealed  []byte
	}
	rows, err := tx.Query(`SELECT id, account_id, address FROM email_address
		WHERE account_id IN (`+strings.Join(marks, ", ")+`) AND proven_at IS NOT NULL ORDER BY account_id, main DESC, added_at, id`, args...)
	found, err := db.Collect(rows, err, func(r *db.Rows) (e stored, err error) { return e, r.Scan(&e.row, &e.account, &e.sealed) })
	if err != nil {
		return nil, fmt.Errorf("account: list mailboxes: %w", err)
	}
	out := map[id.Account][]Addr{}
	for _, e := range found {
		addr, err := s.open(e.row, e.sealed)
		if err != nil {
			return nil, err
		}
		out[e.account] = append(out[e.account], addr)
	}
	return out, nil
}

package session

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"parvis/internal/db"
	"parvis/internal/id"
	"parvis/internal/secret"
)

// NewSignIn is a sign-in with a browser in which the account was not known. Its owner is
// to be told, of all that come within Settings.NewDeviceMerge at once.
type NewSignIn struct {
	Account id.Account
	Service id.RelyingParty // on the way to which; "" for none
	Browser string          // in a word of a closed list; "" unknown
	System  string          // in a word of a closed list; "" unknown
	At      time.Time       // set by NoteNew
}

// NoteNew notes a sign-in of which the owner is to be told.
func (s Sessions) NoteNew(tx *db.Tx, n NewSignIn) error {
	err := tx.ExecOne(`INSERT INTO new_sign_in (id, account_id, relying_party, browser, system, at) VALUES ($1, $2, $3, $4, $5, $6)`,
		id.New[id.Session](), n.Account, n.Service, n.Browser, n.System, db.Millis(tx.Now()))
	if err != nil {
		return fmt.Errorf("session: note new sign-in: %w", err)
	}
	return nil
}

// DueNew are the accounts whose owner is to be told now: their oldest note is as old as
// Settings.NewDeviceMerge. At most limit of them.
func (s Sessions) DueNew(tx *db.Tx, limit int) ([]id.Account, error) {
	rows, err := tx.Query(`SELECT account_id FROM new_sign_in GROUP BY account_id HAVING MIN(at) <= $1 ORDER BY MIN(at) LIMIT $2`,
		db.Millis(tx.Now().Add(-s.Settings.NewDeviceMerge)), limit)
	out, err := db.Collect(rows, err, func(r *db.Rows) (a id.Account, err error) { return a, r.Scan(&a) })
	if err != nil {
		return nil, fmt.Errorf("session: due new sign-ins: %w", err)
	}
	return out, nil
}

// TakeNew takes the notes of an account, the oldest first: of any number at once, on
// whatever node, one gets them, and nobody gets them again.
func (s Sessions) TakeNew(tx *db.Tx, account id.Account) ([]NewSignIn, error) {
	rows, err := tx.Query(`DELETE FROM new_sign_in WHERE account_id = $1 RETURNING relying_party, browser, system, at`, account)
	out, err := db.Collect(rows, err, func(r *db.Rows) (NewSignIn, error) {
		n := NewSignIn{Account: account}
		return n, r.Scan(&n.Service, &n.Browser, &n.System, db.ScanTime(&n.At))
	})
	if err != nil {
		return nil, fmt.Errorf("session: take new sign-ins: %w", err)
	}
	slices.SortFunc(out, func(a, b NewSignIn) int { return a.At.Compare(b.At) })
	return out, nil
}

// Alarm is the link with which the owner of an account says that a sign-in was not theirs.
// It proves that somebody reads the mail of the account, and is worth no more than that.
type Alarm struct {
	Account id.Account // "" for a token that is unknown
	EndsAt  time.Time
	Used    bool
}

// Live reports whether it can be used.
func (a Alarm) Live(now time.Time) bool { return a.Account != "" && !a.Used && now.Before(a.EndsAt) }

// IssueAlarm stores the link of a message; token is secret.NewToken, made before the transaction.
func (s Sessions) IssueAlarm(tx *db.Tx, account id.Account, token string) error {
	err := tx.ExecOne(`INSERT INTO alarm (digest, account_id, ends_at) VALUES ($1, $2, $3)`,
		secret.Digest(token), account, db.Millis(tx.Now().Add(s.Settings.NewDeviceLink)))
	if err != nil {
		return fmt.Errorf("session: issue alarm: %w", err)
	}
	return nil
}

// FindAlarm looks at a link and uses nothing up: mail scanners open links, too.
func (s Sessions) FindAlarm(tx *db.Tx, token string) (Alarm, error) {
	var out Alarm
	var used time.Time
	err := tx.QueryRow(`SELECT account_id, ends_at, used_at FROM alarm WHERE digest = $1`, secret.Digest(token)).
		Scan(&out.Account, db.ScanTime(&out.EndsAt), db.NullTime(&used))
	if errors.Is(err, db.ErrNoRows) {
		return Alarm{}, nil
	}
	if err != nil {
		return Alarm{}, fmt.Errorf("session: find alarm: %w", err)
	}
	out.Used = !used.IsZero()
	return out, nil
}

// UseAlarm uses a link: one conditional statement, one winner. won is false when it could
// not be used (any more).
func (s Sessions) UseAlarm(tx *db.Tx, token string) (account id.Account, won bool, err error) {
	err = tx.QueryRow(`UPDATE alarm SET used_at = $1 WHERE digest = $2 AND used_at IS NULL AND ends_at > $1 RETURNING account_id`,
		db.Millis(tx.Now()), secret.Digest(token)).Scan(&account)
	if errors.Is(err, db.ErrNoRows) {
		return "", false, nil
	}
	if err != nil {
		return "", false, fmt.Errorf("session: use alarm: %w", err)
	}
	return account, true, nil
}

// purgeAlarms deletes links that can no longer be used, at most limit of them. They are
// kept for a while, so that the page of an old one says what became of it.
func (s Sessions) purgeAlarms(tx *db.Tx, limit int) (int64, error) {
	n, err := tx.Exec(`DELETE FROM alarm WHERE digest IN (SELECT digest FROM alarm WHERE ends_at <= $1 ORDER BY ends_at LIMIT $2)`,
		db.Millis(tx.Now().Add(-30*24*time.Hour)), limit)
	if err != nil {
		return 0, fmt.Errorf("session: purge alarms: %w", err)
	}
	return n, nil
}

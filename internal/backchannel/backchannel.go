// Package backchannel tells services that a session ended in which they were visited
// (OpenID Connect Back-Channel Logout 1.0).
//
// It owns the tables session_party and logout_notice. Visits notes which services were
// visited in a session, and, in the transaction that ends it, what they are to be told:
// every way of ending a session before its time goes through session.Sessions, whose
// OnEnd is Visits.Ended, so that none can be forgotten. Worker tells them, each node its
// part: signed anew for every try, through the guarded client, several at once but few at
// one host, again after growing pauses, and not for ever: what cannot be told in time is
// dropped, with an event in the audit trail.
//
// A session that ends by itself, idle or at its absolute end, is not told: nobody asked
// for it, and services have sessions of their own, which their own rules end. Somebody who
// signs in anew in the same browser goes on with the same services (the sid that they know
// is kept); another person does not.
package backchannel

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"parvis/internal/courier"
	"parvis/internal/db"
	"parvis/internal/id"
)

// Settings are the numbers of back-channel logout.
type Settings struct {
	// GiveUp is how long a service is tried to be told that somebody has signed out.
	GiveUp           time.Duration `yaml:"give_up"`
	courier.Settings `yaml:",inline"`

	// Wait is how long somebody who signs out waits at most for the services to be told, before they are sent on.
	Wait time.Duration `yaml:"wait"`
}

// Preset returns the numbers of a preset; they are the same in all of them.
func Preset(string) Settings {
	return Settings{
		GiveUp: 12 * time.Hour, Wait: 1500 * time.Millisecond,
		Settings: courier.Settings{RetryFirst: 5 * time.Second, RetryMost: 15 * time.Minute, PerHost: 4, Hosts: 16},
	}
}

// Problems lists what is wrong with the settings.
func (s Settings) Problems() []string {
	var out []string
	if s.GiveUp < time.Minute || s.GiveUp > 7*24*time.Hour {
		out = append(out, "give_up: must be between 1m and 168h")
	}
	out = append(out, s.Settings.Problems()...)
	if s.Wait < 0 || s.Wait > 10*time.Second {
		out = append(out, "wait: must be between 0s and 10s")
	}
	return out
}

// keepVisits is how long visits stay after the longest end of their session: who signs out
// everywhere signs out of those, too.
const keepVisits = 24 * time.Hour

// LeftFor is how long a browser can be shown which services it has left.
const LeftFor = 2 * time.Minute

// Visit is a service that was visited in a session.
type Visit struct {
	Session      id.Session
	Origin       id.Session // of which the sid is made that the service knows
	RelyingParty id.RelyingParty
	Account      id.Account
	Subject      string    // by which the service knows the account
	Ends         time.Time // of the session, whatever happens
}

// Visits keeps which services were visited in which session. Every method takes a
// transaction. Bell wakes this node's worker; nil wakes nobody.
type Visits struct {
	Bell courier.Bell
}

// Note notes a visit, in the transaction that gives the service its code.
func (v Visits) Note(tx *db.Tx, of Visit) error {
	_, err := tx.Exec(`INSERT INTO session_party (session, relying_party, origin, account, subject, ends_at, noted_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (session, relying_party, origin) DO UPDATE SET subject = $5, noted_at = $7`,
		string(of.Session), string(of.RelyingParty), string(of.Origin), string(of.Account), of.Subject, db.Millis(of.Ends), db.Millis(tx.Now()))
	if err != nil {
		return fmt.Errorf("backchannel: note: %w", err)
	}
	return nil
}

// Ended is told of sessions that ended: what was visited in them is to be told, or goes on
// in the next one. Every service is in the outbox; which of them have an address to be told
// at is asked when they are.
func (v Visits) Ended(tx *db.Tx, ended []id.Session, next id.Session) error {
	now := db.Millis(tx.Now())
	if next != "" {
		among, args := list(ended, string(next), db.Millis(tx.Now().Add(keepVisits)))
		if _, err := tx.Exec(`UPDATE session_party SET session = $1, ends_at = $2 WHERE session IN (`+among+`)`, args...); err != nil {
			return fmt.Errorf("backchannel: go on: %w", err)
		}
		return nil
	}
	among, args := list(ended, now)
	n, err := tx.Exec(`INSERT INTO logout_notice (relying_party, origin, subject, attempts, created_at, due_at)
		SELECT relying_party, origin, subject, 0, CAST($1 AS BIGINT), CAST($1 AS BIGINT) FROM session_party WHERE session IN (`+among+`)
		ON CONFLICT (relying_party, origin) DO NOTHING`, args...)
	if err != nil {
		return fmt.Errorf("backchannel: ended: %w", err)
	}
	if n == 0 {
		return nil
	}
	among, args = list(ended)
	if _, err := tx.Exec(`DELETE FROM session_party WHERE left_by IS NULL AND session IN (`+among+`)`, args...); err != nil {
		return fmt.Errorf("backchannel: ended: %w", err)
	}
	tx.AfterCommit(v.Bell.Ring)
	return nil
}

// Disconnect is told that an account was disconnected from a service: it is told of every
// session in which it was visited, as of their end, though they go on.
func (v Visits) Disconnect(tx *db.Tx, account id.Account, rp id.RelyingParty) error {
	n, err := tx.Exec(`INSERT INTO logout_notice (relying_party, origin, subject, attempts, created_at, due_at)
		SELECT relying_party, origin, subject, 0, CAST($1 AS BIGINT), CAST($1 AS BIGINT) FROM session_party
		WHERE account = $2 AND relying_party = $3 AND left_by IS NULL
		ON CONFLICT (relying_party, origin) DO NOTHING`, db.Millis(tx.Now()), string(account), string(rp))
	if err != nil {
		return fmt.Errorf("backchannel: disconnect: %w", err)
	}
	if _, err := tx.Exec(`DELETE FROM session_party WHERE account = $1 AND relying_party = $2 AND left_by IS NULL`, string(account), string(rp)); err != nil {
		return fmt.Errorf("backchannel: disconnect: %w", err)
	}
	if n > 0 {
		tx.AfterCommit(v.Bell.Ring)
	}
	return nil
}

// Leave notes, before sessions are ended in their browser, that the browser leaves what was
// visited in them: for LeftFor it can be shown the services (Front-Channel Logout 1.0).
func (v Visits) Leave(tx *db.Tx, browser []byte, sessions ...id.Session) error {
	if len(browser) == 0 || len(sessions) == 0 {
		return nil
	}
	among, args := list(sessions, db.Millis(tx.Now().Add(LeftFor)), browser)
	_, err := tx.Exec(`UPDATE session_party SET ends_at = $1, left_by = $2 WHERE session IN (`+among+`)`, args...)
	if err != nil {
		return fmt.Errorf("backchannel: leave: %w", err)
	}
	return nil
}

// Left are the services that a browser has just left, those that were visited last first.
func (v Visits) Left(tx *db.Tx, browser []byte) ([]Visit, error) {
	rows, err := tx.Query(`SELECT `+columns+` FROM session_party
		WHERE left_by = $1 AND ends_at > $2 ORDER BY COALESCE(noted_at, 0) DESC, relying_party, origin`, browser, db.Millis(tx.Now()))
	out, err := db.Collect(rows, err, scan)
	if err != nil {
		return nil, fmt.Errorf("backchannel: left: %w", err)
	}
	return out, nil
}

const columns = `session, relying_party, origin, account, subject, ends_at`

func scan(r *db.Rows) (o Visit, err error) {
	return o, r.Scan(&o.Session, &o.RelyingParty, &o.Origin, &o.Account, &o.Subject, db.ScanTime(&o.Ends))
}

// list are placeholders for some values, which stand after those of before, and all values.
func list[T ~string](values []T, before ...any) (marks string, args []any) {
	out := make([]string, len(values))
	for i, v := range values {
		before = append(before, string(v))
		out[i] = "$" + strconv.Itoa(len(before))
	}
	return strings.Join(out, ", "), before
}

// In are the services that were visited in some sessions, in the order of their identifiers.
func (v Visits) In(tx *db.Tx, sessions ...id.Session) ([]Visit, error) {
	if len(sessions) == 0 {
		return nil, nil
	}
	among, args := list(sessions)
	rows, err := tx.Query(`SELECT `+columns+` FROM session_party WHERE session IN (`+among+`) ORDER BY relying_party, origin`, args...)
	out, err := db.Collect(rows, err, scan)
	if err != nil {
		return nil, fmt.Errorf("backchannel: visits: %w", err)
	}
	return out, nil
}

// Erase forgets what an account visited. What services are still to be told stays until
// they are told, or it is given up: it names nobody but by their own subject.
func (v Visits) Erase(tx *db.Tx, account id.Account) error {
	if _, err := tx.Exec(`DELETE FROM session_party WHERE account = $1`, string(account)); err != nil {
		return fmt.Errorf("backchannel: erase: %w", err)
	}
	return nil
}

// Purge forgets visits of sessions that are over, at most limit of them.
func (v Visits) Purge(tx *db.Tx, limit int) (int64, error) {
	n, err := tx.Exec(`DELETE FROM session_party WHERE (session, relying_party, origin) IN
		(SELECT session, relying_party, origin FROM session_party WHERE ends_at < $1 OR left_by IS NOT NULL AND ends_at < $2 ORDER BY ends_at LIMIT $3)`,
		db.Millis(tx.Now().Add(-keepVisits)), db.Millis(tx.Now()), limit)
	if err != nil {
		return 0, fmt.Errorf("backchannel: purge: %w", err)
	}
	return n, nil
}

package authenticator

import (
	"errors"
	"fmt"
	"time"

	"parvis/internal/db"
	"parvis/internal/id"
)

// Authenticators are the limits on what is bound to accounts, and the counters
// of failures.
type Authenticators struct {
	Settings Settings
}

// counter is what is noted of an authenticator's failures.
type counter struct {
	failures   int       // in a row, whenever
	tries      int       // in a row, since the window began
	triesEndAt time.Time // when the window ends
	waitsUntil time.Time // when the next may be made; zero: now
	disabledAt time.Time
	triedAt    time.Time // when it was last tried in vain
}

// Standing is what an authenticator can be used for now.
type Standing string

// The standings.
const (
	Usable   Standing = "usable"   // a comparison may be made
	Waiting  Standing = "waiting"  // too many failures in a short time: after State.Until
	Disabled Standing = "disabled" // too many failures in a row, or set aside: when it was bound again
)

// State is how an authenticator stands.
type State struct {
	Standing Standing
	Until    time.Time // for Waiting: when the next comparison may be made
	Failures int       // in a row
	Left     int       // how many comparisons may be made before it waits or is disabled
}

// StateOf is how an authenticator stood when it was read.
func (m Authenticators) StateOf(a Authenticator, now time.Time) State {
	s := State{Standing: Usable, Failures: a.counter.failures}
	switch {
	case a.IsAside(), !a.counter.disabledAt.IsZero(), a.counter.failures >= m.Settings.MaxFailures:
		s.Standing = Disabled
		return s
	case a.counter.waitsUntil.After(now):
		s.Standing, s.Until = Waiting, a.counter.waitsUntil
		return s
	}
	tries := 0
	if a.counter.waitsUntil.IsZero() && a.counter.triesEndAt.After(now) {
		tries = a.counter.tries
	}
	s.Left = max(0, min(m.Settings.Tries-tries, m.Settings.MaxFailures-a.counter.failures))
	return s
}

// Attempt says whether a comparison may be made.
type Attempt struct {
	Allowed bool  // compare now; the failure is counted already
	State   State // after this attempt, or why it is not allowed

	account       id.Account
	authenticator ID
}

// Attempt counts a failure before the comparison that may be one. Run it alone in
// DB.WriteStatement and compare only when it allows: then of any number of
// guesses at once exactly as many are compared as Settings say. Afterwards call
// Succeeded or Failed. None when the account has no such authenticator.
func (m Authenticators) Attempt(tx *db.Tx, account id.Account, authenticator ID) (Attempt, error) {
	now := tx.Now()
	s := m.Settings
	a, err := scan(tx.QueryRow(`UPDATE authenticator SET
			failures = failures + 1, tried_at = $1,
			tries = CASE WHEN waits_until IS NULL AND tries_end_at > $1 THEN tries + 1 ELSE 1 END,
			tries_end_at = CASE WHEN waits_until IS NULL AND tries_end_at > $1 THEN tries_end_at ELSE $2 END,
			waits_until = CASE
				WHEN waits_until IS NULL AND tries_end_at > $1 AND tries + 1 >= $3 THEN CAST($4 AS BIGINT)
				WHEN 1 >= $3 THEN CAST($4 AS BIGINT) END
		WHERE id = $5 AND account_id = $6 AND disabled_at IS NULL AND aside_until IS NULL AND failures < $7 AND (waits_until IS NULL OR waits_until <= $1)
		RETURNING `+columns,
		db.Millis(now), db.Millis(now.Add(s.Window)), s.Tries, db.Millis(now.Add(s.Wait)), authenticator, account, s.MaxFailures))
	out := Attempt{account: account, authenticator: authenticator}
	if err == nil {
		out.Allowed, out.State = true, m.StateOf(a, now)
		return out, nil
	}
	if !errors.Is(err, db.ErrNoRows) {
		return Attempt{}, fmt.Errorf("authenticator: count attempt: %w", err)
	}
	a, found, err := Get(tx, account, authenticator)
	if err != nil {
		return Attempt{}, err
	}
	if !found {
		return Attempt{}, None()
	}
	out.State = m.StateOf(a, now)
	return out, nil
}

// Succeeded notes that an allowed comparison succeeded: the failures are
// forgotten and the authenticator was used now. False when it was disabled or
// removed in the meantime: then the comparison counts for nothing.
func (m Authenticators) Succeeded(tx *db.Tx, a Attempt) (bool, error) {
	if !a.Allowed {
		return false, errors.New("authenticator: an attempt that was not allowed cannot succeed")
	}
	n, err := tx.Exec(`UPDATE authenticator SET failures = 0, tried_at = NULL, tries = 0, tries_end_at = NULL,
		waits_until = NULL, used_at = $1 WHERE id = $2 AND account_id = $3 AND disabled_at IS NULL AND aside_until IS NULL`,
		db.Millis(tx.Now()), a.authenticator, a.account)
	if err != nil {
		return false, fmt.Errorf("authenticator: note success: %w", err)
	}
	return n == 1, nil
}

// comparedWithin is how long a comparison that was allowed may take.
const comparedWithin = time.Minute

// Failed notes that an allowed comparison failed, or that an attempt was not
// allowed. It is true exactly once when that disabled the authenticator: then
// tell the owner. A refused attempt tells it for a process that died before it could.
func (m Authenticators) Failed(tx *db.Tx, a Attempt) (justDisabled bool, err error) {
	tried := tx.Now()
	if !a.Allowed {
		tried = tried.Add(-comparedWithin) // the last comparison may still succeed
	}
	n, err := tx.Exec(`UPDATE authenticator SET disabled_at = $1
		WHERE id = $2 AND account_id = $3 AND disabled_at IS NULL AND failures >= $4 AND tried_at <= $5`,
		db.Millis(tx.Now()), a.authenticator, a.account, m.Settings.MaxFailures, db.Millis(tried))
	if err != nil {
		return false, fmt.Errorf("authenticator: note failure: %w", err)
	}
	return n == 1, nil
}

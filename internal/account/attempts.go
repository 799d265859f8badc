package account

import (
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"parvis/internal/db"
	"parvis/internal/id"
	"parvis/internal/secret"
)

// Attempts counts failures by address: one that nobody has is counted, locked and
// unlocked like any other, and only what is counted for the typed address is shown. The
// failures at all addresses of an account count together, too (AttemptKey.Of), so that
// each address does not give a guesser as many tries again; that they are used up is
// shown nowhere, for it would tell which addresses are one person's. A browser that
// signed in before (session.Sessions.Known) has counters of its own, so that
// strangers cannot lock people out of their own browser.
type Attempts struct {
	Keys     *secret.Keys
	Settings Settings
}

// The kinds of counters.
const (
	kindPassword = "password"
	kindCode     = "code"
	kindAccount  = "account" // passwords, at all addresses of an account
)

// AttemptKey names one counter.
type AttemptKey struct {
	indexes []string // of the address, under each root key, the active one first
	kind    string
	device  string // hex digest of a known browser, "" for the counter of all others
	whole   string // what the counter of all addresses of its account goes by; "" for none
}

// Key is the password counter of an address; device is the digest of the token
// of a browser that is known for its account (session.Sessions.Known), else nil.
func (a Attempts) Key(addr Addr, device []byte) AttemptKey {
	return AttemptKey{indexes: a.Keys.Indexes(indexPurpose, addr.Key), kind: kindPassword, device: hex.EncodeToString(device)}
}

// Of is the key with the counter of the account that has the address; holder is "" when
// nobody has it: then it counts by itself, so that the work is the same.
func (k AttemptKey) Of(holder id.Account) AttemptKey {
	k.whole = whole(holder)
	if holder == "" {
		k.whole = "address:" + k.indexes[0]
	}
	return k
}

// whole is what the counter of all addresses of an account goes by, in the place of an index.
func whole(holder id.Account) string { return "account:" + string(holder) }

// Attempt says whether a comparison may be made.
type Attempt struct {
	Allowed  bool // compare now; the failure is counted already
	Hidden   bool // do not compare, and answer as to a wrong one: failures at other addresses used the tries up
	Failures int  // in a row, this one included
	Left     int  // how many more may be made after this one
}

// Count counts a failure before the comparison that may be one. Run it alone in
// DB.WriteStatement and compare only when it allows: then of any number of
// guesses at once exactly Settings.MaxFailures are compared, at one address and at all
// addresses of an account (AttemptKey.Of). Afterwards call Clear when the comparison
// succeeded, Failed when it did not.
func (a Attempts) Count(tx *db.Tx, key AttemptKey) (Attempt, error) {
	out, err := a.count(tx, key, a.Settings.MaxFailures, a.Settings.AttemptsExpire)
	if err != nil || !out.Allowed || key.whole == "" {
		return out, err
	}
	all, err := a.count(tx, key.all(), a.Settings.MaxFailures, a.Settings.AttemptsExpire)
	out.Allowed, out.Hidden = all.Allowed, !all.Allowed
	return out, err
}

// all is the key of the counter of all addresses.
func (k AttemptKey) all() AttemptKey {
	return AttemptKey{indexes: []string{k.whole}, kind: kindAccount, device: k.device}
}

func (a Attempts) count(tx *db.Tx, key AttemptKey, most int, lasting time.Duration) (Attempt, error) {
	// A lock under an older root key holds while keys are being changed.
	for _, index := range key.indexes[1:] {
		n, err := a.failures(tx, AttemptKey{indexes: []string{index}, kind: key.kind, device: key.device})
		if err != nil {
			return Attempt{}, err
		}
		if n >= most {
			return Attempt{Failures: n}, nil
		}
	}
	var failures int
	now := tx.Now()
	err := tx.QueryRow(`INSERT INTO failed_attempt (address_index, kind, device, failures, locked_at, expires_at)
		VALUES ($1, $2, $3, 1, NULL, $4)
		ON CONFLICT (address_index, kind, device) DO UPDATE SET
			failures = CASE WHEN failed_attempt.expires_at <= $5 THEN 1 ELSE failed_attempt.failures + 1 END,
			locked_at = CASE WHEN failed_attempt.expires_at <= $5 THEN NULL ELSE failed_attempt.locked_at END,
			expires_at = $4
		WHERE failed_attempt.expires_at <= $5 OR failed_attempt.failures < $6
		RETURNING failures`,
		key.indexes[0], key.kind, key.device, db.Millis(now.Add(lasting)), db.Millis(now), most).Scan(&failures)
	if errors.Is(err, db.ErrNoRows) {
		return Attempt{Failures: most}, nil
	}
	if err != nil {
		return Attempt{}, fmt.Errorf("account: count attempt: %w", err)
	}
	return Attempt{Allowed: true, Failures: failures, Left: most - failures}, nil
}

func (a Attempts) failures(tx *db.Tx, key AttemptKey) (int, error) {
	var n int
	err := tx.QueryRow(`SELECT failures FROM failed_attempt
		WHERE address_index = $1 AND kind = $2 AND device = $3 AND expires_at > $4`,
		key.indexes[0], key.kind, key.device, db.Millis(tx.Now())).Scan(&n)
	if errors.Is(err, db.ErrNoRows) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("account: read attempts: %w", err)
	}
	return n, nil
}

// Failed notes that an allowed comparison failed. It is true exactly once per
// lock: then tell the owner.
func (a Attempts) Failed(tx *db.Tx, key AttemptKey) (justLocked bool, err error) {
	now := db.Millis(tx.Now())
	n, err := tx.Exec(`UPDATE failed_attempt SET locked_at = $1
		WHERE address_index = $2 AND kind = $3 AND device = $4
		AND locked_at IS NULL AND failures >= $5 AND expires_at > $1`,
		now, key.indexes[0], key.kind, key.device, a.Settings.MaxFailures)
	if err != nil {
		return false, fmt.Errorf("account: note failure: %w", err)
	}
	return n == 1, nil
}

// comparedWithin is how long a counted comparison may take until it is taken for
// one that was never finished, because the process ended.
const comparedWithin = time.Minute

// Untold finds a lock that nobody was told of: the comparison that closed the
// counter began long ago and neither Failed nor Clear followed. It is true exactly
// once per lock, and never when Failed was: then tell the owner.
func (a Attempts) Untold(tx *db.Tx, key AttemptKey) (bool, error) {
	now := tx.Now()
	begun := a.Settings.AttemptsExpire - min(comparedWithin, a.Settings.AttemptsExpire/2)
	var found bool
	for _, index := range key.indexes {
		n, err := tx.Exec(`UPDATE failed_attempt SET locked_at = $1
			WHERE address_index = $2 AND kind = $3 AND device = $4
			AND locked_at IS NULL AND failures >= $5 AND expires_at > $1 AND expires_at <= $6`,
			db.Millis(now), index, key.kind, key.device, a.Settings.MaxFailures,
			db.Millis(now.Add(begun)))
		if err != nil {
			return false, fmt.Errorf("account: find an untold lock: %w", err)
		}
		found = found || n == 1
	}
	return found, nil
}

// Clear forgets the failures of a key: the comparison succeeded. Those at other addresses
// of the account stay shown there, so that their end does not tell whose they are.
func (a Attempts) Clear(tx *db.Tx, key AttemptKey) error {
	if key.whole != "" {
		if err := a.Clear(tx, key.all()); err != nil {
			return err
		}
	}
	for _, index := range key.indexes {
		_, err := tx.Exec(`DELETE FROM failed_attempt WHERE address_index = $1 AND kind = $2 AND device = $3`,
			index, key.kind, key.device)
		if err != nil {
			return fmt.Errorf("account: clear attempts: %w", err)
		}
	}
	return nil
}

// Lock is the state of a counter.
type Lock struct {
	Locked   bool
	Failures int       // in a row
	Until    time.Time // when the lock ends by itself; zero unless Locked
}

// Locked tells whether a counter allows no further comparison. It changes nothing.
func (a Attempts) Locked(tx *db.Tx, key AttemptKey) (Lock, error) {
	var out Lock
	for _, index := range key.indexes {
		var n int
		var until time.Time
		err := tx.QueryRow(`SELECT failures, expires_at FROM failed_attempt
			WHERE address_index = $1 AND kind = $2 AND device = $3 AND expires_at > $4`,
			index, key.kind, key.device, db.Millis(tx.Now())).Scan(&n, db.ScanTime(&until))
		if errors.Is(err, db.ErrNoRows) {
			continue
		}
		if err != nil {
			return Lock{}, fmt.Errorf("account: read lock: %w", err)
		}
		out.Failures = max(out.Failures, n)
		if n >= a.Settings.MaxFailures {
			out.Locked, out.Until = true, until
		}
	}
	return out, nil
}

// AnyLocked tells whether any password counter of an address is locked: the one
// of strangers or that of a known browser. It is what is shown, and what "reset is
// refused" goes by.
func (a Attempts) AnyLocked(tx *db.Tx, addr Addr) (bool, error) {
	locked := false
	for _, index := range a.Keys.Indexes(indexPurpose, addr.Key) {
		one, err := a.used(tx, index, kindPassword)
		if err != nil {
			return false, err
		}
		locked = locked || one
	}
	return locked, nil
}

// Closed tells whether a password is compared no longer at one of the addresses: it is
// locked there, or failures at all addresses of the account that has them used the tries
// up. holder is "" for nobody. Only who reads one of the addresses may learn it.
func (a Attempts) Closed(tx *db.Tx, holder id.Account, addrs ...Addr) (bool, error) {
	closed, err := a.used(tx, whole(holder), kindAccount)
	if err != nil {
		return false, err
	}
	for _, addr := range addrs {
		one, err := a.AnyLocked(tx, addr)
		if err != nil {
			return false, err
		}
		closed = closed || one
	}
	return closed, nil
}

// used reports whether the tries of any counter of an index and a kind are used up.
func (a Attempts) used(tx *db.Tx, index, kind string) (bool, error) {
	var n int
	err := tx.QueryRow(`SELECT COUNT(*) FROM failed_attempt
		WHERE address_index = $1 AND kind = $2 AND failures >= $3 AND expires_at > $4`,
		index, kind, a.Settings.MaxFailures, db.Millis(tx.Now())).Scan(&n)
	if err != nil {
		return false, fmt.Errorf("account: read locks: %w", err)
	}
	return n > 0, nil
}

// Unlock clears every password counter of the addresses, and those of the account that has
// them; holder is "" for nobody. True when the password was not compared (Closed).
func (a Attempts) Unlock(tx *db.Tx, holder id.Account, addrs ...Addr) (bool, error) {
	closed, err := a.Closed(tx, holder, addrs...)
	if err != nil {
		return false, err
	}
	forget := func(index, kind string) error {
		_, err := tx.Exec(`DELETE FROM failed_attempt WHERE address_index = $1 AND kind = $2`, index, kind)
		return wrap("unlock", err)
	}
	for _, addr := range addrs {
		for _, index := range a.Keys.Indexes(indexPurpose, addr.Key) {
			if err := forget(index, kindPassword); err != nil {
				return false, err
			}
		}
	}
	return closed, forget(whole(holder), kindAccount)
}

// Purge deletes expired counters, at most limit of them.
func (a Attempts) Purge(tx *db.Tx, limit int) (int64, error) {
	n, err := tx.Exec(`DELETE FROM failed_attempt WHERE (address_index, kind, device) IN (
		SELECT address_index, kind, device FROM failed_attempt WHERE expires_at <= $1 ORDER BY expires_at LIMIT $2)`,
		db.Millis(tx.Now()), limit)
	if err != nil {
		return 0, fmt.Errorf("account: purge attempts: %w", err)
	}
	return n, nil
}

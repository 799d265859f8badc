package session

import (
	"errors"
	"fmt"
	"time"

	"parvis/internal/db"
	"parvis/internal/id"
	"parvis/internal/secret"
)

// NewDevice makes the token of a browser's known-device cookie, before the
// transaction. One token serves every account that signs in with the browser.
func NewDevice() string { return secret.NewToken() }

// Device is a sign-in as far as the known browser is concerned.
type Device struct {
	Token string // what the browser sent, "" for none
	Fresh string // NewDevice: what it is given in its place
	Known []byte // Known of the account before the password was compared, nil for none
}

// Remember notes that an account has signed in with a browser, and gives the
// browser its fresh token: for every account that is known there the one it sent
// ends, so that a copy of it is worth nothing after the owner's next sign-in. What
// Known answers, and with it each counter, stays the same.
//
// Of several sign-ins of one browser at once the first gives the token; for the
// others given is false and the browser keeps what that one gave. known is false
// when the account is not known in this browser: tell the owner.
func (s Sessions) Remember(tx *db.Tx, d Device, account id.Account) (given, known bool, err error) {
	now, fresh := db.Millis(tx.Now()), secret.Digest(d.Fresh)
	var moved int64
	if d.Token != "" {
		moved, err = tx.Exec(`UPDATE device SET digest = $1, origin = COALESCE(origin, digest) WHERE digest = $2`,
			fresh, secret.Digest(d.Token))
		if err != nil {
			return false, false, fmt.Errorf("session: renew device: %w", err)
		}
	}
	if d.Known != nil {
		n, err := tx.Exec(`UPDATE device SET used_at = $1 WHERE account_id = $2 AND COALESCE(origin, digest) = $3`,
			now, account, d.Known)
		if err != nil {
			return false, false, fmt.Errorf("session: use device: %w", err)
		}
		if n > 0 {
			return moved > 0, true, nil
		}
	}
	_, err = tx.Exec(`INSERT INTO device (digest, account_id, created_at, used_at) VALUES ($1, $2, $3, $3)
		ON CONFLICT (digest, account_id) DO UPDATE SET used_at = $3`, fresh, account, now)
	if err != nil {
		return false, false, fmt.Errorf("session: remember device: %w", err)
	}
	return true, false, nil
}

// Known names the browser of a token for an account that has signed in with it
// within Settings.DeviceLifetime, else nil: what account.Attempts.Key takes. The
// name outlives the token. It makes the same query for every token and account,
// also for empty ones.
func (s Sessions) Known(tx *db.Tx, token string, account id.Account) ([]byte, error) {
	var origin []byte
	var used time.Time
	err := tx.QueryRow(`SELECT COALESCE(origin, digest), used_at FROM device WHERE digest = $1 AND account_id = $2`,
		secret.Digest(token), account).Scan(&origin, db.ScanTime(&used))
	if errors.Is(err, db.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("session: find device: %w", err)
	}
	if !used.After(tx.Now().Add(-s.Settings.DeviceLifetime)) {
		return nil, nil
	}
	return origin, nil
}

// ForgetDevices makes every browser of an account unknown again; none is remembered
// either (ForgetAll).
func (s Sessions) ForgetDevices(tx *db.Tx, account id.Account) error {
	if _, err := s.ForgetAll(tx, account); err != nil {
		return err
	}
	if _, err := tx.Exec(`DELETE FROM device WHERE account_id = $1`, account); err != nil {
		return fmt.Errorf("session: forget devices: %w", err)
	}
	return nil
}

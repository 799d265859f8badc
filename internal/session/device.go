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

// Remember notes that an account has signed in with a browser. token is what
// the browser sent, or a new one (NewDevice).
func (s Sessions) Remember(tx *db.Tx, token string, account id.Account) error {
	_, err := tx.Exec(`INSERT INTO device (digest, account_id, created_at, used_at) VALUES ($1, $2, $3, $3)
		ON CONFLICT (digest, account_id) DO UPDATE SET used_at = $3`,
		secret.Digest(token), account, db.Millis(tx.Now()))
	if err != nil {
		return fmt.Errorf("session: remember device: %w", err)
	}
	return nil
}

// Known is the digest of a browser's token when the account has signed in with
// it within Settings.DeviceLifetime, else nil: what account.Attempts.Key takes.
// It makes the same query for every token and account, also for empty ones.
func (s Sessions) Known(tx *db.Tx, token string, account id.Account) ([]byte, error) {
	digest := secret.Digest(token)
	var used time.Time
	err := tx.QueryRow(`SELECT used_at FROM device WHERE digest = $1 AND account_id = $2`,
		digest, account).Scan(db.ScanTime(&used))
	if errors.Is(err, db.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("session: find device: %w", err)
	}
	if !used.After(tx.Now().Add(-s.Settings.DeviceLifetime)) {
		return nil, nil
	}
	return digest, nil
}

// ForgetDevices makes every browser of an account unknown again.
func (s Sessions) ForgetDevices(tx *db.Tx, account id.Account) error {
	if _, err := tx.Exec(`DELETE FROM device WHERE account_id = $1`, account); err != nil {
		return fmt.Errorf("session: forget devices: %w", err)
	}
	return nil
}

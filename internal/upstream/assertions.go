package upstream

import (
	"context"
	"crypto/sha256"
	"fmt"
	"time"

	"parvis/internal/db"
)

// Assertions remembers which assertions of partners were accepted, for all nodes, so
// that each is good for one sign-in (SAML core 2.5.1.5, profiles 4.1.4.5).
type Assertions struct{ DB *db.DB }

// Take notes an assertion by its issuer and identifier until it would be refused as
// too old anyway. It reports false for one that was taken before; of many who come
// with the same one at once, one gets true.
func (a Assertions) Take(ctx context.Context, issuer, assertion string, until time.Time) (bool, error) {
	first := false
	err := a.DB.WriteStatement(ctx, func(tx *db.Tx) (err error) {
		first, err = take(tx, issuer, assertion, until)
		return err
	})
	if err != nil {
		return false, fmt.Errorf("upstream: take an assertion: %w", err)
	}
	return first, nil
}

func take(tx *db.Tx, issuer, assertion string, until time.Time) (bool, error) {
	sum := sha256.Sum256(fmt.Appendf(nil, "%d:%s:%s", len(issuer), issuer, assertion))
	n, err := tx.Exec(`INSERT INTO upstream_assertion (id, expires_at) VALUES ($1, $2) ON CONFLICT (id) DO NOTHING`, sum[:], db.Millis(until))
	return n == 1, err
}

// TakeDeparture notes a notice that somebody signed out at a provider, in the
// transaction that acts on it; false for one that was taken before.
func TakeDeparture(tx *db.Tx, d Departure) (bool, error) {
	first, err := take(tx, d.Issuer, "logout "+d.ID, d.Until)
	if err != nil {
		return false, fmt.Errorf("upstream: take a notice: %w", err)
	}
	return first, nil
}

// Purge deletes what is remembered of assertions that are too old by now. A job runs it.
func (a Assertions) Purge(ctx context.Context) error {
	const some = 1000
	for n := int64(some); n == some; {
		err := a.DB.WriteStatement(ctx, func(tx *db.Tx) (err error) {
			now := db.Millis(tx.Now())
			n, err = tx.Exec(`DELETE FROM upstream_assertion WHERE expires_at <= $1 AND id IN (SELECT id FROM upstream_assertion WHERE expires_at <= $2 LIMIT $3)`, now, now, some)
			return err
		})
		if err != nil {
			return fmt.Errorf("upstream: purge: %w", err)
		}
	}
	return nil
}

package lifecycle

import (
	"context"
	"fmt"

	"parvis/internal/audit"
	"parvis/internal/authenticator"
	"parvis/internal/db"
	"parvis/internal/id"
)

// dropBatch is how much one transaction of DropPepper removes at most.
const dropBatch = 50

// DropPepper removes every password and every set of backup codes whose verifier
// was made with a pepper, in small transactions, and returns how many there were:
// its file is to go, and the owners did not come back since it was replaced. The
// accounts stay; their owners choose a new password with the link of a mail, as
// who forgot theirs.
func (l *Lifecycle) DropPepper(ctx context.Context, pepper string) (passwords, sets int64, err error) {
	passwords, err = l.drop(ctx, authenticator.Password, func(tx *db.Tx) ([]id.Account, error) {
		return l.Passwords.WithPepper(tx, pepper, dropBatch)
	}, l.Passwords.Remove)
	if err != nil {
		return passwords, 0, err
	}
	sets, err = l.drop(ctx, authenticator.BackupCode, func(tx *db.Tx) ([]id.Account, error) {
		return l.BackupCodes.WithPepper(tx, pepper, dropBatch)
	}, l.BackupCodes.Remove)
	return passwords, sets, err
}

// drop removes one thing of each account that next finds, until it finds no more.
func (l *Lifecycle) drop(ctx context.Context, t authenticator.Type, next func(*db.Tx) ([]id.Account, error), remove func(*db.Tx, id.Account) (bool, error)) (removed int64, err error) {
	for {
		var n int
		err := l.DB.Write(ctx, func(tx *db.Tx) error {
			accounts, err := next(tx)
			n = len(accounts)
			if err != nil {
				return err
			}
			for _, a := range accounts {
				if _, err := remove(tx, a); err != nil {
					return err
				}
				err = l.Audit.Record(tx, audit.Event{
					Name: audit.MethodRemoved, Account: a, Outcome: audit.Success, Reason: "pepper", Data: map[string]string{"type": string(t)},
				})
				if err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return removed, fmt.Errorf("lifecycle: drop pepper: %w", err)
		}
		removed += int64(n)
		if n < dropBatch {
			return removed, nil
		}
	}
}

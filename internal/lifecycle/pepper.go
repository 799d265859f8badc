package lifecycle

import (
	"context"
	"fmt"

	"parvis/internal/audit"
	"parvis/internal/authenticator"
	"parvis/internal/db"
)

// dropBatch is how many passwords one transaction of DropPepper removes at most.
const dropBatch = 50

// DropPepper removes every password whose verifier was made with a pepper, in
// small transactions, and returns how many there were: its file is to go, and the
// owners did not sign in since it was replaced. The accounts stay; their owners
// choose a new password with the link of a mail, as who forgot theirs.
func (l *Lifecycle) DropPepper(ctx context.Context, pepper string) (removed int64, err error) {
	for {
		var n int
		err := l.DB.Write(ctx, func(tx *db.Tx) error {
			accounts, err := l.Passwords.WithPepper(tx, pepper, dropBatch)
			n = len(accounts)
			if err != nil {
				return err
			}
			for _, a := range accounts {
				kept, _, err := l.Passwords.Get(tx, a)
				if err != nil {
					return err
				}
				if _, err := l.Passwords.Remove(tx, a); err != nil {
					return err
				}
				err = l.Audit.Record(tx, audit.Event{
					Name: audit.MethodRemoved, Account: a, Outcome: audit.Success, Reason: "pepper",
					Data: map[string]string{"method": string(kept.Authenticator), "type": string(authenticator.Password)},
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

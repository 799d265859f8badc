// Package lifecycle ends what has had its time.
//
// It removes accounts that nobody activated (R23), erases closed accounts in
// every package that keeps something of them, and lists the periodic works that
// forget expired journeys, sessions, proofs and counters. Each of them works
// through whatever has become due, so that a service that was down catches up.
// The composition runs the jobs; the operator's commands close accounts.
package lifecycle

import (
	"context"
	"errors"
	"fmt"
	"time"

	"parvis/internal/account"
	"parvis/internal/assist"
	"parvis/internal/audit"
	"parvis/internal/authenticator"
	"parvis/internal/authenticator/backupcode"
	"parvis/internal/authenticator/lost"
	"parvis/internal/authenticator/otp"
	"parvis/internal/authenticator/password"
	"parvis/internal/authenticator/phone"
	"parvis/internal/authenticator/totp"
	"parvis/internal/backchannel"
	"parvis/internal/ciba"
	"parvis/internal/connection"
	"parvis/internal/db"
	"parvis/internal/fault"
	"parvis/internal/flow"
	"parvis/internal/grant"
	"parvis/internal/id"
	"parvis/internal/job"
	"parvis/internal/notify"
	"parvis/internal/notify/notice"
	"parvis/internal/session"
	"parvis/internal/upstream"
)

// batch is how many rows one transaction of a job takes at most.
const batch = 500

// Lifecycle ends accounts and what has expired. All fields are needed.
type Lifecycle struct {
	DB          *db.DB
	Flows       flow.Flows
	Accounts    account.Accounts
	Attempts    account.Attempts
	Proofs      account.Proofs
	Passwords   password.Passwords
	Apps        totp.Apps
	BackupCodes backupcode.Codes
	Phones      phone.Phones
	Codes       otp.Codes
	Sessions    session.Sessions
	Visits      backchannel.Visits
	Asked       ciba.Requests
	Connections connection.Connections
	Grants      grant.Grants
	Links       upstream.Links
	Requests    assist.Requests
	Lost        lost.Requests
	Outbox      *notify.Outbox
	Audit       *audit.Log
}

// Jobs are the periodic works of this package.
func (l *Lifecycle) Jobs() []job.Job {
	return []job.Job{
		{Name: "lifecycle.unactivated", Every: time.Minute, Run: l.RemoveUnactivated},
		{Name: "lifecycle.flows", Every: time.Minute, Run: l.each(l.Flows.Purge)},
		{Name: "lifecycle.sessions", Every: 5 * time.Minute, Run: l.each(l.Sessions.Purge)},
		{Name: "lifecycle.visits", Every: 5 * time.Minute, Run: l.each(l.Visits.Purge)},
		{Name: "lifecycle.proofs", Every: 5 * time.Minute, Run: l.each(l.Proofs.Purge)},
		{Name: "lifecycle.addresses", Every: 5 * time.Minute, Run: l.each(l.Accounts.PurgeChanges)},
		{Name: "lifecycle.attempts", Every: 5 * time.Minute, Run: l.each(l.Attempts.Purge)},
		{Name: "lifecycle.assistance", Every: assistEvery, Run: l.each(l.expireAssistance)},
		{Name: "lifecycle.codes", Every: 5 * time.Minute, Run: l.each(l.Codes.Purge)},
	}
}

// each repeats a purge, a transaction for each batch, until nothing is left.
func (l *Lifecycle) each(purge func(tx *db.Tx, limit int) (int64, error)) func(context.Context) error {
	return func(ctx context.Context) error {
		for {
			var n int64
			err := l.DB.Write(ctx, func(tx *db.Tx) (err error) {
				n, err = purge(tx, batch)
				return err
			})
			if err != nil {
				return fmt.Errorf("lifecycle: purge: %w", err)
			}
			if n < batch {
				return nil
			}
		}
	}
}

// RemoveUnactivated removes every account that was not activated in time. Its
// address is free again, and no event keeps it; what is left of its links says
// "removed" and still knows the service.
func (l *Lifecycle) RemoveUnactivated(ctx context.Context) error {
	for {
		var due []id.Account
		err := l.DB.Read(ctx, func(tx *db.Tx) (err error) {
			due, err = l.Accounts.Unactivated(tx, batch)
			return err
		})
		if err != nil {
			return fmt.Errorf("lifecycle: unactivated: %w", err)
		}
		var failed error
		for _, a := range due {
			err := l.DB.Write(ctx, func(tx *db.Tx) error { return l.removeUnactivated(tx, a) })
			failed = errors.Join(failed, err) // one that cannot be removed does not keep the others
		}
		if failed != nil {
			return fmt.Errorf("lifecycle: unactivated: %w", failed)
		}
		if len(due) < batch {
			return nil
		}
	}
}

func (l *Lifecycle) removeUnactivated(tx *db.Tx, a id.Account) error {
	removed, err := l.Accounts.RemoveUnactivated(tx, a)
	if err != nil || !removed {
		return err
	}
	if err := l.forget(tx, a); err != nil {
		return err
	}
	return l.Audit.Record(tx, audit.Event{Name: audit.AccountRemovedUnactivated, Account: a, Outcome: audit.Success})
}

// Forget is the rest of an account that gave way before it was activated: what the packages
// beside account keep of it is erased, in the caller's transaction.
func (l *Lifecycle) Forget(tx *db.Tx, a id.Account) error {
	if err := l.forget(tx, a); err != nil {
		return err
	}
	return l.Audit.Record(tx, audit.Event{Name: audit.AccountRemovedUnactivated, Account: a, Outcome: audit.Success, Reason: "address taken"})
}

// forget erases what the packages beside account keep of an account. The
// identifiers by which services know it stay, so that nobody gets them again.
func (l *Lifecycle) forget(tx *db.Tx, a id.Account) error {
	if _, err := l.Outbox.Cancel(tx, a); err != nil {
		return err
	}
	if _, err := l.Passwords.Remove(tx, a); err != nil {
		return err
	}
	return each(tx, a, append(l.secondSteps(),
		authenticator.Erase, account.Closures{}.Erase, account.Warnings{}.Erase, l.Links.Erase, l.Requests.Erase, l.Lost.Erase, l.Sessions.Erase, l.Visits.Erase, l.Asked.Erase, l.Grants.Forget, l.Connections.Forget, l.Audit.EraseAccount))
}

// Close ends an account and erases it everywhere, in the caller's transaction,
// and tells the owner at every address that was proven, or at the main one. Fault NotFound when there is no such account or it is
// closed already. Afterwards call DB.Checkpoint, so that a copy of the database
// file holds nothing of it.
func (l *Lifecycle) Close(tx *db.Tx, a id.Account, by notice.RemovedBy) error {
	owner, found, err := l.Accounts.ByID(tx, a)
	if err != nil {
		return fmt.Errorf("lifecycle: close: %w", err)
	}
	if !found || owner.Status == account.Closed {
		return fault.New(fault.NotFound, "error.account.none")
	}
	to, err := l.mailboxes(tx, a)
	if err != nil {
		return fmt.Errorf("lifecycle: close: %w", err)
	}
	if _, err := l.Accounts.Close(tx, a); err != nil {
		return fmt.Errorf("lifecycle: close: %w", err)
	}
	if err := l.forget(tx, a); err != nil {
		return fmt.Errorf("lifecycle: close: %w", err)
	}
	err = l.Audit.Record(tx, audit.Event{
		Name: audit.AccountClosed, Account: a, Outcome: audit.Success, Reason: string(by),
	})
	if err != nil {
		return fmt.Errorf("lifecycle: close: %w", err)
	}
	for _, one := range to {
		err := l.Outbox.Queue(tx, notify.Message{To: one.Written, Locale: owner.Locale, Account: a, Data: notice.Removed{By: by, At: tx.Now()}})
		if err != nil {
			return fmt.Errorf("lifecycle: close: %w", err)
		}
	}
	return nil
}

// mailboxes are the proven addresses of an account; the main one when none is.
func (l *Lifecycle) mailboxes(tx *db.Tx, a id.Account) ([]account.Addr, error) {
	all, err := l.Accounts.Addresses(tx, a)
	if err != nil {
		return nil, err
	}
	var out []account.Addr
	for i, one := range all {
		if !one.ProvenAt.IsZero() || i == 0 {
			out = append(out, one.Address)
		}
	}
	return out, nil
}

// Erase is Close in a transaction of its own, with the checkpoint.
func (l *Lifecycle) Erase(ctx context.Context, a id.Account, by notice.RemovedBy) error {
	err := l.DB.Write(ctx, func(tx *db.Tx) error { return l.Close(tx, a, by) })
	if err != nil {
		return err //nolint:wrapcheck // Close names itself
	}
	if err := l.DB.Checkpoint(ctx); err != nil {
		return fmt.Errorf("lifecycle: checkpoint: %w", err)
	}
	return nil
}

// Unlock lifts the lock of an account's password for an operator, in the caller's
// transaction, and tells the owner. False when nothing was locked.
func (l *Lifecycle) Unlock(tx *db.Tx, a id.Account) (bool, error) {
	owner, found, err := l.Accounts.ByID(tx, a)
	if err != nil {
		return false, fmt.Errorf("lifecycle: unlock: %w", err)
	}
	if !found || owner.Status != account.Active {
		return false, fault.New(fault.NotFound, "error.account.none")
	}
	to, err := l.Accounts.Mailbox(tx, a)
	if err != nil {
		return false, fmt.Errorf("lifecycle: unlock: %w", err)
	}
	all, err := l.Accounts.Every(tx, a)
	if err != nil {
		return false, fmt.Errorf("lifecycle: unlock: %w", err)
	}
	was, err := l.Attempts.Unlock(tx, a, all...)
	if err != nil || !was {
		return false, err
	}
	err = l.Audit.Record(tx, audit.Event{Name: audit.PasswordUnlocked, Account: a, Outcome: audit.Success, Reason: "operator"})
	if err != nil {
		return false, fmt.Errorf("lifecycle: unlock: %w", err)
	}
	err = l.Outbox.Queue(tx, notify.Message{
		To: to.Written, Locale: owner.Locale, Account: a,
		Data: notice.Unlocked{ByOperator: true, Asked: notice.Asked{At: tx.Now()}},
	})
	if err != nil {
		return false, fmt.Errorf("lifecycle: unlock: %w", err)
	}
	return true, nil
}

package lifecycle

import (
	"fmt"
	"strconv"

	"parvis/internal/account"
	"parvis/internal/audit"
	"parvis/internal/authenticator"
	"parvis/internal/db"
	"parvis/internal/fault"
	"parvis/internal/id"
	"parvis/internal/notify"
	"parvis/internal/notify/notice"
	"parvis/internal/session"
)

// eraser deletes what a package keeps of an account.
type eraser func(*db.Tx, id.Account) error

// each runs erasers on one account.
func each(tx *db.Tx, a id.Account, erasers []eraser) error {
	for _, erase := range erasers {
		if err := erase(tx, a); err != nil {
			return err
		}
	}
	return nil
}

// secondSteps erase every method of the second step of an account, and the codes
// that were sent for them. A new type of authenticator has its line here.
func (l *Lifecycle) secondSteps() []eraser {
	return []eraser{l.Apps.Erase, l.Phones.Erase, l.BackupCodes.Erase, l.Codes.Erase}
}

// ResetMethods removes every method of the second step of an account whose owner has
// lost them, for an operator who has made sure who asks, in the caller's
// transaction: the password stays, sessions end, remembered browsers are forgotten,
// and the owner is told of each type that was removed. It tells how many methods
// there were. Fault NotFound when there is no such active account.
func (l *Lifecycle) ResetMethods(tx *db.Tx, a id.Account) (int, error) {
	owner, found, err := l.Accounts.ByID(tx, a)
	if err != nil {
		return 0, fmt.Errorf("lifecycle: reset methods: %w", err)
	}
	if !found || owner.Status != account.Active {
		return 0, fault.New(fault.NotFound, "error.account.none")
	}
	list, err := authenticator.List(tx, a)
	if err != nil {
		return 0, fmt.Errorf("lifecycle: reset methods: %w", err)
	}
	list = authenticator.Of(list, authenticator.TOTP, authenticator.Phone, authenticator.Passkey, authenticator.BackupCode)
	if err := each(tx, a, append(l.secondSteps(), authenticator.Reset, l.Lost.Drop)); err != nil {
		return 0, fmt.Errorf("lifecycle: reset methods: %w", err)
	}
	for _, m := range list {
		err := l.Audit.Record(tx, audit.Event{
			Name: audit.MethodRemoved, Account: a, Outcome: audit.Success, Reason: "operator",
			Data: map[string]string{"method": string(m.ID), "type": string(m.Type)},
		})
		if err != nil {
			return 0, fmt.Errorf("lifecycle: reset methods: %w", err)
		}
	}
	if err := l.signOut(tx, a, "methods reset"); err != nil {
		return 0, fmt.Errorf("lifecycle: reset methods: %w", err)
	}
	if err := l.Grants.EndAccount(tx, a); err != nil {
		return 0, fmt.Errorf("lifecycle: reset methods: %w", err)
	}
	return len(list), l.tellRemoved(tx, owner, list)
}

// signOut ends the sessions of an account and forgets the browsers in which the
// second step is not asked.
func (l *Lifecycle) signOut(tx *db.Tx, a id.Account, reason string) error {
	browsers, err := l.Sessions.ForgetAll(tx, a)
	if err != nil {
		return err
	}
	sessions, err := l.Sessions.EndAll(tx, a, "", session.Revoked)
	if err != nil {
		return err
	}
	for _, e := range []struct {
		name audit.Name
		what string
		n    int64
	}{{audit.BrowserForgotten, "browsers", browsers}, {audit.SessionEnded, "sessions", sessions}} {
		if e.n == 0 {
			continue
		}
		err := l.Audit.Record(tx, audit.Event{
			Name: e.name, Account: a, Outcome: audit.Success, Reason: reason,
			Data: map[string]string{e.what: strconv.FormatInt(e.n, 10)},
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// tellRemoved tells the owner of an account which types of methods an operator removed.
func (l *Lifecycle) tellRemoved(tx *db.Tx, owner account.Account, removed []authenticator.Authenticator) error {
	to, err := l.Accounts.Mailbox(tx, owner.ID)
	if err != nil {
		return fmt.Errorf("lifecycle: reset methods: %w", err)
	}
	told := map[authenticator.Type]bool{}
	for _, m := range removed {
		if told[m.Type] {
			continue
		}
		told[m.Type] = true
		err := l.Outbox.Queue(tx, notify.Message{
			To: to.Written, Locale: owner.Locale, Account: owner.ID,
			Data: notice.MethodRemoved{Method: named(m.Type), ByOperator: true, Asked: notice.Asked{At: tx.Now()}},
		})
		if err != nil {
			return fmt.Errorf("lifecycle: reset methods: %w", err)
		}
	}
	return nil
}

// named is a type as mails name it.
func named(t authenticator.Type) notice.Method {
	switch t {
	case authenticator.TOTP:
		return notice.MethodTOTP
	case authenticator.Phone:
		return notice.MethodPhone
	case authenticator.Passkey:
		return notice.MethodPasskey
	case authenticator.BackupCode:
		return notice.MethodBackupCodes
	default:
		return notice.MethodOther
	}
}

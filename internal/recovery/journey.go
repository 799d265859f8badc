package recovery

import (
	"context"

	"parvis/internal/account"
	"parvis/internal/audit"
	"parvis/internal/authenticator/password"
	"parvis/internal/db"
	"parvis/internal/flow"
	"parvis/internal/grant"
	"parvis/internal/id"
	"parvis/internal/notify"
	"parvis/internal/notify/notice"
	"parvis/internal/policy"
	"parvis/internal/proving"
	"parvis/internal/ratelimit"
	"parvis/internal/relyingparty"
	"parvis/internal/session"
	"parvis/internal/upstream"
)

// Journey brings people back in. All fields are needed. Safe for concurrent use.
type Journey struct {
	DB        *db.DB
	Flows     flow.Flows
	Accounts  account.Accounts
	Attempts  account.Attempts
	Proofs    account.Proofs
	Passwords password.Passwords
	Policy    password.Policy
	Hasher    *password.Hasher
	Table     policy.Table
	Sessions  session.Sessions
	Upstreams *upstream.Registry
	Grants    grant.Grants
	Links     upstream.Links
	Registry  *relyingparty.Registry
	Outbox    *notify.Outbox
	Audit     *audit.Log
	Limiter   *ratelimit.Limiter
	Words     []string // names of the deployment, which a password must not be
}

// proving is the proof of an address as this journey asks for it.
func (j *Journey) proving() proving.Proving {
	return proving.Proving{
		DB: j.DB, Flows: j.Flows, Accounts: j.Accounts, Proofs: j.Proofs, Audit: j.Audit, Limiter: j.Limiter,
		Purposes: []account.Purpose{account.ProveReset, account.ProveUnlock},
		Tasks:    []flow.Task{flow.TaskReset, flow.TaskUnlock}, Known: j.Sessions.Known, Asking: j.asking, Give: j.give,
	}
}

// asking reports whether a flow still asks who the person is.
func (j *Journey) asking(tx *db.Tx, v flow.Visitor, f flow.Flow) (bool, error) {
	live, err := j.Sessions.FindLive(tx, v.Session)
	return f.Asking(j.Table, live.ID, live.Facts, tx.Now()), err
}

// ConfirmLink uses a reset or unlock link: see proving.Proving.Link.
func (j *Journey) ConfirmLink(ctx context.Context, v flow.Visitor, token string) (proving.Result, error) {
	return j.proving().Link(ctx, v, token)
}

// Code takes the typed code of a reset or unlock mail: see proving.Proving.Code.
func (j *Journey) Code(ctx context.Context, v flow.Visitor, fid id.Flow, typed string) (proving.Result, error) {
	return j.proving().Code(ctx, v, fid, typed)
}

// give does what a proof was asked for.
func (j *Journey) give(tx *db.Tx, v flow.Visitor, f flow.Flow, a account.Account, p account.Proof) (proving.Outcome, flow.Progress, error) {
	out, next := proving.Proven, f.State.Progress.Restart(flow.TaskReset, p.Address.Written)
	switch p.Purpose {
	case account.ProveUnlock:
		if err := j.lift(tx, v, f, a, p.Address); err != nil {
			return "", flow.Progress{}, err
		}
		out, next.Task, next.Notice = Unlocked, flow.TaskSignIn, flow.NoticeUnlocked
	case account.ProveActivate: // the code of a mail that went out instead (R27)
		next.Task, next.Taken = flow.TaskCreate, a.Held()
		next.Proven, next.ProvenAt = a.ID, db.Millis(tx.Now())
	case account.ProveReset:
		next.Proven, next.ProvenAt = a.ID, db.Millis(tx.Now())
	case account.ProveAdd: // not a purpose of this journey
	}
	return out, next, nil
}

// lift lifts the lock of an account, and the one that is shown for the address of the proof;
// the password stays as it was (R31). A lock that is shown for another address of the account
// stays there: locks that end together would tell strangers that both are of one account.
func (j *Journey) lift(tx *db.Tx, v flow.Visitor, f flow.Flow, a account.Account, addr account.Addr) error {
	was, err := j.Attempts.Unlock(tx, a.ID, addr)
	if err != nil || !was {
		return err
	}
	e := f.Event(audit.PasswordUnlocked, v, a.ID, addr.Written)
	e.Reason = "owner"
	if err := j.Audit.Record(tx, e); err != nil {
		return err
	}
	return j.Outbox.Queue(tx, notify.Message{
		To: addr.Written, Locale: a.Locale, Account: a.ID, Data: notice.Unlocked{Asked: notice.AskedBy(v.UserAgent, tx.Now())},
	})
}

package enrollment

import (
	"context"

	"parvis/internal/account"
	"parvis/internal/audit"
	"parvis/internal/authenticator/password"
	"parvis/internal/db"
	"parvis/internal/flow"
	"parvis/internal/id"
	"parvis/internal/notify"
	"parvis/internal/policy"
	"parvis/internal/proving"
	"parvis/internal/ratelimit"
	"parvis/internal/relyingparty"
	"parvis/internal/session"
	"parvis/internal/upstream"
)

// Journey creates accounts. All fields are needed. Safe for concurrent use.
type Journey struct {
	DB        *db.DB
	Flows     flow.Flows
	Accounts  account.Accounts
	Proofs    account.Proofs
	Passwords password.Passwords
	Policy    password.Policy
	Hasher    *password.Hasher
	Table     policy.Table
	Sessions  session.Sessions
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
		Purposes: []account.Purpose{account.ProveActivate}, Tasks: []flow.Task{flow.TaskCreate},
		Known: j.Sessions.Known, Asking: j.asking, Give: j.give,
	}
}

// asking reports whether a flow still asks who the person is.
func (j *Journey) asking(tx *db.Tx, v flow.Visitor, f flow.Flow) (bool, error) {
	live, err := j.Sessions.FindLive(tx, v.Session)
	return f.Asking(j.Table, live.ID, live.Facts, tx.Now()), err
}

// ConfirmLink uses an activation link: see proving.Proving.Link.
func (j *Journey) ConfirmLink(ctx context.Context, v flow.Visitor, token string) (proving.Result, error) {
	return j.proving().Link(ctx, v, token)
}

// Code takes the typed code of the activation mail: see proving.Proving.Code.
func (j *Journey) Code(ctx context.Context, v flow.Visitor, fid id.Flow, typed string) (proving.Result, error) {
	return j.proving().Code(ctx, v, fid, typed)
}

// give lets the browser that gave the proof go on. Only now, and only here, the
// person learns that the address has an account already (R16).
func (j *Journey) give(tx *db.Tx, _ flow.Visitor, f flow.Flow, a account.Account, p account.Proof) (proving.Outcome, flow.Progress, error) {
	next := f.State.Progress.Restart(flow.TaskCreate, p.Address.Written)
	next.Proven, next.ProvenAt, next.Taken = a.ID, db.Millis(tx.Now()), a.Held()
	return proving.Proven, next, nil
}

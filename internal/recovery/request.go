package recovery

import (
	"context"
	"fmt"

	"parvis/internal/account"
	"parvis/internal/audit"
	"parvis/internal/db"
	"parvis/internal/flow"
	"parvis/internal/id"
	"parvis/internal/notify"
	"parvis/internal/ratelimit"
	"parvis/internal/relyingparty"
)

// request is one mail that is asked for, to reset or to unlock.
type request struct {
	visitor flow.Visitor
	flow    id.Flow
	task    flow.Task
	address account.Addr
	service *relyingparty.RelyingParty
	again   bool // only while the flow waits for the answer to an earlier one
}

// Reset asks for a new password. The answer and the work are the same whatever is
// known of the address: one proof, one mail, two events. While the password of an
// address is locked, reset is refused and the lock page shown, also for an
// address without an account (R29). Faults: Invalid on "email", Throttled.
func (j *Journey) Reset(ctx context.Context, v flow.Visitor, fid id.Flow, address string) (Result, error) {
	return j.begin(ctx, v, fid, flow.TaskReset, address)
}

// Unlock asks for a mail that lifts the lock. The answer is the same whatever is
// known of the address, and whether or not it is locked.
func (j *Journey) Unlock(ctx context.Context, v flow.Visitor, fid id.Flow, address string) (Result, error) {
	return j.begin(ctx, v, fid, flow.TaskUnlock, address)
}

func (j *Journey) begin(ctx context.Context, v flow.Visitor, fid id.Flow, task flow.Task, typed string) (Result, error) {
	addr, err := account.ParseAddress(typed)
	if err != nil {
		return Result{}, err
	}
	_, service, err := j.look(ctx, v, fid)
	if err != nil {
		return Result{}, err
	}
	return j.send(ctx, request{visitor: v, flow: fid, task: task, address: addr, service: service})
}

// Resend sends the mail of a flow again; the older link and code end.
func (j *Journey) Resend(ctx context.Context, v flow.Visitor, fid id.Flow) (Result, error) {
	f, service, err := j.look(ctx, v, fid)
	if err != nil {
		return Result{}, err
	}
	if !waiting(f) {
		return Result{}, flow.OutOfTurn()
	}
	p := f.State.Progress
	addr, err := account.ParseAddress(p.Address)
	if err != nil {
		return Result{}, err
	}
	return j.send(ctx, request{visitor: v, flow: fid, task: p.Task, address: addr, service: service, again: true})
}

// waiting reports whether a flow waits for the answer to a mail of this journey.
func waiting(f flow.Flow) bool {
	p := f.State.Progress
	return f.State.Kind == flow.SignIn && !p.Cancelled && p.Proof != "" && p.Proven == "" &&
		(p.Task == flow.TaskReset || p.Task == flow.TaskUnlock)
}

func (j *Journey) limits(ctx context.Context, r request) error {
	if err := j.take(ctx, ratelimit.ResetIP, r.visitor.IP); err != nil {
		return err
	}
	if err := j.take(ctx, ratelimit.ResetAddress, r.address.Key); err != nil {
		return err
	}
	return j.take(ctx, ratelimit.MailAddress, r.address.Key)
}

func (j *Journey) send(ctx context.Context, r request) (Result, error) {
	if err := j.limits(ctx, r); err != nil {
		return Result{}, err
	}
	draft := j.Proofs.Draft(account.ProveReset, r.address)
	out := Result{Flow: r.flow}
	err := j.DB.Write(ctx, func(tx *db.Tx) error {
		f, err := j.Flows.Load(tx, r.flow, r.visitor.Browser)
		if err != nil {
			return err
		}
		ok, err := j.asking(tx, r.visitor, f)
		if err != nil {
			return err
		}
		if !ok || (r.again && !waiting(f)) {
			return flow.OutOfTurn()
		}
		out.Outcome, err = j.answer(tx, r, f, draft)
		return err
	})
	if err != nil {
		return Result{}, fmt.Errorf("recovery: send: %w", err)
	}
	return out, nil
}

// answer does what a request asks for, by what is known of its address, and shows
// nothing of it but whether the address is locked.
func (j *Journey) answer(tx *db.Tx, r request, f flow.Flow, draft account.ProofDraft) (Outcome, error) {
	a, _, err := j.Accounts.ByAddress(tx, r.address)
	if err != nil {
		return "", err
	}
	locked, err := j.Attempts.AnyLocked(tx, r.address)
	if err != nil {
		return "", err
	}
	name := audit.PasswordResetRequested
	if r.task == flow.TaskUnlock {
		name = audit.PasswordUnlockRequested
	}
	asked := event(name, r.visitor, f, a.ID, "")
	if a.Status == account.Active {
		asked.Personal.Address = r.address.Written
	}
	if r.task == flow.TaskReset && locked {
		asked.Outcome, asked.Reason = audit.Refused, "locked"
		if err := j.Audit.Record(tx, asked); err != nil {
			return "", err
		}
		p := f.State.Progress.Restart(flow.TaskUnlock, r.address.Written)
		p.Notice = flow.NoticeLocked
		f.State.Progress = p
		_, err := j.Flows.Save(tx, f)
		return Locked, err
	}
	if err := j.Audit.Record(tx, asked); err != nil {
		return "", err
	}
	d := j.proof(r, f, a, locked, draft)
	if err := j.mail(tx, r, d, a, locked); err != nil {
		return "", err
	}
	sent := event(audit.AddressProofSent, r.visitor, f, a.ID, "")
	sent.Data = map[string]string{"purpose": string(d.Purpose)}
	if err := j.Audit.Record(tx, sent); err != nil {
		return "", err
	}
	p := f.State.Progress.Restart(r.task, r.address.Written)
	p.Proof, p.SentAt, p.Sends = d.ID, db.Millis(tx.Now()), 1
	if r.again {
		p.Sends += f.State.Progress.Sends
	}
	f.State.Progress = p
	_, err = j.Flows.Save(tx, f)
	return Sent, err
}

// proof says what the answer to the mail will prove. An address that the mail
// gives nothing to gets a proof all the same: its secrets are never sent and it
// belongs to no account.
func (j *Journey) proof(r request, f flow.Flow, a account.Account, locked bool, d account.ProofDraft) account.ProofDraft {
	d.Flow, d.RelyingParty = f.ID, f.RelyingParty
	if r.task == flow.TaskUnlock {
		d.Purpose = account.ProveUnlock
	}
	switch {
	case a.Status == account.Pending:
		d.Purpose, d.Account = account.ProveActivate, a.ID
	case a.Status == account.Active && (r.task == flow.TaskReset || locked):
		d.Account = a.ID
	}
	return d
}

// mail issues the proof and queues the one mail that fits: only who reads the
// address learns what is known of it (R27, R30). The mail of an account goes to
// its address as it was first written, never to another way of writing it: what
// is one address to us may be two mailboxes somewhere (C.5 61).
func (j *Journey) mail(tx *db.Tx, r request, d account.ProofDraft, a account.Account, locked bool) error {
	own, found, err := j.Accounts.Main(tx, a.ID)
	if err != nil {
		return err
	}
	to := r.address
	if found {
		to, d.Address = own.Address, own.Address
	}
	if _, err := j.Proofs.Issue(tx, d); err != nil {
		return err
	}
	proof := notify.Proof{Token: d.Token, Code: d.Code, Valid: j.Proofs.Settings.ProofLifetime}
	asked, service := by(r.visitor, tx.Now()), tell(r.service)
	m := notify.Message{To: to.Written, Locale: r.visitor.Locale, Account: a.ID}
	unlock := r.task == flow.TaskUnlock
	switch {
	case a.Status == account.Pending:
		why := notify.WhyReset
		if unlock {
			why = notify.WhyUnlock
		}
		m.Data = notify.ActivateAgain{Service: service, Proof: proof, Asked: asked, Why: why, Removal: j.Accounts.Settings.UnactivatedAfter}
	case a.Status != account.Active && unlock:
		m.Data = notify.UnlockNoAccount{Service: service, Asked: asked}
	case a.Status != account.Active:
		m.Data = notify.ResetNoAccount{Service: service, Asked: asked}
	case unlock && !locked:
		m.Locale, m.Data = a.Locale, notify.UnlockNotLocked{Service: service, Asked: asked}
	case unlock:
		m.Locale, m.Data = a.Locale, notify.Unlock{Service: service, Proof: proof, Asked: asked}
	default:
		m.Locale, m.Data = a.Locale, notify.ResetPassword{Service: service, Proof: proof, Asked: asked}
	}
	return j.Outbox.Queue(tx, m)
}

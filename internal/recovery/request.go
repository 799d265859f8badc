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
	"parvis/internal/notify/notice"
	"parvis/internal/proving"
	"parvis/internal/ratelimit"
	"parvis/internal/secret"
)

// request is one mail that is asked for, to reset or to unlock.
type request struct {
	visitor  flow.Visitor
	task     flow.Task
	address  account.Addr
	service  notice.Service
	admitted proving.Admission
	undo     string // secret of the link that an address gets which is kept for an account that had it
	again    bool   // only while the flow waits for the answer to an earlier one
}

// Reset asks for a new password. The answer and the work are the same whatever is
// known of the address: one proof, one mail, two events. While the password of an
// address is locked, reset is refused and the lock page shown, also for an
// address without an account (R29). Faults: Invalid on "email", Throttled.
func (j *Journey) Reset(ctx context.Context, v flow.Visitor, fid id.Flow, address string) (proving.Result, error) {
	return j.begin(ctx, v, fid, flow.TaskReset, address)
}

// Unlock asks for a mail that lifts the lock. The answer is the same whatever is
// known of the address, and whether or not it is locked.
func (j *Journey) Unlock(ctx context.Context, v flow.Visitor, fid id.Flow, address string) (proving.Result, error) {
	return j.begin(ctx, v, fid, flow.TaskUnlock, address)
}

func (j *Journey) begin(ctx context.Context, v flow.Visitor, fid id.Flow, task flow.Task, typed string) (proving.Result, error) {
	addr, err := account.ParseAddress(typed)
	if err != nil {
		return proving.Result{}, err
	}
	f, err := j.proving().Look(ctx, v, fid)
	if err != nil {
		return proving.Result{}, err
	}
	return j.send(ctx, f, request{visitor: v, task: task, address: addr})
}

// Resend sends the mail of a flow again; the older link and code end.
func (j *Journey) Resend(ctx context.Context, v flow.Visitor, fid id.Flow) (proving.Result, error) {
	f, addr, err := j.proving().Asked(ctx, v, fid)
	if err != nil {
		return proving.Result{}, err
	}
	return j.send(ctx, f, request{visitor: v, task: f.State.Progress.Task, address: addr, again: true})
}

func (j *Journey) send(ctx context.Context, looked flow.Flow, r request) (proving.Result, error) {
	service, err := j.Registry.Find(ctx, looked.RelyingParty)
	if err != nil {
		return proving.Result{}, fmt.Errorf("recovery: send: %w", err)
	}
	r.service = service.InMail()
	proofs := j.proving()
	limits := proving.Limits{IP: ratelimit.ResetIP, Address: ratelimit.ResetAddress}
	if r.admitted, err = proofs.Admit(ctx, r.visitor, r.address, limits); err != nil {
		return proving.Result{}, err
	}
	draft := j.Proofs.Draft(account.ProveReset, r.address)
	r.undo = secret.NewToken()
	out := proving.Result{Flow: looked.ID}
	err = j.DB.Write(ctx, func(tx *db.Tx) error {
		f, err := proofs.Load(tx, r.visitor, looked.ID, r.again)
		if err != nil {
			return err
		}
		out.Outcome, err = j.answer(tx, r, f, draft)
		return err
	})
	if err != nil {
		return proving.Result{}, fmt.Errorf("recovery: send: %w", err)
	}
	return out, nil
}

// answer does what a request asks for, by what is known of its address, and shows
// nothing of it but whether the address is locked. That its account is locked by what was
// typed at another address is told by mail only: a reset lifts that lock first.
func (j *Journey) answer(tx *db.Tx, r request, f flow.Flow, draft account.ProofDraft) (proving.Outcome, error) {
	a, _, err := j.Accounts.ByAddress(tx, r.address)
	if err != nil {
		return "", err
	}
	kept, err := j.Accounts.Remind(tx, r.address, a.ID, r.undo)
	if err != nil {
		return "", err
	}
	if kept.Kept() && !a.Held() { // nobody's, until that can no longer be taken back
		a = account.Account{}
	} else {
		kept = account.Reservation{}
	}
	locked, err := j.Attempts.AnyLocked(tx, r.address)
	if err != nil {
		return "", err
	}
	closed, err := j.Attempts.Closed(tx, a.ID, r.address)
	if err != nil {
		return "", err
	}
	name := audit.PasswordResetRequested
	if r.task == flow.TaskUnlock {
		name = audit.PasswordUnlockRequested
	}
	asked := f.Event(name, r.visitor, a.ID, "")
	if a.Held() {
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
	d := j.proof(r, f, a, closed, draft)
	if err := j.mail(tx, r, d, a, kept, closed); err != nil {
		return "", err
	}
	if err := j.proving().Note(tx, r.visitor, f, a.ID, d.Purpose); err != nil {
		return "", err
	}
	return proving.Sent, j.proving().Wait(tx, f, r.task, r.address, d, r.again)
}

// proof says what the answer to the mail will prove. An address that the mail
// gives nothing to gets a proof all the same: its secrets are never sent and it
// belongs to no account.
func (j *Journey) proof(r request, f flow.Flow, a account.Account, closed bool, d account.ProofDraft) account.ProofDraft {
	d.Flow, d.RelyingParty = f.ID, f.RelyingParty
	if r.task == flow.TaskUnlock || a.Held() && closed {
		d.Purpose = account.ProveUnlock
	}
	switch {
	case a.Status == account.Pending:
		d.Purpose, d.Account = account.ProveActivate, a.ID
	case a.Held() && (r.task == flow.TaskReset || closed):
		d.Account = a.ID
	}
	return d
}

// mail issues the proof and queues the one mail that fits: only who reads the
// address learns what is known of it (R27, R30). The mail of an account goes to
// the one of its addresses that was typed, as it was first written, never to another way of writing it: what
// is one address to us may be two mailboxes somewhere (C.5 61).
func (j *Journey) mail(tx *db.Tx, r request, d account.ProofDraft, a account.Account, kept account.Reservation, closed bool) error {
	own, found, err := j.Accounts.Typed(tx, a.ID, r.address)
	if err != nil {
		return err
	}
	to := r.address
	if found {
		to, d.Address = own.Address, own.Address
	}
	if kept.Kept() {
		to, d.Address = kept.Address, kept.Address
	}
	if _, err := j.Proofs.Issue(tx, d); err != nil {
		return err
	}
	_, has, err := j.Passwords.Get(tx, a.ID) // for every address: the work is the same
	if err != nil {
		return err
	}
	proof := notice.Proof{Token: d.Token, Code: d.Code, Valid: d.Lasts}
	asked := notice.AskedBy(r.visitor.UserAgent, tx.Now())
	m := notify.Message{To: to.Written, Locale: r.visitor.Locale, Account: a.ID}
	unlock := r.task == flow.TaskUnlock
	switch {
	case kept.Kept():
		m.Account, m.Locale, m.Data = kept.Account, kept.Locale, inMail(kept, r.undo, asked)
	case a.Status == account.Pending:
		why := notice.WhyReset
		if unlock {
			why = notice.WhyUnlock
		}
		m.Data = notice.ActivateAgain{Service: r.service, Proof: proof, Asked: asked, Why: why, Removal: j.Accounts.Settings.UnactivatedAfter}
	case !a.Held() && unlock:
		m.Data = notice.UnlockNoAccount{Service: r.service, Asked: asked}
	case !a.Held():
		m.Data = notice.ResetNoAccount{Service: r.service, Asked: asked}
	case unlock && !closed:
		m.Locale, m.Data = a.Locale, notice.UnlockNotLocked{Service: r.service, Asked: asked}
	case closed:
		m.Locale, m.Data = a.Locale, notice.Unlock{Service: r.service, Proof: proof, Reset: !unlock, Asked: asked}
	default:
		m.Locale, m.Data = a.Locale, notice.ResetPassword{Service: r.service, Proof: proof, First: !has, Asked: asked}
	}
	r.admitted.Hold(tx, &m)
	return j.Outbox.Queue(tx, m)
}

// inMail answers for an address that is kept for an account that had it: its reader is
// shown the way to take that back, and until when nobody else gets it.
func inMail(kept account.Reservation, token string, asked notice.Asked) notice.AddressKept {
	return notice.AddressKept{Undo: notice.Undo{Token: token, Valid: kept.EndsAt.Sub(asked.At)}, Asked: asked}
}

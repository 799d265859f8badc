package recovery

import (
	"context"
	"fmt"

	"parvis/internal/account"
	"parvis/internal/audit"
	"parvis/internal/db"
	"parvis/internal/fault"
	"parvis/internal/flow"
	"parvis/internal/id"
	"parvis/internal/notify"
	"parvis/internal/ratelimit"
)

// ConfirmLink uses a reset or unlock link: the button of its page, never the
// opening. In the browser that asked for it the flow there goes on; in another
// one a new flow begins that knows the service.
func (j *Journey) ConfirmLink(ctx context.Context, v flow.Visitor, token string) (Result, error) {
	if err := j.take(ctx, ratelimit.LinkIP, v.IP); err != nil {
		return Result{}, err
	}
	if len(v.Browser) == 0 {
		return Result{}, fault.New(fault.Denied, "error.cookies")
	}
	detached := flow.Detached(v)
	var out Result
	err := j.DB.Write(ctx, func(tx *db.Tx) error {
		out = Result{Outcome: LinkEnded}
		p, err := j.Proofs.Find(tx, token)
		if err != nil || (p.Purpose != account.ProveReset && p.Purpose != account.ProveUnlock) {
			return err
		}
		p, won, err := j.Proofs.Use(tx, token)
		if err != nil {
			return err
		}
		if !won {
			return j.failed(tx, v, flow.Flow{ID: p.Flow, RelyingParty: p.RelyingParty}, p, string(p.Status))
		}
		f, err := j.flowOf(tx, v, p, detached)
		if err != nil {
			return err
		}
		out.Outcome, err = j.prove(tx, v, f, p, "link")
		out.Flow = f.ID
		return err
	})
	if err != nil {
		return Result{}, fmt.Errorf("recovery: link: %w", err)
	}
	return out, nil
}

// flowOf is the flow that a proof goes on in.
func (j *Journey) flowOf(tx *db.Tx, v flow.Visitor, p account.Proof, detached flow.New) (flow.Flow, error) {
	f, err := j.Flows.Load(tx, p.Flow, v.Browser)
	if err == nil {
		ok, err := j.asking(tx, v, f)
		if err != nil || ok {
			return f, err
		}
	}
	if err != nil && fault.KindOf(err) == fault.Internal {
		return flow.Flow{}, err
	}
	detached.RelyingParty, detached.Browser = p.RelyingParty, v.Browser
	return j.Flows.Start(tx, detached)
}

// prove does what the proof was asked for.
func (j *Journey) prove(tx *db.Tx, v flow.Visitor, f flow.Flow, p account.Proof, way string) (Outcome, error) {
	a, found, err := j.Accounts.ByID(tx, p.Account)
	if err != nil {
		return "", err
	}
	if !found || a.Status == account.Closed {
		return LinkEnded, nil
	}
	if _, err := j.Accounts.MarkProven(tx, a.ID, p.Address); err != nil {
		return "", err
	}
	e := event(audit.AddressProofUsed, v, f, a.ID, "")
	e.Data = map[string]string{"purpose": string(p.Purpose), "way": way}
	if err := j.Audit.Record(tx, e); err != nil {
		return "", err
	}
	out, next := Proven, f.State.Progress.Restart(flow.TaskReset, p.Address.Written)
	switch p.Purpose {
	case account.ProveUnlock:
		if err := j.lift(tx, v, f, a, p.Address); err != nil {
			return "", err
		}
		out, next.Task, next.Notice = Unlocked, flow.TaskSignIn, flow.NoticeUnlocked
	case account.ProveActivate: // the code of a mail that went out instead (R27)
		next.Task, next.Taken = flow.TaskCreate, a.Status == account.Active
		next.Proven, next.ProvenAt = a.ID, db.Millis(tx.Now())
	case account.ProveReset:
		next.Proven, next.ProvenAt = a.ID, db.Millis(tx.Now())
	}
	f.State.Progress = next
	_, err = j.Flows.Save(tx, f)
	return out, err
}

// lift lifts the lock of an address; the password stays as it was (R31).
func (j *Journey) lift(tx *db.Tx, v flow.Visitor, f flow.Flow, a account.Account, addr account.Addr) error {
	was, err := j.Attempts.Unlock(tx, addr)
	if err != nil || !was {
		return err
	}
	e := event(audit.PasswordUnlocked, v, f, a.ID, addr.Written)
	e.Reason = "owner"
	if err := j.Audit.Record(tx, e); err != nil {
		return err
	}
	return j.Outbox.Queue(tx, notify.Message{
		To: addr.Written, Locale: a.Locale, Account: a.ID, Data: notify.Unlocked{Asked: by(v, tx.Now())},
	})
}

// failed notes a proof that was not given.
func (j *Journey) failed(tx *db.Tx, v flow.Visitor, f flow.Flow, p account.Proof, reason string) error {
	e := event(audit.AddressProofFailed, v, f, p.Account, "")
	e.Outcome, e.Reason = audit.Refused, reason
	e.Data = map[string]string{"purpose": string(p.Purpose)}
	return j.Audit.Record(tx, e)
}

// Code takes the typed code of a reset or unlock mail. A try is counted before it
// is compared.
func (j *Journey) Code(ctx context.Context, v flow.Visitor, fid id.Flow, typed string) (Result, error) {
	f, _, err := j.look(ctx, v, fid)
	if err != nil {
		return Result{}, err
	}
	if !waiting(f) {
		return Result{}, flow.OutOfTurn()
	}
	if err := j.take(ctx, ratelimit.CodeIP, v.IP); err != nil {
		return Result{}, err
	}
	var try account.CodeTry
	err = j.DB.WriteStatement(ctx, func(tx *db.Tx) (err error) {
		try, err = j.Proofs.TryCode(tx, f.State.Progress.Proof, typed)
		return err
	})
	if err != nil {
		return Result{}, fmt.Errorf("recovery: code: %w", err)
	}
	out := Result{Flow: fid}
	err = j.DB.Write(ctx, func(tx *db.Tx) error {
		out.Outcome, out.Left, err = j.tried(tx, v, fid, try)
		return err
	})
	if err != nil {
		return Result{}, fmt.Errorf("recovery: code: %w", err)
	}
	return out, nil
}

// tried acts on a code that was compared, or was not.
func (j *Journey) tried(tx *db.Tx, v flow.Visitor, fid id.Flow, try account.CodeTry) (Outcome, int, error) {
	f, err := j.Flows.Load(tx, fid, v.Browser)
	if err != nil {
		return "", 0, err
	}
	if !waiting(f) || f.State.Progress.Proof != try.Proof {
		return "", 0, flow.OutOfTurn()
	}
	p, won, err := j.Proofs.UseCode(tx, try)
	if err != nil {
		return "", 0, err
	}
	if won {
		outcome, err := j.prove(tx, v, f, p, "code")
		return outcome, 0, err
	}
	if !try.Allowed || try.Left == 0 || try.Matches {
		return CodeEnded, 0, j.failed(tx, v, f, p, "ended")
	}
	return WrongCode, try.Left, j.failed(tx, v, f, p, "wrong")
}

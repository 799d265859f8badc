package enrollment

import (
	"context"
	"fmt"

	"parvis/internal/account"
	"parvis/internal/audit"
	"parvis/internal/db"
	"parvis/internal/fault"
	"parvis/internal/flow"
	"parvis/internal/id"
	"parvis/internal/ratelimit"
)

// ConfirmLink uses an activation link: the button of its page, never the opening.
// In the browser that asked for it the flow there goes on; in another one a new
// flow begins that knows the service, and the first browser learns nothing.
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
		if err != nil || p.Purpose != account.ProveActivate {
			return err
		}
		p, won, err := j.Proofs.Use(tx, token)
		if err != nil {
			return err
		}
		if !won {
			return j.failed(tx, v, flow.Flow{ID: p.Flow, RelyingParty: p.RelyingParty}, p.Account, string(p.Status))
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
		return Result{}, fmt.Errorf("enrollment: link: %w", err)
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

// prove notes that the address was proven in this browser. Only now, and only
// here, the person learns that the address has an account already (R16).
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
	next := f.State.Progress.Restart(flow.TaskCreate, p.Address.Written)
	next.Proven, next.ProvenAt, next.Taken = a.ID, db.Millis(tx.Now()), a.Status == account.Active
	f.State.Progress = next
	_, err = j.Flows.Save(tx, f)
	return Proven, err
}

// failed notes a proof that was not given.
func (j *Journey) failed(tx *db.Tx, v flow.Visitor, f flow.Flow, a id.Account, reason string) error {
	e := event(audit.AddressProofFailed, v, f, a, "")
	e.Outcome, e.Reason = audit.Refused, reason
	e.Data = map[string]string{"purpose": string(account.ProveActivate)}
	return j.Audit.Record(tx, e)
}

// Code takes the typed code of the activation mail. A try is counted before it is
// compared; a new mail does not give the address more tries than it has.
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
		return Result{}, fmt.Errorf("enrollment: code: %w", err)
	}
	out := Result{Flow: fid}
	err = j.DB.Write(ctx, func(tx *db.Tx) error {
		out.Outcome, out.Left, err = j.tried(tx, v, fid, try)
		return err
	})
	if err != nil {
		return Result{}, fmt.Errorf("enrollment: code: %w", err)
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
		return CodeEnded, 0, j.failed(tx, v, f, p.Account, "ended")
	}
	return WrongCode, try.Left, j.failed(tx, v, f, p.Account, "wrong")
}

package proving

import (
	"context"
	"fmt"
	"slices"

	"parvis/internal/account"
	"parvis/internal/audit"
	"parvis/internal/db"
	"parvis/internal/fault"
	"parvis/internal/flow"
	"parvis/internal/id"
	"parvis/internal/ratelimit"
)

// Link uses a mailed link: the button of its page, never the opening. In the
// browser that asked for it the flow there goes on; in another one a new flow
// begins that knows the service, and the first browser learns nothing.
// Faults: Throttled, Denied without the cookie of the browser.
func (p Proving) Link(ctx context.Context, v flow.Visitor, token string) (Result, error) {
	if err := p.Limiter.Allow(ctx, ratelimit.LinkIP, v.IP); err != nil {
		return Result{}, err
	}
	if len(v.Browser) == 0 {
		return Result{}, fault.New(fault.Denied, "error.cookies")
	}
	detached := flow.Detached(v)
	var out Result
	err := p.DB.Write(ctx, func(tx *db.Tx) error {
		out = Result{Outcome: LinkEnded}
		proof, err := p.Proofs.Find(tx, token)
		if err != nil || !slices.Contains(p.Purposes, proof.Purpose) {
			return err
		}
		proof, won, err := p.Proofs.Use(tx, token)
		if err != nil {
			return err
		}
		if !won {
			return p.refused(tx, v, flow.Flow{ID: proof.Flow, RelyingParty: proof.RelyingParty}, proof, string(proof.Status))
		}
		f, err := p.flowOf(tx, v, proof, detached)
		if err != nil {
			return err
		}
		out.Outcome, err = p.given(tx, v, f, proof, "link")
		out.Flow = f.ID
		return err
	})
	if err != nil {
		return Result{}, fmt.Errorf("proving: link: %w", err)
	}
	return out, nil
}

// flowOf is the flow that a proof goes on in.
func (p Proving) flowOf(tx *db.Tx, v flow.Visitor, proof account.Proof, detached flow.New) (flow.Flow, error) {
	f, err := p.Flows.Load(tx, proof.Flow, v.Browser)
	if err == nil {
		ok, err := p.Asking(tx, v, f)
		if err != nil || ok {
			return f, err
		}
	}
	if err != nil && fault.KindOf(err) == fault.Internal {
		return flow.Flow{}, err
	}
	detached.RelyingParty, detached.Browser = proof.RelyingParty, v.Browser
	return p.Flows.Start(tx, detached)
}

// Code takes the typed code of a mail. A try is counted before it is compared; a
// new mail does not give the address more tries than it has (SP 800-63B-4,
// 3.1.3.2). Faults: Conflict when the flow waits for no code, Throttled.
func (p Proving) Code(ctx context.Context, v flow.Visitor, fid id.Flow, typed string) (Result, error) {
	f, err := p.Look(ctx, v, fid)
	if err != nil {
		return Result{}, err
	}
	if !p.Waiting(f) {
		return Result{}, flow.OutOfTurn()
	}
	if err := p.Limiter.Allow(ctx, ratelimit.CodeIP, v.IP); err != nil {
		return Result{}, err
	}
	var try account.CodeTry
	err = p.DB.WriteStatement(ctx, func(tx *db.Tx) (err error) {
		try, err = p.Proofs.TryCode(tx, f.State.Progress.Proof, typed)
		return err
	})
	if err != nil {
		return Result{}, fmt.Errorf("proving: code: %w", err)
	}
	out := Result{Flow: fid}
	err = p.DB.Write(ctx, func(tx *db.Tx) error {
		out.Outcome, out.Left, err = p.tried(tx, v, fid, try)
		return err
	})
	if err != nil {
		return Result{}, fmt.Errorf("proving: code: %w", err)
	}
	return out, nil
}

// tried acts on a code that was compared, or was not.
func (p Proving) tried(tx *db.Tx, v flow.Visitor, fid id.Flow, try account.CodeTry) (Outcome, int, error) {
	f, err := p.Flows.Load(tx, fid, v.Browser)
	if err != nil {
		return "", 0, err
	}
	if !p.Waiting(f) || f.State.Progress.Proof != try.Proof {
		return "", 0, flow.OutOfTurn()
	}
	proof, won, err := p.Proofs.UseCode(tx, try)
	if err != nil {
		return "", 0, err
	}
	if won {
		outcome, err := p.given(tx, v, f, proof, "code")
		return outcome, 0, err
	}
	if !try.Allowed || try.Left == 0 || try.Matches {
		return CodeEnded, 0, p.refused(tx, v, f, proof, "ended")
	}
	return WrongCode, try.Left, p.refused(tx, v, f, proof, "wrong")
}

// given notes that an address was proven in this browser and does what it was
// asked for.
func (p Proving) given(tx *db.Tx, v flow.Visitor, f flow.Flow, proof account.Proof, way string) (Outcome, error) {
	a, found, err := p.Accounts.ByID(tx, proof.Account)
	if err != nil {
		return "", err
	}
	if !found || a.Status == account.Closed {
		return LinkEnded, nil
	}
	if _, err := p.Accounts.MarkProven(tx, a.ID, proof.Address); err != nil {
		return "", err
	}
	e := f.Event(audit.AddressProofUsed, v, a.ID, "")
	e.Data = map[string]string{"purpose": string(proof.Purpose), "way": way}
	if err := p.Audit.Record(tx, e); err != nil {
		return "", err
	}
	outcome, next, err := p.Give(tx, v, f, a, proof)
	if err != nil {
		return "", err
	}
	f.State.Progress = next
	_, err = p.Flows.Save(tx, f)
	return outcome, err
}

// refused notes a proof that was not given.
func (p Proving) refused(tx *db.Tx, v flow.Visitor, f flow.Flow, proof account.Proof, reason string) error {
	e := f.Event(audit.AddressProofFailed, v, proof.Account, "")
	e.Outcome, e.Reason = audit.Refused, reason
	e.Data = map[string]string{"purpose": string(proof.Purpose)}
	return p.Audit.Record(tx, e)
}

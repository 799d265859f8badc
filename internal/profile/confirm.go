package profile

import (
	"context"
	"fmt"

	"parvis/internal/account"
	"parvis/internal/audit"
	"parvis/internal/db"
	"parvis/internal/flow"
	"parvis/internal/id"
	"parvis/internal/notify/notice"
	"parvis/internal/owner"
	"parvis/internal/proving"
	"parvis/internal/ratelimit"
)

// Outcomes of a confirmation beside those of proving.
const (
	Added   proving.Outcome = "added"    // the account has the address from now on, or had it already
	Taken   proving.Outcome = "taken"    // another account got it meanwhile
	TooMany proving.Outcome = "too-many" // the account got others meanwhile, and has no room
)

// ConfirmCode takes the typed code that was mailed to an address. A try is counted before
// it is compared, and a new mail gives an address no more tries than it has (SP
// 800-63B-4, 3.1.3.2). Faults: NotFound for an address that does not wait, Throttled,
// Denied when nobody is signed in.
func (j *Journey) ConfirmCode(ctx context.Context, v flow.Visitor, proof id.Proof, typed string) (proving.Result, error) {
	if _, err := j.Waiting(ctx, v, proof); err != nil {
		return proving.Result{}, err
	}
	if err := j.Limiter.Allow(ctx, ratelimit.CodeIP, v.IP); err != nil {
		return proving.Result{}, err
	}
	var try account.CodeTry
	err := j.DB.WriteStatement(ctx, func(tx *db.Tx) (err error) {
		try, err = j.Proofs.TryCode(tx, proof, typed)
		return err
	})
	if err != nil {
		return proving.Result{}, fmt.Errorf("profile: confirm address: %w", err)
	}
	row := id.New[id.Address]()
	var out proving.Result
	err = j.DB.Write(ctx, func(tx *db.Tx) error {
		out = proving.Result{Outcome: proving.CodeEnded}
		who, err := j.Owners.SignedIn(tx, v)
		if err != nil {
			return err
		}
		if _, err := j.waiting(tx, who, proof); err != nil {
			return err
		}
		p, won, err := j.Proofs.UseCode(tx, try)
		switch {
		case err != nil:
			return err
		case won:
			out.Outcome, err = j.give(tx, v, who, p, row, "code")
			return err
		case try.Allowed && try.Left > 0 && !try.Matches:
			out.Outcome, out.Left = proving.WrongCode, try.Left
			return j.refuse(tx, v, who, "wrong")
		}
		return j.refuse(tx, v, who, "ended")
	})
	if err != nil {
		return proving.Result{}, fmt.Errorf("profile: confirm address: %w", err)
	}
	return out, nil
}

// Link is what the page of a mailed link shows. Fault Denied when nobody is signed in.
type Link struct {
	Status  account.ProofStatus
	Own     bool         // who is signed in asked for it
	Address account.Addr // to be added; only for whoever asked
}

// OpenLink looks at a mailed link and uses nothing: mail scanners open links, too.
func (j *Journey) OpenLink(ctx context.Context, v flow.Visitor, token string) (Link, error) {
	if err := j.Limiter.Allow(ctx, ratelimit.LinkIP, v.IP); err != nil {
		return Link{}, err
	}
	var out Link
	err := j.DB.Read(ctx, func(tx *db.Tx) error {
		out = Link{Status: account.ProofUnknown}
		who, err := j.Owners.SignedIn(tx, v)
		if err != nil {
			return err
		}
		p, err := j.Proofs.Find(tx, token)
		if err != nil || p.Purpose != account.ProveAdd {
			return err
		}
		out.Status = p.Status
		if p.Account == who.ID {
			out.Own, out.Address = true, p.Address
		}
		return nil
	})
	if err != nil {
		return Link{}, fmt.Errorf("profile: open link: %w", err)
	}
	return out, nil
}

// ConfirmLink uses a mailed link: the button of its page, in a browser in which its
// account is signed in. Whoever reads the mailbox of somebody else's wish can so add the
// address to no account but the one that asked, and the one who asked cannot let a
// stranger's click do it. Faults: Throttled, Denied when nobody is signed in.
func (j *Journey) ConfirmLink(ctx context.Context, v flow.Visitor, token string) (proving.Outcome, error) {
	if err := j.Limiter.Allow(ctx, ratelimit.LinkIP, v.IP); err != nil {
		return "", err
	}
	row := id.New[id.Address]()
	var out proving.Outcome
	err := j.DB.Write(ctx, func(tx *db.Tx) error {
		out = proving.LinkEnded
		who, err := j.Owners.SignedIn(tx, v)
		if err != nil {
			return err
		}
		p, err := j.Proofs.Find(tx, token)
		if err != nil || p.Purpose != account.ProveAdd || p.Account != who.ID {
			return err
		}
		p, won, err := j.Proofs.Use(tx, token)
		if err != nil {
			return err
		}
		if !won {
			return j.refuse(tx, v, who, string(p.Status))
		}
		out, err = j.give(tx, v, who, p, row, "link")
		return err
	})
	if err != nil {
		return "", fmt.Errorf("profile: confirm address: %w", err)
	}
	return out, nil
}

// give adds a proven address and tells the others.
func (j *Journey) give(tx *db.Tx, v flow.Visitor, who owner.Owner, p account.Proof, row id.Address, way string) (proving.Outcome, error) {
	e := owner.Event(audit.AddressProofUsed, v, who)
	e.Data = map[string]string{"purpose": string(p.Purpose), "way": way}
	if err := j.Owners.Audit.Record(tx, e); err != nil {
		return "", err
	}
	added, gaveWay, err := j.Owners.Accounts.Add(tx, who.ID, row, p.Address)
	if err != nil {
		return "", err
	}
	if gaveWay != "" {
		if err := j.Forget(tx, gaveWay); err != nil {
			return "", err
		}
	}
	switch added {
	case account.AddedOwn:
		return Added, nil
	case account.AddedTaken:
		return Taken, nil
	case account.AddedFull:
		return TooMany, nil
	case account.AddedNow:
	}
	if err := j.Owners.Audit.Record(tx, owner.Event(audit.AddressAdded, v, who)); err != nil {
		return "", err
	}
	all, err := j.Owners.Accounts.Addresses(tx, who.ID)
	if err != nil {
		return "", err
	}
	told := notice.AddressAdded{Address: p.Address.Masked(), Asked: notice.AskedBy(v.UserAgent, tx.Now())}
	for _, other := range all {
		if other.ID == row {
			continue // it was used just now
		}
		if err := j.send(tx, who, other.Address, told); err != nil {
			return "", err
		}
	}
	return Added, nil
}

// refuse notes a proof that was not given.
func (j *Journey) refuse(tx *db.Tx, v flow.Visitor, who owner.Owner, reason string) error {
	e := owner.Event(audit.AddressProofFailed, v, who)
	e.Outcome, e.Reason = audit.Refused, reason
	e.Data = map[string]string{"purpose": string(account.ProveAdd)}
	return j.Owners.Audit.Record(tx, e)
}

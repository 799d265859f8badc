package signin

import (
	"context"
	"fmt"

	"parvis/internal/account"
	"parvis/internal/db"
	"parvis/internal/fault"
	"parvis/internal/flow"
	"parvis/internal/ratelimit"
)

// OpenLink looks at a mailed link. It consumes nothing: mail scanners open links
// too, and so may HEAD. The button of the page goes to the ConfirmLink of the
// journey that Purpose names.
func (j *Journey) OpenLink(ctx context.Context, v flow.Visitor, token string) (Link, error) {
	if err := j.Limiter.Allow(ctx, ratelimit.LinkIP, v.IP); err != nil {
		return Link{}, err
	}
	var out Link
	err := j.DB.Read(ctx, func(tx *db.Tx) error {
		p, err := j.Proofs.Find(tx, token)
		if err != nil {
			return err
		}
		out = Link{Purpose: LinkPurpose(p.Purpose), Status: LinkStatus(p.Status), RelyingParty: p.RelyingParty, Lasts: p.Lasts()}
		if p.Status == account.ProofLive {
			out.Address, out.Ends = p.Address.Masked(), p.ExpiresAt
		}
		if out.Resend, err = j.resendable(tx, p); err != nil {
			return err
		}
		_, err = j.Flows.Load(tx, p.Flow, v.Browser)
		out.Here = err == nil
		if fault.KindOf(err) == fault.Internal && err != nil {
			return err
		}
		return nil
	})
	if err != nil {
		return Link{}, fmt.Errorf("signin: open link: %w", err)
	}
	return out, nil
}

// resendable reports whether another activation mail can still be asked for: until
// the account is removed. The holder of a link is the holder of the address.
func (j *Journey) resendable(tx *db.Tx, p account.Proof) (bool, error) {
	if p.Purpose != account.ProveActivate || p.Account == "" || p.Status == account.ProofLive {
		return false, nil
	}
	a, found, err := j.Accounts.ByID(tx, p.Account)
	if err != nil {
		return false, err
	}
	until := a.CreatedAt.Add(j.Accounts.Settings.UnactivatedAfter)
	return found && a.Status == account.Pending && tx.Now().Before(until), nil
}

package signin

import (
	"context"
	"fmt"
	"slices"

	"parvis/internal/db"
	"parvis/internal/flow"
	"parvis/internal/notify/notice"
	"parvis/internal/upstream"
)

// PartnerChoice is a sign-in partner that is not linked to an account: it can be added,
// or its owner has blocked it.
type PartnerChoice struct {
	Provider *upstream.Provider
	Blocked  bool
}

// PartnerChoices lists the sign-in partners that are not linked to the account of the
// person who is signed in, in their order. Those that are out of use stand there only
// when they are blocked. Fault Denied when nobody is signed in.
func (j *Journey) PartnerChoices(ctx context.Context, v flow.Visitor) ([]PartnerChoice, error) {
	all, err := j.Upstreams.List(ctx)
	if err != nil {
		return nil, fmt.Errorf("signin: partners: %w", err)
	}
	var blocked, linked []string
	err = j.DB.Read(ctx, func(tx *db.Tx) error {
		linked = nil
		live, err := j.live(tx, v)
		if err != nil {
			return err
		}
		if live == nil {
			return errNobody()
		}
		links, err := j.Links.List(tx, live.Account)
		if err != nil {
			return err
		}
		for _, l := range links {
			linked = append(linked, l.Issuer)
		}
		blocked, err = j.Links.Blocked(tx, live.Account)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("signin: partners: %w", err)
	}
	var out []PartnerChoice
	for _, p := range all {
		c := PartnerChoice{Provider: p, Blocked: slices.Contains(blocked, p.Issuer)}
		if !slices.Contains(linked, p.Issuer) && (c.Blocked || !p.Disabled) {
			out = append(out, c)
		}
	}
	return out, nil
}

// PartnerBlock lets nobody link a sign-in partner to the account of the person who is
// signed in, or takes that back. Fault Denied when nobody is, or the proofs are older
// than the deployment's window (error.reauthenticate); Conflict when the partner is
// linked; NotFound for a partner that does not exist. Doing it twice is doing it once.
func (j *Journey) PartnerBlock(ctx context.Context, v flow.Visitor, provider upstream.ID, block bool) error {
	p, err := j.Upstreams.Get(ctx, provider)
	if err != nil {
		return fmt.Errorf("signin: block: %w", err)
	}
	err = j.DB.Write(ctx, func(tx *db.Tx) error {
		live, err := j.fresh(tx, v)
		if err != nil {
			return err
		}
		was, err := j.Links.Blocks(tx, live.Account, p.Issuer)
		if err != nil || was == block {
			return err
		}
		asked := notice.AskedBy(v.UserAgent, tx.Now())
		if block {
			if err := j.Links.By(outside(v, live)).Block(tx, live.Account, p.Issuer); err != nil {
				return err
			}
			return j.mail(tx, live.Account, notice.PartnerBlocked{Partner: p.Name, Asked: asked})
		}
		if _, err := j.Links.By(outside(v, live)).Unblock(tx, live.Account, p.Issuer); err != nil {
			return err
		}
		return j.mail(tx, live.Account, notice.PartnerUnblocked{Partner: p.Name, Asked: asked})
	})
	if err != nil {
		return fmt.Errorf("signin: block: %w", err)
	}
	return nil
}

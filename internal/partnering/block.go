package partnering

import (
	"context"
	"encoding/base64"
	"fmt"
	"slices"

	"parvis/internal/db"
	"parvis/internal/flow"
	"parvis/internal/i18n"
	"parvis/internal/notify/notice"
	"parvis/internal/owner"
	"parvis/internal/secret"
	"parvis/internal/upstream"
)

// Choice is a sign-in partner that is not linked to an account: it can be added,
// or its owner has blocked it.
type Choice struct {
	Provider *upstream.Provider // nil for a blocked one that is not configured any more
	Issuer   string
	Blocked  bool
}

// Key names the choice in addresses: the provider, or, where there is none any more, a
// digest of its issuer, which is no identifier of a provider.
func (c Choice) Key() string {
	if c.Provider != nil {
		return string(c.Provider.ID)
	}
	return "~" + base64.RawURLEncoding.EncodeToString(secret.Digest(c.Issuer))[:22]
}

// Choices lists the sign-in partners that are not linked to the account of the
// person who is signed in, in their order. Those that are out of use stand there only
// when they are blocked, and last those that are not configured any more. Fault Denied when nobody is signed in.
func (j *Journey) Choices(ctx context.Context, v flow.Visitor) ([]Choice, error) {
	all, err := j.Upstreams.List(ctx)
	if err != nil {
		return nil, fmt.Errorf("partnering: partners: %w", err)
	}
	var blocked, linked []string
	err = j.DB.Read(ctx, func(tx *db.Tx) error {
		linked = nil
		who, err := j.Owners.SignedIn(tx, v)
		if err != nil {
			return err
		}
		links, err := j.Links.List(tx, who.ID)
		if err != nil {
			return err
		}
		for _, l := range links {
			linked = append(linked, l.Issuer)
		}
		blocked, err = j.Links.Blocked(tx, who.ID)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("partnering: partners: %w", err)
	}
	var out []Choice
	for _, p := range all {
		c := Choice{Provider: p, Issuer: p.Issuer, Blocked: slices.Contains(blocked, p.Issuer)}
		blocked = slices.DeleteFunc(blocked, func(issuer string) bool { return issuer == p.Issuer })
		if !slices.Contains(linked, p.Issuer) && (c.Blocked || !p.Disabled) {
			out = append(out, c)
		}
	}
	for _, issuer := range blocked {
		out = append(out, Choice{Issuer: issuer, Blocked: true})
	}
	return out, nil
}

// Block lets nobody link a sign-in partner to the account of the person who is signed in.
// Fault Denied when nobody is, or the proofs are older than the deployment's window
// (error.reauthenticate); Conflict when the partner is linked; NotFound for a partner
// that does not exist. Doing it twice is doing it once.
func (j *Journey) Block(ctx context.Context, v flow.Visitor, provider upstream.ID) error {
	p, err := j.Upstreams.Get(ctx, provider)
	if err != nil {
		return fmt.Errorf("partnering: block: %w", err)
	}
	return j.setBlock(ctx, v, p.Issuer, p.Name, true)
}

// Unblock takes Block back, by the issuer: also for a partner that is not configured any
// more. Fault Denied as Block. Doing it twice is doing it once.
func (j *Journey) Unblock(ctx context.Context, v flow.Visitor, issuer string) error {
	name, err := j.Upstreams.NameOf(ctx, issuer)
	if err != nil {
		return fmt.Errorf("partnering: unblock: %w", err)
	}
	return j.setBlock(ctx, v, issuer, name, false)
}

func (j *Journey) setBlock(ctx context.Context, v flow.Visitor, issuer string, name i18n.Text, block bool) error {
	err := j.DB.Write(ctx, func(tx *db.Tx) error {
		who, err := j.Owners.Fresh(tx, v)
		if err != nil {
			return err
		}
		was, err := j.Links.Blocks(tx, who.ID, issuer)
		if err != nil || was == block {
			return err
		}
		links, asked := j.Links.By(owner.Event("", v, who)), notice.AskedBy(v.UserAgent, tx.Now())
		if block {
			if err := links.Block(tx, who.ID, issuer); err != nil {
				return err
			}
			return j.Owners.Tell(tx, who, notice.PartnerBlocked{Partner: name, Asked: asked})
		}
		if _, err := links.Unblock(tx, who.ID, issuer); err != nil {
			return err
		}
		return j.Owners.Tell(tx, who, notice.PartnerUnblocked{Partner: name, Asked: asked})
	})
	if err != nil {
		return fmt.Errorf("partnering: block: %w", err)
	}
	return nil
}

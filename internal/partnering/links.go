package partnering

import (
	"context"
	"fmt"
	"slices"
	"time"

	"parvis/internal/db"
	"parvis/internal/fault"
	"parvis/internal/flow"
	"parvis/internal/notify/notice"
	"parvis/internal/owner"
	"parvis/internal/policy"
	"parvis/internal/session"
	"parvis/internal/upstream"
)

// Entry is one sign-in partner that is linked to an account.
type Entry struct {
	ID       upstream.LinkID
	Provider upstream.ID // "" when the partner is not known any more
	Issuer   string
	Since    time.Time
	UsedAt   time.Time // zero: never
	Only     bool      // the last way into the account: it cannot be removed
}

// Linked lists the sign-in partners of the person who is signed in. Fault Denied
// when nobody is.
func (j *Journey) Linked(ctx context.Context, v flow.Visitor) ([]Entry, error) {
	var out []Entry
	partners, err := j.Upstreams.Open(ctx)
	if err != nil {
		return nil, err
	}
	err = j.DB.Read(ctx, func(tx *db.Tx) error {
		out = nil
		who, err := j.Owners.SignedIn(tx, v)
		if err != nil {
			return err
		}
		links, err := j.Links.List(tx, who.ID)
		if err != nil {
			return err
		}
		_, password, err := j.Passwords.Get(tx, who.ID)
		for _, l := range links {
			only := !password && lastWayIn(links, l.ID, partners)
			out = append(out, Entry{ID: l.ID, Issuer: l.Issuer, Since: l.Since, UsedAt: l.UsedAt, Only: only})
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("partnering: partners: %w", err)
	}
	for i := range out {
		p, err := j.Upstreams.ByIssuer(ctx, out[i].Issuer)
		if err != nil {
			return nil, fmt.Errorf("partnering: partners: %w", err)
		}
		if p != nil {
			out[i].Provider = p.ID
		}
	}
	return out, nil
}

// lastWayIn reports whether no other link than one leads to a partner that can be chosen now.
func lastWayIn(links []upstream.Link, link upstream.LinkID, partners []*upstream.Provider) bool {
	return !slices.ContainsFunc(links, func(l upstream.Link) bool {
		opens := func(p *upstream.Provider) bool { return p.Issuer == l.Issuer }
		return l.ID != link && slices.ContainsFunc(partners, opens)
	})
}

// Unlink removes a sign-in partner of the person who is signed in, ends the other
// sessions that it opened, or that may be its own, and forgets the browsers in which it
// may have: a partner is removed when it is in other hands. Fault Denied
// when nobody is, or the proofs are older than the deployment's window
// (error.reauthenticate); Conflict when it is the last way into the account; NotFound
// when the account has no such link.
func (j *Journey) Unlink(ctx context.Context, v flow.Visitor, link upstream.LinkID) error {
	links, err := j.Linked(ctx, v)
	if err != nil {
		return err
	}
	issuer := ""
	for _, l := range links {
		if l.ID == link {
			issuer = l.Issuer
		}
	}
	partners, err := j.Upstreams.Open(ctx)
	if err != nil {
		return err
	}
	name, err := j.Upstreams.NameOf(ctx, issuer)
	if err != nil {
		return err
	}
	opened, err := j.openedBy(ctx, issuer)
	if err != nil {
		return err
	}
	err = j.DB.Write(ctx, func(tx *db.Tx) error {
		who, err := j.Owners.Fresh(tx, v)
		if err != nil {
			return err
		}
		links, err := j.Links.List(tx, who.ID)
		if err != nil {
			return err
		}
		_, password, err := j.Passwords.Get(tx, who.ID)
		if err != nil {
			return err
		}
		if !password && lastWayIn(links, link, partners) {
			return fault.New(fault.Conflict, "error.partner.last")
		}
		was, err := j.Links.By(owner.Event("", v, who)).Unlink(tx, who.ID, link)
		if err != nil {
			return err
		}
		if !was {
			return fault.New(fault.NotFound, "error.404")
		}
		const why = "partner removed"
		if _, err := j.Owners.EndOthers(tx, v, who, why, opened); err != nil {
			return err
		}
		if err := j.Owners.EndProven(tx, who, policy.AMRPartner); err != nil {
			return err
		}
		if err := j.Owners.ForgetBrowsers(tx, v, who, why); err != nil {
			return err
		}
		return j.Owners.Tell(tx, who, notice.PartnerUnlinked{Partner: name, Asked: notice.AskedBy(v.UserAgent, tx.Now())})
	})
	if err != nil {
		return fmt.Errorf("partnering: unlink: %w", err)
	}
	return nil
}

// openedBy tells the sessions that the partner of an issuer opened from those of others.
// One whose facts do not name a partner that is known, and another one, may be its own:
// then somebody signs in once too often.
func (j *Journey) openedBy(ctx context.Context, issuer string) (func(session.Session) bool, error) {
	all, err := j.Upstreams.List(ctx)
	if err != nil {
		return nil, fmt.Errorf("partnering: partners: %w", err)
	}
	return func(s session.Session) bool {
		other := func(p *upstream.Provider) bool {
			return string(p.ID) == s.Facts.Partner.Door && p.Issuer != issuer
		}
		return !s.Facts.Partner.At.IsZero() && !slices.ContainsFunc(all, other)
	}, nil
}

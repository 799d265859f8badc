package signin

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"time"

	"parvis/internal/audit"
	"parvis/internal/authenticator"
	"parvis/internal/db"
	"parvis/internal/fault"
	"parvis/internal/flow"
	"parvis/internal/notify/notice"
	"parvis/internal/policy"
	"parvis/internal/session"
	"parvis/internal/upstream"
)

// PartnerEntry is one sign-in partner that is linked to an account.
type PartnerEntry struct {
	ID       upstream.LinkID
	Provider upstream.ID // "" when the partner is not known any more
	Issuer   string
	Since    time.Time
	UsedAt   time.Time // zero: never
	Only     bool      // the last way into the account: it cannot be removed
}

// PartnerLinks lists the sign-in partners of the person who is signed in. Fault Denied
// when nobody is.
func (j *Journey) PartnerLinks(ctx context.Context, v flow.Visitor) ([]PartnerEntry, error) {
	var out []PartnerEntry
	partners, err := j.Partners(ctx)
	if err != nil {
		return nil, err
	}
	err = j.DB.Read(ctx, func(tx *db.Tx) error {
		out = nil
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
		_, password, err := j.Passwords.Get(tx, live.Account)
		for _, l := range links {
			only := !password && lastWayIn(links, l.ID, partners)
			out = append(out, PartnerEntry{ID: l.ID, Issuer: l.Issuer, Since: l.Since, UsedAt: l.UsedAt, Only: only})
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("signin: partners: %w", err)
	}
	for i := range out {
		p, err := j.Upstreams.ByIssuer(ctx, out[i].Issuer)
		if err != nil {
			return nil, fmt.Errorf("signin: partners: %w", err)
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

// fresh is the session of who is signed in, with proofs that are new enough to change
// the account. Fault Denied when nobody is, or they are older than the deployment's
// window (error.reauthenticate).
func (j *Journey) fresh(tx *db.Tx, v flow.Visitor) (*session.Session, error) {
	live, err := j.live(tx, v)
	if err != nil {
		return nil, err
	}
	if live == nil {
		return nil, errNobody()
	}
	list, err := authenticator.List(tx, live.Account)
	if err != nil {
		return nil, err
	}
	sensitive := j.Table.Sensitive(authenticator.Methods(list))
	if j.Table.Next(sensitive, live.Facts, tx.Now()).Step != policy.StepNone {
		return nil, fault.New(fault.Denied, "error.reauthenticate")
	}
	return live, nil
}

// outside is what is recorded of a change by who is signed in, outside a flow.
func outside(v flow.Visitor, live *session.Session) audit.Event {
	return audit.Event{Account: live.Account, Session: live.ID, Outcome: audit.Success, Personal: v.Personal("")}
}

// PartnerUnlink removes a sign-in partner of the person who is signed in, ends the other
// sessions that a partner opened, and forgets the browsers in which one may have: a
// partner is removed when it is in other hands. Fault Denied
// when nobody is, or the proofs are older than the deployment's window
// (error.reauthenticate); Conflict when it is the last way into the account; NotFound
// when the account has no such link.
func (j *Journey) PartnerUnlink(ctx context.Context, v flow.Visitor, link upstream.LinkID) error {
	links, err := j.PartnerLinks(ctx, v)
	if err != nil {
		return err
	}
	issuer := ""
	for _, l := range links {
		if l.ID == link {
			issuer = l.Issuer
		}
	}
	partners, err := j.Partners(ctx)
	if err != nil {
		return err
	}
	name, err := j.nameOf(ctx, issuer)
	if err != nil {
		return err
	}
	err = j.DB.Write(ctx, func(tx *db.Tx) error {
		live, err := j.fresh(tx, v)
		if err != nil {
			return err
		}
		links, err := j.Links.List(tx, live.Account)
		if err != nil {
			return err
		}
		_, password, err := j.Passwords.Get(tx, live.Account)
		if err != nil {
			return err
		}
		if !password && lastWayIn(links, link, partners) {
			return fault.New(fault.Conflict, "error.partner.last")
		}
		was, err := j.Links.By(outside(v, live)).Unlink(tx, live.Account, link)
		if err != nil {
			return err
		}
		if !was {
			return fault.New(fault.NotFound, "error.404")
		}
		if err := j.endOpened(tx, v, live); err != nil {
			return err
		}
		return j.mail(tx, live.Account, notice.PartnerUnlinked{Partner: name, Asked: notice.AskedBy(v.UserAgent, tx.Now())})
	})
	if err != nil {
		return fmt.Errorf("signin: unlink: %w", err)
	}
	return nil
}

// endOpened ends the other sessions of an account that a partner opened, and forgets its
// remembered browsers. Facts do not tell which partner it was: then somebody signs in
// once too often.
func (j *Journey) endOpened(tx *db.Tx, v flow.Visitor, live *session.Session) error {
	const why = "partner removed"
	all, err := j.Sessions.List(tx, live.Account)
	if err != nil {
		return err
	}
	for _, s := range all {
		if s.ID == live.ID || s.Facts.Partner.At.IsZero() {
			continue
		}
		if _, err := j.Sessions.End(tx, s.ID, session.Revoked); err != nil {
			return err
		}
		e := outside(v, &s)
		e.Name, e.Reason = audit.SessionEnded, why
		if err := j.Audit.Record(tx, e); err != nil {
			return err
		}
	}
	n, err := j.Sessions.ForgetAll(tx, live.Account)
	if err != nil || n == 0 {
		return err
	}
	e := outside(v, live)
	e.Name, e.Reason, e.Data = audit.BrowserForgotten, why, map[string]string{"browsers": strconv.FormatInt(n, 10)}
	return j.Audit.Record(tx, e)
}

// Package departure signs people out here who have signed out at a sign-in partner, when
// the partner's machine says so (OpenID Connect Back-Channel Logout 1.0).
//
// It ends the sessions that this partner had opened for that person, and no others: a
// session of a password, or of another partner, is none of its business. It refuses a
// notice that was given before, and tells nobody who is known here.
package departure

import (
	"context"
	"fmt"

	"parvis/internal/audit"
	"parvis/internal/db"
	"parvis/internal/flow"
	"parvis/internal/ratelimit"
	"parvis/internal/session"
	"parvis/internal/upstream"
)

// Journey takes notices of partners. All fields are needed. Safe for concurrent use.
type Journey struct {
	DB        *db.DB
	Upstreams *upstream.Registry
	Links     upstream.Links
	Sessions  session.Sessions
	Audit     *audit.Log
	Limiter   *ratelimit.Limiter
}

// Take takes the notice of a partner that somebody has signed out there
// (OpenID Connect Back-Channel Logout 1.0, 2.7): the sessions that this partner opened
// here for them end, and no others. A notice counts once, in the transaction that ends
// the sessions, so that a repeated one ends none that began since. The error is an
// *upstream.Error for a notice that does not count; a subject that nobody here has is
// none. Fault NotFound for a partner that gives no notice.
func (j *Journey) Take(ctx context.Context, v flow.Visitor, provider upstream.ID, token string) error {
	d, err := j.Upstreams.Departure(ctx, provider, token)
	if err != nil {
		return j.refused(ctx, v, err)
	}
	first := false
	err = j.DB.Write(ctx, func(tx *db.Tx) error {
		var err error
		if first, err = upstream.TakeDeparture(tx, d); err != nil || !first {
			return err
		}
		link, found, err := j.Links.Find(tx, d.Issuer, d.Subject)
		if err != nil || !found {
			return err
		}
		live, err := j.Sessions.List(tx, link.Account)
		if err != nil {
			return err
		}
		for _, s := range live {
			if s.Facts.Partner.Door != string(provider) {
				continue
			}
			if err := j.end(tx, s, provider); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("departure: %w", err)
	}
	if !first {
		return j.refused(ctx, v, upstream.Fail(upstream.Replay, "the notice was given before"))
	}
	return nil
}

// refused counts a notice that does not count. Those that do are not counted: a partner
// sends them all from few addresses, and who is signed out must not stay signed in.
func (j *Journey) refused(ctx context.Context, v flow.Visitor, err error) error {
	if limit := j.Limiter.Allow(ctx, ratelimit.PartnerIP, v.IP); limit != nil {
		return limit
	}
	return fmt.Errorf("departure: %w", err)
}

// end ends one session, and notes why.
func (j *Journey) end(tx *db.Tx, s session.Session, provider upstream.ID) error {
	ended, err := j.Sessions.End(tx, s.ID, session.Revoked)
	if err != nil || !ended {
		return err
	}
	return j.Audit.Record(tx, audit.Event{
		Name: audit.SessionEnded, Account: s.Account, Session: s.ID, Outcome: audit.Success, Reason: "partner",
		Data: map[string]string{"provider": string(provider)},
	})
}

// Package departure signs people out at both ends of a sign-in partner. Here, when the
// partner says that they have signed out there: by its machine (OpenID Connect
// Back-Channel Logout 1.0), or by a request that the browser carries (SAML profiles
// 4.4). And there, when they have signed out here and choose to (Offer, Leave, Left).
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
	"parvis/internal/upstream/handover"
)

// Journey takes notices of partners, and asks them. All fields are needed. Safe for concurrent use.
type Journey struct {
	DB        *db.DB
	Upstreams *upstream.Registry
	Links     upstream.Links
	Leavings  handover.Leavings
	Answers   handover.Answers
	Sessions  session.Sessions
	Audit     *audit.Log
	Limiter   *ratelimit.Limiter
}

// Take takes the notice of a partner that somebody has signed out there
// (OpenID Connect Back-Channel Logout 1.0, 2.7): the sessions that this partner opened
// here for them end, and no others; where the notice names a session of the partner's,
// those that began with it. A notice counts once, in the transaction that ends
// the sessions, so that a repeated one ends none that began since. The error is an
// *upstream.Error for a notice that does not count; a subject that nobody here has is
// none, a session alone that nobody came by is one. Fault NotFound for a partner that gives no notice.
func (j *Journey) Take(ctx context.Context, v flow.Visitor, provider upstream.ID, token string) error {
	d, err := j.Upstreams.Departure(ctx, provider, token)
	if err != nil {
		return j.refused(ctx, v, err)
	}
	return j.obey(ctx, v, provider, d)
}

// obey ends the sessions that a checked notice is about.
func (j *Journey) obey(ctx context.Context, v flow.Visitor, provider upstream.ID, d upstream.Departure) error {
	first, known := false, false
	err := j.DB.Write(ctx, func(tx *db.Tx) error {
		var err error
		if first, err = upstream.TakeDeparture(tx, d); err != nil || !first {
			return err
		}
		known, err = j.endMeant(tx, provider, d)
		return err
	})
	switch {
	case err != nil:
		return fmt.Errorf("departure: %w", err)
	case !first:
		return j.refused(ctx, v, upstream.Fail(upstream.Replay, "the notice was given before"))
	case !known:
		return j.refused(ctx, v, upstream.Fail(upstream.Invalid, "the notice names a session by which nobody came here"))
	}
	return nil
}

// endMeant ends the live sessions that a notice is about. It reports false when the
// notice names a session alone that no session here is known by.
func (j *Journey) endMeant(tx *db.Tx, provider upstream.ID, d upstream.Departure) (known bool, err error) {
	sessions, known, err := j.meant(tx, provider, d)
	if err != nil {
		return false, err
	}
	for _, s := range sessions {
		if !s.Live() || s.Facts.Partner.Door != string(provider) {
			continue
		}
		text, err := j.Sessions.There(s)
		if err != nil {
			return false, err
		}
		presence, err := upstream.ReadPresence(text)
		if err != nil {
			return false, err
		}
		if !d.Means(presence) {
			continue
		}
		if err := j.end(tx, s, provider); err != nil {
			return false, err
		}
	}
	return known, nil
}

// meant are the sessions that a notice can be about: those of the person, or, where it
// names none, those that go by the partner's own session (2.6).
func (j *Journey) meant(tx *db.Tx, provider upstream.ID, d upstream.Departure) ([]session.Session, bool, error) {
	if d.Subject == "" {
		var out []session.Session
		for _, index := range d.Indexes {
			found, err := j.Sessions.ByThere(tx, upstream.Key(provider, index))
			if err != nil {
				return nil, false, err
			}
			out = append(out, found...)
		}
		return out, len(out) > 0, nil
	}
	link, found, err := j.Links.Find(tx, d.Issuer, d.Subject)
	if err != nil || !found {
		return nil, true, err
	}
	live, err := j.Sessions.List(tx, link.Account)
	return live, true, err
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

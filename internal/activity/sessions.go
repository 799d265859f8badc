package activity

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"time"

	"parvis/internal/audit"
	"parvis/internal/db"
	"parvis/internal/fault"
	"parvis/internal/flow"
	"parvis/internal/i18n"
	"parvis/internal/id"
	"parvis/internal/notify/notice"
	"parvis/internal/owner"
	"parvis/internal/policy"
	"parvis/internal/session"
)

// Open is one open session of an account.
type Open struct {
	ID     id.Session
	Device notice.Device // with which it was opened; zero when that is not known
	Place  string        // near which it was opened, in the language of the visitor; "" when it is not known, or not kept any more
	Facts  policy.Facts  // what was proven in it
	Since  time.Time     // when it was opened
	Used   time.Time     // when it was last in use, as far as that was noted (session.Settings)
	Here   bool          // it is that of the browser which asks
}

// Sessions are the open sessions of who is signed in: their own first, then the latest
// used ones.
type Sessions struct {
	Open     []Open
	Browsers int               // how many browsers are remembered
	Services []id.RelyingParty // that can go on with what they were given in other sessions, open or ended, or without one
}

// Sessions lists the open sessions. Fault Denied when nobody is signed in.
func (j *Journey) Sessions(ctx context.Context, v flow.Visitor) (Sessions, error) {
	var out Sessions
	err := j.DB.Read(ctx, func(tx *db.Tx) error {
		out = Sessions{}
		own, err := j.Owners.SignedIn(tx, v)
		if err != nil {
			return err
		}
		all, err := j.Owners.Sessions.List(tx, own.ID)
		if err != nil {
			return err
		}
		places, err := j.placesOf(tx, own.ID, i18n.Lang(v.Locale))
		if err != nil {
			return err
		}
		for _, s := range all {
			out.Open = append(out.Open, Open{
				ID: s.ID, Device: notice.Device{Browser: s.Browser, System: s.System}, Place: places[s.ID], Facts: s.Facts,
				Since: s.CreatedAt, Used: s.TouchedAt, Here: s.ID == own.Session.ID,
			})
		}
		slices.SortStableFunc(out.Open, func(a, b Open) int {
			if a.Here != b.Here {
				return map[bool]int{true: -1, false: 1}[a.Here]
			}
			return b.Used.Compare(a.Used)
		})
		if out.Services, err = j.Grants.Others(tx, own.ID, own.Session.ID); err != nil {
			return err
		}
		browsers, err := j.Owners.Sessions.ListRemembered(tx, own.ID)
		out.Browsers = len(browsers)
		return err
	})
	if err != nil {
		return Sessions{}, fmt.Errorf("activity: sessions: %w", err)
	}
	return out, nil
}

// SignOut ends one open session of who is signed in, and what services were given in
// it, or in the sessions that it replaced in its browser. Fault NotFound when there is no such session (any more), Denied when nobody is
// signed in.
func (j *Journey) SignOut(ctx context.Context, v flow.Visitor, s id.Session) error {
	err := j.DB.Write(ctx, func(tx *db.Tx) error {
		own, err := j.Owners.SignedIn(tx, v)
		if err != nil {
			return err
		}
		ending, err := j.Owners.Sessions.ByID(tx, s)
		if err != nil {
			return err
		}
		was, err := j.Owners.Sessions.EndOne(tx, own.ID, s, session.Revoked)
		if err != nil {
			return err
		}
		if !was {
			return fault.New(fault.NotFound, "error.404")
		}
		if err := j.Grants.EndSession(tx, s, ending.Lineage); err != nil {
			return err
		}
		e := owner.Event(audit.SessionEnded, v, own)
		e.Session, e.Reason = s, "by owner"
		return j.Owners.Audit.Record(tx, e)
	})
	if err != nil {
		return fmt.Errorf("activity: sign out: %w", err)
	}
	return nil
}

// SignOutOthers ends every session of who is signed in but theirs, and what services
// were given in any other one, those that had ended before included. The owner is told
// by mail. Fault Denied when nobody is signed in.
func (j *Journey) SignOutOthers(ctx context.Context, v flow.Visitor) error {
	err := j.DB.Write(ctx, func(tx *db.Tx) error {
		own, err := j.Owners.SignedIn(tx, v)
		if err != nil {
			return err
		}
		n, err := j.Owners.Sessions.EndAll(tx, own.ID, own.Session.ID, session.Revoked)
		if err != nil {
			return err
		}
		if err := j.Grants.EndOthers(tx, own.ID, own.Session.ID); err != nil {
			return err
		}
		return j.ended(tx, v, own, n, false)
	})
	if err != nil {
		return fmt.Errorf("activity: sign out others: %w", err)
	}
	return nil
}

// SignOutEverywhere ends every session of who is signed in, theirs too, revokes
// whatever services were given, and forgets the remembered browsers. The owner is told
// by mail. The caller takes the cookie away. Fault Denied when nobody is signed in.
func (j *Journey) SignOutEverywhere(ctx context.Context, v flow.Visitor) error {
	err := j.DB.Write(ctx, func(tx *db.Tx) error {
		own, err := j.Owners.SignedIn(tx, v)
		if err != nil {
			return err
		}
		n, err := j.Owners.Sessions.EndAll(tx, own.ID, "", session.Revoked)
		if err != nil {
			return err
		}
		if err := j.Grants.EndAccount(tx, own.ID); err != nil {
			return err
		}
		if err := j.Owners.ForgetBrowsers(tx, v, own, "signed out everywhere"); err != nil {
			return err
		}
		return j.ended(tx, v, own, n, true)
	})
	if err != nil {
		return fmt.Errorf("activity: sign out everywhere: %w", err)
	}
	return nil
}

// ended notes that several sessions were ended, and tells the owner.
func (j *Journey) ended(tx *db.Tx, v flow.Visitor, own owner.Owner, n int64, everywhere bool) error {
	e := owner.Event(audit.SessionEnded, v, own)
	e.Reason, e.Data = "by owner", map[string]string{"sessions": strconv.FormatInt(n, 10)}
	if err := j.Owners.Audit.Record(tx, e); err != nil {
		return err
	}
	return j.tellSignedOut(tx, v, own, n, everywhere)
}

// tellSignedOut tells the owner that sessions were ended. Where there was none to end,
// that is told once in a while only: whoever is signed in may press the button for ever.
func (j *Journey) tellSignedOut(tx *db.Tx, v flow.Visitor, own owner.Owner, n int64, everywhere bool) error {
	data := notice.SignedOut{Everywhere: everywhere, Asked: notice.AskedBy(v.UserAgent, tx.Now())}
	if n == 0 {
		return j.Owners.TellOnce(tx, own, data)
	}
	return j.Owners.Tell(tx, own, data)
}

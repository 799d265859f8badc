package merging

import (
	"context"
	"fmt"
	"time"

	"parvis/internal/account"
	"parvis/internal/audit"
	"parvis/internal/authenticator"
	"parvis/internal/connection"
	"parvis/internal/db"
	"parvis/internal/fault"
	"parvis/internal/flow"
	"parvis/internal/grant"
	"parvis/internal/id"
	"parvis/internal/notify"
	"parvis/internal/notify/notice"
	"parvis/internal/policy"
	"parvis/internal/ratelimit"
	"parvis/internal/relyingparty"
	"parvis/internal/session"
	"parvis/internal/upstream"
)

// Journey merges accounts. All fields are needed. Safe for concurrent use.
type Journey struct {
	DB          *db.DB
	Accounts    account.Accounts
	Merges      account.Merges
	Sessions    session.Sessions
	Connections connection.Connections
	Grants      grant.Grants
	Links       upstream.Links
	Upstreams   *upstream.Registry
	Registry    *relyingparty.Registry
	Table       policy.Table
	Outbox      *notify.Outbox
	Audit       *audit.Log
	Limiter     *ratelimit.Limiter

	// Close ends an account and erases it everywhere, in the caller's transaction
	// (lifecycle.Lifecycle.Close).
	Close func(tx *db.Tx, a id.Account, by notice.RemovedBy) error
}

// AsideFor is how long a session may be set aside. Whoever comes to a shared computer
// later finds nobody there.
const AsideFor = 10 * time.Minute

// errNobody is the answer to somebody who is not signed in.
func errNobody() error { return fault.New(fault.Denied, "error.session.none") }

// errReauthenticate is the answer to proofs older than the deployment's window, or fewer
// than the account can give.
func errReauthenticate() error { return fault.New(fault.Denied, "error.reauthenticate") }

// side is one of two accounts, with the session that proves it.
type side struct {
	owner account.Account
	live  session.Session
	list  []authenticator.Authenticator
}

// side reads the account of a session; false for nobody.
func (j *Journey) side(tx *db.Tx, token string) (side, bool, error) {
	live, err := j.Sessions.FindLive(tx, token)
	if err != nil || live.ID == "" {
		return side{}, false, err
	}
	owner, found, err := j.Accounts.ByID(tx, live.Account)
	if err != nil || !found || !owner.Held() || owner.Status == account.Closing {
		return side{}, false, err
	}
	list, err := authenticator.List(tx, owner.ID)
	return side{owner: owner, live: live, list: list}, err == nil, err
}

// fresh reports whether the account's best proofs were given within the window.
func (j *Journey) fresh(s side, now time.Time) bool {
	return j.Table.Next(j.Table.Sensitive(authenticator.Methods(s.list)), s.live.Facts, now).Step == policy.StepNone
}

// active is the person who is signed in, with fresh proofs; fault Denied otherwise.
func (j *Journey) active(tx *db.Tx, token string) (side, error) {
	s, found, err := j.side(tx, token)
	switch {
	case err != nil:
		return side{}, err
	case !found || s.owner.Status != account.Active:
		return side{}, errNobody()
	case !j.fresh(s, tx.Now()):
		return side{}, errReauthenticate()
	}
	return s, nil
}

// aside is the side of a session that was set aside; false for nobody's, and for one that
// waits for longer than AsideFor: Begin noted its last use, and nothing uses it since.
func (j *Journey) aside(tx *db.Tx, held string) (side, bool, error) {
	s, found, err := j.side(tx, held)
	if err != nil || !found || tx.Now().Sub(s.live.TouchedAt) > AsideFor {
		return side{}, false, err
	}
	return s, true, nil
}

// Aside is the main address, masked, of the account whose session is set aside in a
// browser; "" when there is none that counts.
func (j *Journey) Aside(ctx context.Context, held string) (string, error) {
	if held == "" {
		return "", nil
	}
	var out string
	err := j.DB.Read(ctx, func(tx *db.Tx) error {
		out = ""
		s, found, err := j.aside(tx, held)
		if err != nil || !found {
			return err
		}
		out, err = j.masked(tx, s.owner.ID)
		return err
	})
	if err != nil {
		return "", fmt.Errorf("merging: aside: %w", err)
	}
	return out, nil
}

// Begin sets the session of the person who is signed in aside, to merge another account
// into theirs: it notes the time, and the caller moves the cookie. Fault Denied when nobody is signed in or the proofs are not fresh, Conflict
// while another merging with the account can still be undone.
func (j *Journey) Begin(ctx context.Context, v flow.Visitor) error {
	if err := j.Limiter.Allow(ctx, ratelimit.FlowIP, v.IP); err != nil {
		return err
	}
	err := j.DB.Write(ctx, func(tx *db.Tx) error {
		s, err := j.active(tx, v.Session)
		if err != nil {
			return err
		}
		if err := j.free(tx, s.owner.ID); err != nil {
			return err
		}
		alive, err := j.Sessions.Touch(tx, s.live.ID)
		if err == nil && !alive {
			err = errNobody()
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("merging: begin: %w", err)
	}
	return nil
}

// free refuses an account with a merging that has not ended.
func (j *Journey) free(tx *db.Tx, a id.Account) error {
	_, busy, err := j.Merges.Pending(tx, a)
	if err == nil && busy {
		err = fault.New(fault.Conflict, "error.merge.pending")
	}
	return err
}

// event is an audit event of a merging, on one of its accounts.
func event(name audit.Name, v flow.Visitor, s id.Session, a id.Account, m account.Merge) audit.Event {
	other := m.Second
	if a == m.Second {
		other = m.Survivor
	}
	return audit.Event{
		Name: name, Account: a, Session: s, Outcome: audit.Success, Personal: v.Personal(""),
		Data: map[string]string{"merge": string(m.ID), "other": string(other)},
	}
}

// both records an event on both accounts of a merging.
func (j *Journey) both(tx *db.Tx, name audit.Name, v flow.Visitor, s id.Session, m account.Merge) error {
	for _, a := range []id.Account{m.Survivor, m.Second} {
		if err := j.Audit.Record(tx, event(name, v, s, a, m)); err != nil {
			return err
		}
	}
	return nil
}

// mail tells the owner of an account, who may have no address any more.
func (j *Journey) mail(tx *db.Tx, a id.Account, data notice.Data) error {
	owner, found, err := j.Accounts.ByID(tx, a)
	if err != nil || !found {
		return err
	}
	to, found, err := j.Accounts.Main(tx, a)
	if err != nil || !found {
		return err
	}
	return j.Outbox.Queue(tx, notify.Message{To: to.Address.Written, Locale: owner.Locale, Account: a, Data: data})
}

// masked is the main address of an account as the owner of the other one is shown it.
func (j *Journey) masked(tx *db.Tx, a id.Account) (string, error) {
	to, found, err := j.Accounts.Main(tx, a)
	if err != nil || !found {
		return "", err
	}
	return to.Address.Masked(), nil
}

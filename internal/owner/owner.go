// Package owner is the person who is signed in, as the pages of an account need them.
//
// Every journey that changes an account outside a sign-in asks the same: whose session
// is it, does the account still stand, and are the proofs new enough to change it. The
// answers are here, with what such a change always needs: a letter to the owner, the
// record of who did it, and the end of the other sessions and of the remembered
// browsers that a change may have put into doubt.
//
// It stands between the domains and the journeys, and takes the journey's transaction.
// It refuses nobody's session, that of an account which no longer stands, and proofs
// older than the deployment's window.
package owner

import (
	"strconv"
	"time"

	"parvis/internal/account"
	"parvis/internal/audit"
	"parvis/internal/authenticator"
	"parvis/internal/db"
	"parvis/internal/fault"
	"parvis/internal/flow"
	"parvis/internal/grant"
	"parvis/internal/id"
	"parvis/internal/notify"
	"parvis/internal/notify/notice"
	"parvis/internal/policy"
	"parvis/internal/ratelimit"
	"parvis/internal/session"
)

// Owner is a person who is signed in to their active account.
type Owner struct {
	ID      id.Account
	Locale  string // language of the account's pages and mails
	Session session.Session
}

// Owners finds them. All fields are needed.
type Owners struct {
	Accounts account.Accounts
	Sessions session.Sessions
	Grants   grant.Grants
	Table    policy.Table
	Outbox   *notify.Outbox
	Audit    *audit.Log
	Limiter  *ratelimit.Limiter
}

// Nobody is the answer to somebody who is not signed in: fault Denied.
func Nobody() error { return fault.New(fault.Denied, "error.session.none") }

// Reauthenticate is the answer to proofs that are older than the deployment's window, or
// fewer than the account can give: fault Denied.
func Reauthenticate() error { return fault.New(fault.Denied, "error.reauthenticate") }

// SignedIn is the person who is signed in in a browser. Nobody's session, and that of an
// account that was merged or closed meanwhile, is Nobody.
func (o Owners) SignedIn(tx *db.Tx, v flow.Visitor) (Owner, error) {
	live, err := o.Sessions.FindLive(tx, v.Session)
	if err != nil {
		return Owner{}, err
	}
	if live.ID == "" {
		return Owner{}, Nobody()
	}
	a, found, err := o.Accounts.ByID(tx, live.Account)
	if err != nil {
		return Owner{}, err
	}
	if !found || a.Status != account.Active {
		return Owner{}, Nobody()
	}
	return Owner{ID: a.ID, Locale: a.Locale, Session: live}, nil
}

// Fresh is SignedIn for a change of the account: Reauthenticate when the best proofs
// that the account can give were not all given within the deployment's window.
func (o Owners) Fresh(tx *db.Tx, v flow.Visitor) (Owner, error) {
	who, err := o.SignedIn(tx, v)
	if err != nil {
		return Owner{}, err
	}
	list, err := authenticator.List(tx, who.ID)
	if err != nil {
		return Owner{}, err
	}
	if !o.IsFresh(who.Session, list, tx.Now()) {
		return Owner{}, Reauthenticate()
	}
	return who, nil
}

// IsFresh reports whether a session holds the best proofs that an account with these
// methods can give, each within the deployment's window.
func (o Owners) IsFresh(live session.Session, has []authenticator.Authenticator, now time.Time) bool {
	return o.Table.Next(o.Table.Sensitive(authenticator.Methods(has)), live.Facts, now).Step == policy.StepNone
}

// Tell mails the owner of an account at its main address, in the account's language. Of
// one kind there are no more in a while than ratelimit.NoticeAccount says, so that who is
// signed in cannot fill the owner's mailbox; the first of a kind is always sent.
func (o Owners) Tell(tx *db.Tx, who Owner, data notice.Data) error {
	d, err := o.Limiter.TakeIn(tx, ratelimit.NoticeAccount, noticeKey(who, data))
	if err != nil || !d.Allowed {
		return err
	}
	to, err := o.Accounts.Mailbox(tx, who.ID)
	if err != nil {
		return err
	}
	return o.Outbox.Queue(tx, notify.Message{To: to.Written, Locale: who.Locale, Account: who.ID, Data: data})
}

// TellOnce is Tell of what says nothing that the owner was not told already, unless that
// was longer ago than the window of ratelimit.NoticeAccount.
func (o Owners) TellOnce(tx *db.Tx, who Owner, data notice.Data) error {
	n, err := o.Limiter.CountedIn(tx, ratelimit.NoticeAccount, noticeKey(who, data))
	if err != nil || n > 0 {
		return err
	}
	return o.Tell(tx, who, data)
}

func noticeKey(who Owner, data notice.Data) string { return string(who.ID) + "|" + string(data.Kind()) }

// Event is what is recorded of something that the owner did, outside a flow.
func Event(name audit.Name, v flow.Visitor, who Owner) audit.Event {
	return audit.Event{Name: name, Account: who.ID, Session: who.Session.ID, Outcome: audit.Success, Personal: v.Personal("")}
}

// EndOthers ends the other live sessions of the account for which a test holds, with what
// services were given in them, and records each with the reason why; it tells how many there were.
func (o Owners) EndOthers(tx *db.Tx, v flow.Visitor, who Owner, why string, test func(session.Session) bool) (int, error) {
	all, err := o.Sessions.List(tx, who.ID)
	if err != nil {
		return 0, err
	}
	n := 0
	for _, s := range all {
		if s.ID == who.Session.ID || !test(s) {
			continue
		}
		if _, err := o.Sessions.End(tx, s.ID, session.Revoked); err != nil {
			return n, err
		}
		if err := o.Grants.EndSession(tx, s.ID, s.Lineage); err != nil { // what services were given in it, too
			return n, err
		}
		e := Event(audit.SessionEnded, v, Owner{ID: who.ID, Session: s})
		e.Reason = why
		if err := o.Audit.Record(tx, e); err != nil {
			return n, err
		}
		n++
	}
	return n, nil
}

// EndProven ends what services were given by a proof of methods, named by their values of
// amr, in sessions that are no longer open: a session ends by itself before what lets a
// service go on does.
func (o Owners) EndProven(tx *db.Tx, who Owner, amr ...string) error {
	open, err := o.Sessions.List(tx, who.ID)
	if err != nil {
		return err
	}
	except := make([]id.Session, len(open))
	for i, s := range open {
		except[i] = s.ID
	}
	return o.Grants.EndProven(tx, who.ID, except, amr...)
}

// ForgetBrowsers forgets every remembered browser of the account, and records it with the
// reason why.
func (o Owners) ForgetBrowsers(tx *db.Tx, v flow.Visitor, who Owner, why string) error {
	n, err := o.Sessions.ForgetAll(tx, who.ID)
	if err != nil || n == 0 {
		return err
	}
	e := Event(audit.BrowserForgotten, v, who)
	e.Reason, e.Data = why, map[string]string{"browsers": strconv.FormatInt(n, 10)}
	return o.Audit.Record(tx, e)
}

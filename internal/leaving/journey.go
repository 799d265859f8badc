package leaving

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"parvis/internal/account"
	"parvis/internal/assist"
	"parvis/internal/audit"
	"parvis/internal/authenticator/backupcode"
	"parvis/internal/authenticator/phone"
	"parvis/internal/connection"
	"parvis/internal/db"
	"parvis/internal/fault"
	"parvis/internal/flow"
	"parvis/internal/grant"
	"parvis/internal/i18n"
	"parvis/internal/id"
	"parvis/internal/notify"
	"parvis/internal/notify/notice"
	"parvis/internal/owner"
	"parvis/internal/ratelimit"
	"parvis/internal/relyingparty"
	"parvis/internal/session"
	"parvis/internal/upstream"
)

// Journey ends accounts at their owners' wish. All fields are needed. Safe for concurrent use.
type Journey struct {
	DB          *db.DB
	Owners      owner.Owners
	Closures    account.Closures
	Merges      account.Merges
	Connections connection.Connections
	Grants      grant.Grants
	Links       upstream.Links
	Phones      phone.Phones
	BackupCodes backupcode.Codes
	Requests    assist.Requests
	Upstreams   *upstream.Registry
	Registry    *relyingparty.Registry
	Limiter     *ratelimit.Limiter
	Settings    Settings

	// Close ends an account and erases it everywhere, in the caller's transaction
	// (lifecycle.Lifecycle.Close).
	Close func(tx *db.Tx, a id.Account, by notice.RemovedBy) error
}

// Plan is what deleting an account means, for its owner.
type Plan struct {
	Addresses []string      // as written
	Partners  []i18n.Text   // sign-in partners
	Services  []i18n.Text   // connected services
	Merged    string        // masked address of an account merged into this one that can still be undone; "" for none
	Wait      time.Duration // until then; longer than Settings.Wait while something can be undone for longer
	Until     time.Time     // when it is erased, if it is asked for now
}

// Plan says what deleting the account of the person who is signed in means. It changes
// nothing. Fault Denied when nobody is signed in.
func (j *Journey) Plan(ctx context.Context, v flow.Visitor) (Plan, error) {
	named, err := j.names(ctx)
	if err != nil {
		return Plan{}, fmt.Errorf("leaving: plan: %w", err)
	}
	var out Plan
	err = j.DB.Read(ctx, func(tx *db.Tx) error {
		who, err := j.Owners.SignedIn(tx, v)
		if err != nil {
			return err
		}
		open, err := j.open(tx, who.ID)
		if err != nil {
			return err
		}
		out = Plan{Wait: open.wait, Until: tx.Now().Add(open.wait)}
		addresses, err := j.Owners.Accounts.Addresses(tx, who.ID)
		if err != nil {
			return err
		}
		for _, a := range addresses {
			out.Addresses = append(out.Addresses, a.Address.Written)
		}
		if out.Partners, err = j.partners(tx, who.ID, named); err != nil {
			return err
		}
		if out.Services, err = j.services(tx, who.ID, named); err != nil {
			return err
		}
		if open.merge.ID == "" {
			return nil
		}
		other, found, err := j.Owners.Accounts.Main(tx, open.merge.Second)
		if found {
			out.Merged = other.Address.Masked()
		}
		return err
	})
	if err != nil {
		return Plan{}, fmt.Errorf("leaving: plan: %w", err)
	}
	return out, nil
}

// partners are the names of the sign-in partners of an account.
func (j *Journey) partners(tx *db.Tx, a id.Account, named names) (out []i18n.Text, err error) {
	links, err := j.Links.List(tx, a)
	for _, l := range links {
		if name := named.partner(l.Issuer); name != nil {
			out = append(out, name)
		}
	}
	return out, err
}

// services are the names of the services that an account is connected to.
func (j *Journey) services(tx *db.Tx, a id.Account, named names) (out []i18n.Text, err error) {
	list, err := j.Connections.List(tx, a)
	for _, c := range list {
		if name := named.service(c.RelyingParty); name != nil {
			out = append(out, name)
		}
	}
	return out, err
}

// Ask closes the account of the person who is signed in and begins the time after which it
// is erased. It gives the secret of the link that keeps it. Fault Denied when nobody is
// signed in or the proofs are not fresh, Conflict when it was asked for already. Of racers
// one asks.
func (j *Journey) Ask(ctx context.Context, v flow.Visitor) (string, error) {
	who, err := j.fresh(ctx, v)
	if err != nil {
		return "", fmt.Errorf("leaving: ask: %w", err)
	}
	if err := j.Limiter.Allow(ctx, ratelimit.SendAccount, string(who.ID)); err != nil {
		return "", err
	}
	d := account.NewClosure()
	err = j.DB.Write(ctx, func(tx *db.Tx) error {
		who, err := j.Owners.Fresh(tx, v)
		if err != nil {
			return err
		}
		open, err := j.open(tx, who.ID)
		if err != nil {
			return err
		}
		if _, err := j.Closures.Begin(tx, d, who.ID, open.wait); err != nil {
			return err
		}
		if err := j.shut(tx, v, who); err != nil {
			return err
		}
		if err := j.Owners.Audit.Record(tx, owner.Event(audit.AccountClosing, v, who)); err != nil {
			return err
		}
		asked := notice.AskedBy(v.UserAgent, tx.Now())
		return j.tellClosing(tx, who, open, notice.AccountClosing{Token: d.Token, Valid: open.wait, Asked: asked})
	})
	if err != nil {
		return "", fmt.Errorf("leaving: ask: %w", err)
	}
	return d.Token, nil
}

// shut ends every session of the account and everything that services were given for it.
func (j *Journey) shut(tx *db.Tx, v flow.Visitor, who owner.Owner) error {
	if err := j.Grants.EndAccount(tx, who.ID); err != nil {
		return err
	}
	n, err := j.Owners.Sessions.EndAll(tx, who.ID, "", session.Revoked)
	if err != nil {
		return err
	}
	e := owner.Event(audit.SessionEnded, v, who)
	e.Reason, e.Data = "closing", map[string]string{"sessions": strconv.FormatInt(n, 10)}
	return j.Owners.Audit.Record(tx, e)
}

// tell mails every proven address of an account.
func (j *Journey) tell(tx *db.Tx, a id.Account, locale string, data notice.Data) error {
	all, err := j.Owners.Accounts.Addresses(tx, a)
	if err != nil {
		return err
	}
	for _, one := range all {
		if one.ProvenAt.IsZero() {
			continue
		}
		err := j.Owners.Outbox.Queue(tx, notify.Message{To: one.Address.Written, Locale: locale, Account: a, Data: data})
		if err != nil {
			return err
		}
	}
	return nil
}

// Closure is the closure of an account as its owner sees it.
type Closure struct {
	Status  Status
	Address string // main address of the account; of Own only
	At      time.Time
	Until   time.Time // when it is erased, or was
}

// Status says what became of a closure.
type Status string

// The statuses.
const (
	None     Status = ""         // there is no such closure, or it ended long ago
	Open     Status = "open"     // the account can be kept
	Kept     Status = "undone"   // it was kept
	Finished Status = "finished" // its time is over
)

func closureOf(c account.Closure, now time.Time) Closure {
	out := Closure{Status: Open, At: c.At, Until: c.EndsAt}
	switch {
	case c.Outcome == account.Undone:
		out.Status = Kept
	case c.Outcome == account.Finished:
		out.Status, out.Until = Finished, c.EndedAt
	case !now.Before(c.EndsAt):
		out.Status = Finished
	}
	return out
}

// Link is what a mailed link says of a closure. It changes nothing.
func (j *Journey) Link(ctx context.Context, v flow.Visitor, token string) (Closure, error) {
	if err := j.Limiter.Allow(ctx, ratelimit.LinkIP, v.IP); err != nil {
		return Closure{}, err
	}
	var out Closure
	err := j.DB.Read(ctx, func(tx *db.Tx) error {
		out = Closure{}
		c, found, err := j.Closures.ByToken(tx, token)
		if err == nil && found {
			out = closureOf(c, tx.Now())
		}
		return err
	})
	if err != nil {
		return Closure{}, fmt.Errorf("leaving: link: %w", err)
	}
	return out, nil
}

// KeepByLink keeps an account by the link of a mail, without a sign-in; it gives no
// session. False when the link ended, or its time is over. Of racers one keeps.
func (j *Journey) KeepByLink(ctx context.Context, v flow.Visitor, token string) (bool, error) {
	if err := j.Limiter.Allow(ctx, ratelimit.LinkIP, v.IP); err != nil {
		return false, err
	}
	kept := false
	err := j.DB.Write(ctx, func(tx *db.Tx) error {
		kept = false
		c, found, err := j.Closures.ByToken(tx, token)
		if err != nil || !found {
			return err
		}
		kept, err = j.keep(tx, v, c, "")
		return err
	})
	if err != nil {
		return false, fmt.Errorf("leaving: keep: %w", err)
	}
	return kept, nil
}

// Own is the closure of the account whose owner has signed in to it in a browser. Fault
// Denied when nobody has.
func (j *Journey) Own(ctx context.Context, v flow.Visitor) (Closure, error) {
	var out Closure
	err := j.DB.Read(ctx, func(tx *db.Tx) error {
		c, _, err := j.own(tx, v)
		if err != nil {
			return err
		}
		out = closureOf(c, tx.Now())
		main, found, err := j.Owners.Accounts.Main(tx, c.Account)
		if found {
			out.Address = main.Address.Written
		}
		return err
	})
	if err != nil {
		return Closure{}, fmt.Errorf("leaving: %w", err)
	}
	return out, nil
}

// own finds the closure of the account of a live session.
func (j *Journey) own(tx *db.Tx, v flow.Visitor) (account.Closure, session.Session, error) {
	live, err := j.Owners.Sessions.FindLive(tx, v.Session)
	if err != nil {
		return account.Closure{}, session.Session{}, err
	}
	if live.ID == "" {
		return account.Closure{}, session.Session{}, owner.Nobody()
	}
	c, found, err := j.Closures.Pending(tx, live.Account)
	if err == nil && !found {
		err = owner.Nobody()
	}
	return c, live, err
}

// Keep keeps the account whose owner has signed in to it in a browser. Fault Denied when
// nobody has, Conflict when the time is over.
func (j *Journey) Keep(ctx context.Context, v flow.Visitor) error {
	err := j.DB.Write(ctx, func(tx *db.Tx) error {
		c, live, err := j.own(tx, v)
		if err != nil {
			return err
		}
		kept, err := j.keep(tx, v, c, live.ID)
		if err == nil && !kept {
			err = fault.New(fault.Conflict, "error.closing.over")
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("leaving: keep: %w", err)
	}
	return nil
}

// keep ends a closure, records who did it and tells every address; by is the session of
// who signed in, "" for a link.
func (j *Journey) keep(tx *db.Tx, v flow.Visitor, c account.Closure, by id.Session) (bool, error) {
	kept, err := j.Closures.Keep(tx, c)
	if err != nil || !kept {
		return false, err
	}
	if err := j.Owners.Accounts.Used(tx, c.Account); err != nil {
		return false, err
	}
	e := audit.Event{Name: audit.AccountKept, Account: c.Account, Session: by, Outcome: audit.Success, Reason: "signed in", Personal: v.Personal("")}
	if by == "" {
		e.Reason = "link"
	}
	if err := j.Owners.Audit.Record(tx, e); err != nil {
		return false, err
	}
	a, _, err := j.Owners.Accounts.ByID(tx, c.Account)
	if err != nil {
		return false, err
	}
	return true, j.tell(tx, a.ID, a.Locale, notice.AccountKept{ByLink: by == "", Asked: notice.AskedBy(v.UserAgent, tx.Now())})
}

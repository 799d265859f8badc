package activity

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"parvis/internal/account"
	"parvis/internal/audit"
	"parvis/internal/db"
	"parvis/internal/flow"
	"parvis/internal/i18n"
	"parvis/internal/id"
	"parvis/internal/job"
	"parvis/internal/notify"
	"parvis/internal/notify/notice"
	"parvis/internal/owner"
	"parvis/internal/ratelimit"
	"parvis/internal/secret"
	"parvis/internal/session"
)

// Jobs are the periodic works of this package.
func (j *Journey) Jobs() []job.Job {
	return []job.Job{{Name: "activity.tell", Every: 15 * time.Second, Run: j.TellNew}}
}

// batch is how many owners one round of TellNew tells at most.
const batch = 100

// TellNew tells owners about sign-ins with devices that their accounts were not seen with,
// those of a few minutes in one message, each once, on whatever node. What cannot be told
// does not keep the others.
func (j *Journey) TellNew(ctx context.Context) error {
	var due []id.Account
	err := j.DB.Read(ctx, func(tx *db.Tx) (err error) {
		due, err = j.Owners.Sessions.DueNew(tx, batch)
		return err
	})
	if err != nil {
		return fmt.Errorf("activity: tell: %w", err)
	}
	if len(due) == 0 {
		return nil
	}
	services, err := j.services(ctx)
	if err != nil {
		return fmt.Errorf("activity: tell: %w", err)
	}
	var failed error
	for _, a := range due {
		token := secret.NewToken()
		failed = errors.Join(failed, j.DB.Write(ctx, func(tx *db.Tx) error { return j.tellNew(tx, services, a, token) }))
	}
	if failed != nil {
		return fmt.Errorf("activity: tell: %w", failed)
	}
	return nil
}

// services are the services as mails name them.
func (j *Journey) services(ctx context.Context) (map[id.RelyingParty]notice.Service, error) {
	all, err := j.Registry.List(ctx)
	if err != nil {
		return nil, err
	}
	out := make(map[id.RelyingParty]notice.Service, len(all))
	for _, rp := range all {
		out[rp.ID] = rp.InMail()
	}
	return out, nil
}

func (j *Journey) tellNew(tx *db.Tx, services map[id.RelyingParty]notice.Service, a id.Account, token string) error {
	notes, err := j.Owners.Sessions.TakeNew(tx, a)
	if err != nil || len(notes) == 0 {
		return err // another node was faster
	}
	who, found, err := j.Owners.Accounts.ByID(tx, a)
	if err != nil || !found || who.Status != account.Active {
		return err
	}
	if err := j.Owners.Sessions.IssueAlarm(tx, a, token); err != nil {
		return err
	}
	places, err := j.placesAt(tx, a, i18n.Lang(who.Locale))
	if err != nil {
		return err
	}
	var all []notice.SignIn
	for _, n := range notes {
		asked := notice.Asked{At: n.At, Device: notice.Device{Browser: n.Browser, System: n.System}, Place: places[n.At.UnixMilli()]}
		all = append(all, notice.SignIn{Service: services[n.Service], Asked: asked})
	}
	to, err := j.toldOf(tx, a, notes[0].At)
	if err != nil {
		return err
	}
	data := notice.NewSignIn{
		Service: all[0].Service, Asked: all[0].Asked, Others: all[1:], Token: token, Valid: j.Owners.Sessions.Settings.NewDeviceLink, Sent: tx.Now(),
	}
	for _, addr := range to {
		if err := j.Owners.Outbox.Queue(tx, notify.Message{To: addr.Written, Locale: who.Locale, Account: a, Data: data}); err != nil {
			return err
		}
	}
	return nil
}

// toldOf are the addresses that are told of a sign-in: the main one. Where another one was
// made the main one, or one was removed, since then, whoever signed in may have done it:
// then all that the account has, and those that left.
func (j *Journey) toldOf(tx *db.Tx, a id.Account, since time.Time) ([]account.Addr, error) {
	main, err := j.Owners.Accounts.Mailbox(tx, a)
	if err != nil {
		return nil, err
	}
	to := []account.Addr{main}
	changes, err := j.Owners.Audit.Before(tx, a, []audit.Name{audit.AddressMain, audit.AddressRemoved}, "", 1)
	if err != nil || len(changes) == 0 || changes[0].At.Before(since) {
		return to, err
	}
	all, err := j.Owners.Accounts.Addresses(tx, a)
	if err != nil {
		return nil, err
	}
	left, err := j.Owners.Accounts.Left(tx, a, since)
	if err != nil {
		return nil, err
	}
	for _, e := range all {
		left = append(left, e.Address)
	}
	for _, addr := range left {
		if !slices.ContainsFunc(to, func(b account.Addr) bool { return b.Key == addr.Key }) {
			to = append(to, addr)
		}
	}
	return to, nil
}

// Standing says what an alarm's link is worth.
type Standing string

// The standings.
const (
	Unknown Standing = "unknown" // there is no such link, or it is long gone
	Live    Standing = "live"    // it can be used
	Used    Standing = "used"    // it was used
	Expired Standing = "expired" // it is too old
)

// Alarm is the link of a message about sign-ins, as its page shows it.
type Alarm struct {
	Standing Standing
	Address  string // main address of the account, masked; of a live one
	Lasts    time.Duration
}

// Alarm looks at a link and uses nothing up: mail scanners open links, too. Fault Throttled.
func (j *Journey) Alarm(ctx context.Context, v flow.Visitor, token string) (Alarm, error) {
	if err := j.Limiter.Allow(ctx, ratelimit.LinkIP, v.IP); err != nil {
		return Alarm{}, err
	}
	var out Alarm
	err := j.DB.Read(ctx, func(tx *db.Tx) error {
		out = Alarm{Standing: Unknown, Lasts: j.Owners.Sessions.Settings.NewDeviceLink}
		found, err := j.Owners.Sessions.FindAlarm(tx, token)
		if err != nil || found.Account == "" {
			return err
		}
		switch {
		case found.Used:
			out.Standing = Used
		case !found.Live(tx.Now()):
			out.Standing = Expired
		default:
			out.Standing = Live
			to, err := j.Owners.Accounts.Mailbox(tx, found.Account)
			out.Address = to.Masked()
			return err
		}
		return nil
	})
	if err != nil {
		return Alarm{}, fmt.Errorf("activity: alarm: %w", err)
	}
	return out, nil
}

// SecureByMail does what somebody can do for an account who holds nothing but its mail:
// it ends every session, whatever services were given, and makes every browser unknown
// again. It signs nobody in, changes no password and no method, and locks no way in: the
// owner signs in again as before. False when the link could not be used (any more). Fault
// Throttled.
func (j *Journey) SecureByMail(ctx context.Context, v flow.Visitor, token string) (bool, error) {
	if err := j.Limiter.Allow(ctx, ratelimit.LinkIP, v.IP); err != nil {
		return false, err
	}
	done := false
	err := j.DB.Write(ctx, func(tx *db.Tx) error {
		done = false
		a, won, err := j.Owners.Sessions.UseAlarm(tx, token)
		if err != nil || !won {
			return err
		}
		who, found, err := j.Owners.Accounts.ByID(tx, a)
		if err != nil || !found || who.Status != account.Active {
			return err
		}
		done = true
		return j.secure(tx, v, owner.Owner{ID: a, Locale: who.Locale}, "mail")
	})
	if err != nil {
		return false, fmt.Errorf("activity: secure by mail: %w", err)
	}
	return done, nil
}

// Secure begins to secure the account of who is signed in: every other session ends, with
// what services were given in them, and every browser is unknown again. It asks for no
// fresh proof (see the package). Fault Denied when nobody is signed in.
func (j *Journey) Secure(ctx context.Context, v flow.Visitor) error {
	err := j.DB.Write(ctx, func(tx *db.Tx) error {
		own, err := j.Owners.SignedIn(tx, v)
		if err != nil {
			return err
		}
		return j.secure(tx, v, own, "signed in")
	})
	if err != nil {
		return fmt.Errorf("activity: secure: %w", err)
	}
	return nil
}

// secure ends everything of an account but the session of its owner, if they have one.
func (j *Journey) secure(tx *db.Tx, v flow.Visitor, own owner.Owner, how string) error {
	n, err := j.Owners.Sessions.EndAll(tx, own.ID, own.Session.ID, session.Revoked)
	if err != nil {
		return err
	}
	if err := j.Grants.EndOthers(tx, own.ID, own.Session.ID); err != nil {
		return err
	}
	if err := j.Owners.Sessions.ForgetDevices(tx, own.ID); err != nil {
		return err
	}
	e := owner.Event(audit.AccountSecuring, v, own)
	e.Reason, e.Data = how, map[string]string{"sessions": strconv.FormatInt(n, 10)}
	if err := j.Owners.Audit.Record(tx, e); err != nil {
		return err
	}
	return j.tellSignedOut(tx, v, own, n, own.Session.ID == "")
}

// Secured notes that the owner went through everything that could have been changed.
// Fault Denied when nobody is signed in.
func (j *Journey) Secured(ctx context.Context, v flow.Visitor) error {
	err := j.DB.Write(ctx, func(tx *db.Tx) error {
		own, err := j.Owners.SignedIn(tx, v)
		if err != nil {
			return err
		}
		return j.Owners.Audit.Record(tx, owner.Event(audit.AccountSecured, v, own))
	})
	if err != nil {
		return fmt.Errorf("activity: secured: %w", err)
	}
	return nil
}

// securingFor is how long what was done counts to one securing of an account.
const securingFor = 24 * time.Hour

// Done is what was changed of the account of who is signed in since they began to secure
// it, the oldest first; nothing when they did not within a day. Fault Denied when nobody
// is signed in.
func (j *Journey) Done(ctx context.Context, v flow.Visitor) ([]Entry, error) {
	var out []Entry
	err := j.DB.Read(ctx, func(tx *db.Tx) error {
		out = nil
		own, err := j.Owners.SignedIn(tx, v)
		if err != nil {
			return err
		}
		list, err := j.Owners.Audit.Before(tx, own.ID, changes(), "", 100)
		if err != nil {
			return err
		}
		i := slices.IndexFunc(list, func(e audit.Event) bool { return e.Name == audit.AccountSecuring })
		if i < 0 || tx.Now().Sub(list[i].At) > securingFor {
			return nil
		}
		since := list[:i+1]
		slices.Reverse(since)
		out, err = j.entries(tx, own.ID, own.Session.ID, i18n.Lang(v.Locale), since)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("activity: done: %w", err)
	}
	return out, nil
}

// changes are the names of the events that change an account.
func changes() []audit.Name {
	var out []audit.Name
	for name, sort := range Sorts() {
		if sort == Change {
			out = append(out, name)
		}
	}
	return out
}

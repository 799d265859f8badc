package signin

import (
	"context"
	"encoding/hex"
	"fmt"
	"strings"

	"parvis/internal/account"
	"parvis/internal/audit"
	"parvis/internal/authenticator"
	"parvis/internal/authenticator/password"
	"parvis/internal/db"
	"parvis/internal/flow"
	"parvis/internal/id"
	"parvis/internal/notify"
	"parvis/internal/notify/notice"
	"parvis/internal/policy"
	"parvis/internal/ratelimit"
	"parvis/internal/relyingparty"
	"parvis/internal/session"
)

// attempt is one try at a password: what was read before the comparison. Every
// field is filled for known and unknown addresses alike.
type attempt struct {
	address  account.Addr
	account  account.Account // zero when nobody has the address
	password password.Stored // zero when there is no password to compare with
	leaked   bool            // the right password is known from a leak
	device   []byte          // digest of a browser known to the account, nil for others
	service  *relyingparty.RelyingParty
}

// can reports whether a right password would sign somebody in.
func (a attempt) can() bool { return a.account.Held() && a.password.Verifier != "" }

// owned is the address for the audit: what was typed is kept only when it is the
// address of an account that somebody holds. Anything else is nobody's business, and an
// account that is removed unactivated leaves no address behind.
func (a attempt) owned() string {
	if !a.account.Held() {
		return ""
	}
	return a.address.Written
}

// Password tries to sign in with a password. The limits act first, the failure
// is counted before the comparison (exactly Settings.MaxFailures of any number of
// guesses at once are compared, at all addresses of an account together), the hash runs outside the transactions, and
// every path does the same work whether or not the address has an account. The
// browser gets a new session; an older one of this browser is dead.
func (j *Journey) Password(ctx context.Context, v flow.Visitor, fid id.Flow, form PasswordForm) (Result, error) {
	a, err := j.prepare(ctx, v, fid, form.Address)
	if err != nil {
		return Result{}, err
	}
	if err := j.limits(ctx, v, a); err != nil {
		return Result{}, err
	}
	key := j.Attempts.Key(a.address, a.device).Of(a.account.ID)
	var counted account.Attempt
	err = j.DB.WriteStatement(ctx, func(tx *db.Tx) error {
		counted, err = j.Attempts.Count(tx, key)
		return err
	})
	if err != nil {
		return Result{}, fmt.Errorf("signin: password: %w", err)
	}
	if !counted.Allowed && !counted.Hidden {
		return j.locked(ctx, v, fid, a, key)
	}
	ok, upgraded, err := j.compare(ctx, a, form.Password, counted.Allowed)
	if err != nil {
		return Result{}, err
	}
	if !ok {
		return j.wrong(ctx, v, fid, a, key)
	}
	a.leaked = j.Leaked(form.Password) // outside of every transaction
	return j.succeed(ctx, v, fid, a, key, upgraded)
}

// prepare reads everything that the comparison needs. While a signed-in person
// has to prove again who they are, the address is theirs and not what was typed.
func (j *Journey) prepare(ctx context.Context, v flow.Visitor, fid id.Flow, typed string) (attempt, error) {
	service, err := j.serviceOf(ctx, v, fid)
	if err != nil {
		return attempt{}, err
	}
	var a attempt
	err = j.DB.Read(ctx, func(tx *db.Tx) error {
		a = attempt{service: service}
		s, err := j.enter(tx, v, fid, service)
		if err != nil {
			return err
		}
		if !Allowed(s.due, StepSignIn) || !s.password() {
			return flow.OutOfTurn()
		}
		if a.address, err = j.addressOf(tx, s, typed); err != nil {
			return err
		}
		if a.account, _, err = j.Accounts.ByAddress(tx, a.address); err != nil {
			return err
		}
		if a.password, _, err = j.Passwords.Get(tx, a.account.ID); err != nil {
			return err
		}
		a.device, err = j.Sessions.Known(tx, v.Device, a.account.ID)
		return err
	})
	if err != nil {
		return attempt{}, fmt.Errorf("signin: password: %w", err)
	}
	return a, nil
}

// addressOf is the address an attempt is about.
func (j *Journey) addressOf(tx *db.Tx, s scene, typed string) (account.Addr, error) {
	if s.reauth() {
		return j.Accounts.Mailbox(tx, s.live.Account)
	}
	return account.ParseAddress(typed)
}

// limits lets the limits act before anything is compared. A browser known to the
// account is counted by itself: what strangers try from elsewhere must not keep
// people out of their own browser. They go by the typed address: that one account has
// two of them shows nowhere.
func (j *Journey) limits(ctx context.Context, v flow.Visitor, a attempt) error {
	for _, l := range append([]ratelimit.Counter{{Rule: ratelimit.SigninIP, Key: v.IP}, {Rule: ratelimit.SigninBrowser, Key: string(v.Browser)}}, a.counters(v)...) {
		if err := j.Limiter.Allow(ctx, l.Rule, l.Key); err != nil {
			return err
		}
	}
	return nil
}

// counters are what attempts at one address are counted by. Who has the right password is given
// back what it cost: these limits are against guesses.
func (a attempt) counters(v flow.Visitor) []ratelimit.Counter {
	key := a.address.Key
	if a.device != nil {
		key += "|" + hex.EncodeToString(a.device)
	}
	here := key + "|" + ratelimit.IPKey(v.IP)
	return []ratelimit.Counter{
		{Rule: ratelimit.SigninBurst, Key: here}, {Rule: ratelimit.SigninAddressIP, Key: here}, {Rule: ratelimit.SigninAddress, Key: key},
	}
}

// compare hashes once, whoever the address belongs to. When the right password
// is kept with older parameters, upgraded is its new verifier. Unless it is allowed nothing
// is compared, and that does not show.
func (j *Journey) compare(ctx context.Context, a attempt, typed string, allowed bool) (ok bool, upgraded string, err error) {
	if !a.can() || !allowed {
		if err := j.Hasher.VerifyDummy(ctx, typed); err != nil {
			return false, "", fmt.Errorf("signin: password: %w", err)
		}
		return false, "", nil
	}
	checked, err := j.Hasher.Verify(ctx, typed, a.password.Verifier)
	if err != nil {
		return false, "", fmt.Errorf("signin: password: %w", err)
	}
	if !checked.OK || !checked.Rehash {
		return checked.OK, "", nil
	}
	upgraded, err = j.Hasher.Hash(ctx, typed)
	if err != nil {
		return false, "", fmt.Errorf("signin: password: %w", err)
	}
	return true, upgraded, nil
}

// locked answers an attempt at a locked address: nothing was compared. When the
// process ended before the owner was told of the lock, this tells it.
func (j *Journey) locked(ctx context.Context, v flow.Visitor, fid id.Flow, a attempt, key account.AttemptKey) (Result, error) {
	err := j.DB.Write(ctx, func(tx *db.Tx) error {
		f, err := j.Flows.Load(tx, fid, v.Browser)
		if err != nil {
			return err
		}
		if err := j.close(tx, f, a); err != nil {
			return err
		}
		event := audit.Event{
			Name: audit.SigninRefused, Account: a.account.ID, RelyingParty: f.RelyingParty, Flow: f.ID,
			Outcome: audit.Refused, Reason: "locked", Personal: v.Personal(a.owned()),
		}
		if err := j.Audit.Record(tx, event); err != nil {
			return err
		}
		untold, err := j.Attempts.Untold(tx, key)
		if err != nil || !untold {
			return err
		}
		event.Reason = ""
		return j.tellLocked(tx, v, a, event)
	})
	if err != nil {
		return Result{}, fmt.Errorf("signin: locked: %w", err)
	}
	return Result{Outcome: Locked}, nil
}

// close turns a flow to the unlock page: the password route of the address is closed.
func (j *Journey) close(tx *db.Tx, f flow.Flow, a attempt) error {
	before := f.State.Progress
	f.State.Progress = before.Restart(flow.TaskUnlock, a.address.Written)
	f.State.Progress.Notice = flow.NoticeLocked
	return j.save(tx, f, before)
}

// wrong notes a failed comparison. The attempt that locks an address tells the
// owner, once; for an address without an owner a mail is made all the same and
// never sent, so that both take as long.
func (j *Journey) wrong(ctx context.Context, v flow.Visitor, fid id.Flow, a attempt, key account.AttemptKey) (Result, error) {
	var out Result
	err := j.DB.Write(ctx, func(tx *db.Tx) error {
		out = Result{Outcome: Wrong}
		f, err := j.Flows.Load(tx, fid, v.Browser)
		if err != nil {
			return err
		}
		justLocked, err := j.Attempts.Failed(tx, key)
		if err != nil {
			return err
		}
		event := audit.Event{
			Name: audit.PasswordFailed, Account: a.account.ID, RelyingParty: f.RelyingParty, Flow: f.ID,
			Outcome: audit.Refused, Personal: v.Personal(a.owned()),
		}
		if err := j.Audit.Record(tx, event); err != nil {
			return err
		}
		if !justLocked {
			before := f.State.Progress
			f.State.Progress = before.Restart(flow.TaskSignIn, a.address.Written)
			return j.save(tx, f, before)
		}
		out.Outcome = Locked
		if err := j.close(tx, f, a); err != nil {
			return err
		}
		return j.tellLocked(tx, v, a, event)
	})
	if err != nil {
		return Result{}, fmt.Errorf("signin: wrong password: %w", err)
	}
	return out, nil
}

// tellLocked records a lock and tells the owner of the address; event says whose
// attempt it was.
func (j *Journey) tellLocked(tx *db.Tx, v flow.Visitor, a attempt, event audit.Event) error {
	event.Name, event.Outcome = audit.PasswordLocked, audit.Success
	if err := j.Audit.Record(tx, event); err != nil {
		return err
	}
	m := notify.Message{
		To: a.address.Written, Locale: v.Locale,
		Data: notice.Locked{Failures: j.Attempts.Settings.MaxFailures, Asked: notice.AskedBy(v.UserAgent, tx.Now())},
	}
	own, found, err := j.Accounts.Main(tx, a.account.ID)
	if err != nil {
		return err
	}
	if !a.account.Held() || !found {
		m.Expires = tx.Now() // made, never sent
		return j.Outbox.Queue(tx, m)
	}
	m.To, m.Account, m.Locale = own.Address.Written, a.account.ID, a.account.Locale
	return j.Outbox.Queue(tx, m)
}

// opened is what a sign-in gives: made before the transaction that stores it.
type opened struct {
	session session.New
	device  session.Device
	given   bool // the browser gets the fresh token of its device
}

func (j *Journey) prepareSession(v flow.Visitor, a attempt) opened {
	return opened{
		session: session.Prepare(a.account.ID, policy.Facts{}),
		device:  session.Device{Token: v.Device, Fresh: session.NewDevice(), Known: a.device},
	}
}

// cookies are what the browser is given by who came in by a door.
func (j *Journey) cookies(o opened, a attempt, door string) flow.Cookies {
	c := flow.Cookies{Session: o.session.Token, DeviceLasts: j.Sessions.Settings.DeviceLifetime, Door: door}
	if a.service != nil {
		c.Service = a.service.ID
	}
	if o.given {
		c.Device = o.device.Fresh
	}
	return c
}

// succeed opens a session, unless the account or its password changed while the
// hash was computed: then the password that was compared is wrong.
func (j *Journey) succeed(ctx context.Context, v flow.Visitor, fid id.Flow, a attempt, key account.AttemptKey, upgraded string) (Result, error) {
	o := j.prepareSession(v, a)
	var stale bool
	err := j.DB.Write(ctx, func(tx *db.Tx) error {
		f, err := j.Flows.Load(tx, fid, v.Browser)
		if err != nil {
			return err
		}
		if stale, err = j.stale(tx, a); err != nil || stale {
			return err
		}
		if err := j.Attempts.Clear(tx, key); err != nil {
			return err
		}
		if err := j.Limiter.GiveBackIn(tx, a.counters(v)...); err != nil {
			return err
		}
		if err := j.tellLeaked(tx, v, f, a); err != nil {
			return err
		}
		if upgraded != "" {
			if _, err := j.Passwords.Replace(tx, a.account.ID, a.password, upgraded); err != nil {
				return err
			}
		}
		if err := authenticator.Used(tx, a.password.Authenticator); err != nil {
			return err
		}
		facts := policy.Facts{}.With(policy.Password, tx.Now(), f.ID)
		if o.given, err = j.openSession(tx, v, f, o, a, facts); err != nil {
			return err
		}
		before := f.State.Progress
		f.State.Progress = before.Restart(flow.TaskSignIn, a.address.Written)
		f.State.Progress.Account, f.State.Progress.Session = a.account.ID, o.session.ID
		return j.save(tx, f, before)
	})
	if err != nil {
		return Result{}, fmt.Errorf("signin: sign in: %w", err)
	}
	if stale {
		return j.wrong(ctx, v, fid, a, key)
	}
	return Result{Outcome: SignedIn, Cookies: j.cookies(o, a, policy.DoorPassword)}, nil
}

// tellLeaked tells the owner, once, that the password with which they sign in is known
// from a leak. The settings say so, too, until another one is chosen.
func (j *Journey) tellLeaked(tx *db.Tx, v flow.Visitor, f flow.Flow, a attempt) error {
	if !a.leaked {
		return nil
	}
	first, err := j.Passwords.Leaked(tx, a.account.ID, a.password)
	if err != nil || !first {
		return err
	}
	if err := j.Audit.Record(tx, f.Event(audit.PasswordLeaked, v, a.account.ID, "")); err != nil {
		return err
	}
	return j.mail(tx, a.account.ID, notice.PasswordLeaked{Asked: notice.AskedBy(v.UserAgent, tx.Now())})
}

// stale reports whether what was compared no longer holds.
func (j *Journey) stale(tx *db.Tx, a attempt) (bool, error) {
	now, found, err := j.Accounts.ByID(tx, a.account.ID)
	if err != nil {
		return false, err
	}
	kept, _, err := j.Passwords.Get(tx, a.account.ID)
	if err != nil {
		return false, err
	}
	return !found || !now.Held() || kept.Verifier != a.password.Verifier, nil
}

// openSession starts the session of a first step that was proven, ends the browser's
// older one, remembers the browser and tells the owner about one not seen before. given
// reports whether the browser gets the fresh token of its device.
func (j *Journey) openSession(tx *db.Tx, v flow.Visitor, f flow.Flow, o opened, a attempt, facts policy.Facts) (given bool, err error) {
	older, err := j.live(tx, v)
	if err != nil {
		return false, err
	}
	n, with := o.session, notice.DeviceOf(v.UserAgent)
	n.Facts, n.Browser, n.System = facts, with.Browser, with.System
	kept, remembered, err := j.Sessions.Remembered(tx, a.device, a.account.ID)
	if err != nil {
		return false, err
	}
	if remembered {
		n.Facts.Remembered = kept.ProvenAt
	}
	if _, err := j.Sessions.Reauthenticate(tx, v.Session, n); err != nil {
		return false, err
	}
	if err := j.Accounts.Used(tx, a.account.ID); err != nil {
		return false, err
	}
	given, known, err := j.Sessions.Remember(tx, o.device, a.account.ID)
	if err != nil {
		return false, err
	}
	event := audit.Event{
		Name: audit.SigninSucceeded, Account: a.account.ID, RelyingParty: f.RelyingParty, Session: n.ID, Flow: f.ID,
		Outcome: audit.Success, Personal: v.Personal(a.address.Written),
		Data: map[string]string{"acr": j.Table.ACR(f.State.Demand, n.Facts), "amr": strings.Join(policy.AMR(n.Facts), " ")},
	}
	if err := j.Audit.Record(tx, event); err != nil {
		return false, err
	}
	event.Name, event.Data = audit.SessionStarted, nil
	if older != nil && older.Account == a.account.ID {
		event.Name, event.Data = audit.SessionReauthenticated, map[string]string{"older": string(older.ID)}
	}
	if err := j.Audit.Record(tx, event); err != nil {
		return false, err
	}
	if known {
		return given, nil
	}
	event.Name, event.Data = audit.DeviceRemembered, nil
	if err := j.Audit.Record(tx, event); err != nil || !j.Settings.NewBrowserMail {
		return given, err
	}
	return given, j.Sessions.NoteNew(tx, session.NewSignIn{Account: a.account.ID, Service: f.RelyingParty, Browser: with.Browser, System: with.System})
}

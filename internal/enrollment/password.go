package enrollment

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

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
	"parvis/internal/proving"
	"parvis/internal/session"
	"parvis/internal/upstream"
)

// choosing reports whether the first password of an account is due in a flow, or the last
// step with a partner in its place.
func choosing(f flow.Flow) bool {
	p := f.State.Progress
	return f.State.Kind == flow.SignIn && !p.Cancelled && p.Creating() && !p.Partner.Waits() && p.Partner.Failure == ""
}

// Password chooses the first password in the browser that gave the proof. It
// activates the account and signs in here. Fault Invalid on "password" for each
// rule it breaks (joined).
func (j *Journey) Password(ctx context.Context, v flow.Visitor, fid id.Flow, typed string) (Result, error) {
	f, err := j.proving().Look(ctx, v, fid)
	if err != nil {
		return Result{}, err
	}
	if !choosing(f) {
		return Result{}, flow.OutOfTurn()
	}
	service, err := j.Registry.Find(ctx, f.RelyingParty)
	if err != nil {
		return Result{}, fmt.Errorf("enrollment: password: %w", err)
	}
	words := slices.Concat(j.Words, account.GuessWords(f.State.Progress.Address), service.Words())
	if err := j.Policy.Refuse(typed, password.Context{Words: words}); err != nil {
		return Result{}, err
	}
	verifier, err := j.Hasher.Hash(ctx, typed)
	if err != nil {
		return Result{}, fmt.Errorf("enrollment: password: %w", err)
	}
	c := chosen{
		visitor: v, service: service.InMail(), verifier: verifier, bound: authenticator.NewID(),
		session: session.Prepare(f.State.Progress.Proven, policy.Facts{}),
		device:  session.Device{Token: v.Device, Fresh: session.NewDevice()},
	}
	out := Result{Result: proving.Result{Flow: fid}}
	err = j.DB.Write(ctx, func(tx *db.Tx) error {
		out.Outcome, err = j.activate(tx, fid, c)
		return err
	})
	if err != nil {
		return Result{}, fmt.Errorf("enrollment: password: %w", err)
	}
	if out.Outcome == Activated {
		out.Cookies = j.cookies(c, f.RelyingParty, policy.DoorPassword)
	}
	return out, nil
}

// Partner creates the account of a proven address with a sign-in partner in the place
// of a password (R44), and signs in here. Fault Conflict when nobody has signed in at
// a partner on this flow, or too long ago (flow.Progress.Creates), or the address is not
// proven, or somebody else was linked to that partner's account meanwhile.
func (j *Journey) Partner(ctx context.Context, v flow.Visitor, fid id.Flow) (Result, error) {
	f, err := j.proving().Look(ctx, v, fid)
	if err != nil {
		return Result{}, err
	}
	service, err := j.Registry.Find(ctx, f.RelyingParty)
	if err != nil {
		return Result{}, fmt.Errorf("enrollment: partner: %w", err)
	}
	c := chosen{
		visitor: v, service: service.InMail(), link: upstream.NewLinkID(),
		session: session.Prepare(f.State.Progress.Proven, policy.Facts{}),
		device:  session.Device{Token: v.Device, Fresh: session.NewDevice()},
	}
	out := Result{Result: proving.Result{Flow: fid}}
	err = j.DB.Write(ctx, func(tx *db.Tx) error {
		out.Outcome, err = j.activate(tx, fid, c)
		return err
	})
	if err != nil {
		return Result{}, fmt.Errorf("enrollment: partner: %w", err)
	}
	if out.Outcome == Activated {
		out.Cookies = j.cookies(c, f.RelyingParty, f.State.Progress.Partner.Provider)
	}
	return out, nil
}

// cookies are what the browser is given by who came in by a door.
func (j *Journey) cookies(c chosen, service id.RelyingParty, door string) flow.Cookies {
	return flow.Cookies{
		Session: c.session.Token, Device: c.device.Fresh, DeviceLasts: j.Sessions.Settings.DeviceLifetime,
		Door: door, Service: service,
	}
}

// chosen is a first password and what was made for it before the transaction.
type chosen struct {
	visitor  flow.Visitor
	service  notice.Service
	verifier string // "" when a sign-in partner takes the place of the password
	bound    authenticator.ID
	link     upstream.LinkID
	session  session.New
	device   session.Device
}

// activate makes a pending account active, with its password and its first
// session. An account that was activated in another browser meanwhile is taken;
// one that was removed meanwhile, or whose address was proven longer ago than a
// link works, begins again.
func (j *Journey) activate(tx *db.Tx, fid id.Flow, c chosen) (proving.Outcome, error) {
	f, err := j.Flows.Load(tx, fid, c.visitor.Browser)
	if err != nil {
		return "", err
	}
	partner := f.State.Progress.Partner.Known(tx.Now())
	if !choosing(f) || f.State.Progress.Proven != c.session.Account || partner != (c.verifier == "") || partner && !f.State.Progress.Creates(tx.Now()) {
		return "", flow.OutOfTurn()
	}
	a, found, err := j.Accounts.ByID(tx, c.session.Account)
	if err != nil {
		return "", err
	}
	// Whoever proved the address in a browser and left it must not hold the door open.
	late := tx.Now().Sub(db.Time(f.State.Progress.ProvenAt)) >= j.Proofs.Settings.ProofLifetime
	active := false
	if !late {
		if active, err = j.Accounts.Activate(tx, c.session.Account); err != nil {
			return "", err
		}
	}
	address := f.State.Progress.Address
	if !active {
		next := f.State.Progress.Restart(flow.TaskCreate, address)
		next.Notice = flow.NoticeLinkOld
		if found && a.Held() && !late {
			next.Proven, next.Taken, next.Notice = a.ID, true, ""
		}
		f.State.Progress = next
		_, err := j.Flows.Save(tx, f)
		return proving.Proven, err
	}
	if err := j.bind(tx, f, c, a.ID); err != nil {
		return "", err
	}
	if err := j.open(tx, f, c, a); err != nil {
		return "", err
	}
	next := f.State.Progress.Restart(flow.TaskSignIn, address)
	next.Partner = flow.Partner{} // linked, or left for a password
	next.Account, next.Session, next.Created = a.ID, c.session.ID, true
	f.State.Progress = next
	_, err = j.Flows.Save(tx, f)
	return Activated, err
}

// bind gives a new account its way in.
func (j *Journey) bind(tx *db.Tx, f flow.Flow, c chosen, a id.Account) error {
	if c.verifier != "" {
		return j.Passwords.Set(tx, a, c.bound, c.verifier)
	}
	p := f.State.Progress.Partner
	by := f.Event(audit.UpstreamLinked, c.visitor, a, "")
	by.Session = c.session.ID
	if err := j.Links.By(by).Link(tx, c.link, a, p.Issuer, p.Subject); err != nil {
		return err
	}
	return j.Links.Used(tx, c.link) // who creates the account with it signs in with it
}

// first are the facts of the first step.
func first(f flow.Flow, c chosen, now time.Time) policy.Facts {
	if c.verifier != "" {
		return policy.Facts{}.With(policy.Password, now, f.ID)
	}
	return f.State.Progress.Partner.Facts(f)
}

// abroad is what the sign-in partner that takes the place of a password calls the sign-in.
func abroad(f flow.Flow, c chosen) (session.Abroad, error) {
	p := f.State.Progress.Partner
	if c.verifier != "" || p.There == "" {
		return session.Abroad{}, nil
	}
	presence, err := upstream.ReadPresence(p.There)
	if err != nil {
		return session.Abroad{}, err
	}
	return session.Abroad{Text: p.There, Key: upstream.Key(upstream.ID(p.Provider), presence.Index)}, nil
}

// open starts the first session, remembers the browser and welcomes the owner.
func (j *Journey) open(tx *db.Tx, f flow.Flow, c chosen, a account.Account) error {
	n, with := c.session, notice.DeviceOf(c.visitor.UserAgent)
	n.Browser, n.System = with.Browser, with.System
	n.Facts = first(f, c, tx.Now()).With(policy.Email, db.Time(f.State.Progress.ProvenAt), f.ID)
	var err error
	if n.There, err = abroad(f, c); err != nil {
		return err
	}
	if _, err := j.Sessions.Reauthenticate(tx, c.visitor.Session, n); err != nil {
		return err
	}
	if err := j.Accounts.Used(tx, a.ID); err != nil {
		return err
	}
	if _, _, err := j.Sessions.Remember(tx, c.device, a.ID); err != nil {
		return err
	}
	address := f.State.Progress.Address
	signed := f.Event(audit.SigninSucceeded, c.visitor, a.ID, address)
	signed.Data = map[string]string{"acr": j.Table.ACR(f.State.Demand, n.Facts), "amr": strings.Join(policy.AMR(n.Facts), " ")}
	events := []audit.Event{
		f.Event(audit.AccountActivated, c.visitor, a.ID, address),
		signed,
		f.Event(audit.SessionStarted, c.visitor, a.ID, ""),
		f.Event(audit.DeviceRemembered, c.visitor, a.ID, ""),
	}
	if c.verifier != "" {
		events = append(events, f.Event(audit.PasswordSet, c.visitor, a.ID, ""))
	}
	for _, e := range events {
		if e.Name != audit.AccountActivated && e.Name != audit.PasswordSet {
			e.Session = n.ID
		}
		if err := j.Audit.Record(tx, e); err != nil {
			return err
		}
	}
	to, err := j.Accounts.Mailbox(tx, a.ID)
	if err != nil {
		return err
	}
	return j.Outbox.Queue(tx, notify.Message{
		To: to.Written, Locale: a.Locale, Account: a.ID,
		Data: notice.Activated{Service: c.service, Asked: notice.AskedBy(c.visitor.UserAgent, tx.Now()), Partner: c.verifier == ""},
	})
}

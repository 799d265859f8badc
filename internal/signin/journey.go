package signin

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"parvis/internal/account"
	"parvis/internal/audit"
	"parvis/internal/authenticator"
	"parvis/internal/authenticator/password"
	"parvis/internal/backchannel"
	"parvis/internal/connection"
	"parvis/internal/db"
	"parvis/internal/disclosure"
	"parvis/internal/flow"
	"parvis/internal/grant"
	"parvis/internal/id"
	"parvis/internal/notify"
	"parvis/internal/owner"
	"parvis/internal/policy"
	"parvis/internal/ratelimit"
	"parvis/internal/relyingparty"
	"parvis/internal/session"
	"parvis/internal/upstream"
	"parvis/internal/upstream/handover"
)

// Journey signs people in. All fields are needed. Safe for concurrent use.
type Journey struct {
	DB          *db.DB
	Flows       flow.Flows
	Accounts    account.Accounts
	Attempts    account.Attempts
	Proofs      account.Proofs
	Passwords   password.Passwords
	Hasher      *password.Hasher
	Table       policy.Table
	Sessions    session.Sessions
	Owners      owner.Owners
	Connections connection.Connections
	Told        disclosure.Source
	Grants      grant.Grants
	Upstreams   *upstream.Registry
	Links       upstream.Links
	Answers     handover.Answers
	Leavings    handover.Leavings
	Visits      backchannel.Visits
	Registry    *relyingparty.Registry
	Outbox      *notify.Outbox
	Audit       *audit.Log
	Limiter     *ratelimit.Limiter
	Leaked      func(password string) bool // whether a password is known from a leak: password.Policy.Leaked
	Settings    Settings
}

// Start begins a journey that no service asked for: a direct sign-in, or the
// creation of an account from the public pages.
func (j *Journey) Start(ctx context.Context, v flow.Visitor, s Starts) (id.Flow, error) {
	if err := j.Limiter.Allow(ctx, ratelimit.FlowIP, v.IP); err != nil {
		return "", err
	}
	var demand policy.Demand
	if s.Sensitive {
		demand = j.Table.Sensitive(nil) // flow.State.Turn asks for more when the account has more
	}
	n := flow.Prepare(s.RelyingParty, flow.State{
		Kind: flow.SignIn, Finish: s.Next, Locale: v.Locale, Demand: demand, SetUp: s.SetUp,
		Progress: flow.Progress{Task: s.Task, Detached: s.RelyingParty != ""},
	})
	n.Browser, n.IP = v.Browser, v.IP
	err := j.DB.WriteStatement(ctx, func(tx *db.Tx) error {
		_, err := j.Flows.Start(tx, n)
		return err
	})
	if err != nil {
		return "", fmt.Errorf("signin: start: %w", err)
	}
	return n.ID, nil
}

// scene is what a transaction knows of a request: the flow, the session of the
// browser, and the place in the journey.
type scene struct {
	flow   flow.Flow
	live   *session.Session // nil for nobody
	status account.Status   // of its account; "" for nobody
	holder holder           // of the session; zero for nobody
	due    Step
	why    Reason
	now    time.Time
}

// again reports whether somebody is signed in, and must prove again who they are.
func (s scene) again() bool { return s.live != nil && (s.why == ReasonReauth || s.why == ReasonDoor) }

// reauth reports whether somebody signed in must prove again who they are, and whichever
// way they go, they go it as themselves: but for who came from a partner that is not
// linked yet, and says to which account it belongs.
func (s scene) reauth() bool { return s.again() && s.due != StepPartnerNew }

// creating reports whether an account is created with a partner, where its owner may have
// to sign in once more.
func (s scene) creating() bool {
	return s.flow.State.Progress.Creating() && slices.Contains([]Step{StepPartnerCreate, StepHandOff, StepPartnerFailed}, s.due)
}

// password reports whether a password opens the service of a flow, or proves an account
// to which a partner is linked that does.
func (s scene) password() bool {
	doors, partner := s.flow.State.Demand.Doors, s.flow.State.Progress.Partner
	return doors.Opens(policy.DoorPassword) || partner.Known(s.now) && doors.Opens(partner.Provider)
}

// find reads a flow and binds it to the browser that asks for it first.
func (j *Journey) find(ctx context.Context, v flow.Visitor, fid id.Flow) (flow.Flow, error) {
	var f flow.Flow
	err := j.DB.Read(ctx, func(tx *db.Tx) (err error) {
		f, err = j.Flows.Load(tx, fid, v.Browser)
		return err
	})
	if !errors.Is(err, flow.ErrUnbound) {
		return f, err
	}
	err = j.DB.Write(ctx, func(tx *db.Tx) (err error) {
		f, err = j.Flows.Bind(tx, fid, v.Browser)
		return err
	})
	return f, err
}

// again takes up a flow that ran out of time, where that can be.
func (j *Journey) again(ctx context.Context, v flow.Visitor, fid id.Flow) (flow.Flow, error) {
	var f flow.Flow
	err := j.DB.Write(ctx, func(tx *db.Tx) (err error) {
		f, err = j.Flows.Reopen(tx, fid, v.Browser, v.IP)
		return err
	})
	return f, err
}

// serviceOf reads which service a flow waits for.
func (j *Journey) serviceOf(ctx context.Context, v flow.Visitor, fid id.Flow) (*relyingparty.RelyingParty, error) {
	f, err := j.find(ctx, v, fid)
	if err != nil {
		return nil, fmt.Errorf("signin: %w", err)
	}
	return j.Registry.Find(ctx, f.RelyingParty)
}

// live is the session of a browser, nil when there is none that counts.
func (j *Journey) live(tx *db.Tx, v flow.Visitor) (*session.Session, error) {
	s, who, err := j.held(tx, v)
	if err != nil || who.Status != account.Active {
		return nil, err
	}
	return s, nil
}

// holder is whose session it is, read with it.
type holder struct {
	account.Account

	main account.Email // zero for an account that is not active
}

// held is live for a journey, in which the owner of a merged or closing account proves
// who they are, too.
func (j *Journey) held(tx *db.Tx, v flow.Visitor) (*session.Session, holder, error) {
	found, err := j.Sessions.FindLive(tx, v.Session)
	if err != nil || found.ID == "" {
		return nil, holder{}, err
	}
	a, main, known, err := j.Accounts.WithMain(tx, found.Account)
	if err != nil || !known || !a.Held() {
		return nil, holder{}, err
	}
	return &found, holder{Account: a, main: main}, nil
}

// enter loads a flow and finds its place. It changes nothing.
func (j *Journey) enter(tx *db.Tx, v flow.Visitor, fid id.Flow, service *relyingparty.RelyingParty) (scene, error) {
	f, err := j.Flows.Load(tx, fid, v.Browser)
	if err != nil {
		return scene{}, err
	}
	return j.place(tx, v, f, service)
}

// place finds the step that is due in a flow.
func (j *Journey) place(tx *db.Tx, v flow.Visitor, f flow.Flow, service *relyingparty.RelyingParty) (scene, error) {
	live, who, err := j.held(tx, v)
	if err != nil {
		return scene{}, err
	}
	status := who.Status
	p := Position{
		Kind: f.State.Kind, Progress: f.State.Progress, RelyingParty: f.RelyingParty, Demand: f.State.Demand,
		SelectAccount: f.State.SelectAccount, ForceConsent: f.State.ForceConsent, Finish: f.State.Finish, Agreed: true, For: f.State.For,
		SetUp: f.State.SetUp, Add: f.State.Add,
	}
	if live != nil {
		p.Live = &Live{Session: live.ID, Account: live.Account, Facts: live.Facts, Merged: status == account.Merged, Closing: status == account.Closing}
	}
	if p.Second(j.Table, tx.Now()) {
		list, err := authenticator.List(tx, live.Account)
		if err != nil {
			return scene{}, err
		}
		p.Live.Has = authenticator.Owned(list)
	}
	if status == account.Active && f.RelyingParty != "" {
		reason, err := j.Connections.Needed(tx, asked(f, live.Account, service))
		if err != nil {
			return scene{}, err
		}
		p.Agreed = reason == connection.NotNeeded
	}
	due, why := Next(j.Table, p, tx.Now())
	return scene{flow: f, live: live, status: status, holder: who, due: due, why: why, now: tx.Now()}, nil
}

// step is a request that is allowed at one step only: it loads the flow, refuses
// what is out of turn, and saves what change made of the progress.
func (j *Journey) step(ctx context.Context, v flow.Visitor, fid id.Flow, at []Step, change func(*db.Tx, *scene) error) error {
	service, err := j.serviceOf(ctx, v, fid)
	if err != nil {
		return err
	}
	err = j.DB.Write(ctx, func(tx *db.Tx) error {
		s, err := j.enter(tx, v, fid, service)
		if err != nil {
			return err
		}
		if !slices.Contains(at, s.due) {
			return flow.OutOfTurn()
		}
		before := s.flow.State.Progress
		if err := change(tx, &s); err != nil {
			return err
		}
		return j.save(tx, s.flow, before)
	})
	if err != nil {
		return fmt.Errorf("signin: %w", err)
	}
	return nil
}

// save stores a flow whose progress changed.
func (j *Journey) save(tx *db.Tx, f flow.Flow, before flow.Progress) error {
	if f.State.Progress == before {
		return nil
	}
	_, err := j.Flows.Save(tx, f)
	return err
}

// asked is what the service of a flow wants from an account.
func asked(f flow.Flow, a id.Account, service *relyingparty.RelyingParty) connection.Asked {
	out := connection.Asked{Account: a, RelyingParty: f.RelyingParty, Claims: f.State.Attributes}
	if service != nil {
		out.Period = service.ConsentPeriod
	}
	return out
}

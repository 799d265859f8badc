package reclaim

import (
	"context"
	"fmt"
	"slices"
	"time"

	"parvis/internal/account"
	"parvis/internal/audit"
	"parvis/internal/authenticator"
	"parvis/internal/authenticator/backupcode"
	"parvis/internal/authenticator/lost"
	"parvis/internal/authenticator/otp"
	"parvis/internal/authenticator/phone"
	"parvis/internal/authenticator/totp"
	"parvis/internal/db"
	"parvis/internal/fault"
	"parvis/internal/flow"
	"parvis/internal/grant"
	"parvis/internal/id"
	"parvis/internal/notify"
	"parvis/internal/policy"
	"parvis/internal/ratelimit"
	"parvis/internal/session"
)

// Journey recovers accounts. All fields are needed. Safe for concurrent use.
type Journey struct {
	DB          *db.DB
	Flows       flow.Flows
	Accounts    account.Accounts
	Methods     authenticator.Authenticators
	Apps        totp.Apps
	Phones      phone.Phones
	BackupCodes backupcode.Codes
	Codes       otp.Codes
	Requests    lost.Requests
	Sessions    session.Sessions
	Grants      grant.Grants
	Outbox      *notify.Outbox
	Audit       *audit.Log
	Limiter     *ratelimit.Limiter
	Table       policy.Table
}

// objection is how long after an owner objected nobody recovers the account at once.
const objection = 30 * 24 * time.Hour

// scene is what a transaction knows of a request in a flow.
type scene struct {
	flow  flow.Flow
	live  session.Session
	owner account.Account
	list  []authenticator.Authenticator
	own   policy.Owned
	fresh bool // the first step was proven lately
	now   time.Time
}

// enter loads a flow in which a second step is due that a lost method could prove. Out of
// turn is everything else.
func (j *Journey) enter(tx *db.Tx, v flow.Visitor, fid id.Flow) (scene, error) {
	f, err := j.Flows.Load(tx, fid, v.Browser)
	if err != nil {
		return scene{}, err
	}
	p := f.State.Progress
	if f.State.Kind != flow.SignIn || p.Cancelled || p.Task != flow.TaskSignIn {
		return scene{}, flow.OutOfTurn()
	}
	live, err := j.Sessions.FindLive(tx, v.Session)
	if err != nil {
		return scene{}, err
	}
	if live.ID == "" || f.State.SelectAccount && !p.Chose(live.ID) {
		return scene{}, flow.OutOfTurn()
	}
	a, found, err := j.Accounts.ByID(tx, live.Account)
	if err != nil {
		return scene{}, err
	}
	if !found || a.Status != account.Active {
		return scene{}, flow.OutOfTurn()
	}
	list, err := authenticator.List(tx, a.ID)
	if err != nil {
		return scene{}, err
	}
	s := scene{flow: f, live: live, owner: a, list: list, own: authenticator.Owned(list), now: tx.Now()}
	state := f.State
	state.Progress.Second = p.Second.Of(a.ID)
	state.Progress.Partner = p.Partner.Of(p.Session, live.ID)
	turn := state.Turn(j.Table, live.Facts, s.own, s.now)
	strong := func(m policy.Method) bool { return m.Worth() >= policy.AAL2 }
	if turn.Kind != flow.TurnProve || !slices.ContainsFunc(turn.Ask, strong) || s.own.Cools(s.now) {
		return scene{}, flow.OutOfTurn()
	}
	window := j.Table.Window()
	first := policy.Demand{Level: policy.OneStep, MaxAge: &window, Journey: f.ID, Sensitive: true}
	s.fresh = j.Table.Next(first, live.Facts, s.now).Step != policy.StepFirst
	return s, nil
}

// wait is how long the recovery of a scene waits.
func (j *Journey) wait(tx *db.Tx, s scene) (time.Duration, error) {
	objected, err := j.Requests.Objected(tx, s.owner.ID, s.now.Add(-objection))
	if err != nil {
		return 0, err
	}
	removed, err := j.Accounts.Witnesses(tx, s.owner.ID)
	if err != nil {
		return 0, err
	}
	objected = objected || removed.Any() // who took an address back may be somebody else
	independent := authenticator.Independent(s.list, s.live.Facts)
	return j.Table.RecoverAfter(policy.Loss{Independent: independent, Objected: objected}), nil
}

// binding is all that the code of a recovery belongs to.
func (s scene) binding(email authenticator.ID) otp.Binding {
	return otp.Binding{Account: s.owner.ID, Authenticator: email, Purpose: otp.Recover, Flow: s.flow.ID, Session: s.live.ID}
}

// email is the account's e-mail authenticator; "" before the first code was sent.
func (s scene) email() authenticator.Authenticator {
	for _, a := range authenticator.Of(s.list, authenticator.Email) {
		return a
	}
	return authenticator.Authenticator{}
}

// renew asks for the first step again, because it was proven too long ago: the person
// comes back to the second step afterwards.
func (j *Journey) renew(tx *db.Tx, s scene) error {
	window := j.Table.Window()
	if old := s.flow.State.Demand.MaxAge; old == nil || *old > window {
		s.flow.State.Demand.MaxAge = &window
	}
	_, err := j.Flows.Save(tx, s.flow)
	return err
}

// look reads a scene.
func (j *Journey) look(ctx context.Context, v flow.Visitor, fid id.Flow, and func(tx *db.Tx, s scene) error) error {
	err := j.DB.Read(ctx, func(tx *db.Tx) error {
		s, err := j.enter(tx, v, fid)
		if err != nil {
			return err
		}
		return and(tx, s)
	})
	if err != nil {
		return fmt.Errorf("reclaim: %w", err)
	}
	return nil
}

// note records a step of a recovery.
func (j *Journey) note(tx *db.Tx, name audit.Name, v flow.Visitor, r lost.Request, data map[string]string) error {
	if data == nil {
		data = map[string]string{}
	}
	data["request"] = string(r.ID)
	return j.Audit.Record(tx, audit.Event{Name: name, Account: r.Account, Outcome: audit.Success, Personal: v.Personal(""), Data: data})
}

// gone is the fault of a link that leads to nothing (any more).
func gone() error { return fault.New(fault.Conflict, "error.lost.gone") }

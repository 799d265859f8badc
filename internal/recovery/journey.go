package recovery

import (
	"context"
	"fmt"
	"time"

	"parvis/internal/account"
	"parvis/internal/audit"
	"parvis/internal/authenticator/password"
	"parvis/internal/db"
	"parvis/internal/fault"
	"parvis/internal/flow"
	"parvis/internal/id"
	"parvis/internal/notify"
	"parvis/internal/policy"
	"parvis/internal/ratelimit"
	"parvis/internal/relyingparty"
	"parvis/internal/session"
)

// Journey brings people back in. All fields are needed. Safe for concurrent use.
type Journey struct {
	DB        *db.DB
	Flows     flow.Flows
	Accounts  account.Accounts
	Attempts  account.Attempts
	Proofs    account.Proofs
	Passwords password.Passwords
	Policy    password.Policy
	Hasher    *password.Hasher
	Sessions  session.Sessions
	Registry  *relyingparty.Registry
	Outbox    *notify.Outbox
	Audit     *audit.Log
	Limiter   *ratelimit.Limiter
	Words     []string // names of the deployment, which a password must not be
}

// take counts one more of a rule and makes the fault of a refusal.
func (j *Journey) take(ctx context.Context, rule ratelimit.Rule, key string) error {
	d, err := j.Limiter.Take(ctx, rule, key)
	if err != nil {
		return fmt.Errorf("recovery: limit: %w", err)
	}
	return d.Fault()
}

// look reads a flow and the service it waits for, before the transaction.
func (j *Journey) look(ctx context.Context, v flow.Visitor, fid id.Flow) (flow.Flow, *relyingparty.RelyingParty, error) {
	var f flow.Flow
	err := j.DB.Read(ctx, func(tx *db.Tx) (err error) {
		f, err = j.Flows.Load(tx, fid, v.Browser)
		return err
	})
	if err != nil {
		return flow.Flow{}, nil, fmt.Errorf("recovery: %w", err)
	}
	if f.RelyingParty == "" {
		return f, nil, nil
	}
	p, err := j.Registry.Get(ctx, f.RelyingParty)
	if fault.Is(err, fault.NotFound) {
		return f, nil, nil // the mail does without its name
	}
	if err != nil {
		return flow.Flow{}, nil, fmt.Errorf("recovery: %w", err)
	}
	return f, p, nil
}

// live is the session of a browser that counts; its ID is "" when there is none.
func (j *Journey) live(tx *db.Tx, v flow.Visitor) (session.Session, error) {
	if v.Session == "" {
		return session.Session{}, nil
	}
	s, err := j.Sessions.Find(tx, v.Session)
	if err != nil || s.Live() {
		return s, err
	}
	return session.Session{}, nil
}

// asking reports whether a flow still asks who the person is.
func (j *Journey) asking(tx *db.Tx, v flow.Visitor, f flow.Flow) (bool, error) {
	s, err := j.live(tx, v)
	if err != nil {
		return false, err
	}
	facts := policy.Facts{}
	if s.ID != "" {
		facts = s.Facts
	}
	return f.Asking(s.ID, facts, tx.Now()), nil
}

// event is an audit event of this journey.
func event(name audit.Name, v flow.Visitor, f flow.Flow, a id.Account, address string) audit.Event {
	return audit.Event{
		Name: name, Account: a, RelyingParty: f.RelyingParty, Flow: f.ID, Outcome: audit.Success,
		Personal: audit.Personal{IP: v.IP, UserAgent: v.UserAgent, Address: address},
	}
}

// tell names a service in a mail.
func tell(p *relyingparty.RelyingParty) notify.Service {
	if p == nil {
		return notify.Service{}
	}
	return notify.Service{Name: p.Name, Department: p.Department}
}

// by says in a mail when and with what something was done.
func by(v flow.Visitor, at time.Time) notify.Asked {
	return notify.Asked{At: at, Device: notify.DeviceOf(v.UserAgent)}
}

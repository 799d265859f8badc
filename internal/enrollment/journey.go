package enrollment

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

// Journey creates accounts. All fields are needed. Safe for concurrent use.
type Journey struct {
	DB        *db.DB
	Flows     flow.Flows
	Accounts  account.Accounts
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
		return fmt.Errorf("enrollment: limit: %w", err)
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
		return flow.Flow{}, nil, fmt.Errorf("enrollment: %w", err)
	}
	p, err := j.service(ctx, f.RelyingParty)
	return f, p, err
}

// service is a partner, nil for none and for one that is registered no longer.
func (j *Journey) service(ctx context.Context, rp id.RelyingParty) (*relyingparty.RelyingParty, error) {
	if rp == "" {
		return nil, nil //nolint:nilnil // no service is an ordinary answer
	}
	p, err := j.Registry.Get(ctx, rp)
	if fault.Is(err, fault.NotFound) {
		return nil, nil //nolint:nilnil // the mail does without its name
	}
	if err != nil {
		return nil, fmt.Errorf("enrollment: %w", err)
	}
	return p, nil
}

// asking reports whether a flow still asks who the person is.
func (j *Journey) asking(tx *db.Tx, v flow.Visitor, f flow.Flow) (bool, error) {
	var live id.Session
	var facts policy.Facts
	if v.Session != "" {
		s, err := j.Sessions.Find(tx, v.Session)
		if err != nil {
			return false, err
		}
		if s.Live() {
			live, facts = s.ID, s.Facts
		}
	}
	return f.Asking(live, facts, tx.Now()), nil
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

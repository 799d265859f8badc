package signin

import (
	"context"
	"fmt"

	"parvis/internal/db"
	"parvis/internal/fault"
	"parvis/internal/flow"
	"parvis/internal/id"
	"parvis/internal/notify/notice"
	"parvis/internal/session"
)

// Services lists the services a signed-in person is connected to, the latest
// used first. Fault Denied when nobody is signed in.
func (j *Journey) Services(ctx context.Context, v flow.Visitor) ([]ServiceEntry, error) {
	var out []ServiceEntry
	err := j.DB.Read(ctx, func(tx *db.Tx) error {
		out = nil
		who, err := j.Owners.SignedIn(tx, v)
		if err != nil {
			return err
		}
		list, err := j.Connections.List(tx, who.ID)
		if err != nil {
			return err
		}
		away, err := j.Grants.Away(tx, who.ID)
		if err != nil {
			return err
		}
		for _, c := range list {
			out = append(out, ServiceEntry{
				RelyingParty: c.RelyingParty, Since: c.Since, LastUsed: c.LastUsed, Attributes: c.Claims, Away: away[c.RelyingParty], Address: c.Address,
			})
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("signin: services: %w", err)
	}
	return out, nil
}

// Disconnect ends the agreement with a service and everything it was given. Its
// identifier for the person stays, so that coming back is coming back. Fault
// NotFound when there is no such connection, Denied when nobody is signed in.
func (j *Journey) Disconnect(ctx context.Context, v flow.Visitor, rp id.RelyingParty) error {
	service, err := j.Registry.Find(ctx, rp)
	if err != nil {
		return err
	}
	err = j.DB.Write(ctx, func(tx *db.Tx) error {
		who, err := j.Owners.SignedIn(tx, v)
		if err != nil {
			return err
		}
		was, err := j.Connections.Withdraw(tx, who.ID, rp)
		if err != nil {
			return err
		}
		if !was {
			return fault.New(fault.NotFound, "error.404")
		}
		if err := j.Grants.EndConnection(tx, who.ID, rp); err != nil {
			return err
		}
		if err := j.Visits.Disconnect(tx, who.ID, rp); err != nil { // the service signs the person out, too
			return err
		}
		told := service.InMail()
		if service == nil {
			told = notice.Service{Name: map[string]string{"en": string(rp), "fr": string(rp)}}
		}
		return j.Owners.Tell(tx, who, notice.ServiceDisconnected{Service: told, Asked: notice.AskedBy(v.UserAgent, tx.Now())})
	})
	if err != nil {
		return fmt.Errorf("signin: disconnect: %w", err)
	}
	return nil
}

// SignOut ends the session of a browser; nothing happens when there is none. The
// caller takes the cookie away.
func (j *Journey) SignOut(ctx context.Context, v flow.Visitor) error {
	if v.Session == "" {
		return nil
	}
	err := j.DB.Write(ctx, func(tx *db.Tx) error {
		s, err := j.Sessions.Find(tx, v.Session)
		if err != nil {
			return err
		}
		if s.Standing == session.Unknown {
			return nil
		}
		return j.endSession(tx, v, s, "")
	})
	if err != nil {
		return fmt.Errorf("signin: sign out: %w", err)
	}
	return nil
}

// Extend counts as using the session: its idle time begins anew. The answer is
// nil when the session has ended.
func (j *Journey) Extend(ctx context.Context, v flow.Visitor) (*Person, error) {
	p, err := j.Person(ctx, v)
	if err != nil || p == nil {
		return nil, err
	}
	var alive bool
	err = j.DB.WriteStatement(ctx, func(tx *db.Tx) (err error) {
		alive, err = j.Sessions.Touch(tx, p.Session)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("signin: extend: %w", err)
	}
	if !alive {
		return nil, nil //nolint:nilnil // nobody is an ordinary answer
	}
	return j.Person(ctx, v)
}

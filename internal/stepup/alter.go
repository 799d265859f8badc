package stepup

import (
	"context"
	"fmt"
	"slices"

	"parvis/internal/audit"
	"parvis/internal/authenticator"
	"parvis/internal/db"
	"parvis/internal/flow"
	"parvis/internal/id"
	"parvis/internal/notify/notice"
	"parvis/internal/policy"
	"parvis/internal/session"
)

// Fresh reports whether the person who is signed in may change their account now:
// their best proofs are newer than the deployment's window. Fault Denied when nobody
// is signed in.
func (j *Journey) Fresh(ctx context.Context, v flow.Visitor) (bool, error) {
	var out bool
	err := j.DB.Read(ctx, func(tx *db.Tx) error {
		live, list, err := j.owner(tx, v)
		out = err == nil && j.fresh(tx, live, list)
		return err
	})
	if err != nil {
		return false, fmt.Errorf("stepup: %w", err)
	}
	return out, nil
}

func (j *Journey) fresh(tx *db.Tx, live session.Session, list []authenticator.Authenticator) bool {
	d := j.Table.Sensitive(authenticator.Methods(list))
	return j.Table.Next(d, live.Facts, tx.Now()).Step == policy.StepNone
}

// Rename gives a method another name. Fault on "name", NotFound for a method that
// the account does not have, Denied when nobody is signed in.
func (j *Journey) Rename(ctx context.Context, v flow.Visitor, method authenticator.ID, name string) error {
	err := j.DB.Write(ctx, func(tx *db.Tx) error {
		live, list, err := j.owner(tx, v)
		if err != nil {
			return err
		}
		a, err := own(list, method)
		if err != nil {
			return err
		}
		if _, err := authenticator.Rename(tx, live.Account, method, name); err != nil {
			return err
		}
		return j.note(tx, event(audit.MethodRenamed, v, live), live, a.ID, a.Type)
	})
	if err != nil {
		return fmt.Errorf("stepup: rename: %w", err)
	}
	return nil
}

// own is a method of a list that its owner may change; None for any other.
func own(list []authenticator.Authenticator, method authenticator.ID) (authenticator.Authenticator, error) {
	for _, a := range list {
		if a.ID == method && a.Type != authenticator.Password && a.Type != authenticator.Email {
			return a, nil
		}
	}
	return authenticator.Authenticator{}, authenticator.None()
}

// event is an audit event outside a flow.
func event(name audit.Name, v flow.Visitor, s session.Session) audit.Event {
	return audit.Event{Name: name, Account: s.Account, Session: s.ID, Outcome: audit.Success, Personal: v.Personal("")}
}

// Remove removes a method, ends the codes sent to it and the other sessions in which
// it was proven, and forgets the browsers in which it may have been remembered: a
// method is removed when it is in other hands. ErrReauthenticate when the proofs are older than
// the deployment's window; NotFound for a method that the account does not have.
func (j *Journey) Remove(ctx context.Context, v flow.Visitor, method authenticator.ID) error {
	err := j.DB.Write(ctx, func(tx *db.Tx) error {
		live, list, err := j.owner(tx, v)
		if err != nil {
			return err
		}
		if !j.fresh(tx, live, list) {
			return ErrReauthenticate()
		}
		a, err := own(list, method)
		if err != nil {
			return err
		}
		name, err := j.remove(tx, a)
		if err != nil {
			return err
		}
		if err := j.Codes.EndMethod(tx, live.Account, a.ID); err != nil {
			return err
		}
		if err := j.note(tx, event(audit.MethodRemoved, v, live), live, a.ID, a.Type); err != nil {
			return err
		}
		if err := j.forget(tx, v, live, "method removed"); err != nil {
			return err
		}
		if err := j.endOpened(tx, v, live, a.Type); err != nil {
			return err
		}
		return j.tell(tx, live.Account, notice.MethodRemoved{Method: inMail(a.Type), Name: name, Asked: notice.AskedBy(v.UserAgent, tx.Now())})
	})
	if err != nil {
		return fmt.Errorf("stepup: remove: %w", err)
	}
	return nil
}

// endOpened ends the other sessions in which a method of a type was proven. Facts do
// not tell which one of several it was: then it is asked for again once too often.
func (j *Journey) endOpened(tx *db.Tx, v flow.Visitor, live session.Session, t authenticator.Type) error {
	all, err := j.Sessions.List(tx, live.Account)
	if err != nil {
		return err
	}
	for _, s := range all {
		proven := func(m policy.Method) bool { return !s.Facts.Proven(m).IsZero() }
		if s.ID == live.ID || !slices.ContainsFunc(t.Methods(), proven) {
			continue
		}
		if _, err := j.Sessions.End(tx, s.ID, session.Revoked); err != nil {
			return err
		}
		e := event(audit.SessionEnded, v, s)
		e.Reason = "method removed"
		if err := j.Audit.Record(tx, e); err != nil {
			return err
		}
	}
	return nil
}

// remove deletes what the package of a type keeps of a method, and gives its name
// for the mail.
func (j *Journey) remove(tx *db.Tx, a authenticator.Authenticator) (name string, err error) {
	var was bool
	name = a.Name
	switch a.Type {
	case authenticator.TOTP:
		was, err = j.Apps.Remove(tx, a.Account, a.ID)
	case authenticator.Phone:
		p, _, findErr := j.Phones.Find(tx, a.Account, a.ID)
		if findErr != nil {
			return "", findErr
		}
		name = p.Number.Ending()
		was, err = j.Phones.Remove(tx, a.Account, a.ID)
	case authenticator.BackupCode:
		was, err = j.BackupCodes.Remove(tx, a.Account)
	default:
	}
	if err == nil && !was {
		err = authenticator.None()
	}
	return name, err
}

// Forget forgets one remembered browser, or all of them (""). Fault NotFound for one
// that is not remembered, Denied when nobody is signed in.
func (j *Journey) Forget(ctx context.Context, v flow.Visitor, browser id.Browser) error {
	err := j.DB.Write(ctx, func(tx *db.Tx) error {
		live, _, err := j.owner(tx, v)
		if err != nil {
			return err
		}
		if browser == "" {
			return j.forget(tx, v, live, "by owner")
		}
		was, err := j.Sessions.ForgetOne(tx, live.Account, browser)
		if err != nil {
			return err
		}
		if !was {
			return authenticator.None()
		}
		e := event(audit.BrowserForgotten, v, live)
		e.Reason, e.Data = "by owner", map[string]string{"browser": string(browser)}
		return j.Audit.Record(tx, e)
	})
	if err != nil {
		return fmt.Errorf("stepup: forget: %w", err)
	}
	return nil
}

// forget forgets every remembered browser of an account.
func (j *Journey) forget(tx *db.Tx, v flow.Visitor, live session.Session, why string) error {
	n, err := j.Sessions.ForgetAll(tx, live.Account)
	if err != nil || n == 0 {
		return err
	}
	e := event(audit.BrowserForgotten, v, live)
	e.Reason, e.Data = why, map[string]string{"browsers": fmt.Sprint(n)}
	return j.Audit.Record(tx, e)
}

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
	"parvis/internal/owner"
	"parvis/internal/policy"
	"parvis/internal/session"
)

// Fresh reports whether the person who is signed in may change their account now:
// their best proofs are newer than the deployment's window. Fault Denied when nobody
// is signed in.
func (j *Journey) Fresh(ctx context.Context, v flow.Visitor) (bool, error) {
	var out bool
	err := j.DB.Read(ctx, func(tx *db.Tx) error {
		who, list, err := j.owner(tx, v)
		out = err == nil && j.Owners.IsFresh(who.Session, list, tx.Now())
		return err
	})
	if err != nil {
		return false, fmt.Errorf("stepup: %w", err)
	}
	return out, nil
}

// Rename gives a method another name. Fault on "name", NotFound for a method that
// the account does not have, Denied when nobody is signed in.
func (j *Journey) Rename(ctx context.Context, v flow.Visitor, method authenticator.ID, name string) error {
	err := j.DB.Write(ctx, func(tx *db.Tx) error {
		who, list, err := j.owner(tx, v)
		if err != nil {
			return err
		}
		a, err := own(list, method)
		if err != nil {
			return err
		}
		if _, err := authenticator.Rename(tx, who.ID, method, name); err != nil {
			return err
		}
		return j.note(tx, owner.Event(audit.MethodRenamed, v, who), who.Session, a.ID, a.Type)
	})
	if err != nil {
		return fmt.Errorf("stepup: rename: %w", err)
	}
	return nil
}

// own is a method of a list that its owner may change; None for any other.
func own(list []authenticator.Authenticator, method authenticator.ID) (authenticator.Authenticator, error) {
	for _, a := range list {
		if a.ID == method && a.Type != authenticator.Password && a.Type != authenticator.Email && !a.IsAside() {
			return a, nil
		}
	}
	return authenticator.Authenticator{}, authenticator.None()
}

// Remove removes a method, ends the codes sent to it, the other sessions in which it was
// proven and what services were given by its proof, and forgets the browsers in which it may have been remembered: a
// method is removed when it is in other hands. Reauthenticate (package owner) when the proofs are older than
// the deployment's window; NotFound for a method that the account does not have.
func (j *Journey) Remove(ctx context.Context, v flow.Visitor, method authenticator.ID) error {
	err := j.DB.Write(ctx, func(tx *db.Tx) error {
		who, list, err := j.owner(tx, v)
		if err != nil {
			return err
		}
		if !j.Owners.IsFresh(who.Session, list, tx.Now()) {
			return owner.Reauthenticate()
		}
		a, err := own(list, method)
		if err != nil {
			return err
		}
		name, err := j.remove(tx, a)
		if err != nil {
			return err
		}
		if err := j.Codes.EndMethod(tx, who.ID, a.ID); err != nil {
			return err
		}
		if err := j.note(tx, owner.Event(audit.MethodRemoved, v, who), who.Session, a.ID, a.Type); err != nil {
			return err
		}
		const why = "method removed"
		if err := j.Owners.ForgetBrowsers(tx, v, who, why); err != nil {
			return err
		}
		// Facts do not tell which of several methods of a type it was: then it is asked
		// for again once too often.
		_, err = j.Owners.EndOthers(tx, v, who, why, func(s session.Session) bool {
			return slices.ContainsFunc(a.Type.Methods(), func(m policy.Method) bool { return !s.Facts.Proven(m).IsZero() })
		})
		if err != nil {
			return err
		}
		var amr []string
		for _, m := range a.Type.Methods() {
			amr = append(amr, m.AMR())
		}
		if err := j.Owners.EndProven(tx, who, amr...); err != nil {
			return err
		}
		return j.Owners.Tell(tx, who, notice.MethodRemoved{Method: inMail(a.Type), Name: name, Asked: notice.AskedBy(v.UserAgent, tx.Now())})
	})
	if err != nil {
		return fmt.Errorf("stepup: remove: %w", err)
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
		who, err := j.Owners.SignedIn(tx, v)
		if err != nil {
			return err
		}
		if browser == "" {
			return j.Owners.ForgetBrowsers(tx, v, who, "by owner")
		}
		was, err := j.Sessions.ForgetOne(tx, who.ID, browser)
		if err != nil {
			return err
		}
		if !was {
			return authenticator.None()
		}
		e := owner.Event(audit.BrowserForgotten, v, who)
		e.Reason, e.Data = "by owner", map[string]string{"browser": string(browser)}
		return j.Audit.Record(tx, e)
	})
	if err != nil {
		return fmt.Errorf("stepup: forget: %w", err)
	}
	return nil
}

package stepup

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"parvis/internal/audit"
	"parvis/internal/authenticator"
	"parvis/internal/authenticator/totp"
	"parvis/internal/db"
	"parvis/internal/flow"
	"parvis/internal/id"
	"parvis/internal/notify"
	"parvis/internal/notify/notice"
	"parvis/internal/policy"
	"parvis/internal/session"
	"parvis/internal/upstream"
)

// succeed accepts a compared code and makes it a fact of the session, unless
// somebody else was faster with it, or the method went away meanwhile.
func (j *Journey) succeed(ctx context.Context, g guess) (Result, error) {
	service, err := j.serviceOf(ctx, g)
	if err != nil {
		return Result{}, err
	}
	var outcome Outcome
	err = j.DB.Write(ctx, func(tx *db.Tx) error {
		s, err := j.at(tx, g.visitor, g.flow, flow.TurnProve)
		if err != nil {
			return err
		}
		if ok, err := j.stillDue(tx, g, s); err != nil || !ok {
			return cmp.Or(err, flow.OutOfTurn())
		}
		if outcome, err = j.accept(tx, g, s); err != nil || outcome != Done {
			return err
		}
		if ok, err := j.Methods.Succeeded(tx, g.attempt); err != nil || !ok {
			outcome = Disabled
			return err
		}
		return j.proven(tx, g, s, service)
	})
	if err != nil {
		return Result{}, fmt.Errorf("stepup: prove: %w", err)
	}
	if outcome != Done {
		return j.fail(ctx, g, outcome)
	}
	return Result{Outcome: Done, Cookies: flow.Cookies{Session: g.token}}, nil
}

// stillDue reports whether a method that was asked for when its code was typed may still
// prove the step. The last code before it waits counts, too: by then another method is
// suggested.
func (j *Journey) stillDue(tx *db.Tx, g guess, s scene) (bool, error) {
	if s.live.ID != g.way.session || s.flow.State.Progress.Second.Way != g.scene.flow.State.Progress.Second.Way {
		return false, nil // somebody else signed in, or another way was chosen in another tab
	}
	list, err := j.ways(tx, s, s.turn.Ask)
	return slices.ContainsFunc(list, func(w way) bool { return w.ID == g.way.ID }), err
}

// serviceOf is the waiting service as mails name it. A flow keeps its service for good.
func (j *Journey) serviceOf(ctx context.Context, g guess) (notice.Service, error) {
	p, err := j.Registry.Find(ctx, g.scene.flow.RelyingParty)
	if err != nil {
		return notice.Service{}, fmt.Errorf("stepup: %w", err)
	}
	return p.InMail(), nil
}

// accept uses a code up: each once, on whatever node (SP 800-63B-4, 3.1.4.2).
func (j *Journey) accept(tx *db.Tx, g guess, s scene) (Outcome, error) {
	switch g.way.Method {
	case policy.App:
		app, found, err := j.Apps.Find(tx, s.owner(), g.way.authenticator)
		if err != nil || !found {
			return Wrong, err
		}
		switch outcome, err := j.Apps.Accept(tx, app, g.typed); outcome {
		case totp.Accepted:
			return Done, err
		case totp.Used:
			return Used, err
		default:
			return Wrong, err
		}
	case policy.Backup:
		ok, err := j.BackupCodes.Redeem(tx, g.match)
		if err != nil || ok {
			return Done, err
		}
		return Used, nil
	default:
		ok, err := j.Codes.Redeem(tx, g.trial)
		if err != nil || ok {
			return Done, err
		}
		return Ended, nil
	}
}

// proven makes an accepted code a fact of the session.
func (j *Journey) proven(tx *db.Tx, g guess, s scene, service notice.Service) error {
	if err := j.elevate(tx, g.visitor, s, proof{g.way.Method, cools(s, g.way.authenticator)}, g.token); err != nil {
		return err
	}
	if g.way.Method.Worth() >= policy.AAL2 && !cools(s, g.way.authenticator) {
		if err := j.Found(tx, g.visitor, s.owner()); err != nil {
			return err
		}
		if err := authenticator.ConfirmPassword(tx, s.owner(), s.live.Facts.Password); err != nil {
			return err
		}
		if link := s.live.Facts.Partner.ByMailbox; link != "" {
			if err := j.Links.Confirm(tx, s.owner(), upstream.LinkID(link)); err != nil {
				return err
			}
		}
	}
	e := s.flow.Event(audit.MethodUsed, g.visitor, s.owner(), "")
	if err := j.note(tx, e, s.live, g.way.authenticator, authenticator.TypeOf(g.way.Method)); err != nil {
		return err
	}
	if g.remember && s.keeps() {
		if err := j.keep(tx, g.visitor, s, g.browser); err != nil {
			return err
		}
	}
	before := s.flow.State.Progress
	s.flow.State.Progress.Second.Way = ""
	set, found, err := j.BackupCodes.Find(tx, s.owner())
	switch {
	case err != nil:
		return err
	case g.way.Method == policy.Backup:
		if err := j.spent(tx, g, &s, set.Left, service); err != nil {
			return err
		}
	case found:
		s.flow.State.Progress.Second.Remind = j.BackupCodes.Due(set, tx.Now())
	}
	return j.save(tx, s.flow, before)
}

// proof is a method that was proven, and whether it cools off.
type proof struct {
	method  policy.Method
	cooling bool
}

// cools reports whether an authenticator of a scene does not count in full yet.
func cools(s scene, a authenticator.ID) bool {
	return slices.ContainsFunc(s.list, func(l authenticator.Authenticator) bool { return l.ID == a && l.CountsFrom.After(s.now) })
}

// elevate adds a proof to the session and gives it a new token.
func (j *Journey) elevate(tx *db.Tx, v flow.Visitor, s scene, p proof, token string) error {
	facts := s.live.Facts.WithProof(policy.Proof{Method: p.method, At: tx.Now(), Journey: s.flow.ID, Cooling: p.cooling})
	ok, err := j.Sessions.Elevate(tx, s.live.ID, v.Session, token, facts)
	if err != nil {
		return err
	}
	if !ok {
		return flow.OutOfTurn() // signed out meanwhile
	}
	e := s.flow.Event(audit.SessionReauthenticated, v, s.owner(), "")
	e.Session = s.live.ID
	return j.Audit.Record(tx, e)
}

// keep remembers the browser, and tells the owner.
func (j *Journey) keep(tx *db.Tx, v flow.Visitor, s scene, browser id.Browser) error {
	known, err := j.Sessions.Known(tx, v.Device, s.owner())
	if err != nil {
		return err
	}
	device := notice.DeviceOf(v.UserAgent)
	kept, err := j.Sessions.RememberStep(tx, session.RememberedBrowser{
		ID: browser, Account: s.owner(), Browser: device.Browser, System: device.System,
	}, known)
	if err != nil || !kept {
		return err
	}
	e := s.flow.Event(audit.BrowserRemembered, v, s.owner(), "")
	e.Session, e.Data = s.live.ID, map[string]string{"browser": string(browser)}
	if err := j.Audit.Record(tx, e); err != nil {
		return err
	}
	return j.tell(tx, s.owner(), notice.BrowserRemembered{Valid: j.Sessions.Settings.Remember, Asked: notice.AskedBy(v.UserAgent, tx.Now())})
}

// spent tells the owner that a backup code was used. After the last one the person
// is offered a new set at once.
func (j *Journey) spent(tx *db.Tx, g guess, s *scene, left int, service notice.Service) error {
	by := notice.AskedBy(g.visitor.UserAgent, tx.Now())
	if left > 0 {
		return j.tell(tx, s.owner(), notice.BackupCodeUsed{Service: service, Left: left, Asked: by})
	}
	second := &s.flow.State.Progress.Second
	second.Wants, second.SetUp, second.Draft = true, policy.Backup, ""
	return j.tell(tx, s.owner(), notice.BackupCodesUsedUp{Service: service, Asked: by})
}

// tellWaits tells the owner of a method that it waits: whoever enters wrong codes there
// has passed the first step, perhaps with a password that is not theirs. Somebody who
// goes on all day is told of once a day for each method.
func (j *Journey) tellWaits(tx *db.Tx, g guess, owner id.Account) error {
	now := tx.Now()
	return j.mail(tx, owner, notify.Message{
		Once: string(g.way.authenticator) + "|" + now.UTC().Format(time.DateOnly),
		Data: notice.MethodWaits{
			Method: inMail(authenticator.TypeOf(g.way.Method)), Name: g.way.Name, Failures: j.Methods.Settings.Tries,
			Wait: g.attempt.State.Until.Sub(now), Asked: notice.AskedBy(g.visitor.UserAgent, now),
		},
	})
}

// notifyDisabled tells that a method was switched off.
func notifyDisabled(g guess, failures int, at time.Time) notice.Data {
	return notice.MethodDisabled{
		Method: inMail(authenticator.TypeOf(g.way.Method)), Name: g.way.Name, Failures: failures,
		Asked: notice.AskedBy(g.visitor.UserAgent, at),
	}
}

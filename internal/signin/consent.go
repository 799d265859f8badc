package signin

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"parvis/internal/audit"
	"parvis/internal/db"
	"parvis/internal/flow"
	"parvis/internal/id"
	"parvis/internal/notify/notice"
	"parvis/internal/oidc/claim"
	"parvis/internal/owner"
	"parvis/internal/session"
	"parvis/internal/upstream"
)

// Continue goes on as the person who is signed in (prompt=select_account).
func (j *Journey) Continue(ctx context.Context, v flow.Visitor, fid id.Flow) error {
	return j.step(ctx, v, fid, []Step{StepContinue}, func(_ *db.Tx, s *scene) error {
		s.flow.State.Progress.Confirmed = s.live.ID
		return nil
	})
}

// Switch ends the session of the browser, so that somebody else can sign in. The
// caller takes the session cookie away.
func (j *Journey) Switch(ctx context.Context, v flow.Visitor, fid id.Flow) error {
	return j.step(ctx, v, fid, slices.Concat([]Step{StepContinue, StepSignIn, StepMerged, StepClosing}, second()), func(tx *db.Tx, s *scene) error {
		if s.live == nil {
			return nil
		}
		s.flow.State.Progress = s.flow.State.Progress.Restart(flow.TaskSignIn, "")
		s.flow.State.Progress.Partner = flow.Partner{} // of who was here before
		return j.endSession(tx, v, *s.live, s.flow.RelyingParty)
	})
}

// Consent is what the service of a flow wants to be told, with the values it
// will receive.
func (j *Journey) Consent(ctx context.Context, v flow.Visitor, fid id.Flow) (ConsentView, error) {
	service, err := j.serviceOf(ctx, v, fid)
	if err != nil {
		return ConsentView{}, err
	}
	var out ConsentView
	err = j.DB.Read(ctx, func(tx *db.Tx) error {
		s, err := j.enter(tx, v, fid, service)
		if err != nil {
			return err
		}
		if s.due != StepConsent {
			return flow.OutOfTurn()
		}
		out, err = j.consentView(tx, s)
		return err
	})
	if err != nil {
		return ConsentView{}, fmt.Errorf("signin: consent: %w", err)
	}
	return out, nil
}

func (j *Journey) consentView(tx *db.Tx, s scene) (ConsentView, error) {
	known, again, err := j.Connections.Get(tx, s.live.Account, s.flow.RelyingParty)
	if err != nil {
		return ConsentView{}, err
	}
	person, _, err := j.Told.Person(tx, s.live.Account, known.Address, s.flow.State.Attributes)
	if err != nil {
		return ConsentView{}, err
	}
	out := ConsentView{RelyingParty: s.flow.RelyingParty, Again: again, Details: s.flow.State.Details}
	if slices.Contains(s.flow.State.Attributes, claim.Email) {
		all, err := j.Accounts.Addresses(tx, s.live.Account)
		if err != nil {
			return ConsentView{}, err
		}
		for _, own := range all {
			if own.Address.Written == person.Email {
				out.Address = own.ID
			}
		}
		if len(all) > 1 {
			out.Addresses, out.EveryAddress = all, slices.Contains(s.flow.State.Attributes, claim.AllEmails)
		}
	}
	for _, name := range s.flow.State.Attributes {
		out.Items = append(out.Items, SharedItem{
			Attribute: name, Value: person.Shown(name), New: !slices.Contains(known.Claims, name),
		})
	}
	return out, nil
}

// Decide takes the answer to Consent. Declining gives the request up; the
// protocol's endpoint then tells the service access_denied.
func (j *Journey) Decide(ctx context.Context, v flow.Visitor, fid id.Flow, allow bool) error {
	return j.decide(ctx, v, fid, allow, "")
}

// Agree is the answer to Consent that allows, with the address that the service is told;
// "" for the one that Consent names. Fault Conflict when that is not (any longer) one of
// the account's.
func (j *Journey) Agree(ctx context.Context, v flow.Visitor, fid id.Flow, address id.Address) error {
	return j.decide(ctx, v, fid, true, address)
}

func (j *Journey) decide(ctx context.Context, v flow.Visitor, fid id.Flow, allow bool, address id.Address) error {
	service, err := j.serviceOf(ctx, v, fid)
	if err != nil {
		return err
	}
	return j.step(ctx, v, fid, []Step{StepConsent}, func(tx *db.Tx, s *scene) error {
		want := asked(s.flow, s.live.Account, service)
		if !allow {
			s.flow.State.Progress.Cancelled = true
			return j.Connections.Declined(tx, want)
		}
		if want.Address = address; address != "" {
			if _, own, err := j.Accounts.AddressOf(tx, want.Account, address); err != nil || !own {
				return cmp.Or(err, flow.OutOfTurn())
			}
		}
		_, again, err := j.Connections.Get(tx, want.Account, want.RelyingParty)
		if err != nil {
			return err
		}
		if err := j.Connections.Give(tx, want); err != nil {
			return err
		}
		s.flow.State.Progress.Consented, s.flow.State.Progress.Consenter = db.Millis(tx.Now()), s.live.Account
		if again {
			return nil
		}
		return j.mail(tx, want.Account, notice.ServiceConnected{Service: service.InMail(), Asked: notice.AskedBy(v.UserAgent, tx.Now())})
	})
}

// mail tells the owner of an account something.
func (j *Journey) mail(tx *db.Tx, who id.Account, data notice.Data) error {
	a, _, err := j.Accounts.ByID(tx, who)
	if err != nil {
		return err
	}
	return j.Owners.Tell(tx, owner.Owner{ID: a.ID, Locale: a.Locale}, data)
}

// Cancel gives a journey up; its page leads back to the service.
func (j *Journey) Cancel(ctx context.Context, v flow.Visitor, fid id.Flow) error {
	return j.step(ctx, v, fid, open(), func(tx *db.Tx, s *scene) error {
		s.flow.State.Progress.Cancelled = true
		e := audit.Event{
			Name: audit.SigninCancelled, RelyingParty: s.flow.RelyingParty, Flow: s.flow.ID,
			Outcome: audit.Success, Personal: v.Personal(""),
		}
		if s.live != nil {
			e.Account, e.Session = s.live.Account, s.live.ID
		}
		return j.Audit.Record(tx, e)
	})
}

// Resume takes a given-up journey up again.
func (j *Journey) Resume(ctx context.Context, v flow.Visitor, fid id.Flow) error {
	return j.step(ctx, v, fid, []Step{StepCancelled}, func(_ *db.Tx, s *scene) error {
		s.flow.State.Progress.Cancelled = false
		return nil
	})
}

// endSession ends a session and notes who asked for it.
func (j *Journey) endSession(tx *db.Tx, v flow.Visitor, s session.Session, rp id.RelyingParty) error {
	there, err := j.Sessions.There(s)
	if err != nil {
		return err
	}
	if err := j.Leavings.Begin(tx, v.Browser, upstream.ID(s.Facts.Partner.Door), s.ID, there); err != nil {
		return err
	}
	all, err := j.Sessions.InLineage(tx, s.ID)
	if err != nil {
		return err
	}
	if err := j.Visits.Leave(tx, v.Browser, all...); err != nil {
		return err
	}
	ended, err := j.Sessions.EndLineage(tx, s.ID, session.SignedOut)
	if err != nil || !ended {
		return err
	}
	return j.Audit.Record(tx, audit.Event{
		Name: audit.Signout, Account: s.Account, Session: s.ID, RelyingParty: rp,
		Outcome: audit.Success, Personal: v.Personal(""),
	})
}

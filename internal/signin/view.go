package signin

import (
	"cmp"
	"context"
	"fmt"

	"parvis/internal/account"
	"parvis/internal/db"
	"parvis/internal/fault"
	"parvis/internal/flow"
	"parvis/internal/id"
	"parvis/internal/session"
	"parvis/internal/upstream"
)

// Open looks at a flow for the dispatcher and for every page: where the person
// is, and what the page may show. The first browser that asks holds the flow from
// then on. A flow of another browser, or one that nobody made, is a fault of kind
// NotFound. One that ran out of time is taken up again where that can be; an ended one
// is a View with StepExpired that still knows its service.
func (j *Journey) Open(ctx context.Context, v flow.Visitor, fid id.Flow) (View, error) {
	f, err := j.find(ctx, v, fid)
	if fault.Is(err, fault.Expired) && !f.Over {
		f, err = j.again(ctx, v, fid)
	}
	if fault.Is(err, fault.Expired) {
		person, err := j.Person(ctx, v)
		return View{Flow: fid, Kind: flow.SignIn, Step: StepExpired, RelyingParty: f.RelyingParty, Reference: f.Reference, Person: person}, err
	}
	if err != nil {
		return View{}, fmt.Errorf("signin: open: %w", err)
	}
	service, err := j.Registry.Find(ctx, f.RelyingParty)
	if err != nil {
		return View{}, err
	}
	var out View
	err = j.DB.Read(ctx, func(tx *db.Tx) error {
		s, err := j.place(tx, v, f, service)
		if err != nil {
			return err
		}
		out = j.view(s)
		if gone, err := j.gone(tx, s); err != nil {
			return err
		} else if gone {
			out.Address = ""
		}
		if s.due == StepChoosePassword && out.Task == flow.TaskReset {
			_, has, err := j.Passwords.Get(tx, f.State.Progress.Proven)
			if err != nil {
				return err
			}
			out.NoPassword = !has
		}
		out.Person, err = j.person(tx, s.live, s.holder)
		if out.Reauth && out.Person != nil {
			out.Address = out.Person.Address
		}
		return err
	})
	if err != nil {
		return View{}, fmt.Errorf("signin: open: %w", err)
	}
	return out, nil
}

// gone reports whether who signed in on a flow has left: signed out, here or from
// elsewhere, or gave way to somebody else. Then its address is not suggested any more:
// at a shared computer it would tell the next person who it was. Who was only away for
// too long finds it still filled in.
func (j *Journey) gone(tx *db.Tx, s scene) (bool, error) {
	p := s.flow.State.Progress
	if p.Session == "" || s.live != nil && s.live.Account == p.Account {
		return false, nil
	}
	signedIn, err := j.Sessions.ByID(tx, p.Session)
	return signedIn.Standing == session.Ended || signedIn.Standing == session.Unknown, err
}

// view is what a page may show of a flow.
func (j *Journey) view(s scene) View {
	p := s.flow.State.Progress
	out := View{
		Flow: s.flow.ID, Kind: s.flow.State.Kind, Step: s.due, Task: p.Task, RelyingParty: s.flow.RelyingParty,
		Reference: s.flow.Reference, Address: p.Address, Notice: p.Notice, Detached: p.Detached, Reauth: s.reauth(),
		Finish: s.flow.State.Finish, Cancel: s.flow.State.CancelPath, ReturnOrigin: s.flow.State.ReturnOrigin,
		Locale: s.flow.State.Locale, Bound: p.Second.Bound,
	}
	out.Created = p.Created && s.live != nil && s.live.ID == p.Session
	out.Partner, out.PartnerURL = upstream.ID(cmp.Or(p.Partner.Asked, p.Partner.Provider)), p.Partner.URL
	out.PartnerForm = flow.UnpackForm(p.Partner.Form)
	out.Linking, out.Creating = s.linking(), s.creating()
	out.Status = s.status
	out.TooOld = s.due == StepPartnerCreate && !p.Creates(s.now)
	out.PartnerFailure = upstream.Failure(p.Partner.Failure)
	out.Added = p.Added
	out.Doors, out.Password, out.OtherDoor = s.flow.State.Demand.Doors, s.password(), s.live != nil && s.why == ReasonDoor
	if s.flow.State.Kind == flow.Adding {
		out.Partner = upstream.ID(s.flow.State.Add.Provider)
	}
	if out.Address == "" {
		out.Address = s.flow.State.LoginHint
	}
	if p.SentAt != 0 {
		out.SentAt = db.Time(p.SentAt)
		out.ResendAt = out.SentAt.Add(j.Settings.ResendAfter)
	}
	if p.Ends != 0 {
		out.Ends = db.Time(p.Ends)
	}
	return out
}

// Person is who is signed in in a browser, nil for nobody. It does not count as
// using the session.
func (j *Journey) Person(ctx context.Context, v flow.Visitor) (*Person, error) {
	var out *Person
	err := j.DB.Read(ctx, func(tx *db.Tx) error {
		live, who, err := j.held(tx, v)
		if err != nil || who.Status != account.Active {
			out = nil
			return err
		}
		out, err = j.person(tx, live, who)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("signin: person: %w", err)
	}
	return out, nil
}

// person is who is signed in, read with the session; the address of an account that is
// not active is read beside.
func (j *Journey) person(tx *db.Tx, live *session.Session, who holder) (*Person, error) {
	if live == nil {
		return nil, nil //nolint:nilnil // nobody is an ordinary answer
	}
	to := who.main.Address
	if who.main.ID == "" {
		var err error
		if to, err = j.Accounts.Mailbox(tx, live.Account); err != nil {
			return nil, err
		}
	}
	return &Person{
		Account: live.Account, Session: live.ID, Address: to.Written, Locale: who.Locale,
		Authenticated: live.Facts.AuthenticatedAt(), IdleEnds: live.IdleEndsAt, Ends: live.EndsAt,
	}, nil
}

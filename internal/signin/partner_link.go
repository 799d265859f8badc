package signin

import (
	"context"
	"fmt"
	"slices"

	"parvis/internal/audit"
	"parvis/internal/authenticator"
	"parvis/internal/db"
	"parvis/internal/flow"
	"parvis/internal/i18n"
	"parvis/internal/id"
	"parvis/internal/notify/notice"
	"parvis/internal/ratelimit"
	"parvis/internal/upstream"
)

// OtherThere is why a partner is not linked, beside the failures of the partner itself:
// who came back is not who began there.
const OtherThere upstream.Failure = "other"

// linking reports whether the partner of a journey is about to be linked to the account
// of who is signed in: they are to sign in there once more.
func (s scene) linking() bool {
	p := s.flow.State.Progress.Partner
	return s.live != nil && p.By == s.live.ID && s.why == ReasonSetUp && slices.Contains([]Step{StepPartnerLink, StepHandOff, StepPartnerFailed}, s.due)
}

// event is what is recorded of a change by who is signed in, in a flow.
func (s scene) event(v flow.Visitor) audit.Event {
	e := s.flow.Event(audit.UpstreamLinked, v, s.live.Account, "")
	e.Session = s.live.ID
	return e
}

// PartnerLink begins to link the partner at which somebody has signed in to the account
// that they have proven to be theirs, or leaves it. The sign-in there came before the
// proof, and may be that of somebody else who left this browser: the owner signs in there
// once more, anew, and the partner is linked only when that is the same customer. Fault
// Conflict when there is nothing to link, or the partner's account is another's already;
// Denied when the account's owner has blocked the partner.
func (j *Journey) PartnerLink(ctx context.Context, v flow.Visitor, fid id.Flow, link bool) error {
	if link {
		return j.linkAgain(ctx, v, fid, StepPartnerLink)
	}
	return j.step(ctx, v, fid, []Step{StepPartnerLink}, func(_ *db.Tx, s *scene) error {
		s.flow.State.Progress.Partner = flow.Partner{}
		return nil
	})
}

// linkAgain sends the owner of an account to the partner that is to be linked to it, at
// some steps.
func (j *Journey) linkAgain(ctx context.Context, v flow.Visitor, fid id.Flow, at ...Step) error {
	if err := j.Limiter.Allow(ctx, ratelimit.FlowIP, v.IP); err != nil {
		return err
	}
	service, err := j.serviceOf(ctx, v, fid)
	if err != nil {
		return err
	}
	var began flow.Partner
	enter := func(tx *db.Tx) (scene, error) {
		s, err := j.enter(tx, v, fid, service)
		if err == nil && (!slices.Contains(at, s.due) || s.due != StepPartnerLink && !s.linking()) {
			err = flow.OutOfTurn()
		}
		if err != nil {
			return s, err
		}
		began = s.flow.State.Progress.Partner
		return s, j.Links.Free(tx, s.live.Account, began.Issuer, began.Subject)
	}
	err = j.DB.Read(ctx, func(tx *db.Tx) error {
		_, err := enter(tx)
		return err
	})
	if err != nil {
		return fmt.Errorf("signin: link: %w", err)
	}
	next, err := j.ask(ctx, v, fid, upstream.ID(began.Provider), upstream.Ask{Fresh: true, Lang: i18n.Lang(v.Locale)})
	if err != nil {
		return fmt.Errorf("signin: link: %w", err)
	}
	err = j.DB.Write(ctx, func(tx *db.Tx) error {
		s, err := enter(tx)
		if err != nil {
			return err
		}
		before := s.flow.State.Progress
		p := began.Left()
		p.Asked, p.URL, p.Form, p.Pending, p.Failure, p.By = next.Asked, next.URL, next.Form, next.Pending, next.Failure, s.live.ID
		s.flow.State.Progress.Partner = p
		return j.save(tx, s.flow, before)
	})
	if err != nil {
		return fmt.Errorf("signin: link: %w", err)
	}
	return nil
}

// link ties a subject to the account of who is signed in, and notes what it rests on: they
// may have proven nothing but the mailbox.
func (j *Journey) link(tx *db.Tx, v flow.Visitor, s scene, made upstream.LinkID, issuer, subject string) error {
	if err := j.Links.By(s.event(v)).Link(tx, made, s.live.Account, issuer, subject); err != nil {
		return err
	}
	list, err := authenticator.List(tx, s.live.Account)
	if err != nil || !authenticator.MailboxOnly(list, s.live.Facts) {
		return err
	}
	return j.Links.SetByMailbox(tx, made)
}

// linkCame links the partner to the account of who is signed in, when they have shown
// that they are the customer who began there. Fault Conflict when they are signed in no
// longer, or not with the proofs that it takes, or the journey has moved on.
func (j *Journey) linkCame(ctx context.Context, v flow.Visitor, t taken, came upstream.Assertion) error {
	name, err := j.Upstreams.NameOf(ctx, came.Issuer)
	if err != nil {
		return err
	}
	made := upstream.NewLinkID()
	service, err := j.serviceOf(ctx, v, t.flow)
	if err != nil {
		return err
	}
	err = j.DB.Write(ctx, func(tx *db.Tx) error {
		s, err := j.enter(tx, v, t.flow, service)
		if err != nil {
			return err
		}
		if !t.awaited(s.flow) || !s.linking() || s.due != StepPartnerLink {
			return flow.OutOfTurn()
		}
		before := s.flow.State.Progress
		began := before.Partner
		if came.Issuer != began.Issuer || came.Subject != began.Subject {
			s.flow.State.Progress.Partner.Mark, s.flow.State.Progress.Partner.Failure = "", string(OtherThere)
			e := s.event(v)
			e.Name, e.Outcome, e.Reason, e.Data = audit.UpstreamFailed, audit.Failed, string(OtherThere), map[string]string{"provider": began.Asked}
			if err := j.Audit.Record(tx, e); err != nil {
				return err
			}
			return j.save(tx, s.flow, before)
		}
		if err := j.link(tx, v, s, made, came.Issuer, came.Subject); err != nil {
			return err
		}
		if err := j.Links.Used(tx, made); err != nil { // they signed in with it just now
			return err
		}
		s.flow.State.Progress.Partner = flow.Partner{Mark: t.mark} // the sign-in there may open the service, too
		if err := j.save(tx, s.flow, before); err != nil {
			return err
		}
		return j.mail(tx, s.live.Account, notice.PartnerLinked{Partner: name, Asked: notice.AskedBy(v.UserAgent, tx.Now())})
	})
	if err != nil {
		return fmt.Errorf("signin: link: %w", err)
	}
	return nil
}

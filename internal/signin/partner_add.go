package signin

import (
	"context"
	"fmt"

	"parvis/internal/audit"
	"parvis/internal/db"
	"parvis/internal/fault"
	"parvis/internal/flow"
	"parvis/internal/i18n"
	"parvis/internal/id"
	"parvis/internal/notify/notice"
	"parvis/internal/ratelimit"
	"parvis/internal/upstream"
)

// Why a sign-in partner is not added, beside the failures of the partner itself. Neither
// tells anything of another account but that there is one, to somebody who has just
// shown that they can open it.
const (
	AddedBefore upstream.Failure = "added-before" // what the person is there is linked to this account already
	AddedOther  upstream.Failure = "added-other"  // it is linked to another account
)

// PartnerAdd begins to add a sign-in partner to the account of the person who is signed
// in. The partner is told as little as at a sign-in. Fault Denied when nobody is, or the
// proofs are older than the deployment's window (error.reauthenticate); Conflict when
// the owner has blocked the partner, or the account has as many as it can have;
// NotFound for a partner that does not exist or is out of use.
func (j *Journey) PartnerAdd(ctx context.Context, v flow.Visitor, provider upstream.ID) (id.Flow, error) {
	if err := j.Limiter.Allow(ctx, ratelimit.FlowIP, v.IP); err != nil {
		return "", err
	}
	p, err := j.Upstreams.Get(ctx, provider)
	if err == nil && p.Disabled {
		err = fault.New(fault.NotFound, "error.upstream.unknown")
	}
	if err != nil {
		return "", fmt.Errorf("signin: add: %w", err)
	}
	add := flow.Add{Provider: string(provider)}
	err = j.DB.Read(ctx, func(tx *db.Tx) error {
		who, err := j.Owners.Fresh(tx, v)
		if err != nil {
			return err
		}
		add.Account, add.Session = who.ID, who.Session.ID
		return j.addable(tx, who.ID, p)
	})
	if err != nil {
		return "", fmt.Errorf("signin: add: %w", err)
	}
	next, err := j.ask(ctx, v, "", provider, upstream.Ask{Fresh: true, Lang: i18n.Lang(v.Locale)})
	if err != nil {
		return "", fmt.Errorf("signin: add: %w", err)
	}
	n := flow.Prepare("", flow.State{
		Kind: flow.Adding, Finish: "/settings", Locale: v.Locale, Add: add, Progress: flow.Progress{Partner: next},
	})
	n.Browser, n.IP = v.Browser, v.IP
	err = j.DB.WriteStatement(ctx, func(tx *db.Tx) error {
		_, err := j.Flows.Start(tx, n)
		return err
	})
	if err != nil {
		return "", fmt.Errorf("signin: add: %w", err)
	}
	return n.ID, nil
}

// addable refuses early what Links.Link would refuse at the end, so that nobody goes to
// a partner for nothing.
func (j *Journey) addable(tx *db.Tx, owner id.Account, p *upstream.Provider) error {
	blocked, err := j.Links.Blocks(tx, owner, p.Issuer)
	if err != nil {
		return err
	}
	if blocked {
		return fault.New(fault.Conflict, "error.upstream.blocked")
	}
	n, err := j.Links.Count(tx, owner)
	if err == nil && n >= upstream.MaxLinks {
		err = fault.New(fault.Conflict, "error.upstream.full")
	}
	return err
}

// PartnerAddAgain asks the partner once more. Fault Conflict out of turn.
func (j *Journey) PartnerAddAgain(ctx context.Context, v flow.Visitor, fid id.Flow) error {
	if err := j.Limiter.Allow(ctx, ratelimit.FlowIP, v.IP); err != nil {
		return err
	}
	f, err := j.find(ctx, v, fid)
	if err != nil {
		return fmt.Errorf("signin: add: %w", err)
	}
	if f.State.Kind != flow.Adding {
		return flow.OutOfTurn()
	}
	next, err := j.ask(ctx, v, fid, upstream.ID(f.State.Add.Provider), upstream.Ask{Fresh: true, Lang: i18n.Lang(v.Locale)})
	if err != nil {
		return fmt.Errorf("signin: add: %w", err)
	}
	return j.step(ctx, v, fid, []Step{StepAddHandOff, StepAddFailed}, func(_ *db.Tx, s *scene) error {
		s.flow.State.Progress.Partner = next
		return nil
	})
}

// addCame goes on with a checked sign-in at a partner that is to be added. It belongs to
// the session and the account that asked for it, which are still here; what it is is
// never signed in with, and never taken from another account.
func (j *Journey) addCame(ctx context.Context, v flow.Visitor, t taken, provider upstream.ID, came upstream.Assertion) error {
	err := j.DB.Write(ctx, func(tx *db.Tx) error {
		f, err := j.Flows.Load(tx, t.flow, v.Browser)
		if err != nil {
			return err
		}
		if !t.awaited(f) {
			return flow.OutOfTurn()
		}
		live, err := j.live(tx, v)
		if err != nil {
			return err
		}
		before := f.State.Progress
		add := f.State.Add
		failure := upstream.Failure("")
		link, taken, err := j.Links.Find(tx, came.Issuer, came.Subject)
		switch {
		case err != nil:
			return err
		case live == nil || live.Account != add.Account || live.ID != add.Session:
			failure = upstream.Replay
		case taken && link.Account == add.Account:
			failure = AddedBefore
		case taken:
			failure = AddedOther
		}
		if failure == "" {
			f.State.Progress.Partner = flow.Partner{
				Provider: string(provider), Issuer: came.Issuer, Subject: came.Subject, Level: came.Level,
				At: db.Millis(signedInAt(came, tx.Now())), Until: db.Millis(tx.Now().Add(linkWithin)),
			}
			return j.save(tx, f, before)
		}
		f.State.Progress.Partner = flow.Partner{Asked: add.Provider, Failure: string(failure)}
		e := f.Event(audit.UpstreamFailed, v, add.Account, "")
		e.Outcome, e.Reason, e.Data = audit.Failed, string(failure), map[string]string{"provider": add.Provider, "code": ""}
		if err := j.Audit.Record(tx, e); err != nil {
			return err
		}
		return j.save(tx, f, before)
	})
	if err != nil {
		return fmt.Errorf("signin: add: %w", err)
	}
	return nil
}

// PartnerAddLink adds the partner at which the person has signed in to their account, or
// leaves it. Fault Conflict when there is nothing to add, or it became another
// account's meanwhile; Denied when the owner has blocked the partner.
func (j *Journey) PartnerAddLink(ctx context.Context, v flow.Visitor, fid id.Flow, link bool) error {
	name, err := j.partnerName(ctx, v, fid)
	if err != nil {
		return err
	}
	made := upstream.NewLinkID()
	return j.step(ctx, v, fid, []Step{StepAddLink}, func(tx *db.Tx, s *scene) error {
		p := s.flow.State.Progress.Partner
		s.flow.State.Progress.Partner = flow.Partner{}
		if !link {
			return nil
		}
		s.flow.State.Progress.Added = true
		if err := j.link(tx, v, *s, made, p.Issuer, p.Subject); err != nil {
			return err
		}
		return j.mail(tx, s.live.Account, notice.PartnerLinked{Partner: name, Asked: notice.AskedBy(v.UserAgent, tx.Now())})
	})
}

// PartnerAddBack leaves it: the settings say that nothing was added.
func (j *Journey) PartnerAddBack(ctx context.Context, v flow.Visitor, fid id.Flow) error {
	return j.step(ctx, v, fid, []Step{StepAddHandOff, StepAddFailed, StepAddLink}, func(_ *db.Tx, s *scene) error {
		s.flow.State.Progress.Partner = flow.Partner{}
		return nil
	})
}

package stepup

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"parvis/internal/audit"
	"parvis/internal/authenticator"
	"parvis/internal/authenticator/otp"
	"parvis/internal/db"
	"parvis/internal/fault"
	"parvis/internal/flow"
	"parvis/internal/id"
	"parvis/internal/notify"
	"parvis/internal/notify/notice"
	"parvis/internal/policy"
	"parvis/internal/ratelimit"
)

// Send sends the code of the method that is asked for, or sends another one; the
// earlier code ends and no counter is reset (SP 800-63B-4, 3.1.3.2). Fault Conflict
// when none is due, Throttled when codes were sent too often, Denied when a number
// takes no texts any more.
func (j *Journey) Send(ctx context.Context, v flow.Visitor, fid id.Flow) error {
	find := func(tx *db.Tx) (scene, error) { return j.at(tx, v, fid, flow.TurnProve) }
	var number string
	s, err := j.look(ctx, func(tx *db.Tx) (scene, error) {
		s, err := find(tx)
		if err != nil {
			return s, err
		}
		list, err := j.ways(tx, s, s.turn.Ask)
		if w, ok := asked(list, s.flow.State.Progress); ok {
			number = w.number
		}
		return s, err
	})
	if err != nil {
		return err
	}
	service, err := j.Registry.Find(ctx, s.flow.RelyingParty)
	if err != nil {
		return fmt.Errorf("stepup: send: %w", err)
	}
	if err := j.admit(ctx, v, s.owner(), number); err != nil {
		return err
	}
	draft, made := j.Codes.Draft(), authenticator.NewID()
	purpose := notice.PurposeSignIn
	if s.turn.Guard || s.sensitive {
		purpose = notice.PurposeChange
	}
	var wait time.Duration
	err = j.DB.Write(ctx, func(tx *db.Tx) error {
		s, err := find(tx)
		if err != nil {
			return err
		}
		list, err := j.ways(tx, s, s.turn.Ask)
		if err != nil {
			return err
		}
		w, ok := asked(list, s.flow.State.Progress)
		if !ok || !w.Sends() || w.Standing.Standing != authenticator.Usable {
			return flow.OutOfTurn()
		}
		if w.authenticator == "" {
			a, err := authenticator.Ensure(tx, s.owner(), authenticator.Email, made)
			if err != nil {
				return err
			}
			w.authenticator = a.ID
			s.flow.State.Progress.Second.Way = optionID(w.Method, a.ID)
			if s.flow, err = j.Flows.Save(tx, s.flow); err != nil {
				return err
			}
		}
		draft := draft
		if s.flow.State.Progress.Partner.Known(tx.Now()) { // R45, R47
			draft.Lasts = j.Accounts.Settings.PartnerProofLifetime
		}
		wait, err = j.dispatch(tx, v, s, out{
			binding: s.binding(w.authenticator, otp.SignIn), draft: draft, method: w.Method, number: w.number,
			data: notice.OneTimeCode{Purpose: purpose, Service: service.InMail()},
		})
		return err
	})
	return sendFault(wait, err)
}

// sendFault is the answer to a request for a code.
func sendFault(wait time.Duration, err error) error {
	if err != nil {
		return fmt.Errorf("stepup: send: %w", err)
	}
	if wait > 0 {
		return tooEarly(wait)
	}
	return nil
}

// tooEarly is the fault of a code that is asked for too soon or too often.
func tooEarly(wait time.Duration) error {
	return fault.Retry(fault.Throttled, "error.method.sent-too-often", wait)
}

// admit lets the limits on codes act before one is made; number is where it is sent, ""
// for an e-mail address.
func (j *Journey) admit(ctx context.Context, v flow.Visitor, owner id.Account, number string) error {
	if err := j.allow(ctx, ratelimit.SendIP, v.IP); err != nil {
		return err
	}
	if number != "" {
		for _, rule := range []ratelimit.Rule{ratelimit.SendNumberBurst, ratelimit.SendNumber} {
			if err := j.allow(ctx, rule, number); err != nil {
				return err
			}
		}
	}
	return j.allow(ctx, ratelimit.SendAccount, string(owner))
}

// allow counts a code that is asked for against a limit.
func (j *Journey) allow(ctx context.Context, rule ratelimit.Rule, key string) error {
	err := j.Limiter.Allow(ctx, rule, key)
	if e, ok := errors.AsType[*fault.Error](err); ok && e.Kind == fault.Throttled {
		return tooEarly(e.RetryAfter)
	}
	return err
}

// out is a code that goes out.
type out struct {
	binding otp.Binding
	draft   otp.Draft
	method  policy.Method
	number  string // E.164, for Text and Voice
	data    notice.OneTimeCode
}

// dispatch stores a code and queues its message. wait is how long to wait when codes
// were sent too often: that is noted, and nothing is sent.
func (j *Journey) dispatch(tx *db.Tx, v flow.Visitor, s scene, o out) (wait time.Duration, err error) {
	p, issued, err := j.Codes.Issue(tx, o.binding, o.draft, channel(o.method))
	if err != nil {
		return 0, err
	}
	e := s.flow.Event(audit.OneTimeCodeSent, v, s.owner(), "")
	e.Data = map[string]string{"channel": string(channel(o.method)), "purpose": string(o.binding.Purpose)}
	if !issued {
		e.Name, e.Outcome, e.Reason = audit.OneTimeCodeRefused, audit.Refused, "too often"
		return max(time.Second, p.ResendAt.Sub(tx.Now())), j.note(tx, e, s.live, o.binding.Authenticator, authenticator.TypeOf(o.method))
	}
	if err := j.note(tx, e, s.live, o.binding.Authenticator, authenticator.TypeOf(o.method)); err != nil {
		return 0, err
	}
	a, _, err := j.Accounts.ByID(tx, s.owner())
	if err != nil {
		return 0, err
	}
	m := notify.Message{Channel: notice.Channel(channel(o.method)), To: o.number, Locale: cmp.Or(v.Locale, a.Locale), Account: s.owner(), Expires: p.ExpiresAt}
	if o.method == policy.Email {
		m.Channel = notice.Email
		to, err := j.Accounts.Mailbox(tx, s.owner())
		if err != nil {
			return 0, err
		}
		m.To = to.Written
	}
	o.data.Code, o.data.Valid, o.data.Asked = o.draft.Code, p.ExpiresAt.Sub(tx.Now()), notice.AskedBy(v.UserAgent, tx.Now())
	m.Data = o.data
	return 0, j.Outbox.Queue(tx, m)
}

package reclaim

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"parvis/internal/audit"
	"parvis/internal/authenticator"
	"parvis/internal/authenticator/lost"
	"parvis/internal/authenticator/otp"
	"parvis/internal/db"
	"parvis/internal/fault"
	"parvis/internal/flow"
	"parvis/internal/id"
	"parvis/internal/notify"
	"parvis/internal/notify/notice"
	"parvis/internal/policy"
	"parvis/internal/ratelimit"
	"parvis/internal/secret"
)

// Send sends the code by e-mail that begins the recovery, or sends it again. When the
// first step was proven too long ago nothing is sent and it is due again: go to the
// dispatcher. Fault Conflict when no second step is due, Throttled when codes were sent
// too often.
func (j *Journey) Send(ctx context.Context, v flow.Visitor, fid id.Flow) error {
	var owner id.Account
	if err := j.look(ctx, v, fid, func(_ *db.Tx, s scene) error { owner = s.owner.ID; return nil }); err != nil {
		return err
	}
	if err := j.allow(ctx, ratelimit.SendIP, v.IP); err != nil {
		return err
	}
	if err := j.allow(ctx, ratelimit.SendAccount, string(owner)); err != nil {
		return err
	}
	draft, made := j.Codes.Draft(), authenticator.NewID()
	var wait time.Duration
	err := j.DB.Write(ctx, func(tx *db.Tx) error {
		wait = 0
		s, err := j.enter(tx, v, fid)
		if err != nil {
			return err
		}
		if !s.fresh {
			return j.renew(tx, s)
		}
		email, err := authenticator.Ensure(tx, s.owner.ID, authenticator.Email, made)
		if err != nil {
			return err
		}
		wait, err = j.dispatch(tx, v, s, email.ID, draft)
		return err
	})
	if err != nil {
		return fmt.Errorf("reclaim: send: %w", err)
	}
	if wait > 0 {
		return tooOften(wait)
	}
	return nil
}

func (j *Journey) dispatch(tx *db.Tx, v flow.Visitor, s scene, email authenticator.ID, draft otp.Draft) (wait time.Duration, err error) {
	p, issued, err := j.Codes.Issue(tx, s.binding(email), draft, otp.Email)
	if err != nil {
		return 0, err
	}
	e := s.flow.Event(audit.OneTimeCodeSent, v, s.owner.ID, "")
	e.Session, e.Data = s.live.ID, map[string]string{"channel": string(otp.Email), "purpose": string(otp.Recover)}
	if !issued {
		e.Name, e.Outcome, e.Reason = audit.OneTimeCodeRefused, audit.Refused, "too often"
		return max(time.Second, p.ResendAt.Sub(tx.Now())), j.Audit.Record(tx, e)
	}
	if err := j.Audit.Record(tx, e); err != nil {
		return 0, err
	}
	to, err := j.Accounts.Mailbox(tx, s.owner.ID)
	if err != nil {
		return 0, err
	}
	return 0, j.Outbox.Queue(tx, notify.Message{
		To: to.Written, Locale: v.Locale, Account: s.owner.ID, Expires: p.ExpiresAt,
		Data: notice.OneTimeCode{
			Purpose: notice.PurposeLost, Code: draft.Code, Valid: p.ExpiresAt.Sub(tx.Now()), Asked: notice.AskedBy(v.UserAgent, tx.Now()),
		},
	})
}

func tooOften(wait time.Duration) error {
	return fault.Retry(fault.Throttled, "error.method.sent-too-often", wait)
}

// allow counts a code that is asked for against a limit.
func (j *Journey) allow(ctx context.Context, rule ratelimit.Rule, key string) error {
	err := j.Limiter.Allow(ctx, rule, key)
	if e, ok := errors.AsType[*fault.Error](err); ok && e.Kind == fault.Throttled {
		return tooOften(e.RetryAfter)
	}
	return err //nolint:wrapcheck // a fault is shown as it is
}

// Outcome says how an attempt ended.
type Outcome string

// The outcomes.
const (
	Removed Outcome = "removed" // the methods are set aside: go to the dispatcher with the cookies
	Waits   Outcome = "waits"   // the recovery waits: the page says until when
	Wrong   Outcome = "wrong"   // Result.Left tries remain
	Ended   Outcome = "ended"   // the code is too old, was replaced or tried too often: ask for another
	Refused Outcome = "refused" // too many wrong codes were typed for the address: Result.Until, or never
)

// Result is what came of an attempt.
type Result struct {
	Outcome Outcome
	Left    int
	Until   time.Time
	Cookies flow.Cookies // for Removed and Waits: the session got a new token with the proof
}

// guess is one try at the code.
type guess struct {
	visitor flow.Visitor
	flow    id.Flow
	owner   id.Account
	session id.Session
	email   authenticator.ID
	binding otp.Binding
	typed   string
	token   string
	draft   lost.Draft

	attempt authenticator.Attempt
	trial   otp.Trial
}

// Prove takes the code that was mailed, and begins the recovery: what it is worth is for
// policy to say. The attempt is counted before the comparison, at the code and at the
// address. Fault Invalid on "code", Conflict when none is due, Throttled when the account
// was recovered too often.
func (j *Journey) Prove(ctx context.Context, v flow.Visitor, fid id.Flow, typed string) (Result, error) {
	g := guess{visitor: v, flow: fid, token: secret.NewToken(), draft: lost.New()}
	waits := false
	err := j.look(ctx, v, fid, func(tx *db.Tx, s scene) error {
		g.owner, g.session, g.email = s.owner.ID, s.live.ID, s.email().ID
		waits = false
		if g.email == "" {
			return nil
		}
		g.binding = s.binding(g.email)
		p, found, err := j.Codes.Pending(tx, g.binding)
		waits = found && p.Live
		return err
	})
	if err != nil {
		return Result{}, err
	}
	if g.typed, err = j.Codes.Parse(typed); err != nil {
		return Result{}, err
	}
	if err := j.Limiter.Allow(ctx, ratelimit.CodeIP, v.IP); err != nil {
		return Result{}, err
	}
	if !waits {
		return Result{Outcome: Ended}, nil
	}
	err = j.DB.WriteStatement(ctx, func(tx *db.Tx) (err error) {
		g.attempt, err = j.Methods.Attempt(tx, g.owner, g.email)
		return err
	})
	if err != nil {
		return Result{}, fmt.Errorf("reclaim: count: %w", err)
	}
	if !g.attempt.Allowed {
		return j.fail(ctx, g, Refused)
	}
	err = j.DB.WriteStatement(ctx, func(tx *db.Tx) (err error) {
		g.trial, err = j.Codes.Try(tx, g.binding, g.typed)
		return err
	})
	if err != nil {
		return Result{}, fmt.Errorf("reclaim: try: %w", err)
	}
	switch g.trial.Outcome {
	case otp.Matched:
		return j.begin(ctx, g)
	case otp.Wrong:
		return j.fail(ctx, g, Wrong)
	default:
		return j.fail(ctx, g, Ended)
	}
}

// fail notes a wrong code.
func (j *Journey) fail(ctx context.Context, g guess, outcome Outcome) (Result, error) {
	out := Result{Outcome: outcome, Left: min(g.trial.TriesLeft, g.attempt.State.Left), Until: g.attempt.State.Until}
	if outcome == Wrong && g.attempt.State.Left == 0 {
		out.Outcome = Refused
	} else if outcome == Wrong && g.trial.TriesLeft == 0 {
		out.Outcome = Ended
	}
	err := j.DB.Write(ctx, func(tx *db.Tx) error {
		e := audit.Event{
			Name: audit.MethodFailed, Account: g.owner, Session: g.session, Flow: g.flow, Outcome: audit.Refused, Reason: string(outcome),
			Personal: g.visitor.Personal(""), Data: map[string]string{"method": string(g.email), "type": string(authenticator.Email)},
		}
		if err := j.Audit.Record(tx, e); err != nil {
			return err
		}
		disabled, err := j.Methods.Failed(tx, g.attempt)
		if err != nil || !disabled {
			return err
		}
		e.Name, e.Outcome, e.Reason = audit.MethodDisabled, audit.Success, ""
		return j.Audit.Record(tx, e)
	})
	if err != nil {
		return Result{}, fmt.Errorf("reclaim: wrong code: %w", err)
	}
	return out, nil
}

// begin uses the code up and begins the recovery; of racers one begins.
func (j *Journey) begin(ctx context.Context, g guess) (Result, error) {
	if err := j.allow(ctx, ratelimit.LostAccount, string(g.owner)); err != nil {
		return Result{}, err
	}
	out := Result{Cookies: flow.Cookies{Session: g.token}}
	err := j.DB.Write(ctx, func(tx *db.Tx) error {
		out.Outcome = Ended
		s, err := j.enter(tx, g.visitor, g.flow)
		if err != nil {
			return err
		}
		if s.live.ID != g.session || !s.fresh {
			return flow.OutOfTurn()
		}
		if ok, err := j.Codes.Redeem(tx, g.trial); err != nil || !ok {
			return err
		}
		if ok, err := j.Methods.Succeeded(tx, g.attempt); err != nil || !ok {
			return err
		}
		facts := s.live.Facts.With(policy.Email, s.now, s.flow.ID)
		ok, err := j.Sessions.Elevate(tx, s.live.ID, g.visitor.Session, g.token, facts)
		if err != nil {
			return err
		}
		if !ok {
			return flow.OutOfTurn() // signed out meanwhile
		}
		out.Outcome, err = j.request(tx, g, s)
		return err
	})
	if err != nil {
		return Result{}, fmt.Errorf("reclaim: begin: %w", err)
	}
	if out.Outcome == Ended {
		return j.fail(ctx, g, Ended)
	}
	return out, nil
}

// request stores the recovery, and does it at once where policy wants no wait.
func (j *Journey) request(tx *db.Tx, g guess, s scene) (Outcome, error) {
	wait, err := j.wait(tx, s)
	if err != nil {
		return "", err
	}
	expired, err := j.Requests.ExpireOf(tx, s.owner.ID)
	if err != nil {
		return "", err
	}
	for _, old := range expired {
		if err := j.note(tx, audit.RecoveryExpired, flow.Visitor{}, old, nil); err != nil {
			return "", err
		}
	}
	r, fresh, err := j.Requests.Begin(tx, g.draft, s.owner.ID, wait, j.Table.RecoveryOpen())
	if err != nil {
		return "", err
	}
	if !fresh {
		return Waits, nil // it waits already: nothing is to be had by asking again
	}
	if err := j.note(tx, audit.RecoveryAsked, g.visitor, r, map[string]string{"wait": strconv.Itoa(int(wait.Seconds()))}); err != nil {
		return "", err
	}
	if wait > 0 {
		return Waits, j.tell(tx, g.visitor, r, g.draft, notice.LostWaits, r.WaitUntil)
	}
	done, err := j.finish(tx, g.visitor, r, g.draft, s.live.ID)
	if err == nil && !done {
		err = errors.New("reclaim: what began just now cannot be done")
	}
	return Removed, err
}

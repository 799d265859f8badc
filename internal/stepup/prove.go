package stepup

import (
	"context"
	"fmt"

	"parvis/internal/audit"
	"parvis/internal/authenticator"
	"parvis/internal/authenticator/backupcode"
	"parvis/internal/authenticator/otp"
	"parvis/internal/authenticator/totp"
	"parvis/internal/db"
	"parvis/internal/fault"
	"parvis/internal/flow"
	"parvis/internal/id"
	"parvis/internal/policy"
	"parvis/internal/ratelimit"
	"parvis/internal/secret"
	"parvis/internal/session"
)

// guess is one try at a second step.
type guess struct {
	visitor  flow.Visitor
	flow     id.Flow
	scene    scene // as it was when the code was typed
	way      way
	typed    string // parsed
	remember bool
	waits    bool // there is a code to compare with

	attempt authenticator.Attempt
	trial   otp.Trial        // of a code that was sent
	match   backupcode.Guess // of a backup code
	token   string           // of the session, if it is right
	browser id.Browser       // to be remembered, if that is wished
}

// Prove tries a code for the method that is asked for. The attempt is counted
// before the comparison, at the code and at the method; each code is accepted once,
// on whatever node. remember keeps the second step from being asked in this browser
// for a while, where View.Keeps allows it. Fault Invalid on "code" when what was
// typed cannot be one, Conflict when none is due.
func (j *Journey) Prove(ctx context.Context, v flow.Visitor, fid id.Flow, typed string, remember bool) (Result, error) {
	g, err := j.prepare(ctx, v, fid, typed)
	if err != nil {
		return Result{}, err
	}
	g.remember = remember
	if err := j.Limiter.Allow(ctx, ratelimit.CodeIP, v.IP); err != nil {
		return Result{}, err
	}
	if g.way.Method == policy.Backup {
		key := string(g.way.account) + "|" + ratelimit.IPKey(v.IP)
		if err := j.Limiter.Allow(ctx, ratelimit.BackupAccountIP, key); err != nil {
			return Result{}, err
		}
	}
	if !g.waits { // nothing can be compared: no failure of anybody's
		return Result{Outcome: Ended, Left: g.way.Standing.Left}, nil
	}
	err = j.DB.WriteStatement(ctx, func(tx *db.Tx) (err error) {
		g.attempt, err = j.Methods.Attempt(tx, g.way.account, g.way.authenticator)
		return err
	})
	if err != nil {
		return Result{}, fmt.Errorf("stepup: count: %w", err)
	}
	if !g.attempt.Allowed {
		return j.fail(ctx, g, refusal(g.attempt.State))
	}
	outcome, err := j.compare(ctx, &g)
	if err != nil {
		return Result{}, err
	}
	if outcome != Done {
		return j.fail(ctx, g, outcome)
	}
	return j.succeed(ctx, g)
}

// refusal is why an attempt was not allowed.
func refusal(s authenticator.State) Outcome {
	if s.Standing == authenticator.Disabled {
		return Disabled
	}
	return Waiting
}

// prepare reads which method is asked for, and what was typed as one of its codes.
func (j *Journey) prepare(ctx context.Context, v flow.Visitor, fid id.Flow, typed string) (guess, error) {
	g := guess{visitor: v, flow: fid, token: secret.NewToken(), browser: session.NewBrowser()}
	err := j.DB.Read(ctx, func(tx *db.Tx) error {
		s, err := j.at(tx, v, fid, flow.TurnProve)
		if err != nil {
			return err
		}
		g.scene = s
		if g.way, err = j.due(tx, s); err != nil {
			return err
		}
		pending, err := j.sent(tx, s, g.way)
		g.waits = !g.way.Sends() || pending != nil
		return err
	})
	if err != nil {
		return guess{}, fmt.Errorf("stepup: prove: %w", err)
	}
	g.typed, err = j.parse(g.way.Method, typed)
	return g, err
}

// due is the way that is asked for; out of turn when there is none.
func (j *Journey) due(tx *db.Tx, s scene) (way, error) {
	list, err := j.ways(tx, s, s.turn.Ask)
	if err != nil {
		return way{}, err
	}
	w, ok := asked(list, s.flow.State.Progress)
	if !ok {
		return way{}, flow.OutOfTurn()
	}
	return w, nil
}

// parse reads what was typed as a code of a method.
func (j *Journey) parse(m policy.Method, typed string) (string, error) {
	switch m {
	case policy.App:
		return authenticator.ParseCode(typed, totp.Digits)
	case policy.Backup:
		return j.BackupCodes.Parse(typed)
	default:
		return j.Codes.Parse(typed)
	}
}

// compare compares what needs no other transaction than its own: a code that was
// sent, whose tries are counted with it, and a backup code, which is hashed. A code
// of an app is compared where it is accepted.
func (j *Journey) compare(ctx context.Context, g *guess) (Outcome, error) {
	if g.way.Method == policy.App {
		return Done, nil
	}
	if g.way.Method == policy.Backup {
		return j.compareBackup(ctx, g)
	}
	b := otp.Binding{
		Account: g.way.account, Authenticator: g.way.authenticator, Purpose: otp.SignIn, Flow: g.flow, Session: g.way.session,
	}
	err := j.DB.WriteStatement(ctx, func(tx *db.Tx) (err error) {
		g.trial, err = j.Codes.Try(tx, b, g.typed)
		return err
	})
	if err != nil {
		return "", fmt.Errorf("stepup: try: %w", err)
	}
	switch g.trial.Outcome {
	case otp.Matched:
		return Done, nil
	case otp.Wrong:
		return Wrong, nil
	default:
		return Ended, nil
	}
}

func (j *Journey) compareBackup(ctx context.Context, g *guess) (Outcome, error) {
	match, err := j.BackupCodes.Guess(ctx, g.way.set, g.typed)
	if err != nil {
		return "", fmt.Errorf("stepup: guess: %w", err)
	}
	g.match = match
	switch match.Outcome {
	case backupcode.Matched:
		return Done, nil
	case backupcode.Used:
		return Used, nil
	default:
		return Wrong, nil
	}
}

// fail notes a wrong code of whoever entered it, also when they signed out meanwhile or
// somebody else signed in: it was compared all the same. The owner is told of the one
// that lets a method wait, once a day, and of the one that disables it, once.
func (j *Journey) fail(ctx context.Context, g guess, outcome Outcome) (Result, error) {
	out := Result{Outcome: outcome, Left: g.attempt.State.Left, Until: g.attempt.State.Until}
	if outcome == Wrong && g.way.Sends() {
		out.Left = min(out.Left, g.trial.TriesLeft)
		if g.trial.TriesLeft == 0 {
			out.Outcome = Ended
		}
	}
	if out.Left == 0 && outcome == Wrong {
		out.Outcome = refusal(g.attempt.State)
	}
	var gone error // committed beside what is noted
	err := j.DB.Write(ctx, func(tx *db.Tx) error {
		s, err := j.enter(tx, g.visitor, g.flow)
		switch {
		case fault.Is(err, fault.Conflict), fault.Is(err, fault.Expired), fault.Is(err, fault.NotFound):
			gone = err
		case err != nil:
			return err
		case s.live.ID != g.way.session:
			gone = flow.OutOfTurn()
		default:
			gone = nil
		}
		a, found, err := j.Accounts.ByID(tx, g.way.account)
		if err != nil || !found || !a.Held() {
			return err
		}
		return j.noteFailure(tx, g, outcome)
	})
	if err == nil {
		err = gone
	}
	if err != nil {
		return Result{}, fmt.Errorf("stepup: wrong code: %w", err)
	}
	return out, nil
}

// noteFailure records a wrong code, and the waiting or the end that it led to.
func (j *Journey) noteFailure(tx *db.Tx, g guess, outcome Outcome) error {
	s := g.scene
	t := authenticator.TypeOf(g.way.Method)
	e := s.flow.Event(audit.MethodFailed, g.visitor, s.owner(), "")
	e.Outcome, e.Reason = audit.Refused, string(outcome)
	if err := j.note(tx, e, s.live, g.way.authenticator, t); err != nil {
		return err
	}
	if g.attempt.Allowed && g.attempt.State.Standing == authenticator.Waiting {
		e.Name, e.Outcome, e.Reason = audit.MethodWaits, audit.Success, ""
		if err := j.note(tx, e, s.live, g.way.authenticator, t); err != nil {
			return err
		}
		if err := j.tellWaits(tx, g, s.owner()); err != nil {
			return err
		}
	}
	disabled, err := j.Methods.Failed(tx, g.attempt)
	if err != nil || !disabled {
		return err
	}
	e.Name, e.Outcome, e.Reason = audit.MethodDisabled, audit.Success, ""
	if err := j.note(tx, e, s.live, g.way.authenticator, t); err != nil {
		return err
	}
	return j.tell(tx, s.owner(), notifyDisabled(g, j.Methods.Settings.MaxFailures, tx.Now()))
}

package stepup

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"parvis/internal/authenticator"
	"parvis/internal/authenticator/otp"
	"parvis/internal/authenticator/phone"
	"parvis/internal/db"
	"parvis/internal/fault"
	"parvis/internal/flow"
	"parvis/internal/id"
	"parvis/internal/notify/notice"
	"parvis/internal/policy"
	"parvis/internal/ratelimit"
	"parvis/internal/secret"
)

// phoneDraft is a telephone that is being set up, in the sealed state of its flow.
type phoneDraft struct {
	ID     authenticator.ID      `json:"id"`
	Number string                `json:"number"` // E.164
	By     authenticator.Channel `json:"by"`
	Name   string                `json:"name"`
}

func (p phoneDraft) write() (string, error) {
	text, err := json.Marshal(p)
	return string(text), err
}

func readPhone(draft string) (phoneDraft, error) {
	var p phoneDraft
	if err := json.Unmarshal([]byte(draft), &p); err != nil {
		return p, fmt.Errorf("stepup: the draft of a telephone: %w", err)
	}
	return p, nil
}

// methodOf is what a channel of a telephone proves.
func methodOf(by authenticator.Channel) policy.Method {
	if by == authenticator.ByVoice {
		return policy.Voice
	}
	return policy.Text
}

// Phone takes a number and sends a code to it. Faults on "number" and "name",
// Throttled when codes were sent too often, Conflict when no telephone is being set up.
func (j *Journey) Phone(ctx context.Context, v flow.Visitor, fid id.Flow, form PhoneForm) error {
	if !j.Table.Offers(form.Channel) || !form.Channel.Restricted() {
		return fault.On("channel", fault.Invalid, "error.method.option")
	}
	number, err := j.Phones.Settings.Parse(form.Number, form.Region)
	if err != nil {
		return err
	}
	by := channel(form.Channel)
	if !number.Can(by) {
		return fault.On("number", fault.Invalid, "error.phone.no-text")
	}
	p := phoneDraft{ID: authenticator.NewID(), Number: number.E164(), By: by, Name: form.Name}
	find := func(tx *db.Tx) (scene, error) {
		s, err := j.settingUp(tx, v, fid, policy.Text, policy.Voice)
		if err != nil {
			return s, err
		}
		return s, j.acceptable(tx, s, number, by, form)
	}
	return j.call(ctx, v, find, func(_ *db.Tx, s scene) (phoneDraft, error) {
		p.Name = calls(s.list, form.Name, form.Suggest)
		return p, nil
	})
}

// acceptable refuses a number or a name that could not be bound later.
func (j *Journey) acceptable(tx *db.Tx, s scene, n phone.Number, by authenticator.Channel, form PhoneForm) error {
	if _, err := authenticator.ParseName(calls(s.list, form.Name, form.Suggest)); err != nil {
		return err
	}
	all, err := j.Phones.All(tx, s.owner())
	if err != nil {
		return err
	}
	for _, p := range all {
		if p.Number.E164() == n.E164() {
			return fault.On("number", fault.Invalid, "error.phone.taken")
		}
	}
	return j.wanted(tx, n, by, "number")
}

// wanted refuses a text to a number whose owner wants none; a fault on a field.
func (j *Journey) wanted(tx *db.Tx, n phone.Number, by authenticator.Channel, field string) error {
	if by != authenticator.ByText {
		return nil
	}
	stopped, err := j.Phones.Stopped(tx, n)
	if err == nil && stopped {
		err = fault.On(field, fault.Invalid, "error.phone.stopped")
	}
	return err
}

// SendPhone sends another code to the number that is being set up, by a channel.
func (j *Journey) SendPhone(ctx context.Context, v flow.Visitor, fid id.Flow, m policy.Method) error {
	if !j.Table.Offers(m) || !m.Restricted() {
		return fault.On("channel", fault.Invalid, "error.method.option")
	}
	find := func(tx *db.Tx) (scene, error) { return j.settingUp(tx, v, fid, policy.Text, policy.Voice) }
	return j.call(ctx, v, find, func(tx *db.Tx, s scene) (phoneDraft, error) {
		p, err := readPhone(s.flow.State.Progress.Second.Draft)
		if err != nil {
			return p, flow.OutOfTurn()
		}
		p.By = channel(m)
		number, err := j.Phones.Settings.Parse(p.Number, "")
		if err != nil {
			return p, err
		}
		if !number.Can(p.By) {
			return p, fault.On("channel", fault.Invalid, "error.phone.no-text")
		}
		return p, j.wanted(tx, number, p.By, "channel")
	})
}

// call sends a code to a number that is being set up, and keeps the number in the
// flow. Whose number it is was not proven yet: what is sent to one is counted over all
// accounts, and what one account sends to however many by the day, for each text costs money.
func (j *Journey) call(
	ctx context.Context, v flow.Visitor, find func(tx *db.Tx) (scene, error), make func(*db.Tx, scene) (phoneDraft, error),
) error {
	var p phoneDraft
	s, err := j.look(ctx, func(tx *db.Tx) (scene, error) {
		s, err := find(tx)
		if err == nil {
			p, err = make(tx, s)
		}
		return s, err
	})
	if err != nil {
		return err
	}
	if err := j.allow(ctx, ratelimit.SetUpIP, v.IP); err != nil {
		return err
	}
	if err := j.admit(ctx, v, s.owner(), p.Number); err != nil {
		return err
	}
	if err := j.allow(ctx, ratelimit.SetUpAccount, string(s.owner())); err != nil {
		return err
	}
	if err := j.allow(ctx, ratelimit.SetUpNumber, p.Number); err != nil {
		return err
	}
	code := j.Codes.Draft()
	var wait time.Duration
	err = j.DB.Write(ctx, func(tx *db.Tx) error {
		s, err := find(tx)
		if err != nil {
			return err
		}
		p, err := make(tx, s)
		if err != nil {
			return err
		}
		wait, err = j.dispatch(tx, v, s, out{
			binding: s.binding(p.ID, otp.SetUp), draft: code, method: methodOf(p.By), number: p.Number,
			data: notice.OneTimeCode{Purpose: notice.PurposeSetUp},
		})
		if err != nil || wait > 0 {
			return err
		}
		before := s.flow.State.Progress
		second := &s.flow.State.Progress.Second
		second.SetUp = methodOf(p.By)
		if second.Draft, err = p.write(); err != nil {
			return err
		}
		return j.save(tx, s.flow, before)
	})
	return sendFault(wait, err)
}

// PhoneDraft is the number that waits for its code. Fault Conflict when none does.
func (j *Journey) PhoneDraft(ctx context.Context, v flow.Visitor, fid id.Flow) (PhoneDraft, error) {
	var view PhoneDraft
	err := j.DB.Read(ctx, func(tx *db.Tx) error {
		s, err := j.settingUp(tx, v, fid, policy.Text, policy.Voice)
		if err != nil {
			return err
		}
		p, err := readPhone(s.flow.State.Progress.Second.Draft)
		if err != nil {
			return flow.OutOfTurn()
		}
		number, err := j.Phones.Settings.Parse(p.Number, "")
		if err != nil {
			return err
		}
		stopped, err := j.Phones.Stopped(tx, number)
		if err != nil {
			return err
		}
		view = PhoneDraft{
			Target: number.Show(), Channel: methodOf(p.By), CanText: number.CanText() && !stopped && j.Table.Offers(policy.Text),
		}
		view.Sent, err = j.pending(tx, s.binding(p.ID, otp.SetUp), p.By)
		return err
	})
	if err != nil {
		return PhoneDraft{}, fmt.Errorf("stepup: telephone: %w", err)
	}
	return view, nil
}

// BindPhone takes the code that was sent to the number and makes it one of the
// account's; it is proven with that. Fault Invalid on "code", Conflict when no
// number waits for its code.
func (j *Journey) BindPhone(ctx context.Context, v flow.Visitor, fid id.Flow, typed string) (Result, error) {
	find := func(tx *db.Tx) (scene, error) { return j.settingUp(tx, v, fid, policy.Text, policy.Voice) }
	s, err := j.look(ctx, find)
	if err != nil {
		return Result{}, err
	}
	draft := s.flow.State.Progress.Second.Draft
	p, err := readPhone(draft)
	if err != nil {
		return Result{}, flow.OutOfTurn()
	}
	code, err := j.Codes.Parse(typed)
	if err != nil {
		return Result{}, err
	}
	if err := j.Limiter.Allow(ctx, ratelimit.CodeIP, v.IP); err != nil {
		return Result{}, err
	}
	if err := j.Limiter.Allow(ctx, ratelimit.SetUpAccount, string(s.owner())); err != nil {
		return Result{}, err
	}
	var trial otp.Trial
	err = j.DB.WriteStatement(ctx, func(tx *db.Tx) (err error) {
		trial, err = j.Codes.Try(tx, s.binding(p.ID, otp.SetUp), code)
		return err
	})
	if err != nil {
		return Result{}, fmt.Errorf("stepup: try: %w", err)
	}
	switch {
	case trial.Outcome == otp.Wrong && trial.TriesLeft > 0:
		return Result{Outcome: Wrong, Left: trial.TriesLeft}, nil
	case trial.Outcome != otp.Matched:
		return Result{Outcome: Ended}, nil
	}
	return j.bindPhone(ctx, v, find, p, trial, draft)
}

func (j *Journey) bindPhone(ctx context.Context, v flow.Visitor, find func(tx *db.Tx) (scene, error), p phoneDraft, trial otp.Trial, draft string) (Result, error) {
	number, err := j.Phones.Settings.Parse(p.Number, "")
	if err != nil {
		return Result{}, err
	}
	token := secret.NewToken()
	result := Result{Outcome: Done, Cookies: flow.Cookies{Session: token}}
	err = j.DB.Write(ctx, func(tx *db.Tx) error {
		result.Outcome = Done
		s, err := find(tx)
		if err != nil {
			return err
		}
		if s.flow.State.Progress.Second.Draft != draft {
			return flow.OutOfTurn()
		}
		if ok, err := j.Codes.Redeem(tx, trial); err != nil || !ok {
			result.Outcome = Ended
			return err
		}
		name := authenticator.FreeName(s.list, p.Name)
		if err := j.Phones.Bind(tx, s.owner(), phone.Draft{ID: p.ID, Number: number, Prefers: p.By}, name); err != nil {
			return err
		}
		return j.bound(tx, v, s, binding{
			method: methodOf(p.By), authenticator: p.ID, proves: true, token: token,
			told: notice.MethodAdded{Method: notice.MethodPhone, Name: number.Ending(), Asked: notice.AskedBy(v.UserAgent, tx.Now())},
		})
	})
	if err != nil {
		return Result{}, fmt.Errorf("stepup: telephone: %w", err)
	}
	if result.Outcome != Done {
		result.Cookies = flow.Cookies{}
	}
	return result, nil
}

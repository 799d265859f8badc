package stepup

import (
	"context"
	"fmt"

	"parvis/internal/authenticator"
	"parvis/internal/authenticator/otp"
	"parvis/internal/db"
	"parvis/internal/fault"
	"parvis/internal/flow"
	"parvis/internal/id"
	"parvis/internal/policy"
)

// Look is what the pages second-step and another-way show. Fault Conflict when no
// second step is due.
func (j *Journey) Look(ctx context.Context, v flow.Visitor, fid id.Flow) (View, error) {
	var out View
	err := j.DB.Read(ctx, func(tx *db.Tx) error {
		s, err := j.at(tx, v, fid, flow.TurnProve)
		if err != nil {
			return err
		}
		out, err = j.view(tx, v, s)
		return err
	})
	if err != nil {
		return View{}, fmt.Errorf("stepup: look: %w", err)
	}
	return out, nil
}

func (j *Journey) view(tx *db.Tx, v flow.Visitor, s scene) (View, error) {
	list, err := j.ways(tx, s, s.turn.Ask)
	if err != nil {
		return View{}, err
	}
	unfit, err := j.ways(tx, s, s.turn.Unfit)
	if err != nil {
		return View{}, err
	}
	out := View{
		Guard:  s.turn.Guard || s.sensitive,
		Always: j.always(s),
		Again:  s.turn.Need.Reason == policy.ReasonTooOld || s.turn.Need.Reason == policy.ReasonForced,
		Way:    WayWait,
	}
	for _, w := range unfit {
		out.Unfit = append(out.Unfit, w.Option)
	}
	now, ok := asked(list, s.flow.State.Progress)
	if !ok {
		return out, nil
	}
	out.Option = now.Option
	for _, w := range list {
		if w.ID != now.ID {
			out.Others = append(out.Others, w.Option)
		}
	}
	if s.keeps() && j.Sessions.Remembers() {
		known, err := j.Sessions.Known(tx, v.Device, s.owner())
		if err != nil {
			return View{}, err
		}
		if known != nil {
			out.Keeps = j.Sessions.Settings.Remember
		}
	}
	if out.Sent, err = j.sent(tx, s, now); err != nil {
		return View{}, err
	}
	if out.Sent == nil {
		if out.Old, err = j.old(tx, s, now); err != nil {
			return View{}, err
		}
	}
	switch {
	case now.Standing.Standing != authenticator.Usable:
	case now.Sends() && out.Sent == nil:
		out.Way = WaySend
	default:
		out.Way = WayEnter
	}
	return out, nil
}

// always reports whether the deployment itself demands what a turn works towards.
func (j *Journey) always(s scene) bool { return s.turn.Need.Level <= j.Table.Always() }

// keeps reports whether the proof of a turn may be remembered in the browser.
func (s scene) keeps() bool {
	return s.turn.Need.Level.Remembers() && !s.turn.Guard && !s.sensitive
}

// binding is all that a code sent for a second step belongs to.
func (s scene) binding(a authenticator.ID, purpose otp.Purpose) otp.Binding {
	return otp.Binding{Account: s.owner(), Authenticator: a, Purpose: purpose, Flow: s.flow.ID, Session: s.live.ID}
}

// sent is the code on its way for an option, nil for none.
func (j *Journey) sent(tx *db.Tx, s scene, w way) (*Sent, error) {
	if !w.Sends() || w.authenticator == "" {
		return nil, nil //nolint:nilnil // no code is an ordinary answer
	}
	return j.pending(tx, s.binding(w.authenticator, otp.SignIn), channel(w.Method))
}

// old is the newest code of an option when it was not used in time, nil for none.
func (j *Journey) old(tx *db.Tx, s scene, w way) (*Sent, error) {
	if !w.Sends() || w.authenticator == "" {
		return nil, nil //nolint:nilnil // no code is an ordinary answer
	}
	p, found, err := j.Codes.Pending(tx, s.binding(w.authenticator, otp.SignIn))
	if err != nil || !found || p.Used || p.Channel != channel(w.Method) || p.ExpiresAt.After(s.now) {
		return nil, err
	}
	return &Sent{At: p.SentAt, ResendAt: p.ResendAt, Ends: p.ExpiresAt}, nil
}

// pending is the live code of a binding that went out by a channel.
func (j *Journey) pending(tx *db.Tx, b otp.Binding, by otp.Channel) (*Sent, error) {
	p, found, err := j.Codes.Pending(tx, b)
	if err != nil || !found || !p.Live || p.Channel != by {
		return nil, err
	}
	return &Sent{At: p.SentAt, ResendAt: p.ResendAt, Ends: p.ExpiresAt}, nil
}

// channel is how the code of a method is sent.
func channel(m policy.Method) otp.Channel {
	switch m {
	case policy.Text:
		return otp.Text
	case policy.Voice:
		return otp.Voice
	default:
		return otp.Email
	}
}

// Choose takes the way that somebody picked. When its code is sent, it is sent at
// once; a code that went out for it before is still good.
func (j *Journey) Choose(ctx context.Context, v flow.Visitor, fid id.Flow, option string) error {
	var picked way
	var waiting bool
	err := j.DB.Write(ctx, func(tx *db.Tx) error {
		s, err := j.at(tx, v, fid, flow.TurnProve)
		if err != nil {
			return err
		}
		list, err := j.ways(tx, s, s.turn.Ask)
		if err != nil {
			return err
		}
		before := s.flow.State.Progress
		s.flow.State.Progress.Second.Way = option
		found := false
		if picked, found = asked(list, s.flow.State.Progress); !found || picked.ID != option {
			return fault.On("option", fault.Invalid, "error.method.option")
		}
		pending, err := j.sent(tx, s, picked)
		if err != nil {
			return err
		}
		waiting = pending != nil
		return j.save(tx, s.flow, before)
	})
	if err != nil {
		return fmt.Errorf("stepup: choose: %w", err)
	}
	if waiting || !picked.Sends() || picked.Standing.Standing != authenticator.Usable {
		return nil
	}
	return j.Send(ctx, v, fid)
}

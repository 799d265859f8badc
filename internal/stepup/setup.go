package stepup

import (
	"context"
	"fmt"
	"slices"

	"parvis/internal/audit"
	"parvis/internal/authenticator"
	"parvis/internal/db"
	"parvis/internal/fault"
	"parvis/internal/flow"
	"parvis/internal/id"
	"parvis/internal/notify/notice"
	"parvis/internal/policy"
)

// Choices are what can be set up in a flow. Fault Conflict when nothing is to be.
func (j *Journey) Choices(ctx context.Context, v flow.Visitor, fid id.Flow) (Choices, error) {
	s, err := j.look(ctx, func(tx *db.Tx) (scene, error) {
		return j.at(tx, v, fid, flow.TurnChoose, flow.TurnSetUp, flow.TurnAnother)
	})
	if err != nil {
		return Choices{}, err
	}
	out := Choices{
		Offer: j.offer(s.list, s.turn.Offer), Required: s.turn.Required, Always: j.always(s), Level: s.turn.Need.Level,
		Method: s.turn.Method, Bound: s.flow.State.Progress.Second.Bound,
	}
	if o := authenticator.Owned(s.list); o.Cools(s.now) {
		out.Counts = o.CountFrom
	}
	return out, nil
}

// offer says of each method whether there is room for it, and whether it is there already.
func (j *Journey) offer(list []authenticator.Authenticator, methods []policy.Method) []Choice {
	out := make([]Choice, 0, len(methods))
	for _, m := range methods {
		has := slices.ContainsFunc(list, func(a authenticator.Authenticator) bool {
			return a.Type == authenticator.TypeOf(m) && !a.IsAside()
		})
		out = append(out, Choice{Method: m, Full: !j.room(list, m), Has: has, Restricted: m.Restricted()})
	}
	return out
}

// room reports whether a method can be set up beside those of a list. A new set of
// backup codes takes the place of the old one, unless that was lost and may be found.
func (j *Journey) room(list []authenticator.Authenticator, m policy.Method) bool {
	t := authenticator.TypeOf(m)
	if m == policy.Backup {
		return !slices.ContainsFunc(authenticator.Aside(list), func(a authenticator.Authenticator) bool { return a.Type == t })
	}
	return j.Methods.Room(list, t) > 0
}

// SetUp begins to set up a method that was chosen. Fault Conflict when it is not
// offered, or the account has as many as it may have.
func (j *Journey) SetUp(ctx context.Context, v flow.Visitor, fid id.Flow, m policy.Method) error {
	find := func(tx *db.Tx) (scene, error) { return j.at(tx, v, fid, flow.TurnChoose, flow.TurnSetUp) }
	return j.change(ctx, find, func(s *scene) error {
		for _, o := range j.offer(s.list, s.turn.Offer) {
			if o.Method == m && !o.Full {
				second := &s.flow.State.Progress.Second
				second.SetUp, second.Draft = m, ""
				return nil
			}
		}
		return fault.On("method", fault.Invalid, "error.method.option")
	})
}

// Back leaves the number that was typed, or else the method that was chosen.
func (j *Journey) Back(ctx context.Context, v flow.Visitor, fid id.Flow) error {
	find := func(tx *db.Tx) (scene, error) { return j.at(tx, v, fid, flow.TurnSetUp) }
	return j.change(ctx, find, func(s *scene) error {
		second := &s.flow.State.Progress.Second
		if telephone := s.turn.Method == policy.Text || s.turn.Method == policy.Voice; !telephone || second.Draft == "" {
			second.SetUp = flow.AnyMethod
		}
		second.Draft = ""
		return nil
	})
}

// Another answers whether somebody wants to set up another method: at the one
// encouragement, and as "not now" wherever nothing demands a set-up.
func (j *Journey) Another(ctx context.Context, v flow.Visitor, fid id.Flow, wants bool) error {
	find := func(tx *db.Tx) (scene, error) {
		return j.at(tx, v, fid, flow.TurnAnother, flow.TurnChoose, flow.TurnSetUp)
	}
	return j.change(ctx, find, func(s *scene) error {
		if s.turn.Required {
			return flow.OutOfTurn()
		}
		second := &s.flow.State.Progress.Second
		second.Wants, second.Settled, second.SetUp, second.Draft = wants, true, "", ""
		return nil
	})
}

// bound notes that a method was set up: in the flow, in the session when its first
// code proved it, in the audit and to the owner.
func (j *Journey) bound(tx *db.Tx, v flow.Visitor, s scene, b binding) error {
	if b.proves {
		cooling := authenticator.Owned(s.list).Cools(s.now) // as it was bound just now
		if err := j.elevate(tx, v, s, proof{b.method, cooling}, b.token); err != nil {
			return err
		}
	}
	t := authenticator.TypeOf(b.method)
	if err := j.note(tx, s.flow.Event(audit.MethodBound, v, s.owner(), ""), s.live, b.authenticator, t); err != nil {
		return err
	}
	if err := j.tell(tx, s.owner(), b.told); err != nil {
		return err
	}
	before := s.flow.State.Progress
	second := &s.flow.State.Progress.Second
	second.Bound, second.Wants, second.SetUp, second.Draft, second.Way = b.method, false, "", "", ""
	return j.save(tx, s.flow, before)
}

// binding is a method that was set up.
type binding struct {
	method        policy.Method
	authenticator authenticator.ID
	proves        bool   // its first code was typed: it is proven, too
	token         string // of the session, when it proves
	told          notice.Data
}

// drafted reads what is being set up in a flow, and keeps a fresh draft when there
// is none yet: opening the page begins it, and opening it again shows the same.
func (j *Journey) drafted(ctx context.Context, find func(tx *db.Tx) (scene, error), fresh string) (scene, error) {
	s, err := j.look(ctx, find)
	if err != nil || s.flow.State.Progress.Second.Draft != "" {
		return s, err
	}
	err = j.DB.Write(ctx, func(tx *db.Tx) error {
		var err error
		if s, err = find(tx); err != nil || s.flow.State.Progress.Second.Draft != "" {
			return err
		}
		s.flow.State.Progress.Second.Draft = fresh
		s.flow, err = j.Flows.Save(tx, s.flow)
		return err
	})
	if err != nil {
		return scene{}, fmt.Errorf("stepup: draft: %w", err)
	}
	return s, nil
}

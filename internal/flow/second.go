package flow

import (
	"log/slog"
	"slices"
	"time"

	"parvis/internal/id"
	"parvis/internal/policy"
)

// AnyMethod in State.SetUp lets the person choose what to set up.
const AnyMethod policy.Method = "any"

// Second is how far the second step of a journey, or the set-up of a method, is.
type Second struct {
	Owner   id.Account    `json:"owner,omitempty"`   // whose it is: nobody else goes on with it
	Way     string        `json:"way,omitempty"`     // authenticator chosen to prove with; "" for the suggested one
	Wants   bool          `json:"wants,omitempty"`   // the person wants to set up another method, which nothing demands
	SetUp   policy.Method `json:"setUp,omitempty"`   // method chosen to be set up
	Draft   string        `json:"draft,omitempty"`   // what is being set up, in the words of the journey that does it
	Bound   policy.Method `json:"bound,omitempty"`   // method that was set up last on this flow
	Settled bool          `json:"settled,omitempty"` // whether to set up another was answered
	Remind  bool          `json:"remind,omitempty"`  // the backup codes were not used for long: ask whether they are at hand
}

// Of is what an account has begun: nothing of what somebody else began in the same
// browser, whose secrets that person has seen.
func (s Second) Of(account id.Account) Second {
	if s.Owner != account {
		return Second{Owner: account}
	}
	return s
}

// LogValue keeps the secrets of a set-up out of the log.
func (s Second) LogValue() slog.Value { return slog.StringValue("second:" + string(s.SetUp)) }

// TurnKind is what is due of a second step.
type TurnKind string

// The kinds. The zero value: nothing is due.
const (
	TurnProve   TurnKind = "prove"   // prove one of Turn.Ask
	TurnChoose  TurnKind = "choose"  // choose one of Turn.Offer to be set up
	TurnSetUp   TurnKind = "set-up"  // Turn.Method is being set up
	TurnLink    TurnKind = "link"    // say whether the sign-in at a partner is linked to the account
	TurnRemind  TurnKind = "remind"  // say whether the backup codes are still at hand
	TurnWait    TurnKind = "wait"    // nothing can be proven before Turn.Until: methods were lost, and what is in their place does not count yet
	TurnAnother TurnKind = "another" // there is only one strong method: be encouraged, once, to set up another
)

// Turn is what is due of the second step in a flow.
type Turn struct {
	Kind     TurnKind
	Need     policy.Need
	Ask      []policy.Method // for TurnProve: one of them is enough
	Guard    bool            // for TurnProve: it is asked because something is to be set up
	Unfit    []policy.Method // methods of the account that are not enough
	Offer    []policy.Method // what can be set up, as it is recommended
	Method   policy.Method   // for TurnSetUp
	Required bool            // what is demanded cannot be reached without a set-up
	Until    time.Time       // for TurnWait
}

// Turn names what is due of the second step for somebody who has proven facts and
// has methods: first what is demanded, then what the person wants to set up, then
// the one encouragement. Nothing is due before the password was proven as the
// demand wants it; see Asking for that.
func (s State) Turn(table policy.Table, facts policy.Facts, o policy.Owned, now time.Time) Turn {
	has := o.Methods
	// As much as the account can give, whoever signs in on the way. After a loss that is out
	// of reach, except for putting something in the place of what was lost.
	if s.Demand.Sensitive && (s.SetUp == "" || !o.Cools(now)) {
		s.Demand.Level = max(s.Demand.Level, table.Sensitive(o.All()).Level)
	}
	// While something was bound in place of lost methods, nothing else is: a partner would be
	// a way in that the waiting time does not hold for.
	links := s.Progress.Partner.Known(now) && !o.Cools(now)
	if links { // the account is proven through any door, to link one that the service takes
		s.Demand.Doors = policy.Doors{}
	}
	need := table.Next(s.Demand, facts, now)
	second := s.Progress.Second
	switch {
	case need.Step == policy.StepSecond:
		way := table.Way(need, s.Demand, facts, o, now)
		out := Turn{Need: need, Unfit: way.Unfit, Offer: way.SetUp, Required: len(way.Ask) == 0}
		if len(way.Guard) > 0 {
			return out.prove(way.Guard, true)
		}
		if len(way.Ask) > 0 {
			return out.prove(way.Ask, false)
		}
		if way.Cooling {
			out.Kind, out.Until = TurnWait, o.CountFrom
			return out
		}
		return out.setUp(second.SetUp)
	case need.Step != policy.StepNone || facts.First().IsZero():
		return Turn{}
	case links:
		// A new way in is bound like a method: on the best proof that the account can give.
		out := Turn{Kind: TurnLink, Need: need}
		if guard := table.Guard(s.Demand, facts, has, now); len(guard) > 0 {
			return out.prove(guard, true)
		}
		return out
	case second.Wants, s.SetUp != "" && second.Bound == "" && !second.Settled:
		out := Turn{Need: need, Offer: offer(table)}
		if guard := table.Guard(s.Demand, facts, has, now); len(guard) > 0 {
			return out.prove(guard, true)
		}
		method := second.SetUp
		if method == "" {
			method = s.SetUp
		}
		return out.setUp(method)
	case second.Remind && slices.Contains(has, policy.Backup):
		return Turn{Kind: TurnRemind, Need: need, Offer: offer(table)}
	case second.Bound != "" && !second.Settled && s.SetUp == "" && strong(has) == 1 && len(offer(table)) > 1:
		return Turn{Kind: TurnAnother, Need: need, Offer: offer(table)}
	}
	return Turn{}
}

// Restoring is a state as it counts for the owner of a merged account, who can do nothing
// but undo the merging: the best proof that the account can give is due, as for every
// change of an account, and nothing is set up or linked on the way.
func (s State) Restoring(table policy.Table) State {
	journey := s.Demand.Journey
	s.Demand, s.SetUp = table.Sensitive(nil), ""
	s.Demand.Journey = journey
	s.Progress.Second = Second{Owner: s.Progress.Second.Owner, Way: s.Progress.Second.Way}
	if s.Progress.Partner.Subject != "" {
		s.Progress.Partner = Partner{}
	}
	return s
}

func (t Turn) prove(ask []policy.Method, guard bool) Turn {
	t.Kind, t.Ask, t.Guard = TurnProve, ask, guard
	return t
}

func (t Turn) setUp(method policy.Method) Turn {
	t.Kind = TurnChoose
	if slices.Contains(t.Offer, method) {
		t.Kind, t.Method = TurnSetUp, method
	}
	return t
}

// offer are the methods that can be set up; e-mail is there already.
func offer(table policy.Table) []policy.Method {
	return slices.DeleteFunc(table.Usable(), func(m policy.Method) bool { return m == policy.Email })
}

// strong counts the methods that can stand beside each other when one is lost:
// text and voice of one telephone are one.
func strong(has []policy.Method) int {
	n := 0
	for _, m := range has {
		if m.Worth() >= policy.AAL2 && m != policy.Voice {
			n++
		}
	}
	return n
}

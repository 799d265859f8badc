package policy

import "time"

// Step is what has to happen next.
type Step string

// The steps that Next can name.
const (
	StepNone       Step = ""           // nothing is left to ask
	StepFirst      Step = "first"      // ask for the password, or another first step
	StepSecond     Step = "second"     // ask for a second step; Need.Way says which
	StepImpossible Step = "impossible" // this deployment cannot reach what is demanded: answer with the protocol's error
)

// Reason says why a step is needed.
type Reason string

// The reasons that Next gives.
const (
	ReasonNone        Reason = ""              // no step is needed
	ReasonNotSignedIn Reason = "not_signed_in" // nothing was proven yet
	ReasonForced      Reason = "forced"        // the service wants a new authentication
	ReasonTooOld      Reason = "too_old"       // a proof is older than MaxAge
	ReasonDoor        Reason = "door"          // what was proven came through a door that the service does not take
	ReasonTooWeak     Reason = "too_weak"      // what was proven is worth less than demanded
	ReasonUnknownACR  Reason = "unknown_acr"   // a class that is demanded does not exist here
)

// Need is what a demand still asks of the facts.
type Need struct {
	Step   Step
	Reason Reason
	Level  Level    // what is worked towards
	Accept []Method // for StepSecond: the methods that complete it, as they are recommended
}

// Next names the one step that is asked for next and why, or StepNone.
// The order of the rules is fixed: what can never be reached, what was never
// proven, what must be proven anew, what is too old, what is too weak.
func (t Table) Next(d Demand, f Facts, now time.Time) Need {
	counts := f.counting(d, now, t.settings.Reauthenticate)
	goal, reachable := t.goal(d, counts)
	if !reachable {
		return Need{Step: StepImpossible, Reason: ReasonUnknownACR}
	}
	need := Need{Level: goal}
	switch {
	case goal.reached(counts, t.usable):
		return need
	case f.First().IsZero():
		need.Step, need.Reason = StepFirst, ReasonNotSignedIn
		return need
	case counts.First().IsZero():
		need.Step, need.Reason = StepFirst, renewal(d)
		if every := d; !d.Doors.All() {
			every.Doors = Doors{}
			if !f.counting(every, now, t.settings.Reauthenticate).First().IsZero() {
				need.Reason = ReasonDoor
			}
		}
		return need
	}
	need.Step, need.Reason, need.Accept = StepSecond, ReasonTooWeak, goal.accepts(t.usable)
	if goal.reached(f, t.usable) {
		need.Reason = renewal(d)
	}
	return need
}

// renewal is why what was proven has to be proven again.
func renewal(d Demand) Reason {
	if d.ForceLogin {
		return ReasonForced
	}
	return ReasonTooOld
}

// Possible reports whether there is somebody who could meet a demand in this deployment.
func (t Table) Possible(d Demand) bool {
	return t.Next(d, Facts{}, time.Time{}).Step != StepImpossible
}

package policy

import (
	"slices"
	"time"
)

// Way says how the second step of a Need is done with the methods that an
// account has. Exactly one of the lists leads: Guard before Ask before SetUp.
type Way struct {
	// Guard are methods of which one is proven first, because something is to be
	// set up: a new method is never bound on a weaker proof than the account can
	// give (SP 800-63B-4, 4.1.2.1).
	Guard []Method
	// Ask are the account's methods that complete the step.
	Ask []Method
	// SetUp are the methods that would complete it and that the account lacks.
	SetUp []Method
	// Unfit are the account's methods that are not enough for what is demanded.
	Unfit []Method
	// Cooling reports that nothing is to be asked now: methods of the account will be
	// enough when their cooling-off is over, or those that were lost may come back.
	Cooling bool
}

// Way picks among the methods that an account has (e-mail goes without
// saying, since every account has a confirmed address). A method that is
// disabled for too many wrong codes still counts as had: losing it on purpose
// must not open the way to a weaker proof.
func (t Table) Way(n Need, d Demand, f Facts, o Owned, now time.Time) Way {
	if n.Step != StepSecond {
		return Way{}
	}
	var w Way
	owned := slices.Concat(o.Methods, []Method{Email})
	late := n.Level > TwoSteps && o.Cools(now)
	for _, m := range n.Accept {
		switch {
		case !slices.Contains(owned, m):
			w.SetUp = append(w.SetUp, m)
		case late:
			w.Cooling = true
		default:
			w.Ask = append(w.Ask, m)
		}
	}
	if late && d.Sensitive {
		w.Cooling = true
	}
	if w.Cooling {
		w.SetUp = nil
	}
	for _, m := range Seconds() {
		if slices.Contains(owned, m) && !slices.Contains(n.Accept, m) && (m == Email || t.Offers(m)) {
			w.Unfit = append(w.Unfit, m)
		}
	}
	if len(w.Ask) == 0 && !w.Cooling {
		w.Guard = t.Guard(d, f, o.Methods, now)
	}
	return w
}

// Guard lists the methods of which one has to be proven before another is set
// up: the account's own that are worth AAL2, else a code by e-mail. Empty when one
// of them was proven as lately as the demand, and the deployment's window, want: the
// window also holds for what was proven in the journey itself.
func (t Table) Guard(d Demand, f Facts, has []Method, now time.Time) []Method {
	var guard []Method
	for _, m := range has {
		if m.Worth() >= AAL2 && t.Offers(m) {
			guard = append(guard, m)
		}
	}
	if len(guard) == 0 {
		guard = []Method{Email}
	}
	if d.MaxAge == nil || *d.MaxAge > t.settings.Reauthenticate {
		window := t.settings.Reauthenticate
		d.MaxAge = &window
	}
	counts := f.counting(d, now, t.settings.Reauthenticate)
	if slices.ContainsFunc(guard, func(m Method) bool { return !counts.Proven(m).IsZero() }) {
		return nil
	}
	return guard
}

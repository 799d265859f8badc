package policy

import (
	"slices"
	"time"
)

// Table is a deployment's policy, ready to be asked. Make it with NewTable; the
// zero value reaches nothing.
type Table struct {
	settings Settings
	usable   []Method // second steps that are offered and can be used here, in the order of recommending
}

// NewTable makes the table of a deployment. usable are the methods that it has
// the means for (a code by text needs somebody who sends texts); those that its
// settings do not offer are left out.
func NewTable(s Settings, usable ...Method) Table {
	t := Table{settings: s}
	for _, m := range s.Methods {
		if slices.Contains(usable, m) {
			t.usable = append(t.usable, m)
		}
	}
	return t
}

// Usable lists the second steps that people can use, as they are recommended.
func (t Table) Usable() []Method { return slices.Clone(t.usable) }

// Offers reports whether a method can be used as a second step.
func (t Table) Offers(m Method) bool { return slices.Contains(t.usable, m) }

// Always is the level that every sign-in reaches, whatever the service asks for.
func (t Table) Always() Level { return t.settings.Always }

// Window is how old a proof may be when something important is changed.
func (t Table) Window() time.Duration { return t.settings.Reauthenticate }

// Reachable reports whether somebody can reach a level here at all.
func (t Table) Reachable(l Level) bool {
	return l <= OneStep || len(l.accepts(t.usable)) > 0
}

// Known reports whether an acr value has a class that can be reached here.
func (t Table) Known(acr string) bool {
	_, ok := t.class(acr)
	return ok
}

// Values lists the acr values that can be reached, the weakest first, for
// discovery's acr_values_supported.
func (t Table) Values() []string {
	var out []string
	for _, c := range t.settings.Classes {
		if t.Reachable(c.Level) {
			out = append(out, c.ACR)
			out = append(out, c.Aliases...)
		}
	}
	return out
}

// TwoFactors reports whether every sign-in proves two different factors, so that
// a password may be shorter (SP 800-63B-4, 3.1.1.2).
func (t Table) TwoFactors() bool {
	accepted := t.settings.Always.accepts(t.usable)
	weak := slices.ContainsFunc(accepted, func(m Method) bool { return m.Worth() < AAL2 })
	return t.settings.Always > OneStep && len(accepted) > 0 && !weak
}

// Problems lists what the deployment's own demand lacks the means for.
func (t Table) Problems() []string {
	if t.Reachable(t.settings.Always) {
		return nil
	}
	return []string{"always: nobody can reach " + t.settings.Always.String() + "; add a method, or the means for it"}
}

// Sensitive is the demand of a page that changes the account: proofs within the
// window, up to the best second step that the account has (has), and at least a
// code by e-mail.
func (t Table) Sensitive(has []Method) Demand {
	level := TwoSteps
	for _, m := range has {
		if m.Worth() >= AAL2 && t.Offers(m) {
			level = AAL2
		}
	}
	window := t.settings.Reauthenticate
	return Demand{Level: level, MaxAge: &window, Sensitive: true}
}

// ACR is the class that may be claimed for facts: the first demanded class that
// they satisfy, by the name it was demanded by; else the strongest one that they
// satisfy; else "" (claim none). Never one below what the registration demands.
func (t Table) ACR(d Demand, f Facts) string {
	for _, want := range d.ACR {
		if c, ok := t.class(want); ok && c.Level >= t.floor(d) && c.Level.reached(f, t.usable) {
			return want
		}
	}
	for _, want := range d.Floor {
		if c, ok := t.class(want); ok && len(d.ACR) == 0 && c.Level.reached(f, t.usable) {
			return want
		}
	}
	for _, c := range slices.Backward(t.settings.Classes) {
		if c.Level.reached(f, t.usable) {
			return c.ACR
		}
	}
	return ""
}

// Level is the highest level that facts reach; zero for none.
func (t Table) Level(f Facts) Level {
	for _, l := range slices.Backward(Levels()) {
		if l.reached(f, t.usable) {
			return l
		}
	}
	return 0
}

// class is the class of an acr value, if it can be reached here.
func (t Table) class(acr string) (Class, bool) {
	i := slices.IndexFunc(t.settings.Classes, func(c Class) bool { return c.names(acr) })
	if i < 0 || !t.Reachable(t.settings.Classes[i].Level) {
		return Class{}, false
	}
	return t.settings.Classes[i], true
}

// floor is the level below which no sign-in of a demand goes: the weakest class
// of the registration, the demand of our own pages, and what is always asked.
func (t Table) floor(d Demand) Level {
	var registered Level
	for _, want := range d.Floor {
		if c, ok := t.class(want); ok && (registered == 0 || c.Level < registered) {
			registered = c.Level
		}
	}
	return max(registered, d.Level, t.settings.Always)
}

// goal is the level to work towards; false when the demand cannot be met here.
func (t Table) goal(d Demand, f Facts) (Level, bool) {
	floor := t.floor(d)
	registered := len(d.Floor) == 0 || slices.ContainsFunc(d.Floor, t.Known)
	if !registered || !t.Reachable(floor) || len(t.settings.Classes) == 0 {
		return 0, false
	}
	wanted, known := t.wanted(d, f, floor)
	if !known && d.Essential && len(d.ACR) > 0 {
		return 0, false
	}
	return max(floor, wanted), true
}

// wanted is the level that the request itself asks for. Where one of its classes
// is enough, one that the facts satisfy goes before the one it prefers.
func (t Table) wanted(d Demand, f Facts, floor Level) (Level, bool) {
	var first, strongest Level
	for _, want := range d.ACR {
		c, ok := t.class(want)
		if !ok {
			continue
		}
		if t.settings.Combine == Any && max(c.Level, floor).reached(f, t.usable) {
			return c.Level, true
		}
		if first == 0 {
			first = c.Level
		}
		strongest = max(strongest, c.Level)
	}
	if t.settings.Combine == All {
		return strongest, strongest > 0
	}
	return first, first > 0
}

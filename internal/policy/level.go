package policy

import (
	"fmt"
	"slices"
)

// Level is how much was proven, or has to be. Each level includes those below.
type Level int

// The levels. The zero value is nothing.
const (
	OneStep               Level = iota + 1 // one proof, such as a password
	TwoSteps                               // two proofs; a code by e-mail may be the second
	AAL2                                   // two different factors (SP 800-63B-4, 2.2)
	AAL2PhishingResistant                  // AAL2 by a method that cannot be used at a false site
	AAL3                                   // with a key that cannot be copied (SP 800-63B-4, 2.3)
)

// Levels lists every level, the weakest first.
func Levels() []Level { return []Level{OneStep, TwoSteps, AAL2, AAL2PhishingResistant, AAL3} }

var levelNames = map[Level]string{
	OneStep: "one-step", TwoSteps: "two-steps", AAL2: "aal2",
	AAL2PhishingResistant: "aal2-phishing-resistant", AAL3: "aal3",
}

// String is the level's name in configurations and logs, e.g. "two-steps"; "none" for nothing.
func (l Level) String() string {
	if name, ok := levelNames[l]; ok {
		return name
	}
	return "none"
}

// MarshalText writes the name.
func (l Level) MarshalText() ([]byte, error) { return []byte(l.String()), nil }

// UnmarshalText reads a name; an unknown one is an error that lists those that exist.
func (l *Level) UnmarshalText(text []byte) error {
	for _, known := range Levels() {
		if known.String() == string(text) {
			*l = known
			return nil
		}
	}
	if string(text) == "none" {
		*l = 0
		return nil
	}
	return fmt.Errorf("%q is no level; choose one of %v", text, Levels())
}

// Remembers reports whether a remembered browser may stand for the second step:
// below AAL2 only (SP 800-63B-4, 2.2 asks for both factors each time).
func (l Level) Remembers() bool { return l == TwoSteps }

// accepts lists which of some methods complete a level beside a password.
func (l Level) accepts(usable []Method) []Method {
	var out []Method
	for _, m := range usable {
		if m.Worth() >= l {
			out = append(out, m)
		}
	}
	return out
}

// reached reports whether facts prove a level with the methods that count here. A
// second step adds to a partner's sign-in as it does to a password; without one the
// partner's sign-in is worth what the deployment takes it for.
func (l Level) reached(f Facts, usable []Method) bool {
	if f.First().IsZero() {
		return false
	}
	if l == OneStep || !f.Partner.At.IsZero() && l <= f.Partner.Worth {
		return true
	}
	if l.Remembers() && !f.Remembered.IsZero() {
		return true
	}
	return slices.ContainsFunc(f.Others, func(p Proof) bool { return slices.Contains(usable, p.Method) && p.worth() >= l })
}

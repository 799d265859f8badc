// Package policy says what a sign-in still needs and what a proven sign-in is worth.
//
// A service states a Demand. A session keeps Facts: what was proven, when and
// in which journey. Next compares the two and names the one step to ask for,
// with the reason. What facts are worth (the acr and amr that a service is
// told) is computed from them by a Table and never stored, so that nothing can
// claim more than was proven (SP 800-63C-4, 2.5). The dispatcher of the
// journeys, the OpenID endpoints (prompt=none too) and later the SAML endpoints
// all ask here. The package is pure: no clock, no database, no configuration.
package policy

import (
	"slices"
	"time"

	"parvis/internal/id"
)

// Method is one way of proving who one is.
type Method string

// The methods that Facts can hold.
const (
	Password Method = "password"
)

// Methods lists every method, in the order in which they are asked for.
func Methods() []Method { return []Method{Password} }

// Facts are what was proven in a session. The zero value: nothing.
type Facts struct {
	Password time.Time `json:"password,omitzero"` // when the password was verified
	Journey  id.Flow   `json:"journey,omitempty"` // the flow in which the newest fact was proven
}

// Proven is the instant at which a method was proven; zero: it was not.
func (f Facts) Proven(m Method) time.Time {
	if m == Password {
		return f.Password
	}
	return time.Time{}
}

// AuthenticatedAt is the auth_time of OpenID Connect: the last time the person
// proved who they are; zero if never.
func (f Facts) AuthenticatedAt() time.Time {
	var latest time.Time
	for _, m := range Methods() {
		if at := f.Proven(m); at.After(latest) {
			latest = at
		}
	}
	return latest
}

// Demand is what a service asks of a sign-in. The zero value asks for any sign-in.
type Demand struct {
	// ACR lists the classes that the service accepts, best first. Empty: any class.
	ACR []string `json:"acr,omitempty"`
	// Essential refuses the sign-in when none of ACR can be reached. Otherwise ACR
	// is a wish (OpenID Connect Core 3.1.2.1): the sign-in goes on and the service
	// is told the class that was reached.
	Essential bool `json:"essential,omitempty"`
	// MaxAge is the greatest age of the authentication; nil: any age.
	MaxAge *time.Duration `json:"max_age,omitempty"`
	// ForceLogin asks for a new authentication in this very journey (prompt=login, ForceAuthn).
	ForceLogin bool `json:"force_login,omitempty"`
	// SelectAccount lets the person choose as whom to go on (prompt=select_account).
	SelectAccount bool `json:"select_account,omitempty"`
	// ForceConsent asks for agreement even if it was given before (prompt=consent).
	ForceConsent bool `json:"force_consent,omitempty"`
	// Journey is the flow that carries this demand; flow.Start sets it. Facts of
	// the same journey are new enough for ForceLogin and for every MaxAge: without
	// this, max_age=0 would ask for ever, and two requests of one millisecond
	// could be taken for each other.
	Journey id.Flow `json:"journey,omitempty"`
}

// Step is what has to happen next.
type Step string

// The steps that Next can name.
const (
	StepNone       Step = ""           // nothing is left to ask
	StepPassword   Step = "password"   // ask for the password
	StepImpossible Step = "impossible" // this deployment cannot reach what is demanded: answer with the protocol's error
)

// Reason says why a step is needed.
type Reason string

// The reasons that Next gives.
const (
	ReasonNone        Reason = ""              // no step is needed
	ReasonNotSignedIn Reason = "not_signed_in" // nothing was proven yet
	ReasonForced      Reason = "forced"        // the service wants a new authentication
	ReasonTooOld      Reason = "too_old"       // the authentication is older than MaxAge
	ReasonTooWeak     Reason = "too_weak"      // what was proven is worth less than demanded
	ReasonUnknownACR  Reason = "unknown_acr"   // an essential class that does not exist here
)

// Class is one row of a Table: an acr value and what must be proven for it.
type Class struct {
	ACR   string   // the value that services ask for and are told
	Needs []Method // every one of these must be proven
}

// Table is a deployment's list of classes, weakest first.
type Table []Class

// ACRPassword is the class of a sign-in with a password alone.
const ACRPassword = "urn:parvis:acr:1" //nolint:gosec // a class, not a password

// Standard is the table of this release: one step, one class.
func Standard() Table { return Table{{ACR: ACRPassword, Needs: []Method{Password}}} }

// Next compares demand and facts by the Standard table; see Table.Next.
func Next(d Demand, f Facts, now time.Time) (Step, Reason) { return Standard().Next(d, f, now) }

// ACR is the class of facts by the Standard table; see Table.ACR.
func ACR(d Demand, f Facts) string { return Standard().ACR(d, f) }

// ACRValues are the classes of the Standard table, for discovery's acr_values_supported.
func ACRValues() []string { return Standard().Values() }

// AMR lists the methods of RFC 8176 that were proven, e.g. ["pwd"]; nil if none.
func AMR(f Facts) []string {
	var out []string
	for _, m := range Methods() {
		if f.Proven(m).IsZero() {
			continue
		}
		if m == Password {
			out = append(out, "pwd")
		}
	}
	return out
}

// Values lists the acr values, weakest first.
func (t Table) Values() []string {
	out := make([]string, len(t))
	for i, c := range t {
		out[i] = c.ACR
	}
	return out
}

// Next names the one step that is asked for next and why, or StepNone.
// The order of the rules is fixed: what can never be reached, what was never
// proven, what must be proven anew, what is too old, what is too weak.
func (t Table) Next(d Demand, f Facts, now time.Time) (Step, Reason) {
	goal, reachable := t.goal(d, f)
	if !reachable {
		return StepImpossible, ReasonUnknownACR
	}
	at := f.AuthenticatedAt()
	fresh := f.Journey != "" && f.Journey == d.Journey
	switch {
	case at.IsZero():
		return firstStep(goal, Facts{}), ReasonNotSignedIn
	case d.ForceLogin && !fresh:
		return firstStep(goal, Facts{}), ReasonForced
	case d.MaxAge != nil && !fresh && now.Sub(at) > *d.MaxAge:
		return firstStep(goal, Facts{}), ReasonTooOld
	case !satisfied(goal, f):
		return firstStep(goal, f), ReasonTooWeak
	}
	return StepNone, ReasonNone
}

// ACR is the class that may be claimed for facts: the first demanded class that
// they satisfy, else the strongest one that they satisfy, else "" (claim none).
func (t Table) ACR(d Demand, f Facts) string {
	for _, want := range d.ACR {
		if c, ok := t.class(want); ok && satisfied(c, f) {
			return c.ACR
		}
	}
	for _, c := range slices.Backward(t) {
		if satisfied(c, f) {
			return c.ACR
		}
	}
	return ""
}

// goal is the class to work towards: a demanded one that is satisfied already,
// else the first demanded one that exists, else the weakest. It is not
// reachable when the demand is essential and none of its classes exists.
func (t Table) goal(d Demand, f Facts) (Class, bool) {
	var first *Class
	for _, want := range d.ACR {
		c, ok := t.class(want)
		if !ok {
			continue
		}
		if satisfied(c, f) {
			return c, true
		}
		if first == nil {
			first = &c
		}
	}
	if first != nil {
		return *first, true
	}
	if len(t) == 0 || (d.Essential && len(d.ACR) > 0) {
		return Class{}, false
	}
	return t[0], true
}

func (t Table) class(acr string) (Class, bool) {
	i := slices.IndexFunc(t, func(c Class) bool { return c.ACR == acr })
	if i < 0 {
		return Class{}, false
	}
	return t[i], true
}

// satisfied reports whether everything that a class needs was proven.
func satisfied(c Class, f Facts) bool {
	return !slices.ContainsFunc(c.Needs, func(m Method) bool { return f.Proven(m).IsZero() })
}

// firstStep is the step of the first needed method that the facts lack.
func firstStep(c Class, f Facts) Step {
	for _, m := range c.Needs {
		if f.Proven(m).IsZero() {
			return Step(m)
		}
	}
	return StepNone
}

package policy

import (
	"slices"
	"time"

	"parvis/internal/id"
)

// Facts are what was proven in a session. The zero value: nothing. A password
// begins them: proving it again starts new facts.
type Facts struct {
	Password time.Time `json:"password,omitzero"` // when the password was verified
	Journey  id.Flow   `json:"journey,omitempty"` // the flow in which it was
	Others   []Proof   `json:"others,omitempty"`  // second steps, the oldest first, one of each method
	// Remembered is when a second step was proven in this browser in an earlier
	// session, if it was still to be remembered when the password was verified.
	Remembered time.Time `json:"remembered,omitzero"`
}

// Proof is one proven method.
type Proof struct {
	Method  Method    `json:"method"`
	At      time.Time `json:"at"`
	Journey id.Flow   `json:"journey,omitempty"` // the flow in which it was proven
}

// With adds a proof, in place of an older one of the same method. A password
// starts new facts: what was proven before it does not count on.
func (f Facts) With(m Method, at time.Time, journey id.Flow) Facts {
	if m == Password {
		return Facts{Password: at, Journey: journey}
	}
	others := slices.DeleteFunc(slices.Clone(f.Others), func(p Proof) bool { return p.Method == m })
	f.Others = append(others, Proof{Method: m, At: at, Journey: journey})
	return f
}

// Proven is the instant at which a method was proven; zero: it was not.
func (f Facts) Proven(m Method) time.Time {
	if m == Password {
		return f.Password
	}
	for _, p := range f.Others {
		if p.Method == m {
			return p.At
		}
	}
	return time.Time{}
}

// Second is the newest second step that was proven; zero: there is none.
func (f Facts) Second() Proof {
	var out Proof
	for _, p := range f.Others {
		if p.At.After(out.At) {
			out = p
		}
	}
	return out
}

// AuthenticatedAt is the auth_time of OpenID Connect: the last time the person
// proved who they are; zero if never.
func (f Facts) AuthenticatedAt() time.Time {
	latest := f.Password
	for _, p := range f.Others {
		if p.At.After(latest) {
			latest = p.At
		}
	}
	return latest
}

// counting are the facts that count for a demand: those that are as new as it
// wants. Without this a second step of now would lend its age to a password of
// this morning. What was proven in the journey of the demand itself is new enough for
// as long as the window: a journey can be left open for hours.
func (f Facts) counting(d Demand, now time.Time, window time.Duration) Facts {
	counts := func(at time.Time, journey id.Flow) bool {
		age := now.Sub(at)
		young := d.MaxAge == nil || age <= *d.MaxAge
		switch {
		case at.IsZero():
			return false
		case journey != "" && journey == d.Journey && age <= window:
			return young || !d.Sensitive
		default:
			return young && !d.ForceLogin
		}
	}
	out := Facts{Journey: f.Journey}
	if counts(f.Password, f.Journey) {
		out.Password = f.Password
	}
	for _, p := range f.Others {
		if counts(p.At, p.Journey) {
			out.Others = append(out.Others, p)
		}
	}
	if !d.Sensitive {
		out.Remembered = f.Remembered
	}
	return out
}

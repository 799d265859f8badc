package policy

import (
	"slices"
	"time"

	"parvis/internal/id"
)

// Facts are what was proven in a session. The zero value: nothing. A first step
// begins them, a password or the sign-in of a partner: proving it again starts new
// facts.
type Facts struct {
	Password time.Time `json:"password,omitzero"` // when the password was verified
	Journey  id.Flow   `json:"journey,omitempty"` // the flow in which it was
	Others   []Proof   `json:"others,omitempty"`  // second steps, the oldest first, one of each method
	Partner  Partner   `json:"partner,omitzero"`  // the sign-in at a partner that began the session, in place of a password
	// Remembered is when a second step was proven in this browser in an earlier
	// session, if it was still to be remembered when the password was verified.
	Remembered time.Time `json:"remembered,omitzero"`
}

// Partner is a sign-in at a sign-in partner.
type Partner struct {
	At    time.Time `json:"at"`             // when the person signed in there, as far as the partner told; else when it answered
	Worth Level     `json:"worth"`          // what the deployment takes it for, at most
	Door  string    `json:"door,omitempty"` // the sign-in partner; "": a session of before doors were told apart
	// Untimed says that the partner did not tell when: the sign-in may be of any age,
	// and is never young.
	Untimed bool `json:"untimed,omitempty"`
	// ByMailbox names the link through which the partner opened the session when that was
	// made by somebody who had proven nothing but the mailbox; "" else.
	ByMailbox string `json:"by_mailbox,omitempty"`
}

// First is when the first step was proven; zero: it was not.
func (f Facts) First() time.Time {
	if f.Password.After(f.Partner.At) {
		return f.Password
	}
	return f.Partner.At
}

// ByPartner are the facts of a sign-in at a partner.
func ByPartner(p Partner, journey id.Flow) Facts { return Facts{Partner: p, Journey: journey} }

// Proof is one proven method.
type Proof struct {
	Method  Method    `json:"method"`
	At      time.Time `json:"at"`
	Journey id.Flow   `json:"journey,omitempty"` // the flow in which it was proven
	// Cooling says that the method did not count in full when it was proven: it was bound
	// after every other one was lost, and its cooling-off was not over (Owned.CountFrom).
	Cooling bool `json:"cooling,omitempty"`
}

// worth is the highest level that a password and the proof reach together. What was
// proven while a method cooled off never counts for more: prove it again afterwards.
func (p Proof) worth() Level {
	if p.Cooling {
		return min(p.Method.Worth(), TwoSteps)
	}
	return p.Method.Worth()
}

// With adds a proof, in place of an older one of the same method. A password
// starts new facts: what was proven before it does not count on.
func (f Facts) With(m Method, at time.Time, journey id.Flow) Facts {
	return f.WithProof(Proof{Method: m, At: at, Journey: journey})
}

// WithProof is With for a proof that may be one of a method that cools off.
func (f Facts) WithProof(p Proof) Facts {
	if p.Method == Password {
		return Facts{Password: p.At, Journey: p.Journey}
	}
	others := slices.DeleteFunc(slices.Clone(f.Others), func(o Proof) bool { return o.Method == p.Method })
	f.Others = append(others, p)
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
// proved who they are; zero if never, or when nobody knows.
func (f Facts) AuthenticatedAt() time.Time {
	latest := f.First()
	if f.Partner.Untimed {
		latest = f.Password
	}
	for _, p := range f.Others {
		if p.At.After(latest) {
			latest = p.At
		}
	}
	return latest
}

// counting are the facts that count for a demand: those that are as new as it
// wants. Without this a second step of now would lend its age to a password of
// this morning. A sign-in at a partner whose time nobody knows counts only where no age
// is asked for. What was proven in the journey of the demand itself is new enough for
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
	f = d.Doors.counting(f)
	out := Facts{Journey: f.Journey}
	if counts(f.Password, f.Journey) {
		out.Password = f.Password
	}
	if timeless := d.MaxAge == nil && !d.ForceLogin && !d.Sensitive; counts(f.Partner.At, f.Journey) && (timeless || !f.Partner.Untimed) {
		out.Partner = f.Partner
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

package flow

import (
	"log/slog"
	"time"

	"parvis/internal/id"
	"parvis/internal/policy"
)

// Partner is a sign-in at a sign-in partner: one that is under way, how the last one
// failed, or who somebody is there while no account is linked to it.
type Partner struct {
	Asked   string     `json:"asked,omitempty"`   // provider that the person goes to, or came from
	URL     string     `json:"url,omitempty"`     // where it is, with the request
	Form    string     `json:"form,omitempty"`    // the request where it is a form to be posted there, as signin packed it
	Pending string     `json:"pending,omitempty"` // what must be remembered until the answer, as upstream wrote it; taken away by its use
	Mark    string     `json:"mark,omitempty"`    // of the answer that is being checked; gone when the journey moved on meanwhile
	For     id.Account `json:"for,omitempty"`     // who is signed in and goes there to prove it anew; "" for anybody
	Failure string     `json:"failure,omitempty"` // why the last try came to nothing, as upstream.Failure names it

	Provider string       `json:"provider,omitempty"` // where the person has signed in
	Issuer   string       `json:"issuer,omitempty"`
	Subject  string       `json:"subject,omitempty"` // who they are there, checked
	There    string       `json:"there,omitempty"`   // what the partner calls their session, as upstream wrote it
	Level    policy.Level `json:"level,omitzero"`    // what it is worth
	At       int64        `json:"at,omitempty"`      // when they signed in there
	Untimed  bool         `json:"untimed,omitempty"` // the partner does not tell when: At is when it answered
	Came     int64        `json:"came,omitempty"`    // when they came back from there
	Until    int64        `json:"until,omitempty"`   // when this can no longer be linked to an account

	By id.Session `json:"by,omitempty"` // session whose owner goes there once more, to link it to the account; "" before
}

// Add is a sign-in partner that somebody who is signed in adds to their account. It is
// good for that account in that session only: an answer that comes back to anybody else
// is nobody's.
type Add struct {
	Provider string     `json:"provider"`
	Account  id.Account `json:"account"`
	Session  id.Session `json:"session"`
}

// LogValue keeps who somebody is, and the secrets of a request, out of the log.
func (p Partner) LogValue() slog.Value { return slog.StringValue("partner:" + p.Asked) }

// Waits reports whether somebody is on the way to a partner.
func (p Partner) Waits() bool { return p.Pending != "" }

// Known reports whether somebody has signed in at a partner, and no account is linked
// to it yet.
func (p Partner) Known(now time.Time) bool { return p.Subject != "" && now.UnixMilli() < p.Until }

// createsFor is how old a sign-in at a partner may be that came before the address of the
// new account was proven.
const createsFor = 5 * time.Minute

// Creating reports whether the last step of a new account is due: its address is proven.
func (p Progress) Creating() bool { return p.Task == TaskCreate && p.Proven != "" && !p.Taken }

// Creates reports whether a new account can be opened with the sign-in at the partner. One
// that is old may be that of somebody who left this browser, unless who proved the address
// went there after it.
func (p Progress) Creates(now time.Time) bool {
	return p.Partner.Known(now) && (p.Partner.Came >= p.ProvenAt || now.UnixMilli()-p.Partner.Came < createsFor.Milliseconds())
}

// Facts are what the sign-in at the partner proves.
func (p Partner) Facts(f Flow) policy.Facts {
	return policy.ByPartner(policy.Partner{At: time.UnixMilli(p.At).UTC(), Worth: p.Level, Untimed: p.Untimed, Door: p.Provider}, f.ID)
}

// Of is a sign-in at a partner as far as a session may link it to its account: only
// that of somebody who signed in here, on the same journey, after it. Who finds a
// journey of somebody else in the browser must not be led to give them a way in.
func (p Partner) Of(signedIn, live id.Session) Partner {
	if p.Subject != "" && signedIn != live {
		return Partner{}
	}
	return p
}

// Left is what remains when somebody begins another branch: who they are at the
// partner, so that it can be linked where the branch leads.
func (p Partner) Left() Partner {
	p.Asked, p.URL, p.Form, p.Pending, p.Mark, p.Failure = "", "", "", "", "", ""
	p.For, p.By = "", ""
	return p
}

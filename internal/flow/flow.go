// Package flow keeps the journeys of browsers: what a person has begun, for
// which service, and how far they are.
//
// A flow is a row that is bound to one browser by the digest of that browser's
// cookie, expires, and is saved by compare-and-set. Endpoints start it, the
// dispatcher of the journeys binds and loads it, steps save it. A flow that
// belongs to another browser, or that nobody made, is not found, without a word
// about which. A flow that has ended or expired still tells its service for a
// while, so that pages can lead back to it.
//
// Starting a flow is a write by a stranger: it lives shortly until the first
// step is saved, the state is capped, and so is the number per address of the
// network and per browser.
package flow

import (
	"encoding/json"
	"log/slog"
	"time"

	"parvis/internal/id"
	"parvis/internal/policy"
	"parvis/internal/secret"
)

// Kind is what a journey is for.
type Kind string

// The kinds of journeys.
const (
	SignIn  Kind = "sign-in"  // sign in to a service, or to My connected services
	SignOut Kind = "sign-out" // a service asked to end the session
	Adding  Kind = "adding"   // add a sign-in partner to the account that is signed in
)

// Version is the version of State that this program writes. Older ones are
// upgraded when they are read; newer ones (another node runs a newer program)
// are not understood and count as ended.
const Version = 1

// State is what a journey remembers, sealed in the database.
type State struct {
	Version int           `json:"version"` // of this record; Start and Save set it
	Kind    Kind          `json:"kind"`
	Demand  policy.Demand `json:"demand,omitzero"` // what the service asks of the sign-in

	Request      json.RawMessage `json:"request,omitempty"`    // the protocol's own record, opaque to the journeys
	Finish       string          `json:"finish,omitempty"`     // local path that completes the request; "": My connected services
	CancelPath   string          `json:"cancel,omitempty"`     // local path that gives the request up
	ReturnOrigin string          `json:"origin,omitempty"`     // origin or scheme of the service, for the form-action of the flow's pages
	Attributes   []string        `json:"attributes,omitempty"` // what the service asks to be told, e.g. "email"
	Details      string          `json:"details,omitempty"`    // what exactly the service wants to do, as JSON (RFC 9396)
	LoginHint    string          `json:"hint,omitempty"`       // address suggested by the service
	Locale       string          `json:"locale,omitempty"`     // language asked for by the service

	For id.Account `json:"for,omitempty"` // the only account that the end of the journey is for; nobody else is asked to agree

	SelectAccount bool `json:"select,omitempty"`  // ask as whom to continue (prompt=select_account)
	ForceConsent  bool `json:"consent,omitempty"` // ask for the agreement again (prompt=consent)

	SetUp policy.Method `json:"setUp,omitempty"` // method that the person came to set up; AnyMethod to choose; "" for none

	Add Add `json:"add,omitzero"` // for Adding: what is added to whom

	Progress Progress `json:"progress,omitzero"` // what has happened so far
}

// LogValue keeps the state out of the log.
func (s State) LogValue() slog.Value { return slog.StringValue("state:" + string(s.Kind)) }

// Flow is one journey of one browser.
type Flow struct {
	ID           id.Flow
	Browser      []byte          // digest of the browser's cookie; nil until bound
	RelyingParty id.RelyingParty // the service that waits; "" for a direct sign-in
	Reference    string          // short code that a person can read to the support desk, e.g. "7K3Q-M92T"
	State        State
	CreatedAt    time.Time
	ExpiresAt    time.Time
	Posted       bool  // a step was saved: the flow lives longer
	Over         bool  // it expired for good: Reopen does not take it up again
	Row          int64 // version of the row, for compare-and-set
}

// LogValue shows what may be logged of a flow.
func (f Flow) LogValue() slog.Value {
	return slog.GroupValue(slog.String("id", string(f.ID)), slog.String("reference", f.Reference),
		slog.String("relying_party", string(f.RelyingParty)))
}

// New is a flow to be started. Make it with Prepare, before the transaction.
type New struct {
	ID           id.Flow
	Reference    string
	RelyingParty id.RelyingParty
	State        State
	Browser      []byte // digest of the browser's cookie when it is known to be there, else nil: the first GET binds
	IP           string // client address; only a blind index is stored, and only until the first step
}

// Prepare makes the identifier and the reference of a new flow.
func Prepare(rp id.RelyingParty, state State) New {
	return New{ID: id.New[id.Flow](), Reference: NewReference(), RelyingParty: rp, State: state}
}

// Flows are the journeys in the database. Every method takes a transaction.
type Flows struct {
	Keys     *secret.Keys
	Settings Settings
}

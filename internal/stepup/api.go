package stepup

import (
	"time"

	"parvis/internal/authenticator"
	"parvis/internal/flow"
	"parvis/internal/id"
	"parvis/internal/notify/notice"
	"parvis/internal/policy"
)

// View is what the page of a second step shows.
type View struct {
	Option               // the method that is asked for
	Way    Way           // what is entered or awaited
	Guard  bool          // asked because a method is to be set up
	Always bool          // every sign-in here asks for as much, whatever the service
	Again  bool          // it was proven before, but too long ago, or is wanted anew
	Others []Option      // the other ways that are enough, the one used last first
	Unfit  []Option      // methods of the account that are not enough here
	Sent   *Sent         // the code on its way; nil: none is, ask for one first
	Old    *Sent         // without Sent: the code that was on its way, and was not used in time
	Keeps  time.Duration // for how long this browser may be remembered; 0: it may not
}

// Option is one way of proving a second step: an authenticator, and for a
// telephone the channel.
type Option struct {
	ID       string // for Choose; opaque
	Method   policy.Method
	Name     string // given by the owner; "" for types of which there is only one
	Target   string // masked address or number; "" where nothing is sent
	Standing authenticator.State
	Left     int       // of backup codes: how many are left
	UsedAt   time.Time // zero: never
}

// Sends reports whether a code is sent when the person asks for it.
func (o Option) Sends() bool {
	return o.Method == policy.Email || o.Method == policy.Text || o.Method == policy.Voice
}

// Way is what happens at a second step.
type Way string

// The ways.
const (
	WaySend  Way = "send"  // a code has to be asked for
	WayEnter Way = "enter" // a code is entered
	WayWait  Way = "wait"  // too many wrong codes: View.Standing says until when, or that it must be set up again
)

// Sent is a code on its way.
type Sent struct {
	At       time.Time
	ResendAt time.Time // from when another can be asked for
	Ends     time.Time // until when it can be used
}

// Outcome says how an attempt ended.
type Outcome string

// The outcomes.
const (
	Done     Outcome = "done"     // proven or set up: go to the dispatcher with the cookies
	Wrong    Outcome = "wrong"    // Result.Left tries remain
	Used     Outcome = "used"     // the code was used before: take the next one (app), another one (backup)
	Ended    Outcome = "ended"    // the code is too old, replaced or was tried too often: ask for another
	Waiting  Outcome = "waiting"  // too many wrong codes: Result.Until
	Disabled Outcome = "disabled" // too many wrong codes in a row: the method must be set up again
)

// Result is what came of an attempt.
type Result struct {
	Outcome Outcome
	Left    int           // tries left before the method waits
	Until   time.Time     // for Waiting
	Drift   time.Duration // for a Wrong code at the set-up of an app: how far the telephone's clock seems to be ahead; 0: unknown
	Cookies flow.Cookies  // for Done
}

// Choices are what can be set up, for the pages that let a person choose.
type Choices struct {
	Offer    []Choice      // as it is recommended
	Required bool          // what is demanded cannot be reached without
	Always   bool          // every sign-in here demands as much, whatever the service
	Level    policy.Level  // what is worked towards
	Method   policy.Method // what is being set up; "" while it is to be chosen
	Bound    policy.Method // what was set up just now, for the encouragement to set up another
	Counts   time.Time     // when what is set up counts in full, because others were lost; zero: at once
}

// Choice is one method that can be set up.
type Choice struct {
	Method     policy.Method
	Full       bool // the account has as many as it may have
	Has        bool // the account has one already
	Restricted bool // SP 800-63B-4, 3.1.3.3: tell of the risk, offer another
}

// AppDraft is an authenticator app that is being set up.
type AppDraft struct {
	URI     string   // otpauth address, for the QR code and as a link on a telephone
	Key     []string // the seed for typing, in groups of four
	Issuer  string   // as the app shows it
	Account string   // as the app shows it
}

// PhoneForm is a telephone that is to be set up.
type PhoneForm struct {
	Number  string        // as typed
	Region  string        // ISO 3166-1 alpha-2 of numbers without a country code; "" for the deployment's
	Channel policy.Method // policy.Text or policy.Voice
	Name    string        // "" for the suggested one
	Suggest string        // what it is called without a name, in the person's language; a number is added when it is taken
}

// PhoneDraft is a telephone to which a code was sent.
type PhoneDraft struct {
	Target  string // the number, as its owner just typed it, in international form
	Channel policy.Method
	Sent    *Sent
	CanText bool // the other channel may be text
}

// Entry is one method on the account's list.
type Entry struct {
	ID       authenticator.ID
	Type     authenticator.Type
	Name     string
	Target   string // masked address or number
	BoundAt  time.Time
	UsedAt   time.Time // zero: never
	Standing authenticator.State
	Left     int  // of backup codes
	Stopped  bool // of a telephone: its owner asked for no more texts
	Fixed    bool // it cannot be renamed or removed here: the e-mail address

	CountsFrom time.Time // when it counts in full; zero: now
}

// Browser is a browser in which the second step is not asked for a while.
type Browser struct {
	ID      id.Browser
	Device  notice.Device // browser and system
	Here    bool          // it is this one
	Since   time.Time
	Expires time.Time
}

// Overview is the page of an account's methods.
type Overview struct {
	Entries  []Entry // the one used last first
	Offer    []Choice
	Browsers []Browser
	Password bool      // there is one: an account that a sign-in partner opens may have none
	Only     bool      // there is one strong method: losing it is a bad day
	Lost     time.Time // methods were lost: until when their owner may bring them back; zero: none
}

package signin

import (
	"net/url"
	"time"

	"parvis/internal/account"
	"parvis/internal/flow"
	"parvis/internal/id"
	"parvis/internal/policy"
	"parvis/internal/upstream"
)

// View is everything the page of a step may show. Personal values are those of
// the person who holds the flow's browser, or typed by them.
type View struct {
	Flow           id.Flow
	Kind           flow.Kind        // sign-in or sign-out
	Step           Step             // where the dispatcher sends
	Task           flow.Task        // the branch under way
	RelyingParty   id.RelyingParty  // the service that waits, "" for a direct sign-in
	Reference      string           // short code a person can quote
	Address        string           // address typed on this branch, or the service's login_hint; may be ""
	Notice         flow.Notice      // what the page tells first
	Detached       bool             // begun by a link of another browser: "Continue to the service" starts afresh
	Bound          policy.Method    // second step that was set up on this flow; "" for none
	Created        bool             // who is signed in here has just created the account on this flow
	Reauth         bool             // the person signed in must prove it again: the address is fixed
	SentAt         time.Time        // when the last mail of this branch went out
	ResendAt       time.Time        // from when another one may be asked for
	Ends           time.Time        // until when its link and code can be used
	Finish         string           // local path that completes the request
	Cancel         string           // local path that gives the request up
	ReturnOrigin   string           // for the form-action of this flow's pages
	Locale         string           // language the service asked for: "en", "fr", or "" for none
	Partner        upstream.ID      // sign-in partner that the person goes to, came from, or signed in at
	PartnerURL     string           // where the person goes to sign in there
	PartnerForm    url.Values       // what is posted there; nil: the address is a link
	PartnerFailure upstream.Failure // why the last sign-in there came to nothing
	Doors          policy.Doors     // the ways in that the service takes
	NoPassword     bool             // of a reset: the account has no password yet, and gets its first one
	Password       bool             // a password is one of them, or proves the account to which a partner is linked
	OtherDoor      bool             // who is signed in came through one that it does not take
	Added          bool             // the sign-in partner was added to the account
	Linking        bool             // the partner is asked once more, to link it to the account of Person
	Creating       bool             // an account is created with the partner, which may be asked once more
	Status         account.Status   // of the account that is signed in: that of a merged or closing one proves that it is theirs, too
	TooOld         bool             // the sign-in at the partner is too old for it: the partner is asked once more
	Person         *Person          // who is signed in in this browser, nil for nobody
}

// Person is who is signed in in a browser.
type Person struct {
	Account       id.Account
	Session       id.Session
	Address       string    // main address, as written
	Locale        string    // language of the account
	Authenticated time.Time // when they last proved who they are
	IdleEnds      time.Time // when the session ends if nothing happens
	Ends          time.Time // when it ends whatever happens
}

// PasswordForm is what the sign-in page sends.
type PasswordForm struct {
	Address  string // ignored when View.Reauth
	Password string
}

// Outcome says how an attempt ended. It tells nothing about whether an account exists.
type Outcome string

// The outcomes of Password.
const (
	SignedIn Outcome = "signed-in" // go to the dispatcher with the cookies
	Wrong    Outcome = "wrong"     // one generic error for every cause
	Locked   Outcome = "locked"    // the password route of this address is closed: go to the dispatcher, which names StepUnlock
)

// Result is what came of an attempt.
type Result struct {
	Outcome Outcome
	Cookies flow.Cookies // for SignedIn
}

// ConsentView is what a person is asked to share with a service.
type ConsentView struct {
	RelyingParty id.RelyingParty
	Items        []SharedItem
	Again        bool   // agreed before; asked again because more is asked for or the time is over
	Details      string // what exactly the service wants to do, as JSON (RFC 9396); "" for nothing in particular

	Addresses []account.Email // to choose from, when the service is told one and there are several
	Address   id.Address      // the one that is told if nothing is chosen

	EveryAddress bool // the service is told all of Addresses, too
}

// SharedItem is one thing a service receives, with its value.
type SharedItem struct {
	Attribute string // claim name: "email", "sub" …
	Value     string // what the service receives, lines separated by line feeds; "" for nothing
	New       bool   // not agreed to before
}

// Link is what opening a mailed link shows. Opening consumes nothing.
type Link struct {
	Purpose      LinkPurpose
	Status       LinkStatus
	RelyingParty id.RelyingParty // the service the person came from, "" for none; known in every status but LinkUnknown
	Address      string          // masked; only while LinkLive
	Ends         time.Time       // when a live link ends
	Lasts        time.Duration   // how long it works, counted from its mail; 0 when unknown
	Here         bool            // this browser holds the flow the mail was asked for in
	Resend       bool            // another mail can still be asked for
}

// LinkPurpose says what a link is for.
type LinkPurpose string

// The purposes; they decide which journey's ConfirmLink takes the link.
const (
	LinkActivate LinkPurpose = "activate" // enrollment.ConfirmLink
	LinkReset    LinkPurpose = "reset"    // recovery.ConfirmLink
	LinkUnlock   LinkPurpose = "unlock"   // recovery.ConfirmLink
)

// LinkStatus says what became of a link.
type LinkStatus string

// The statuses.
const (
	LinkLive     LinkStatus = "live"     // the button works
	LinkUsed     LinkStatus = "used"     // used already
	LinkReplaced LinkStatus = "replaced" // a newer mail was sent
	LinkExpired  LinkStatus = "expired"  // too old; another can be asked for when Resend
	LinkRemoved  LinkStatus = "removed"  // the account was not activated in time and is gone
	LinkUnknown  LinkStatus = "unknown"  // no such link
)

// ServiceEntry is one line of My connected services.
type ServiceEntry struct {
	RelyingParty id.RelyingParty
	Since        time.Time // first agreement
	LastUsed     time.Time
	Attributes   []string   // claim names shared
	Away         time.Time  // until when it can go on while the person is away; zero: it cannot
	Address      id.Address // that it is told; "" for the main one
}

// Starts is how a journey begins without a service's request.
type Starts struct {
	RelyingParty id.RelyingParty // known service to continue to afterwards; usually ""
	Task         flow.Task       // TaskCreate begins at "create account"
	Next         string          // local path to land on instead of My connected services, e.g. "/settings"
	Sensitive    bool            // ask for the account's best proofs, and newer ones than the deployment's window
	SetUp        policy.Method   // method to set up on the way, flow.AnyMethod to choose; "" for none
}

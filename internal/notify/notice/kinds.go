package notice

import (
	"time"

	"parvis/internal/i18n"
	"parvis/internal/id"
)

// Kind names a mail. It is public: it stands in the outbox, in metrics and in the log.
type Kind string

// The mails of this slice.
const (
	KindActivate            Kind = "activate"
	KindActivateAgain       Kind = "activate-again"
	KindAlreadyRegistered   Kind = "already-registered"
	KindActivated           Kind = "activated"
	KindRemoved             Kind = "removed"
	KindResetPassword       Kind = "reset-password"
	KindResetNoAccount      Kind = "reset-no-account"
	KindPasswordChanged     Kind = "password-changed"
	KindPasswordLeaked      Kind = "password-leaked"
	KindLocked              Kind = "locked"
	KindUnlock              Kind = "unlock"
	KindUnlockNoAccount     Kind = "unlock-no-account"
	KindUnlockNotLocked     Kind = "unlock-not-locked"
	KindUnlocked            Kind = "unlocked"
	KindNewSignIn           Kind = "new-sign-in"
	KindServiceConnected    Kind = "service-connected"
	KindServiceDisconnected Kind = "service-disconnected"
	KindContactReceived     Kind = "contact-received"
	KindContactDesk         Kind = "contact-desk"
)

// Data is what one kind of mail says. Only the types of this package are Data.
type Data interface {
	// Kind is the mail's name.
	Kind() Kind
	compose(w *writer)
}

// Service is the partner service a mail speaks of. Its zero value means: none.
type Service struct {
	Name       i18n.Text // per language
	Department i18n.Text // per language

	// Party is its identifier in links of our own that lead back to it; "" when mails lead to
	// the sign-in page only.
	Party id.RelyingParty
}

// Asked says when, with what and from where something was asked for or done.
type Asked struct {
	At     time.Time
	Device Device
	Place  string // as a person would say it, "Northport"; "" when not known
}

// AskedBy says when and with what something was asked for or done.
func AskedBy(userAgent string, at time.Time) Asked {
	return Asked{At: at, Device: DeviceOf(userAgent)}
}

// Proof is what proves control of the address it is sent to.
type Proof struct {
	Token string        // secret of the link; goes to <base URL>/link/<token>
	Code  string        // the same proof as digits to type; "" when there is none
	Valid time.Duration // how long both work, counted from Asked.At
}

// Activate asks a new address for its proof, so that the account can be created (R21).
type Activate struct {
	Service Service
	Proof   Proof
	Asked   Asked
	Partner bool // a sign-in partner takes the place of the password (R44)
}

// Kind is KindActivate.
func (Activate) Kind() Kind { return KindActivate }

// Why says which request made a mail necessary.
type Why string

// The requests that ActivateAgain and AlreadyRegistered answer.
const (
	WhyResend Why = "resend" // the person asked for the mail again
	WhyReset  Why = "reset"  // a new password was asked for, but the account is not activated (R27)
	WhyUnlock Why = "unlock" // an unlock was asked for, but the account is not activated (R30)
	WhySignUp Why = "signup" // the address was entered as new a second time
)

// ActivateAgain sends a fresh activation link; older ones have ended.
type ActivateAgain struct {
	Service Service
	Proof   Proof
	Asked   Asked
	Why     Why           // zero value: WhyResend
	Removal time.Duration // how long after its creation an account that is not activated is removed (24 hours)
}

// Kind is KindActivateAgain.
func (ActivateAgain) Kind() Kind { return KindActivateAgain }

// AlreadyRegistered answers an attempt to create a second account with an address (R16).
// With a Proof the mail leads back into the journey, which tells the person that the
// address is taken; without one it leads to the sign-in page.
type AlreadyRegistered struct {
	Service Service
	Proof   Proof
	Asked   Asked
}

// Kind is KindAlreadyRegistered.
func (AlreadyRegistered) Kind() Kind { return KindAlreadyRegistered }

// Activated welcomes the owner of a new account.
type Activated struct {
	Service Service
	Asked   Asked
	Partner bool // with a sign-in partner in the place of a password
}

// Kind is KindActivated.
func (Activated) Kind() Kind { return KindActivated }

// RemovedBy says who removed an account.
type RemovedBy string

// Ways in which an account ends.
const (
	RemovedNotActivated RemovedBy = "not-activated" // nobody activated it in time (R23)
	RemovedByOperator   RemovedBy = "operator"      // staff removed it, from the command line
	RemovedByOwner      RemovedBy = "owner"
	RemovedByRequest    RemovedBy = "request" // staff removed it, as its owner had asked and confirmed
	RemovedUnused       RemovedBy = "unused"  // nobody used it for long, and its owner was warned twice
	RemovedByMerge      RemovedBy = "merge"   // it was merged into another account of its owner, long enough ago
)

// Removed says that the account and its data are gone.
type Removed struct {
	By      RemovedBy
	At      time.Time
	Removal time.Duration // for RemovedNotActivated: the time there was to activate it
}

// Kind is KindRemoved.
func (Removed) Kind() Kind { return KindRemoved }

// ResetPassword gives the way to a new password (R26), or to the first one (R49).
type ResetPassword struct {
	First   bool // the account has none yet
	Service Service
	Proof   Proof
	Asked   Asked
}

// Kind is KindResetPassword.
func (ResetPassword) Kind() Kind { return KindResetPassword }

// ResetNoAccount answers a reset asked for an address without an account.
type ResetNoAccount struct {
	Service Service
	Asked   Asked
}

// Kind is KindResetNoAccount.
func (ResetNoAccount) Kind() Kind { return KindResetNoAccount }

// PasswordChanged tells the owner about a new password.
type PasswordChanged struct {
	Reset         bool // by a mailed link; else on the account's own pages
	First         bool // the account had none before
	SessionsEnded bool // every other browser was signed out
	Partners      int  // sign-in partners that open the account as before
	Asked         Asked
}

// Kind is KindPasswordChanged.
func (PasswordChanged) Kind() Kind { return KindPasswordChanged }

// PasswordLeaked tells the owner that the password with which they signed in is known from
// a leak at another site.
type PasswordLeaked struct{ Asked Asked }

// Kind is KindPasswordLeaked.
func (PasswordLeaked) Kind() Kind { return KindPasswordLeaked }

// Locked tells the owner, once per lock, that the password route is closed (R28).
type Locked struct {
	Failures int // consecutive failures that locked it
	Asked    Asked
}

// Kind is KindLocked.
func (Locked) Kind() Kind { return KindLocked }

// Unlock gives the way to unlock the account; the password stays (R31).
type Unlock struct {
	Service Service
	Proof   Proof
	Reset   bool // a new password was asked for; the lock comes first
	Asked   Asked
}

// Kind is KindUnlock.
func (Unlock) Kind() Kind { return KindUnlock }

// UnlockNoAccount answers an unlock asked for an address without an account.
type UnlockNoAccount struct {
	Service Service
	Asked   Asked
}

// Kind is KindUnlockNoAccount.
func (UnlockNoAccount) Kind() Kind { return KindUnlockNoAccount }

// UnlockNotLocked answers an unlock asked for an account that is not locked.
type UnlockNotLocked struct {
	Service Service
	Asked   Asked
}

// Kind is KindUnlockNotLocked.
func (UnlockNotLocked) Kind() Kind { return KindUnlockNotLocked }

// Unlocked tells the owner that the password works again.
type Unlocked struct {
	ByOperator bool // staff unlocked it; else the owner did, by mail
	Asked      Asked
}

// Kind is KindUnlocked.
func (Unlocked) Kind() Kind { return KindUnlocked }

// SignIn is one sign-in, on the way to a service or to none.
type SignIn struct {
	Service Service
	Asked   Asked
}

// NewSignIn tells the owner about sign-ins with browsers not seen before. Its link opens
// nothing: whoever presses the button there ends every session of the account.
type NewSignIn struct {
	Service Service
	Asked   Asked
	Others  []SignIn      // that came within a few minutes after the first one
	Token   string        // secret of the link; goes to <base URL>/wasnt-me/<token>
	Valid   time.Duration // how long the link works, counted from Sent
	Sent    time.Time
}

// Kind is KindNewSignIn.
func (NewSignIn) Kind() Kind { return KindNewSignIn }

// ServiceConnected tells the owner that a service receives information from now on.
type ServiceConnected struct {
	Service Service
	Shared  []i18n.Text // what it receives, each named per language; no values
	Asked   Asked
}

// Kind is KindServiceConnected.
func (ServiceConnected) Kind() Kind { return KindServiceConnected }

// ServiceDisconnected tells the owner that a service receives nothing any more.
type ServiceDisconnected struct {
	Service Service
	Asked   Asked
}

// Kind is KindServiceDisconnected.
func (ServiceDisconnected) Kind() Kind { return KindServiceDisconnected }

// ContactReceived acknowledges a contact form. What was written is not repeated:
// the form's address is not proven, and a stranger would receive foreign words.
type ContactReceived struct {
	Reference string // short code to quote
	Service   Service
	At        time.Time
}

// Kind is KindContactReceived.
func (ContactReceived) Kind() Kind { return KindContactReceived }

// ContactDesk brings a contact form to the desk that answers it. An answer goes to From.
type ContactDesk struct {
	Reference     string // short code of this message
	PageReference string // the reference shown on the page the person came from, if any
	From          string // address as typed; not proven
	FromLocale    string // language the person writes in
	Service       Service
	Topic         string // in the desk's language
	Body          string // what the person wrote
	Asked         Asked
}

// Kind is KindContactDesk.
func (ContactDesk) Kind() Kind { return KindContactDesk }

package signin

// Step is a place in the journey. Its value is the last part of the page's
// address: /signin/{flow}/{step}.
type Step string

// The steps a dispatcher can name.
const (
	StepSignIn         Step = "sign-in"            // address and password
	StepCreate         Step = "create-account"     // address of a new account, accepted terms
	StepConfirmEmail   Step = "confirm-email"      // activation mail sent; its code may be typed
	StepAlready        Step = "already-registered" // the proven address has an account: sign in, reset, or another address
	StepChoosePassword Step = "choose-password"    // after proof: first password (task create) or new one (task reset)
	StepForgot         Step = "forgot-password"    // address of the account to reset
	StepUnlock         Step = "unlock"             // address of the account to unlock
	StepCheckEmail     Step = "check-email"        // reset or unlock mail sent; its code may be typed
	StepWays           Step = "ways-in"            // address of the account whose ways in are mailed; open while StepSignIn may be
	StepSecond         Step = "second-step"        // prove a second method
	StepOtherWay       Step = "another-way"        // choose with which method; open while StepSecond is due
	StepLost           Step = "lost-method"        // every method is lost: set them aside; open while StepSecond is due
	StepLostWait       Step = "not-yet"            // what was set up in place of lost methods does not count yet
	StepSetUp          Step = "set-up-method"      // choose a method to set up
	StepHelpChoose     Step = "help-me-choose"     // three questions that end in one method; open while a set-up is due
	StepSetUpApp       Step = "set-up-app"         // authenticator app: scan, type the code
	StepSetUpPhone     Step = "set-up-phone"       // number, text or call
	StepConfirmPhone   Step = "confirm-phone"      // the code sent to that number
	StepSetUpBackup    Step = "set-up-backup"      // backup codes to keep
	StepRemind         Step = "backup-reminder"    // backup codes were not used for long: are they at hand?
	StepAnother        Step = "set-up-another"     // one method only: be encouraged to set up another
	StepHandOff        Step = "partner-hand-off"   // on the way to a sign-in partner
	StepPartnerFailed  Step = "partner-problem"    // it came to nothing: what can be done
	StepPartnerNew     Step = "partner-account"    // signed in there for the first time: create an account, or sign in to one
	StepPartnerCreate  Step = "partner-create"     // the address is proven: create the account, without a password
	StepPartnerLink    Step = "partner-link"       // signed in here: link the partner to this account
	StepAddHandOff     Step = "adding-partner"     // signed in: on the way to a sign-in partner that is added to the account
	StepAddFailed      Step = "partner-not-added"  // it came to nothing: what can be done
	StepAddLink        Step = "add-partner"        // signed in there: add it to this account
	StepContinue       Step = "continue"           // already signed in as …: continue or switch
	StepConsent        Step = "consent"            // what is shared with the service
	StepMerged         Step = "merged"             // proven as the owner of a merged account: undo the merging, or sign in to the other
	StepClosing        Step = "closing"            // proven as the owner of an account that is to be deleted: keep it, or leave
	StepSignOut        Step = "sign-out"           // a service asked to sign out
	StepCancelled      Step = "cancelled"          // declined or given up
	StepReady          Step = "account-activated"  // signed in by a link opened here: continue afresh to the service
	StepExpired        Step = "expired"            // the flow has ended: start again at the service
	StepServices       Step = "services"           // direct sign-in done: leave for My connected services
	StepFinish         Step = "finish"             // nothing left to ask: leave for flow.State.Finish
)

// Page reports whether a step is a page under /signin/{flow}/; StepServices and
// StepFinish leave the journey.
func (s Step) Page() bool { return s != StepServices && s != StepFinish && s != "" }

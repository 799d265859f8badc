package recovery

import "parvis/internal/id"

// Outcome says how a step ended.
type Outcome string

// The outcomes.
const (
	Sent      Outcome = "sent"       // a mail is on its way, whatever is known of the address
	Locked    Outcome = "locked"     // reset of a locked address: the mail on its way lifts the lock first
	Proven    Outcome = "proven"     // go to the dispatcher of Result.Flow
	WrongCode Outcome = "wrong-code" // Result.Left tries remain
	CodeEnded Outcome = "code-ended" // no try left, too old, or replaced: ask for another mail
	LinkEnded Outcome = "link-ended" // used, replaced, expired or removed: show what signin.OpenLink tells
	Unlocked  Outcome = "unlocked"   // the password works again: dispatcher, which names the sign-in page
	Changed   Outcome = "changed"    // the new password is set: dispatcher, which names the sign-in page
)

// Result is what came of a step.
type Result struct {
	Outcome Outcome
	Flow    id.Flow // flow to go on with: the one given, or a new one of this browser
	Left    int     // tries left for a code
}

// PasswordForm is what the "new password" page sends.
type PasswordForm struct {
	Password    string
	EndSessions bool // sign out every other browser; the page's box is ticked at first
}

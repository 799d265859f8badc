package recovery

import "parvis/internal/proving"

// The outcomes that this journey has beside those of proving.
const (
	Locked   proving.Outcome = "locked"   // reset of a locked address: refused, and the page offers to lift the lock first
	Unlocked proving.Outcome = "unlocked" // the password works again: dispatcher, which names the sign-in page
	Changed  proving.Outcome = "changed"  // the new password is set: dispatcher, which names the sign-in page
)

// PasswordForm is what the "new password" page sends.
type PasswordForm struct {
	Password    string
	EndSessions bool // sign out every other browser; the page's box is ticked at first
}

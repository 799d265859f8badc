package activity

import "parvis/internal/audit"

// Sort says what an event means to the owner of an account.
type Sort string

// The sorts. An event of the sort Hidden is not shown.
const (
	Hidden  Sort = ""
	Signing Sort = "signing" // somebody signed in or out, or went on to a service
	Change  Sort = "change"  // something of the account was changed
	Attempt Sort = "attempt" // somebody tried something and it was refused, or it needs attention
	Told    Sort = "told"    // something was asked for, sent, or done by the staff
)

// Sorts says of every kind of audit event what it means to the owner of the account on
// which it is recorded. Every name stands here: a test reads the list of names. Hidden
// are the halves of what another event tells already (a session that starts with a
// sign-in, a code that is redeemed after it was given), what concerns no person (keys,
// partners, operators' commands), and what ends the account itself.
func Sorts() map[audit.Name]Sort { //nolint:funlen // a table
	return map[audit.Name]Sort{
		audit.AccountCreated:            Change,
		audit.AccountAddressTaken:       Attempt,
		audit.AccountActivated:          Change,
		audit.AccountActivationResent:   Hidden, // the mail itself tells
		audit.AccountRemovedUnactivated: Hidden, // nobody is left to read it
		audit.AccountClosed:             Hidden, // nobody is left to read it
		audit.AccountClosing:            Change,
		audit.AccountKept:               Change,
		audit.AccountUnusedWarned:       Told,
		audit.AccountUnusedUntold:       Hidden, // of each mail it is told that it was refused
		audit.AccountUnusedKept:         Change,
		audit.AccountDataGiven:          Change,
		audit.AccountSecuring:           Change,
		audit.AccountSecured:            Change,
		audit.AccountMerged:             Change,
		audit.AccountMergeUndone:        Change,
		audit.AccountMergeFinished:      Change,
		audit.AccountLocaleChanged:      Change,

		audit.AddressAsked:       Told,
		audit.AddressWanted:      Attempt,
		audit.AddressAdded:       Change,
		audit.AddressRemoved:     Change,
		audit.AddressMain:        Change,
		audit.AddressRestored:    Change,
		audit.AddressProofSent:   Hidden, // half of what was asked for
		audit.AddressProofUsed:   Hidden, // half of what was done with it
		audit.AddressProofFailed: Attempt,

		audit.PasswordSet:             Change,
		audit.PasswordChanged:         Change,
		audit.PasswordFailed:          Attempt,
		audit.PasswordLocked:          Attempt,
		audit.PasswordUnlocked:        Change,
		audit.PasswordResetRequested:  Told,
		audit.SigninWaysRequested:     Told,
		audit.PasswordUnlockRequested: Told,
		audit.PasswordReset:           Change,
		audit.PasswordLeaked:          Change,

		audit.MethodBound:        Change,
		audit.MethodRenamed:      Change,
		audit.MethodRemoved:      Change,
		audit.MethodUsed:         Signing,
		audit.MethodFailed:       Attempt,
		audit.MethodWaits:        Attempt,
		audit.MethodDisabled:     Attempt,
		audit.OneTimeCodeSent:    Told,
		audit.OneTimeCodeRefused: Hidden, // the page said so
		audit.BackupCodesMade:    Change,
		audit.PhoneStopped:       Change,
		audit.PhoneResumed:       Change,
		audit.BrowserRemembered:  Change,
		audit.BrowserForgotten:   Change,

		audit.RecoveryAsked:   Attempt, // perhaps by somebody else
		audit.RecoveryWarned:  Hidden,  // the messages tell
		audit.RecoveryOpened:  Told,
		audit.RecoveryDone:    Change,
		audit.RecoveryStopped: Change,
		audit.RecoveryUndone:  Change,
		audit.RecoveryExpired: Told,
		audit.RecoverySettled: Change,

		audit.SigninSucceeded:        Signing,
		audit.SigninRefused:          Attempt,
		audit.SigninCancelled:        Hidden, // nothing happened
		audit.Signout:                Signing,
		audit.SessionStarted:         Hidden, // half of a sign-in
		audit.SessionReauthenticated: Hidden, // half of a sign-in
		audit.SessionEnded:           Signing,
		audit.SessionExpired:         Hidden, // by itself
		audit.DeviceRemembered:       Hidden, // marks the sign-in as one with a new device

		audit.ConsentGiven:     Change,
		audit.ConsentAddress:   Change,
		audit.ConsentDeclined:  Change,
		audit.ConsentWithdrawn: Change,
		audit.SubjectRetired:   Hidden, // half of what is told otherwise
		audit.EnrolmentReset:   Change,
		audit.AuthorizeRefused: Hidden, // between the service and us
		audit.CodeIssued:       Signing,
		audit.CodeRedeemed:     Hidden, // half of code.issued
		audit.CodeReused:       Attempt,
		audit.RefreshReused:    Attempt,
		audit.TokenIssued:      Hidden, // between the service and us
		audit.TokenRefused:     Hidden, // between the service and us
		audit.TokenRevoked:     Hidden, // between the service and us
		audit.DeviceAsked:      Hidden, // nobody is known yet
		audit.DeviceAllowed:    Change,
		audit.DeviceDenied:     Attempt,
		audit.CIBAAsked:        Attempt,
		audit.CIBATexted:       Told,
		audit.CIBAAllowed:      Change,
		audit.CIBADenied:       Attempt,
		audit.CIBAUntold:       Hidden, // between the service and us
		audit.LogoutUntold:     Hidden, // between the service and us
		audit.PartnerCreated:   Hidden, // of no account
		audit.PartnerChanged:   Hidden, // of no account
		audit.PartnerDisabled:  Hidden, // of no account

		audit.PartnerRegistered:        Hidden, // of no account
		audit.PartnerRemoved:           Hidden, // of no account
		audit.RegistrationRefused:      Hidden, // of no account
		audit.RegistrationTokenMade:    Hidden, // of no account
		audit.RegistrationTokenRevoked: Hidden, // of no account

		audit.UpstreamCreated:   Hidden, // of no account
		audit.UpstreamChanged:   Hidden, // of no account
		audit.UpstreamDisabled:  Hidden, // of no account
		audit.UpstreamFailed:    Attempt,
		audit.UpstreamLeft:      Hidden, // half of a sign-out
		audit.UpstreamLinked:    Change,
		audit.UpstreamUnlinked:  Change,
		audit.UpstreamBlocked:   Change,
		audit.UpstreamUnblocked: Change,

		audit.AssistAsked:         Told,
		audit.AssistConfirmed:     Told,
		audit.AssistApproved:      Told,
		audit.AssistDone:          Change,
		audit.AssistRefused:       Told,
		audit.AssistExpired:       Told,
		audit.OperatorAssistShown: Told, // people may know who looked at their account

		audit.KeyCreated:               Hidden, // of no account
		audit.KeyRotated:               Hidden, // of no account
		audit.KeyRemoved:               Hidden, // of no account
		audit.ContactSent:              Hidden, // of no account
		audit.MailRefused:              Attempt,
		audit.TextRefused:              Attempt,
		audit.ChallengeMailed:          Hidden, // the mail itself tells
		audit.LimitReached:             Hidden, // of no account
		audit.OperatorAccountShown:     Told,   // people may know who looked at their account
		audit.OperatorAccountUnlocked:  Hidden, // half of password.unlocked
		audit.OperatorAccountDeleted:   Hidden, // nobody is left to read it
		audit.OperatorActivationResent: Hidden, // the mail itself tells
		audit.OperatorCommand:          Hidden, // half of what was done
		audit.OperatorRequest:          Hidden, // of no account
		audit.APIKeyMade:               Hidden, // of no account
		audit.APIKeyRevoked:            Hidden, // of no account
		audit.AuditPersonalErased:      Hidden, // of no account
	}
}

// Shown are the names of the events that people see, in no particular order.
func Shown() []audit.Name {
	var out []audit.Name
	for name, sort := range Sorts() {
		if sort != Hidden {
			out = append(out, name)
		}
	}
	return out
}

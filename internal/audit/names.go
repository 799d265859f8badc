package audit

// Name is the name of a kind of event. It never changes once it was released.
type Name string

// Outcomes of events. An event with another outcome has its own word, e.g. "granted".
const (
	// Success: what the event names was done.
	Success = "success"
	// Refused: somebody may not do it, or gave a wrong proof; the event's reason says why.
	Refused = "refused"
	// Failed: it could not be done although it was allowed.
	Failed = "failed"
)

// Accounts.
const (
	// AccountCreated: an address was entered and an account waits for proof of it.
	AccountCreated Name = "account.created"
	// AccountAddressTaken: somebody tried to create an account with an address that has one; its owner was told.
	AccountAddressTaken Name = "account.address_taken"
	// AccountActivated: the address was proven and the account can be used.
	AccountActivated Name = "account.activated"
	// AccountActivationResent: another activation message was sent; older ones ended.
	AccountActivationResent Name = "account.activation_resent"
	// AccountRemovedUnactivated: an account that was not activated in time was removed.
	AccountRemovedUnactivated Name = "account.removed_unactivated"
	// AccountClosed: an account was closed and its data erased.
	AccountClosed Name = "account.closed"
	// AccountSecuring: the owner said that something was not done by them: sessions, what services were given and known browsers ended; the reason says how (mail, signed in); data: sessions.
	AccountSecuring Name = "account.securing"
	// AccountSecured: the owner went through everything that could have been changed, and finished.
	AccountSecured Name = "account.secured"
	// AccountMerged: two accounts of one person were merged; recorded on both; data: merge, other.
	AccountMerged Name = "account.merged"
	// AccountMergeUndone: the merging of two accounts was undone; recorded on both; data: merge, other.
	AccountMergeUndone Name = "account.merge_undone"
	// AccountMergeFinished: the time to undo a merging is over, and the second account is erased; recorded on both; data: merge, other.
	AccountMergeFinished Name = "account.merge_finished"
	// AccountClosing: the owner of an account asked to delete it; it is closed at once, and erased after a while.
	AccountClosing Name = "account.closing"
	// AccountKept: the owner of an account that was to be deleted kept it; the reason says how (link, signed in).
	AccountKept Name = "account.kept"
	// AccountUnusedWarned: the owner of an account that nobody uses was warned of its removal; the reason says which warning it was (first, second); data: mails.
	AccountUnusedWarned Name = "account.unused_warned"
	// AccountUnusedUntold: a warning of that kind reached no address of the account; it is kept, and its owner warned anew later.
	AccountUnusedUntold Name = "account.unused_untold"
	// AccountUnusedKept: such an account was kept by the link of a warning.
	AccountUnusedKept Name = "account.unused_kept"
	// AccountDataGiven: the owner of an account was given what is held about them; data: form (page, file).
	AccountDataGiven Name = "account.data_given"
	// AccountLocaleChanged: the language of an account's messages was changed.
	AccountLocaleChanged Name = "account.locale_changed"
)

// Proofs of an e-mail address.
const (
	// AddressProofSent: a message with a link and a code was sent; data: purpose.
	AddressProofSent Name = "address.proof_sent"
	// AddressProofUsed: the link or the code of a message was used; data: purpose, way.
	AddressProofUsed Name = "address.proof_used"
	// AddressProofFailed: a wrong code was typed, or a link was used that had ended; data: purpose.
	AddressProofFailed Name = "address.proof_failed"
)

// E-mail addresses of an account.
const (
	// AddressAsked: the owner of an account wants to add an address, to which a message was sent.
	AddressAsked Name = "address.asked"
	// AddressWanted: somebody wanted to add an address of this account to another one; its owner was told.
	AddressWanted Name = "address.wanted"
	// AddressAdded: an address was proven and belongs to the account from now on.
	AddressAdded Name = "address.added"
	// AddressRemoved: an address belongs to the account no longer; it is free, once that cannot be taken back any more.
	AddressRemoved Name = "address.removed"
	// AddressMain: another address of the account is its main one.
	AddressMain Name = "address.main"
	// AddressRestored: an address took back what was done to it: it is the main one again, younger ones are removed, and nobody is signed in any more; data: removed.
	AddressRestored Name = "address.restored"
)

// Passwords.
const (
	// PasswordSet: the first password of an account was chosen.
	PasswordSet Name = "password.set"
	// PasswordChanged: the password was changed by its signed-in owner.
	PasswordChanged Name = "password.changed"
	// PasswordLeaked: the password with which somebody signed in is known from a leak; its owner was told, once.
	PasswordLeaked Name = "password.leaked"
	// PasswordFailed: a password did not match, or there is no such account; the address is personal.
	PasswordFailed Name = "password.failed"
	// PasswordLocked: too many failures in a row locked the password of an address.
	PasswordLocked Name = "password.locked"
	// PasswordUnlocked: the lock was ended by the owner of the address, by an operator, or by time; see the reason.
	PasswordUnlocked Name = "password.unlocked"
	// PasswordResetRequested: somebody asked for a message to reset a password.
	PasswordResetRequested Name = "password.reset_requested"
	// SigninWaysRequested: somebody asked for a message about how to sign in to the account of an address.
	SigninWaysRequested Name = "signin.ways_requested"
	// PasswordUnlockRequested: somebody asked for a message to unlock a password.
	PasswordUnlockRequested Name = "password.unlock_requested"
	// PasswordReset: a new password was chosen after proof of the address.
	PasswordReset Name = "password.reset"
)

// Methods of the second step.
const (
	// MethodBound: a method was set up, or set up again; data: method, type.
	MethodBound Name = "method.bound"
	// MethodRenamed: a method was given another name; data: method, type.
	MethodRenamed Name = "method.renamed"
	// MethodRemoved: a method was removed by its owner or by an operator; see the reason; data: method, type.
	MethodRemoved Name = "method.removed"
	// MethodUsed: a method proved who somebody is; data: method, type.
	MethodUsed Name = "method.used"
	// MethodFailed: a code or proof of a method was wrong, too old or used before; the reason says which; data: method, type.
	MethodFailed Name = "method.failed"
	// MethodWaits: so many failures in a short time that a method waits; data: method, type.
	MethodWaits Name = "method.waits"
	// MethodDisabled: so many failures in a row that a method must be set up again; data: method, type.
	MethodDisabled Name = "method.disabled"
	// OneTimeCodeSent: a one-time code was sent; data: method, channel (email, text, voice), purpose.
	OneTimeCodeSent Name = "one_time_code.sent"
	// OneTimeCodeRefused: a one-time code was not sent; the reason says why, e.g. too often, stopped.
	OneTimeCodeRefused Name = "one_time_code.refused"
	// RecoveryAsked: somebody said that every method of an account is lost; the methods are removed after a wait, or at once; data: request, wait (seconds).
	RecoveryAsked Name = "recovery.asked"
	// RecoveryWarned: the owner was told again, near the end of the wait; data: request.
	RecoveryWarned Name = "recovery.warned"
	// RecoveryOpened: the wait is over, and the link that removes the methods was sent; data: request.
	RecoveryOpened Name = "recovery.opened"
	// RecoveryDone: the lost methods were removed, until the owner undoes it; data: request, methods.
	RecoveryDone Name = "recovery.done"
	// RecoveryStopped: a recovery was stopped before the methods were removed; the reason says by what; data: request, channel.
	RecoveryStopped Name = "recovery.stopped"
	// RecoveryUndone: the removed methods were brought back; data: request, channel.
	RecoveryUndone Name = "recovery.undone"
	// RecoveryExpired: nobody used the link that removes the methods in time; data: request.
	RecoveryExpired Name = "recovery.expired"
	// RecoverySettled: the time to undo a recovery is over; the lost methods are erased; data: request, methods.
	RecoverySettled Name = "recovery.settled"
	// BackupCodesMade: a set of backup codes was made; an older one ended; data: method, codes.
	BackupCodesMade Name = "backup_codes.made"
	// PhoneStopped: the owner of a number asked for no more text messages.
	PhoneStopped Name = "phone.stopped"
	// PhoneResumed: the owner of a number asked for text messages again.
	PhoneResumed Name = "phone.resumed"
	// BrowserRemembered: a browser was remembered, so that the second step is not asked there for a while; data: browser.
	BrowserRemembered Name = "browser.remembered"
	// BrowserForgotten: remembered browsers were forgotten; the reason says why; data: browser (for one), browsers (how many).
	BrowserForgotten Name = "browser.forgotten"
)

// Signing in and sessions.
const (
	// SigninSucceeded: a person signed in; data: acr, amr.
	SigninSucceeded Name = "signin.succeeded"
	// SigninRefused: a sign-in was refused; the reason says why, e.g. locked, throttled, not activated.
	SigninRefused Name = "signin.refused"
	// SigninCancelled: a person went back to the service without signing in.
	SigninCancelled Name = "signin.cancelled"
	// Signout: a person signed out; data: from (the service that asked, if any).
	Signout Name = "signout"
	// SessionStarted: a browser session began.
	SessionStarted Name = "session.started"
	// SessionReauthenticated: a session was given a new identifier after a new proof.
	SessionReauthenticated Name = "session.reauthenticated"
	// SessionEnded: a session was ended by its owner, by a password change, by the removal of a method that had opened it, by the sign-in partner that had opened it, or by an operator; see the reason.
	SessionEnded Name = "session.ended"
	// SessionExpired: a session was found past its idle or absolute end.
	SessionExpired Name = "session.expired"
	// DeviceRemembered: a browser was remembered as known to an account.
	DeviceRemembered Name = "device.remembered"
)

// Services.
const (
	// ConsentGiven: a person allowed a service to receive attributes; data: claims.
	ConsentGiven Name = "consent.given"
	// ConsentDeclined: a person declined that; data: claims.
	ConsentDeclined Name = "consent.declined"
	// ConsentAddress: a person chose another of their addresses for a service.
	ConsentAddress Name = "consent.address"
	// ConsentWithdrawn: a person disconnected a service.
	ConsentWithdrawn Name = "consent.withdrawn"
	// SubjectRetired: the identifier by which a sector knew an account is used no longer; the reason says why; data: sector.
	SubjectRetired Name = "subject.retired"
	// EnrolmentReset: a service had its enrolment of a person reset, who begins there anew.
	EnrolmentReset Name = "enrolment.reset"
	// AuthorizeRefused: a service's request was refused; the reason is the protocol's error.
	AuthorizeRefused Name = "authorize.refused"
	// CodeIssued: a service was given an authorization code.
	CodeIssued Name = "code.issued"
	// CodeRedeemed: a service exchanged its code for tokens.
	CodeRedeemed Name = "code.redeemed"
	// CodeReused: a code was used again; everything it had given was revoked.
	CodeReused Name = "code.reused"
	// RefreshReused: a refresh token that had been replaced was used again; everything that came of it was revoked.
	RefreshReused Name = "refresh.reused"
	// TokenIssued: tokens were given outside a code exchange; the reason says for what.
	TokenIssued Name = "token.issued"
	// TokenRefused: a token request was refused; the reason is the protocol's error.
	TokenRefused Name = "token.refused"
	// TokenRevoked: tokens were revoked before their end; the reason says which.
	TokenRevoked Name = "token.revoked"
	// DeviceAsked: a device without a browser asked to open a service for somebody.
	DeviceAsked Name = "device.asked"
	// DeviceAllowed: a person let a device open a service with their account.
	DeviceAllowed Name = "device.allowed"
	// DeviceDenied: a person did not let a device open a service.
	DeviceDenied Name = "device.denied"
	// CIBAAsked: a service asked a person to confirm something, without a browser.
	CIBAAsked Name = "confirmation.asked"
	// CIBATexted: a person was told of it by text, too; data: channel.
	CIBATexted Name = "confirmation.texted"
	// CIBAAllowed: a person confirmed what a service asked.
	CIBAAllowed Name = "confirmation.allowed"
	// CIBADenied: a person did not confirm what a service asked.
	CIBADenied Name = "confirmation.denied"
	// CIBAUntold: a service could not be told that a person decided what it asked, in the time that its request had; the reason is the status of its answer, or why there was none; data: attempts.
	CIBAUntold Name = "confirmation.untold"
	// LogoutUntold: a service could not be told that a session of a person ended; the reason is the status of its answer, or why there was none; data: attempts.
	LogoutUntold Name = "logout.untold"
	// PartnerCreated: a service was registered.
	PartnerCreated Name = "partner.created"
	// PartnerChanged: a service's registration was changed; the reason says what.
	PartnerChanged Name = "partner.changed"
	// PartnerDisabled: a service was disabled.
	PartnerDisabled Name = "partner.disabled"
	// PartnerRegistered: a service registered itself (RFC 7591); data: token, the name of its initial access token.
	PartnerRegistered Name = "partner.registered"
	// PartnerRemoved: a service that had registered itself ended its registration (RFC 7592).
	PartnerRemoved Name = "partner.removed"
	// RegistrationRefused: a service tried to register itself and may not so; the reason says why; data: token.
	RegistrationRefused Name = "partner.registration_refused"
	// RegistrationTokenMade: an initial access token, with which services register themselves, was made; data: token, uses.
	RegistrationTokenMade Name = "registration_token.made"
	// RegistrationTokenRevoked: an initial access token was revoked; data: token.
	RegistrationTokenRevoked Name = "registration_token.revoked"
)

// Sign-in partners.
const (
	// UpstreamCreated: a sign-in partner was added; data: provider.
	UpstreamCreated Name = "upstream.created"
	// UpstreamChanged: a sign-in partner's settings were changed; the reason says what; data: provider.
	UpstreamChanged Name = "upstream.changed"
	// UpstreamDisabled: a sign-in partner was disabled; data: provider.
	UpstreamDisabled Name = "upstream.disabled"
	// UpstreamFailed: a sign-in at a sign-in partner came to nothing; the reason says why; data: provider, code.
	UpstreamFailed Name = "upstream.failed"
	// UpstreamLeft: a sign-in partner answered somebody who had signed out here and wanted to sign out there, too; the reason says why it did not, or not everywhere; data: provider, code.
	UpstreamLeft Name = "upstream.left"
	// UpstreamLinked: a sign-in partner was linked to an account; data: issuer.
	UpstreamLinked Name = "upstream.linked"
	// UpstreamUnlinked: the link of a sign-in partner to an account was removed; data: issuer.
	UpstreamUnlinked Name = "upstream.unlinked"
	// UpstreamBlocked: the owner of an account blocked a sign-in partner that they never use; data: issuer.
	UpstreamBlocked Name = "upstream.blocked"
	// UpstreamUnblocked: the owner of an account unblocked a sign-in partner; data: issuer.
	UpstreamUnblocked Name = "upstream.unblocked"
)

// What the staff does for somebody who asked for it.
const (
	// AssistAsked: somebody asked by the contact form for what they cannot do themselves; data: request, kind.
	AssistAsked Name = "assist.asked"
	// AssistConfirmed: the request was confirmed from the account's address; data: request, kind.
	AssistConfirmed Name = "assist.confirmed"
	// AssistApproved: a first person of the staff approved the request; data: request, kind.
	AssistApproved Name = "assist.approved"
	// AssistDone: a second person of the staff did it; data: request, kind.
	AssistDone Name = "assist.done"
	// AssistRefused: the staff refused the request; data: request, kind.
	AssistRefused Name = "assist.refused"
	// AssistExpired: nobody did it in time; data: request, kind.
	AssistExpired Name = "assist.expired"
	// OperatorAssistShown: an operator looked at a request, and at what its account has; data: operator.
	OperatorAssistShown Name = "operator.assist_shown"
)

// The deployment.
const (
	// KeyCreated: a signing key was created; data: key, algorithm.
	KeyCreated Name = "key.created"
	// KeyRotated: a new signing key will replace the one in use; data: key, algorithm.
	KeyRotated Name = "key.rotated"
	// KeyRemoved: a signing key that had been replaced was removed; data: key, algorithm.
	KeyRemoved Name = "key.removed"
	// ContactSent: a message came through the contact form; data: reference.
	ContactSent Name = "contact.sent"
	// MailRefused: a mail could not be delivered for good; the reason is the mail server's code; data: kind.
	MailRefused Name = "mail.refused"
	// TextRefused: a text message or call could not be delivered for good; the reason is the provider's code; data: channel, kind.
	TextRefused Name = "text.refused"
	// ChallengeMailed: a code was mailed in place of a check of the browser; data: form.
	ChallengeMailed Name = "challenge.mailed"
	// LimitReached: a limit refused somebody for the first time in its window; data: rule.
	LimitReached Name = "limit.reached"
	// OperatorAccountShown: an operator looked at an account; data: operator.
	OperatorAccountShown Name = "operator.account_shown"
	// OperatorAccountUnlocked: an operator unlocked an account; data: operator.
	OperatorAccountUnlocked Name = "operator.account_unlocked"
	// OperatorAccountDeleted: an operator deleted an account; data: operator.
	OperatorAccountDeleted Name = "operator.account_deleted"
	// OperatorActivationResent: an operator sent an activation message again; data: operator.
	OperatorActivationResent Name = "operator.activation_resent"
	// OperatorCommand: an operator ran a command that changed something; the reason names it; data: operator.
	OperatorCommand Name = "operator.command"
	// OperatorRequest: a program changed something by the operators' API; the reason names it; data: operator (the key's name).
	OperatorRequest Name = "operator.request"
	// APIKeyMade: a key of the operators' API was made; data: key, scopes.
	APIKeyMade Name = "api_key.made"
	// APIKeyRevoked: a key of the operators' API was revoked; data: key.
	APIKeyRevoked Name = "api_key.revoked"
	// AuditPersonalErased: personal fields of events were erased; data: events.
	AuditPersonalErased Name = "audit.personal_erased"
)

package notice

import (
	"testing"
	"time"

	"parvis/internal/i18n"
)

// sampleMails is the deployment of the golden files.
func sampleMails(tb testing.TB) *Mails {
	tb.Helper()
	bundle, err := i18n.Load()
	if err != nil {
		tb.Fatal(err)
	}
	zone, err := time.LoadLocation("America/Toronto")
	if err != nil {
		tb.Fatal(err)
	}
	m := &Mails{
		Bundle: bundle, Languages: i18n.Langs(), BaseURL: "https://signin.example.org", Zone: zone,
		Product: i18n.Text{"en": "Parvis", "fr": "Parvis"},
		Owner:   i18n.Text{"en": "Government of Northland", "fr": "Gouvernement du Northland"},
		Support: "help@example.org",
	}
	if err := m.Check(); err != nil {
		tb.Fatal(err)
	}
	return m
}

// sample is one golden mail.
type sample struct {
	name string
	data Data
}

func samples() []sample {
	at := time.Date(2025, 6, 12, 18, 12, 0, 0, time.UTC)
	fishing := Service{
		Name:       i18n.Text{"en": "Fishing licences", "fr": "Permis de pêche"},
		Department: i18n.Text{"en": "Ministry of Natural Resources", "fr": "ministère des Richesses naturelles"},
	}
	waiting := fishing // and mails lead back to it
	waiting.Party = "fishing-licences"
	desktop := DeviceOf("Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:139.0) Gecko/20100101 Firefox/139.0")
	phone := DeviceOf("Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 Mobile/15E148 Safari/604.1")
	near := Asked{At: at, Device: desktop, Place: "Northport"}
	handheld := Asked{At: at, Device: phone}
	bare := Asked{At: at}
	proof := Proof{Token: "Jq3mR0ZkP9xT7vYcW2bN5dL8sF1gH4aKuE6iO-QwXyU", Code: "402917", Valid: 30 * time.Minute}
	late := Asked{At: time.Date(2025, 6, 13, 3, 45, 0, 0, time.UTC), Device: desktop}
	return []sample{
		{"activate", Activate{Service: fishing, Proof: proof, Asked: near}},
		{"activate-plain", Activate{Proof: proof, Asked: late}},
		{"activate-partner", Activate{Service: fishing, Proof: Proof{Token: proof.Token, Code: proof.Code, Valid: 5 * time.Minute}, Asked: near, Partner: true}},
		{"activate-partner-plain", Activate{Proof: proof, Asked: near, Partner: true}},
		{"activate-again", ActivateAgain{Service: fishing, Proof: proof, Asked: handheld, Removal: 24 * time.Hour}},
		{"activate-again-reset", ActivateAgain{Proof: proof, Asked: bare, Why: WhyReset, Removal: 24 * time.Hour}},
		{"activate-again-unlock", ActivateAgain{Proof: proof, Asked: bare, Why: WhyUnlock, Removal: 24 * time.Hour}},
		{"activate-again-signup", ActivateAgain{Service: fishing, Proof: proof, Asked: near, Why: WhySignUp, Removal: 24 * time.Hour}},
		{"already-registered", AlreadyRegistered{Service: waiting, Asked: near}},
		{"already-registered-proof", AlreadyRegistered{Proof: proof, Asked: near}},
		{"activated", Activated{Service: fishing, Asked: near}},
		{"activated-plain", Activated{Asked: bare}},
		{"activated-partner", Activated{Service: fishing, Asked: near, Partner: true}},
		{"removed", Removed{By: RemovedNotActivated, At: at, Removal: 24 * time.Hour}},
		{"removed-operator", Removed{By: RemovedByOperator, At: at}},
		{"removed-owner", Removed{By: RemovedByOwner, At: at}},
		{"reset-password", ResetPassword{Service: fishing, Proof: proof, Asked: near}},
		{"reset-password-plain", ResetPassword{Proof: proof, Asked: handheld}},
		{"reset-password-first", ResetPassword{First: true, Service: fishing, Proof: proof, Asked: near}},
		{"reset-password-first-plain", ResetPassword{First: true, Proof: proof, Asked: handheld}},
		{"reset-no-account", ResetNoAccount{Service: waiting, Asked: near}},
		{"reset-no-account-plain", ResetNoAccount{Asked: near}},
		{"password-changed", PasswordChanged{Reset: true, SessionsEnded: true, Asked: near}},
		{"password-changed-partner", PasswordChanged{Reset: true, SessionsEnded: true, Partners: 1, Asked: near}},
		{"password-changed-signed-in", PasswordChanged{Asked: handheld}},
		{"confirm-address", ConfirmAddress{Owner: "s•••m@example.org", Proof: proof, Asked: near}},
		{"address-in-use", AddressInUse{Asked: near}},
		{"address-added", AddressAdded{Address: "s•••m@example.com", Asked: near}},
		{"address-removed", AddressRemoved{Undo: Undo{Token: proof.Token, Valid: 7 * 24 * time.Hour}, Asked: near}},
		{"address-removed-young", AddressRemoved{Asked: handheld}},
		{"address-removed-others", AddressRemoved{Address: "s•••m@example.com", Asked: near}},
		{"address-kept", AddressKept{Undo: Undo{Token: proof.Token, Valid: 6 * 24 * time.Hour}, Asked: near}},
		{"main-address", MainAddress{Main: "s•••m@example.com", Undo: Undo{Token: proof.Token, Valid: 7 * 24 * time.Hour}, Asked: near}},
		{"main-address-this", MainAddress{Asked: near}},
		{"main-address-others", MainAddress{Main: "s•••m@example.com", Asked: bare}},
		{"addresses-restored", AddressesRestored{Asked: near}},
		{"addresses-restored-others", AddressesRestored{Main: "s•••m@example.com", Asked: near}},
		{"addresses-restored-removed", AddressesRestored{Removed: true, Told: 30 * 24 * time.Hour, Asked: near}},
		{"password-set-reset", PasswordChanged{Reset: true, First: true, Partners: 1, Asked: near}},
		{"password-leaked", PasswordLeaked{Asked: near}},
		{"password-set", PasswordChanged{First: true, Partners: 1, Asked: near}},
		{"locked", Locked{Failures: 5, Asked: near}},
		{"locked-one", Locked{Failures: 1, Asked: Asked{At: at, Place: "Northport"}}},
		{"unlock", Unlock{Service: fishing, Proof: proof, Asked: near}},
		{"unlock-reset", Unlock{Service: fishing, Proof: proof, Reset: true, Asked: near}},
		{"unlock-reset-plain", Unlock{Proof: proof, Reset: true, Asked: near}},
		{"unlock-plain", Unlock{Proof: Proof{Token: proof.Token, Valid: time.Hour}, Asked: near}},
		{"unlock-no-account", UnlockNoAccount{Service: fishing, Asked: near}},
		{"unlock-no-account-plain", UnlockNoAccount{Asked: near}},
		{"unlock-not-locked", UnlockNotLocked{Service: waiting, Asked: near}},
		{"unlock-not-locked-plain", UnlockNotLocked{Asked: near}},
		{"unlocked", Unlocked{Asked: near}},
		{"unlocked-operator", Unlocked{ByOperator: true, Asked: bare}},
		{"new-sign-in", NewSignIn{Service: fishing, Asked: near, Token: proof.Token, Valid: 240 * time.Hour, Sent: at}},
		{"new-sign-in-several", NewSignIn{Service: fishing, Asked: near, Others: []SignIn{{Asked: handheld}, {Service: fishing, Asked: bare}}, Token: proof.Token, Valid: 240 * time.Hour, Sent: at}},
		{"new-sign-in-plain", NewSignIn{Asked: Asked{At: at, Device: Device{System: "Linux"}, Place: "Northport"}, Token: proof.Token, Valid: time.Hour, Sent: at}},
		{"partner-linked", PartnerLinked{Partner: i18n.Text{"en": "Northland Bank", "fr": "Banque du Northland"}, Asked: near}},
		{"partner-unlinked", PartnerUnlinked{Partner: i18n.Text{"en": "Northland Bank", "fr": "Banque du Northland"}, Asked: near}},
		{"removed-request", Removed{By: RemovedByRequest, At: at}},
		{"assist-confirm-unlink", AssistConfirm{What: AssistUnlink, Token: proof.Token, Valid: 24 * time.Hour, Asked: near}},
		{"assist-confirm-close", AssistConfirm{What: AssistClose, Token: proof.Token, Valid: 24 * time.Hour, Asked: near}},
		{"assist-received", AssistStep{Step: AssistReceived, What: AssistUnlink, Within: 14 * 24 * time.Hour, Asked: near}},
		{"assist-approved", AssistStep{Step: AssistApproved, What: AssistClose, Asked: bare}},
		{"assist-done", AssistStep{Step: AssistDone, What: AssistUnlink, Partner: i18n.Text{"en": "Northland Bank", "fr": "Banque du Northland"}, Asked: bare}},
		{"assist-done-no-password", AssistStep{Step: AssistDone, What: AssistUnlink, Partner: i18n.Text{"en": "Northland Bank", "fr": "Banque du Northland"}, NoPassword: true, Asked: bare}},
		{"assist-refused", AssistStep{Step: AssistRefused, What: AssistUnlink, Asked: bare}},
		{"assist-expired", AssistStep{Step: AssistExpired, What: AssistClose, Asked: bare}},
		{"removed-merge", Removed{By: RemovedByMerge, At: at}},
		{"accounts-merged-stays", AccountsMerged{Stays: true, Other: "s•••@e•••.org", Token: proof.Token, Valid: 7 * 24 * time.Hour, Asked: near}},
		{"accounts-merged-away", AccountsMerged{Other: "s•••@e•••.org", Token: proof.Token, Valid: 7 * 24 * time.Hour, Asked: near}},
		{"accounts-merged-stays-partner", AccountsMerged{Stays: true, Other: "s•••@e•••.org", Token: proof.Token, Valid: 7 * 24 * time.Hour, Partners: []LinkedPartner{{Name: i18n.Text{"en": "Northland Bank", "fr": "Banque du Northland"}, Since: at.AddDate(0, -5, 0)}}, Asked: near}},
		{"accounts-merged-away-partner", AccountsMerged{Other: "s•••@e•••.org", Token: proof.Token, Valid: 7 * 24 * time.Hour, Partners: []LinkedPartner{{Name: i18n.Text{"en": "Northland Bank", "fr": "Banque du Northland"}, Since: at.AddDate(0, -5, 0)}}, Asked: near}},
		{"merge-undone", MergeUndone{Asked: near}},
		{"merge-undone-suspended", MergeUndone{Suspended: true, Asked: near}},
		{"survivor-closing", SurvivorClosing{Other: "s•••@e•••.org", Valid: 5 * 24 * time.Hour, Asked: near}},
		{"merge-finished", MergeFinished{At: at}},
		{"merge-finished-partner", MergeFinished{Partners: []LinkedPartner{{Name: i18n.Text{"en": "Northland Bank", "fr": "Banque du Northland"}, Since: at.AddDate(0, -5, 0)}}, At: at}},
		{"account-closing", AccountClosing{Token: proof.Token, Valid: 7 * 24 * time.Hour, Asked: near}},
		{"account-closing-today", AccountClosing{Token: proof.Token, Valid: time.Hour, Asked: near}},
		{"data-given", DataGiven{Asked: near}},
		{"data-given-page", DataGiven{Page: true, Asked: handheld}},
		{"removed-unused", Removed{By: RemovedUnused, At: at}},
		{"unused-first", UnusedWarning{Token: proof.Token, After: 730 * 24 * time.Hour, At: at, Until: at.AddDate(0, 0, 60)}},
		{"unused-second", UnusedWarning{Second: true, Token: proof.Token, After: 730 * 24 * time.Hour, At: at, Until: at.AddDate(0, 0, 14)}},
		{"unused-kept", UnusedKept{After: 730 * 24 * time.Hour, Asked: near}},
		{"confirmation", Confirmation{Service: fishing, Name: "abcdefghijkl", Message: "W4SC", Valid: 10 * time.Minute, At: at}},
		{"confirmation-plain", Confirmation{Service: fishing, Name: "abcdefghijkl", Valid: 24 * time.Hour, At: at}},
		{"account-kept", AccountKept{Asked: handheld}},
		{"account-kept-link", AccountKept{ByLink: true, Asked: near}},
		{"enrolment-reset", EnrolmentReset{Service: fishing, Asked: bare}},
		{"enrolment-reset-sharing", EnrolmentReset{Service: fishing, Sharing: []Service{{Name: i18n.Text{"en": "Hunting licences", "fr": "Permis de chasse"}}}, Asked: bare}},
		{"partner-blocked", PartnerBlocked{Partner: i18n.Text{"en": "Northland Bank", "fr": "Banque du Northland"}, Asked: near}},
		{"ways-in", WaysIn{Service: waiting, Password: true, Partners: []i18n.Text{{"en": "Northland Bank", "fr": "Banque du Northland"}, {"en": "Province of Northland", "fr": "Province du Northland"}}, Asked: near}},
		{"ways-in-password", WaysIn{Password: true, Asked: bare}},
		{"ways-in-partner", WaysIn{Partners: []i18n.Text{{"en": "Northland Bank", "fr": "Banque du Northland"}}, Asked: near}},
		{"ways-in-none", WaysIn{Asked: near}},
		{"ways-no-account", WaysNoAccount{Service: waiting, Asked: near}},
		{"ways-no-account-pending", WaysNoAccount{Pending: true, Asked: near}},
		{"partner-unblocked", PartnerUnblocked{Partner: i18n.Text{"en": "Northland Bank", "fr": "Banque du Northland"}, Asked: near}},
		{"service-connected", ServiceConnected{Service: fishing, Asked: near, Shared: []i18n.Text{
			{"en": "Your e-mail address", "fr": "Votre adresse courriel"},
			{"en": "Your language", "fr": "Votre langue"},
		}}},
		{"service-disconnected", ServiceDisconnected{Service: fishing, Asked: near}},
		{"signed-out-everywhere", SignedOut{Everywhere: true, Asked: near}},
		{"signed-out-others", SignedOut{Asked: handheld}},
		{"one-time-code", OneTimeCode{Service: fishing, Code: "402917", Valid: 10 * time.Minute, Asked: near}},
		{"one-time-code-plain", OneTimeCode{Code: "402917", Valid: 10 * time.Minute, Asked: late}},
		{"one-time-code-set-up", OneTimeCode{Purpose: PurposeSetUp, Code: "402917", Valid: 15 * time.Minute, Asked: handheld}},
		{"one-time-code-change", OneTimeCode{Purpose: PurposeChange, Code: "40291768", Valid: 10 * time.Minute, Asked: near}},
		{"one-time-code-lost", OneTimeCode{Purpose: PurposeLost, Code: "402917", Valid: 10 * time.Minute, Asked: near}},
		{"lost-waits", Lost{Stage: LostWaits, Token: proof.Token, Until: at.Add(48 * time.Hour), Asked: near}},
		{"lost-waits-today", Lost{Stage: LostWaits, Token: proof.Token, Until: at.Add(time.Hour), Asked: handheld}},
		{"lost-soon", Lost{Stage: LostSoon, Token: proof.Token, Until: at.Add(12 * time.Hour), Asked: bare}},
		{"lost-open", Lost{Stage: LostOpen, Token: proof.Token, Finish: "Zt4GmR8wPq1Ls6VcXy0NbHd3KfJ9uTa5E7iW2oBvMzQ", Until: at.Add(72 * time.Hour), Asked: bare}},
		{"lost-done", Lost{Stage: LostDone, Token: proof.Token, Until: at.Add(48 * time.Hour), Asked: near}},
		{"lost-stopped", Lost{Stage: LostStopped, Asked: handheld}},
		{"lost-undone", Lost{Stage: LostUndone, Asked: handheld}},
		{"lost-found", Lost{Stage: LostFound, Asked: near}},
		{"one-time-code-check", OneTimeCode{Purpose: PurposeCheck, Code: "402917", Valid: 15 * time.Minute, Asked: near}},
		{"method-added-totp", MethodAdded{Method: MethodTOTP, Name: "Blue phone", Asked: near}},
		{"method-added-passkey", MethodAdded{Method: MethodPasskey, Asked: handheld}},
		{"method-added-security-key", MethodAdded{Method: MethodSecurityKey, Name: "Key ring", Asked: near}},
		{"method-added-phone", MethodAdded{Method: MethodPhone, Name: "•• 42", Asked: near}},
		{"method-added-email", MethodAdded{Method: MethodEmail, Asked: bare}},
		{"method-added-backup-codes", MethodAdded{Method: MethodBackupCodes, Asked: near}},
		{"method-added-other", MethodAdded{Method: "new", Asked: near}},
		{"method-removed-totp", MethodRemoved{Method: MethodTOTP, Name: "Blue phone", Asked: near}},
		{"method-removed-passkey", MethodRemoved{Method: MethodPasskey, Asked: handheld}},
		{"method-removed-security-key", MethodRemoved{Method: MethodSecurityKey, Name: "Key ring", Asked: near}},
		{"method-removed-phone", MethodRemoved{Method: MethodPhone, Name: "•• 42", ByOperator: true, Asked: bare}},
		{"method-removed-email", MethodRemoved{Method: MethodEmail, Asked: near}},
		{"method-removed-backup-codes", MethodRemoved{Method: MethodBackupCodes, Asked: near}},
		{"method-removed-other", MethodRemoved{Asked: near}},
		{"method-waits-totp", MethodWaits{Method: MethodTOTP, Name: "Blue phone", Failures: 5, Wait: 15 * time.Minute, Asked: near}},
		{"method-waits-passkey", MethodWaits{Method: MethodPasskey, Failures: 5, Wait: 15 * time.Minute, Asked: near}},
		{"method-waits-security-key", MethodWaits{Method: MethodSecurityKey, Failures: 5, Wait: 15 * time.Minute, Asked: near}},
		{"method-waits-phone", MethodWaits{Method: MethodPhone, Name: "•• 42", Failures: 1, Wait: time.Hour, Asked: late}},
		{"method-waits-email", MethodWaits{Method: MethodEmail, Failures: 5, Wait: 15 * time.Minute, Asked: handheld}},
		{"method-waits-backup-codes", MethodWaits{Method: MethodBackupCodes, Failures: 5, Wait: 15 * time.Minute, Asked: near}},
		{"method-waits-other", MethodWaits{Failures: 5, Wait: 15 * time.Minute, Asked: bare}},
		{"method-disabled-totp", MethodDisabled{Method: MethodTOTP, Name: "Blue phone", Failures: 100, Asked: near}},
		{"method-disabled-passkey", MethodDisabled{Method: MethodPasskey, Failures: 100, Asked: near}},
		{"method-disabled-security-key", MethodDisabled{Method: MethodSecurityKey, Failures: 100, Asked: near}},
		{"method-disabled-phone", MethodDisabled{Method: MethodPhone, Name: "•• 42", Failures: 1, Asked: bare}},
		{"method-disabled-email", MethodDisabled{Method: MethodEmail, Failures: 50, Asked: near}},
		{"method-disabled-backup-codes", MethodDisabled{Method: MethodBackupCodes, Failures: 100, Asked: near}},
		{"method-disabled-other", MethodDisabled{Failures: 100, Asked: near}},
		{"backup-codes-made", BackupCodesMade{Count: 10, Asked: near}},
		{"backup-codes-made-again", BackupCodesMade{Count: 1, Replaced: true, Asked: handheld}},
		{"backup-code-used", BackupCodeUsed{Service: fishing, Left: 9, Asked: near}},
		{"backup-code-used-one-left", BackupCodeUsed{Left: 1, Asked: near}},
		{"backup-codes-used-up", BackupCodesUsedUp{Service: fishing, Asked: near}},
		{"backup-codes-used-up-plain", BackupCodesUsedUp{Asked: handheld}},
		{"browser-remembered", BrowserRemembered{Valid: 30 * 24 * time.Hour, Asked: near}},
		{"contact-received", ContactReceived{Reference: "7K3Q-M92T", Service: fishing, At: at}},
		{"contact-received-plain", ContactReceived{Reference: "7K3Q-M92T", At: at}},
		{"contact-desk", ContactDesk{
			Reference: "7K3Q-M92T", PageReference: "P4XW-0J8D", From: "sam@example.org", FromLocale: "fr", Service: fishing,
			Topic: "Signing in", Asked: near,
			Body: "Bonjour,\n\nle lien du message ne s’ouvre pas <sur mon téléphone>.\nMerci & bonne journée\nSam",
		}},
	}
}

package notice

import "time"

// end is when a proof stops working; zero when there is none.
func (p Proof) end(asked Asked) time.Time {
	if p.Token == "" {
		return time.Time{}
	}
	return asked.At.Add(p.Valid)
}

// Ends is when its proof stops working; zero when it carries none.
func (d Activate) Ends() time.Time { return d.Proof.end(d.Asked) }

// Ends is when its proof stops working; zero when it carries none.
func (d ActivateAgain) Ends() time.Time { return d.Proof.end(d.Asked) }

// Ends is when its proof stops working; zero when it carries none.
func (d AlreadyRegistered) Ends() time.Time { return d.Proof.end(d.Asked) }

// Ends is when its proof stops working; zero when it carries none.
func (d ResetPassword) Ends() time.Time { return d.Proof.end(d.Asked) }

// Ends is when its proof stops working; zero when it carries none.
func (d Unlock) Ends() time.Time { return d.Proof.end(d.Asked) }

// Ends is when its proof stops working; zero when it carries none.
func (d OneTimeCode) Ends() time.Time { return d.Asked.At.Add(d.Valid) }

// Priority puts mails that somebody waits for before those that only inform; 0 goes first.
func Priority(k Kind) int {
	switch k {
	case KindActivate, KindActivateAgain, KindAlreadyRegistered, KindResetPassword, KindResetNoAccount,
		KindUnlock, KindUnlockNoAccount, KindUnlockNotLocked, KindOneTimeCode, KindWaysIn, KindWaysNoAccount,
		KindAssistConfirm, KindConfirmAddress, KindAddressInUse, KindAddressKept,
		KindConfirmation, KindLostWaits, KindLostSoon, KindLostOpen, KindLostDone:
		return 0
	case KindPasswordChanged, KindPasswordLeaked, KindLocked, KindUnlocked, KindNewSignIn, KindRemoved, KindMethodAdded,
		KindMethodRemoved, KindMethodWaits, KindMethodDisabled, KindBackupCodesMade, KindBackupCodeUsed, KindBackupCodesUsedUp,
		KindBrowserRemembered, KindPartnerLinked, KindPartnerUnlinked, KindPartnerBlocked, KindPartnerUnblocked,
		KindAddressAdded, KindAddressRemoved, KindMainAddress, KindAddressesRestored,
		KindEnrolmentReset, KindAccountsMerged, KindMergeUndone, KindMergeFinished, KindSurvivorClosing, KindAccountClosing, KindAccountKept, KindDataGiven,
		KindUnusedFirst, KindUnusedSecond, KindUnusedKept,
		KindAssistReceived, KindAssistApproved, KindAssistDone, KindAssistRefused, KindAssistExpired,
		KindSignedOut,
		KindLostStopped, KindLostUndone, KindLostFound:
		return 1
	case KindActivated, KindServiceConnected, KindServiceDisconnected, KindContactReceived, KindContactDesk:
		return 2
	}
	return 2
}

package signin

import "slices"

// Edge is one drawn way through the journey: what a request may do at a step.
// A request that has no edge from a step changes nothing and goes to the dispatcher.
type Edge struct {
	From    []Step
	Request string // name of the request, as in the pages' form ids
	Outcome string // how it ended
	To      []Step // what the dispatcher may name afterwards
}

// after are the steps that can follow once somebody has proven what is demanded.
func after() []Step { return []Step{StepConsent, StepFinish, StepServices, StepReady} }

// second are the steps about the second step.
func second() []Step {
	return []Step{
		StepSecond, StepLostWait, StepSetUp, StepSetUpApp, StepSetUpPhone, StepConfirmPhone, StepSetUpBackup, StepRemind, StepAnother, StepPartnerLink,
	}
}

// chosen are the steps in which a method is set up.
func chosen() []Step { return []Step{StepSetUpApp, StepSetUpPhone, StepConfirmPhone, StepSetUpBackup} }

// before are the steps that come before anybody has signed in.
func before() []Step {
	return []Step{
		StepSignIn, StepCreate, StepForgot, StepUnlock,
		StepConfirmEmail, StepAlready, StepChoosePassword, StepCheckEmail,
		StepHandOff, StepPartnerFailed, StepPartnerNew, StepPartnerCreate,
	}
}

// open are the steps at which a journey can be given up.
func open() []Step {
	return slices.Concat(before(), second(), []Step{StepContinue, StepConsent, StepMerged, StepClosing})
}

// Edges is the whole machine. docs/flows.md is drawn from it, and the tests of
// this package try every request at every step and find no other way.
func Edges() []Edge {
	proven := after()
	begun := []Step{StepSetUp, StepSetUpApp, StepSetUpPhone, StepSetUpBackup} // a method is to be set up
	signedIn := slices.Concat(proven, []Step{StepSecond, StepLostWait, StepMerged, StepClosing}, begun)
	bound := slices.Concat(proven, []Step{StepSecond, StepLostWait, StepAnother})
	return []Edge{
		{before(), "sign-in", "signed in", signedIn},
		{before(), "sign-in", "wrong", []Step{StepSignIn, StepPartnerNew}},
		{before(), "sign-in", "locked", []Step{StepUnlock}},

		{before(), "create-account", "sent", []Step{StepConfirmEmail}},
		{[]Step{StepConfirmEmail}, "resend", "sent", []Step{StepConfirmEmail}},
		{[]Step{StepConfirmEmail}, "confirm-email", "wrong code", []Step{StepConfirmEmail}},
		{[]Step{StepConfirmEmail}, "confirm-email", "proven", []Step{StepChoosePassword, StepPartnerCreate, StepAlready}},
		{[]Step{StepChoosePassword}, "choose-password", "activated", signedIn},
		{[]Step{StepChoosePassword}, "choose-password", "taken or gone", []Step{StepAlready, StepCreate}},

		{before(), "reset-password", "sent", []Step{StepCheckEmail}},
		{before(), "reset-password", "locked", []Step{StepUnlock}},
		{before(), "unlock", "sent", []Step{StepCheckEmail}},
		{[]Step{StepCheckEmail}, "resend", "sent", []Step{StepCheckEmail}},
		{[]Step{StepCheckEmail}, "check-email", "wrong code", []Step{StepCheckEmail}},
		{[]Step{StepCheckEmail}, "check-email", "proven", []Step{StepChoosePassword, StepSignIn}},
		{[]Step{StepChoosePassword}, "choose-password", "changed", []Step{StepSignIn}},
		{[]Step{StepChoosePassword}, "choose-password", "proof ended", []Step{StepForgot}},

		{before(), "ways-in", "sent", []Step{StepSignIn, StepPartnerNew}},

		{before(), "link", "proven", []Step{StepChoosePassword, StepAlready, StepSignIn}},

		{before(), "partner", "on the way", []Step{StepHandOff, StepPartnerFailed}},
		{[]Step{StepHandOff}, "partner-return", "known here", signedIn},
		{[]Step{StepHandOff}, "partner-return", "came to nothing", []Step{StepPartnerFailed}},
		{[]Step{StepHandOff}, "partner-return", "not linked yet", []Step{StepPartnerNew, StepPartnerCreate, StepPartnerLink, StepSecond}},
		{[]Step{StepPartnerCreate}, "partner-create", "activated", signedIn},
		{[]Step{StepPartnerCreate}, "partner-create", "taken or gone", []Step{StepAlready, StepCreate}},
		{[]Step{StepHandOff, StepPartnerFailed, StepPartnerNew, StepConfirmEmail}, "partner-back", "left", []Step{StepSignIn}},
		{[]Step{StepHandOff, StepPartnerFailed, StepPartnerCreate}, "partner-back", "left for a password", []Step{StepChoosePassword}},
		{[]Step{StepPartnerLink}, "partner-link", "there once more", []Step{StepHandOff, StepPartnerFailed}},
		{[]Step{StepPartnerLink}, "partner-link", "not linked", bound},
		{[]Step{StepHandOff}, "partner-return", "linked", bound},
		{[]Step{StepHandOff, StepPartnerFailed}, "partner-back", "not linked", bound},

		{[]Step{StepAddHandOff}, "partner-return", "came to nothing", []Step{StepAddFailed}},
		{[]Step{StepAddHandOff}, "partner-return", "signed in there", []Step{StepAddLink}},
		{[]Step{StepAddHandOff, StepAddFailed}, "add-again", "on the way", []Step{StepAddHandOff, StepAddFailed}},
		{[]Step{StepAddLink}, "add-partner", "added, or not", []Step{StepFinish}},
		{[]Step{StepAddHandOff, StepAddFailed, StepAddLink}, "add-back", "left", []Step{StepFinish}},

		{[]Step{StepSecond}, "send-code", "sent", []Step{StepSecond}},
		{[]Step{StepSecond}, "another-way", "chosen", []Step{StepSecond}},
		{[]Step{StepSecond}, "lost-method", "first step too old", []Step{StepSignIn}},
		{[]Step{StepSecond}, "lost-method", "code sent, or wrong, or waiting", []Step{StepSecond}},
		{[]Step{StepSecond}, "lost-method", "removed", slices.Concat(proven, begun, []Step{StepLostWait})},
		{[]Step{StepSecond}, "second-step", "wrong code", []Step{StepSecond}},
		{[]Step{StepSecond}, "second-step", "proven", slices.Concat(signedIn, []Step{StepRemind})},
		{[]Step{StepRemind}, "backup-reminder", "at hand", proven},
		{[]Step{StepRemind}, "backup-reminder", "new ones wanted", []Step{StepSetUpBackup}},
		{slices.Concat([]Step{StepSetUp}, chosen()), "set-up-method", "chosen", begun[1:]},
		{[]Step{StepSetUpApp}, "set-up-app", "wrong code", []Step{StepSetUpApp}},
		{[]Step{StepSetUpApp}, "set-up-app", "bound", bound},
		{[]Step{StepSetUpPhone}, "set-up-phone", "code sent", []Step{StepConfirmPhone}},
		{[]Step{StepConfirmPhone}, "confirm-phone", "wrong code", []Step{StepConfirmPhone}},
		{[]Step{StepConfirmPhone}, "confirm-phone", "bound", bound},
		{[]Step{StepSetUpBackup}, "set-up-backup", "bound", bound},
		{chosen(), "back", "left", []Step{StepSetUp, StepSetUpPhone}},
		{[]Step{StepAnother}, "another", "wanted", []Step{StepSecond, StepSetUp}},
		{[]Step{StepAnother, StepSetUp, StepSetUpApp, StepSetUpPhone, StepConfirmPhone, StepSetUpBackup}, "another", "not now", proven},

		{[]Step{StepContinue}, "continue", "continued", slices.Concat(signedIn, []Step{StepSignIn})},
		{[]Step{StepMerged}, "undo-merge", "undone", signedIn},
		{[]Step{StepClosing}, "keep-account", "kept", signedIn},
		{slices.Concat([]Step{StepContinue, StepSignIn, StepMerged, StepClosing}, second()), "switch", "signed out", []Step{StepSignIn}},
		{[]Step{StepConsent}, "consent", "allowed", []Step{StepFinish}},
		{[]Step{StepConsent}, "consent", "denied", []Step{StepCancelled}},
		{open(), "cancel", "given up", []Step{StepCancelled}},
		{[]Step{StepCancelled}, "resume", "went back", slices.Concat(open(), []Step{StepFinish})},
		{[]Step{StepSignOut}, "sign-out", "signed out", []Step{StepFinish}},
	}
}

// Drawn reports whether a request may lead from one step to another.
func Drawn(from Step, request string, to Step) bool {
	for _, e := range Edges() {
		if e.Request == request && slices.Contains(e.From, from) && slices.Contains(e.To, to) {
			return true
		}
	}
	return false
}

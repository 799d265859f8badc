package signin

import (
	"time"

	"parvis/internal/flow"
	"parvis/internal/id"
	"parvis/internal/policy"
)

// Position is everything the dispatcher's rule looks at.
type Position struct {
	Kind          flow.Kind
	Progress      flow.Progress
	RelyingParty  id.RelyingParty // "" for a direct sign-in
	Demand        policy.Demand
	SelectAccount bool   // the service asks as whom to continue (prompt=select_account)
	ForceConsent  bool   // the service asks for the agreement again (prompt=consent)
	Finish        string // local path that completes the request, "" for My connected services
	Ended         bool   // the flow has expired
	Live          *Live  // the session of this browser, nil for none
	Agreed        bool   // what the service asks for was agreed to, and not too long ago
}

// Live is the session of a browser as far as the rule is concerned.
type Live struct {
	Session id.Session
	Account id.Account
	Facts   policy.Facts
}

// Reason says why a step is due, for the log and the pages.
type Reason string

// The reasons.
const (
	ReasonTask      Reason = "task"      // a branch is under way
	ReasonNobody    Reason = "nobody"    // nobody is signed in
	ReasonReauth    Reason = "reauth"    // who is signed in must prove it again
	ReasonChoose    Reason = "choose"    // the service wants the person to say as whom
	ReasonConsent   Reason = "consent"   // something is shared that was not agreed to
	ReasonDone      Reason = "done"      // nothing is left to ask
	ReasonEnded     Reason = "ended"     // the flow has expired
	ReasonCancelled Reason = "cancelled" // declined or given up
	ReasonSignOut   Reason = "sign-out"  // a service asks to end the session
)

// Next names the one step that is due, from facts alone. It is the only place
// that knows the order of the steps.
func Next(table policy.Table, p Position, now time.Time) (Step, Reason) {
	switch {
	case p.Ended:
		return StepExpired, ReasonEnded
	case p.Kind == flow.SignOut:
		if p.Live == nil {
			return StepFinish, ReasonDone
		}
		return StepSignOut, ReasonSignOut
	case p.Progress.Cancelled:
		return StepCancelled, ReasonCancelled
	}
	switch p.Progress.Task {
	case flow.TaskCreate:
		return nextCreate(p.Progress), ReasonTask
	case flow.TaskReset:
		return nextReset(p.Progress), ReasonTask
	case flow.TaskUnlock:
		if p.Progress.Proof != "" {
			return StepCheckEmail, ReasonTask
		}
		return StepUnlock, ReasonTask
	case flow.TaskSignIn:
	}
	return nextSignIn(table, p, now)
}

func nextCreate(p flow.Progress) Step {
	switch {
	case p.Taken:
		return StepAlready
	case p.Proven != "":
		return StepChoosePassword
	case p.Proof != "":
		return StepConfirmEmail
	}
	return StepCreate
}

func nextReset(p flow.Progress) Step {
	switch {
	case p.Proven != "":
		return StepChoosePassword
	case p.Proof != "":
		return StepCheckEmail
	}
	return StepForgot
}

// nextSignIn asks for identity first, then for whom, then for agreement.
func nextSignIn(table policy.Table, p Position, now time.Time) (Step, Reason) {
	if p.Live == nil {
		return StepSignIn, ReasonNobody
	}
	// OpenID Connect Core 1.0, 3.1.2.1, prompt=select_account: asked once, and
	// not of a person who has just signed in on this flow.
	if p.SelectAccount && !p.Progress.Chose(p.Live.Session) {
		return StepContinue, ReasonChoose
	}
	step := table.Next(p.Demand, p.Live.Facts, now).Step
	switch {
	case step == policy.StepImpossible:
		return StepFinish, ReasonDone // the endpoint that completes the request answers with its protocol's error
	case step != policy.StepNone:
		return StepSignIn, ReasonReauth
	case p.RelyingParty == "" && p.Finish == "":
		return StepServices, ReasonDone
	case p.RelyingParty == "":
		return StepFinish, ReasonDone
	case p.Progress.Detached:
		return StepReady, ReasonDone
	case !p.Agreed, p.ForceConsent && p.Progress.Consented == 0:
		return StepConsent, ReasonConsent
	}
	return StepFinish, ReasonDone
}

// entrance reports whether a step is one of the pages where a branch begins.
// They stay open until somebody has signed in: going back is always possible.
func entrance(s Step) bool {
	switch s {
	case StepSignIn, StepCreate, StepForgot, StepUnlock:
		return true
	default:
		return false
	}
}

// beforeSignIn reports whether a step comes before anybody has signed in.
func beforeSignIn(s Step) bool {
	switch s {
	case StepConfirmEmail, StepAlready, StepChoosePassword, StepCheckEmail:
		return true
	default:
		return entrance(s)
	}
}

// Allowed reports whether the page of a step may be shown, or sent, while the
// dispatcher names another one. Everything else goes to the dispatcher.
func Allowed(due, page Step) bool {
	return page == due || entrance(page) && beforeSignIn(due)
}

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
	SelectAccount bool          // the service asks as whom to continue (prompt=select_account)
	ForceConsent  bool          // the service asks for the agreement again (prompt=consent)
	Finish        string        // local path that completes the request, "" for My connected services
	Ended         bool          // the flow has expired
	Live          *Live         // the session of this browser, nil for none
	Agreed        bool          // what the service asks for was agreed to, and not too long ago
	For           id.Account    // the only account that the end of the journey is for, "" for anybody's
	SetUp         policy.Method // what the person came to set up, "" for nothing
	Add           flow.Add      // for flow.Adding
}

// Live is the session of a browser as far as the rule is concerned.
type Live struct {
	Session id.Session
	Account id.Account
	Facts   policy.Facts
	Merged  bool         // the account was merged into another one: nothing is open but the way to undo that
	Closing bool         // its owner asked to delete the account: nothing is open but the way to keep it
	Has     policy.Owned // second steps of the account; only wanted when one is due, see Position.Second
}

// Reason says why a step is due, for the log and the pages.
type Reason string

// The reasons.
const (
	ReasonTask      Reason = "task"      // a branch is under way
	ReasonNobody    Reason = "nobody"    // nobody is signed in
	ReasonReauth    Reason = "reauth"    // who is signed in must prove it again
	ReasonDoor      Reason = "door"      // who is signed in came through a door that the service does not take
	ReasonSecond    Reason = "second"    // more has to be proven than a password
	ReasonSetUp     Reason = "set-up"    // a method is to be set up
	ReasonChoose    Reason = "choose"    // the service wants the person to say as whom
	ReasonConsent   Reason = "consent"   // something is shared that was not agreed to
	ReasonDone      Reason = "done"      // nothing is left to ask
	ReasonEnded     Reason = "ended"     // the flow has expired
	ReasonCancelled Reason = "cancelled" // declined or given up
	ReasonMerged    Reason = "merged"    // the account was merged into another one
	ReasonClosing   Reason = "closing"   // the account is to be deleted
	ReasonSignOut   Reason = "sign-out"  // a service asks to end the session
	ReasonAdd       Reason = "add"       // a sign-in partner is added to the account
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
	case p.Kind == flow.Adding:
		return nextAdd(table, p, now)
	case p.Progress.Cancelled:
		return StepCancelled, ReasonCancelled
	}
	switch p.Progress.Task {
	case flow.TaskCreate:
		return nextCreate(p.Progress, now), ReasonTask
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

func nextCreate(p flow.Progress, now time.Time) Step {
	switch {
	case p.Taken:
		return StepAlready
	case p.Proven != "":
		switch step := nextFirst(p.Partner, now); step {
		case StepPartnerNew:
			return StepPartnerCreate
		case StepSignIn:
			return StepChoosePassword
		default:
			return step
		}
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

// nextSignIn asks for identity first, then for whom, then for a second step, then
// for agreement.
func nextSignIn(table policy.Table, p Position, now time.Time) (Step, Reason) {
	if p.Live == nil {
		return nextFirst(p.Progress.Partner, now), ReasonNobody
	}
	if p.Live.Merged {
		return nextMerged(table, p, now)
	}
	if p.Live.Closing {
		return StepClosing, ReasonClosing
	}
	// OpenID Connect Core 1.0, 3.1.2.1, prompt=select_account: asked once, and
	// not of a person who has just signed in on this flow.
	if p.SelectAccount && !p.Progress.Chose(p.Live.Session) {
		return StepContinue, ReasonChoose
	}
	switch need := table.Next(p.Demand, p.Live.Facts, now); {
	case need.Step == policy.StepImpossible:
		return StepFinish, ReasonDone // the endpoint that completes the request answers with its protocol's error
	case need.Step == policy.StepFirst && need.Reason == policy.ReasonDoor && p.proves(now):
	case need.Step == policy.StepFirst && need.Reason == policy.ReasonDoor:
		return nextFirst(p.Progress.Partner, now), ReasonDoor
	case need.Step == policy.StepFirst:
		return nextFirst(p.Progress.Partner, now), ReasonReauth
	}
	p.Progress.Second = p.Progress.Second.Of(p.Live.Account)
	p.Progress.Partner = p.Progress.Partner.Of(p.Progress.Session, p.Live.Session)
	switch step, why := nextSecond(p.turn(table, now), p.Progress.Second); step {
	case "":
	case StepPartnerLink:
		return nextLink(p.Progress.Partner, p.Live.Session), why
	default:
		return step, why
	}
	return nextAgreement(p)
}

// proves reports whether who is signed in has proven their account through a door that the
// service does not take, so that the partner from which they came, which it does take,
// can be linked to it.
func (p Position) proves(now time.Time) bool {
	partner := p.Progress.Partner.Of(p.Progress.Session, p.Live.Session)
	return partner.Known(now) && p.Demand.Doors.Opens(partner.Provider)
}

// nextMerged lets the owner of a merged account prove as much as the account can give,
// and then decide what becomes of the merging.
func nextMerged(table policy.Table, p Position, now time.Time) (Step, Reason) {
	p.Progress.Second = p.Progress.Second.Of(p.Live.Account)
	s := flow.State{Demand: p.Demand, SetUp: p.SetUp, Progress: p.Progress}.Restoring(table)
	if table.Next(s.Demand, p.Live.Facts, now).Step == policy.StepFirst {
		return nextFirst(p.Progress.Partner, now), ReasonReauth
	}
	if step, why := nextSecond(s.Turn(table, p.Live.Facts, p.Live.Has, now), s.Progress.Second); step != "" {
		return step, why
	}
	return StepMerged, ReasonMerged
}

// nextFirst is the page of the first step: the password, unless a sign-in partner was
// chosen in its place.
func nextFirst(p flow.Partner, now time.Time) Step {
	switch {
	case p.Failure != "":
		return StepPartnerFailed
	case p.Waits():
		return StepHandOff
	case p.Known(now):
		return StepPartnerNew
	}
	return StepSignIn
}

// nextAdd is what is due while a sign-in partner is added to an account. Nothing is for
// anybody but its owner, in the session in which it was begun, and with proofs that are
// new enough for a change: then the settings say that nothing was added.
func nextAdd(table policy.Table, p Position, now time.Time) (Step, Reason) {
	if p.Live == nil || p.Live.Merged || p.Live.Closing || p.Live.Account != p.Add.Account || p.Live.Session != p.Add.Session || p.Progress.Added {
		return StepFinish, ReasonDone
	}
	if table.Next(table.Sensitive(p.Live.Has.All()), p.Live.Facts, now).Step != policy.StepNone {
		return StepFinish, ReasonDone
	}
	switch partner := p.Progress.Partner; {
	case partner.Failure != "":
		return StepAddFailed, ReasonAdd
	case partner.Waits():
		return StepAddHandOff, ReasonAdd
	case partner.Known(now):
		return StepAddLink, ReasonAdd
	}
	return StepFinish, ReasonDone
}

// nextLink is the page of linking a sign-in partner: the question, then the way there and
// back once more. The first sign-in there proves nothing for the account: it may be that
// of somebody who was in this browser before its owner came.
func nextLink(p flow.Partner, live id.Session) Step {
	switch {
	case p.By != live:
		return StepPartnerLink
	case p.Failure != "":
		return StepPartnerFailed
	case p.Waits():
		return StepHandOff
	}
	return StepPartnerLink
}

// Second reports whether Live.Has decides what is next: a second step is due, or
// a method was or is to be set up.
func (p Position) Second(table policy.Table, now time.Time) bool {
	if p.Live == nil || p.Kind == flow.SignOut {
		return false
	}
	if p.Kind == flow.Adding {
		return true
	}
	return p.Live.Merged || p.Demand.Sensitive || p.Progress.Partner.Subject != "" || p.SetUp != "" || p.Progress.Second != flow.Second{} ||
		table.Next(p.Demand, p.Live.Facts, now).Step == policy.StepSecond
}

func (p Position) turn(table policy.Table, now time.Time) flow.Turn {
	return flow.State{Demand: p.Demand, SetUp: p.SetUp, Progress: p.Progress}.Turn(table, p.Live.Facts, p.Live.Has, now)
}

// nextSecond is the page of what is due of the second step; "" for nothing.
func nextSecond(t flow.Turn, s flow.Second) (Step, Reason) {
	switch t.Kind {
	case flow.TurnProve:
		return StepSecond, ReasonSecond
	case flow.TurnChoose:
		return StepSetUp, ReasonSetUp
	case flow.TurnAnother:
		return StepAnother, ReasonSetUp
	case flow.TurnRemind:
		return StepRemind, ReasonSetUp
	case flow.TurnWait:
		return StepLostWait, ReasonSecond
	case flow.TurnLink:
		return StepPartnerLink, ReasonSetUp
	case flow.TurnSetUp:
	default:
		return "", ""
	}
	switch t.Method {
	case policy.App:
		return StepSetUpApp, ReasonSetUp
	case policy.Text, policy.Voice:
		if s.Draft != "" {
			return StepConfirmPhone, ReasonSetUp
		}
		return StepSetUpPhone, ReasonSetUp
	case policy.Backup:
		return StepSetUpBackup, ReasonSetUp
	default:
		return StepSetUp, ReasonSetUp // nothing else can be set up yet
	}
}

// nextAgreement is what follows when the person has proven what is demanded.
func nextAgreement(p Position) (Step, Reason) {
	switch {
	case p.RelyingParty == "" && p.Finish == "":
		return StepServices, ReasonDone
	case p.RelyingParty == "":
		return StepFinish, ReasonDone
	case p.Progress.Detached:
		return StepReady, ReasonDone
	case p.For != "" && p.For != p.Live.Account: // the end says so; there is nothing to agree to
		return StepFinish, ReasonDone
	case !p.Agreed, p.ForceConsent && !p.Progress.Agreed(p.Live.Account):
		return StepConsent, ReasonConsent
	}
	return StepFinish, ReasonDone
}

// entrance reports whether a step is one of the pages where a branch begins.
// They stay open until somebody has signed in: going back is always possible.
func entrance(s Step) bool {
	switch s {
	case StepSignIn, StepCreate, StepForgot, StepUnlock, StepWays:
		return true
	default:
		return false
	}
}

// beforeSignIn reports whether a step comes before anybody has signed in.
func beforeSignIn(s Step) bool {
	switch s {
	case StepConfirmEmail, StepAlready, StepChoosePassword, StepCheckEmail,
		StepHandOff, StepPartnerFailed, StepPartnerNew, StepPartnerCreate:
		return true
	default:
		return entrance(s)
	}
}

// settingUp reports whether a step is about setting up a method.
func settingUp(s Step) bool {
	switch s {
	case StepSetUp, StepSetUpApp, StepSetUpPhone, StepConfirmPhone, StepSetUpBackup, StepAnother, StepRemind, StepPartnerLink:
		return true
	default:
		return false
	}
}

// Second reports whether a step is about the second step: proving a method, or
// setting one up.
func (s Step) Second() bool { return s == StepSecond || s == StepLostWait || settingUp(s) }

// Allowed reports whether the page of a step may be shown, or sent, while the
// dispatcher names another one. Everything else goes to the dispatcher.
func Allowed(due, page Step) bool {
	if page == StepOtherWay || page == StepLost {
		return due == StepSecond
	}
	if page == StepHelpChoose {
		return settingUp(due)
	}
	return page == due || entrance(page) && beforeSignIn(due)
}

package flow

import (
	"time"

	"parvis/internal/fault"
	"parvis/internal/id"
	"parvis/internal/policy"
)

// OutOfTurn is the answer to a request that is not due: nothing changes, and the
// person goes to the dispatcher. It is the same fault as that of Save, since the
// cause often is another tab that went ahead.
func OutOfTurn() error { return fault.New(fault.Conflict, "error.flow.conflict") }

// Asking reports whether a flow still asks who the person is: the pages where a
// branch begins are open until then, and closed afterwards. session and facts are
// those of the browser's live session; session is "" when there is none.
func (f Flow) Asking(table policy.Table, session id.Session, facts policy.Facts, now time.Time) bool {
	p := f.State.Progress
	switch {
	case f.State.Kind != SignIn || p.Cancelled:
		return false
	case p.Task != TaskSignIn, session == "":
		return true
	case f.State.SelectAccount && !p.Chose(session):
		return false
	}
	return table.Next(f.State.Demand, facts, now).Step == policy.StepFirst
}

// Chose reports whether the person said on this flow that they go on with a
// session: by signing in, or by choosing it.
func (p Progress) Chose(session id.Session) bool {
	return p.Session == session || p.Confirmed == session
}

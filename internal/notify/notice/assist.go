package notice

import (
	"time"

	"parvis/internal/i18n"
)

// The messages about what the staff does for somebody who asked for it (R46).
const (
	KindAssistConfirm  Kind = "assist-confirm"
	KindAssistReceived Kind = "assist-received"
	KindAssistApproved Kind = "assist-approved"
	KindAssistDone     Kind = "assist-done"
	KindAssistRefused  Kind = "assist-refused"
	KindAssistExpired  Kind = "assist-expired"
)

// AssistWhat is what was asked for.
type AssistWhat string

// What can be asked for.
const (
	AssistUnlink AssistWhat = "unlink" // remove a sign-in partner
	AssistClose  AssistWhat = "close"  // close the account
)

// AssistConfirm asks the owner of an account to confirm a request that came by the
// contact form. Its link is the only way to confirm it.
type AssistConfirm struct {
	What  AssistWhat
	Token string        // secret of the link; goes to <base URL>/assist/<token>
	Valid time.Duration // how long it works, counted from Asked.At
	Asked Asked
}

// Kind is KindAssistConfirm.
func (AssistConfirm) Kind() Kind { return KindAssistConfirm }

// AssistStage is a step of a request after its confirmation.
type AssistStage string

// The stages.
const (
	AssistReceived AssistStage = "received"
	AssistApproved AssistStage = "approved"
	AssistDone     AssistStage = "done"
	AssistRefused  AssistStage = "refused"
	AssistExpired  AssistStage = "expired"
)

// AssistStep tells the owner of an account how far a request has come.
type AssistStep struct {
	Step       AssistStage
	What       AssistWhat
	Within     time.Duration // for AssistReceived: after how long it runs out
	Partner    i18n.Text     // for AssistDone: what people call the sign-in partner that was removed
	NoPassword bool          // for AssistDone: the account has none; choosing one opens it when there is no other way
	Asked      Asked
}

// Kind is the mail of the stage.
func (d AssistStep) Kind() Kind { return "assist-" + Kind(d.Step) }

func (d AssistConfirm) compose(w *writer) {
	w.open("assist-confirm")
	w.say("assist-confirm." + string(d.What))
	w.button("assist-confirm.button", "/assist/"+d.Token)
	w.valid("assist-confirm.valid", d.Asked.At, d.Valid)
	w.aside("notasked.title", "assist-confirm.ignore")
	w.asked("asked", d.Asked)
}

func (d AssistStep) compose(w *writer) {
	name := "assist-" + string(d.Step)
	w.open(name)
	w.say("assist.what-" + string(d.What))
	switch d.Step {
	case AssistReceived:
		w.say("assist-received.next", "duration", w.tr.Duration(d.Within))
	case AssistDone:
		w.say("assist-done.unlink", "partner", clean(w.in(d.Partner)))
		if d.NoPassword {
			w.say("assist-done.no-password")
			w.button("button.reset", pathReset)
		}
	default:
		w.say(name + ".next")
	}
	w.aside("notasked.title", "assist.not-you")
	w.asked("done", d.Asked)
}

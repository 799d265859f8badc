package enrollment

import (
	"parvis/internal/flow"
	"parvis/internal/id"
)

// AddressForm is what the "create account" page sends.
type AddressForm struct {
	Address string
	Locale  string // language of the mails: "en" or "fr"
	Terms   bool   // the terms were accepted
}

// Outcome says how a step ended.
type Outcome string

// The outcomes.
const (
	Sent      Outcome = "sent"       // a mail is on its way, whatever is known of the address
	Proven    Outcome = "proven"     // go to the dispatcher of Result.Flow
	WrongCode Outcome = "wrong-code" // Result.Left tries remain
	CodeEnded Outcome = "code-ended" // no try left, too old, or replaced: ask for another mail
	LinkEnded Outcome = "link-ended" // used, replaced, expired or removed: show what signin.OpenLink tells
	Activated Outcome = "activated"  // the account is active and signed in: cookies, dispatcher
)

// Result is what came of a step.
type Result struct {
	Outcome Outcome
	Flow    id.Flow      // flow to go on with: the one given, or a new one of this browser
	Left    int          // tries left for a code
	Cookies flow.Cookies // for Activated
}

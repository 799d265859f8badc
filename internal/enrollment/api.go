package enrollment

import (
	"parvis/internal/flow"
	"parvis/internal/proving"
)

// AddressForm is what the "create account" page sends.
type AddressForm struct {
	Address string
	Locale  string // language of the mails: "en" or "fr"
	Terms   bool   // the terms were accepted
}

// Activated is the outcome of Password, beside those of proving: the account is
// active and signed in. Take the cookies and go to the dispatcher.
const Activated proving.Outcome = "activated"

// Result is what came of a step.
type Result struct {
	proving.Result

	Cookies flow.Cookies // for Activated
}

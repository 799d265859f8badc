package policy

import (
	"time"

	"parvis/internal/id"
)

// Demand is what is asked of a sign-in. The zero value asks for any sign-in.
type Demand struct {
	// ACR lists the classes that the request asks for, best first. Empty: any class.
	ACR []string `json:"acr,omitempty"`
	// Essential refuses the sign-in when none of ACR can be reached. Otherwise ACR
	// is a wish (OpenID Connect Core 1.0, 3.1.2.1): the sign-in goes on and the
	// service is told the class that was reached.
	Essential bool `json:"essential,omitempty"`
	// Floor lists the classes of the service's registration: one of them is reached
	// whatever the request asks for, since a request passes through the hands of
	// the person and of everybody who can change an address.
	Floor []string `json:"floor,omitempty"`
	// Doors are the ways in that the service takes: what was proven through others
	// does not count, whenever and for whom it was proven.
	Doors Doors `json:"doors,omitzero"`
	// Level is demanded by the deployment itself, for its own pages.
	Level Level `json:"level,omitempty"`
	// MaxAge is the greatest age of every proof that is to count; nil: any age.
	MaxAge *time.Duration `json:"max_age,omitempty"`
	// ForceLogin asks for a new authentication in this very journey (prompt=login, ForceAuthn).
	ForceLogin bool `json:"force_login,omitempty"`
	// Sensitive guards a change to the account: a remembered browser does not count.
	Sensitive bool `json:"sensitive,omitempty"`
	// SelectAccount lets the person choose as whom to go on (prompt=select_account).
	SelectAccount bool `json:"select_account,omitempty"`
	// ForceConsent asks for agreement even if it was given before (prompt=consent).
	ForceConsent bool `json:"force_consent,omitempty"`
	// Journey is the flow that carries this demand; flow.Start sets it. Facts of
	// the same journey are new enough for ForceLogin and for every MaxAge: without
	// this, max_age=0 would ask for ever, and two requests of one millisecond
	// could be taken for each other. They are so for Settings.Reauthenticate: then
	// they age like others. The MaxAge of Sensitive holds for them at once.
	Journey id.Flow `json:"journey,omitempty"`
}

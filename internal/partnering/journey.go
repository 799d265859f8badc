// Package partnering is what a person does with the sign-in partners of their account in
// the settings: sees them, removes one, and blocks those that they never use.
//
// To add one leads through a partner and back and belongs to signin; everything here ends
// where it began. Each change wants fresh proofs, tells the owner by mail, is recorded,
// and never closes the last way into an account. The pages of accountui call it.
package partnering

import (
	"parvis/internal/authenticator/password"
	"parvis/internal/db"
	"parvis/internal/owner"
	"parvis/internal/upstream"
)

// Journey keeps the sign-in partners of accounts. All fields are needed. Safe for
// concurrent use.
type Journey struct {
	DB        *db.DB
	Owners    owner.Owners
	Passwords password.Passwords
	Upstreams *upstream.Registry
	Links     upstream.Links
}

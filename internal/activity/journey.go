package activity

import (
	"parvis/internal/db"
	"parvis/internal/grant"
	"parvis/internal/owner"
	"parvis/internal/place"
	"parvis/internal/ratelimit"
	"parvis/internal/relyingparty"
)

// Journey shows and ends the sessions of who is signed in. All fields but Places are needed. Safe
// for concurrent use.
type Journey struct {
	DB       *db.DB
	Owners   owner.Owners
	Grants   grant.Grants
	Registry *relyingparty.Registry
	Limiter  *ratelimit.Limiter
	Places   *place.Places // where IP addresses are; nil: no place is named
}

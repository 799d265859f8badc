package activity

import (
	"parvis/internal/db"
	"parvis/internal/grant"
	"parvis/internal/owner"
)

// Journey shows and ends the sessions of who is signed in. All fields are needed. Safe
// for concurrent use.
type Journey struct {
	DB     *db.DB
	Owners owner.Owners
	Grants grant.Grants
}

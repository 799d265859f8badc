package policy

import "slices"

// DoorPassword is the door of an e-mail address and a password. Every other door is a
// sign-in partner and has its identifier.
const DoorPassword = "password"

// Doors are the ways in that a service takes. The zero value: every one.
type Doors struct {
	Allow  []string `json:"allow,omitempty"`  // these only; none: all that are not forbidden
	Forbid []string `json:"forbid,omitempty"` // all but these
}

// All reports whether every door is open.
func (d Doors) All() bool { return len(d.Allow) == 0 && len(d.Forbid) == 0 }

// Opens reports whether a door is open. One that is not known, as that of a session of
// before doors were told apart, is open only where all are.
func (d Doors) Opens(door string) bool {
	switch {
	case d.All():
		return true
	case door == "":
		return false
	case len(d.Allow) > 0:
		return slices.Contains(d.Allow, door) && !slices.Contains(d.Forbid, door)
	}
	return !slices.Contains(d.Forbid, door)
}

// counting are the facts of the first steps that came through an open door. Without
// this a session that began at a service that takes every door would open one that
// does not.
func (d Doors) counting(f Facts) Facts {
	if !d.Opens(DoorPassword) {
		f.Password = Facts{}.Password
	}
	if !d.Opens(f.Partner.Door) {
		f.Partner = Partner{}
	}
	return f
}

package relyingparty

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"parvis/internal/policy"
)

// Doors are the ways in that a service takes, and the one that it prefers (R4). A door is
// "password", or the id of a sign-in partner.
type Doors struct {
	// Allow lists the only doors that the service takes: "password" (e-mail address and password) and ids of sign-in partners. Empty: every door that forbid does not name.
	Allow []string `yaml:"allow,omitempty" json:"allow,omitempty"`
	// Forbid lists doors that the service does not take; every other one, also of a partner that is added later, is open.
	Forbid []string `yaml:"forbid,omitempty" json:"forbid,omitempty"`
	// Prefer is the door that the sign-in page shows first.
	Prefer string `yaml:"prefer,omitempty" json:"prefer,omitempty"`
}

// doorPattern is that of the ids of sign-in partners.
var doorPattern = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$`)

// maxDoors is how many doors a service can name.
const maxDoors = 50

func (d Doors) policy() policy.Doors {
	return policy.Doors{Allow: slices.Clone(d.Allow), Forbid: slices.Clone(d.Forbid)}
}

// doors asks what can be asked without knowing the sign-in partners; see Doors.Problems.
func (c *check) doors(d Doors) {
	if d.Allow != nil && len(d.Allow) == 0 {
		c.add("doors.allow", "names no door, so that nobody could sign in; name one, or remove the key")
	}
	if len(d.Allow) > 0 && len(d.Forbid) > 0 {
		c.add("doors", "write allow or forbid, not both")
	}
	for key, list := range map[string][]string{"doors.allow": d.Allow, "doors.forbid": d.Forbid} {
		if len(list) > maxDoors {
			c.add(key, "name at most %d doors", maxDoors)
		}
		for i, door := range list {
			switch {
			case !doorPattern.MatchString(door):
				c.add(key, "%q is no door; write password, or the id of a sign-in partner", door)
			case slices.Contains(list[:i], door):
				c.add(key, "%q stands there twice", door)
			}
		}
	}
	switch {
	case d.Prefer == "":
	case !doorPattern.MatchString(d.Prefer):
		c.add("doors.prefer", "%q is no door; write password, or the id of a sign-in partner", d.Prefer)
	case !d.policy().Opens(d.Prefer):
		c.add("doors.prefer", "%q is not open; choose a door that the service takes", d.Prefer)
	}
}

// Unknown lists the doors that are neither the password nor a known sign-in partner.
func (d Doors) Unknown(partners []string) []string {
	var out []string
	for _, door := range slices.Concat(d.Allow, d.Forbid, []string{d.Prefer}) {
		if door != "" && door != policy.DoorPassword && !slices.Contains(partners, door) && !slices.Contains(out, door) {
			out = append(out, door)
		}
	}
	return out
}

// DoorProblems lists what is wrong with the doors of a service in a deployment with some
// sign-in partners, of which some are in use: doors that do not exist, and that none is
// open.
func (s Settings) DoorProblems(partners, inUse []string) []string {
	c := &check{id: s.ID}
	if unknown := s.Doors.Unknown(partners); len(unknown) > 0 {
		c.add("doors", "there is no sign-in partner %s; `parvis upstream list` lists them", strings.Join(unknown, ", "))
	}
	switch d := s.Doors.policy(); {
	case AnyDoor(d, inUse):
	case AnyDoor(d, partners):
		opens := slices.DeleteFunc(slices.Clone(partners), func(p string) bool { return !d.Opens(p) })
		c.add("doors", "nobody could sign in: of the doors that it takes, each is a sign-in partner that is disabled (%s); run `parvis upstream enable`, or open another door", strings.Join(opens, ", "))
	default:
		c.add("doors", "no door is open: the password is closed, and so is every sign-in partner there is (%s)", orNone(partners))
	}
	return c.problems
}

// AnyDoor reports whether a deployment with some sign-in partners has a door that is open.
func AnyDoor(d policy.Doors, partners []string) bool {
	return d.Opens(policy.DoorPassword) || slices.ContainsFunc(partners, d.Opens)
}

func orNone(list []string) string {
	if len(list) == 0 {
		return "none"
	}
	return strings.Join(list, ", ")
}

// DoorText is a service's doors in one line, for the command line.
func (p *RelyingParty) DoorText() string {
	text := "all"
	switch {
	case len(p.Doors.Allow) > 0:
		text = "only " + strings.Join(p.Doors.Allow, ", ")
	case len(p.Doors.Forbid) > 0:
		text = "all but " + strings.Join(p.Doors.Forbid, ", ")
	}
	if p.PreferDoor != "" {
		text += fmt.Sprintf("; %s first", p.PreferDoor)
	}
	return text
}

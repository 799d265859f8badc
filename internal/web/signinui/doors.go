package signinui

import (
	"slices"

	"parvis/internal/policy"
	"parvis/internal/upstream"
)

// doors says which ways in the service takes, and which one it prefers (R4). What is
// not there is not only hidden: the journey takes no closed door.
func (u *UI) doors(c *call, data *signInPage) error {
	data.Password = c.view.Password
	prefer := ""
	if c.party != nil {
		prefer = c.party.PreferDoor
	}
	at := slices.IndexFunc(data.Partners, func(p partnerDoor) bool { return string(p.ID) == prefer })
	if at >= 0 {
		first := data.Partners[at]
		data.Partners = slices.Insert(slices.Delete(data.Partners, at, at+1), 0, first)
	}
	data.First = at >= 0 || !data.Password
	data.Ways = !data.Proves && data.Coming == "" && !data.Other && (len(data.Partners) > 0 || !c.view.Doors.All())
	if c.view.Doors.All() || data.Coming != "" {
		return nil
	}
	all, err := u.Signin.Partners(c.r.Context())
	if err != nil {
		return err
	}
	key := ""
	switch hidden := len(all) - len(data.Partners); {
	case !data.Password && len(data.Partners) == 0:
		if key, err = u.noDoor(c); err != nil {
			return err
		}
	case !c.view.Doors.Opens(policy.DoorPassword):
		key = "sign-in.closed.password"
	case hidden > 0 && len(data.Partners) == 0:
		key = "sign-in.closed.partners"
	case hidden > 0:
		key = "sign-in.closed.some"
	}
	if key != "" {
		data.Closed = c.tr.T(key, "service", c.journey.Service)
	}
	return nil
}

// noDoor is the sentence about a service into which no door leads: those that it takes are
// out of use for a while, or are not there at all.
func (u *UI) noDoor(c *call) (string, error) {
	all, err := u.Upstreams.List(c.r.Context())
	if err != nil {
		return "", err
	}
	if slices.ContainsFunc(all, func(p *upstream.Provider) bool { return c.view.Doors.Opens(string(p.ID)) }) {
		return "sign-in.closed.all", nil
	}
	return "sign-in.closed.none", nil
}

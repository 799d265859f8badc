package signinui

import (
	"parvis/internal/policy"
	"parvis/internal/web/kit"
)

// lastDoor marks, among the doors of a page, the one by which somebody came in last
// from this browser to this service. Who is there to link a partner, or to prove another
// account, is not told: that is another question.
func (u *UI) lastDoor(c *call, data *signInPage) {
	if data.Coming != "" || data.Other {
		return
	}
	var among []string
	if data.Password {
		among = append(among, policy.DoorPassword)
	}
	for _, p := range data.Partners {
		among = append(among, string(p.ID))
	}
	data.Last = u.Visitor.LastDoor(c.r, c.view.RelyingParty, among)
	for i, p := range data.Partners {
		if string(p.ID) == data.Last {
			data.Partners[i].Last, data.LastName = true, p.Name
		}
	}
}

// forgetDoor forgets by which doors people came in from this browser, to every service.
func (u *UI) forgetDoor(c *call, _ *kit.Form) error {
	u.Visitor.ForgetDoors(c.w, c.r)
	return c.back("sign-in")
}

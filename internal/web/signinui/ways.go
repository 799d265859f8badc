package signinui

import (
	"parvis/internal/screening"
	"parvis/internal/signin"
	"parvis/internal/web/kit"
)

// renderWays shows the page ways-in: how did I sign in?
func (u *UI) renderWays(c *call, form *kit.Form, status int) error {
	return u.renderAddress(c, form, status, "ways-in")
}

// ways takes the form ways-in. The answer is the same for every address.
func (u *UI) ways(c *call, form *kit.Form) error {
	address := readAddress(form)
	if !form.OK() {
		return nil
	}
	if ok, err := u.screen(c, form, screening.Recover, u.renderWays); !ok {
		return err
	}
	hold := u.even(c)
	err := u.Recovery.Ways(c.r.Context(), c.visitor, c.view.Flow, address)
	hold()
	if err != nil {
		return err
	}
	return c.back("ways-sent")
}

// waysSentPage is the data of pages/ways-sent.html.
type waysSentPage struct {
	journey

	Address string // as the person typed it
}

// renderWaysSent shows the page ways-sent, which says nothing of the address but that it
// was typed here.
func (u *UI) renderWaysSent(c *call, _ *kit.Form, status int) error {
	if c.view.Address == "" || c.view.Step != signin.StepSignIn && c.view.Step != signin.StepPartnerNew {
		return c.dispatch()
	}
	return u.render(c, status, kit.View{Page: "ways-sent", Data: waysSentPage{journey: c.journey, Address: c.view.Address}})
}

package signinui

import (
	"context"

	"parvis/internal/flow"
	"parvis/internal/id"
	"parvis/internal/proving"
	"parvis/internal/web/kit"
)

// recoverPage is the data of pages/forgot-password.html and pages/unlock.html.
type recoverPage struct {
	journey

	Ended string // what became of an earlier confirmation; "" for nothing
}

// renderForgot shows the page forgot-password.
func (u *UI) renderForgot(c *call, form *kit.Form, status int) error {
	return u.renderAddress(c, form, status, "forgot-password")
}

// renderUnlock shows the page unlock.
func (u *UI) renderUnlock(c *call, form *kit.Form, status int) error {
	return u.renderAddress(c, form, status, "unlock")
}

func (u *UI) renderAddress(c *call, form *kit.Form, status int, page string) error {
	data := recoverPage{journey: c.journey, Ended: u.ended(c, form)}
	if form == nil {
		form = kit.NewForm("email", c.view.Address)
	}
	return u.render(c, status, kit.View{Page: page, Keeps: page, Form: form, Data: data})
}

// forgot takes the form forgot-password. The answer is the same for every address.
func (u *UI) forgot(c *call, form *kit.Form) error {
	return c.ask(form, u.Recovery.Reset)
}

// ask asks a journey for a mail to the typed address.
func (c *call) ask(form *kit.Form, send func(context.Context, flow.Visitor, id.Flow, string) (proving.Result, error)) error {
	address := readAddress(form)
	if !form.OK() {
		return nil
	}
	if _, err := send(c.r.Context(), c.visitor, c.view.Flow, address); err != nil {
		return err
	}
	return c.dispatch()
}

// unlock takes the form unlock. The answer is the same for every address.
func (u *UI) unlock(c *call, form *kit.Form) error {
	return c.ask(form, u.Recovery.Unlock)
}

// lockedPage is the data of pages/locked.html.
type lockedPage struct {
	journey

	Address string // as the person typed it
}

// renderLocked shows the page locked: the same whether or not the address has an account.
func (u *UI) renderLocked(c *call, _ *kit.Form, status int) error {
	if c.view.Notice != flow.NoticeLocked {
		return c.dispatch()
	}
	return u.render(c, status, kit.View{Page: "locked", Data: lockedPage{journey: c.journey, Address: c.view.Address}})
}

// renderUnlocked shows the page unlocked.
func (u *UI) renderUnlocked(c *call, _ *kit.Form, status int) error {
	if c.view.Notice != flow.NoticeUnlocked {
		return c.dispatch()
	}
	return u.render(c, status, kit.View{Page: "unlocked", Data: c.journey})
}

package signinui

import (
	"cmp"
	"context"

	"parvis/internal/fault"
	"parvis/internal/flow"
	"parvis/internal/id"
	"parvis/internal/proving"
	"parvis/internal/screening"
	"parvis/internal/web/kit"
)

// recoverPage is the data of pages/forgot-password.html and pages/unlock.html.
type recoverPage struct {
	journey

	Check *kit.Check // that the form is not sent by a program; nil when it does not ask
	Ended string     // what became of an earlier confirmation; "" for nothing
	First bool       // who is signed in has no password yet
}

// renderForgot shows the page forgot-password.
func (u *UI) renderForgot(c *call, form *kit.Form, status int) error {
	return u.renderAddress(c, form, status, "forgot-password")
}

// first reports whether the person who is signed in has no password yet: who came with
// a sign-in partner chooses their first one here, and forgot nothing.
func (u *UI) first(c *call) (bool, error) {
	if c.view.Person == nil {
		return false, nil
	}
	has, err := u.Stepup.Overview(c.r.Context(), c.visitor)
	if fault.Is(err, fault.Denied) { // signed out in another tab
		return false, nil
	}
	return !has.Password, err
}

// renderUnlock shows the page unlock.
func (u *UI) renderUnlock(c *call, form *kit.Form, status int) error {
	return u.renderAddress(c, form, status, "unlock")
}

func (u *UI) renderAddress(c *call, form *kit.Form, status int, page string) error {
	data := recoverPage{journey: c.journey, Ended: u.ended(c, form)}
	view := kit.View{Page: page, Keeps: page}
	address := c.view.Address
	if page == "forgot-password" {
		var err error
		if data.First, err = u.first(c); err != nil {
			return err
		}
	}
	if data.First {
		view.Title = c.tr.T("forgot-password.title-first")
		address = cmp.Or(address, c.view.Person.Address)
	}
	if form == nil {
		form = kit.NewForm("email", address)
	}
	var err error
	if data.Check, err = u.checkOf(c, form, screening.Recover); err != nil {
		return err
	}
	view.Form, view.Data = form, data
	return u.render(c, status, view)
}

// forgot takes the form forgot-password. The answer is the same for every address.
func (u *UI) forgot(c *call, form *kit.Form) error {
	return u.ask(c, form, u.Recovery.Reset, u.renderForgot)
}

// ask asks a journey for a mail to the typed address.
func (u *UI) ask(c *call, form *kit.Form, send func(context.Context, flow.Visitor, id.Flow, string) (proving.Result, error), page renderer) error {
	address := readAddress(form)
	if !form.OK() {
		return nil
	}
	if ok, err := u.screen(c, form, screening.Recover, page); !ok {
		return err
	}
	hold := u.even(c)
	_, err := send(c.r.Context(), c.visitor, c.view.Flow, address)
	hold()
	if err != nil {
		return err
	}
	return c.dispatch()
}

// unlock takes the form unlock. The answer is the same for every address.
func (u *UI) unlock(c *call, form *kit.Form) error {
	return u.ask(c, form, u.Recovery.Unlock, u.renderUnlock)
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

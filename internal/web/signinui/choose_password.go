package signinui

import (
	"parvis/internal/flow"
	"parvis/internal/web/kit"
)

// passwordPage is the data of pages/choose-password.html and pages/reset-password.html.
type passwordPage struct {
	journey

	Address   string // for password managers, in a hidden field
	First     bool   // of a reset: there was no password before
	Confirmed bool   // the address has just been confirmed
	Rules     *kit.Rules
}

func (u *UI) passwordPage(c *call, form *kit.Form) passwordPage {
	return passwordPage{
		journey: c.journey, Address: c.view.Address, First: c.view.NoPassword, Confirmed: form == nil,
		Rules: u.rules(c),
	}
}

// renderChoose shows the page choose-password: the rules stand there before typing.
func (u *UI) renderChoose(c *call, form *kit.Form, status int) error {
	if c.view.Task == flow.TaskReset {
		return c.dispatch()
	}
	return u.render(c, status, kit.View{Page: "choose-password", Form: form, Data: u.passwordPage(c, form)})
}

// choose takes the first password of an account.
func (u *UI) choose(c *call, form *kit.Form) error {
	password := readPassword(form)
	if c.view.Task == flow.TaskReset {
		return c.dispatch()
	}
	if !form.OK() {
		return nil
	}
	result, err := u.Enrollment.Password(c.r.Context(), c.visitor, c.view.Flow, password)
	if err != nil {
		return err
	}
	u.Visitor.Set(c.w, c.r, result.Cookies)
	if result.Cookies.Session != "" {
		u.sendFirst(c, result.Flow, result.Cookies)
	}
	return c.to(result.Flow)
}

// renderReset shows the page reset-password. The box that signs out other
// browsers is ticked at first.
func (u *UI) renderReset(c *call, form *kit.Form, status int) error {
	if c.view.Task != flow.TaskReset {
		return c.dispatch()
	}
	data := u.passwordPage(c, form)
	if form == nil {
		form = kit.NewForm("end-sessions", "yes")
	}
	view := kit.View{Page: "reset-password", Form: form, Data: data}
	if data.First {
		view.Title = c.tr.T("choose-password.title")
	}
	return u.render(c, status, view)
}

// reset takes the new password of an account.
func (u *UI) reset(c *call, form *kit.Form) error {
	in := readReset(form)
	if c.view.Task != flow.TaskReset {
		return c.dispatch()
	}
	if !form.OK() {
		return nil
	}
	if _, err := u.Recovery.Password(c.r.Context(), c.visitor, c.view.Flow, in); err != nil {
		return err
	}
	return c.dispatch()
}

package signinui

import (
	"parvis/internal/flow"
	"parvis/internal/screening"
	"parvis/internal/web/kit"
)

// createPage is the data of pages/create-account.html.
type createPage struct {
	journey

	Check    *kit.Check // that the form is not sent by a program; nil when it does not ask
	TermsURL string
	Ended    string // what became of an earlier confirmation; "" for nothing
	Partners bool   // there are sign-in partners, with which an account can be created, too
	Coming   string // the partner with which it will be; "" for none
}

// renderCreate shows the page create-account: the address comes first.
func (u *UI) renderCreate(c *call, form *kit.Form, status int) error {
	data := createPage{journey: c.journey, TermsURL: "/terms", Ended: u.ended(c, form)}
	if terms := u.Site.Settings.Links.Terms; !terms.Empty() {
		data.TermsURL = terms.In(c.tr.Lang())
	}
	doors, err := u.partners(c)
	if err != nil {
		return err
	}
	data.Partners = len(doors) > 0
	if data.Coming, err = u.coming(c); err != nil {
		return err
	}
	if form == nil {
		form = kit.NewForm("email", c.view.Address)
	}
	if data.Check, err = u.checkOf(c, form, screening.Create); err != nil {
		return err
	}
	return u.render(c, status, kit.View{Page: "create-account", Keeps: "create-account", Form: form, Data: data})
}

// create takes the form create-account. Whatever is known of the address, the
// next page is confirm-email.
func (u *UI) create(c *call, form *kit.Form) error {
	in := readCreate(form, string(c.tr.Lang()))
	if !form.OK() {
		return nil
	}
	if ok, err := u.screen(c, form, screening.Create, u.renderCreate); !ok {
		return err
	}
	hold := u.even(c)
	_, err := u.Enrollment.Address(c.r.Context(), c.visitor, c.view.Flow, in)
	hold()
	if err != nil {
		return err
	}
	return c.dispatch()
}

// ended tells a person who is back at the begin of a branch why: the confirmation of the
// address counts no longer, or the page was open for too long.
func (u *UI) ended(c *call, form *kit.Form) string {
	switch {
	case form != nil:
		return ""
	case c.view.Notice == flow.NoticeLinkOld:
		return c.tr.T("signin.proof-ended", "duration", c.tr.Duration(u.Numbers.Activation))
	}
	return u.anew(c)
}

// anew tells a person whose page was open for too long that it starts afresh, and that the
// service still waits; "" for everybody else.
func (u *UI) anew(c *call) string {
	switch {
	case c.view.Notice != flow.NoticeAgain:
		return ""
	case c.journey.Service == "":
		return c.tr.T("signin.again")
	}
	return c.tr.T("signin.again-service", "service", c.journey.Service)
}

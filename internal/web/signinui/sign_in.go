package signinui

import (
	"strings"

	"parvis/internal/flow"
	"parvis/internal/screening"
	"parvis/internal/signin"
	"parvis/internal/web/kit"
)

// signInPage is the data of pages/sign-in.html.
type signInPage struct {
	journey

	Check  *kit.Check // that the form is not sent by a program; nil when it does not ask
	Proves bool       // somebody is signed in who must prove again who it is
	Done   string     // catalogue key of what has just ended well
	Again  string     // why a person is asked again

	Partners []partnerDoor // other doors
	Other    bool          // the account that is to be merged into the one set aside
	Coming   string        // the partner that is to be linked to who signs in here; "" for none
	Password bool          // the form of the password is there
	First    bool          // the partners stand before it: the service prefers one
	Ways     bool          // there are several doors: a mail can answer which ones open somebody's account
	Closed   string        // which doors the service does not take; "" when it takes all
	Last     string        // the door by which somebody came in here last time: policy.DoorPassword or a partner; "" for none
	LastName string        // of that partner
	Aside    string        // masked address of an account that is still signed in here, set aside to be merged with; "" for none
}

// renderSignIn shows the page sign-in.
func (u *UI) renderSignIn(c *call, form *kit.Form, status int) error {
	data := signInPage{journey: c.journey, Other: c.merging()}
	if c.view.Notice == flow.NoticeReset && form == nil {
		data.Done = "sign-in.password-changed"
	}
	if c.reauth() {
		data.Proves = true
		data.Again = c.tr.T("sign-in.again-direct")
		switch {
		case c.journey.Service == "":
		case c.view.OtherDoor:
			data.Again = c.tr.T("sign-in.other-door", "service", c.journey.Service)
		default:
			data.Again = c.tr.T("sign-in.again", "service", c.journey.Service)
		}
	}
	if data.Again == "" && form == nil {
		data.Again = u.anew(c)
	}
	var err error
	if c.view.Person == nil {
		if data.Aside, err = u.Merging.Aside(c.r.Context(), u.Visitor.Held(c.r)); err != nil {
			return err
		}
	}
	if data.Partners, err = u.partners(c); err != nil {
		return err
	}
	if data.Coming, err = u.coming(c); err != nil {
		return err
	}
	if err := u.doors(c, &data); err != nil {
		return err
	}
	u.lastDoor(c, &data)
	if form == nil {
		form = kit.NewForm("email", c.view.Address)
	}
	if data.Check, err = u.checkOf(c, form, screening.SignIn); err != nil {
		return err
	}
	view := kit.View{Page: "sign-in", Keeps: "sign-in", Form: form, Data: data}
	if data.Other {
		view.Title = c.tr.T("sign-in.title-other")
	}
	return u.render(c, status, view)
}

// merging reports whether this is the sign-in to an account that is merged into another.
func (c *call) merging() bool { return c.view.Finish == signin.MergePath && c.view.RelyingParty == "" }

// reauth reports whether somebody is signed in who must prove it again.
func (c *call) reauth() bool { return c.view.Reauth && c.view.Person != nil }

// signIn takes the form sign-in.
func (u *UI) signIn(c *call, form *kit.Form) error {
	in := readSignIn(form)
	// Who signs in again is nobody else: another address is a mistake, or wants another way.
	if c.reauth() && in.Address != "" && !strings.EqualFold(in.Address, c.view.Person.Address) {
		form.Fail("email", "sign-in.error.other", "address", c.view.Person.Address)
	}
	if !form.OK() {
		return nil
	}
	if ok, err := u.screen(c, form, screening.SignIn, u.renderSignIn); !ok {
		return err
	}
	result, err := u.Signin.Password(c.r.Context(), c.visitor, c.view.Flow, in)
	if err != nil {
		return err
	}
	if result.Outcome != signin.SignedIn {
		if err := u.Screening.Failed(c.r.Context(), visitOf(c, form, screening.SignIn)); err != nil {
			return err
		}
	}
	switch result.Outcome {
	case signin.Wrong:
		form.Fail("password", "sign-in.error.wrong")
		return nil
	case signin.SignedIn:
		u.Visitor.Set(c.w, c.r, result.Cookies)
		u.sendFirst(c, c.view.Flow, result.Cookies)
	case signin.Locked:
	}
	return c.dispatch()
}

// switchAccount signs out who is signed in here, to go on as somebody else. A session that
// was set aside ends, too, unless this is the sign-in to the account that is merged.
func (u *UI) switchAccount(c *call, _ *kit.Form) error {
	if err := u.Signin.Switch(c.r.Context(), c.visitor, c.view.Flow); err != nil {
		return err
	}
	if c.merging() {
		u.Visitor.ClearSession(c.w)
		u.Visitor.ForgetDoors(c.w, c.r)
		return c.dispatch()
	}
	if err := u.drop(c); err != nil {
		return err
	}
	u.Visitor.SignedOut(c.w, c.r)
	return c.dispatch()
}

package signinui

import (
	"net/http"

	"parvis/internal/web/kit"
)

// addressPage is the data of the pages that name an address.
type addressPage struct {
	journey

	Form       string // name of the form for its token
	Address    string
	ServiceURL string // where the service starts afresh; "" when it has no such address
}

// renderAlready shows the page already-registered, to who has proven the address.
func (u *UI) renderAlready(c *call, _ *kit.Form, status int) error {
	return u.render(c, status, kit.View{Page: "already-registered", Data: addressPage{journey: c.journey, Address: c.view.Address}})
}

// renderActivated shows the page account-activated, in a browser that finished
// what another one began: the service starts afresh from here.
func (u *UI) renderActivated(c *call, _ *kit.Form, status int) error {
	data := addressPage{journey: c.journey, Address: c.view.Address}
	if c.view.Person != nil {
		data.Address = c.view.Person.Address
	}
	if c.party != nil {
		data.ServiceURL = c.party.OpenURL(u.Site.PublicURL)
	}
	return u.render(c, status, kit.View{Page: "account-activated", Data: data})
}

// continuePage is the data of pages/continue-as.html.
type continuePage struct {
	journey

	Form    string // name of the form for its token: it is this person's
	Address string
	Native  bool // an application of the device asks, which may be another one than it says (RFC 8252, 8.6)
}

// renderContinue shows the page continue-as: already signed in as ….
func (u *UI) renderContinue(c *call, _ *kit.Form, status int) error {
	if c.view.Person == nil {
		return c.dispatch()
	}
	return u.render(c, status, kit.View{Page: "continue-as", Data: continuePage{journey: c.journey, Form: c.formOf("continue-as"), Address: c.view.Person.Address, Native: c.party != nil && c.party.Native}})
}

// continueAs takes the answer of continue-as.
func (u *UI) continueAs(c *call, form *kit.Form) error {
	if form.Get("choice") == "other" {
		return u.switchAccount(c, form)
	}
	if err := u.Signin.Continue(c.r.Context(), c.visitor, c.view.Flow); err != nil {
		return err
	}
	return c.dispatch()
}

// cancelledPage is the data of pages/cancelled.html.
type cancelledPage struct {
	journey

	ReturnURL string
}

// renderCancelled shows the page cancelled: what declining means, and both ways on.
func (u *UI) renderCancelled(c *call, _ *kit.Form, status int) error {
	back := c.view.Cancel
	if back == "" {
		back = "/services"
	}
	if link := kit.SceneOf(c.r).Back; link != nil {
		link.URL = back
	}
	return u.render(c, status, kit.View{Page: "cancelled", Data: cancelledPage{journey: c.journey, ReturnURL: back}})
}

// resume goes back from cancelled to what was declined.
func (u *UI) resume(c *call, _ *kit.Form) error {
	if err := u.Signin.Resume(c.r.Context(), c.visitor, c.view.Flow); err != nil {
		return err
	}
	return c.dispatch()
}

// renderExpired shows the page of a journey that has ended: it names the
// service and leads back to it.
func (u *UI) renderExpired(c *call, _ *kit.Form, _ int) error {
	data := addressPage{journey: c.journey}
	if c.party != nil {
		data.ServiceURL = c.party.OpenURL(u.Site.PublicURL)
		if data.ServiceURL == "" {
			data.ServiceURL = c.party.ReturnURL
		}
	}
	kit.SceneOf(c.r).FormOrigins = nil
	return u.render(c, http.StatusGone, kit.View{Page: "expired", Data: data})
}

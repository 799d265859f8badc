package signinui

import (
	"net/http"

	"parvis/internal/web/kit"
)

// renderSignOut shows the page sign-out of a journey: a service asked for it, and
// the person decides (OpenID Connect RP-Initiated Logout 1.0, section 2).
func (u *UI) renderSignOut(c *call, _ *kit.Form, status int) error {
	data := addressPage{journey: c.journey, Form: c.formOf("sign-out")}
	if c.view.Person != nil {
		data.Address = c.view.Person.Address
	}
	return u.render(c, status, kit.View{Page: "sign-out", Data: data})
}

// signOut takes the answer of sign-out in a journey.
func (u *UI) signOut(c *call, form *kit.Form) error {
	if form.Get("choice") == "stay" {
		return kit.See(c.w, c.r, "/services")
	}
	if err := u.Signin.SignOut(c.r.Context(), c.visitor); err != nil {
		return err
	}
	if err := u.drop(c); err != nil {
		return err
	}
	u.Visitor.SignedOut(c.w, c.r)
	return c.dispatch()
}

// signedOut shows the page signed-out.
func (u *UI) signedOut(w http.ResponseWriter, r *http.Request) error {
	return u.pages.Render(w, r, http.StatusOK, kit.View{Page: "signed-out", Title: u.Site.Tr(r).T("signed-out.title")})
}

package signinui

import (
	"net/http"
	"net/url"

	"parvis/internal/upstream"
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

// signedOutPage is the data of pages/signed-out.html.
type signedOutPage struct {
	Partner string // where the person may still be signed in; "" for nowhere
	URL     string // where they sign out there, too; "" where it is not offered
	Back    bool   // they come from there
	How     string // what came of signing out there, too: everywhere, partly or failed; "" before
	HelpURL string // the partner's own help
}

// signedOut shows the page signed-out. Whose session a sign-in partner opened may choose
// to sign out there, too (OpenID Connect RP-Initiated Logout 1.0; SAML profiles 4.4).
func (u *UI) signedOut(w http.ResponseWriter, r *http.Request) error {
	partner := r.URL.Query().Get("partner")
	if u.Framed != nil && !r.URL.Query().Has("told") {
		framed, err := u.Framed(r.Context(), u.Visitor.Of(r).Browser)
		if err != nil {
			return err
		}
		if framed { // the services that were visited are told first
			to := "/logout/services"
			if partner != "" {
				to += "?partner=" + url.QueryEscape(partner)
			}
			return kit.See(w, r, to)
		}
	}
	return u.renderSignedOut(w, r, upstream.ID(partner), false)
}

// signedOutThere shows the page signed-out to who comes back from a partner. That they
// have signed out there is not known here, and not said.
func (u *UI) signedOutThere(w http.ResponseWriter, r *http.Request) error {
	return u.renderSignedOut(w, r, upstream.ID(r.PathValue("partner")), true)
}

func (u *UI) renderSignedOut(w http.ResponseWriter, r *http.Request, partner upstream.ID, back bool) error {
	tr := u.Site.Tr(r)
	var data signedOutPage
	if partner != "" {
		p, address, err := u.Departure.Offer(r.Context(), u.Visitor.Of(r), partner, tr.Lang())
		if err != nil {
			return err
		}
		if p != nil && address != "" {
			data = signedOutPage{Partner: p.Name.In(tr.Lang()), URL: address, Back: back}
		}
	}
	return u.pages.Render(w, r, http.StatusOK, kit.View{Page: "signed-out", Title: tr.T("signed-out.title"), Data: data})
}

package signinui

import (
	"net/http"

	"parvis/internal/fault"
	"parvis/internal/leaving"
	"parvis/internal/signin"
	"parvis/internal/web/kit"
)

// closingRoutes registers the page of somebody whose account is to be deleted.
func (u *UI) closingRoutes(mux *http.ServeMux) {
	mux.Handle("GET /signin/{flow}/closing", u.show(signin.StepClosing, u.renderClosing))
	mux.Handle("POST /signin/{flow}/closing", u.take(signin.StepClosing, "keep-account", u.keepAccount, u.renderClosing))
	mux.Handle("POST /signin/{flow}/closing/switch", u.take(signin.StepClosing, "switch", u.switchAccount, u.renderClosing))
}

// closingPage is the data of pages/closing.html.
type closingPage struct {
	journey
	leaving.Closure

	Form string // name of the form for its token
	Open bool   // the account can be kept
}

// renderClosing shows the page closing: the account is closed, and what can be done.
func (u *UI) renderClosing(c *call, form *kit.Form, status int) error {
	own, err := u.Leaving.Own(c.r.Context(), c.visitor)
	if fault.Is(err, fault.Denied) {
		return c.dispatch() // kept by the link meanwhile, or signed out
	}
	if err != nil {
		return err
	}
	data := closingPage{journey: c.journey, Closure: own, Form: c.formOf("keep-account"), Open: own.Status == leaving.Open}
	return u.render(c, status, kit.View{Page: "closing", Form: form, Data: data})
}

// keepAccount opens the account again; the journey goes on.
func (u *UI) keepAccount(c *call, _ *kit.Form) error {
	err := u.Leaving.Keep(c.r.Context(), c.visitor)
	if err != nil && !fault.Is(err, fault.Denied) && !fault.Is(err, fault.Conflict) {
		return err
	}
	return c.dispatch() // kept by the link meanwhile, or too late: the dispatcher knows
}

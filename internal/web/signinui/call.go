package signinui

import (
	"errors"
	"net/http"

	"parvis/internal/fault"
	"parvis/internal/flow"
	"parvis/internal/i18n"
	"parvis/internal/id"
	"parvis/internal/relyingparty"
	"parvis/internal/signin"
	"parvis/internal/web/kit"
)

// call is one request for a page of a journey: who asks, and what is known of it.
type call struct {
	w       http.ResponseWriter
	r       *http.Request
	tr      *i18n.Tr
	visitor flow.Visitor
	view    signin.View
	journey journey
	party   *relyingparty.RelyingParty // the waiting service, nil for none
}

// renderer shows a page of a journey; form is nil when nothing was sent yet.
type renderer func(c *call, form *kit.Form, status int) error

// show is the GET of a step. A step out of turn leads to the dispatcher.
func (u *UI) show(step signin.Step, page renderer) http.Handler {
	return u.Site.Handle(func(w http.ResponseWriter, r *http.Request) error {
		c, err := u.enter(w, r, step)
		if c == nil || err != nil {
			return err
		}
		err = page(c, nil, http.StatusOK)
		if fault.Is(err, fault.Conflict) {
			return c.dispatch() // another tab was faster
		}
		return err
	})
}

// take is the POST of a form: it reads the form with its token and hands it on.
// What a person can correct comes back as the same page with status 422; who is
// too fast finds there, with status 429, what was typed and how long to wait. The
// switch of the language sends the form, too: the page comes back as it was filled in.
func (u *UI) take(step signin.Step, formID string, do func(*call, *kit.Form) error, page renderer) http.Handler {
	return u.Site.Handle(func(w http.ResponseWriter, r *http.Request) error {
		c, err := u.enter(w, r, step)
		if c == nil || err != nil {
			return err
		}
		form, err := u.Site.Form(w, r, c.formOf(formID))
		if err != nil {
			return err
		}
		if u.Site.Switched(w, r, form) {
			if c, err = u.enter(w, r, step); c == nil || err != nil { // its texts are in the language of before
				return err
			}
			return page(c, form, http.StatusOK)
		}
		err = do(c, form)
		if fault.Is(err, fault.Conflict) {
			return c.dispatch() // out of turn, or another tab was faster: the dispatcher knows
		}
		if form.FailThrottled(w, err) {
			return page(c, form, http.StatusTooManyRequests)
		}
		if err != nil && !correctable(form, err) {
			return err
		}
		if form.OK() {
			return nil
		}
		return page(c, form, http.StatusUnprocessableEntity)
	})
}

// formOf names a form for its token. The forms that show something of the person
// signed in are good for that person only: when somebody else signed in meanwhile in
// another tab, what the page shows is not what would be shared.
func (c *call) formOf(id string) string {
	switch id {
	case "consent", "continue-as", "sign-out", "partner-link", "undo-merge", "add-partner", "lost-method":
		if c.view.Person != nil {
			return id + " " + string(c.view.Person.Account)
		}
	}
	return id
}

// correctable notes every error that a person can correct on the page, of one
// error or of several that were joined; false: one of them is of another kind.
func correctable(form *kit.Form, err error) bool {
	for cause := err; cause != nil; cause = errors.Unwrap(cause) {
		if joined, ok := cause.(interface{ Unwrap() []error }); ok {
			for _, one := range joined.Unwrap() {
				if !correctable(form, one) {
					return false
				}
			}
			return true
		}
	}
	return form.FailWith(err)
}

// enter reads who is at the door of a step and dresses the page. It answers by
// itself, and returns nil, when the step is not the one that may be shown.
func (u *UI) enter(w http.ResponseWriter, r *http.Request, step signin.Step) (*call, error) {
	f := id.Flow(r.PathValue("flow"))
	visitor := u.Visitor.Of(r)
	if len(visitor.Browser) == 0 {
		// The dispatcher gave the cookie one redirect ago: this browser refuses it.
		kit.SceneOf(r).Retry = path(f, "")
		return nil, kit.CookiesOff()
	}
	view, err := u.Signin.Open(r.Context(), visitor, f)
	if err != nil {
		return nil, u.lost(w, r, err)
	}
	u.Site.UseLang(r, i18n.Lang(view.Locale)) // OpenID Connect Core 1.0, 3.1.2.1: ui_locales
	visitor.Locale = string(kit.Lang(r))
	c := &call{w: w, r: r, tr: u.Site.Tr(r), visitor: visitor, view: view}
	if c.journey, c.party, err = u.open(r, view, step); err != nil {
		return nil, err
	}
	switch {
	case view.Step == signin.StepExpired:
		return nil, u.renderExpired(c, nil, http.StatusGone)
	case !signin.Allowed(view.Step, step):
		return nil, c.dispatch()
	}
	return c, nil
}

// render shows a page whose title is the catalogue's "<page>.title".
func (u *UI) render(c *call, status int, v kit.View) error {
	if v.Title == "" {
		v.Title = c.tr.T(v.Page + ".title")
	}
	return u.pages.Render(c.w, c.r, status, v)
}

// dispatch leads to the journey's dispatcher.
func (c *call) dispatch() error { return c.to(c.view.Flow) }

// to leads to a journey's dispatcher.
func (c *call) to(f id.Flow) error {
	return kit.See(c.w, c.r, path(f, ""))
}

// back leads to a page of this journey.
func (c *call) back(page string) error {
	return kit.See(c.w, c.r, path(c.view.Flow, page))
}

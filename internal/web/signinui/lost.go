package signinui

import (
	"net/http"
	"time"

	"parvis/internal/authenticator"
	"parvis/internal/fault"
	"parvis/internal/reclaim"
	"parvis/internal/signin"
	"parvis/internal/stepup"
	"parvis/internal/web/kit"
)

// lostRoutes registers the pages of somebody who lost every method.
func (u *UI) lostRoutes(mux *http.ServeMux) {
	mux.Handle("GET /signin/{flow}/lost-method", u.show(signin.StepLost, u.renderLost))
	mux.Handle("POST /signin/{flow}/lost-method", u.take(signin.StepLost, "lost-method", u.proveLost, u.renderLost))
	mux.Handle("POST /signin/{flow}/lost-method/send", u.take(signin.StepLost, "lost-method", u.sendLost, u.renderLost))
	mux.Handle("GET /signin/{flow}/not-yet", u.show(signin.StepLostWait, u.renderNotYet))
}

// lostPage is the data of pages/lost-method.html.
type lostPage struct {
	journey
	reclaim.View

	Form    string // name of the form for its token
	Lines   []methodLine
	Others  string // methods that can be used instead, in words; "" for none
	Digits  int
	Lasts   time.Duration
	Missing bool // the help for a missing code stands open
}

// renderLost shows the page lost-method: what can be used instead, what is removed, what
// comes of it and when, and the code that begins it.
func (u *UI) renderLost(c *call, form *kit.Form, status int) error {
	view, err := u.Reclaim.Look(c.r.Context(), c.visitor, c.view.Flow)
	if err != nil {
		return err
	}
	look, err := u.Stepup.Look(c.r.Context(), c.visitor, c.view.Flow)
	if err != nil {
		return err
	}
	data := lostPage{journey: c.journey, View: view, Form: c.formOf("lost-method"), Digits: u.Numbers.SentDigits}
	for _, m := range view.Methods {
		data.Lines = append(data.Lines, u.lostLine(c, m))
	}
	data.Others = others(c.tr, append([]stepup.Option{look.Option}, look.Others...))
	if view.Sent != nil {
		data.Lasts = view.Sent.Ends.Sub(view.Sent.At)
		data.Missing = form.Of("code") != nil || c.r.URL.Query().Has("sent")
	} else {
		form.Unbind("code")
	}
	title := "lost-method.title"
	if view.Pending != nil {
		title = "lost-method.title-waits"
	}
	return u.render(c, status, kit.View{Page: "lost-method", Title: c.tr.T(title), Form: form, Data: data})
}

// lostLine is a method that may be lost as the page shows it.
func (u *UI) lostLine(c *call, m reclaim.Method) methodLine {
	proves := m.Type.Methods()
	if len(proves) == 0 {
		return methodLine{Title: m.Name}
	}
	line := u.line(c.tr, u.Site.Times(c.r), stepup.Option{Method: proves[0], Name: m.Name, Target: m.Target})
	if m.Type == authenticator.BackupCode {
		line.Facts = ""
	}
	return line
}

// sendLost sends the code that begins the recovery.
func (u *UI) sendLost(c *call, form *kit.Form) error {
	if err := u.Reclaim.Send(c.r.Context(), c.visitor, c.view.Flow); err != nil {
		return err
	}
	if form.Has("again") {
		return c.back(string(signin.StepLost) + "?sent=1")
	}
	return c.back(string(signin.StepLost)) // or the first step, when it is asked for again
}

// proveLost takes the code that begins the recovery.
func (u *UI) proveLost(c *call, form *kit.Form) error {
	typed := readProof(form)
	if !form.OK() {
		return nil
	}
	result, err := u.Reclaim.Prove(c.r.Context(), c.visitor, c.view.Flow, typed)
	if err != nil {
		return err
	}
	switch result.Outcome {
	case reclaim.Removed:
		u.Visitor.Set(c.w, c.r, result.Cookies)
		return c.dispatch()
	case reclaim.Waits:
		u.Visitor.Set(c.w, c.r, result.Cookies)
		return c.back(string(signin.StepLost))
	case reclaim.Wrong:
		form.Fail("code", "second-step.error.wrong", "count", result.Left)
	case reclaim.Refused:
		form.Fail("code", "lost-method.error.refused")
	default:
		form.Fail("code", "second-step.error.ended")
	}
	return nil
}

// notYetPage is the data of pages/not-yet.html.
type notYetPage struct {
	journey

	Until   time.Time
	Left    time.Duration
	Account bool // something of the account was to be changed
	None    bool // nothing was set up in place of the lost methods
}

// renderNotYet shows the page not-yet: from when what was set up in place of lost methods
// counts, and what can be done until then.
func (u *UI) renderNotYet(c *call, _ *kit.Form, status int) error {
	o, err := u.Stepup.Owned(c.r.Context(), c.visitor)
	if err != nil {
		return err
	}
	data := notYetPage{
		journey: c.journey, Until: o.CountFrom, Left: o.CountFrom.Sub(u.Site.Now()).Round(time.Minute),
		Account: c.journey.Service == "", None: !o.Strong(),
	}
	view := kit.View{Page: "not-yet", Data: data}
	if data.Account && data.None { // there is no new method to speak of
		view.Title = c.tr.T("not-yet.title-none")
	}
	return u.render(c, status, view)
}

// lostOffered reports whether somebody may say that every method is lost.
func (u *UI) lostOffered(c *call) (bool, error) {
	_, err := u.Reclaim.Look(c.r.Context(), c.visitor, c.view.Flow)
	if fault.Is(err, fault.Conflict) {
		return false, nil
	}
	return err == nil, err
}

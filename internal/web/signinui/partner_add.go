package signinui

import (
	"net/http"

	"parvis/internal/signin"
	"parvis/internal/upstream"
	"parvis/internal/web/kit"
)

// addRoutes registers the pages of adding a sign-in partner to the account that is
// signed in. It begins and ends in the settings.
func (u *UI) addRoutes(mux *http.ServeMux) {
	mux.Handle("GET /signin/{flow}/adding-partner", u.show(signin.StepAddHandOff, u.renderHandOff))
	mux.Handle("POST /signin/{flow}/adding-partner/back", u.take(signin.StepAddHandOff, "partner-back", u.addBack, u.renderHandOff))
	mux.Handle("GET /signin/{flow}/partner-not-added", u.show(signin.StepAddFailed, u.renderNotAdded))
	mux.Handle("POST /signin/{flow}/partner-not-added", u.take(signin.StepAddFailed, "partner-not-added", u.addAgain, u.renderNotAdded))
	mux.Handle("POST /signin/{flow}/partner-not-added/back", u.take(signin.StepAddFailed, "partner-back", u.addBack, u.renderNotAdded))
	mux.Handle("GET /signin/{flow}/add-partner", u.show(signin.StepAddLink, u.renderAddLink))
	mux.Handle("POST /signin/{flow}/add-partner", u.take(signin.StepAddLink, "add-partner", u.addLink, u.renderAddLink))
}

// renderAddLink shows the page add-partner: the last question before a partner opens
// the account.
func (u *UI) renderAddLink(c *call, form *kit.Form, status int) error {
	data, err := u.aboutPartner(c)
	if err != nil {
		return err
	}
	if c.view.Person == nil {
		return c.dispatch()
	}
	data.Form, data.Address = c.formOf("add-partner"), c.view.Person.Address
	return u.renderPartner(c, status, "add-partner", form, data)
}

// addLink takes the answer: yes or no; anything else is no answer and asks again.
func (u *UI) addLink(c *call, form *kit.Form) error {
	choice := form.Get("choice")
	if choice != "yes" && choice != "no" {
		return c.dispatch()
	}
	if err := u.Signin.PartnerAddLink(c.r.Context(), c.visitor, c.view.Flow, choice == "yes"); err != nil {
		return told(form, err)
	}
	return c.dispatch()
}

// addAgain asks the partner once more.
func (u *UI) addAgain(c *call, form *kit.Form) error {
	if err := u.Signin.PartnerAddAgain(c.r.Context(), c.visitor, c.view.Flow); err != nil {
		return told(form, err)
	}
	return c.dispatch()
}

// addBack leads back to the settings.
func (u *UI) addBack(c *call, _ *kit.Form) error {
	if err := u.Signin.PartnerAddBack(c.r.Context(), c.visitor, c.view.Flow); err != nil {
		return err
	}
	return c.dispatch()
}

// notAdded are the words about a failure while a partner is added: the keys of the steps
// of its ordered help, and whether trying again may help.
func notAdded(f upstream.Failure) (steps []string, again bool) {
	stem := "partner-problem." + string(f)
	const later, first = "partner-not-added.later", ".do-1"
	switch f {
	case signin.AddedBefore:
		return []string{"partner-not-added.before.do-1", "partner-not-added.other-sign-in"}, true
	case signin.AddedOther:
		return []string{"partner-not-added.other.do-1", "partner-not-added.other-sign-in"}, true
	case upstream.Refused:
		return []string{stem + first, stem + ".do-2", stem + ".do-3", later}, false
	case upstream.Outage:
		return []string{"partner-not-added.wait", later}, false
	case upstream.Replay, upstream.Stale:
		return []string{stem + first, stem + ".do-2", later}, true
	case upstream.Cancelled, upstream.Slow:
		return []string{stem + first, later}, true
	default:
		return []string{"partner-problem.invalid.do-1", later}, true
	}
}

// renderNotAdded shows the page partner-not-added: why a partner was not added, and what
// can be done, in order.
func (u *UI) renderNotAdded(c *call, form *kit.Form, status int) error {
	about, err := u.aboutPartner(c)
	if err != nil {
		return err
	}
	data := problemPage{partnerPage: about, Failure: c.view.PartnerFailure}
	steps, again := notAdded(data.Failure)
	stem := "partner-problem." + string(data.Failure)
	switch data.Failure {
	case signin.AddedBefore, signin.AddedOther:
		stem = "partner-not-added." + string(data.Failure)
	case upstream.Cancelled, upstream.Refused, upstream.Outage, upstream.Slow, upstream.Replay, upstream.Stale:
	default:
		stem = "partner-problem.invalid"
	}
	data.Lead = c.tr.T(stem+".lead", "partner", data.Name)
	for _, key := range steps {
		data.Steps = append(data.Steps, c.tr.T(key, "partner", data.Name))
	}
	p, err := u.partnerNamed(c.r.Context(), c.view.Partner)
	if err != nil {
		return err
	}
	if p != nil {
		data.Help, data.HelpURL = p.Help.In(c.tr.Lang()), p.HelpURL.In(c.tr.Lang())
		data.Retry = !p.Disabled && !data.Down
	}
	data.Again = again && data.Retry
	return u.render(c, status, kit.View{
		Page: string(signin.StepAddFailed), Title: c.tr.T("partner-not-added.title", "partner", data.Name), Form: form, Data: data,
	})
}

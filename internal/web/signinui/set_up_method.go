package signinui

import (
	"slices"
	"time"

	"parvis/internal/policy"
	"parvis/internal/stepup"
	"parvis/internal/web/kit"
)

// setUpPage is the data of pages/set-up-method.html.
type setUpPage struct {
	journey

	Why        string // why a method is needed
	Level      string // what the level asks of it; "" for nothing special
	Offer      []offerLine
	Restricted bool // one of them is restricted: the risk is told
	Required   bool
	Counts     time.Time // when what is set up counts in full, because others were lost; zero: at once
}

// offerLine is one method that can be set up.
type offerLine struct {
	stepup.Choice

	Form  string // id of its form
	Icon  string
	Title string
	Needs string
	First bool // the recommended one
}

// renderSetUp shows the page set-up-method: each method with what it needs (R72).
func (u *UI) renderSetUp(c *call, form *kit.Form, status int) error {
	choices, err := u.Stepup.Choices(c.r.Context(), c.visitor, c.view.Flow)
	if err != nil {
		return err
	}
	data := setUpPage{
		journey: c.journey, Required: choices.Required, Offer: offer(c, choices), Counts: choices.Counts,
		Why: c.tr.T("set-up-method.why.direct"),
	}
	switch {
	case !choices.Required:
	case choices.Always:
		data.Why = c.tr.T("set-up-method.why.always")
	case c.journey.Service != "":
		data.Why = c.tr.T("set-up-method.why.service", "service", c.journey.Service)
	}
	if key := "set-up-method.level." + choices.Level.String(); choices.Required && c.tr.Has(key) {
		data.Level = c.tr.T(key)
	}
	form.Unbind("method") // each button names its own
	data.Restricted = slices.ContainsFunc(choices.Offer, func(o stepup.Choice) bool { return o.Restricted })
	return u.render(c, status, kit.View{Page: "set-up-method", Form: form, Data: data})
}

// offer are the methods to set up as the page shows them.
func offer(c *call, choices stepup.Choices) []offerLine {
	var out []offerLine
	first := recommended(choices)
	for _, o := range choices.Offer {
		needs := "method." + string(o.Method) + ".needs"
		if o.Has && o.Method == policy.Backup {
			needs = "set-up-method.replaces"
		}
		out = append(out, offerLine{
			Choice: o, Form: "set-up-" + string(o.Method), Icon: methodIcon(o.Method), Title: methodName(c.tr, o.Method),
			Needs: c.tr.T(needs), First: o.Method == first,
		})
	}
	return out
}

// recommended is the first method that there is room for: one that is not restricted
// and of a kind that the account does not have, else one that is not restricted, else
// any; beside a method that was set up just now, another kind.
func recommended(choices stepup.Choices) policy.Method {
	for _, good := range []func(o stepup.Choice) bool{
		func(o stepup.Choice) bool { return !o.Restricted && !o.Has },
		func(o stepup.Choice) bool { return !o.Restricted },
		func(stepup.Choice) bool { return true },
	} {
		for _, o := range choices.Offer {
			if !o.Full && o.Method != choices.Bound && good(o) {
				return o.Method
			}
		}
	}
	return ""
}

// setUp takes the choice of a method to set up.
func (u *UI) setUp(c *call, form *kit.Form) error {
	if err := u.Stepup.SetUp(c.r.Context(), c.visitor, c.view.Flow, policy.Method(form.Get("method"))); err != nil {
		return err
	}
	return c.dispatch()
}

// leaveSetUp leaves the method that is being set up, or the number that was typed.
func (u *UI) leaveSetUp(c *call, _ *kit.Form) error {
	if err := u.Stepup.Back(c.r.Context(), c.visitor, c.view.Flow); err != nil {
		return err
	}
	return c.dispatch()
}

// notNow declines to set up what nothing demands.
func (u *UI) notNow(c *call, _ *kit.Form) error { return u.answerAnother(c, false) }

func (u *UI) answerAnother(c *call, wants bool) error {
	if err := u.Stepup.Another(c.r.Context(), c.visitor, c.view.Flow, wants); err != nil {
		return err
	}
	return c.dispatch()
}

// anotherPage is the data of pages/set-up-another.html.
type anotherPage struct {
	journey

	Done string // the method that was set up just now; "" unknown
}

// renderAnother shows the page set-up-another: one encouragement, never a wall.
func (u *UI) renderAnother(c *call, _ *kit.Form, status int) error {
	choices, err := u.Stepup.Choices(c.r.Context(), c.visitor, c.view.Flow)
	if err != nil {
		return err
	}
	data := anotherPage{journey: c.journey}
	if choices.Bound != "" {
		data.Done = methodName(c.tr, choices.Bound)
	}
	return u.render(c, status, kit.View{Page: "set-up-another", Data: data})
}

// another takes the answer to the encouragement.
func (u *UI) another(c *call, form *kit.Form) error {
	return u.answerAnother(c, form.Get("choice") == "yes")
}

package signinui

import (
	"slices"

	"parvis/internal/i18n"
	"parvis/internal/stepup"
	"parvis/internal/web/kit"
)

// otherWayPage is the data of pages/another-way.html.
type otherWayPage struct {
	journey

	Choices []kit.Choice
	Not     []methodLine // methods that cannot be used now, with the reason
	Back    bool         // there is one that was asked for
	Lost    bool         // somebody may say that every method is lost
}

// renderOtherWay shows the page another-way: the methods that are enough, the one
// used last first, then the others and why they cannot be used now.
func (u *UI) renderOtherWay(c *call, form *kit.Form, status int) error {
	look, err := u.Stepup.Look(c.r.Context(), c.visitor, c.view.Flow)
	if err != nil {
		return err
	}
	data := otherWayPage{journey: c.journey, Not: u.notUsable(c, look), Back: look.Method != ""}
	if data.Lost, err = u.lostOffered(c); err != nil {
		return err
	}
	fit := usable(look.Others)
	for _, o := range fit {
		line := u.line(c.tr, u.Site.Times(c.r), o)
		data.Choices = append(data.Choices, kit.Choice{Value: line.ID, Text: line.Title, Hint: line.Facts})
	}
	title := "another-way.title"
	if len(fit) == 0 {
		title += "-none"
	}
	if form == nil && len(fit) == 1 {
		form = kit.NewForm("option", fit[0].ID)
	}
	return u.render(c, status, kit.View{Page: "another-way", Title: c.tr.T(title), Form: form, Data: data})
}

// notUsable are the methods of the account that cannot be used now, with the reason.
func (u *UI) notUsable(c *call, look stepup.View) []methodLine {
	var out []methodLine
	for _, o := range slices.Concat([]stepup.Option{look.Option}, look.Others) {
		if line := u.line(c.tr, u.Site.Times(c.r), o); line.Why != "" {
			out = append(out, line)
		}
	}
	for _, o := range look.Unfit {
		line := u.line(c.tr, u.Site.Times(c.r), o)
		line.Why = unfit(c.tr, c.journey.Service)
		out = append(out, line)
	}
	return out
}

// unfit says why a method of the account is not enough here.
func unfit(tr *i18n.Tr, service string) string {
	if service == "" {
		return tr.T("another-way.unfit-direct")
	}
	return tr.T("another-way.unfit", "service", service)
}

// chooseWay takes the form another-way. Choosing a method whose code is sent sends it.
func (u *UI) chooseWay(c *call, form *kit.Form) error {
	option := form.Get("option")
	if option == "" {
		form.Fail("option", "another-way.error.option")
		return nil
	}
	if err := u.Stepup.Choose(c.r.Context(), c.visitor, c.view.Flow, option); err != nil {
		return err
	}
	return c.dispatch()
}

package signinui

import (
	"slices"
	"time"

	"parvis/internal/policy"
	"parvis/internal/signin"
	"parvis/internal/stepup"
	"parvis/internal/web/kit"
)

// phonePage is the data of pages/set-up-phone.html.
type phonePage struct {
	journey

	Channels []kit.Choice
	Only     policy.Method // the only way that is offered here; "" for a choice
}

// renderPhone shows the page set-up-phone.
func (u *UI) renderPhone(c *call, form *kit.Form, status int) error {
	choices, err := u.Stepup.Choices(c.r.Context(), c.visitor, c.view.Flow)
	if err != nil {
		return err
	}
	data := phonePage{journey: c.journey}
	for _, m := range []policy.Method{policy.Text, policy.Voice} {
		if !slices.ContainsFunc(choices.Offer, func(o stepup.Choice) bool { return o.Method == m }) {
			continue
		}
		choice := kit.Choice{Value: string(m), Text: c.tr.T("set-up-phone.channel." + string(m))}
		if m == policy.Voice {
			choice.Hint = c.tr.T("set-up-phone.channel.voice-hint")
		}
		data.Channels = append(data.Channels, choice)
	}
	if len(data.Channels) == 1 {
		data.Only = policy.Method(data.Channels[0].Value)
	}
	if form == nil {
		form = kit.NewForm("channel", string(choices.Method))
	}
	return u.render(c, status, kit.View{Page: "set-up-phone", Keeps: "set-up-phone", Form: form, Data: data})
}

// phone takes the number of a telephone; a code goes to it.
func (u *UI) phone(c *call, form *kit.Form) error {
	in := readPhone(form, c.tr.T("set-up-phone.suggested"))
	if !form.OK() {
		return nil
	}
	if err := u.Stepup.Phone(c.r.Context(), c.visitor, c.view.Flow, in); err != nil {
		return err
	}
	return c.dispatch()
}

// confirmPhonePage is the data of pages/confirm-phone.html.
type confirmPhonePage struct {
	journey

	Draft  stepup.PhoneDraft
	Other  policy.Method // the other way for the code; "" for none
	Lasts  time.Duration // how long the code works
	Digits int
	Texted bool
	Resent bool
	Open   bool // the help for a missing code stands open
}

// renderConfirmPhone shows the page confirm-phone.
func (u *UI) renderConfirmPhone(c *call, form *kit.Form, status int) error {
	draft, err := u.Stepup.PhoneDraft(c.r.Context(), c.visitor, c.view.Flow)
	if err != nil {
		return err
	}
	draft.Target = unbroken(draft.Target)
	data := confirmPhonePage{
		journey: c.journey, Draft: draft, Digits: u.Numbers.SentDigits, Texted: draft.Channel == policy.Text,
		Resent: form == nil && c.r.URL.Query().Has("sent"),
	}
	switch {
	case draft.Channel == policy.Text:
		data.Other = policy.Voice
	case draft.CanText:
		data.Other = policy.Text
	}
	if draft.Sent != nil {
		data.Lasts = draft.Sent.Ends.Sub(draft.Sent.At)
	}
	data.Open = data.Resent || !form.OK() || draft.Sent == nil
	form.Unbind("channel") // each button names its own
	return u.render(c, status, kit.View{
		Page: "confirm-phone", Title: c.tr.T("confirm-phone.title." + string(draft.Channel)), Form: form, Data: data,
	})
}

// sendPhone sends the code to the telephone again, or in the other way.
func (u *UI) sendPhone(c *call, form *kit.Form) error {
	if err := u.Stepup.SendPhone(c.r.Context(), c.visitor, c.view.Flow, policy.Method(form.Get("channel"))); err != nil {
		return err
	}
	return c.back(string(signin.StepConfirmPhone) + "?sent=1")
}

// bindPhone takes the first code of a telephone.
func (u *UI) bindPhone(c *call, form *kit.Form) error {
	typed := readProof(form)
	if !form.OK() {
		return nil
	}
	result, err := u.Stepup.BindPhone(c.r.Context(), c.visitor, c.view.Flow, typed)
	if err != nil {
		return err
	}
	if result.Outcome == stepup.Done {
		return u.finish(c, result)
	}
	failTyped(form, result)
	return nil
}

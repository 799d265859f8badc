package signinui

import (
	"context"
	"time"

	"parvis/internal/account"
	"parvis/internal/flow"
	"parvis/internal/id"
	"parvis/internal/proving"
	"parvis/internal/web/kit"
)

// mailPage is the data of pages/confirm-email.html and pages/check-email.html.
type mailPage struct {
	journey

	Masked      string        // address the message went to
	Valid       time.Duration // how long its link and code work
	Digits      int           // digits of its code
	Unlock      bool          // the message unlocks; else it resets (check-email only)
	Resent      bool          // the message was sent again just now
	OpenDetails bool          // the help for a missing message stands open
}

// mail is what the pages that wait for a message have in common.
func (u *UI) mail(c *call, form *kit.Form, valid time.Duration) mailPage {
	p := mailPage{
		journey: c.journey, Masked: account.Mask(c.view.Address), Valid: valid, Digits: u.Numbers.CodeDigits,
		Unlock: c.view.Task == flow.TaskUnlock,
	}
	if !c.view.Ends.IsZero() {
		p.Valid = c.view.Ends.Sub(c.view.SentAt)
	}
	p.Resent = form == nil && c.r.URL.Query().Has("sent")
	p.OpenDetails = p.Resent || form.Of("code") != nil
	return p
}

// renderConfirm shows the page confirm-email.
func (u *UI) renderConfirm(c *call, form *kit.Form, status int) error {
	if c.view.Partner != "" && !c.view.Ends.IsZero() && !u.Site.Now().Before(c.view.Ends) {
		return u.renderCodeExpired(c, form, status, codeExpired{
			Lasts: c.view.Ends.Sub(c.view.SentAt), Masked: account.Mask(c.view.Address),
			Send: "confirm-email/resend", SendForm: "resend", Again: "confirm-email/again", AgainForm: "partner-back",
		})
	}
	return u.render(c, status, kit.View{Page: "confirm-email", Form: form, Data: u.mail(c, form, u.Numbers.Activation)})
}

// confirm takes the typed code of the activation message.
func (u *UI) confirm(c *call, form *kit.Form) error { return c.code(form, u.Enrollment.Code) }

// code takes a typed code to the journey that sent it.
func (c *call) code(form *kit.Form, take func(context.Context, flow.Visitor, id.Flow, string) (proving.Result, error)) error {
	typed := readCode(form)
	if !form.OK() {
		return nil
	}
	result, err := take(c.r.Context(), c.visitor, c.view.Flow, typed)
	if err != nil {
		return err
	}
	switch result.Outcome {
	case proving.WrongCode:
		failCode(form, result.Left)
		return nil
	case proving.CodeEnded, proving.LinkEnded:
		failCode(form, 0)
		return nil
	default:
		return c.to(result.Flow)
	}
}

// failCode tells how many tries a code has left.
func failCode(form *kit.Form, left int) {
	if left < 1 {
		form.Fail("code", "confirm-email.error.ended")
		return
	}
	form.Fail("code", "confirm-email.error.wrong", "count", left)
}

// resendActivation sends the activation message again.
func (u *UI) resendActivation(c *call, _ *kit.Form) error {
	if _, err := u.Enrollment.Resend(c.r.Context(), c.visitor, c.view.Flow); err != nil {
		return err
	}
	return c.back("confirm-email?sent=1")
}

// renderCheck shows the page check-email: the same whoever owns the address.
func (u *UI) renderCheck(c *call, form *kit.Form, status int) error {
	valid := u.Numbers.Reset
	if c.view.Task == flow.TaskUnlock {
		valid = u.Numbers.Unlock
	}
	return u.render(c, status, kit.View{Page: "check-email", Form: form, Data: u.mail(c, form, valid)})
}

// check takes the typed code of a reset or unlock message.
func (u *UI) check(c *call, form *kit.Form) error { return c.code(form, u.Recovery.Code) }

// resendRecovery sends the reset or unlock message again.
func (u *UI) resendRecovery(c *call, _ *kit.Form) error {
	if _, err := u.Recovery.Resend(c.r.Context(), c.visitor, c.view.Flow); err != nil {
		return err
	}
	return c.back("check-email?sent=1")
}

package signinui

import (
	"net/http"

	"parvis/internal/account"
	"parvis/internal/fault"
	"parvis/internal/screening"
	"parvis/internal/web/kit"
)

// screen lets the check of a form act before its journey: false when the page was shown
// again instead, for the code that was mailed.
func (u *UI) screen(c *call, form *kit.Form, name screening.Form, page renderer) (bool, error) {
	result, err := u.Screening.Admit(c.r.Context(), visitOf(c, form, name))
	if err != nil {
		if fault.Is(err, fault.Invalid) && result.Mailed == "" {
			form.Set(screening.FieldMailed, "") // the check is shown again
		}
		return false, err
	}
	if result.Admitted {
		return true, nil
	}
	form.Set(screening.FieldMailed, result.Mailed)
	form.Set(screening.FieldCode, "")
	return false, page(c, form, http.StatusOK)
}

func visitOf(c *call, form *kit.Form, name screening.Form) screening.Visit {
	return screening.Visit{Visitor: c.visitor, Form: name, Address: form.Get("email"), Answer: screening.ReadAnswer(form.Get)}
}

// checkOf is what a page shows of the check of its form.
func (u *UI) checkOf(c *call, form *kit.Form, name screening.Form) (*kit.Check, error) {
	k := &kit.Check{Mailed: form.Get(screening.FieldMailed), Digits: u.Numbers.CheckDigits, Codes: name == screening.SignIn}
	if addr, err := account.ParseAddress(form.Get("email")); err == nil && k.Mailed != "" {
		k.Sent = c.tr.T("challenge.sent-account", "address", addr.Masked(), "duration", c.tr.Duration(u.Numbers.Check))
		return k, nil
	}
	k.Mailed = ""
	var err error
	k.Challenge, err = u.Screening.Asks(c.r.Context(), visitOf(c, form, name))
	if err != nil || k.Challenge == "" {
		return nil, err
	}
	return k, nil
}

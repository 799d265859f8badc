package accountui

import (
	"errors"
	"net/http"

	"parvis/internal/fault"
	"parvis/internal/profile"
	"parvis/internal/web/kit"
	"parvis/internal/web/newpassword"
)

// passwordPath is where a password is changed: /.well-known/change-password leads there
// (W3C, A Well-Known URL for Changing Passwords).
const passwordPath = settingsPath + "/password"

// passwordPage is the data of pages/change-password.html.
type passwordPage struct {
	Address string // for password managers, in a hidden field
	First   bool   // the account has no password yet
	Rules   *kit.Rules
}

// askPassword shows the page of a new password. Who has to prove anew who they are does
// so before, and comes back here.
func (u *UI) askPassword(c *call) error {
	view, err := u.Profile.PasswordPage(c.r.Context(), c.visit.Visitor)
	if err != nil {
		return u.refused(c, err, passwordPath)
	}
	if !view.Fresh {
		return u.prove(c, passwordPath)
	}
	return u.renderPassword(c, http.StatusOK, view, kit.NewForm("end-others", "yes"))
}

func (u *UI) renderPassword(c *call, status int, view profile.PasswordView, form *kit.Form) error {
	tr := u.Site.Tr(c.r)
	title := "change-password.title"
	if view.First {
		title = "change-password.title-first"
	}
	return u.renderSettings(c, status, kit.View{
		Page: "change-password", Title: tr.T(title), Form: form,
		Data: passwordPage{Address: c.visit.Address, First: view.First, Rules: newpassword.Rules(tr, u.Policy, []string{c.visit.Address})},
	})
}

// password takes the new password.
func (u *UI) password(c *call) error {
	form, err := u.form(c, "change-password", passwordPath)
	if err != nil {
		return err
	}
	view, err := u.Profile.PasswordPage(c.r.Context(), c.visit.Visitor)
	if err != nil {
		return u.refused(c, err, passwordPath)
	}
	if form.Get("password") == "" {
		form.Fail("password", "choose-password.error.empty")
		return u.renderPassword(c, http.StatusUnprocessableEntity, view, form)
	}
	err = u.Profile.Password(c.r.Context(), c.visit.Visitor, profile.PasswordForm{
		Password: form.Get("password"), EndOthers: form.Has("end-others"),
	})
	switch {
	case err == nil && view.First:
		return kit.See(c.w, c.r, settingsPath+"?password=set")
	case err == nil:
		return kit.See(c.w, c.r, settingsPath+"?password=changed")
	case fault.Is(err, fault.Denied):
		return u.prove(c, passwordPath)
	case form.FailThrottled(c.w, err):
		return u.renderPassword(c, http.StatusTooManyRequests, view, form)
	case failAll(form, err):
		return u.renderPassword(c, http.StatusUnprocessableEntity, view, form)
	default:
		return err
	}
}

// failAll notes each of several errors that were joined and that a person can correct on
// the page; false: one of them is of another kind.
func failAll(form *kit.Form, err error) bool {
	for cause := err; cause != nil; cause = errors.Unwrap(cause) {
		if joined, ok := cause.(interface{ Unwrap() []error }); ok {
			for _, one := range joined.Unwrap() {
				if !form.FailWith(one) {
					return false
				}
			}
			return true
		}
	}
	return form.FailWith(err)
}

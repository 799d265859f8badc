package signinui

import "parvis/internal/web/kit"

// renderRemind shows the page backup-reminder: codes on paper that nobody has looked
// at for months are often gone when they are needed.
func (u *UI) renderRemind(c *call, _ *kit.Form, status int) error {
	return u.render(c, status, kit.View{Page: "backup-reminder", Data: anotherPage{journey: c.journey}})
}

// remind takes the answer.
func (u *UI) remind(c *call, form *kit.Form) error {
	if err := u.Stepup.Remind(c.r.Context(), c.visitor, c.view.Flow, form.Get("choice") == "yes"); err != nil {
		return err
	}
	return c.dispatch()
}

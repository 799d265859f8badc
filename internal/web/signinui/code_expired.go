package signinui

import (
	"time"

	"parvis/internal/web/kit"
)

// codeExpired is the data of pages/code-expired.html.
type codeExpired struct {
	journey

	Lasts     time.Duration // how long the code worked
	Masked    string        // where another one goes
	Send      string        // where a form asks for another code
	SendForm  string        // its name, for its token
	Again     string        // where a form begins the sign-in anew
	AgainForm string
}

// renderCodeExpired shows the page code-expired to somebody who comes from a sign-in
// partner: there are two ways on, and no other (R47).
func (u *UI) renderCodeExpired(c *call, form *kit.Form, status int, data codeExpired) error {
	if form.Of("code") != nil { // the page says it
		form = nil
	}
	data.journey = c.journey
	return u.render(c, status, kit.View{Page: "code-expired", Form: form, Data: data})
}

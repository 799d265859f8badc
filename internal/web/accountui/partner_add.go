package accountui

import (
	"errors"
	"net/http"
	"net/url"

	"parvis/internal/fault"
	"parvis/internal/upstream"
	"parvis/internal/web/kit"
)

// addPage is the data of pages/add-sign-in-partner.html.
type addPage struct {
	choiceRow

	Down bool // it is known to be out of reach
}

// askAddPartner shows what it means to add a partner. Who has to prove anew who they
// are does so before, and comes back here.
func (u *UI) askAddPartner(c *call) error {
	one, err := u.choice(c)
	if err != nil {
		return u.refused(c, err, settingsPath)
	}
	if one.Blocked {
		return kit.See(c.w, c.r, settingsPath) // the list shows it, with the way to unblock it
	}
	fresh, err := u.Stepup.Fresh(c.r.Context(), c.visit.Visitor)
	if err != nil {
		return u.refused(c, err, settingsPath)
	}
	if !fresh {
		return u.prove(c, choicePath(one.Key(), "add"))
	}
	return u.renderAdd(c, http.StatusOK, kit.NewForm())
}

func (u *UI) renderAdd(c *call, status int, form *kit.Form) error {
	one, err := u.choice(c)
	if err != nil {
		return u.refused(c, err, settingsPath)
	}
	if one.Provider == nil {
		return kit.NotFound() // taken away meanwhile
	}
	row := rowOf(u.Site.Tr(c.r), one)
	row.Add = choicePath(one.Key(), "add")
	return u.renderSettings(c, status, kit.View{
		Page: "add-sign-in-partner", Title: u.Site.Tr(c.r).T("add-sign-in-partner.title", "partner", row.Name), Form: form,
		Data: addPage{choiceRow: row, Down: u.Upstreams.Health(one.Provider.ID).Down},
	})
}

// addPartner leads to the partner.
func (u *UI) addPartner(c *call) error {
	form, err := u.form(c, "add-sign-in-partner", settingsPath)
	if err != nil {
		return err
	}
	provider := upstream.ID(c.r.PathValue("partner"))
	f, err := u.Signin.PartnerAdd(c.r.Context(), c.visit.Visitor, provider)
	switch {
	case err == nil:
		return kit.See(c.w, c.r, "/signin/"+url.PathEscape(string(f)))
	case fault.Is(err, fault.Conflict):
		if e, ok := errors.AsType[*fault.Error](err); ok {
			form.Fail("", e.Key, e.Args...)
		}
		return u.renderAdd(c, http.StatusConflict, form)
	default:
		return u.refused(c, err, choicePath(string(provider), "add"))
	}
}

package accountui

import (
	"net/http"
	"net/url"
	"slices"

	"parvis/internal/account"
	"parvis/internal/fault"
	"parvis/internal/id"
	"parvis/internal/oidc/claim"
	"parvis/internal/signin"
	"parvis/internal/web/kit"
)

// told fills in which address a service is told, and where another one is chosen.
func told(row *serviceRow, e signin.ServiceEntry, own []account.Email) {
	if !slices.Contains(e.Attributes, "email") || len(own) < 2 {
		return
	}
	row.Email, row.Choose = toldOf(e, own).Address.Written, sharePath(e.RelyingParty)
}

// toldOf is the address that a service is told: the chosen one while the account has it,
// else the main one, which stands first.
func toldOf(e signin.ServiceEntry, own []account.Email) account.Email {
	if i := slices.IndexFunc(own, func(o account.Email) bool { return o.ID == e.Address }); i >= 0 {
		return own[i]
	}
	return own[0]
}

func sharePath(rp id.RelyingParty) string {
	return "/services/" + url.PathEscape(string(rp)) + "/email"
}

// sharePage is the data of pages/share-email.html.
type sharePage struct {
	Action  string
	Hint    string // catalogue key of what the choice means
	Choices []kit.Choice
}

// askShare shows which addresses a service can be told.
func (u *UI) askShare(c *call) error { return u.renderShare(c, http.StatusOK, nil) }

func (u *UI) renderShare(c *call, status int, form *kit.Form) error {
	entry, err := u.connected(c)
	if err != nil {
		return err
	}
	own, err := u.Profile.Addresses(c.r.Context(), c.visit.Visitor)
	if err != nil {
		return u.refused(c, err, "/services")
	}
	if !slices.Contains(entry.Attributes, "email") || len(own.Emails) < 2 {
		return kit.See(c.w, c.r, "/services") // there is nothing to choose
	}
	tr := u.Site.Tr(c.r)
	row, err := u.row(c.r.Context(), tr, entry)
	if err != nil {
		return err
	}
	data := sharePage{Action: sharePath(entry.RelyingParty), Hint: "share-email.hint"}
	if slices.Contains(entry.Attributes, claim.AllEmails) {
		data.Hint = "share-email.hint-all"
	}
	for _, e := range own.Emails {
		data.Choices = append(data.Choices, kit.Choice{Value: string(e.ID), Text: e.Address.Written})
	}
	if form == nil {
		form = kit.NewForm("address", string(toldOf(entry, own.Emails).ID))
	}
	return u.pages.Render(c.w, c.r, status, kit.View{
		Page: "share-email", Title: tr.T("share-email.title", "service", row.Name), Wide: true, Tabs: u.tabs(c.r, "/services"), Form: form, Data: data,
	})
}

// share keeps which address a service is told.
func (u *UI) share(c *call) error {
	form, err := u.form(c, "share-email", "/services")
	if err != nil {
		return err
	}
	err = u.Profile.Share(c.r.Context(), c.visit.Visitor, serviceOf(c.r), id.Address(form.Get("address")))
	switch {
	case err == nil:
		return kit.See(c.w, c.r, "/services?address=changed")
	case !fault.Is(err, fault.Denied) && form.FailWith(err):
		return u.renderShare(c, http.StatusUnprocessableEntity, form)
	default:
		return u.refused(c, err, "/services")
	}
}

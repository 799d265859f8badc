package accountui

import (
	"net/http"
	"net/url"
	"slices"
	"strings"

	"parvis/internal/fault"
	"parvis/internal/i18n"
	"parvis/internal/leaving"
	"parvis/internal/web/kit"
)

// The addresses of deleting an account. Mails lead to the last one.
const (
	deletePath  = settingsPath + "/delete"
	closingPath = "/closing/"
)

// leavingRoutes registers the pages of somebody who leaves.
func (u *UI) leavingRoutes(mux *http.ServeMux) {
	mux.Handle("GET "+deletePath, u.Site.Handle(u.signedIn(u.askDelete)))
	mux.Handle("POST "+deletePath, u.Site.Handle(u.signedIn(u.deleteAccount)))
	mux.Handle("GET "+closingPath+"{token}", u.Site.Handle(u.closingLink))
	mux.Handle("POST "+closingPath+"{token}", u.Site.Handle(u.keepAccount))
}

// deletePage is the data of pages/delete-account.html.
type deletePage struct {
	leaving.Plan

	Address  string   // who is signed in
	Partners []string // names of sign-in partners
	Services []string // names of connected services
}

// askDelete says what deleting the account means, to who has just proven who they are.
func (u *UI) askDelete(c *call) error {
	fresh, err := u.Stepup.Fresh(c.r.Context(), c.visit.Visitor)
	if err != nil {
		return u.refused(c, err, deletePath)
	}
	if !fresh {
		return u.prove(c, deletePath)
	}
	plan, err := u.Leaving.Plan(c.r.Context(), c.visit.Visitor)
	if err != nil {
		return u.refused(c, err, deletePath)
	}
	tr := u.Site.Tr(c.r)
	return u.renderSettings(c, http.StatusOK, kit.View{
		Page: "delete-account", Title: tr.T("delete-account.title"),
		Data: deletePage{Plan: plan, Address: c.visit.Address, Partners: listed(tr, plan.Partners), Services: listed(tr, plan.Services)},
	})
}

// listed are names in the language of the page, by the alphabet.
func listed(tr *i18n.Tr, names []i18n.Text) (out []string) {
	for _, n := range names {
		out = append(out, n.In(tr.Lang()))
	}
	slices.SortFunc(out, func(a, b string) int { return strings.Compare(strings.ToLower(a), strings.ToLower(b)) })
	return out
}

// deleteAccount closes the account. The browser is signed out with all others, and sees
// the page to which the mails lead.
func (u *UI) deleteAccount(c *call) error {
	if _, err := u.form(c, "delete-account", deletePath); err != nil {
		return err
	}
	token, err := u.Leaving.Ask(c.r.Context(), c.visit.Visitor)
	if err != nil {
		return u.refused(c, err, deletePath)
	}
	if err := u.drop(c.w, c.r, c.visit); err != nil {
		return err
	}
	u.Visitor.SignedOut(c.w, c.r)
	return kit.See(c.w, c.r, closingPath+url.PathEscape(token)+"?asked=now")
}

// closingPage is the data of pages/closing-link.html.
type closingPage struct {
	leaving.Closure

	Action string
	Asked  bool // in this browser, a moment ago
}

// closingLink says what became of a closure, to who has the mail. It changes nothing:
// programs that look at the links of mails may open it.
func (u *UI) closingLink(w http.ResponseWriter, r *http.Request) error {
	closure, err := u.Leaving.Link(r.Context(), u.Visitor.Of(r), r.PathValue("token"))
	if err != nil {
		return err
	}
	kit.EnsureBrowser(w, r)
	status, title := http.StatusOK, "closing-link.title-"+string(closure.Status)
	if closure.Status == leaving.None {
		status, title = http.StatusNotFound, "closing-link.title-none"
	}
	return u.pages.Render(w, r, status, kit.View{Page: "closing-link", Title: u.Site.Tr(r).T(title), Data: closingPage{
		Closure: closure, Action: closingPath + url.PathEscape(r.PathValue("token")), Asked: r.URL.Query().Get("asked") == "now",
	}})
}

// keepAccount keeps the account; the page says what became of it, whoever was faster.
func (u *UI) keepAccount(w http.ResponseWriter, r *http.Request) error {
	if _, err := u.Site.Form(w, r, "closing-link"); err != nil {
		return err
	}
	_, err := u.Leaving.KeepByLink(r.Context(), u.Visitor.Of(r), r.PathValue("token"))
	if err != nil && !fault.Is(err, fault.NotFound) {
		return err
	}
	return kit.See(w, r, closingPath+url.PathEscape(r.PathValue("token")))
}

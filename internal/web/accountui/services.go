package accountui

import (
	"context"
	"net/http"
	"net/url"
	"time"

	"parvis/internal/i18n"
	"parvis/internal/id"
	"parvis/internal/oidc/claim"
	"parvis/internal/signin"
	"parvis/internal/web/kit"
)

// servicesPage is the data of pages/connected-services.html.
type servicesPage struct {
	Address string
	Done    string // what has just been done
	Asked   bool   // a service waits for an answer
	Rows    []serviceRow
	FindURL string // the services that take part
}

// serviceRow is one connected service.
type serviceRow struct {
	ID         string // path segment
	Lintel     *kit.Lintel
	Name       string
	Department string
	Lang       i18n.Lang // language of the name when it is not the page's
	Since      time.Time
	LastUsed   time.Time
	Receives   string    // what it is told, in words
	Away       time.Time // until when it can go on without the person; zero: it cannot
	Email      string    // the address that it is told; "" when it is told none
	Choose     string    // address of the page that chooses another; "" without a choice
	Policy     string    // where the service says how it uses what it is told; "" when it names no such address
	Terms      string    // its terms of use; ""
	OpenURL    string    // starts a sign-in at the service; "" when it has no such address
}

// services shows My connected services.
func (u *UI) services(c *call) error {
	entries, err := u.Signin.Services(c.r.Context(), c.visit.Visitor)
	if err != nil {
		return err
	}
	own, err := u.Profile.Addresses(c.r.Context(), c.visit.Visitor)
	if err != nil {
		return err
	}
	tr := u.Site.Tr(c.r)
	data := servicesPage{Address: c.visit.Address}
	if data.Asked, err = u.Asked.Waits(c.r.Context(), c.visit.Account.ID); err != nil {
		return err
	}
	for _, e := range entries {
		row, err := u.row(c.r.Context(), tr, e)
		if err != nil {
			return err
		}
		told(&row, e, own.Emails)
		data.Rows = append(data.Rows, row)
	}
	if c.r.URL.Query().Get("address") == "changed" {
		data.Done = tr.T("share-email.done")
	}
	if name := c.r.URL.Query().Get("disconnected"); name != "" {
		rp, err := u.Parties.Find(c.r.Context(), id.RelyingParty(name))
		if err != nil {
			return err
		}
		if rp != nil {
			data.Done = tr.T("connected-services.disconnected", "service", rp.Name.In(tr.Lang()))
		}
	}
	data.FindURL = "/participating-services"
	if find := u.Site.Settings.Links.Services; !find.Empty() {
		data.FindURL = find.In(tr.Lang())
	}
	return u.pages.Render(c.w, c.r, http.StatusOK, kit.View{
		Page: "connected-services", Title: tr.T("connected-services.title"),
		Wide: true, Tabs: u.tabs(c.r, "/services"), Data: data,
	})
}

// row is one line of the list. A service that is registered no longer keeps its
// line, so that what was agreed to can be ended.
func (u *UI) row(ctx context.Context, tr *i18n.Tr, e signin.ServiceEntry) (serviceRow, error) {
	row := serviceRow{ID: url.PathEscape(string(e.RelyingParty)), Since: e.Since, LastUsed: e.LastUsed, Away: e.Away}
	var names []string
	for _, name := range e.Attributes {
		if name == claim.ScopeOffline {
			continue // no claim: it has a line of its own
		}
		names = append(names, claimName(tr, name))
	}
	row.Receives = tr.List(names)
	if len(names) == 0 {
		row.Receives = tr.T("connected-services.receives-nothing")
	}
	rp, err := u.Parties.Find(ctx, e.RelyingParty)
	if err != nil {
		return row, err
	}
	if rp == nil {
		row.Name, row.Department = string(e.RelyingParty), tr.T("connected-services.gone")
		row.Lintel = &kit.Lintel{Name: row.Name}
		return row, nil
	}
	row.Name, row.Department = rp.Name.In(tr.Lang()), rp.Department.In(tr.Lang())
	if l := rp.Name.Lang(tr.Lang()); l != tr.Lang() {
		row.Lang = l
	}
	row.Lintel = &kit.Lintel{Name: row.Name}
	if len(rp.LogoPNG) > 0 {
		row.Lintel.Logo = "/logo/" + url.PathEscape(string(rp.ID))
	}
	row.Policy, row.Terms = rp.Policy(tr.Lang()), rp.Terms(tr.Lang())
	if !rp.Disabled {
		row.OpenURL = rp.OpenURL(u.Site.PublicURL)
	}
	return row, nil
}

// claimName is what a claim is called within a sentence.
func claimName(tr *i18n.Tr, name string) string {
	if key := "connected-services.claim." + name; tr.Has(key) {
		return tr.T(key)
	}
	return name
}

// disconnectPage is the data of pages/disconnect.html.
type disconnectPage struct {
	Action  string
	Email   string // of the service's own desk; "" when it named none
	Phone   string
	Hours   string
	Support string // address of its help page
}

// askDisconnect shows what disconnecting a service does.
func (u *UI) askDisconnect(c *call) error {
	entry, err := u.connected(c)
	if err != nil {
		return err
	}
	tr := u.Site.Tr(c.r)
	row, err := u.row(c.r.Context(), tr, entry)
	if err != nil {
		return err
	}
	data := disconnectPage{Action: "/services/" + row.ID + "/disconnect"}
	rp, err := u.Parties.Find(c.r.Context(), entry.RelyingParty)
	if err != nil {
		return err
	}
	if rp != nil {
		desk := rp.Support
		data.Email, data.Phone, data.Hours, data.Support = desk.Email, desk.Phone, desk.Hours.In(tr.Lang()), desk.URL.In(tr.Lang())
	}
	return u.pages.Render(c.w, c.r, http.StatusOK, kit.View{
		Page: "disconnect", Title: tr.T("disconnect.title", "service", row.Name),
		Wide: true, Tabs: u.tabs(c.r, "/services"), Data: data,
	})
}

// connected is the entry of the service in the path, if it is one of this person's.
func (u *UI) connected(c *call) (signin.ServiceEntry, error) {
	entries, err := u.Signin.Services(c.r.Context(), c.visit.Visitor)
	if err != nil {
		return signin.ServiceEntry{}, err
	}
	for _, e := range entries {
		if e.RelyingParty == serviceOf(c.r) {
			return e, nil
		}
	}
	return signin.ServiceEntry{}, kit.NotFound()
}

// disconnect ends what a service receives.
func (u *UI) disconnect(c *call) error {
	if _, err := u.form(c, "disconnect", "/services"); err != nil {
		return err
	}
	if err := u.Signin.Disconnect(c.r.Context(), c.visit.Visitor, serviceOf(c.r)); err != nil {
		return err
	}
	return kit.See(c.w, c.r, "/services?"+url.Values{"disconnected": {string(serviceOf(c.r))}}.Encode())
}

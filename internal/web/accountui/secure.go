package accountui

import (
	"net/http"
	"net/url"
	"strings"
	"time"

	"parvis/internal/activity"
	"parvis/internal/authenticator"
	"parvis/internal/fault"
	"parvis/internal/id"
	"parvis/internal/upstream"
	"parvis/internal/web/kit"
)

const (
	securePath  = settingsPath + "/secure"
	wasntMePath = "/wasnt-me"
)

// lately is how long ago something was added that the page marks as new.
const lately = 30 * 24 * time.Hour

func (u *UI) secureRoutes(mux *http.ServeMux) {
	mux.Handle("GET "+wasntMePath+"/{token}", u.Site.Handle(u.alarm))
	mux.Handle("POST "+wasntMePath+"/{token}", u.Site.Handle(u.secureByMail))
	mux.Handle("GET "+wasntMePath+"/done", u.Site.Handle(u.securedByMail))
	mux.Handle("GET "+securePath, u.Site.Handle(u.signedIn(u.askSecure)))
	mux.Handle("POST "+securePath, u.Site.Handle(u.signedIn(u.secure)))
	mux.Handle("POST "+securePath+"/remove", u.Site.Handle(u.signedIn(u.secureRemove)))
	mux.Handle("POST "+securePath+"/finish", u.Site.Handle(u.signedIn(u.secureFinish)))
	mux.Handle("GET "+securePath+"/done", u.Site.Handle(u.signedIn(u.secured)))
}

// alarmPage is the data of pages/wasnt-me.html.
type alarmPage struct {
	activity.Alarm

	Action string
}

// alarm shows what the link of a message about sign-ins does. Opening it does nothing:
// mail scanners open links, too. It works for who is not signed in.
func (u *UI) alarm(w http.ResponseWriter, r *http.Request) error {
	kit.EnsureBrowser(w, r)
	a, err := u.Activity.Alarm(r.Context(), u.Visitor.Of(r), r.PathValue("token"))
	if err != nil {
		return err
	}
	status, title := http.StatusGone, "wasnt-me.title-"+string(a.Standing)
	switch a.Standing {
	case activity.Live:
		status, title = http.StatusOK, "wasnt-me.title"
	case activity.Unknown:
		status = http.StatusNotFound
	case activity.Used, activity.Expired:
	}
	return u.pages.Render(w, r, status, kit.View{
		Page: "wasnt-me", Title: u.Site.Tr(r).T(title), Data: alarmPage{Alarm: a, Action: alarmPath(r)},
	})
}

func alarmPath(r *http.Request) string {
	return wasntMePath + "/" + url.PathEscape(r.PathValue("token"))
}

// secureByMail takes the button of that page: only this uses the link up.
func (u *UI) secureByMail(w http.ResponseWriter, r *http.Request) error {
	if _, err := u.Site.Form(w, r, "wasnt-me"); err != nil {
		return err
	}
	done, err := u.Activity.SecureByMail(r.Context(), u.Visitor.Of(r), r.PathValue("token"))
	if err != nil {
		return err
	}
	if !done {
		return kit.See(w, r, alarmPath(r)) // which says why
	}
	return kit.See(w, r, wasntMePath+"/done")
}

// securedByMail says what was done, and what is left to do.
func (u *UI) securedByMail(w http.ResponseWriter, r *http.Request) error {
	return u.pages.Render(w, r, http.StatusOK, kit.View{Page: "wasnt-me-done", Title: u.Site.Tr(r).T("wasnt-me-done.title")})
}

// securePage is the data of pages/secure.html.
type securePage struct {
	Begun     bool // every other device was signed out in the last day
	Removed   bool // something has just been removed
	Lately    time.Duration
	Addresses []secureRow
	Methods   []secureRow
	Partners  []secureRow
	Services  []secureRow
}

// secureRow is something that somebody may have added.
type secureRow struct {
	Name  string
	What  string // what the button of the row sends
	Icon  string // the picture of its kind
	Added string
	New   bool
	Main  bool // of an address: the main one

	Disconnects bool // of a service: nothing of it is removed
}

func (u *UI) secureRow(times kit.Times, name, kind, which string, added time.Time) secureRow {
	icon := map[string]string{"method": "key", "partner": "bank", "service": "house"}[kind]
	return secureRow{Name: name, What: kind + ":" + which, Icon: icon, Added: times.Moment(added), New: u.Now().Sub(added) < lately}
}

// askSecure leads through what somebody does whose account was in other hands.
func (u *UI) askSecure(c *call) error {
	done, err := u.Activity.Done(c.r.Context(), c.visit.Visitor)
	if err != nil {
		return u.refused(c, err, securePath)
	}
	data := securePage{Begun: len(done) > 0, Removed: c.r.URL.Query().Has("removed"), Lately: lately}
	overview, err := u.Stepup.Overview(c.r.Context(), c.visit.Visitor)
	if err != nil {
		return u.refused(c, err, securePath)
	}
	addresses, err := u.Profile.Addresses(c.r.Context(), c.visit.Visitor)
	if err != nil {
		return u.refused(c, err, securePath)
	}
	times := u.Site.Times(c.r)
	for _, e := range addresses.Emails {
		row := u.secureRow(times, e.Address.Written, "address", string(e.ID), e.AddedAt)
		row.Main = e.Main
		data.Addresses = append(data.Addresses, row)
	}
	tr := u.Site.Tr(c.r)
	for _, e := range overview.Entries {
		if !e.Fixed {
			data.Methods = append(data.Methods, u.secureRow(times, u.nameOf(tr, e), "method", string(e.ID), e.BoundAt))
		}
	}
	partners, err := u.Partnering.Linked(c.r.Context(), c.visit.Visitor)
	if err != nil {
		return u.refused(c, err, securePath)
	}
	for _, p := range partners {
		row, err := u.partnerRow(c, p)
		if err != nil {
			return err
		}
		data.Partners = append(data.Partners, u.secureRow(times, row.Name, "partner", string(p.ID), p.Since))
	}
	services, err := u.Signin.Services(c.r.Context(), c.visit.Visitor)
	if err != nil {
		return u.refused(c, err, securePath)
	}
	for _, s := range services {
		row, err := u.row(c.r.Context(), tr, s)
		if err != nil {
			return err
		}
		added := u.secureRow(times, row.Name, "service", string(s.RelyingParty), s.Since)
		added.Disconnects = true
		data.Services = append(data.Services, added)
	}
	return u.renderSettings(c, http.StatusOK, kit.View{Page: "secure", Title: tr.T("secure.title"), Data: data})
}

// secure signs every other device out.
func (u *UI) secure(c *call) error {
	if _, err := u.form(c, "secure", securePath); err != nil {
		return err
	}
	if err := u.Activity.Secure(c.r.Context(), c.visit.Visitor); err != nil {
		return u.refused(c, err, securePath)
	}
	return kit.See(c.w, c.r, securePath)
}

// secureRemove removes what the owner does not know. What needs a fresh proof asks for it,
// and comes back to the page.
func (u *UI) secureRemove(c *call) error {
	form, err := u.form(c, "secure-remove", securePath)
	if err != nil {
		return err
	}
	kind, which, _ := strings.Cut(form.Get("what"), ":")
	switch kind {
	case "method":
		err = u.Stepup.Remove(c.r.Context(), c.visit.Visitor, authenticator.ID(which))
	case "partner":
		err = u.Partnering.Unlink(c.r.Context(), c.visit.Visitor, upstream.LinkID(which))
		if fault.Is(err, fault.Conflict) { // the last way in: its own page says what to do first
			return kit.See(c.w, c.r, settingsPath+"/partners/"+url.PathEscape(which)+"/remove")
		}
	case "service":
		err = u.Signin.Disconnect(c.r.Context(), c.visit.Visitor, id.RelyingParty(which))
	default:
		return kit.NotFound()
	}
	if err != nil && !fault.Is(err, fault.NotFound) { // it is gone already: what was wanted is so
		return u.refused(c, err, securePath)
	}
	return kit.See(c.w, c.r, securePath+"?removed=yes")
}

// secureFinish notes that the owner went through all of it.
func (u *UI) secureFinish(c *call) error {
	if _, err := u.form(c, "secure-finish", securePath); err != nil {
		return err
	}
	if err := u.Activity.Secured(c.r.Context(), c.visit.Visitor); err != nil {
		return u.refused(c, err, securePath)
	}
	return kit.See(c.w, c.r, securePath+"/done")
}

// securedPage is the data of pages/secured.html.
type securedPage struct {
	Done []activityRow
}

// secured says what was done.
func (u *UI) secured(c *call) error {
	done, err := u.Activity.Done(c.r.Context(), c.visit.Visitor)
	if err != nil {
		return u.refused(c, err, securePath)
	}
	partners, err := u.Upstreams.List(c.r.Context())
	if err != nil {
		return err
	}
	tr := u.Site.Tr(c.r)
	words, data := eventWords{u: u, c: c, tr: tr, times: u.Site.Times(c.r), partners: partners}, securedPage{}
	for _, e := range done {
		row, err := words.row(e)
		if err != nil {
			return err
		}
		data.Done = append(data.Done, row)
	}
	return u.renderSettings(c, http.StatusOK, kit.View{Page: "secured", Title: tr.T("secured.title"), Data: data})
}

package accountui

import (
	"net/http"
	"net/url"
	"slices"

	"parvis/internal/activity"
	"parvis/internal/fault"
	"parvis/internal/i18n"
	"parvis/internal/id"
	"parvis/internal/policy"
	"parvis/internal/upstream"
	"parvis/internal/web/kit"
)

const sessionsPath = settingsPath + "/sessions"

func (u *UI) activityRoutes(mux *http.ServeMux) {
	mux.Handle("GET "+sessionsPath, u.Site.Handle(u.signedIn(u.sessions)))
	mux.Handle("GET "+activityPath, u.Site.Handle(u.signedIn(u.activity)))
	mux.Handle("POST "+sessionsPath+"/end", u.Site.Handle(u.signedIn(u.endSession)))
	mux.Handle("POST "+sessionsPath+"/end-others", u.Site.Handle(u.signedIn(u.endOthers)))
	mux.Handle("POST "+sessionsPath+"/end-all", u.Site.Handle(u.signedIn(u.endAll)))
}

// sessionsPage is the data of pages/sessions.html.
type sessionsPage struct {
	Done     string // what has just been done
	Rows     []sessionRow
	Browsers int      // how many browsers are remembered
	Services []string // that can go on with what they were given, when nobody is signed in elsewhere
}

// sessionRow is one open session.
type sessionRow struct {
	ID     id.Session
	Place  string // near which it was opened; "" when it is not known
	Device string
	Icon   string
	By     string // how it was opened, in words
	Here   bool
	Since  string
	Used   string
}

// sessions shows the open sessions of the account.
func (u *UI) sessions(c *call) error {
	all, err := u.Activity.Sessions(c.r.Context(), c.visit.Visitor)
	if err != nil {
		return u.refused(c, err, sessionsPath)
	}
	tr := u.Site.Tr(c.r)
	data := sessionsPage{Browsers: all.Browsers}
	switch c.r.URL.Query().Get("ended") {
	case "one":
		data.Done = tr.T("sessions.done-one")
	case "others":
		data.Done = tr.T("sessions.done-others")
	case "services":
		data.Done = tr.T("sessions.done-services")
	}
	if len(all.Open) == 1 {
		if data.Services, err = u.named(c, tr, all.Services); err != nil {
			return err
		}
	}
	for _, s := range all.Open {
		row, err := u.sessionRow(c, tr, s)
		if err != nil {
			return err
		}
		data.Rows = append(data.Rows, row)
	}
	return u.renderSettings(c, http.StatusOK, kit.View{Page: "sessions", Title: tr.T("sessions.title"), Data: data})
}

// named are services by what people call them; one that is gone has no name any more.
func (u *UI) named(c *call, tr *i18n.Tr, list []id.RelyingParty) (out []string, err error) {
	for _, rp := range list {
		name := tr.T("activity.service-unknown")
		switch found, err := u.Parties.Find(c.r.Context(), rp); {
		case err != nil:
			return nil, err
		case found != nil:
			name = found.Name.In(tr.Lang())
		}
		if !slices.Contains(out, name) {
			out = append(out, name)
		}
	}
	return out, nil
}

func (u *UI) sessionRow(c *call, tr *i18n.Tr, s activity.Open) (sessionRow, error) {
	times := u.Site.Times(c.r)
	row := sessionRow{
		ID: s.ID, Device: s.Device.In(tr), Place: s.Place, Icon: deviceIcon(s.Device.System), Here: s.Here,
		Since: times.Moment(s.Since), Used: times.Moment(s.Used),
	}
	if row.Device == "" {
		row.Device = tr.T("sessions.device-unknown")
	}
	by, err := u.openedBy(c, tr, s.Facts)
	row.By = tr.List(by)
	return row, err
}

// deviceIcon is the picture of a system.
func deviceIcon(system string) string {
	switch system {
	case "iPhone", "iPad", "Android":
		return "phone"
	default:
		return "laptop"
	}
}

// openedBy are the proofs of a session in words, the first step first.
func (u *UI) openedBy(c *call, tr *i18n.Tr, f policy.Facts) (out []string, err error) {
	if !f.Partner.At.IsZero() {
		name := tr.T("sessions.way.partner-unknown")
		if all, err := u.Upstreams.List(c.r.Context()); err != nil {
			return nil, err
		} else if i := slices.IndexFunc(all, func(p *upstream.Provider) bool { return string(p.ID) == f.Partner.Door }); i >= 0 {
			name = all[i].Name.In(tr.Lang())
		}
		out = append(out, name)
	}
	if !f.Password.IsZero() {
		out = append(out, tr.T("sessions.way.password"))
	}
	for _, p := range f.Others {
		out = append(out, tr.T("sessions.way."+string(p.Method)))
	}
	if !f.Remembered.IsZero() {
		out = append(out, tr.T("sessions.way.remembered"))
	}
	return out, nil
}

// endSession signs one device out.
func (u *UI) endSession(c *call) error {
	form, err := u.form(c, "end-session", sessionsPath)
	if err != nil {
		return err
	}
	which := id.Session(form.Get("session"))
	if which == c.visit.Session.ID {
		return kit.See(c.w, c.r, "/signout")
	}
	err = u.Activity.SignOut(c.r.Context(), c.visit.Visitor, which)
	if err != nil && !fault.Is(err, fault.NotFound) { // it had ended meanwhile: what was wanted is so
		return u.refused(c, err, sessionsPath)
	}
	return kit.See(c.w, c.r, sessionsPath+"?ended=one")
}

// endOthers signs every other device out, and ends what services were given there.
func (u *UI) endOthers(c *call) error {
	form, err := u.form(c, "end-others", sessionsPath)
	if err != nil {
		return err
	}
	if err := u.Activity.SignOutOthers(c.r.Context(), c.visit.Visitor); err != nil {
		return u.refused(c, err, sessionsPath)
	}
	if form.Has("services") { // that is what the page asked about: nobody was signed in elsewhere
		return kit.See(c.w, c.r, sessionsPath+"?ended=services")
	}
	return kit.See(c.w, c.r, sessionsPath+"?ended=others")
}

// endAll signs every device out, this one too.
func (u *UI) endAll(c *call) error {
	if _, err := u.form(c, "end-all", sessionsPath); err != nil {
		return err
	}
	if err := u.Activity.SignOutEverywhere(c.r.Context(), c.visit.Visitor); err != nil {
		return u.refused(c, err, sessionsPath)
	}
	if err := u.drop(c.w, c.r, c.visit); err != nil {
		return err
	}
	u.Visitor.SignedOut(c.w, c.r)
	if door := c.visit.Session.Facts.Partner.Door; door != "" { // signing out there, too, can be chosen
		return kit.See(c.w, c.r, "/signed-out?partner="+url.QueryEscape(door))
	}
	return kit.See(c.w, c.r, "/signed-out")
}

package accountui

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"parvis/internal/activity"
	"parvis/internal/audit"
	"parvis/internal/i18n"
	"parvis/internal/id"
	"parvis/internal/upstream"
	"parvis/internal/web/kit"
)

const activityPath = settingsPath + "/activity"

// activityPage is the data of pages/activity.html.
type activityPage struct {
	Days   []activityDay
	Older  string // address of the next page; "" for none
	Newest string // address of the first page; "" when this is it
}

// activityDay is what happened on one day.
type activityDay struct {
	Date string
	Rows []activityRow
}

// activityRow is one event.
type activityRow struct {
	Title   string
	Icon    string
	Clock   string
	At      time.Time
	Facts   []string // with what, at which service, why
	Here    bool     // it happened in this session
	New     bool     // a sign-in with a device that was not known
	Warn    bool     // an attempt, or what needs attention
	Report  bool     // it can be said to be somebody else's
	Refused bool
}

// activity shows what happened to the account, newest first, one page of it.
func (u *UI) activity(c *call) error {
	before := id.Event(c.r.URL.Query().Get("before"))
	found, err := u.Activity.Events(c.r.Context(), c.visit.Visitor, before)
	if err != nil {
		return u.refused(c, err, activityPath)
	}
	partners, err := u.Upstreams.List(c.r.Context())
	if err != nil {
		return err
	}
	tr, times := u.Site.Tr(c.r), u.Site.Times(c.r)
	words, data := eventWords{u: u, c: c, tr: tr, times: times, partners: partners}, activityPage{}
	for _, e := range found.Entries {
		row, err := words.row(e)
		if err != nil {
			return err
		}
		date := u.day(tr, times, e.At)
		if n := len(data.Days); n == 0 || data.Days[n-1].Date != date {
			data.Days = append(data.Days, activityDay{Date: date})
		}
		last := &data.Days[len(data.Days)-1]
		last.Rows = append(last.Rows, row)
	}
	title := "activity.title"
	if before != "" {
		title, data.Newest = "activity.title-older", activityPath
	}
	if found.Older != "" {
		data.Older = activityPath + "?" + url.Values{"before": {string(found.Older)}}.Encode()
	}
	return u.pages.Render(c.w, c.r, http.StatusOK, kit.View{
		Page: "activity", Title: tr.T(title), Wide: true, Tabs: u.tabs(c.r, activityPath), Data: data,
	})
}

// day is the heading of a day.
func (u *UI) day(tr *i18n.Tr, times kit.Times, at time.Time) string {
	date, now := times.Weekday(at), u.Now().In(times.In())
	switch at.In(times.In()).Format(time.DateOnly) {
	case now.Format(time.DateOnly):
		return tr.T("activity.today", "date", date)
	case now.AddDate(0, 0, -1).Format(time.DateOnly):
		return tr.T("activity.yesterday", "date", date)
	}
	return strings.ToUpper(date[:1]) + date[1:]
}

// eventWords says events in the words of a page.
type eventWords struct {
	u        *UI
	c        *call
	tr       *i18n.Tr
	times    kit.Times
	partners []*upstream.Provider
}

// row is one line of the page.
func (w eventWords) row(e activity.Entry) (activityRow, error) {
	service, err := w.service(e.Service)
	if err != nil {
		return activityRow{}, err
	}
	row := activityRow{
		Title: w.title(e, service), Icon: w.icon(e), Clock: w.times.Clock(e.At), At: e.At, Here: e.Here && e.Sort != activity.Attempt,
		New: e.New && !e.Here, Warn: e.Sort == activity.Attempt || e.New && !e.Here, Refused: e.Outcome == audit.Refused && e.Sort != activity.Attempt,
	}
	row.Report = !e.Here && (e.Sort == activity.Signing || e.Sort == activity.Change)
	if device := e.Device.In(w.tr); device != "" {
		row.Facts = append(row.Facts, device)
	}
	if e.Place != "" {
		row.Facts = append(row.Facts, w.tr.T("activity.place", "place", e.Place))
	}
	if service != "" && !strings.Contains(row.Title, service) {
		row.Facts = append(row.Facts, service)
	}
	if key := "activity.why." + strings.NewReplacer(" ", "-", "_", "-").Replace(e.Reason); e.Reason != "" && w.tr.Has(key) {
		row.Facts = append(row.Facts, w.tr.T(key))
	}
	return row, nil
}

// title is what happened.
func (w eventWords) title(e activity.Entry, service string) string {
	if service == "" {
		service = w.tr.T("activity.service-unknown")
	}
	method := typeKey + e.Data["type"]
	if !w.tr.Has(method) {
		method = "activity.method-unknown"
	}
	channel := "activity.channel." + e.Data["channel"]
	if !w.tr.Has(channel) {
		channel = "activity.channel.unknown"
	}
	return w.tr.T("activity.event."+string(e.Name), "service", service, "method", w.tr.T(method), "channel", w.tr.T(channel), "partner", w.partner(e))
}

// service is what people call the service of an event; "" for none.
func (w eventWords) service(rp id.RelyingParty) (string, error) {
	if rp == "" {
		return "", nil
	}
	found, err := w.u.Parties.Find(w.c.r.Context(), rp)
	if err != nil {
		return "", err
	}
	if found == nil {
		return w.tr.T("activity.service-unknown"), nil
	}
	return found.Name.In(w.tr.Lang()), nil
}

// partner is what people call the sign-in partner of an event.
func (w eventWords) partner(e activity.Entry) string {
	i := slices.IndexFunc(w.partners, func(p *upstream.Provider) bool {
		return e.Data["issuer"] != "" && p.Issuer == e.Data["issuer"] || e.Data["provider"] != "" && string(p.ID) == e.Data["provider"]
	})
	if i < 0 {
		return w.tr.T("activity.partner-unknown")
	}
	return w.partners[i].Name.In(w.tr.Lang())
}

// icon is the picture of an event.
func (w eventWords) icon(e activity.Entry) string {
	area, _, _ := strings.Cut(string(e.Name), ".")
	switch {
	case e.Sort == activity.Attempt:
		return "triangle"
	case area == "method" || area == "backup_codes" || area == "browser" || area == "phone":
		return "key"
	case area == "password":
		return "lock"
	case area == "upstream":
		return "bank"
	case area == "consent" || area == "code" || area == "enrolment":
		return "house"
	case area == "one_time_code" || area == "mail" || e.Name == audit.CIBATexted:
		return "mail"
	case e.Sort == activity.Signing:
		return deviceIcon(e.Device.System)
	case area == "assist" || area == "operator":
		return "person"
	default:
		return "shield"
	}
}

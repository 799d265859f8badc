package kit

import (
	"net/http"
	"regexp"
	"time"

	"parvis/internal/i18n"
)

// Times says instants as the pages of one request do: in its language, and in the zone
// that its browser told, else in that of the deployment. It notes that a time of day was
// said, so that the page names the zone, once.
type Times struct {
	site *Site
	tr   *i18n.Tr
	of   *visitor
}

// Times are those of a request.
func (s *Site) Times(r *http.Request) Times { return Times{site: s, tr: s.Tr(r), of: of(r)} }

// zoneName is what a browser may tell as its time zone: a name of the IANA time zone
// database (RFC 6557) in one of its areas, or UTC. Other files that lie beside that
// database on a machine are none.
var zoneName = regexp.MustCompile(`^(?:UTC|(?:Africa|America|Antarctica|Arctic|Asia|Atlantic|Australia|Etc|Europe|Indian|Pacific)(?:/[A-Za-z][A-Za-z0-9_+-]{0,29}){1,2})$`)

// zoneOf is the zone that a browser told; the deployment's when it told none that there is.
func (s *Site) zoneOf(told string) *time.Location {
	if !zoneName.MatchString(told) {
		return s.zone
	}
	zone, err := time.LoadLocation(told)
	if err != nil {
		return s.zone
	}
	return zone
}

// In is the zone in which the times are said.
func (t Times) In() *time.Location {
	if t.of.zone == nil {
		t.of.zone = t.site.zoneOf(t.of.told)
	}
	return t.of.zone
}

// Date is a day: "3 March 2025".
func (t Times) Date(at time.Time) string { return t.tr.Date(at, t.In()) }

// Weekday is a day with its name: "Thursday 12 June 2025".
func (t Times) Weekday(at time.Time) string { return t.tr.Weekday(at, t.In()) }

// DateTime is a day and a time of day: "3 March 2025 at 14:32".
func (t Times) DateTime(at time.Time) string {
	t.of.clocks = true
	return t.tr.DateTime(at, t.In())
}

// Clock is a time of day: "14:32". On the pages of who is not signed in it is minutes
// away, and stands beside how many: there the zone is not named.
func (t Times) Clock(at time.Time) string {
	if t.of.scene.Person != "" {
		t.of.clocks = true
	}
	return t.tr.Clock(at, t.In())
}

// Moment is a time that was, as a person says it now: "today at 14:32", else the date.
func (t Times) Moment(at time.Time) string {
	said := t.tr.Moment(at, t.site.Now(), t.In())
	if said != t.tr.T("kit.on-date", "date", t.Date(at)) {
		t.of.clocks = true
	}
	return said
}

// Until is a time that comes: "14:42", with its day when that is not today.
func (t Times) Until(at time.Time) string {
	t.of.clocks = true
	return t.tr.Until(at, t.site.Now(), t.In())
}

// Zone names the zone in the page's own words; the page then does not say it again.
func (t Times) Zone() string {
	t.of.zoned = true
	return t.tr.Zone(t.site.Now(), t.In())
}

// Clocks reports whether a page that said a time of day has still to name its zone.
func (t Times) Clocks() bool { return t.of.clocks && !t.of.zoned }

// Telling is the zone in which a page says times of day, for the script: a page that only
// shows something is loaded again when the browser is in another zone. "" for the answer
// to a form.
func (p *Page) Telling() string {
	if !p.asked {
		return ""
	}
	return p.In().String()
}

// ZoneCookie is the name of the cookie in which the browser tells its zone; "" in front of the door.
func (p *Page) ZoneCookie() string {
	if p.Public {
		return ""
	}
	return ZoneCookie
}

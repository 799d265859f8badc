package kit

import (
	"html"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"parvis/internal/i18n"
)

// said renders a page file for a request, with a cookie that tells a zone.
func said(t *testing.T, s *Site, file, method, zone string, v View) string {
	t.Helper()
	pages, err := s.Pages(fstest.MapFS{"pages/times.html": {Data: []byte(file)}}, "pages")
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.Handle("/", s.Handle(func(w http.ResponseWriter, r *http.Request) error {
		SceneOf(r).Person = "somebody"
		v.Page, v.Title = "times", "Times"
		return pages.Render(w, r, http.StatusOK, v)
	}))
	h := s.Wrap(mux)
	r := httptest.NewRequest(method, "/", nil)
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	r.AddCookie(&http.Cookie{Name: LangCookie, Value: "en"})
	if zone != "" {
		r.AddCookie(&http.Cookie{Name: ZoneCookie, Value: zone})
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	if w.Code != http.StatusOK {
		t.Fatalf("answers %d", w.Code)
	}
	return strings.ReplaceAll(html.UnescapeString(w.Body.String()), "\u00a0", " ")
}

func timesSite(t *testing.T) *Site {
	t.Helper()
	return newSite(t, func(c *Config) { c.Now = func() time.Time { return time.Date(2026, 6, 30, 23, 0, 0, 0, time.UTC) } })
}

func TestAPageSaysTimesInTheZoneThatItsBrowserToldAndNamesItOnce(t *testing.T) {
	s := timesSite(t)
	v := View{Data: time.Date(2026, 6, 30, 22, 15, 0, 0, time.UTC)}
	for zone, want := range map[string][]string{
		"":                  {"30 June 2026 at 18:15", "today at 18:15", "Times are in Eastern Time.", `data-times="America/Toronto"`},
		"America/Vancouver": {"30 June 2026 at 15:15", "today at 15:15", "Times are in Pacific Time.", `data-times="America/Vancouver"`},
		"Asia/Tokyo":        {"1 July 2026 at 07:15", "today at 07:15", "Times are in UTC+9.", `data-times="Asia/Tokyo"`},
		"UTC":               {"30 June 2026 at 22:15", "today at 22:15", "Times are in UTC.", `data-times="UTC"`},
	} {
		page := said(t, s, `<p>{{$.DateTime .Data}}, {{$.Moment .Data}}, {{$.Until .Data}}, {{$.Clock .Data}}</p>`, http.MethodGet, zone, v)
		for _, w := range want {
			if !strings.Contains(page, w) {
				t.Errorf("%q: no %q in\n%s", zone, w, page)
			}
		}
		if n := strings.Count(page, "Times are in"); n != 1 {
			t.Errorf("%q: the zone is named %d times", zone, n)
		}
	}
}

func TestOnlyAPageThatSaysATimeOfDayNamesTheZone(t *testing.T) {
	s := timesSite(t)
	now, old := time.Date(2026, 6, 30, 22, 15, 0, 0, time.UTC), time.Date(2026, 3, 3, 22, 15, 0, 0, time.UTC)
	for _, c := range []struct {
		file  string
		at    time.Time
		names bool
	}{
		{`{{$.Date .Data}}`, now, false},
		{`{{$.Moment .Data}}`, old, false}, // a date
		{`{{$.Moment .Data}}`, now, true},
		{`{{$.Until .Data}}`, old, true},
		{`{{$.Clock .Data}}`, old, true},
		{`{{$.DateTime .Data}} {{.Times.Zone}}`, old, false}, // it does so itself
	} {
		page := said(t, s, c.file, http.MethodGet, "", View{Data: c.at})
		if got := strings.Contains(page, "Times are in"); got != c.names {
			t.Errorf("%s of %v names the zone: %v", c.file, c.at, got)
		}
	}
}

// A page that failed half made leaves nothing on the page that says so.
func TestAnErrorPageNamesNoZoneOfThePageThatFailed(t *testing.T) {
	s := timesSite(t)
	pages, err := s.Pages(fstest.MapFS{"pages/times.html": {Data: []byte(`{{$.DateTime .Data}}{{.Data.Nothing}}`)}}, "pages")
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.Handle("/", s.Handle(func(w http.ResponseWriter, r *http.Request) error {
		return pages.Render(w, r, http.StatusOK, View{Page: "times", Title: "Times", Data: s.Now()})
	}))
	w := get(s.Wrap(mux), "/", "Accept-Language", "en")
	if w.Code != http.StatusInternalServerError || strings.Contains(w.Body.String(), "Times are in") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

// The script loads a page again when its times are in another zone than the browser's. What
// a form answered cannot be had again, and no page in front of the door asks for the zone.
func TestTheScriptIsToldOfTheZoneWhereAPageCanBeLoadedAgain(t *testing.T) {
	s := timesSite(t)
	v := View{Data: s.Now()}
	page := said(t, s, `{{$.Clock .Data}}`, http.MethodGet, "", v)
	if !strings.Contains(page, `data-zone="__Host-parvis_zone"`) || !strings.Contains(page, `data-times="America/Toronto"`) {
		t.Errorf("the script learns nothing:\n%s", page)
	}
	page = said(t, s, `{{$.Clock .Data}}`, http.MethodPost, "", v)
	if !strings.Contains(page, "Times are in") || strings.Contains(page, "data-times") {
		t.Errorf("the answer to a form:\n%s", page)
	}
	v.Public = true
	if page = said(t, s, `{{$.Date .Data}}`, http.MethodGet, "", v); strings.Contains(page, "data-zone") {
		t.Errorf("a public page asks for the zone:\n%s", page)
	}
}

func TestWhatIsNoNameOfAZoneLeavesTheDeployments(t *testing.T) {
	s := timesSite(t)
	for _, odd := range []string{
		"Local", "localtime", "posixrules", "posix/Asia/Tokyo", "right/Asia/Tokyo", "Factory", "asia/tokyo", "Asia", "Asia/", "/Asia/Tokyo", "Asia//Tokyo",
		"../../etc/passwd", "Asia/../Asia/Tokyo", "Asia/Tokyo/Tokyo/Tokyo", "Asia/Nowhere", "America/../../etc/passwd", "UTC\n", "UTC\x00", "UTC+9",
		"Asia/" + strings.Repeat("A", 4000), "Etc/GMT+99",
	} {
		if got := s.zoneOf(odd); got != s.Zone() {
			t.Errorf("%.40q is %v", odd, got)
		}
	}
	for _, known := range []string{"UTC", "Asia/Tokyo", "America/Argentina/Buenos_Aires", "America/Port-au-Prince", "Etc/GMT+5", "Pacific/Kiritimati"} {
		if got := s.zoneOf(known); got.String() != known {
			t.Errorf("%s is %v", known, got)
		}
	}
}

func FuzzATimeZoneIsOneOfTheDatabaseOrTheDeployments(f *testing.F) {
	for _, seed := range []string{"", "UTC", "Asia/Tokyo", "Local", "../../etc/passwd", "America/Argentina/Buenos_Aires"} {
		f.Add(seed)
	}
	zone, err := time.LoadLocation("America/Toronto")
	if err != nil {
		f.Fatal(err)
	}
	s := &Site{zone: zone}
	f.Fuzz(func(t *testing.T, told string) {
		got := s.zoneOf(told)
		if got == nil || got != zone && got.String() != told || strings.ContainsAny(got.String(), ".\\\x00") {
			t.Errorf("%q is %v", told, got)
		}
	})
}

func TestTheZoneIsSaidInBothLanguages(t *testing.T) {
	s := timesSite(t)
	for lang, want := range map[i18n.Lang]string{i18n.English: "Times are in Eastern Time.", i18n.French: "Fuseau horaire : heure de l’Est."} {
		tr := s.Texts.Tr(lang)
		if got := strings.ReplaceAll(tr.T("kit.times", "zone", tr.Zone(s.Now(), s.Zone())), "\u00a0", " "); got != want {
			t.Errorf("%s: %q", lang, got)
		}
	}
}

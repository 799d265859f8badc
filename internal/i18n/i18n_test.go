package i18n

import (
	"strings"
	"testing"
	"testing/fstest"
	"time"
)

func speakers(t *testing.T) (en, fr *Tr) {
	t.Helper()
	b, err := Load()
	if err != nil {
		t.Fatal(err)
	}
	return b.Tr(English), b.Tr(French)
}

func TestDurationsAreSaidInWords(t *testing.T) {
	en, fr := speakers(t)
	for _, c := range []struct {
		d      time.Duration
		en, fr string
	}{
		{0, "1 second", "1 seconde"},
		{45 * time.Second, "45 seconds", "45 secondes"},
		{time.Minute, "1 minute", "1 minute"},
		{90 * time.Second, "90 seconds", "90 secondes"},
		{30 * time.Minute, "30 minutes", "30 minutes"},
		{time.Hour, "1 hour", "1 heure"},
		{90 * time.Minute, "1 hour 30 minutes", "1 heure 30 minutes"},
		{24 * time.Hour, "24 hours", "24 heures"},
		{48 * time.Hour, "48 hours", "48 heures"},
		{72 * time.Hour, "3 days", "3 jours"},
		{30 * 24 * time.Hour, "30 days", "30 jours"},
		{365 * 24 * time.Hour, "1 year", "1 an"},
		{2 * 365 * 24 * time.Hour, "2 years", "2 ans"},
	} {
		for _, got := range []struct{ have, want string }{{en.Duration(c.d), c.en}, {fr.Duration(c.d), c.fr}} {
			if plain := strings.ReplaceAll(got.have, nbsp, " "); plain != got.want {
				t.Errorf("%v: %q, want %q", c.d, plain, got.want)
			}
			if number, _, _ := strings.Cut(got.have, nbsp); strings.Contains(number, " ") {
				t.Errorf("%v: %q may break after its number", c.d, got.have)
			}
		}
	}
}

func TestTimesAreSaidInTheZoneAndTheLanguage(t *testing.T) {
	en, fr := speakers(t)
	zone, err := time.LoadLocation("America/Toronto")
	if err != nil {
		t.Fatal(err)
	}
	at := time.Date(2025, 6, 12, 18, 2, 0, 0, time.UTC)
	first := time.Date(2025, 3, 1, 17, 0, 0, 0, time.UTC)
	later := time.Date(2025, 6, 14, 18, 2, 0, 0, time.UTC)
	for _, c := range []struct{ have, want string }{
		{en.Clock(at, zone), "14:02"},
		{fr.Clock(at, zone), "14~h~02"},
		{en.Date(at, zone), "12~June~2025"},
		{fr.Date(first, zone), "1er~mars~2025"},
		{en.Weekday(at, zone), "Thursday 12~June~2025"},
		{fr.Weekday(at, zone), "jeudi 12~juin~2025"},
		{en.DateTime(at, zone), "12~June~2025 at 14:02"},
		{fr.DateTime(at, zone), "12~juin~2025 à 14~h~02"},
		{en.Moment(at, at, zone), "today at 14:02"},
		{fr.Moment(at, at.AddDate(0, 0, 1), zone), "hier à 14~h~02"},
		{en.Moment(at, later, zone), "12~June~2025"},
		{fr.Moment(at, later, zone), "le 12~juin~2025"},
		{en.Until(at, later, zone), "12~June~2025 at 14:02"},
		{en.Zone(at, zone), "Eastern Time"},
		{fr.Zone(at, zone), "heure de l’Est"},
		{en.Zone(at, nil), "UTC"},
		{en.Zone(at, time.FixedZone("", -9000)), "UTC\u22122:30"},
	} {
		if want := strings.ReplaceAll(c.want, "~", nbsp); c.have != want {
			t.Errorf("%q, want %q", c.have, want)
		}
	}
}

func TestTheLanguageIsChosenByPreference(t *testing.T) {
	for _, c := range []struct {
		preferences []string
		want        Lang
	}{
		{nil, English},
		{[]string{"fr-CA,fr;q=0.9,en;q=0.8"}, French},
		{[]string{"de, fr;q=0.5, en;q=0.3"}, French},
		{[]string{"fr;q=0, en"}, English},
		{[]string{"", "fr"}, French},
		{[]string{"fr-CA en"}, French},
		{[]string{"de es", "fr"}, French},
		{[]string{"*"}, English},
		{[]string{"\x00\xff;;,,q=", "fr"}, French},
		{[]string{strings.Repeat("a,", 5000)}, English},
	} {
		if got := Match(Langs(), c.preferences...); got != c.want {
			t.Errorf("%.60q: %s", c.preferences, got)
		}
	}
	if got := Match([]Lang{French, English}, "de"); got != French {
		t.Errorf("the deployment's first language: %s", got)
	}
}

func FuzzMatch(f *testing.F) {
	for _, seed := range []string{"fr-CA,fr;q=0.9", "en fr", ";q=", "x-", "*"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, preference string) {
		if l := Match(Langs(), preference); l != English && l != French {
			t.Fatalf("%q: %q", preference, l)
		}
	})
}

func TestArgumentsInHTMLAreEscaped(t *testing.T) {
	b, err := LoadFrom(fstest.MapFS{
		"en/x.json": {Data: []byte(`{"bold": "To {{.who}} & you", "link": "See <a href=\"{{.url}}\">help</a>", "n": {"one": "one thing", "other": "{{.count}} things"}}`)},
		"fr/x.json": {Data: []byte(`{"n": {"one": "{{.count}} chose", "other": "{{.count}} choses"}}`)},
	})
	if err != nil {
		t.Fatal(err)
	}
	tr := b.Tr(English)
	for _, c := range []struct{ have, want string }{
		{tr.TB("bold", "who", "<Sam>"), "To <strong>&lt;Sam&gt;</strong> &amp; you"},
		{tr.TB("bold", "who", "a.<b>@mail.example"), "To <strong>a.<wbr>&lt;b&gt;@<wbr>mail.<wbr>example</strong> &amp; you"},
		{tr.TB("bold", "who", "v. 1.2"), "To <strong>v. 1.2</strong> &amp; you"},
		{tr.TB("bold", "who", "\x01\x02a\x00"), "To <strong>a</strong> &amp; you"},
		{Breakable("a.<b>@mail.example"), "a.<wbr>&lt;b&gt;@<wbr>mail.<wbr>example"},
		{Breakable("<v.1>"), "&lt;v.1&gt;"},
		{tr.TH("link", "url", `"><script>`), `See <a href="&#34;&gt;&lt;script&gt;">help</a>`},
		{tr.T("n", "count", 1), "one thing"},
		{tr.T("n", "count", 7), "7 things"},
		{b.Tr(French).T("n", "count", 0), "0 chose"},
		{b.Tr(French).T("n", "count", 2), "2 choses"},
		{tr.T("missing"), "[missing]"},
		{b.Tr("de").T("bold", "who", "x"), "To x & you"},
	} {
		if c.have != c.want {
			t.Errorf("%q, want %q", c.have, c.want)
		}
	}
}

func TestARepeatedOrMalformedKeyIsRefused(t *testing.T) {
	for name, files := range map[string]fstest.MapFS{
		"twice in a file":    {"en/a.json": {Data: []byte(`{"k": "1", "k": "2"}`)}},
		"in two files":       {"en/a.json": {Data: []byte(`{"k": "1"}`)}, "en/b.json": {Data: []byte(`{"k": "2"}`)}},
		"not an object":      {"en/a.json": {Data: []byte(`["k"]`)}},
		"a number":           {"en/a.json": {Data: []byte(`{"k": 1}`)}},
		"half a plural":      {"en/a.json": {Data: []byte(`{"k": {"other": "x"}}`)}},
		"unknown form":       {"en/a.json": {Data: []byte(`{"k": {"one": "x", "other": "y", "dozen": "z"}}`)}},
		"text after":         {"en/a.json": {Data: []byte(`{"k": "1"} x`)}},
		"ends in the middle": {"en/a.json": {Data: []byte(`{"k": "1"`)}},
	} {
		if _, err := LoadFrom(files); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

func TestAnOperatorsTextFallsBack(t *testing.T) {
	for _, c := range []struct {
		text Text
		lang Lang
		want string
		in   Lang
	}{
		{Text{"en": "a", "fr": "b"}, French, "b", French},
		{Text{"en": "a"}, French, "a", English},
		{Text{"fr": "b"}, English, "b", French},
		{Text{}, English, "", English},
	} {
		if got := c.text.In(c.lang); got != c.want || c.text.Lang(c.lang) != c.in {
			t.Errorf("%v in %s: %q %s", c.text, c.lang, got, c.text.Lang(c.lang))
		}
	}
	if m := (Text{"en": "a"}).Missing(Langs()); len(m) != 1 || m[0] != French {
		t.Errorf("missing: %v", m)
	}
}

func TestListsAreJoinedAsInASentence(t *testing.T) {
	en, fr := speakers(t)
	for _, c := range []struct{ have, want string }{
		{en.List(nil), ""},
		{en.List([]string{"a"}), "a"},
		{en.List([]string{"a", "b"}), "a and b"},
		{fr.List([]string{"a", "b", "c"}), "a, b et c"},
	} {
		if c.have != c.want {
			t.Errorf("%q, want %q", c.have, c.want)
		}
	}
}

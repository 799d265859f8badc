package place_test

import (
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"parvis/internal/i18n"
	"parvis/internal/place"
	"parvis/internal/place/placetest"
)

func sample(city string) []byte {
	return placetest.File(map[netip.Prefix]placetest.Names{
		netip.MustParsePrefix("192.0.2.0/24"): {
			City: map[string]string{"en": city, "fr": city + " (Qc)"}, Country: map[string]string{"en": "Canada", "fr": "Canada"},
		},
		netip.MustParsePrefix("198.51.100.0/25"): {Country: map[string]string{"en": "Germany", "fr": "Allemagne"}},
		netip.MustParsePrefix("203.0.113.7/32"):  {City: map[string]string{"en": "Evil\r\nBcc: https://evil.example/" + strings.Repeat("x", 300)}},
	})
}

func TestAPlaceIsToldInTheLanguageOfThePersonElseInEnglish(t *testing.T) {
	p, err := place.Parse(sample("Montreal"))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		ip   string
		lang i18n.Lang
		want string
	}{
		{"192.0.2.9", "en", "Montreal, Canada"},
		{"192.0.2.9", "fr", "Montreal (Qc), Canada"},
		{"::ffff:192.0.2.9", "en", "Montreal, Canada"},
		{"192.0.2.9", "de", "Montreal, Canada"},
		{"198.51.100.1", "fr", "Allemagne"},
		{"198.51.100.200", "en", ""},
		{"2001:db8::1", "en", ""},
		{"no address", "en", ""},
		{"", "en", ""},
	} {
		if got := p.Of(c.ip, c.lang); got != c.want {
			t.Errorf("%s in %s: %q, want %q", c.ip, c.lang, got, c.want)
		}
	}
	if got := p.Of("203.0.113.7", "en"); strings.ContainsAny(got, "\r\n/:") || len([]rune(got)) > 60 {
		t.Errorf("foreign words: %q", got)
	}
	if got := (*place.Places)(nil).Of("192.0.2.9", "en"); got != "" {
		t.Errorf("without a file: %q", got)
	}
}

func TestAFileThatWasReplacedIsReadAgainAndABrokenOneIsNot(t *testing.T) {
	path := filepath.Join(t.TempDir(), "places.mmdb")
	put := func(raw []byte, made time.Time) {
		t.Helper()
		if err := os.WriteFile(path, raw, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(path, made, made); err != nil {
			t.Fatal(err)
		}
	}
	at := time.Unix(1_700_000_000, 0)
	if _, err := place.Open(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
	put([]byte("no database"), at)
	if _, err := place.Open(path); !errors.Is(err, place.ErrFormat) {
		t.Errorf("another file: %v", err)
	}
	put(sample("Ottawa"), at)
	p, err := place.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	if changed, err := p.Refresh(); changed || err != nil {
		t.Errorf("the same file: %v, %v", changed, err)
	}
	put([]byte("no database"), at.Add(time.Minute))
	if changed, err := p.Refresh(); changed || !errors.Is(err, place.ErrFormat) {
		t.Errorf("a broken file: %v, %v", changed, err)
	}
	if got := p.Of("192.0.2.9", "en"); got != "Ottawa, Canada" {
		t.Errorf("meanwhile: %q", got)
	}
	put(sample("Toronto"), at.Add(2*time.Minute))
	if changed, err := p.Refresh(); !changed || err != nil {
		t.Errorf("a new file: %v, %v", changed, err)
	}
	if got := p.Of("192.0.2.9", "en"); got != "Toronto, Canada" {
		t.Errorf("afterwards: %q", got)
	}
}

func FuzzPlaces(f *testing.F) {
	whole := sample("Toronto")
	f.Add(whole, "192.0.2.9")
	f.Add(whole[:len(whole)/2], "192.0.2.9")
	f.Add([]byte("\xab\xcd\xefMaxMind.com"), "2001:db8::1")
	f.Fuzz(func(t *testing.T, raw []byte, ip string) {
		if len(raw) > 1<<16 {
			t.Skip()
		}
		p, err := place.Parse(raw)
		if err != nil {
			return
		}
		if got := p.Of(ip, "fr"); len([]rune(got)) > 2*60+2 || strings.ContainsAny(got, "\r\n<>/:") {
			t.Errorf("%q", got)
		}
	})
}

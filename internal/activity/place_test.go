package activity_test

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"parvis/internal/audit"
	"parvis/internal/journeytest"
	"parvis/internal/place"
	"parvis/internal/place/placetest"
)

func TestPlacesAreNamedInTheLanguageOfTheReaderAndOnlyWithAFile(t *testing.T) {
	file := placetest.File(map[netip.Prefix]placetest.Names{
		netip.MustParsePrefix("198.51.100.0/24"): {
			City: map[string]string{"en": "Montreal", "fr": "Montréal"}, Country: map[string]string{"en": "Canada", "fr": "Canada"},
		},
	})
	each(t, func(t *testing.T, h house) {
		desk := h.Active(sam)
		phone := h.Browser()
		phone.UserAgent, phone.IP = phoneAgent, "198.51.100.7"
		h.Clock.Advance(time.Minute)
		phone.SignIn(phone.Direct(), sam, journeytest.Password)
		seen := func(lang string) (event, device string) {
			t.Helper()
			desk.Locale = lang
			for _, e := range h.events(desk, "").Entries {
				if e.Name == audit.SigninSucceeded && e.New {
					event = e.Place
				}
			}
			for _, s := range h.open(desk).Open {
				if !s.Here {
					device = s.Place
				}
			}
			return event, device
		}
		if event, device := seen("en"); event != "" || device != "" {
			t.Errorf("without a file: %q, %q", event, device)
		}
		var err error
		if h.j.Places, err = place.Parse(file); err != nil {
			t.Fatal(err)
		}
		for lang, want := range map[string]string{"en": "Montreal, Canada", "fr": "Montréal, Canada"} {
			if event, device := seen(lang); event != want || device != want {
				t.Errorf("in %s: %q, %q", lang, event, device)
			}
		}
		if here := h.open(desk).Open[0]; here.Place != "" {
			t.Errorf("an address that the file does not know: %q", here.Place)
		}
		h.Clock.Advance(5 * time.Minute)
		if all := h.told(sam); len(all) != 1 || !strings.Contains(all[0].Text, "Montreal, Canada") {
			t.Errorf("the message names no place: %+v", all)
		}
	})
}

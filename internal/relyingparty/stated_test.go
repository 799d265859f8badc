package relyingparty

import (
	"slices"
	"testing"

	"parvis/internal/i18n"
)

func TestPagesLeadToWhatAServiceSaysOfItselfBySafeAddressesOnly(t *testing.T) {
	for name, c := range map[string]struct {
		address i18n.Text
		en, fr  string
	}{
		"one for each language":         {i18n.Text{"en": "https://s.example/terms", "fr": "https://s.example/conditions"}, "https://s.example/terms", "https://s.example/conditions"},
		"one for all":                   {i18n.Text{"en": "https://s.example/terms"}, "https://s.example/terms", "https://s.example/terms"},
		"none":                          {nil, "", ""},
		"the developer's own machine":   {i18n.Text{"en": "http://127.0.0.1:8080/terms"}, "", ""},
		"one that is nobody's to name":  {i18n.Text{"en": "javascript:alert(1)", "fr": "https://s.example/conditions"}, "", "https://s.example/conditions"},
		"https in name only":            {i18n.Text{"en": "https:s.example"}, "", ""},
		"an address that begins https:": {i18n.Text{"en": "httpsx://s.example/"}, "", ""},
	} {
		s := Stated{PolicyURL: c.address, TermsURL: c.address}
		if got, want := []string{s.Policy("en"), s.Policy("fr"), s.Terms("en"), s.Terms("fr")}, []string{c.en, c.fr, c.en, c.fr}; !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
}

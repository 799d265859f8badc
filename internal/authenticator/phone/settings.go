package phone

import (
	"fmt"
	"slices"

	"github.com/nyaruka/phonenumbers"
)

// Settings say which telephone numbers are accepted.
type Settings struct {
	// Region is the country of numbers that are typed without a country code, as
	// its two letters of ISO 3166.
	Region string `yaml:"region"`
	// Countries are the countries whose numbers are accepted; none: of all. Texts to
	// countries that nobody needs are how telephone fraud earns its money.
	Countries []string `yaml:"countries"`
	// VoIP accepts numbers of the Internet, where a country's plan tells them apart.
	VoIP bool `yaml:"voip"`
	// Landlines accepts numbers that only calls reach.
	Landlines bool `yaml:"landlines"`
}

// Preset gives the rules of a named deployment: "parvis", "ontario" or "logingov".
func Preset(name string) Settings {
	s := Settings{Region: "CA", Countries: []string{"CA", "US"}, Landlines: true}
	if name == "logingov" {
		s.Region = "US"
		s.Countries = []string{"US", "AS", "GU", "MP", "PR", "VI", "CA", "MX"}
	}
	return s
}

// Problems lists what must be changed.
func (s Settings) Problems() []string {
	var out []string
	known := func(country string) bool { return phonenumbers.GetSupportedRegions()[country] }
	if !known(s.Region) {
		out = append(out, fmt.Sprintf("region is %q: choose a country by its two letters, such as CA", s.Region))
	}
	for _, c := range s.Countries {
		if !known(c) {
			out = append(out, fmt.Sprintf("countries: %q is not known; choose countries by their two letters, such as CA", c))
		}
	}
	if known(s.Region) && len(s.Countries) > 0 && !slices.Contains(s.Countries, s.Region) {
		out = append(out, fmt.Sprintf("region is %s: choose one of countries", s.Region))
	}
	return out
}

package kit

import (
	"fmt"
	"net/url"
	"strings"
	"time"

	"parvis/internal/i18n"
	"parvis/internal/web/theme"
)

// Settings are the deployment's own words, colours and links.
type Settings struct {
	// Names is the name of the service on every page and in every message, per language.
	Names i18n.Text `yaml:"names"`
	// Owner is who runs it, shown under the name, per language.
	Owner i18n.Text `yaml:"owner"`
	// TimeZone is the IANA zone in which mails tell times, and pages, unless the browser
	// tells its own, e.g. "America/Toronto".
	TimeZone string `yaml:"time_zone"`
	// Notice stands above every page while it is set, e.g. for announced maintenance, per language.
	Notice i18n.Text `yaml:"notice"`
	// Theme holds the mark and the colours.
	Theme theme.Theme `yaml:"theme"`
	// Links replace Parvis's own help, contact and legal pages.
	Links Links `yaml:"links"`
	// Support is how to reach the people who help.
	Support Support `yaml:"support"`
}

// Links are addresses per language; an empty one leads to Parvis's own page.
type Links struct {
	// Help is the help page.
	Help i18n.Text `yaml:"help"`
	// Contact is the contact page.
	Contact i18n.Text `yaml:"contact"`
	// Privacy is the privacy notice.
	Privacy i18n.Text `yaml:"privacy"`
	// Terms are the terms of use.
	Terms i18n.Text `yaml:"terms"`
	// Accessibility is the accessibility statement.
	Accessibility i18n.Text `yaml:"accessibility"`
	// Services is a list of government services, linked from "My connected services".
	Services i18n.Text `yaml:"services"`
}

// Support is how a person reaches help.
type Support struct {
	// Name of the team, per language.
	Name i18n.Text `yaml:"name"`
	// Email is its address.
	Email string `yaml:"email"`
	// Phone is its telephone number, as people dial it.
	Phone string `yaml:"phone"`
	// Hours in which it answers, per language.
	Hours i18n.Text `yaml:"hours"`
}

// Preset gives the settings of a deployment preset: "parvis", "ontario" or "logingov".
func Preset(string) Settings {
	return Settings{
		Names:    i18n.Text{"en": "Parvis", "fr": "Parvis"},
		TimeZone: "America/Toronto",
		Theme:    theme.Theme{Brand: theme.DefaultBrand},
	}
}

// Zone is the time zone of the deployment.
func (s Settings) Zone() (*time.Location, error) {
	if s.TimeZone == "" {
		return time.UTC, nil
	}
	zone, err := time.LoadLocation(s.TimeZone)
	if err != nil {
		return nil, fmt.Errorf("time_zone %q is unknown; use a name such as America/Toronto", s.TimeZone)
	}
	return zone, nil
}

// Problems tells what cannot be used, each with the key to change.
func (s Settings) Problems() []string {
	var out []string
	if missing := s.Names.Missing(i18n.Langs()); len(missing) > 0 {
		out = append(out, fmt.Sprintf("names: give the name in %v", missing))
	}
	if !s.Owner.Empty() {
		if missing := s.Owner.Missing(i18n.Langs()); len(missing) > 0 {
			out = append(out, fmt.Sprintf("owner: give the owner in %v", missing))
		}
	}
	if _, err := s.Zone(); err != nil {
		out = append(out, err.Error())
	}
	for _, link := range []struct {
		key  string
		text i18n.Text
	}{
		{"help", s.Links.Help},
		{"contact", s.Links.Contact},
		{"privacy", s.Links.Privacy},
		{"terms", s.Links.Terms},
		{"accessibility", s.Links.Accessibility},
		{"services", s.Links.Services},
	} {
		for lang, address := range link.text {
			if !isLink(address) {
				out = append(out, fmt.Sprintf("links.%s.%s: %q must be an https address, or a path that begins with /", link.key, lang, address))
			}
		}
	}
	return append(out, s.Theme.Problems()...)
}

// Warnings tells what works but should be better: text under 7:1.
func (s Settings) Warnings() []string {
	p, err := s.Theme.Palette()
	if err != nil {
		return nil
	}
	return p.Warnings
}

func isLink(address string) bool {
	u, err := url.Parse(address)
	if err != nil {
		return false
	}
	if u.Scheme == "" && u.Host == "" {
		return strings.HasPrefix(address, "/") && !strings.HasPrefix(address, "//") && !strings.Contains(address, `\`)
	}
	return (u.Scheme == "https" || u.Scheme == "http") && u.Host != ""
}

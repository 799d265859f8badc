package relyingparty_test

import (
	"strings"
	"testing"

	"parvis/internal/i18n"
	"parvis/internal/relyingparty"
)

func withDoors(d relyingparty.Doors) relyingparty.Settings {
	return relyingparty.Settings{
		ID: "fishing", Name: i18n.Text{"en": "Fishing", "fr": "Pêche"}, Department: i18n.Text{"en": "Waters", "fr": "Eaux"},
		RedirectURIs: []string{"https://fishing.example/callback"}, Secret: strings.Repeat("s", 43), Doors: d,
	}
}

func TestDoorsThatMakeNoSenseAreRefused(t *testing.T) {
	for want, d := range map[string]relyingparty.Doors{
		"names no door":         {Allow: []string{}},
		"not both":              {Allow: []string{"password"}, Forbid: []string{"bank"}},
		"stands there twice":    {Forbid: []string{"bank", "bank"}},
		"is no door":            {Allow: []string{"The Bank"}},
		`"a b" is no door`:      {Prefer: "a b"},
		`"bank" is not open`:    {Allow: []string{"password"}, Prefer: "bank"},
		"name at most 50 doors": {Forbid: strings.Split(strings.Repeat("x ", 50)+"x", " ")},
	} {
		if problems := strings.Join(withDoors(d).Problems(), "; "); !strings.Contains(problems, want) {
			t.Errorf("%+v: %q, want %q", d, problems, want)
		}
	}
	p, problems := withDoors(relyingparty.Doors{Allow: []string{"bank", "password"}, Prefer: "bank"}).Build()
	if len(problems) > 0 || !p.Doors.Opens("bank") || p.Doors.Opens("post") || p.PreferDoor != "bank" || p.DoorText() != "only bank, password; bank first" {
		t.Errorf("%v, %+v", problems, p)
	}
}

func TestAServiceWithoutAnOpenDoorIsRefused(t *testing.T) {
	for _, c := range []struct {
		doors relyingparty.Doors
		known []string // those with a ! are out of use
		want  string   // "" for none
	}{
		{relyingparty.Doors{Forbid: []string{"password"}}, []string{"!bank"}, "each is a sign-in partner that is disabled (bank)"},
		{relyingparty.Doors{Allow: []string{"bank"}}, []string{"!bank", "post"}, "each is a sign-in partner that is disabled (bank)"},
		{relyingparty.Doors{Allow: []string{"bank", "post"}}, []string{"!bank", "post"}, ""},
		{relyingparty.Doors{Allow: []string{"password", "bank"}}, []string{"!bank"}, ""},
		{relyingparty.Doors{}, []string{"!bank"}, ""},
		{relyingparty.Doors{}, nil, ""},
		{relyingparty.Doors{Forbid: []string{"password"}}, nil, "no door is open"},
		{relyingparty.Doors{Forbid: []string{"password"}}, []string{"bank"}, ""},
		{relyingparty.Doors{Forbid: []string{"password", "bank"}}, []string{"bank"}, "no door is open"},
		{relyingparty.Doors{Allow: []string{"post"}}, []string{"bank"}, "no door is open"},
		{relyingparty.Doors{Allow: []string{"password", "post"}}, []string{"bank"}, "there is no sign-in partner post"},
		{relyingparty.Doors{Allow: []string{"password", "bank"}}, []string{"bank"}, ""},
	} {
		var known, inUse []string
		for _, p := range c.known {
			name, out := strings.CutPrefix(p, "!")
			known = append(known, name)
			if !out {
				inUse = append(inUse, name)
			}
		}
		problems := strings.Join(withDoors(c.doors).DoorProblems(known, inUse), "; ")
		if c.want == "" && problems != "" || !strings.Contains(problems, c.want) {
			t.Errorf("%+v with %v: %q, want %q", c.doors, c.known, problems, c.want)
		}
	}
}

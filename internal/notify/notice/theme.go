package notice

import (
	"fmt"
	"strings"
)

// Colours are the colours of a deployment's theme that mails use, as #rrggbb.
type Colours struct {
	Brand       string // head of the sheet
	OnBrand     string // text on Brand
	OnBrandSoft string // quieter text on Brand
	Lamp        string // the lit door of the mark
	Link        string
	Act         string // button
	OnAct       string // text of the button
	Wash        string // behind what somebody else wrote
}

// Theme is a deployment's colours for light and dark screens.
type Theme struct{ Light, Dark Colours }

// DefaultTheme is the look of Parvis.
func DefaultTheme() Theme {
	return Theme{
		Light: Colours{
			Brand: "#0a524c", OnBrand: "#ffffff", OnBrandSoft: "#ddeeeb", Lamp: "#f2b84b",
			Link: "#0a524c", Act: "#0a524c", OnAct: "#ffffff", Wash: "#e4f1ee",
		},
		Dark: Colours{
			Brand: "#0f4b46", OnBrand: "#ffffff", OnBrandSoft: "#ddeeeb", Lamp: "#ffd591",
			Link: "#86d5ca", Act: "#86d5ca", OnAct: "#06211e", Wash: "#17332f",
		},
	}
}

// ThemeOf takes a theme from the tokens of the style sheet ("brand", "on-brand", "lamp" …,
// look.md) for light and dark screens; a token that is missing stays as in DefaultTheme.
func ThemeOf(light, dark map[string]string) Theme {
	t := DefaultTheme()
	for _, scheme := range []struct {
		tokens map[string]string
		into   *Colours
	}{{light, &t.Light}, {dark, &t.Dark}} {
		c := scheme.into
		for token, field := range map[string]*string{
			"brand": &c.Brand, "on-brand": &c.OnBrand, "on-brand-soft": &c.OnBrandSoft, "lamp": &c.Lamp,
			"link": &c.Link, "act": &c.Act, "on-act": &c.OnAct, "wash": &c.Wash,
		} {
			if value := scheme.tokens[token]; value != "" {
				*field = value
			}
		}
		if strings.EqualFold(c.Lamp, c.OnBrand) {
			c.Lamp = c.Brand // the mark has one colour then, and its door is a hole
		}
	}
	return t
}

func (m *Mails) theme() Theme {
	if m.Theme == (Theme{}) {
		return DefaultTheme()
	}
	return m.Theme
}

func (t Theme) check() error {
	for _, c := range []Colours{t.Light, t.Dark} {
		for _, value := range []string{c.Brand, c.OnBrand, c.OnBrandSoft, c.Lamp, c.Link, c.Act, c.OnAct, c.Wash} {
			if !isColour(value) {
				return fmt.Errorf("notice: theme colour %q: want #rrggbb", value)
			}
		}
	}
	return nil
}

func isColour(s string) bool {
	return len(s) == 7 && s[0] == '#' && strings.Trim(s[1:], "0123456789abcdefABCDEF") == ""
}

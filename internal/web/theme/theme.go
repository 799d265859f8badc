// Package theme derives a deployment's colours from its one brand colour: both schemes, so
// that every text has its contrast (WCAG 2.2, 1.4.3 and 1.4.6).
//
// It is pure. It refuses brands and replacements whose texts could not be read, and warns
// of those under 7:1.
package theme

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"sort"
	"strings"
)

// DefaultBrand is Parvis's own brand colour.
const DefaultBrand = "#0a524c"

// Theme is a deployment's mark and colours.
type Theme struct {
	// Brand is the one brand colour, "#rrggbb". Everything else is derived from it, for light and dark.
	Brand string `yaml:"brand"`
	// Mark is the file of an SVG mark, square; empty: the Parvis mark. It is shown as an image, so scripts in it never run.
	Mark string `yaml:"mark"`
	// Light replaces derived colours of the light scheme: brand, on-brand, on-brand-soft, link, act, act-deep, on-act, wash, mark, lamp.
	Light map[string]string `yaml:"light"`
	// Dark replaces derived colours of the dark scheme, by the same names.
	Dark map[string]string `yaml:"dark"`
}

// Palette is a theme worked out: custom properties for both schemes.
type Palette struct {
	Light, Dark map[string]string
	Warnings    []string // text under 7:1
}

// rows are the colours that change with a theme, in the order of the style sheet.
func rows() []string {
	return []string{"brand", "on-brand", "on-brand-soft", "link", "act", "act-deep", "on-act", "wash", "mark", "lamp", "focus"}
}

// fixed are the colours that stay, of the light and the dark scheme.
func fixed(dark bool) map[string]string {
	if dark {
		return map[string]string{
			"ground": "#0f1614", "sheet": "#1a2320", "paving": "#141c19", "ink": "#e9efec",
			"soft": "#b4c0ba", "field": "#8b9992", "focus": "#cdb4ff", "tab-lamp": "#ffd591",
		}
	}
	return map[string]string{
		"ground": "#f1f2ef", "sheet": "#ffffff", "paving": "#e3e6e1", "ink": "#14201c",
		"soft": "#414c47", "field": "#68736d", "focus": "#6d28d9", "tab-lamp": "#ffd591",
	}
}

// house are the rows T of Parvis's own theme, drawn by hand.
func house(dark bool) map[string]string {
	if dark {
		return map[string]string{
			"brand": "#0f4b46", "on-brand": "#ffffff", "on-brand-soft": "#ddeeeb", "link": "#86d5ca", "act": "#86d5ca",
			"act-deep": "#b5e8e0", "on-act": "#06211e", "wash": "#17332f", "mark": "#3a9c91", "lamp": "#ffd591",
		}
	}
	return map[string]string{
		"brand": "#0a524c", "on-brand": "#ffffff", "on-brand-soft": "#ddeeeb", "link": "#0a524c", "act": "#0a524c",
		"act-deep": "#063a36", "on-act": "#ffffff", "wash": "#e4f1ee", "mark": "#0a524c", "lamp": "#f2b84b",
	}
}

// derive makes the rows T of a brand colour.
func derive(brand rgb, dark bool) map[string]string {
	white, out := mustColor("#ffffff"), map[string]string{}
	put := func(name string, c rgb) { out[name] = c.String() }
	put("on-brand", white)
	put("on-brand-soft", white)
	if soft := mix(white, brand, 0.88).snap(); contrast(soft, brand) >= 4.5 {
		put("on-brand-soft", soft)
	}
	if dark {
		sheet, ground := mustColor(fixed(true)["sheet"]), mustColor(fixed(true)["ground"])
		door := brand
		if o := brand.oklch(); o.l > 0.36 {
			door = brand.shade(math.Max(0.36/o.l, 0.88))
		}
		wash := mix(brand, sheet, 0.32).snap()
		calm := brand.oklch() // full chroma glares in the dark
		calm.c = math.Min(calm.c, 0.09)
		link := calm.rgb().lighten(7.6, sheet, wash)
		put("brand", door)
		put("link", link)
		put("act", link)
		put("act-deep", link.shade(1.08))
		put("on-act", darkOn(brand))
		put("wash", wash)
		mark := brand.lighten(4.5, ground)
		put("mark", mark)
		put("lamp", lampOn(mark, "#ffd591", out["brand"]))
		return out
	}
	wash := mix(brand, white, 0.1).snap()
	link := brand
	for link.oklch().l > 0.1 && !reaches(link, 4.5, []rgb{mustColor(fixed(false)["paving"]), wash}) {
		link = link.shade(0.98)
	}
	put("brand", brand)
	put("link", link)
	put("act", brand)
	put("act-deep", brand.shade(0.78))
	put("on-act", white)
	put("wash", wash)
	put("mark", brand)
	put("lamp", lampOn(brand, "#f2b84b", "#ffffff"))
	return out
}

// darkOn is nearly black with the brand's hue, for text on a light button.
func darkOn(brand rgb) rgb {
	o := brand.oklch()
	return oklch{0.2, math.Min(o.c, 0.04), o.h}.rgb().snap()
}

// lampOn is the lit door's colour: the lamp where it stands out from the mark, else white.
func lampOn(mark rgb, lamp, _ string) rgb {
	if c := mustColor(lamp); contrast(c, mark) >= 3 {
		return c
	}
	if white := mustColor("#ffffff"); contrast(white, mark) >= 3 {
		return white
	}
	return mustColor(fixed(false)["ink"])
}

// Palette works the theme out; the error names every colour that cannot be read.
func (t Theme) Palette() (Palette, error) {
	if problems := t.Problems(); len(problems) > 0 {
		return Palette{}, fmt.Errorf("%s", strings.Join(problems, "; "))
	}
	var p Palette
	p.Light, p.Dark = t.scheme(false), t.scheme(true)
	_, warnings := t.check(false)
	_, more := t.check(true)
	p.Warnings = append(warnings, more...)
	return p, nil
}

func (t Theme) brand() string {
	if t.Brand == "" {
		return DefaultBrand
	}
	return strings.ToLower(strings.TrimSpace(t.Brand))
}

// scheme is derived rows, then what the theme gives itself, then the focus ring.
func (t Theme) scheme(dark bool) map[string]string {
	brand := mustColor(t.brand())
	out := derive(brand, dark)
	if brand.String() == DefaultBrand {
		out = house(dark)
	}
	given := t.Light
	if dark {
		given = t.Dark
	}
	for name, value := range given {
		out[name] = mustColor(value).String()
	}
	out["focus"] = fixed(dark)["focus"]
	if nearViolet(mustColor(out["brand"])) || nearViolet(mustColor(out["link"])) {
		out["focus"] = fixed(dark)["ink"]
	}
	return out
}

// nearViolet says that the focus ring would look like the brand.
func nearViolet(c rgb) bool {
	o, ring := c.oklch(), mustColor(fixed(false)["focus"]).oklch()
	return o.c > 0.08 && math.Abs(o.h-ring.h) < 22
}

// Problems tells the colours that cannot be used, each with its key: text under 4.5:1, edges under 3:1.
func (t Theme) Problems() []string {
	if _, err := parseColor(t.brand()); err != nil {
		return []string{"theme.brand: " + err.Error()}
	}
	var out []string
	for _, given := range []struct {
		key  string
		rows map[string]string
	}{{"light", t.Light}, {"dark", t.Dark}} {
		for name, value := range given.rows {
			if !slices.Contains(rows(), name) || name == "focus" {
				out = append(out, fmt.Sprintf("theme.%s.%s: there is no such colour; use one of %s", given.key, name, strings.Join(rows()[:10], ", ")))
			}
			if _, err := parseColor(value); err != nil {
				out = append(out, fmt.Sprintf("theme.%s.%s: %v", given.key, name, err))
			}
		}
	}
	if len(out) > 0 {
		sort.Strings(out)
		return out
	}
	light, _ := t.check(false)
	dark, _ := t.check(true)
	return append(light, dark...)
}

// pair is a foreground that must be seen on its backgrounds.
type pair struct {
	front string
	on    []string
	edge  bool // an edge or a graphic: 3:1; else text: 4.5:1
}

func pairs() []pair {
	return []pair{
		{front: "on-brand", on: []string{"brand"}},
		{front: "on-brand-soft", on: []string{"brand"}},
		{front: "link", on: []string{"sheet", "ground", "paving", "wash"}},
		{front: "on-act", on: []string{"act", "act-deep"}},
		{front: "ink", on: []string{"wash"}},
		{front: "act", on: []string{"sheet"}, edge: true},
		{front: "mark", on: []string{"ground"}, edge: true},
		{front: "tab-lamp", on: []string{"brand"}, edge: true},
		{front: "focus", on: []string{"sheet", "ground", "paving"}, edge: true},
	}
}

// check computes every contrast of one scheme.
func (t Theme) check(dark bool) (problems, warnings []string) {
	name := "light"
	if dark {
		name = "dark"
	}
	colours := fixed(dark)
	maps.Copy(colours, t.scheme(dark))
	for _, p := range pairs() {
		for _, on := range p.on {
			ratio := contrast(mustColor(colours[p.front]), mustColor(colours[on]))
			need, kind := 4.5, "text"
			if p.edge {
				need, kind = 3, "edge"
			}
			text := fmt.Sprintf("theme: in the %s scheme %s %s on %s %s has a contrast of %.1f:1",
				name, p.front, colours[p.front], on, colours[on], ratio)
			switch {
			case ratio < need:
				problems = append(problems, fmt.Sprintf("%s, %s needs %.1f:1; choose a darker brand or give theme.%s.%s", text, kind, need, name, p.front))
			case !p.edge && ratio < 7:
				warnings = append(warnings, text+", 7:1 is better")
			}
		}
	}
	return problems, warnings
}

// CSS is the style sheet of the theme: custom properties only.
func (p Palette) CSS() string {
	var b strings.Builder
	write := func(scheme map[string]string) {
		b.WriteString(":root{")
		for _, name := range rows() {
			fmt.Fprintf(&b, "--%s:%s;", name, scheme[name])
		}
		b.WriteString("}")
	}
	write(p.Light)
	fmt.Fprintf(&b, ":root{--tile-ink:%s}", p.Light["link"]) // on white in both schemes
	b.WriteString("@media (prefers-color-scheme:dark){")
	write(p.Dark)
	b.WriteString("}\n")
	return b.String()
}

// Ground is the colour behind every page, for the browser's own frame around it.
func Ground(dark bool) string { return fixed(dark)["ground"] }

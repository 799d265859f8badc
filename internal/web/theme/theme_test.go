package theme

import (
	"strings"
	"testing"
)

func TestTheHouseColoursAreAtLeastSevenToOne(t *testing.T) {
	p, err := Theme{}.Palette()
	if err != nil {
		t.Fatal(err)
	}
	if len(p.Warnings) > 0 {
		t.Errorf("warnings: %v", p.Warnings)
	}
	if p.Light["link"] != "#0a524c" || p.Dark["link"] != "#86d5ca" {
		t.Errorf("the house's own rows are not those drawn by hand: %v", p)
	}
}

func TestABrandColourGivesBothSchemesTextThatCanBeRead(t *testing.T) {
	for _, brand := range []string{"#6b2346", "#254190", "#7a1f1f", "#0b5d1e", "#4b2e83", "#222222", "#6d28d9", "#1d4f91", "#8a4b00"} {
		theme := Theme{Brand: brand}
		p, err := theme.Palette()
		if err != nil {
			t.Errorf("%s: %v", brand, err)
			continue
		}
		for _, scheme := range []struct {
			rows map[string]string
			dark bool
		}{{p.Light, false}, {p.Dark, true}} {
			sheet := mustColor(fixed(scheme.dark)["sheet"])
			if c := contrast(mustColor(scheme.rows["link"]), sheet); c < 4.5 || (scheme.dark && c < 7) {
				t.Errorf("%s: link %s on the sheet is %.2f", brand, scheme.rows["link"], c)
			}
			if c := contrast(mustColor(scheme.rows["on-act"]), mustColor(scheme.rows["act"])); c < 4.5 {
				t.Errorf("%s: button text is %.2f", brand, c)
			}
		}
	}
}

func TestAThemeThatCannotBeReadIsRefusedWithItsKey(t *testing.T) {
	for name, c := range map[string]struct {
		theme Theme
		want  string
	}{
		"pale brand":       {Theme{Brand: "#ffcc00"}, "on-brand"},
		"grey brand":       {Theme{Brand: "#8a8a8a"}, "4.5:1"},
		"no colour":        {Theme{Brand: "teal"}, "theme.brand"},
		"unknown row":      {Theme{Light: map[string]string{"ground": "#ffffff"}}, "theme.light.ground"},
		"bad given link":   {Theme{Light: map[string]string{"link": "#9fd0cb"}}, "theme.light.link"},
		"bad dark button":  {Theme{Dark: map[string]string{"on-act": "#7fc0b8"}}, "theme.dark.on-act"},
		"mark on ground":   {Theme{Light: map[string]string{"mark": "#e0e0e0"}}, "theme.light.mark"},
		"focus is not his": {Theme{Light: map[string]string{"focus": "#ffffff"}}, "theme.light.focus"},
	} {
		_, err := c.theme.Palette()
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want a refusal that names %q", name, err, c.want)
		}
	}
}

func TestTextUnderSevenToOneWarns(t *testing.T) {
	p, err := Theme{Brand: "#1a73a8"}.Palette()
	if err != nil {
		t.Fatal(err)
	}
	if len(p.Warnings) == 0 {
		t.Error("no warning")
	}
}

func TestANearVioletBrandTakesTheFocusRingFromTheInk(t *testing.T) {
	p, err := Theme{Brand: "#5b21b6"}.Palette()
	if err != nil {
		t.Fatal(err)
	}
	if p.Light["focus"] != fixed(false)["ink"] || p.Dark["focus"] != fixed(true)["ink"] {
		t.Errorf("focus %s and %s", p.Light["focus"], p.Dark["focus"])
	}
	other, err := Theme{Brand: "#7a1f1f"}.Palette()
	if err != nil || other.Light["focus"] != fixed(false)["focus"] {
		t.Errorf("a red brand: %v %v", other.Light["focus"], err)
	}
}

func TestContrastIsThatOfWCAG(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want float64
	}{{"#000000", "#ffffff", 21}, {"#777777", "#ffffff", 4.48}, {"#14201c", "#ffffff", 16.8}, {"#fff", "#fff", 1}} {
		if got := contrast(mustColor(c.a), mustColor(c.b)); got < c.want-0.05 || got > c.want+0.05 {
			t.Errorf("%s on %s: %.2f, want %.2f", c.a, c.b, got, c.want)
		}
	}
}

package theme

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// rgb is an sRGB colour, each part from 0 to 1.
type rgb struct{ r, g, b float64 }

// parseColor reads "#rrggbb" or "#rgb".
func parseColor(text string) (rgb, error) {
	digits, ok := strings.CutPrefix(strings.TrimSpace(text), "#")
	if ok && len(digits) == 3 {
		digits = string([]byte{digits[0], digits[0], digits[1], digits[1], digits[2], digits[2]})
	}
	n, err := strconv.ParseUint(digits, 16, 32)
	if !ok || len(digits) != 6 || err != nil {
		return rgb{}, fmt.Errorf("%q is not a colour; write it as #rrggbb", text)
	}
	return rgb{float64(n>>16) / 255, float64(n>>8&255) / 255, float64(n&255) / 255}, nil
}

// mustColor is parseColor for the colours written in this package.
func mustColor(text string) rgb {
	c, err := parseColor(text)
	if err != nil {
		panic("kit: " + err.Error())
	}
	return c
}

// String is the colour as "#rrggbb".
func (c rgb) String() string {
	part := func(v float64) int { return int(math.Round(math.Min(1, math.Max(0, v)) * 255)) }
	return fmt.Sprintf("#%02x%02x%02x", part(c.r), part(c.g), part(c.b))
}

// snap is the colour as a screen shows it, so that contrast is computed on what is sent.
func (c rgb) snap() rgb { return mustColor(c.String()) }

func linear(v float64) float64 {
	if v <= 0.04045 {
		return v / 12.92
	}
	return math.Pow((v+0.055)/1.055, 2.4)
}

func gamma(v float64) float64 {
	if v <= 0.0031308 {
		return v * 12.92
	}
	return 1.055*math.Pow(v, 1/2.4) - 0.055
}

// luminance is WCAG 2's relative luminance.
func (c rgb) luminance() float64 {
	return 0.2126*linear(c.r) + 0.7152*linear(c.g) + 0.0722*linear(c.b)
}

// contrast is WCAG 2's contrast ratio of two colours, from 1 to 21.
func contrast(a, b rgb) float64 {
	l, m := a.luminance(), b.luminance()
	if l < m {
		l, m = m, l
	}
	return (l + 0.05) / (m + 0.05)
}

// mix is a share of a and the rest of b.
func mix(a, b rgb, share float64) rgb {
	part := func(x, y float64) float64 { return x*share + y*(1-share) }
	return rgb{part(a.r, b.r), part(a.g, b.g), part(a.b, b.b)}
}

// oklch is a colour as people see it: lightness 0 to 1, chroma, hue in degrees.
type oklch struct{ l, c, h float64 }

func (c rgb) oklch() oklch {
	r, g, b := linear(c.r), linear(c.g), linear(c.b)
	l := math.Cbrt(0.4122214708*r + 0.5363325363*g + 0.0514459929*b)
	m := math.Cbrt(0.2119034982*r + 0.6806995451*g + 0.1073969566*b)
	s := math.Cbrt(0.0883024619*r + 0.2817188376*g + 0.6299787005*b)
	x := 1.9779984951*l - 2.4285922050*m + 0.4505937099*s
	y := 0.0259040371*l + 0.7827717662*m - 0.8086757660*s
	h := math.Atan2(y, x) * 180 / math.Pi
	if h < 0 {
		h += 360
	}
	return oklch{0.2104542553*l + 0.7936177850*m - 0.0040720468*s, math.Hypot(x, y), h}
}

// rgb is the nearest colour that a screen can show: less chroma until it fits.
func (o oklch) rgb() rgb {
	for {
		c := o.raw()
		if o.c <= 0 || inGamut(c) {
			return c
		}
		o.c -= 0.005
	}
}

func inGamut(c rgb) bool {
	const slack = 0.001
	for _, v := range []float64{c.r, c.g, c.b} {
		if v < -slack || v > 1+slack || math.IsNaN(v) {
			return false
		}
	}
	return true
}

func (o oklch) raw() rgb {
	x, y := o.c*math.Cos(o.h*math.Pi/180), o.c*math.Sin(o.h*math.Pi/180)
	l := cube(o.l + 0.3963377774*x + 0.2158037573*y)
	m := cube(o.l - 0.1055613458*x - 0.0638541728*y)
	s := cube(o.l - 0.0894841775*x - 1.2914855480*y)
	return rgb{
		gamma(4.0767416621*l - 3.3077115913*m + 0.2309699292*s),
		gamma(-1.2684380046*l + 2.6097574011*m - 0.3413193965*s),
		gamma(-0.0041960863*l - 0.7034186147*m + 1.7076147010*s),
	}
}

func cube(v float64) float64 { return v * v * v }

// lighten raises the lightness until the contrast with every background reaches a ratio.
func (c rgb) lighten(ratio float64, backgrounds ...rgb) rgb {
	o := c.oklch()
	for ; o.l < 1; o.l += 0.005 {
		lighter := o.rgb().snap()
		if reaches(lighter, ratio, backgrounds) {
			return lighter
		}
	}
	return rgb{1, 1, 1}
}

func reaches(c rgb, ratio float64, backgrounds []rgb) bool {
	for _, b := range backgrounds {
		if contrast(c, b) < ratio {
			return false
		}
	}
	return true
}

// shade moves the lightness by a share: 0.8 is darker, 1.2 lighter.
func (c rgb) shade(factor float64) rgb {
	o := c.oklch()
	o.l = math.Min(1, o.l*factor)
	return o.rgb().snap()
}

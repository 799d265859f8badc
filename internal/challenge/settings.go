package challenge

import (
	"fmt"
	"slices"
	"time"
)

// When says when the check is asked for.
type When string

// The answers to When.
const (
	Off       When = "off"       // never
	Suspicion When = "suspicion" // when the limits suspect_… were reached
	Always    When = "always"    // on every such form
)

// Settings are the numbers of the check that a form is not sent by a program.
type Settings struct {
	// When says when a form asks for the check: off, suspicion (once one of the limits suspect_… was reached), always.
	When When `yaml:"when"`
	// Cost is how many rounds of PBKDF2 one try of the browser takes.
	Cost int `yaml:"cost"`
	// Tries is how many tries the browser needs at most; it needs at least half as many.
	Tries int `yaml:"tries"`
	// Lifetime is how long the page may stay open before its check must be done again.
	Lifetime time.Duration `yaml:"lifetime"`
	// CodeDigits is how many digits the code has that is mailed in place of the check.
	CodeDigits int `yaml:"code_digits"`
	// CodeLifetime is how long that code works.
	CodeLifetime time.Duration `yaml:"code_lifetime"`
	// CodeUses is how often that code may be sent with a form, right or wrong.
	CodeUses int `yaml:"code_uses"`
}

// Preset gives the numbers for a deployment; all presets share them.
func Preset(string) Settings {
	return Settings{
		When: Suspicion, Cost: 1000, Tries: 4000, Lifetime: 30 * time.Minute,
		CodeDigits: 6, CodeLifetime: 15 * time.Minute, CodeUses: 10,
	}
}

// Problems lists what must be changed.
func (s Settings) Problems() []string {
	var out []string
	if !slices.Contains([]When{Off, Suspicion, Always}, s.When) {
		out = append(out, fmt.Sprintf("when: %q; choose off, suspicion or always", string(s.When)))
	}
	number := func(name string, value, least, most int) {
		if value < least || value > most {
			out = append(out, fmt.Sprintf("%s: %d; choose %d to %d", name, value, least, most))
		}
	}
	number("cost", s.Cost, 1, 100_000)
	number("tries", s.Tries, 2, 1_000_000)
	number("code_digits", s.CodeDigits, 6, 10)
	number("code_uses", s.CodeUses, 1, 20)
	for _, d := range []struct {
		name  string
		value time.Duration
	}{{"lifetime", s.Lifetime}, {"code_lifetime", s.CodeLifetime}} {
		if d.value < time.Minute || d.value > 2*time.Hour {
			out = append(out, fmt.Sprintf("%s: %v; choose 1m to 2h", d.name, d.value))
		}
	}
	return out
}

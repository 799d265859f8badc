package authenticator

import (
	"fmt"
	"time"
)

// Settings are the limits on second steps.
type Settings struct {
	// MaxFailures is how many failures in a row disable a method until it is set up
	// again (at most 100, SP 800-63B-4 3.2.2).
	MaxFailures int `yaml:"max_failures"`
	// Tries is how many wrong codes within window make a method wait.
	Tries int `yaml:"tries"`
	// Window is how long wrong codes are counted together.
	Window time.Duration `yaml:"window"`
	// Wait is how long a method then waits.
	Wait time.Duration `yaml:"wait"`
	// Apps is how many authenticator apps an account can have.
	Apps int `yaml:"apps"`
	// Phones is how many phone numbers an account can have.
	Phones int `yaml:"phones"`
	// Passkeys is how many passkeys and security keys an account can have.
	Passkeys int `yaml:"passkeys"`
}

// Preset gives the limits of a named deployment: "parvis", "ontario" or "logingov".
func Preset(name string) Settings {
	s := Settings{
		MaxFailures: 100,
		Tries:       5,
		Window:      15 * time.Minute,
		Wait:        15 * time.Minute,
		Apps:        5,
		Phones:      5,
		Passkeys:    10,
	}
	if name == "logingov" {
		s.Tries, s.Window, s.Wait = 10, time.Hour, 10*time.Minute
		s.Apps = 2
	}
	return s
}

// Problems lists what must be changed.
func (s Settings) Problems() []string {
	var out []string
	counts := []struct {
		key               string
		value, least, top int
	}{
		{"max_failures", s.MaxFailures, 10, 100}, // SP 800-63B-4, 3.2.2
		{"tries", s.Tries, 3, 20},
		{"apps", s.Apps, 2, 20}, // SP 800-63B-4, 4.1.2.1: two of a kind, so that one can be lost
		{"phones", s.Phones, 2, 20},
		{"passkeys", s.Passkeys, 2, 20},
	}
	for _, c := range counts {
		if c.value < c.least || c.value > c.top {
			out = append(out, fmt.Sprintf("%s is %d: choose between %d and %d", c.key, c.value, c.least, c.top))
		}
	}
	durations := []struct {
		key   string
		value time.Duration
	}{{"window", s.Window}, {"wait", s.Wait}}
	for _, d := range durations {
		if d.value < time.Minute || d.value > 24*time.Hour {
			out = append(out, fmt.Sprintf("%s is %v: choose between 1m and 24h", d.key, d.value))
		}
	}
	return out
}

// Room is how many more authenticators of a type can be bound beside those of a list.
func (m Authenticators) Room(list []Authenticator, t Type) int {
	most := 0
	switch {
	case t.single():
		most = 1
	case t == TOTP:
		most = m.Settings.Apps
	case t == Phone:
		most = m.Settings.Phones
	case t == Passkey:
		most = m.Settings.Passkeys
	}
	return max(0, most-len(Of(list, t)))
}

package otp

import (
	"fmt"
	"time"
)

// Settings are the numbers of one-time codes.
type Settings struct {
	// Digits is how many digits a code has.
	Digits int `yaml:"digits"`
	// Lifetime is how long a code by text or call can be used.
	Lifetime time.Duration `yaml:"lifetime"`
	// EmailLifetime is how long a code by e-mail can be used.
	EmailLifetime time.Duration `yaml:"email_lifetime"`
	// Tries is how many codes can be typed for one that was sent. The limits on
	// wrong codes of a method hold beside it.
	Tries int `yaml:"tries"`
	// Sends is how many codes are sent for one purpose of one sign-in within
	// send_window.
	Sends int `yaml:"sends"`
	// SendWindow is how long codes that were sent are counted together.
	SendWindow time.Duration `yaml:"send_window"`
	// ResendAfter is how long to wait before another code is sent.
	ResendAfter time.Duration `yaml:"resend_after"`
}

// Preset gives the numbers of a named deployment: "parvis", "ontario" or "logingov".
func Preset(name string) Settings {
	s := Settings{
		Digits:        6,
		Lifetime:      10 * time.Minute,
		EmailLifetime: 10 * time.Minute,
		Tries:         5,
		Sends:         5,
		SendWindow:    15 * time.Minute,
		ResendAfter:   20 * time.Second,
	}
	if name == "logingov" {
		s.Tries = 10
		s.Sends, s.SendWindow, s.ResendAfter = 10, 5*time.Minute, 5*time.Second
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
		{"digits", s.Digits, 6, 10}, // SP 800-63B-4, 3.1.3.2: at least 6
		{"tries", s.Tries, 3, 10},
		{"sends", s.Sends, 2, 20},
	}
	for _, c := range counts {
		if c.value < c.least || c.value > c.top {
			out = append(out, fmt.Sprintf("%s is %d: choose between %d and %d", c.key, c.value, c.least, c.top))
		}
	}
	durations := []struct {
		key               string
		value, least, top time.Duration
	}{
		{"lifetime", s.Lifetime, 3 * time.Minute, 10 * time.Minute}, // 3.1.3.2: at most 10 minutes
		{"email_lifetime", s.EmailLifetime, 3 * time.Minute, time.Hour},
		{"send_window", s.SendWindow, time.Minute, 24 * time.Hour},
		{"resend_after", s.ResendAfter, time.Second, 5 * time.Minute},
	}
	for _, d := range durations {
		if d.value < d.least || d.value > d.top {
			out = append(out, fmt.Sprintf("%s is %v: choose between %v and %v", d.key, d.value, d.least, d.top))
		}
	}
	return out
}

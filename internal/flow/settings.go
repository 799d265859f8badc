package flow

import (
	"fmt"
	"time"
)

// Settings are the numbers of journeys.
type Settings struct {
	// StartedFor is how long a journey lives until its first step is sent.
	StartedFor time.Duration `yaml:"started_for"`
	// IdleFor is how long a journey lives after each step.
	IdleFor time.Duration `yaml:"idle_for"`
	// LongestFor is how long a journey lives whatever happens.
	LongestFor time.Duration `yaml:"longest_for"`
	// AgainFor is how long a journey that ran out of time is taken up again when its page is
	// loaded; later the page leads back to the service, which has forgotten its question by then.
	AgainFor time.Duration `yaml:"again_for"`
	// KeptFor is how long an ended journey still leads back to its service.
	KeptFor time.Duration `yaml:"kept_for"`
	// PerBrowser is how many journeys one browser can have under way; the one
	// used least recently ends when another begins.
	PerBrowser int `yaml:"per_browser"`
	// PerIP is how many journeys without a first step one network address can have.
	PerIP int `yaml:"per_ip"`
	// StateBytes is the largest state of one journey, in bytes.
	StateBytes int `yaml:"state_bytes"`
}

// Preset gives the numbers for a deployment; all presets share them.
func Preset(string) Settings {
	return Settings{
		StartedFor: 30 * time.Minute,
		IdleFor:    2 * time.Hour,
		LongestFor: 24 * time.Hour,
		AgainFor:   4 * time.Hour,
		KeptFor:    24 * time.Hour,
		PerBrowser: 20,
		PerIP:      500,
		StateBytes: 8 << 10,
	}
}

// Problems lists what must be changed.
func (s Settings) Problems() []string {
	var out []string
	if s.StartedFor < time.Minute || s.StartedFor > s.IdleFor {
		out = append(out, fmt.Sprintf("started_for is %v: choose between 1m and idle_for (%v)", s.StartedFor, s.IdleFor))
	}
	if s.IdleFor < 5*time.Minute || s.IdleFor > s.LongestFor {
		out = append(out, fmt.Sprintf("idle_for is %v: choose between 5m and longest_for (%v)", s.IdleFor, s.LongestFor))
	}
	if s.LongestFor > 7*24*time.Hour {
		out = append(out, fmt.Sprintf("longest_for is %v: choose at most 168h", s.LongestFor))
	}
	if s.KeptFor < 0 || s.KeptFor > 30*24*time.Hour {
		out = append(out, fmt.Sprintf("kept_for is %v: choose between 0s and 720h", s.KeptFor))
	}
	if s.AgainFor < 0 || s.AgainFor > s.KeptFor {
		out = append(out, fmt.Sprintf("again_for is %v: choose between 0s (never) and kept_for (%v)", s.AgainFor, s.KeptFor))
	}
	if s.PerBrowser < 2 || s.PerBrowser > 100 {
		out = append(out, fmt.Sprintf("per_browser is %d: choose between 2 and 100 (20 is usual)", s.PerBrowser))
	}
	if s.PerIP < 10 {
		out = append(out, fmt.Sprintf("per_ip is %d: choose at least 10 (500 is usual)", s.PerIP))
	}
	if s.StateBytes < 4<<10 || s.StateBytes > 64<<10 {
		out = append(out, fmt.Sprintf("state_bytes is %d: choose between 4096 and 65536 (8192 is usual)", s.StateBytes))
	}
	return out
}

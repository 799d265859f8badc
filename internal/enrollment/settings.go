package enrollment

import (
	"fmt"
	"time"
)

// Settings are the numbers of creating an account.
type Settings struct {
	// LinkLife is how long an activation link and its code work (R21).
	LinkLife time.Duration `yaml:"link_life"`
	// ActivateWithin is how long after its creation an account can be activated; then it is removed (R22, R23).
	ActivateWithin time.Duration `yaml:"activate_within"`
}

// Preset gives the numbers for a deployment; all presets share them.
func Preset(string) Settings {
	return Settings{LinkLife: 30 * time.Minute, ActivateWithin: 24 * time.Hour}
}

// Problems lists what must be changed.
func (s Settings) Problems() []string {
	var out []string
	if s.LinkLife < time.Minute || s.LinkLife > 24*time.Hour {
		out = append(out, fmt.Sprintf("link_life: %v; choose 1m to 24h", s.LinkLife))
	}
	if s.ActivateWithin < s.LinkLife || s.ActivateWithin > 30*24*time.Hour {
		out = append(out, fmt.Sprintf("activate_within: %v; choose link_life to 720h", s.ActivateWithin))
	}
	return out
}

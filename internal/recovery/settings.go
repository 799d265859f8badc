package recovery

import (
	"fmt"
	"time"
)

// Settings are the numbers of coming back in.
type Settings struct {
	// ResetLife is how long a link to a new password and its code work.
	ResetLife time.Duration `yaml:"reset_life"`
	// UnlockLife is how long a link that lifts the lock and its code work.
	UnlockLife time.Duration `yaml:"unlock_life"`
}

// Preset gives the numbers for a deployment; all presets share them.
func Preset(string) Settings {
	return Settings{ResetLife: 30 * time.Minute, UnlockLife: 30 * time.Minute}
}

// Problems lists what must be changed.
func (s Settings) Problems() []string {
	var out []string
	if s.ResetLife < time.Minute || s.ResetLife > 24*time.Hour {
		out = append(out, fmt.Sprintf("reset_life: %v; choose 1m to 24h", s.ResetLife))
	}
	if s.UnlockLife < time.Minute || s.UnlockLife > 24*time.Hour {
		out = append(out, fmt.Sprintf("unlock_life: %v; choose 1m to 24h", s.UnlockLife))
	}
	return out
}

package audit

import (
	"fmt"
	"time"
)

// Settings say how long events keep what is personal, and how often the chain is signed.
type Settings struct {
	// KeepPersonal is how long the IP address, browser and e-mail address of an
	// event are kept. The event itself stays.
	KeepPersonal time.Duration `yaml:"keep_personal"`
	// CheckpointEvery is how often the newest link of the chain is signed.
	CheckpointEvery time.Duration `yaml:"checkpoint_every"`
}

const day = 24 * time.Hour

// Preset is the settings of a named deployment.
func Preset(string) Settings {
	return Settings{KeepPersonal: 400 * day, CheckpointEvery: time.Minute}
}

// Problems are all reasons why these settings cannot be used, each with what to change.
func (s Settings) Problems() []string {
	var out []string
	if s.KeepPersonal < day {
		out = append(out, fmt.Sprintf("keep_personal is %s: set it to at least 24h", s.KeepPersonal))
	}
	if s.CheckpointEvery < time.Second || s.CheckpointEvery > day {
		out = append(out, fmt.Sprintf("checkpoint_every is %s: set it between 1s and 24h (1m is usual)", s.CheckpointEvery))
	}
	return out
}

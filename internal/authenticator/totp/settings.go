package totp

import "fmt"

// Settings are the numbers of authenticator apps.
type Settings struct {
	// Skew is how many codes before and after that of now are accepted, each of
	// 30 seconds, for clocks that are a little off.
	Skew int `yaml:"skew"`
}

// Preset gives the numbers of a named deployment; all deployments start the same.
func Preset(string) Settings { return Settings{Skew: 1} }

// Problems lists what must be changed.
func (s Settings) Problems() []string {
	if s.Skew < 0 || s.Skew > 2 { // SP 800-63B-4, 3.1.4.2: a code lives two minutes at most
		return []string{fmt.Sprintf("skew is %d: choose between 0 and 2 (1 is usual)", s.Skew)}
	}
	return nil
}

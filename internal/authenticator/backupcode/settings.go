package backupcode

import (
	"fmt"
	"time"
)

// Settings are the numbers of backup codes.
type Settings struct {
	// Codes is how many codes a set has.
	Codes int `yaml:"codes"`
	// Length is how many characters a code has, of five bits each: 12, 16 or 20. A
	// code that is to bring back a lost account needs 16 (SP 800-63B-4, 4.2.1.1).
	Length int `yaml:"length"`
	// RemindAfter is how long no code was used before people are asked whether they
	// still have them; 0: never.
	RemindAfter time.Duration `yaml:"remind_after"`
}

// Preset gives the numbers of a named deployment; all deployments start the same.
func Preset(string) Settings {
	return Settings{Codes: 10, Length: 12, RemindAfter: 150 * 24 * time.Hour}
}

// Problems lists what must be changed.
func (s Settings) Problems() []string {
	var out []string
	if s.Codes < 5 || s.Codes > 20 {
		out = append(out, fmt.Sprintf("codes is %d: choose between 5 and 20", s.Codes))
	}
	if s.Length < 12 || s.Length > 20 || s.Length%group != 0 {
		out = append(out, fmt.Sprintf("length is %d: choose 12, 16 or 20", s.Length))
	}
	if s.RemindAfter != 0 && (s.RemindAfter < 24*time.Hour || s.RemindAfter > 5*365*24*time.Hour) {
		out = append(out, fmt.Sprintf("remind_after is %v: choose between 24h and 43800h, or 0 for no reminder", s.RemindAfter))
	}
	return out
}

package unused

import (
	"fmt"
	"time"
)

// Settings say what becomes of accounts that nobody uses.
type Settings struct {
	// After is how long after its newest sign-in an account is removed; 0 keeps every account.
	After time.Duration `yaml:"after"`
	// FirstWarning is how long before the removal its owner is told the first time.
	FirstWarning time.Duration `yaml:"first_warning"`
	// SecondWarning is how long before the removal its owner is told once more.
	SecondWarning time.Duration `yaml:"second_warning"`
}

const day = 24 * time.Hour

// Preset gives the numbers of a deployment; all presets share them.
func Preset(string) Settings {
	return Settings{After: 730 * day, FirstWarning: 60 * day, SecondWarning: 14 * day}
}

// Off reports whether no account is ever removed for not being used.
func (s Settings) Off() bool { return s.After == 0 }

// Problems lists what must be changed.
func (s Settings) Problems() []string {
	if s.Off() {
		return nil
	}
	var out []string
	say := func(format string, args ...any) { out = append(out, fmt.Sprintf(format, args...)) }
	if s.After < 180*day {
		say("after is %v: choose at least 4320h, or 0 to keep every account", s.After)
	}
	if s.SecondWarning < 7*day {
		say("second_warning is %v: choose at least 168h, so that an owner who is away for a week can act", s.SecondWarning)
	}
	if s.FirstWarning < s.SecondWarning+7*day {
		say("first_warning is %v: choose at least 168h more than second_warning (%v)", s.FirstWarning, s.SecondWarning)
	}
	if s.FirstWarning > s.After/2 {
		say("first_warning is %v: choose at most half of after (%v)", s.FirstWarning, s.After)
	}
	return out
}

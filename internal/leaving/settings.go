package leaving

import (
	"fmt"
	"time"
)

// Settings are the numbers of accounts that end.
type Settings struct {
	// Wait is how long an account that its owner deletes is closed before it is erased.
	// Until then its owner can keep it. It lasts longer while a merging into the account
	// or a change of its addresses can be undone (account.merge_undo, account.address_undo).
	Wait time.Duration `yaml:"wait"`
}

const day = 24 * time.Hour

// Preset gives the numbers of a named deployment: "parvis", "ontario" or "logingov".
func Preset(name string) Settings {
	s := Settings{Wait: 7 * day}
	if name == "logingov" {
		s.Wait = day // account_reset_wait_period_days
	}
	return s
}

// Problems lists what must be changed.
func (s Settings) Problems() []string {
	var out []string
	if s.Wait < time.Hour || s.Wait > 30*day {
		out = append(out, fmt.Sprintf("wait is %v: choose between 1h, so that an owner who did not ask for it can act, and 720h", s.Wait))
	}
	return out
}

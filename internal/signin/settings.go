package signin

import (
	"fmt"
	"time"
)

// Settings are the numbers of signing in that no other package owns.
type Settings struct {
	// ResendAfter is how long a page asks people to wait before another mail can be asked for.
	ResendAfter time.Duration `yaml:"resend_after"`
	// NewBrowserMail tells the owner about a sign-in with a browser not seen before.
	NewBrowserMail bool `yaml:"new_browser_mail"`
}

// Preset gives the numbers for a deployment; all presets share them.
func Preset(string) Settings {
	return Settings{ResendAfter: 30 * time.Second, NewBrowserMail: true}
}

// Problems lists what must be changed.
func (s Settings) Problems() []string {
	if s.ResendAfter < 0 || s.ResendAfter > 10*time.Minute {
		return []string{fmt.Sprintf("resend_after: %v; choose 0s to 10m", s.ResendAfter)}
	}
	return nil
}

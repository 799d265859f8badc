package signin

import (
	"fmt"
	"time"
)

// MergePath is where the proof of a second account ends, which is to be merged into the
// one whose session the browser has set aside (Starts.Next).
const MergePath = "/settings/merge/both"

// Settings are the numbers of signing in that no other package owns.
type Settings struct {
	// ResendAfter is how long a page asks people to wait before another mail can be asked for.
	ResendAfter time.Duration `yaml:"resend_after"`
	// NewBrowserMail tells the owner about a sign-in with a browser not seen before.
	NewBrowserMail bool `yaml:"new_browser_mail"`
	// RememberDoor is how long a browser remembers by which door somebody came in last to each service, to say so on the sign-in page; signing out forgets it. 0: nothing is remembered.
	RememberDoor time.Duration `yaml:"remember_door"`
}

// Preset gives the numbers for a deployment; all presets share them.
func Preset(string) Settings {
	return Settings{ResendAfter: 30 * time.Second, NewBrowserMail: true, RememberDoor: 90 * 24 * time.Hour}
}

// Problems lists what must be changed.
func (s Settings) Problems() []string {
	var out []string
	if s.ResendAfter < 0 || s.ResendAfter > 10*time.Minute {
		out = append(out, fmt.Sprintf("resend_after: %v; choose 0s to 10m", s.ResendAfter))
	}
	const day = 24 * time.Hour
	if s.RememberDoor != 0 && (s.RememberDoor < day || s.RememberDoor > 400*day) {
		out = append(out, fmt.Sprintf("remember_door: %v; choose 0s, or 24h to 9600h", s.RememberDoor))
	}
	return out
}

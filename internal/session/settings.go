package session

import (
	"fmt"
	"time"
)

// Settings are the numbers of sessions.
type Settings struct {
	// Idle is how long a session lasts when nothing happens.
	Idle time.Duration `yaml:"idle"`
	// Absolute is how long a session lasts whatever happens.
	Absolute time.Duration `yaml:"absolute"`
	// Warning is how long before the idle end pages warn and offer to stay.
	Warning time.Duration `yaml:"warning"`
	// KeptFor is how long an ended session can still tell a page why it ended.
	KeptFor time.Duration `yaml:"kept_for"`
	// DeviceLifetime is how long a browser stays known to an account after its
	// newest sign-in there.
	DeviceLifetime time.Duration `yaml:"device_lifetime"`
	// Remember is how long a browser can be remembered so that the second step is
	// not asked there again; 0: people are not offered it. What services demand
	// comes first: AAL2 is never reached by it.
	Remember time.Duration `yaml:"remember"`
	// NewDeviceMerge is how long sign-ins with devices that an account was not seen
	// with are gathered before its owner is told of all of them in one message.
	NewDeviceMerge time.Duration `yaml:"new_device_merge"`
	// NewDeviceLink is how long the link "This wasn't me" of that message works. It ends
	// every session, and does nothing else.
	NewDeviceLink time.Duration `yaml:"new_device_link"`
}

// Preset gives the numbers of a named deployment: "parvis", "ontario" or "logingov".
func Preset(name string) Settings {
	s := Settings{
		Idle:           30 * time.Minute,
		Absolute:       12 * time.Hour,
		Warning:        150 * time.Second,
		KeptFor:        24 * time.Hour,
		DeviceLifetime: 180 * 24 * time.Hour,
		Remember:       30 * 24 * time.Hour,
		NewDeviceMerge: 5 * time.Minute,
		NewDeviceLink:  10 * 24 * time.Hour,
	}
	if name == "logingov" {
		s.Idle = 15 * time.Minute
	}
	return s
}

// Problems lists what must be changed. The limits of SP 800-63B-4 (2.1.3, 2.2.3)
// stand in the texts.
func (s Settings) Problems() []string {
	var out []string
	if s.Idle < 2*time.Minute || s.Idle > time.Hour {
		out = append(out, fmt.Sprintf("idle is %v: choose between 2m and 1h (the most at AAL2)", s.Idle))
	}
	if s.Absolute < s.Idle || s.Absolute > 24*time.Hour {
		out = append(out, fmt.Sprintf("absolute is %v: choose between idle (%v) and 24h (the most at AAL2)", s.Absolute, s.Idle))
	}
	if s.Warning < 20*time.Second || s.Warning >= s.Idle {
		out = append(out, fmt.Sprintf("warning is %v: choose at least 20s (WCAG 2.2.1) and less than idle (%v)", s.Warning, s.Idle))
	}
	if s.KeptFor < 0 || s.KeptFor > 30*24*time.Hour {
		out = append(out, fmt.Sprintf("kept_for is %v: choose between 0s and 720h", s.KeptFor))
	}
	if s.DeviceLifetime < time.Hour || s.DeviceLifetime > 2*365*24*time.Hour {
		out = append(out, fmt.Sprintf("device_lifetime is %v: choose between 1h and 17520h", s.DeviceLifetime))
	}
	if s.Remember < 0 || s.Remember > s.DeviceLifetime || s.Remember > 0 && s.Remember < time.Hour {
		out = append(out, fmt.Sprintf("remember is %v: choose between 1h and device_lifetime (%v), or 0 for never", s.Remember, s.DeviceLifetime))
	}
	if s.NewDeviceMerge < 0 || s.NewDeviceMerge > time.Hour {
		out = append(out, fmt.Sprintf("new_device_merge is %v: choose between 0s and 1h", s.NewDeviceMerge))
	}
	if s.NewDeviceLink < time.Hour || s.NewDeviceLink > 30*24*time.Hour {
		out = append(out, fmt.Sprintf("new_device_link is %v: choose between 1h and 720h", s.NewDeviceLink))
	}
	return out
}

// touchAfter is how old the newest note must be before another is written.
func (s Settings) touchAfter() time.Duration { return min(time.Minute, s.Idle/10) }

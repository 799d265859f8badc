package outbound

import (
	"fmt"
	"time"
)

// Settings bound what the service calls by HTTP.
type Settings struct {
	// Allow lists networks that may be called although they are not of the public internet, for example [10.1.2.0/24]; only they may be called without TLS. Loopback, private, link-local, multicast and metadata addresses are refused otherwise.
	Allow []string `yaml:"allow"`
	// AllowRegistered lists networks that may be called at addresses of services that registered themselves (oidc.registration); Allow does not count for them. Empty: the public internet only.
	AllowRegistered []string `yaml:"allow_registered"`
	// CAFile is a PEM file of authorities of your own, trusted besides those of the system.
	CAFile string `yaml:"ca_file"`
	// Timeout bounds each call, from resolving the name to the last byte of the answer.
	Timeout time.Duration `yaml:"timeout"`
	// MaxBytes is how long an answer may be, in bytes; longer ones are refused.
	MaxBytes int `yaml:"max_bytes"`
}

// Preset gives the numbers for a deployment; all presets share them.
func Preset(string) Settings { return Settings{Timeout: 5 * time.Second, MaxBytes: 64 << 10} }

// Problems lists what must be changed before anything can be called.
func (s Settings) Problems() []string {
	var out []string
	for _, text := range s.Allow {
		if _, err := network(text); err != nil {
			out = append(out, "allow: "+err.Error())
		}
	}
	for _, text := range s.AllowRegistered {
		if _, err := network(text); err != nil {
			out = append(out, "allow_registered: "+err.Error())
		}
	}
	if s.Timeout < 500*time.Millisecond || s.Timeout > 30*time.Second {
		out = append(out, fmt.Sprintf("timeout: %v; choose 500ms to 30s", s.Timeout))
	}
	if s.MaxBytes < 4<<10 || s.MaxBytes > 4<<20 {
		out = append(out, fmt.Sprintf("max_bytes: %d; choose 4096 to 4194304", s.MaxBytes))
	}
	return out
}

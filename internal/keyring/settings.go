package keyring

import (
	"fmt"
	"time"
)

// Settings say how signing keys follow each other.
type Settings struct {
	// RotateEvery is the age at which a signing key is replaced; 0: only by hand
	// (`parvis key rotate`).
	RotateEvery time.Duration `yaml:"rotate_every"`
	// PublishBefore is how long a new key stands in the published key set before
	// it signs, so that services have fetched it. At least cache_for and three seconds,
	// within which nodes hear of it and their clocks may differ.
	PublishBefore time.Duration `yaml:"publish_before"`
	// KeepAfter is how long a replaced key stays published, so that what it
	// signed can still be verified. At least the longest life of a token, and cache_for
	// and three seconds.
	KeepAfter time.Duration `yaml:"keep_after"`
	// CacheFor is how long services may keep the published key set.
	CacheFor time.Duration `yaml:"cache_for"`
}

// margin is what nodes may be apart: two seconds by their clocks, before readiness refuses
// one, and a poll.
const margin = 3 * time.Second

// Preset is the settings of a named deployment; all deployments start the same.
func Preset(string) Settings {
	return Settings{
		RotateEvery:   90 * 24 * time.Hour,
		PublishBefore: 24 * time.Hour,
		KeepAfter:     48 * time.Hour,
		CacheFor:      10 * time.Minute,
	}
}

// Problems are all reasons why these settings cannot be used, each with what to change.
func (s Settings) Problems() []string {
	var out []string
	if s.RotateEvery != 0 && s.RotateEvery < time.Hour {
		out = append(out, fmt.Sprintf("rotate_every is %s: set it to at least 1h, or to 0 for rotation by hand", s.RotateEvery))
	}
	if s.RotateEvery != 0 && s.PublishBefore >= s.RotateEvery {
		out = append(out, fmt.Sprintf("publish_before is %s: set it below rotate_every (%s)", s.PublishBefore, s.RotateEvery))
	}
	if s.CacheFor < time.Second || s.CacheFor > 24*time.Hour {
		out = append(out, fmt.Sprintf("cache_for is %s: set it between 1s and 24h (10m is usual)", s.CacheFor))
	}
	if s.PublishBefore < s.CacheFor+margin {
		out = append(out, fmt.Sprintf("publish_before is %s: set it to at least cache_for and %s (%s)", s.PublishBefore, margin, s.CacheFor+margin))
	}
	if s.KeepAfter < s.CacheFor+margin {
		out = append(out, fmt.Sprintf("keep_after is %s: set it to at least cache_for and %s (%s), and the longest life of a token", s.KeepAfter, margin, s.CacheFor+margin))
	}
	return out
}

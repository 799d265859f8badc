package operatorapi

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"time"

	"parvis/internal/i18n"
	"parvis/internal/upstream"
)

// seconds is a length of time as the API writes it: whole seconds, as in max_age of
// OpenID Connect.
type seconds int64

// longest is more than any length of time in settings may be.
const longest = seconds(10 * 365 * 24 * 60 * 60)

func (s seconds) duration() time.Duration { return time.Duration(s) * time.Second }

func secondsOf(d time.Duration) seconds { return seconds(d / time.Second) }

// settings are upstream.Settings as the API writes them: lengths of time in seconds,
// and whether it is disabled beside them.
type settings struct {
	upstream.Settings

	MaxAge     seconds `json:"max_age,omitempty"`
	ClockSkew  seconds `json:"clock_skew,omitempty"`
	Timeout    seconds `json:"timeout,omitempty"`
	CheckEvery seconds `json:"check_every,omitempty"`
}

func settingsOf(s upstream.Settings) settings {
	return settings{
		Settings: s, MaxAge: secondsOf(s.MaxAge), ClockSkew: secondsOf(s.ClockSkew), Timeout: secondsOf(s.Timeout), CheckEvery: secondsOf(s.CheckEvery),
	}
}

// written is what a program sends of a partner.
type written struct {
	Settings    settings             `json:"settings"`
	Credentials upstream.Credentials `json:"credentials,omitzero"`
}

// upstream puts settings and credentials together, and says what of them no setting can be.
func (w written) upstream(langs []i18n.Lang) (upstream.Settings, []string) {
	s := w.Settings.Settings
	var problems []string
	for _, t := range []struct {
		key  string
		from seconds
		into *time.Duration
	}{
		{"max_age", w.Settings.MaxAge, &s.MaxAge},
		{"clock_skew", w.Settings.ClockSkew, &s.ClockSkew},
		{"timeout", w.Settings.Timeout, &s.Timeout},
		{"check_every", w.Settings.CheckEvery, &s.CheckEvery},
	} {
		if t.from < 0 || t.from > longest {
			problems = append(problems, fmt.Sprintf("upstreams[%s].%s: %d seconds cannot be", s.ID, t.key, t.from))
			continue
		}
		*t.into = t.from.duration()
	}
	if missing := s.Name.Missing(langs); len(s.Name) > 0 && len(missing) > 0 {
		problems = append(problems, fmt.Sprintf("upstreams[%s].name: also give it in %v", s.ID, missing))
	}
	s.Take(w.Credentials)
	return s, problems
}

// shown is a partner as it is answered. Credentials are named, never shown.
type shown struct {
	Settings    settings `json:"settings"`
	Credentials []string `json:"credentials"` // those that are set
	Source      string   `json:"source"`      // configuration or database
	Disabled    bool     `json:"disabled"`
	RedirectURI string   `json:"redirect_uri"` // to be told to the partner
	Health      health   `json:"health"`       // as this node sees it
}

// health is whether a partner can be reached.
type health struct {
	Down   bool       `json:"down"`
	Since  *time.Time `json:"since,omitempty"`
	Reason string     `json:"reason,omitempty"`
}

func (a *API) shown(s upstream.Settings, source string) shown {
	out := shown{
		Settings: settingsOf(s), Credentials: named(s.Credentials()), Source: source, Disabled: s.Disabled,
		RedirectURI: a.BaseURL + upstream.CallbackPath(upstream.ID(s.ID)),
	}
	if h := a.Registry.Health(upstream.ID(s.ID)); h.Down {
		out.Health = health{Down: true, Since: &h.Since, Reason: h.Reason}
	}
	return out
}

// named are the names of the credentials that are set, as a program writes them.
func named(c upstream.Credentials) []string {
	out := []string{}
	of := reflect.ValueOf(c)
	for field, value := range of.Fields() {
		if name, _, _ := strings.Cut(field.Tag.Get("json"), ","); !value.IsZero() {
			out = append(out, name)
		}
	}
	return out
}

// tag is the entity tag of a partner (RFC 9110, 8.8.3): it changes with its settings,
// its credentials and whether it is disabled. It is made with a key of the deployment, so
// that no secret can be guessed by it.
func (a *API) tag(s upstream.Settings) (string, error) {
	raw, err := json.Marshal(struct {
		S settings
		C upstream.Credentials
		D bool
	}{settingsOf(s), s.Credentials(), s.Disabled})
	if err != nil {
		return "", fmt.Errorf("operatorapi: %w", err)
	}
	return `"` + a.Registry.Keys.Index("operatorapi-etag", string(raw))[:32] + `"`, nil
}

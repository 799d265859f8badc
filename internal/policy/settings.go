package policy

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Combine says what several acr values in one request mean.
type Combine string

// The ways to combine.
const (
	Any Combine = "any" // one of them is enough, the first is preferred (OpenID Connect Core 1.0, 3.1.2.1)
	All Combine = "all" // the strongest of those that are known, as Login.gov reads them
)

// Class is one row of the table: a value of acr, and what it stands for.
type Class struct {
	// ACR is the value that services ask for and are told.
	ACR string `yaml:"acr"`
	// Level is what must be proven: one-step, two-steps, aal2, aal2-phishing-resistant or aal3.
	Level Level `yaml:"level"`
	// Aliases are other values with the same meaning. A service that asks for an alias is told the alias.
	Aliases []string `yaml:"aliases,omitempty"`
}

func (c Class) names(acr string) bool { return c.ACR == acr || slices.Contains(c.Aliases, acr) }

// Settings are a deployment's policy.
type Settings struct {
	// Always is the level that every sign-in reaches, whatever the service asks for.
	Always Level `yaml:"always"`
	// Methods are the second steps that are offered, in the order in which they are recommended: passkey, security-key, app, text, voice, email, backup.
	Methods []Method `yaml:"methods"`
	// Combine says what several acr values in one request mean: any (one is enough) or all (the strongest counts).
	Combine Combine `yaml:"combine"`
	// Reauthenticate is how old a proof may be when something important is changed, such as a method or the password.
	Reauthenticate time.Duration `yaml:"reauthenticate"`
	// CoolingOff is how long a method that was set up in place of lost ones does not count for AAL2 and above, and how long the owner can undo their removal.
	CoolingOff time.Duration `yaml:"cooling_off"`
	// RecoveryWait is how long somebody who has lost every method, and proves nothing but the mailbox, waits before the methods are removed.
	RecoveryWait time.Duration `yaml:"recovery_wait"`
	// RecoveryOpen is how long the link that then removes them can be used.
	RecoveryOpen time.Duration `yaml:"recovery_open"`
	// Classes are the values of acr and what must be proven for each, the weakest first.
	Classes []Class `yaml:"classes"`
}

// The acr values of Parvis itself.
const (
	ACROneStep           = "urn:parvis:acr:1"
	ACRTwoSteps          = "urn:parvis:acr:2"
	ACRAAL2              = "urn:parvis:acr:aal2"
	ACRPhishingResistant = "urn:parvis:acr:aal2-phishing-resistant"
	ACRAAL3              = "urn:parvis:acr:aal3"
)

// Preset gives the policy of a preset.
func Preset(name string) Settings {
	s := Settings{
		Classes: []Class{
			{ACR: ACROneStep, Level: OneStep},
			{ACR: ACRTwoSteps, Level: TwoSteps},
			{ACR: ACRAAL2, Level: AAL2},
			{ACR: ACRPhishingResistant, Level: AAL2PhishingResistant},
			{ACR: ACRAAL3, Level: AAL3},
		},
		Always:         OneStep,
		Methods:        []Method{Passkey, SecurityKey, App, Text, Voice, Email, Backup},
		Combine:        Any,
		Reauthenticate: 20 * time.Minute,
		CoolingOff:     48 * time.Hour,
		RecoveryWait:   48 * time.Hour,
		RecoveryOpen:   72 * time.Hour,
	}
	switch name {
	case "ontario":
		s.Classes[0].Aliases = []string{"urn:ontario:loa:1"}
		s.Classes[1].Aliases = []string{"urn:ontario:loa:2"}
	case "logingov":
		s.Always, s.Combine = TwoSteps, All
		s.RecoveryWait, s.RecoveryOpen = 24*time.Hour, 24*time.Hour
		s.Methods = slices.DeleteFunc(s.Methods, func(m Method) bool { return m == Email })
		const idm, saml = "http://idmanagement.gov/ns/assurance/", "urn:gov:gsa:ac:classes:sp:PasswordProtectedTransport:duo"
		s.Classes[0].Aliases = []string{"urn:acr.login.gov:auth-only", idm + "ial/1", idm + "loa/1", idm + "aal/1"}
		s.Classes[1].Aliases = []string{saml}
		s.Classes[2].Aliases = []string{idm + "aal/2"}
		s.Classes[3].Aliases = []string{idm + "aal/2?phishing_resistant=true", idm + "aal/3"}
	}
	return s
}

// The bounds of Reauthenticate. A shorter window would ask at every change, a
// longer one would let somebody who finds an open browser take the account over.
const (
	leastWindow   = time.Minute
	longestWindow = time.Hour
)

// Problems lists what must be changed.
func (s Settings) Problems() []string {
	out := s.classProblems()
	if s.Always < OneStep || s.Always > AAL3 {
		out = append(out, fmt.Sprintf("always: %v; choose one of %v", s.Always, Levels()))
	}
	for i, m := range s.Methods {
		switch {
		case !slices.Contains(Seconds(), m):
			out = append(out, fmt.Sprintf("methods: %q is no second step; choose among %v", m, Seconds()))
		case slices.Contains(s.Methods[:i], m):
			out = append(out, fmt.Sprintf("methods: %q stands there twice", m))
		}
	}
	if restricted := slices.ContainsFunc(s.Methods, Method.Restricted); restricted && !slices.ContainsFunc(s.Methods, alternative) {
		out = append(out, "methods: text and voice need another method beside them (SP 800-63B-4, 3.1.3.3); add app")
	}
	if s.Combine != Any && s.Combine != All {
		out = append(out, fmt.Sprintf("combine: %q; choose any or all", s.Combine))
	}
	if s.Reauthenticate < leastWindow || s.Reauthenticate > longestWindow {
		out = append(out, fmt.Sprintf("reauthenticate: %v; choose 1m to 1h", s.Reauthenticate))
	}
	for _, d := range []struct {
		key         string
		value       time.Duration
		least, most time.Duration
	}{
		{"cooling_off", s.CoolingOff, time.Hour, 30 * 24 * time.Hour},
		{"recovery_wait", s.RecoveryWait, 24 * time.Hour, 30 * 24 * time.Hour},
		{"recovery_open", s.RecoveryOpen, time.Hour, 30 * 24 * time.Hour},
	} {
		if d.value < d.least || d.value > d.most {
			out = append(out, fmt.Sprintf("%s: %v; choose %v to %v", d.key, d.value, d.least, d.most))
		}
	}
	return out
}

// alternative reports whether a method can be offered to those who do not want a
// restricted one.
func alternative(m Method) bool { return m.Worth() >= AAL2 && !m.Restricted() && m != Backup }

func (s Settings) classProblems() []string {
	var out []string
	if len(s.Classes) == 0 {
		return []string{"classes: there is none; name at least one acr of the level one-step"}
	}
	seen := map[string]bool{}
	last := OneStep
	for _, c := range s.Classes {
		if c.Level < OneStep || c.Level > AAL3 {
			out = append(out, fmt.Sprintf("classes: %q has no level; choose one of %v", c.ACR, Levels()))
			continue
		}
		if c.Level < last {
			out = append(out, fmt.Sprintf("classes: %q (%v) stands after a stronger one; the weakest first", c.ACR, c.Level))
		}
		last = c.Level
		for _, name := range append([]string{c.ACR}, c.Aliases...) {
			switch {
			case name == "" || len(name) > 256 || strings.ContainsFunc(name, func(r rune) bool { return r <= ' ' || r > '~' }):
				out = append(out, fmt.Sprintf("classes: %q is no acr value; take visible ASCII characters, at most 256", name))
			case seen[name]:
				out = append(out, fmt.Sprintf("classes: %q stands there twice", name))
			}
			seen[name] = true
		}
	}
	return out
}

package relyingparty

import (
	"slices"
	"strings"

	"parvis/internal/i18n"
)

// StatedSettings are what a service says of itself that no sign-in needs (OpenID Connect
// Dynamic Client Registration 1.0, 2).
type StatedSettings struct {
	// DefaultACR are the classes of sign-in that a request asks for that names none itself, in the order of preference; others are taken, too (see acr for what is demanded).
	DefaultACR []string `yaml:"default_acr_values,omitempty" json:"default_acr_values,omitempty"`
	// PolicyURL is the https address where the service says what it does with what it is told of people, per language. Pages lead there where people agree to share, and in the list of their services.
	PolicyURL i18n.Text `yaml:"policy_url,omitempty" json:"policy_url,omitempty"`
	// TermsURL is the https address of the service's terms of use, per language. Shown in the same places.
	TermsURL i18n.Text `yaml:"terms_url,omitempty" json:"terms_url,omitempty"`
}

// Stated is the same, checked.
type Stated struct {
	DefaultACR []string  // asked for where a request names none
	PolicyURL  i18n.Text // what the service does with what it is told; may be empty
	TermsURL   i18n.Text // its terms of use; may be empty
}

// Policy is the address of PolicyURL that pages in a language lead to; "" for none.
func (s Stated) Policy(l i18n.Lang) string { return shown(s.PolicyURL, l) }

// Terms is the address of TermsURL that pages in a language lead to; "" for none.
func (s Stated) Terms(l i18n.Lang) string { return shown(s.TermsURL, l) }

// shown is an address that people are led to: https only. A service that is tried out on its
// developer's machine may name one there, which leads nobody else anywhere.
func shown(address i18n.Text, l i18n.Lang) string {
	if to := address.In(l); strings.HasPrefix(to, "https://") {
		return to
	}
	return ""
}

func (s StatedSettings) stated() Stated {
	return Stated{DefaultACR: slices.Clone(s.DefaultACR), PolicyURL: s.PolicyURL, TermsURL: s.TermsURL}
}

func (c *check) stated(s Settings) {
	if len(s.DefaultACR) > 10 {
		c.add("default_acr_values", "name at most 10")
	}
	for _, acr := range s.DefaultACR {
		if acr == "" || len(acr) > 256 || strings.ContainsAny(acr, " \t\r\n") {
			c.add("default_acr_values", "%q is no acr value", acr)
		}
	}
	for key, texts := range map[string]i18n.Text{"policy_url": s.PolicyURL, "terms_url": s.TermsURL} {
		for lang, uri := range texts {
			c.link(key+"."+lang, uri)
		}
	}
}

// Package newpassword shows the rules of a new password on the pages where one is
// chosen, in the words of the page and in the form that its script checks while somebody
// types. It decides nothing: what is accepted is authenticator/password's rule.
//
// web/signinui and web/accountui call it.
package newpassword

import (
	"strings"

	"parvis/internal/authenticator/password"
	"parvis/internal/i18n"
	"parvis/internal/web/kit"
)

// Rules are the rules of a new password. own are the words that it must not be, as far as
// the page may know them: addresses and names of services. What the script can check
// says how; the rest waits for the server.
func Rules(tr *i18n.Tr, p password.Policy, own []string) *kit.Rules {
	words := make([]string, 0, len(own))
	for _, w := range own {
		if w != "" {
			words = append(words, strings.ToLower(w))
		}
	}
	var items []kit.Rule
	for _, rule := range p.Rules() {
		item := kit.Rule{Kind: liveKind(rule.Name), Text: tr.T(rule.Key, rule.Args...)}
		if rule.Name == password.RuleLength {
			item.Value = p.Minimum()
		}
		items = append(items, item)
		if rule.Name == password.RuleLength {
			items = append(items, kit.Rule{Kind: "not", Values: words, Text: tr.T("password.rule.personal")})
		}
	}
	return &kit.Rules{Items: items}
}

// liveKind is how the script checks a rule.
func liveKind(name password.RuleName) string {
	switch name {
	case password.RuleLength:
		return "min"
	case password.RuleUpper, password.RuleLower, password.RuleDigit, password.RuleSymbol:
		return string(name)
	default:
		return "server"
	}
}

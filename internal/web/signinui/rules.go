package signinui

import (
	"strings"

	"parvis/internal/authenticator/password"
	"parvis/internal/i18n"
	"parvis/internal/web/kit"
)

// rules are the rules of a new password in the page's words. What the script can
// check while somebody types says how; the rest waits for the server.
func (u *UI) rules(c *call) *kit.Rules {
	var items []kit.Rule
	for _, rule := range u.Policy.Rules() {
		item := kit.Rule{Kind: liveKind(rule.Name), Text: c.tr.T(rule.Key, rule.Args...)}
		if rule.Name == password.RuleLength {
			item.Value = u.Policy.Minimum()
		}
		items = append(items, item)
		if rule.Name == password.RuleLength {
			items = append(items, kit.Rule{Kind: "not", Values: ownWords(c), Text: c.tr.T("password.rule.personal")})
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

// ownWords are what the person's password must not be, as far as the page may
// know it: the address typed here and the names of the service.
func ownWords(c *call) []string {
	var words []string
	if address := strings.ToLower(c.view.Address); address != "" {
		words = append(words, address)
	}
	if c.party != nil {
		for _, l := range i18n.Langs() {
			words = append(words, strings.ToLower(c.party.Name.In(l)))
		}
	}
	return words
}

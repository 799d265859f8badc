package signinui

import (
	"parvis/internal/i18n"
	"parvis/internal/web/kit"
	"parvis/internal/web/newpassword"
)

// rules are the rules of a new password in the page's words.
func (u *UI) rules(c *call) *kit.Rules { return newpassword.Rules(c.tr, u.Policy, ownWords(c)) }

// ownWords are what the person's password must not be, as far as the page may
// know it: the address typed here and the names of the service.
func ownWords(c *call) []string {
	words := []string{c.view.Address}
	if c.party != nil {
		for _, l := range i18n.Langs() {
			words = append(words, c.party.Name.In(l))
		}
	}
	return words
}

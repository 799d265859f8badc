package password

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/ccojocar/zxcvbn-go"

	"parvis/internal/authenticator/password/breached"
)

// maximumEver is the most characters that any deployment can allow.
const maximumEver = 1024

// zxcvbnRunes is how much of a password zxcvbn sees; its time grows with the square.
const zxcvbnRunes = 100

// RuleName names one rule, for pages and scripts.
type RuleName string

// The rules.
const (
	RuleLength    RuleName = "length"     // at least so many characters
	RuleMaximum   RuleName = "maximum"    // at most so many characters
	RuleUpper     RuleName = "upper"      // an upper-case letter
	RuleLower     RuleName = "lower"      // a lower-case letter
	RuleDigit     RuleName = "digit"      // a digit
	RuleSymbol    RuleName = "symbol"     // a symbol
	RuleCommon    RuleName = "common"     // not one of the most used passwords
	RuleWord      RuleName = "word"       // not a name or a word of the dictionary
	RulePersonal  RuleName = "personal"   // not the address or the name of a service
	RuleRepeated  RuleName = "repeated"   // not one character or one short piece again and again
	RuleGuessable RuleName = "guessable"  // zxcvbn finds it strong enough
	RuleBreached  RuleName = "breached"   // not known from a leak
	RuleCharacter RuleName = "characters" // no control characters, valid Unicode
)

// Rule is one rule as it is told before typing: catalogue key "password.rule.<name>".
type Rule struct {
	Name RuleName
	Key  string
	Args []any // values of the message's placeholders: name, value …
}

// Violation is one rule that a password breaks, with the reason: catalogue key
// "error.password.<name>".
type Violation struct {
	Rule RuleName
	Key  string
	Args []any
}

// Context is what a password is judged with.
type Context struct {
	// Words that the password must not be: the parts of the address, the names of
	// the deployment and of the service.
	Words []string
}

// Policy judges new passwords. Blocklist is made by NewBlocklist.
type Policy struct {
	Settings  Settings
	Blocklist *Blocklist
	// SecondStep says that every sign-in proves a second factor beside the password:
	// then a shorter one is enough (SP 800-63B-4, 3.1.1.2).
	SecondStep bool
	// Breached is the operator's file of passwords from leaks; nil for none. Unread is
	// told when it cannot be read: then only the other rules judge.
	Breached *breached.File
	Unread   func(error)
}

// Minimum is the least number of characters.
func (p Policy) Minimum() int {
	if p.SecondStep {
		return p.Settings.MinimumWithSecondStep
	}
	return p.Settings.Minimum
}

// Rules are the rules to be shown before typing, in the order of showing.
func (p Policy) Rules() []Rule {
	rule := func(name RuleName, args ...any) Rule {
		return Rule{Name: name, Key: "password.rule." + string(name), Args: args}
	}
	out := []Rule{rule(RuleLength, "count", p.Minimum())}
	for _, c := range p.composition() {
		if c.wanted {
			out = append(out, rule(c.name))
		}
	}
	out = append(out, rule(RuleCommon))
	if p.Settings.Strength > 0 {
		out = append(out, rule(RuleGuessable))
	}
	return out
}

type composition struct {
	name   RuleName
	wanted bool
	is     func(rune) bool
}

func (p Policy) composition() []composition {
	return []composition{
		{RuleUpper, p.Settings.Upper, unicode.IsUpper},
		{RuleLower, p.Settings.Lower, unicode.IsLower},
		{RuleDigit, p.Settings.Digit, unicode.IsDigit},
		{RuleSymbol, p.Settings.Symbol, isSymbol},
	}
}

func isSymbol(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !unicode.IsMark(r) }

// Check gives every rule that a password breaks, the most telling first; none:
// it is accepted. The time it takes does not depend on anything secret.
func (p Policy) Check(typed string, c Context) []Violation {
	violation := func(name RuleName, args ...any) Violation {
		return Violation{Rule: name, Key: "error.password." + string(name), Args: args}
	}
	if !utf8.ValidString(typed) || strings.ContainsFunc(typed, unicode.IsControl) {
		return []Violation{violation(RuleCharacter)}
	}
	if len(typed) > p.Settings.Maximum*utf8.UTFMax*4 { // four marks on every letter; no need to look at more
		return []Violation{violation(RuleMaximum, "count", p.Settings.Maximum)}
	}
	word := Normalize(typed)
	count := utf8.RuneCountInString(word)
	if count > p.Settings.Maximum {
		return []Violation{violation(RuleMaximum, "count", p.Settings.Maximum)}
	}
	var out []Violation
	if least := p.Minimum(); count < least {
		out = append(out, violation(RuleLength, "count", least, "typed", count))
	}
	for _, k := range p.composition() {
		if k.wanted && !strings.ContainsFunc(word, k.is) {
			out = append(out, violation(k.name))
		}
	}
	if count == 0 {
		return out
	}
	if name := p.blocked(word, c.Words); name != "" {
		return append(out, violation(name))
	}
	if p.Leaked(typed) {
		return append(out, violation(RuleBreached))
	}
	if p.Settings.Strength > 0 && p.score(word, c.Words) < p.Settings.Strength {
		out = append(out, violation(RuleGuessable))
	}
	return out
}

// Leaked reports whether a password is known from a leak, as it was typed or as it is
// kept. Without a file none is.
func (p Policy) Leaked(typed string) bool {
	if p.Breached == nil {
		return false
	}
	found, err := p.Breached.Contains(typed, Normalize(typed))
	if err != nil && p.Unread != nil {
		p.Unread(err)
	}
	return found
}

// blocked names the first reason why a password is too easy to guess, or "".
// The whole password is compared, never a part of it (SP 800-63B-4, 3.1.1.2),
// with the simple variants in which people dress up such a password.
func (p Policy) blocked(word string, context []string) RuleName {
	if repeated(word) {
		return RuleRepeated
	}
	own := contextWords(context)
	all := variants(word)
	if slices.ContainsFunc(all, func(v string) bool { return composed(v, own) }) {
		return RulePersonal
	}
	switch {
	case slices.ContainsFunc(all, p.Blocklist.Password):
		return RuleCommon
	case slices.ContainsFunc(all, p.Blocklist.Word):
		return RuleWord
	}
	return ""
}

func (p Policy) score(word string, context []string) int {
	runes := []rune(word)
	return zxcvbn.PasswordStrength(string(runes[:min(len(runes), zxcvbnRunes)]), context).Score
}

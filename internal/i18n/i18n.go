// Package i18n speaks the languages of a deployment: the texts of the
// catalogues, plurals, durations, dates and clock times, and the choice of a
// language for a request.
//
// The catalogues are JSON files embedded from catalogue/<language>/, one file
// for each package that owns pages or mails, merged at start; a key in two
// files is an error. A message is a text, or {"one": …, "other": …} chosen by
// its argument "count". Placeholders are go-i18n's: {{.name}}. Who speaks asks
// the Bundle for the speaker of a language once and keeps it; both are
// immutable and safe for concurrent use.
//
// Texts that an operator writes (names of services, notices) are Text values in
// the configuration, never catalogue keys.
package i18n

import (
	"sort"
	"strings"

	"golang.org/x/text/language"
)

// Lang is a language that Parvis speaks, as it stands in <html lang> and in cookies.
type Lang string

// The languages of the catalogues. English is the one that others fall back to.
const (
	English Lang = "en"
	French  Lang = "fr"
)

// Langs are the languages of the catalogues, English first.
func Langs() []Lang { return []Lang{English, French} }

// Name is the language's name in that language, for the link that leads to it.
func (l Lang) Name() string {
	if l == French {
		return "Français"
	}
	return "English"
}

// Locale is the region's variant whose habits the catalogues follow: en-CA, fr-CA.
func (l Lang) Locale() string { return string(l) + "-CA" }

// Parse reads a language name or tag such as "fr" or "fr-FR"; false when Parvis does not speak it.
func Parse(tag string) (Lang, bool) {
	base, _, _ := strings.Cut(strings.ToLower(strings.TrimSpace(tag)), "-")
	for _, l := range Langs() {
		if string(l) == base {
			return l, true
		}
	}
	return English, false
}

// Match chooses among the supported languages by the person's preferences, the
// strongest first: each is an Accept-Language header, an OIDC ui_locales value
// (RFC 5646 tags separated by spaces) or a single tag. The first preference that
// names a supported language wins; without one the first supported language does.
func Match(supported []Lang, preferences ...string) Lang {
	if len(supported) == 0 {
		supported = Langs()
	}
	for _, preference := range preferences {
		if l, ok := matchOne(supported, preference); ok {
			return l
		}
	}
	return supported[0]
}

// maxPreference bounds what is parsed of a header that anyone can send, in bytes.
const maxPreference = 500

func matchOne(supported []Lang, preference string) (Lang, bool) {
	if len(preference) > maxPreference {
		preference = preference[:maxPreference]
	}
	preference = strings.TrimSpace(preference)
	if preference == "" {
		return "", false
	}
	if !strings.ContainsAny(preference, ",;") {
		preference = strings.Join(strings.Fields(preference), ",")
	}
	tags, weights, err := language.ParseAcceptLanguage(preference)
	if err != nil {
		return "", false
	}
	for i, tag := range tags {
		base, _ := tag.Base()
		for _, l := range supported {
			if weights[i] > 0 && base.String() == string(l) {
				return l, true
			}
		}
	}
	return "", false
}

// Text is a text of the operator in several languages: language to text.
type Text map[string]string

// In is the text in a language, else in English, else in any language there is.
func (t Text) In(l Lang) string {
	if s := t[string(l)]; s != "" {
		return s
	}
	if s := t[string(English)]; s != "" {
		return s
	}
	keys := make([]string, 0, len(t))
	for k := range t {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	for _, k := range keys {
		if t[k] != "" {
			return t[k]
		}
	}
	return ""
}

// Lang is the language that In answers in for a wish, so that a page can mark foreign words with lang.
func (t Text) Lang(l Lang) Lang {
	text := t.In(l)
	if t[string(l)] == text {
		return l
	}
	for k, v := range t {
		if v == text {
			if found, ok := Parse(k); ok {
				return found
			}
		}
	}
	return l
}

// Empty reports whether there is no text in any language.
func (t Text) Empty() bool {
	for _, v := range t {
		if v != "" {
			return false
		}
	}
	return true
}

// Missing are the languages of langs in which there is no text.
func (t Text) Missing(langs []Lang) []Lang {
	var out []Lang
	for _, l := range langs {
		if strings.TrimSpace(t[string(l)]) == "" {
			out = append(out, l)
		}
	}
	return out
}

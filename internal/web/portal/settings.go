package portal

import (
	"fmt"
	"net/mail"
	"net/url"
	"strings"

	"parvis/internal/i18n"
)

// Settings are the deployment's own words for the public pages. What is left
// empty is said in Parvis's words.
type Settings struct {
	// Intro replaces the first paragraph of the first page, per language.
	Intro i18n.Text `yaml:"intro"`
	// UsedFor are examples of what the account opens, each per language; empty: the services that are listed.
	UsedFor []i18n.Text `yaml:"used_for"`
	// OwnerURL is the website of whoever runs the deployment, per language.
	OwnerURL i18n.Text `yaml:"owner_url"`
	// Identity replaces the paragraph on services that verify identity, per language.
	Identity i18n.Text `yaml:"identity"`
	// Privacy is an addition to the privacy notice, such as the legal authority and the privacy officer, per language. Paragraphs are separated by an empty line.
	Privacy i18n.Text `yaml:"privacy"`
	// Terms is an addition to the terms of use, per language. Paragraphs are separated by an empty line.
	Terms i18n.Text `yaml:"terms"`
	// ContactDesk is the e-mail address that contact forms are sent to. Without it there is no contact form, and links.contact must be set.
	ContactDesk string `yaml:"contact_desk"`
	// AnswerWithin is how many working days an answer usually takes; it is said above the contact form.
	AnswerWithin int `yaml:"answer_within"`
	// MessageLength is how many characters a message may have.
	MessageLength int `yaml:"message_length"`
}

// Preset gives the settings of a deployment preset; all presets share them.
func Preset(string) Settings { return Settings{AnswerWithin: 2, MessageLength: 3000} }

// Problems tells what cannot be used, each with the key to change.
func (s Settings) Problems() []string {
	var out []string
	if s.ContactDesk != "" {
		if a, err := mail.ParseAddress(s.ContactDesk); err != nil || a.Address != s.ContactDesk {
			out = append(out, fmt.Sprintf("contact_desk: %q is not an e-mail address", s.ContactDesk))
		}
	}
	if s.AnswerWithin < 1 || s.AnswerWithin > 60 {
		out = append(out, "answer_within: give a number of working days from 1 to 60")
	}
	if s.MessageLength < 200 || s.MessageLength > 10000 {
		out = append(out, "message_length: give a number of characters from 200 to 10000")
	}
	for lang, address := range s.OwnerURL {
		if u, err := url.Parse(address); err != nil || u.Scheme != "https" || u.Host == "" {
			out = append(out, fmt.Sprintf("owner_url.%s: %q must be an https address", lang, address))
		}
	}
	for key, text := range map[string]i18n.Text{"intro": s.Intro, "identity": s.Identity, "privacy": s.Privacy, "terms": s.Terms, "owner_url": s.OwnerURL} {
		if missing := text.Missing(i18n.Langs()); !text.Empty() && len(missing) > 0 {
			out = append(out, fmt.Sprintf("%s: also give it in %v", key, missing))
		}
	}
	for i, text := range s.UsedFor {
		if missing := text.Missing(i18n.Langs()); len(missing) > 0 {
			out = append(out, fmt.Sprintf("used_for[%d]: also give it in %v", i, missing))
		}
	}
	return out
}

// paragraphs splits an operator's text at its empty lines.
func paragraphs(text string) []string {
	var out []string
	for p := range strings.SplitSeq(strings.ReplaceAll(text, "\r\n", "\n"), "\n\n") {
		if p = strings.TrimSpace(p); p != "" {
			out = append(out, p)
		}
	}
	return out
}

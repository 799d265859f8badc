package notice

import (
	"fmt"
	"net/url"
	"strings"
	"unicode/utf8"
)

// texted is a message that can be sent as a text, beside being mailed.
type texted interface {
	Data
	// text is the message in one short paragraph, and the code in it; "" for none.
	text(w *writer) (words, code string)
}

// spoken is one that can be said in a call, too.
type spoken interface {
	texted
	// script is the message as it is said.
	script(w *writer) []Phrase
}

// maxText bounds a text message, in characters: ten parts of Unicode text.
const maxText = 670

// Speak makes the letter of a message for Text or Voice. It does no I/O and reads no clock.
// ErrAddress when to is no telephone number, ErrChannel when there are no words for the
// message on the channel.
func (m *Mails) Speak(channel Channel, to, locale string, data Data) (Letter, error) {
	if err := checkNumber(to); err != nil {
		return Letter{}, err
	}
	message, ok := data.(texted)
	if !ok {
		return Letter{}, fmt.Errorf("%w: %s", ErrChannel, data.Kind())
	}
	w := &writer{m: m, tr: m.Bundle.Tr(m.lang(locale))}
	words, code := message.text(w)
	l := Letter{Channel: channel, Kind: data.Kind(), To: to, Lang: string(w.tr.Lang()), FromName: w.product()}
	if code != "" {
		l.Codes = []string{code}
	}
	switch channel {
	case Text:
		l.Text = narrow(plain(words))
		if code != "" {
			l.Text += "\n" + w.bound(code)
		}
		if utf8.RuneCountInString(l.Text) > maxText {
			return Letter{}, fmt.Errorf("%w: %s is too long for a text", ErrChannel, data.Kind())
		}
	case Voice:
		said, ok := data.(spoken)
		if !ok {
			return Letter{}, fmt.Errorf("%w: %s is not said in calls", ErrChannel, data.Kind())
		}
		l.Script = said.script(w)
		l.Text = readable(l.Script)
	default:
		return Letter{}, fmt.Errorf("%w: %q", ErrChannel, channel)
	}
	return l, nil
}

// bound is the last line of a text with a code: it binds the code to our site, so that
// browsers offer it there and nowhere else (WICG, Origin-bound one-time codes delivered via SMS).
func (w *writer) bound(code string) string {
	host := "localhost"
	if u, err := url.Parse(w.m.BaseURL); err == nil && u.Hostname() != "" {
		host = u.Hostname()
	}
	return "@" + host + " #" + code
}

func (d OneTimeCode) text(w *writer) (words, code string) {
	return w.tr.T("text.code", "product", w.product(), "code", d.Code, "duration", w.tr.Duration(d.Valid)), d.Code
}

func (d OneTimeCode) script(w *writer) []Phrase {
	say := func(key string, pause int) Phrase {
		return Phrase{Say: plain(w.tr.T("text.call."+key, "product", w.product(), "duration", w.tr.Duration(d.Valid))), Pause: pause}
	}
	digits := spelled(d.Code)
	out := append([]Phrase{say("hello", 1), say("code", 1)}, digits...)
	out = append(append(out, say("again", 1)), digits...)
	return append(out, say("end", 0))
}

// spelled is a code digit by digit, with a second after each, time enough to write it down.
func spelled(code string) []Phrase {
	var out []Phrase
	for _, r := range code {
		out = append(out, Phrase{Say: string(r), Pause: 1})
	}
	return out
}

// readable is a script to read: digits that follow each other stand on one line.
func readable(script []Phrase) string {
	var b strings.Builder
	before := false
	for i, p := range script {
		digit := utf8.RuneCountInString(p.Say) == 1
		switch {
		case i == 0:
		case digit && before:
			b.WriteByte(' ')
		default:
			b.WriteByte('\n')
		}
		b.WriteString(p.Say)
		before = digit
	}
	return b.String()
}

// narrow writes quotes, dashes and spaces of good typography with characters that a text
// message counts once: one character outside GSM-7 makes every part of a text hold 70
// characters instead of 160 (3GPP TS 23.038, 6.2.1). Letters stay as they are.
func narrow(text string) string {
	return strings.NewReplacer(
		"\u2019", "'", "\u2018", "'", "\u201c", `"`, "\u201d", `"`, "«\u00a0", `"`, "\u00a0»", `"`, "«", `"`, "»", `"`,
		"\u00a0", " ", "\u202f", " ", "\u2013", "-", "\u2014", "-", "\u2011", "-", "…", "...", "\u00ad", "",
	).Replace(text)
}

// checkNumber is the last guard in front of a provider: the number was parsed by its owner
// package before. It takes E.164 only: a plus sign and 7 to 15 digits.
func checkNumber(number string) error {
	digits, ok := strings.CutPrefix(number, "+")
	if !ok || len(digits) < 7 || len(digits) > 15 || digits[0] == '0' || strings.Trim(digits, "0123456789") != "" {
		return ErrAddress
	}
	return nil
}

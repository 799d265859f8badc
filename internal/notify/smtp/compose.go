package smtp

import (
	"errors"
	"fmt"
	netmail "net/mail"
	"strings"

	"github.com/wneessen/go-mail"
	"golang.org/x/net/idna"

	"parvis/internal/notify/notice"
)

// compose makes the MIME message of a letter: text first, HTML as its alternative.
func (t *Transport) compose(letter notice.Letter) (*mail.Msg, error) {
	s := t.Settings
	to, err := recipient(letter.To)
	if err != nil {
		return nil, err
	}
	for _, header := range []string{letter.Subject, letter.FromName, letter.ReplyTo, letter.Lang, string(letter.ID)} {
		if strings.ContainsAny(header, "\r\n\x00") {
			return nil, errors.New("smtp: a header with a line break")
		}
	}
	msg := mail.NewMsg(mail.WithEncoding(mail.EncodingQP), mail.WithNoDefaultUserAgent())
	msg.FromMailAddress(&netmail.Address{Name: letter.FromName, Address: s.From})
	msg.ToMailAddress(&netmail.Address{Address: to})
	if err := msg.EnvelopeFrom(first(s.EnvelopeFrom, s.From)); err != nil {
		return nil, fmt.Errorf("smtp: envelope_from: %w", err)
	}
	if answer := first(letter.ReplyTo, s.ReplyTo); answer != "" {
		if answer, err = recipient(answer); err != nil {
			return nil, err
		}
		msg.ReplyToMailAddress(&netmail.Address{Address: answer})
	}
	msg.Subject(letter.Subject)
	msg.SetDateWithValue(letter.At)
	msg.SetMessageIDWithValue(string(letter.ID) + "@" + t.domain())
	msg.SetGenHeader("Auto-Submitted", "auto-generated") // RFC 3834: nobody's holiday answer
	msg.SetGenHeader("X-Auto-Response-Suppress", "All")  // the same for Exchange
	msg.SetGenHeader("Content-Language", letter.Lang)
	msg.SetBodyString(mail.TypeTextPlain, letter.Text)
	if letter.HTML != "" {
		msg.AddAlternativeString(mail.TypeTextHTML, letter.HTML)
	}
	return msg, nil
}

// domain stands at the right of the Message-ID.
func (t *Transport) domain() string {
	if t.Settings.Domain != "" {
		return t.Settings.Domain
	}
	_, domain, _ := strings.Cut(t.Settings.From, "@")
	return domain
}

// recipient checks an address and writes its domain as mail servers do, in A-labels;
// the local part stays as its owner wrote it.
func recipient(address string) (string, error) {
	at := strings.LastIndexByte(address, '@')
	if at < 1 || len(address) > 254 {
		return "", notice.ErrAddress
	}
	domain := address[at+1:]
	if !isASCII(domain) {
		ascii, err := idna.Lookup.ToASCII(domain)
		if err != nil {
			return "", fmt.Errorf("%w: %w", notice.ErrAddress, err)
		}
		domain = ascii
	}
	address = address[:at] + "@" + domain
	parsed, err := netmail.ParseAddress("<" + address + ">")
	if err != nil || parsed.Address != address || parsed.Name != "" {
		return "", notice.ErrAddress
	}
	return address, nil
}

func first(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= 0x80 {
			return false
		}
	}
	return true
}

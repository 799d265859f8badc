package notice

import (
	"errors"
	"fmt"
	"html/template"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"parvis/internal/i18n"
)

// Mails knows what every mail needs beside its own data. Not changed after its first use, safe for concurrent use.
type Mails struct {
	Bundle    *i18n.Bundle
	Languages []i18n.Lang    // the deployment's languages; the first is for unknown locales
	BaseURL   string         // public address of this deployment, without a slash at the end; the only one in links
	Product   i18n.Text      // the deployment's name
	Owner     i18n.Text      // who runs it
	Zone      *time.Location // of every clock time
	Theme     Theme          // zero value: DefaultTheme
	Support   string         // address that helps people whose account may be in foreign hands; "" only the contact page
	Answered  bool           // somebody reads what is sent back to the mails' address

	once sync.Once // parses the template
	tmpl *template.Template
	err  error
}

// Check refuses a configuration that mails cannot be made with.
func (m *Mails) Check() error {
	base, err := url.Parse(m.BaseURL)
	if err != nil {
		return fmt.Errorf("notice: base URL: %w", err)
	}
	if base.Scheme != "https" && base.Scheme != "http" || base.Host == "" || strings.HasSuffix(m.BaseURL, "/") {
		return fmt.Errorf("notice: base URL %q: want https://host without a slash at the end", m.BaseURL)
	}
	if m.Bundle == nil || len(m.Languages) == 0 || m.Zone == nil || m.Product.Empty() {
		return errors.New("notice: catalogues, languages, time zone and the deployment's name are needed")
	}
	return m.theme().check()
}

// lang is the language for a locale: the deployment's first one when it does not speak it.
func (m *Mails) lang(locale string) i18n.Lang {
	if l, ok := i18n.Parse(locale); ok && slices.Contains(m.Languages, l) {
		return l
	}
	return m.Languages[0]
}

// Render makes the letter of a mail for one address. It does no I/O and reads no clock.
func (m *Mails) Render(to, locale string, data Data) (Letter, error) {
	if err := checkAddress(to); err != nil {
		return Letter{}, err
	}
	w := &writer{m: m, tr: m.Bundle.Tr(m.lang(locale))}
	data.compose(w)
	if w.out.ReplyTo != "" {
		if err := checkAddress(w.out.ReplyTo); err != nil {
			return Letter{}, err
		}
	}
	page := w.page()
	html, err := m.html(page)
	if err != nil {
		return Letter{}, fmt.Errorf("notice: %s: %w", data.Kind(), err)
	}
	return Letter{
		Channel: Email, Kind: data.Kind(), To: to, Lang: string(w.tr.Lang()), FromName: w.product(), ReplyTo: w.out.ReplyTo,
		Subject: w.out.Subject, Text: page.text(), HTML: html, Links: page.links(), Codes: w.out.Codes,
	}, nil
}

// ErrAddress says that something cannot be the address of a mail.
var ErrAddress = errors.New("notice: not an address that a mail can be sent to")

// checkAddress is the last guard in front of headers and the envelope: the address was
// parsed by its owner package before. It refuses whatever could end a header or add a
// recipient (RFC 5321, 4.1.2 and 4.5.3.1).
func checkAddress(address string) error {
	at := strings.LastIndexByte(address, '@')
	if at < 1 || at > 64 || len(address) > 254 || at == len(address)-1 {
		return ErrAddress
	}
	for _, r := range address {
		if r <= ' ' || r == 0x7f || r == '\ufffd' || strings.ContainsRune("<>()[],;:\\\"", r) || !isPlain(r) {
			return ErrAddress
		}
	}
	if strings.ContainsRune(address[:at], '@') || strings.Contains(address, "..") ||
		address[0] == '.' || address[at-1] == '.' || address[at+1] == '.' {
		return ErrAddress
	}
	return nil
}

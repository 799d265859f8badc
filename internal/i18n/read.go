package i18n

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"html"
	"io"
	"io/fs"
	"strings"

	goi18n "github.com/nicksnyder/go-i18n/v2/i18n"
)

// readFile reads one catalogue file: an object of key to text or to plural
// forms. encoding/json keeps the last of two equal keys in silence, so the file
// is read token by token and a repeated key is refused.
func readFile(fsys fs.FS, file string) ([]*goi18n.Message, error) {
	raw, err := fs.ReadFile(fsys, file)
	if err != nil {
		return nil, fmt.Errorf("i18n: %w", err)
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	fail := func(err error) ([]*goi18n.Message, error) {
		return nil, fmt.Errorf("i18n: %s: near byte %d: %w", file, d.InputOffset(), err)
	}
	if open, err := d.Token(); err != nil || open != json.Delim('{') {
		return fail(errors.New("want a JSON object"))
	}
	var out []*goi18n.Message
	seen := map[string]bool{}
	for d.More() {
		token, err := d.Token()
		if err != nil {
			return fail(err)
		}
		key, _ := token.(string)
		if seen[key] {
			return fail(fmt.Errorf("key %q stands twice", key))
		}
		seen[key] = true
		message, err := readMessage(d, key)
		if err != nil {
			return fail(err)
		}
		out = append(out, message)
	}
	if _, err := d.Token(); err != nil {
		return fail(err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return fail(errors.New("text after the object"))
	}
	return out, nil
}

func readMessage(d *json.Decoder, key string) (*goi18n.Message, error) {
	var raw json.RawMessage
	if err := d.Decode(&raw); err != nil {
		return nil, err
	}
	m := &goi18n.Message{ID: key}
	if raw[0] == '"' {
		err := json.Unmarshal(raw, &m.Other)
		return m, err
	}
	var forms struct {
		One   string `json:"one"`
		Many  string `json:"many"`
		Other string `json:"other"`
	}
	strict := json.NewDecoder(bytes.NewReader(raw))
	strict.DisallowUnknownFields()
	if err := strict.Decode(&forms); err != nil {
		return nil, fmt.Errorf("%s: %w", key, err)
	}
	if forms.One == "" || forms.Other == "" {
		return nil, fmt.Errorf("%s: a plural needs \"one\" and \"other\"", key)
	}
	m.One, m.Many, m.Other = forms.One, forms.Many, forms.Other
	return m, nil
}

// bold escapes a text whose arguments stand between \x00 and \x01, and makes the marks <strong>.
func bold(text string) string {
	return strings.NewReplacer("\x00", "<strong>", "\x01", "</strong>", "\x02", "<wbr>").Replace(html.EscapeString(text))
}

// mark puts the marks of bold around an argument, which has none of its own. An
// e-mail address may break after "@" and "." on a narrow screen.
func mark(value string) string {
	value = strings.NewReplacer("\x00", "", "\x01", "", "\x02", "").Replace(value)
	if strings.Contains(value, "@") {
		value = strings.NewReplacer("@", "@\x02", ".", ".\x02").Replace(value)
	}
	return "\x00" + value + "\x01"
}

// Breakable is a text as HTML, escaped; an e-mail address in it may break after
// "@" and "." on a narrow screen, and never in the middle of a word.
func Breakable(text string) string {
	if !strings.Contains(text, "@") {
		return html.EscapeString(text)
	}
	return strings.NewReplacer("@", "@<wbr>", ".", ".<wbr>").Replace(html.EscapeString(text))
}

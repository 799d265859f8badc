package i18n

import (
	"embed"
	"fmt"
	"html"
	"io/fs"
	"path"
	"slices"
	"sort"
	"strings"
	"sync"

	goi18n "github.com/nicksnyder/go-i18n/v2/i18n"
	"golang.org/x/text/language"
)

//go:embed catalogue
var embedded embed.FS

// Bundle holds every catalogue. Make it once with Load.
type Bundle struct {
	speakers map[Lang]*Tr
}

// Load reads the embedded catalogues, once: a bundle never changes.
func Load() (*Bundle, error) { return load() }

var load = sync.OnceValues(func() (*Bundle, error) {
	sub, err := fs.Sub(embedded, "catalogue")
	if err != nil {
		return nil, fmt.Errorf("i18n: %w", err)
	}
	return LoadFrom(sub)
})

// LoadFrom reads catalogues from <language>/*.json of a file system; other
// languages than those of Langs are ignored.
func LoadFrom(fsys fs.FS) (*Bundle, error) {
	bundle := goi18n.NewBundle(language.English)
	b := &Bundle{speakers: map[Lang]*Tr{}}
	for _, l := range Langs() {
		messages, err := readLang(fsys, l)
		if err != nil {
			return nil, err
		}
		tag := language.Make(string(l))
		keys := map[string]bool{}
		for _, m := range messages {
			if err := bundle.AddMessages(tag, m); err != nil {
				return nil, fmt.Errorf("i18n: %s: %s: %w", l, m.ID, err)
			}
			keys[m.ID] = true
		}
		b.speakers[l] = &Tr{lang: l, localizer: goi18n.NewLocalizer(bundle, string(l)), keys: keys}
	}
	return b, nil
}

// readLang merges the files of one language.
func readLang(fsys fs.FS, l Lang) ([]*goi18n.Message, error) {
	files, err := fs.Glob(fsys, path.Join(string(l), "*.json"))
	if err != nil {
		return nil, fmt.Errorf("i18n: %w", err)
	}
	var all []*goi18n.Message
	owner := map[string]string{}
	for _, file := range files {
		messages, err := readFile(fsys, file)
		if err != nil {
			return nil, err
		}
		for _, m := range messages {
			if first := owner[m.ID]; first != "" {
				return nil, fmt.Errorf("i18n: %s: key %q is in %s already", file, m.ID, first)
			}
			owner[m.ID] = file
		}
		all = append(all, messages...)
	}
	return all, nil
}

// Tr speaks the language, or English when Parvis does not speak it.
func (b *Bundle) Tr(l Lang) *Tr {
	if t := b.speakers[l]; t != nil {
		return t
	}
	return b.speakers[English]
}

// Tr is the speaker of one language.
type Tr struct {
	lang      Lang
	localizer *goi18n.Localizer
	keys      map[string]bool
}

// Lang is the speaker's language.
func (t *Tr) Lang() Lang { return t.lang }

// Has reports whether the catalogue has a key.
func (t *Tr) Has(key string) bool { return t.keys[key] }

// Keys are all keys of the catalogue, sorted.
func (t *Tr) Keys() []string {
	out := make([]string, 0, len(t.keys))
	for k := range t.keys {
		out = append(out, k)
	}
	sort.Strings(out)
	return out
}

// T is the text of a key with its placeholders filled: name, value, name, value
// …; "count" also chooses the plural. A key that is missing shows as itself in
// brackets, so that a page never fails for the lack of a word; the start-up
// check of templates and the tests find it first.
func (t *Tr) T(key string, args ...any) string {
	return t.say(key, args, func(v string) string { return v })
}

// TB is T as HTML: the text escaped, each argument escaped and in <strong>; where
// an argument is an e-mail address it may break, as Breakable says.
func (t *Tr) TB(key string, args ...any) string {
	return t.say(key, args, mark, bold)
}

// TH is T as HTML for messages that hold markup of their own, such as a link:
// the message stands as it is, its arguments are escaped.
func (t *Tr) TH(key string, args ...any) string {
	return t.say(key, args, html.EscapeString)
}

func (t *Tr) say(key string, args []any, value func(string) string, after ...func(string) string) string {
	cfg := &goi18n.LocalizeConfig{MessageID: key}
	if len(args) > 0 {
		data := make(map[string]string, len(args)/2)
		for i := 0; i+1 < len(args); i += 2 {
			name := fmt.Sprint(args[i])
			if name == "count" {
				cfg.PluralCount = args[i+1]
			}
			data[name] = value(fmt.Sprint(args[i+1]))
		}
		cfg.TemplateData = data
	}
	text, err := t.localizer.Localize(cfg)
	if err != nil && text == "" {
		return "[" + key + "]"
	}
	for _, f := range after {
		text = f(text)
	}
	return text
}

// List joins words as a sentence does: "a, b and c".
func (t *Tr) List(items []string) string {
	switch len(items) {
	case 0:
		return ""
	case 1:
		return items[0]
	}
	last := len(items) - 1
	return strings.Join(items[:last], ", ") + " " + t.T("kit.and") + " " + items[last]
}

// Other is the first other language that a page offers a link to; false when there is none.
func Other(supported []Lang, current Lang) (Lang, bool) {
	i := slices.IndexFunc(supported, func(l Lang) bool { return l != current })
	if i < 0 {
		return "", false
	}
	return supported[i], true
}

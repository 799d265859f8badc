package notice

import (
	"strings"
	"time"
	"unicode"

	"parvis/internal/i18n"
)

// writer composes one mail: an ordered list of blocks that the text and the HTML
// twin are both made from, so that they cannot say different things.
type writer struct {
	m   *Mails
	tr  *i18n.Tr
	out draft
}

// draft is a composed mail before it becomes text and HTML.
type draft struct {
	Subject   string
	Preheader string // the line that mail programs show after the subject
	Title     string
	Body      []block
	Aside     []block // after the hairline: what to do when it was not you, and when it was asked for
	ReplyTo   string
	Codes     []string
}

// block is one thing in a mail; exactly one field is set, beside Soft and Ordered.
type block struct {
	Para   []span
	Soft   bool // for Para: small and quiet
	Head   string
	Button *link
	Door   *link // a link that stands alone, quieter than the button
	Code   *code
	Items  [][]span
	Facts  []fact
	Quote  []string // lines somebody else wrote

	Ordered bool // for Items: numbered steps
}

type span struct {
	Text   string
	Strong bool
}

type link struct{ Label, URL string }

type code struct{ Intro, Shown, Warning string }

type fact struct{ Name, Value string }

// Marks around a value that is set in bold. They are private-use characters that
// clean removes from every value, so nobody outside can set them.
const (
	boldOn  = "\ue000"
	boldOff = "\ue001"
)

// maxValue bounds a value that comes from a person, a partner or a header, in characters.
const maxValue = 200

// clean makes a foreign value fit for one line of a mail: no control, format or
// private-use characters (which could break lines, reverse reading order or fake
// our marks), no runs of spaces, bounded length.
func clean(value string) string { return cleanTo(value, maxValue) }

func cleanTo(value string, most int) string {
	var b strings.Builder
	count, gap := 0, false
	for _, r := range strings.ToValidUTF8(value, "\ufffd") {
		if r == '\u00a0' || r == '\u202f' {
			r = '\u00a0'
		} else if unicode.IsSpace(r) || unicode.Is(unicode.Cc, r) || unicode.Is(unicode.Zl, r) || unicode.Is(unicode.Zp, r) {
			gap = b.Len() > 0
			continue
		}
		if unicode.Is(unicode.Cf, r) && r != '\u00ad' || unicode.Is(unicode.Co, r) {
			continue
		}
		if count >= most {
			return b.String() + "…"
		}
		if gap {
			b.WriteByte(' ')
			count++
			gap = false
		}
		b.WriteRune(r)
		count++
	}
	return b.String()
}

// strong sets a foreign value in bold.
func strong(value string) string { return boldOn + clean(value) + boldOff }

// spans splits a sentence at the marks of bold values.
func spans(text string) []span {
	var out []span
	bold := false
	for text != "" {
		i := strings.IndexAny(text, boldOn+boldOff)
		if i < 0 {
			return append(out, span{Text: text, Strong: bold})
		}
		if i > 0 {
			out = append(out, span{Text: text[:i], Strong: bold})
		}
		bold = strings.HasPrefix(text[i:], boldOn)
		text = text[i+len(boldOn):]
	}
	return out
}

// plain is a sentence without marks.
func plain(text string) string {
	return strings.NewReplacer(boldOn, "", boldOff, "").Replace(text)
}

// t is a catalogue text of this mail's language; every mail may use the product's name.
func (w *writer) t(key string, args ...any) string {
	return w.tr.T("mail."+key, append([]any{"product", w.product()}, args...)...)
}

// product is the deployment's name in this mail's language.
func (w *writer) product() string { return clean(w.in(w.m.Product)) }

// in is a text of the operator or of a partner in this mail's language.
func (w *writer) in(text i18n.Text) string { return text.In(w.tr.Lang()) }

// open sets subject, title and preheader: keys <name>.subject, <name>.title, <name>.preview.
func (w *writer) open(name string, args ...any) {
	w.out.Subject = cleanTo(plain(w.t(name+".subject", args...)), 120)
	w.out.Title = plain(w.t(name+".title", args...))
	w.out.Preheader = plain(w.t(name+".preview", args...))
}

// say adds a paragraph.
func (w *writer) say(key string, args ...any) {
	w.out.Body = append(w.out.Body, block{Para: spans(w.t(key, args...))})
}

// name is a name in the language of the mail, without what could forge a line.
func (w *writer) name(text i18n.Text) string { return clean(w.in(text)) }

// list says the text of key and a line of each; nothing without any.
func list[T any](w *writer, key string, all []T, line func(T) string) {
	if len(all) == 0 {
		return
	}
	w.say(key)
	items := make([][]span, len(all))
	for i, one := range all {
		items[i] = spans(line(one))
	}
	w.out.Body = append(w.out.Body, block{Items: items})
}

// whisper adds a quiet paragraph.
func (w *writer) whisper(key string, args ...any) {
	w.out.Body = append(w.out.Body, block{Para: spans(w.t(key, args...)), Soft: true})
}

// button adds the mail's one button, to a path of our own site.
func (w *writer) button(key, path string) {
	w.out.Body = append(w.out.Body, block{Button: w.link(key, path)})
}

// link is a link to a path of our own site, which opens in this mail's language.
func (w *writer) link(key, path string) *link {
	mark := "?"
	if strings.Contains(path, "?") {
		mark = "&"
	}
	return &link{Label: w.t(key), URL: w.m.BaseURL + path + mark + "lang=" + string(w.tr.Lang())}
}

// named adds a paragraph under one of two keys: <key>.service, which names the service and its
// department, or <key>.plain when the mail is about no service.
func (w *writer) named(key string, s Service) {
	if label := w.service(s); label != "" {
		w.say(key+".service", "service", label)
		return
	}
	w.say(key + ".plain")
}

// service is the service's name in bold, and its department in brackets.
func (w *writer) service(s Service) string {
	name, department := clean(w.in(s.Name)), clean(w.in(s.Department))
	if name == "" {
		return ""
	}
	if department == "" {
		return strong(name)
	}
	return strong(name) + " (" + department + ")"
}

// proof adds the button, how long it works, and the code as a second way.
func (w *writer) proof(label string, p Proof, asked Asked) {
	w.button(label, "/link/"+p.Token)
	w.valid("proof.valid", asked.At, p.Valid)
	if p.Code != "" {
		w.code("proof.code", p.Code)
	}
}

// valid says until when something works: keys as in until.
func (w *writer) valid(key string, from time.Time, how time.Duration) {
	key, args := w.until(key, from, how)
	w.whisper(key, args...)
}

// until is the key and what it is filled with of a text that names an instant: <key>, and
// <key>-day when that is not today, since French says "until" in another way before a date.
func (w *writer) until(key string, from time.Time, how time.Duration) (string, []any) {
	end := from.Add(how)
	if w.tr.Until(end, from, w.m.Zone) != w.tr.Clock(end, w.m.Zone) {
		key += "-day"
	}
	return key, []any{"until", w.tr.Until(end, from, w.m.Zone), "zone", w.tr.Zone(end, w.m.Zone), "duration", w.tr.Duration(how)}
}

// code adds a code to type; intro is the key of what to do with it.
func (w *writer) code(intro, digits string) {
	w.out.Codes = append(w.out.Codes, digits)
	w.out.Body = append(w.out.Body, block{Code: &code{Intro: w.t(intro), Shown: Grouped(digits), Warning: w.t("proof.secret")}})
}

// Grouped writes a code in groups of three or four, as it is read aloud: "402 917".
func Grouped(digits string) string {
	size := 3
	if len(digits)%3 != 0 && len(digits)%4 == 0 {
		size = 4
	}
	var parts []string
	for len(digits) > size {
		parts, digits = append(parts, digits[:size]), digits[size:]
	}
	return strings.Join(append(parts, digits), " ")
}

// aside adds the "You did not ask for this?" part: title and text keys, then when it was.
func (w *writer) aside(title, text string) {
	w.out.Aside = append(w.out.Aside,
		block{Head: w.t(title)}, block{Para: spans(w.t(text))})
}

// steps adds the numbered steps for somebody whose account may be in foreign hands, and the
// way to the first of them that is ours.
func (w *writer) steps(keys ...string) {
	items := make([][]span, len(keys))
	for i, key := range keys {
		if key == "notyou.contact" && w.m.Support != "" {
			items[i] = spans(w.t("notyou.contact-at", "address", clean(w.m.Support)))
			continue
		}
		items[i] = spans(w.t(key))
	}
	w.out.Aside = append(w.out.Aside, block{Head: w.t("notyou.title")}, block{Items: items, Ordered: true},
		block{Door: w.link("button.reset", pathReset)})
}

// asked adds the quiet line of when, with what and from where: key is "asked" or "done".
func (w *writer) asked(key string, a Asked) {
	if a.At.IsZero() {
		return
	}
	device, place := a.Device.In(w.tr), clean(a.Place)
	switch {
	case device != "" && place != "":
		key += ".both"
	case device != "":
		key += ".device"
	case place != "":
		key += ".place"
	default:
		key += ".when"
	}
	text := w.t(key, "when", w.when(a.At), "device", device, "place", place)
	w.out.Aside = append(w.out.Aside, block{Para: spans(text), Soft: true})
}

// when is an instant with its day of the week and its zone.
func (w *writer) when(at time.Time) string {
	return w.t("when", "day", w.tr.Weekday(at, w.m.Zone), "time", w.tr.Clock(at, w.m.Zone), "zone", w.tr.Zone(at, w.m.Zone))
}

// isPlain reports whether a character may stand in one line: no control, format,
// private-use, surrogate or line-separating character.
func isPlain(r rune) bool {
	return !unicode.In(r, unicode.C, unicode.Zl, unicode.Zp)
}

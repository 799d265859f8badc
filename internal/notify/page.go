package notify

import (
	"bytes"
	"embed"
	"html/template"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

//go:embed mail.html
var files embed.FS

// page is a composed mail with the frame that all mails share.
type page struct {
	draft
	Lang    string
	Locale  string // en-CA, fr-CA
	Product string
	Owner   string
	Foot    []block // under the steps: what we never ask for
	Links   []link  // help, contact
	Theme   Theme
}

func (w *writer) page() *page {
	p := &page{
		draft: w.out, Lang: string(w.tr.Lang()), Locale: w.tr.Lang().Locale(),
		Product: w.product(), Owner: clean(w.in(w.m.Owner)), Theme: w.m.theme(),
		Links: []link{
			{Label: w.t("foot.help"), URL: w.m.url(pathHelp)},
			{Label: w.t("foot.contact"), URL: w.m.url(pathContact)},
		},
	}
	p.Foot = append(p.Foot, block{Para: spans(w.t("foot.never")), Soft: true})
	if !w.m.Answered && w.out.ReplyTo == "" {
		p.Foot = append(p.Foot, block{Para: spans(w.t("foot.unread")), Soft: true})
	}
	return p
}

// part is a list of blocks with the colours to draw them in.
type part struct {
	List  []block
	Theme Theme
}

// In gives a list of blocks the page's colours; for the template.
func (p *page) In(list []block) part { return part{List: list, Theme: p.Theme} }

// links are all addresses of the page in order, each once.
func (p *page) links() []string {
	var out []string
	add := func(l *link) {
		if l != nil && !slices.Contains(out, l.URL) {
			out = append(out, l.URL)
		}
	}
	for _, b := range slices.Concat(p.Body, p.Aside) {
		add(b.Button)
	}
	for i := range p.Links {
		add(&p.Links[i])
	}
	return out
}

// html draws the HTML twin. The colours are checked to be #rrggbb before they stand in CSS.
func (m *Mails) html(p *page) (string, error) {
	m.once.Do(func() {
		css := func(colour string) template.CSS {
			if !isColour(colour) {
				return "inherit"
			}
			return template.CSS(colour) //nolint:gosec // checked the line above
		}
		m.tmpl, m.err = template.New("mail.html").Funcs(template.FuncMap{"css": css}).ParseFS(files, "mail.html")
	})
	if m.err != nil {
		return "", m.err
	}
	var out bytes.Buffer
	if err := m.tmpl.Execute(&out, p); err != nil {
		return "", err
	}
	return tidy(out.String()), nil
}

// tidy drops the empty lines that template actions leave.
func tidy(html string) string {
	var b strings.Builder
	for line := range strings.SplitSeq(html, "\n") {
		if line = strings.TrimSpace(line); line != "" {
			b.WriteString(line)
			b.WriteByte('\n')
		}
	}
	return b.String()
}

// textWidth is where lines of the text twin are wrapped, in characters.
const textWidth = 74

// text is the text twin.
func (p *page) text() string {
	var t textWriter
	head := p.Product
	if p.Owner != "" {
		head += " · " + p.Owner
	}
	t.wrap("", head)
	t.gap()
	t.wrap("", p.Title)
	t.line(strings.Repeat("=", min(utf8.RuneCountInString(p.Title), textWidth)))
	t.gap()
	t.blocks(p.Body)
	if len(p.Aside) > 0 {
		t.line(strings.Repeat("-", 40))
		t.gap()
		t.blocks(p.Aside)
	}
	t.line("-- ")
	t.blocks(p.Foot)
	for _, l := range p.Links {
		t.line(l.Label + separator(p.Lang))
		t.line(l.URL)
	}
	return t.b.String()
}

// separator stands between a label and what it labels.
func separator(lang string) string {
	if lang == "fr" {
		return "\u00a0:"
	}
	return ":"
}

type textWriter struct{ b strings.Builder }

func (t *textWriter) line(s string) { t.b.WriteString(s); t.b.WriteByte('\n') }
func (t *textWriter) gap()          { t.b.WriteByte('\n') }

func (t *textWriter) blocks(list []block) {
	for _, b := range list {
		t.block(b)
	}
}

func (t *textWriter) block(b block) {
	switch {
	case b.Head != "":
		t.wrap("", b.Head)
		return // its text follows directly
	case b.Button != nil:
		t.line(b.Button.Label + " →")
		t.line(b.Button.URL)
	case b.Code != nil:
		t.wrap("", b.Code.Intro)
		t.gap()
		t.line("    " + b.Code.Shown)
		t.gap()
		t.wrap("", b.Code.Warning)
	case b.Items != nil:
		for n, i := range b.Items {
			mark := "* "
			if b.Ordered {
				mark = strconv.Itoa(n+1) + ". "
			}
			t.wrap(mark, joined(i))
		}
	case b.Facts != nil:
		for _, f := range b.Facts {
			t.wrap("  ", f.Name+" "+f.Value)
		}
	case b.Quote != nil:
		for _, line := range b.Quote {
			t.wrap("> ", line)
		}
	default:
		t.wrap("", joined(b.Para))
	}
	t.gap()
}

func joined(list []span) string {
	var b strings.Builder
	for _, s := range list {
		b.WriteString(s.Text)
	}
	return b.String()
}

// wrap writes a paragraph in lines of textWidth; each begins with the prefix, or, after
// the first line of a list item, with as many spaces. Only ordinary spaces break.
func (t *textWriter) wrap(prefix, s string) {
	rest := prefix
	if prefix != "> " {
		rest = strings.Repeat(" ", len(prefix))
	}
	line, used := prefix, utf8.RuneCountInString(prefix)
	empty := true
	for word := range strings.SplitSeq(s, " ") {
		size := utf8.RuneCountInString(word)
		if !empty && used+1+size > textWidth {
			t.line(strings.TrimRight(line, " "))
			line, used, empty = rest, utf8.RuneCountInString(rest), true
		}
		if !empty {
			line, used = line+" ", used+1
		}
		line, used, empty = line+word, used+size, false
	}
	t.line(strings.TrimRight(line, " "))
}

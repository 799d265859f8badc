package notice

import (
	"bytes"
	"embed"
	"fmt"
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
			*w.link("foot.help", pathHelp),
			*w.link("foot.contact", pathContact),
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
		add(b.Door)
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
		// Outlook for Windows knows no max-width: only for it, a table of a fixed width stands around.
		outlook := func(width int) template.HTML {
			return template.HTML(fmt.Sprintf(`<!--[if mso]><table role="presentation" align="center" width="%d" cellpadding="0" cellspacing="0" border="0"><tr><td><![endif]-->`, width)) //nolint:gosec // a number
		}
		outlookEnd := func() template.HTML { return `<!--[if mso]></td></tr></table><![endif]-->` }
		m.tmpl, m.err = template.New("mail.html").Funcs(template.FuncMap{
			"css": css, "outlook": outlook, "outlookEnd": outlookEnd,
		}).ParseFS(files, "mail.html")
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

// text is the text twin. Paragraphs are not broken into lines: phones do that better.
func (p *page) text() string {
	t := textWriter{colon: separator(p.Lang)}
	head := p.Product
	if p.Owner != "" {
		head += " · " + p.Owner
	}
	t.line(head)
	t.gap()
	t.line(p.Title)
	t.line(strings.Repeat("=", utf8.RuneCountInString(p.Title)))
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
		t.line(l.Label + t.colon)
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

type textWriter struct {
	b     strings.Builder
	colon string
}

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
		t.line(b.Head)
		return // its text follows directly
	case b.Button != nil:
		t.line(b.Button.Label + " →")
		t.line(b.Button.URL)
	case b.Door != nil:
		t.line(b.Door.Label + " →")
		t.line(b.Door.URL)
	case b.Code != nil:
		t.line(b.Code.Intro)
		t.gap()
		t.line("    " + b.Code.Shown)
		t.gap()
		t.line(b.Code.Warning)
	case b.Items != nil:
		for n, i := range b.Items {
			mark := "* "
			if b.Ordered {
				mark = strconv.Itoa(n+1) + ". "
			}
			t.line(mark + joined(i))
		}
	case b.Facts != nil:
		for _, f := range b.Facts {
			t.line("  " + f.Name + t.colon + " " + f.Value)
		}
	case b.Quote != nil:
		for _, line := range b.Quote {
			t.line(strings.TrimRight("> "+line, " "))
		}
	default:
		t.line(joined(b.Para))
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

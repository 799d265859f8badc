package webtest

import (
	"bytes"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"golang.org/x/net/html"
)

// Page is one answer as a person sees it.
type Page struct {
	URL    string
	Status int
	Header http.Header
	Body   string

	t    testing.TB
	root *html.Node
}

func read(t testing.TB, url string, status int, header http.Header, body []byte) *Page {
	t.Helper()
	root, err := html.Parse(bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	page := &Page{URL: url, Status: status, Header: header, Body: string(body), t: t, root: root}
	if missing := missingWord.FindString(page.Body); missing != "" {
		t.Errorf("%s shows a word that the catalogues do not have: %s", url, missing)
	}
	if status >= http.StatusInternalServerError && status != http.StatusServiceUnavailable {
		t.Errorf("%s answered %d", url, status)
	}
	return page
}

// missingWord is how a key without a text shows.
var missingWord = regexp.MustCompile(`\[[a-z]+[a-z0-9-]*\.[a-z0-9._-]+\]`)

// Name is the page's name: data-page of its body.
func (p *Page) Name() string {
	for _, n := range p.all("body") {
		return attr(n, "data-page")
	}
	return ""
}

// Lang is the language the page says it is in.
func (p *Page) Lang() string {
	for _, n := range p.all("html") {
		return attr(n, "lang")
	}
	return ""
}

// Title is the text of the title element.
func (p *Page) Title() string {
	for _, n := range p.all("title") {
		return textOf(n)
	}
	return ""
}

// Heading is the text of the only h1.
func (p *Page) Heading() string {
	found := p.all("h1")
	if len(found) != 1 {
		p.t.Errorf("%s has %d h1, want one", p.URL, len(found))
	}
	for _, n := range found {
		return textOf(n)
	}
	return ""
}

// Text is everything the body says, white space folded.
func (p *Page) Text() string {
	for _, n := range p.all("body") {
		return textOf(n)
	}
	return ""
}

// Has reports whether something with an id is on the page.
func (p *Page) Has(id string) bool { return p.byID(id) != nil }

// Href is where the link with an id leads, "" if there is none.
func (p *Page) Href(id string) string {
	if n := p.byID(id); n != nil {
		return attr(n, "href")
	}
	return ""
}

// Attr is an attribute of the element with an id.
func (p *Page) Attr(id, name string) string {
	if n := p.byID(id); n != nil {
		return attr(n, name)
	}
	return ""
}

// Field is an attribute of the first field with a name, "" if there is none.
func (p *Page) Field(name, attribute string) string {
	out := ""
	walk(p.root, func(n *html.Node) {
		if out == "" && (n.Data == "input" || n.Data == "textarea") && attr(n, "name") == name {
			out = attr(n, attribute)
		}
	})
	return out
}

// Names are the names of the fields of a form.
func (p *Page) Names(formID string) []string {
	var out []string
	if form := p.byID(formID); form != nil {
		walk(form, func(n *html.Node) {
			if name := attr(n, "name"); name != "" {
				out = append(out, name)
			}
		})
	}
	return out
}

// Option is the first value of the radio buttons with a name that begins with a text, "" if there is none.
func (p *Page) Option(name, begins string) string {
	out := ""
	walk(p.root, func(n *html.Node) {
		if value := attr(n, "value"); out == "" && n.Data == "input" && attr(n, "name") == name && strings.HasPrefix(value, begins) {
			out = value
		}
	})
	return out
}

// Checked reports whether the box with a name is ticked.
func (p *Page) Checked(name string) bool {
	out := false
	walk(p.root, func(n *html.Node) { out = out || n.Data == "input" && attr(n, "name") == name && has(n, "checked") })
	return out
}

// Must fails the test unless the page has a name and a status.
func (p *Page) Must(name string, status int) *Page {
	p.t.Helper()
	if p.Name() != name || p.Status != status {
		p.t.Fatalf("%s is page %q with status %d, want %q with %d\n%s", p.URL, p.Name(), p.Status, name, status, p.Text())
	}
	return p
}

// MustSay fails the test unless the page says every one of the texts.
func (p *Page) MustSay(texts ...string) *Page {
	p.t.Helper()
	all := fold(p.Text())
	for _, text := range texts {
		if !strings.Contains(all, fold(text)) {
			p.t.Errorf("%s (%s) does not say %q:\n%s", p.URL, p.Name(), text, all)
		}
	}
	return p
}

// MustNotSay fails the test if the page says one of the texts anywhere in its source.
func (p *Page) MustNotSay(texts ...string) *Page {
	p.t.Helper()
	for _, text := range texts {
		if strings.Contains(p.Body, text) || strings.Contains(fold(p.Text()), fold(text)) {
			p.t.Errorf("%s (%s) says %q", p.URL, p.Name(), text)
		}
	}
	return p
}

func (p *Page) byID(id string) *html.Node {
	var found *html.Node
	walk(p.root, func(n *html.Node) {
		if found == nil && attr(n, "id") == id {
			found = n
		}
	})
	return found
}

func (p *Page) all(tag string) []*html.Node {
	var found []*html.Node
	walk(p.root, func(n *html.Node) {
		if n.Data == tag {
			found = append(found, n)
		}
	})
	return found
}

// walk visits every element below a node, itself first.
func walk(n *html.Node, visit func(*html.Node)) {
	if n.Type == html.ElementNode {
		visit(n)
	}
	for c := range n.ChildNodes() {
		walk(c, visit)
	}
}

func attr(n *html.Node, name string) string {
	for _, a := range n.Attr {
		if a.Key == name {
			return a.Val
		}
	}
	return ""
}

func has(n *html.Node, name string) bool {
	for _, a := range n.Attr {
		if a.Key == name {
			return true
		}
	}
	return false
}

func selected(n *html.Node) string {
	value, first := "", true
	walk(n, func(o *html.Node) {
		if o.Data == "option" && (first || has(o, "selected")) {
			value, first = attr(o, "value"), false
		}
	})
	return value
}

// textOf is what an element says; scripts and styles say nothing.
func textOf(n *html.Node) string {
	var b strings.Builder
	var say func(*html.Node)
	say = func(n *html.Node) {
		if n.Type == html.TextNode {
			b.WriteString(n.Data)
			return
		}
		if n.Data == "script" || n.Data == "style" || n.Data == "template" {
			return
		}
		for c := range n.ChildNodes() {
			say(c)
		}
		if n.Type == html.ElementNode && n.Data != "wbr" {
			b.WriteByte(' ')
		}
	}
	say(n)
	return strings.Join(strings.Fields(b.String()), " ")
}

// fold makes the spaces and apostrophes of typography plain, so that tests can be typed.
func fold(s string) string {
	s = strings.NewReplacer("\u00a0", " ", "\u202f", " ", "\u2019", "'").Replace(s)
	return strings.Join(strings.Fields(s), " ")
}

// FormToken is the hidden token of a form.
func (p *Page) FormToken(formID string) string {
	token := ""
	if form := p.byID(formID); form != nil {
		walk(form, func(n *html.Node) {
			if attr(n, "name") == "form_token" {
				token = attr(n, "value")
			}
		})
	}
	return token
}

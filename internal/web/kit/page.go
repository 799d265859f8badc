package kit

import (
	"bytes"
	"embed"
	"fmt"
	"html/template"
	"io/fs"
	"net/http"
	"net/url"
	"path"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"parvis/internal/i18n"
)

//go:embed templates
var files embed.FS

// Pages are the parsed page files of one package, once per language.
//
// A page file is what stands in the sheet's body, with the functions of
// funcs.go; it may define "foot", the one line behind the hairline. Its dot is
// *Page: .Data is what the handler gave.
type Pages struct {
	site *Site
	set  map[i18n.Lang]map[string]parsed
}

// parsed gives a page file, parsed once.
type parsed func() (*template.Template, error)

// Page is the dot of a page file and of the layout.
type Page struct {
	View
	Times

	Lang  i18n.Lang
	Site  *Site
	Ref   string // the reference that the square shows
	Path  string // path of this page, for the language link
	Query string // its query without lang
	token func(form string) string
	own   func(form string) string // the token of a form that is good for who is signed in only
	asked bool                     // by GET: it can be loaded again
}

// Pages parses every *.html file of a directory. It refuses a file that names a
// word the catalogues do not have.
func (s *Site) Pages(fsys fs.FS, dir string) (*Pages, error) {
	names, err := fs.Glob(fsys, path.Join(dir, "*.html"))
	if err != nil {
		return nil, fmt.Errorf("kit: %w", err)
	}
	if len(names) == 0 {
		return nil, fmt.Errorf("kit: no page in %s", dir)
	}
	p := &Pages{site: s, set: map[i18n.Lang]map[string]parsed{}}
	for _, lang := range s.Langs {
		p.set[lang] = map[string]parsed{}
		for _, name := range names {
			page := sync.OnceValues(func() (*template.Template, error) { return s.parsePage(fsys, name, lang) })
			if !s.Late {
				if _, err := page(); err != nil {
					return nil, err
				}
			}
			p.set[lang][strings.TrimSuffix(path.Base(name), ".html")] = page
		}
	}
	return p, nil
}

func (s *Site) parsePage(fsys fs.FS, name string, lang i18n.Lang) (*template.Template, error) {
	raw, err := fs.ReadFile(fsys, name)
	if err != nil {
		return nil, fmt.Errorf("kit: %w", err)
	}
	t, err := s.base[lang].Clone()
	if err != nil {
		return nil, fmt.Errorf("kit: %w", err)
	}
	t.Funcs(s.funcs(lang, t))
	if _, err := t.New("body").Parse(string(raw)); err != nil {
		return nil, fmt.Errorf("kit: %s: %w", name, err)
	}
	if err := s.checkWords(t, lang); err != nil {
		return nil, fmt.Errorf("kit: %s: %w", name, err)
	}
	return t, nil
}

// parseBase parses layout and partials once per language.
func (s *Site) parseBase() (map[i18n.Lang]*template.Template, error) {
	out := map[i18n.Lang]*template.Template{}
	for _, lang := range s.Langs {
		t := template.New("kit")
		t.Funcs(s.funcs(lang, t))
		if _, err := t.ParseFS(files, "templates/*.html"); err != nil {
			return nil, fmt.Errorf("kit: %w", err)
		}
		if err := s.checkWords(t, lang); err != nil {
			return nil, fmt.Errorf("kit: %w", err)
		}
		out[lang] = t
	}
	return out, nil
}

// Render writes a page with a status. The page is made whole before the first
// byte goes out, so that a failing template becomes an error page.
func (p *Pages) Render(w http.ResponseWriter, r *http.Request, status int, v View) error {
	lang := Lang(r)
	file := v.File
	if file == "" {
		file = v.Page
	}
	parse := p.set[lang][file]
	if parse == nil {
		return fmt.Errorf("kit: there is no page %q", file)
	}
	t, err := parse()
	if err != nil {
		return err
	}
	page := p.site.page(w, r, v)
	var out bytes.Buffer
	if err := t.ExecuteTemplate(&out, "layout", page); err != nil {
		return fmt.Errorf("kit: page %s: %w", v.Page, err)
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Language", string(lang))
	h.Set("Content-Security-Policy", policy(page.FormOrigins, page.Frames))
	if !v.Public {
		h.Set("X-Robots-Tag", "noindex")
	}
	if v.Refresh > 0 {
		h.Set("Refresh", strings.TrimSuffix(strconv.Itoa(int(v.Refresh/time.Second))+"; url="+v.RefreshTo, "; url="))
	}
	h.Set("Content-Length", strconv.Itoa(out.Len()))
	w.WriteHeader(status)
	if r.Method == http.MethodHead {
		return nil
	}
	if _, err = out.WriteTo(w); err != nil {
		p.site.Log.DebugContext(r.Context(), "page not delivered", "err", err)
	}
	return nil
}

// page completes a view with the request's scene.
func (s *Site) page(w http.ResponseWriter, r *http.Request, v View) *Page {
	scene := SceneOf(r)
	if v.Lintel == nil {
		v.Lintel = scene.Lintel
	}
	if v.Back == nil {
		v.Back = scene.Back
	}
	if v.FormOrigins == nil {
		v.FormOrigins = scene.FormOrigins
	}
	if v.Session == nil {
		v.Session = scene.Session
	}
	if v.Reference == "" {
		v.Reference = scene.Reference
	}
	if v.Form == nil {
		v.Form = &Form{}
	}
	p := &Page{View: v, Times: s.Times(r), Lang: Lang(r), Site: s, Ref: v.Reference, Path: safePath(r.URL)}
	if r.Method == http.MethodGet || r.Method == http.MethodHead {
		p.Query, p.asked = withoutLang(r.URL.Query()), true
	}
	if v.Session != nil {
		p.Session = v.Session.complete(p.endingPath(r))
	}
	p.token = func(form string) string { return s.FormToken(EnsureBrowser(w, r), form) }
	p.own = func(form string) string { return p.token(scene.own(form)) }
	return p
}

// endingPath is the page that asks without JavaScript whether to stay signed in;
// it leads back to this page.
func (p *Page) endingPath(r *http.Request) string {
	here := p.Path
	if p.Query != "" {
		here += "?" + p.Query
	}
	if r.Method != http.MethodGet || len(here) > localCap {
		return "/session/ending"
	}
	return "/session/ending?next=" + url.QueryEscape(here)
}

// complete fills in the addresses of a session clock.
func (c SessionClock) complete(ending string) *SessionClock {
	for _, f := range []struct {
		field *string
		value string
	}{{&c.SignOut, "/signout"}, {&c.Extend, "/session/extend"}, {&c.Ending, ending}, {&c.Ended, "/"}} {
		if *f.field == "" {
			*f.field = f.value
		}
	}
	return &c
}

// Warns reports whether the page warns before the session ends.
func (p *Page) Warns() bool {
	return p.Session != nil && !p.Session.NoWarning && p.Session.Warn > 0 && p.Session.Idle > 0
}

// WarnAfter is when the warning comes, in seconds from now.
func (p *Page) WarnAfter() int { return max(1, int((p.Session.Idle-p.Session.Warn)/time.Second)) }

// Icon is the address of the favicon: the deployment's mark or ours.
func (p *Page) Icon() string {
	if p.Site.assets.mark != "" {
		return assetPath + p.Site.assets.mark
	}
	return assetPath + p.Site.assets.names["favicon.svg"]
}

// Locale is the page's language as previews write it: en_CA, fr_CA.
func (p *Page) Locale() string { return strings.Replace(p.Lang.Locale(), "-", "_", 1) }

// OtherLang is the language that the header's link leads to; "" when there is one language only.
func (p *Page) OtherLang() i18n.Lang {
	l, _ := i18n.Other(p.Site.Langs, p.Lang)
	return l
}

// LangURL is this page in another language.
func (p *Page) LangURL(l i18n.Lang) string {
	if own := p.Addresses[l]; own != "" {
		return own + "?lang=" + string(l)
	}
	query := "lang=" + string(l)
	if p.Query != "" {
		query = p.Query + "&" + query
	}
	return p.Path + "?" + query
}

// Alternates are the languages of a public page, for hreflang.
func (p *Page) Alternates() []Link {
	out := make([]Link, len(p.Site.Langs))
	for i, l := range p.Site.Langs {
		if own := p.Addresses[l]; own != "" {
			out[i] = Link{URL: p.Site.URL(own), Lang: l}
			continue
		}
		out[i] = Link{URL: p.Site.URL(p.Path) + "?lang=" + string(l), Lang: l}
	}
	return out
}

// Canonical is the one address of a public page.
func (p *Page) Canonical() string {
	if own := p.Addresses[p.Lang]; own != "" {
		return p.Site.URL(own)
	}
	return p.Site.URL(p.Path)
}

// Invalid reports whether the page shows errors.
func (p *Page) Invalid() bool { return !p.Form.OK() }

// Name and Owner are the deployment's.
func (p *Page) Name() string { return p.Site.Settings.Names.In(p.Lang) }

// Owner is who runs the deployment.
func (p *Page) Owner() string { return p.Site.Settings.Owner.In(p.Lang) }

// Notice is the deployment's notice above every page; "" when there is none.
func (p *Page) Notice() string { return p.Site.Settings.Notice.In(p.Lang) }

// hyphened is a short word with hyphens in it, as "sign-in" is.
var hyphened = regexp.MustCompile(`\pL+(?:[’']\pL+)?(?:-\pL+)+`)

// Title is the h1's words. Short words with hyphens stay on one line: browsers break
// lines behind a hyphen, and "sign-" at the end of one is no word.
func (p *Page) Title() template.HTML {
	const short = 16
	out := hyphened.ReplaceAllStringFunc(template.HTMLEscapeString(p.View.Title), func(word string) string {
		if utf8.RuneCountInString(word) > short {
			return word
		}
		return `<span class="glue">` + word + `</span>`
	})
	return template.HTML(out) //nolint:gosec // escaped
}

// FullTitle is <title>: "Error: " when invalid, the h1's words, the service, the product.
func (p *Page) FullTitle() string {
	parts := []string{p.View.Title}
	if p.Lintel != nil && p.Lintel.Name != "" && !strings.Contains(p.View.Title, p.Lintel.Name) {
		parts = append(parts, p.Lintel.Name)
	}
	if p.View.Title != p.Name() {
		parts = append(parts, p.Name())
	}
	title := strings.Join(parts, " – ")
	if p.Invalid() {
		title = p.Site.Texts.Tr(p.Lang).T("kit.error-prefix", "title", title)
	}
	return title
}

// HelpLinks are the links of the square.
func (p *Page) HelpLinks() []Link {
	l := p.Site.Settings.Links
	tr := p.Site.Texts.Tr(p.Lang)
	or := func(text i18n.Text, path string) string {
		if text.Empty() {
			return path
		}
		return text.In(p.Lang)
	}
	return []Link{
		{Text: tr.T("kit.help"), URL: or(l.Help, "/help")},
		{Text: tr.T("kit.contact"), URL: or(l.Contact, p.contactPath())},
		{Text: tr.T("kit.privacy"), URL: or(l.Privacy, "/privacy")},
		{Text: tr.T("kit.terms"), URL: or(l.Terms, "/terms")},
		{Text: tr.T("kit.accessibility"), URL: or(l.Accessibility, "/accessibility")},
	}
}

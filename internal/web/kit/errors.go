package kit

import (
	"bytes"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"parvis/internal/i18n"
)

// errorData is what an error page shows.
type errorData struct {
	What      string   // what happened
	Todo      []string // what the person can do
	Retry     string   // where the button leads; "": no button
	RetryText string   // its catalogue key
}

// errorPage writes the page of a fault. It must not fail: when the template
// does, a plain text says the same.
func (s *Site) errorPage(w http.ResponseWriter, r *http.Request, p *pageFault) {
	h := w.Header()
	if p.after > 0 {
		h.Set("Retry-After", wholeSeconds(p.after))
	} else if p.status == http.StatusServiceUnavailable {
		h.Set("Retry-After", "5")
	}
	scene := SceneOf(r)
	if scene.Reference == "" {
		scene.Reference = Reference(r)
	}
	tr := s.Tr(r)
	name := p.name()
	view := View{
		Page: name, File: "error", Title: tr.T("error." + name + ".title"),
		Data: s.errorData(tr, r, p, name),
	}
	of(r).clocks, of(r).zoned = false, false // what the failed page said is on none
	out := &memory{header: http.Header{}}
	if err := s.errors.Render(out, r, p.status, view); err != nil {
		s.Log.ErrorContext(r.Context(), "error page failed", "reference", Reference(r), "err", err)
		http.Error(w, view.Title+"\n"+Reference(r), p.status)
		return
	}
	for key, values := range out.header {
		h[key] = append(h[key], values...)
	}
	for _, key := range []string{"Content-Security-Policy", "Content-Type", "Content-Length", "Content-Language"} {
		h.Set(key, out.header.Get(key))
	}
	w.WriteHeader(p.status)
	if _, err := out.body.WriteTo(w); err != nil {
		s.Log.DebugContext(r.Context(), "page not delivered", "err", err)
	}
}

// wholeSeconds is a wait as Retry-After says it: never shorter than it is.
func wholeSeconds(wait time.Duration) string {
	return strconv.Itoa(int((wait + time.Second - 1) / time.Second))
}

// name is the page's id: its data-page and the stem of its words.
func (p *pageFault) name() string {
	if p.page != "error" {
		return p.page
	}
	return "error-" + strconv.Itoa(p.status)
}

func (s *Site) errorData(tr *i18n.Tr, r *http.Request, p *pageFault, name string) errorData {
	stem := "error." + name
	d := errorData{What: tr.T(stem+".what", "wait", tr.Duration(p.after))}
	if p.after == 0 && tr.Has(stem+".what-soon") {
		d.What = tr.T(stem + ".what-soon")
	}
	if p.key != "" && tr.Has(p.key) {
		d.What = tr.T(p.key, append(p.args, "wait", tr.Duration(p.after))...)
	}
	for i := 1; tr.Has(fmt.Sprintf("%s.do-%d", stem, i)); i++ {
		d.Todo = append(d.Todo, tr.T(fmt.Sprintf("%s.do-%d", stem, i)))
	}
	d.Retry, d.RetryText = SceneOf(r).Retry, "error.retry"
	switch {
	case d.Retry != "":
	case p.status == http.StatusNotFound || p.status == http.StatusForbidden || p.status == http.StatusMethodNotAllowed:
		d.Retry, d.RetryText = "/", "error.home"
	case p.status != http.StatusTooManyRequests && p.status != http.StatusGone:
		d.Retry = safePath(r.URL)
		if r.Method == http.MethodGet && r.URL.RawQuery != "" {
			d.Retry += "?" + withoutLang(r.URL.Query())
		}
	}
	return d
}

// ContactURL is where a person reaches help.
func (p *Page) ContactURL() string { return p.HelpLinks()[1].URL }

// memory keeps an answer until it is known to be whole.
type memory struct {
	header http.Header
	body   bytes.Buffer
}

func (m *memory) Header() http.Header         { return m.header }
func (m *memory) WriteHeader(int)             {}
func (m *memory) Write(b []byte) (int, error) { return m.body.Write(b) }

package demo

import (
	"bytes"
	"embed"
	"html/template"
	"log/slog"
	"net/http"

	"parvis/internal/i18n"
)

//go:embed pages/*.html
var pageFiles embed.FS

// words are the texts and templates of the demonstration's own pages.
type words struct {
	bundle    *i18n.Bundle
	templates *template.Template
	cookie    string
}

// newWords parses the templates once.
func newWords(bundle *i18n.Bundle) (*words, error) {
	t, err := template.ParseFS(pageFiles, "pages/*.html")
	if err != nil {
		return nil, err
	}
	return &words{bundle: bundle, templates: t, cookie: "demo_lang"}, nil
}

// page is what every page of the demonstration has.
type page struct {
	Page  string // data-page of the body
	Title string
	Lang  string
	Other string // the other language
	Nonce string

	say func(key string, args ...any) string
}

// T is a text in the page's language.
func (p page) T(key string, args ...any) string { return p.say(key, args...) }

// page fills in the common part of a page.
func (m *words) page(r *http.Request, p page) page {
	p.Lang = m.language(r)
	p.Other = "fr"
	if p.Lang == "fr" {
		p.Other = "en"
	}
	p.Nonce = nonce()
	p.say = m.in(r)
	return p
}

// language is the one asked for in the address, else the browser's last choice, else what it accepts.
func (m *words) language(r *http.Request) string {
	asked := r.URL.Query().Get("lang")
	if asked == "en" || asked == "fr" {
		return asked
	}
	if c, err := r.Cookie(m.cookie); err == nil && (c.Value == "en" || c.Value == "fr") {
		return c.Value
	}
	return string(i18n.Match(i18n.Langs(), r.Header.Get("Accept-Language")))
}

// in translates into the language of a request.
func (m *words) in(r *http.Request) func(key string, args ...any) string {
	return m.bundle.Tr(i18n.Lang(m.language(r))).T
}

// closed sends the headers of a page that nobody keeps, with a policy of what it may load.
func closed(w http.ResponseWriter, policy string) {
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Content-Security-Policy", policy)
}

// send renders a page whole, then sends it with a policy that lets nothing else in.
func (m *words) send(w http.ResponseWriter, r *http.Request, status int, name, nonce, formAction string, data any) {
	var out bytes.Buffer
	if err := m.templates.ExecuteTemplate(&out, name, data); err != nil {
		slog.ErrorContext(r.Context(), "demo: page", "page", name, "error", err.Error())
		http.Error(w, "This page cannot be shown.", http.StatusInternalServerError)
		return
	}
	closed(w, "default-src 'none'; img-src data:; style-src 'nonce-"+nonce+"'; frame-src 'self'; form-action "+formAction+"; base-uri 'none'; frame-ancestors 'none'")
	if lang := r.URL.Query().Get("lang"); lang == "en" || lang == "fr" {
		//nolint:gosec // plain HTTP on the loopback address, demonstration only
		http.SetCookie(w, &http.Cookie{Name: m.cookie, Value: lang, Path: "/", HttpOnly: true, SameSite: http.SameSiteLaxMode})
	}
	w.WriteHeader(status)
	_, _ = w.Write(out.Bytes()) // the browser may have gone
}

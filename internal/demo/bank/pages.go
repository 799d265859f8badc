package bank

import (
	"bytes"
	"crypto/rand"
	"embed"
	"log/slog"
	"net/http"

	"parvis/internal/i18n"
)

//go:embed pages/*.html
var pageFiles embed.FS

// page is what the bank's pages show.
type page struct {
	Page  string // data-page of the body
	Title string
	Lang  string
	Other string // the other language
	Nonce string

	Customers []Customer
	Unchosen  bool        // nobody was chosen
	Brought   []parameter // what the browser brought
	Pushed    []parameter // what the client sent itself
	Faults    []faultView
	Saved     bool
	Message   string

	say func(key string, args ...any) string
}

// parameter is one thing that the bank was told.
type parameter struct{ Name, Value string }

// T is a text in the page's language.
func (p page) T(key string, args ...any) string { return p.say(key, args...) }

// page begins a page, in the language of its address, else as the client or the
// browser prefers.
func (b *Bank) page(r *http.Request, locales, name, title string) page {
	lang := i18n.Match(i18n.Langs(), r.URL.Query().Get("lang"), locales, r.Header.Get("Accept-Language"))
	other, _ := i18n.Other(i18n.Langs(), lang)
	p := page{Page: name, Lang: string(lang), Other: string(other), Nonce: rand.Text(), say: b.Texts.Tr(lang).T}
	p.Title = p.T(title)
	return p
}

func (b *Bank) home(w http.ResponseWriter, r *http.Request) {
	b.show(w, r, http.StatusOK, b.page(r, "", "bank-home", "demo.bank.name"), "'none'")
}

// problem says why something did not work.
func (b *Bank) problem(w http.ResponseWriter, r *http.Request, status int, key string) {
	p := b.page(r, "", "bank-problem", "demo.bank.problem.title")
	p.Message = p.T("demo.bank.problem." + key)
	b.show(w, r, status, p, "'none'")
}

// broken is an error of the bank itself.
func (b *Bank) broken(w http.ResponseWriter, r *http.Request, err error) {
	slog.ErrorContext(r.Context(), "demo bank", "error", err.Error())
	http.Error(w, "The bank cannot answer.", http.StatusInternalServerError)
}

// show renders a page whole, then sends it with a policy that lets nothing else in.
func (b *Bank) show(w http.ResponseWriter, r *http.Request, status int, p page, formAction string) {
	var out bytes.Buffer
	if err := b.templates.ExecuteTemplate(&out, "bank.html", p); err != nil {
		b.broken(w, r, err)
		return
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Content-Security-Policy", "default-src 'none'; img-src data:; style-src 'nonce-"+p.Nonce+"'; form-action "+formAction+"; base-uri 'none'; frame-ancestors 'none'")
	w.WriteHeader(status)
	_, _ = w.Write(out.Bytes()) // the browser may have gone
}

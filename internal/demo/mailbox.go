package demo

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"time"

	"parvis/internal/authenticator/totp"
	"parvis/internal/i18n"
	"parvis/internal/id"
	"parvis/internal/notify/mailbox"
	"parvis/internal/notify/notice"
)

// viewer are the pages under /demo: the mailbox and the clock.
type viewer struct {
	Words    *words
	Box      *mailbox.Box
	Clock    *Clock
	People   []Person
	Services []Service
	Partners []Partner
	Issuer   string
	Zone     *time.Location
	Due      func(*http.Request) error // runs the jobs that are due and delivers what waits
}

// mailboxPage is what the list of messages shows.
type mailboxPage struct {
	page
	Issuer   string
	Now      string
	Letters  []letterView
	People   []personView
	Services []Service
	Partners []Partner
}

// personView is one seeded person in words.
type personView struct{ Email, Password, State, Second string }

// messagePage is what one message shows.
type messagePage struct {
	page
	Letter letterView
}

// letterView is a letter in words.
type letterView struct {
	notice.Letter
	Title   string // its subject; of a text or call its first line
	Sent    string
	Way     string // its channel in words
	HasHTML bool
}

// entry is one message of /demo/mailbox.json; its form is fixed for scripts.
type entry struct {
	To      string    `json:"to"`
	Channel string    `json:"channel"`
	Subject string    `json:"subject"`
	Text    string    `json:"text"`
	Links   []string  `json:"links"`
	Codes   []string  `json:"codes"`
	At      time.Time `json:"at"`
}

// routes registers the pages of the demonstration beside those of the service.
func (v *viewer) routes(mux *http.ServeMux) {
	mux.HandleFunc("GET /demo", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "/demo/mailbox", http.StatusSeeOther)
	})
	mux.HandleFunc("GET /demo/mailbox", v.list)
	mux.HandleFunc("GET /demo/mailbox.json", v.json)
	mux.HandleFunc("GET /demo/people.json", v.people)
	mux.HandleFunc("GET /demo/mailbox/{message}", v.message)
	mux.HandleFunc("GET /demo/mailbox/{message}/html", v.html)
	mux.HandleFunc("POST /demo/clock", v.clock)
}

func (v *viewer) list(w http.ResponseWriter, r *http.Request) {
	t, lang := v.Words.in(r), i18n.Lang(v.Words.language(r))
	p := mailboxPage{
		page:   v.Words.page(r, page{Page: "demo-mailbox", Title: t("demo.mailbox.title")}),
		Issuer: v.Issuer, Services: v.named(lang), Partners: v.partners(lang),
		Now: v.Words.bundle.Tr(lang).DateTime(v.Clock.Now(), v.Zone),
	}
	for _, letter := range v.Box.Letters() {
		p.Letters = append(p.Letters, v.view(lang, letter))
	}
	for _, person := range v.People {
		p.People = append(p.People, personView{person.Email, person.Password, t("demo.mailbox.state." + person.State), v.second(t, person)})
	}
	v.Words.send(w, r, http.StatusOK, "mailbox.html", p.Nonce, "'self'", p)
}

// second says what the second step of a person is; of an app, what it shows now.
func (v *viewer) second(t func(key string, args ...any) string, p Person) string {
	words := t("demo.mailbox.method." + p.Method)
	if code := v.appCode(p); code != "" {
		words += " " + t("demo.mailbox.app-code", "code", code)
	}
	if p.Method == methodByBackup {
		words += " " + strings.Join(p.Codes, ", ")
	}
	if c, ok := customerOf(p); ok {
		words += " " + t("demo.mailbox.customer", "partner", t("demo.bank.name"), "customer", c.Name)
	}
	return words
}

// appCode is what the authenticator app of a person shows now, "" for none.
func (v *viewer) appCode(p Person) string {
	if p.Secret == "" {
		return ""
	}
	seed, err := totp.ParseSeed(p.Secret)
	if err != nil {
		return ""
	}
	code, err := seed.Code(v.Clock.Now())
	if err != nil {
		return ""
	}
	return code
}

// people are the seeded people for scripts, each with what their app shows now.
func (v *viewer) people(w http.ResponseWriter, _ *http.Request) {
	type now struct {
		Person

		Code string `json:"code,omitempty"`
	}
	out := []now{}
	for _, p := range v.People {
		out = append(out, now{p, v.appCode(p)})
	}
	writeJSON(w, out)
}

// named are the services with their names in one language.
func (v *viewer) named(lang i18n.Lang) []Service {
	out := make([]Service, len(v.Services))
	for i, s := range v.Services {
		s.Name = s.names.In(lang)
		out[i] = s
	}
	return out
}

// partners are the sign-in partners with their names in one language.
func (v *viewer) partners(lang i18n.Lang) []Partner {
	out := make([]Partner, len(v.Partners))
	for i, p := range v.Partners {
		p.Name = p.names.In(lang)
		out[i] = p
	}
	return out
}

func (v *viewer) view(lang i18n.Lang, letter notice.Letter) letterView {
	tr := v.Words.bundle.Tr(lang)
	title := letter.Subject
	if title == "" {
		title, _, _ = strings.Cut(letter.Text, "\n")
	}
	return letterView{
		Letter: letter, Title: title, Sent: tr.DateTime(letter.At, v.Zone),
		Way: tr.T("demo.mailbox.channel." + string(letter.Channel)), HasHTML: letter.HTML != "",
	}
}

func (v *viewer) message(w http.ResponseWriter, r *http.Request) {
	letter, ok := v.Box.Letter(id.Message(r.PathValue("message")))
	if !ok {
		http.Error(w, v.Words.in(r)("demo.mailbox.gone"), http.StatusNotFound)
		return
	}
	view := v.view(i18n.Lang(v.Words.language(r)), letter)
	p := messagePage{page: v.Words.page(r, page{Page: "demo-message", Title: view.Title}), Letter: view}
	v.Words.send(w, r, http.StatusOK, "message.html", p.Nonce, "'self'", p)
}

// html is the message as a mail programme would show it, for the frame of the
// message page: no script, no form, nothing fetched; links open in a new tab.
func (v *viewer) html(w http.ResponseWriter, r *http.Request) {
	letter, ok := v.Box.Letter(id.Message(r.PathValue("message")))
	if !ok || letter.HTML == "" {
		http.NotFound(w, r)
		return
	}
	closed(w, "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'self'; sandbox allow-popups allow-popups-to-escape-sandbox allow-top-navigation-by-user-activation")
	// Links open a tab of their own, as from a mail programme; inside the frame our pages refuse to be shown.
	_, _ = io.WriteString(w, strings.Replace(letter.HTML, "<head>", `<head><base target="_blank">`, 1))
}

// json is the mailbox for scripts, newest first.
func (v *viewer) json(w http.ResponseWriter, _ *http.Request) {
	entries := []entry{}
	for _, letter := range v.Box.Letters() {
		e := entry{
			To: letter.To, Channel: string(letter.Channel), Subject: letter.Subject, Text: letter.Text,
			Links: letter.Links, Codes: letter.Codes, At: letter.At.UTC(),
		}
		if e.Links == nil {
			e.Links = []string{}
		}
		if e.Codes == nil {
			e.Codes = []string{}
		}
		entries = append(entries, e)
	}
	writeJSON(w, entries)
}

// clock moves the clock of the whole process and does what has become due.
func (v *viewer) clock(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, 1<<10)
	by, err := time.ParseDuration(r.PostFormValue("advance"))
	if err != nil || by < 0 || by > maxAdvance {
		http.Error(w, "advance must be a duration between 0s and 8760h, for example advance=31m", http.StatusBadRequest)
		return
	}
	if err := v.Clock.Advance(by); err != nil {
		http.Error(w, "the clock was not moved: "+err.Error(), http.StatusInternalServerError)
		return
	}
	if err := v.Due(r); err != nil {
		http.Error(w, "the clock was moved, but a job failed: "+err.Error(), http.StatusInternalServerError)
		return
	}
	if r.PostFormValue("back") != "" { // from the mailbox page
		http.Redirect(w, r, "/demo/mailbox", http.StatusSeeOther)
		return
	}
	writeJSON(w, map[string]any{"now": v.Clock.Now().UTC()})
}

func writeJSON(w http.ResponseWriter, value any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	_ = e.Encode(value) // the client may have gone
}

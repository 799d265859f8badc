// Package portal is what stands in front of the door: the public pages that say
// what the account is, which services take part, how it is protected, help in
// every language, and the contact form.
//
// Each page has a permanent address per language (/en/help, /fr/aide). Every
// number on these pages is the configured one. Pages may be found by search
// engines; they read no session and set no cookie, except for the contact form,
// which needs the browser's cookie for its token.
package portal

import (
	"embed"
	"net/http"
	"time"

	"parvis/internal/audit"
	"parvis/internal/db"
	"parvis/internal/i18n"
	"parvis/internal/lifecycle"
	"parvis/internal/notify"
	"parvis/internal/policy"
	"parvis/internal/ratelimit"
	"parvis/internal/relyingparty"
	"parvis/internal/screening"
	"parvis/internal/upstream"
	"parvis/internal/web/kit"
)

//go:embed pages
var files embed.FS

// Numbers are the configured numbers that the pages show.
type Numbers struct {
	LinkValid                         time.Duration // activation link and code
	ResetValid                        time.Duration // link to a new password
	ActivateWithin                    time.Duration // after which an account that is not activated is removed
	Attempts                          int           // wrong passwords in a row that lock
	SessionIdle                       time.Duration
	SessionAbsolute                   time.Duration
	ConsentLife                       time.Duration
	PasswordRules                     func(tr *i18n.Tr) []string // the rules of the deployment, each one sentence
	MailFrom                          string                     // address that mails come from
	Methods                           []policy.Method            // second steps that people can use, as they are recommended
	Always                            policy.Level               // what every sign-in reaches
	CodeValid                         time.Duration              // code by text or call
	EmailCodeValid                    time.Duration              // code by e-mail, as a second step
	Aside                             time.Duration              // how long a session may be set aside to merge two accounts
	Closing                           time.Duration              // how long an account that its owner deletes can be kept
	Unused, UnusedFirst, UnusedSecond time.Duration              // after how long unused an account is removed, and how long before that its owner is told; 0: never
	CoolingOff                        time.Duration              // how long a method in place of lost ones does not count in full
	RecoveryWait                      time.Duration              // how long who proves nothing but the mailbox waits, when every method is lost
	RecoveryOpen                      time.Duration              // how long the link then works
	PartnerValid                      time.Duration              // link and code for who comes from a sign-in partner
	Check                             time.Duration              // code that is mailed in place of the check of a form
	CheckDigits                       int                        // digits of that code
	Remember                          time.Duration              // for how long the second step is not asked for in a remembered browser; 0: never
}

// Portal serves the public pages. Every field must be set.
type Portal struct {
	Site     *kit.Site
	Settings Settings
	Numbers  Numbers
	Registry *relyingparty.Registry
	Partners *upstream.Registry
	DB       *db.DB
	Outbox   *notify.Outbox
	Limiter  *ratelimit.Limiter
	Audit    *audit.Log

	Screening *screening.Journey
	Lifecycle *lifecycle.Lifecycle // for what people ask the staff to do
}

// page is one public page: its name and its address in each language.
type page struct {
	name  string
	slugs map[i18n.Lang]string
	short string // address without a language, for links in mails and footers
}

// pages are all public pages. Addresses are permanent: never change one.
func pages() []page {
	return []page{
		{"home", slugs("", ""), "/about"},
		{"services", slugs("services", "services"), "/participating-services"},
		{"security", slugs("security", "securite"), "/security"},
		{"methods", slugs("methods", "preuves"), "/methods"},
		{"privacy", slugs("privacy", "confidentialite"), "/privacy"},
		{"terms", slugs("terms", "conditions"), "/terms"},
		{"accessibility", slugs("accessibility", "accessibilite"), "/accessibility"},
		{"help", slugs("help", "aide"), "/help"},
		{"contact", slugs("contact", "contact"), "/contact"},
	}
}

func slugs(en, fr string) map[i18n.Lang]string {
	return map[i18n.Lang]string{i18n.English: "/en/" + en, i18n.French: "/fr/" + fr}
}

// Routes adds the portal's addresses.
func (p *Portal) Routes(mux *http.ServeMux) error {
	rendered, err := p.Site.Pages(files, "pages")
	if err != nil {
		return err
	}
	mux.Handle("GET /{$}", p.Site.Handle(p.toLanguage(pages()[0])))
	for _, pg := range pages() {
		mux.Handle("GET "+pg.short, p.Site.Handle(p.toLanguage(pg)))
		for lang, path := range pg.slugs {
			pattern := path
			if pg.name == "home" {
				pattern += "{$}"
				mux.Handle("GET /"+string(lang), http.RedirectHandler(path, http.StatusMovedPermanently))
			}
			if pg.name == "contact" {
				mux.Handle("GET "+pattern, p.Site.Handle(p.in(lang, p.contact(rendered, pg))))
				mux.Handle("POST "+pattern, p.Site.Handle(p.in(lang, p.sendContact(rendered, pg))))
				continue
			}
			mux.Handle("GET "+pattern, p.Site.Handle(p.in(lang, p.show(rendered, pg))))
		}
	}
	mux.Handle("GET /assist/{token}", p.Site.Handle(p.assistance(rendered)))
	mux.Handle("POST /assist/{token}", p.Site.Handle(p.confirmAssistance(rendered)))
	mux.Handle("GET /sitemap.xml", p.Site.Handle(p.sitemap))
	mux.Handle("GET /robots.txt", p.Site.Handle(p.robots))
	return nil
}

// toLanguage leads from an address without a language to the one in the person's language.
func (p *Portal) toLanguage(pg page) kit.Handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		to := pg.slugs[kit.Lang(r)]
		if to == "" {
			to = pg.slugs[i18n.English]
		}
		if r.URL.RawQuery != "" {
			to += "?" + r.URL.RawQuery
		}
		w.Header().Set("Vary", "Accept-Language, Cookie")
		http.Redirect(w, r, to, http.StatusFound) //nolint:gosec // to begins with one of our own fixed paths; only the query is the caller's
		return nil
	}
}

// in fixes the language of a request by its address.
func (p *Portal) in(lang i18n.Lang, h kit.Handler) kit.Handler {
	return func(w http.ResponseWriter, r *http.Request) error { return h(w, kit.Speak(r, lang)) }
}

// show renders a page that only speaks.
func (p *Portal) show(rendered *kit.Pages, pg page) kit.Handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		data, err := p.content(r)
		if err != nil {
			return err
		}
		return rendered.Render(w, r, http.StatusOK, p.view(r, pg, data))
	}
}

// view is the frame of a public page.
func (p *Portal) view(r *http.Request, pg page, data any) kit.View {
	tr := p.Site.Tr(r)
	name := p.Site.Name(tr.Lang())
	return kit.View{
		Page: pg.name, Title: tr.T(pg.name+".title", "product", name),
		Description: tr.T(pg.name+".description", "product", name),
		Public:      true, Wide: pg.name != "contact", NoReference: true, Addresses: pg.slugs, Data: data,
	}
}

// Package kit is what every page and endpoint of Parvis stands on.
//
// It owns the house: the layout and its components, the deployment's theme and
// name, the languages of a request, the security headers, the form tokens, the
// error pages and the static files. Pages live in the packages above it, as
// HTML files beside the Go file that fills them; they hand a View to
// Pages.Render and know nothing of the rest. A handler returns an error, Handle
// turns it into the page that helps, in one place, and logs it once.
//
// It refuses: themes that cannot be read (contrast), forms without the token of
// this browser, bodies over the cap, wrong content types, repeated fields, NUL
// and invalid UTF-8, and templates that name words the catalogues do not have.
package kit

import (
	"errors"
	"fmt"
	"html/template"
	"log/slog"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"
	_ "time/tzdata" // the zone of the deployment must be known on every machine

	"parvis/internal/i18n"
	"parvis/internal/secret"
	"parvis/internal/web/theme"
)

// Config is what New needs. Every field without "optional" must be set.
type Config struct {
	Settings       Settings                  // the deployment's own words, colours and links
	Texts          *i18n.Bundle              // the catalogues
	Langs          []i18n.Lang               // languages offered, the default first; optional: all
	Keys           *secret.Keys              // makes the form tokens
	PublicURL      string                    // origin of this deployment, e.g. "https://account.example.org"; never taken from a request
	TrustedProxies []netip.Prefix            // whose X-Forwarded-For is believed; optional: nobody's
	Bypass         []string                  // ServeMux patterns that other sites may POST to; optional
	Guard          func(*http.Request) error // asked before each request but those for static files; optional
	MaxBody        int64                     // cap of a request body in bytes; optional: 64 kB
	Bodies         map[string]int64          // ServeMux patterns that take longer ones, and how long; optional
	Timeout        time.Duration             // deadline of a request's context; optional: 30 seconds
	Log            *slog.Logger              // where errors are told, once
	Now            func() time.Time          // the process's clock
	Late           bool                      // page files are parsed when they are first shown, not at the start: for tests, which open many houses
}

// Site is one deployment's pages. Made by New; immutable; safe for concurrent use.
type Site struct {
	Config

	zone   *time.Location
	origin *url.URL
	theme  theme.Palette
	assets *assets
	base   map[i18n.Lang]*template.Template // layout and partials, parsed once per language
	errors *Pages
	cross  *http.CrossOriginProtection

	headers []header // of every answer
}

// New makes the site: checks the settings (contrast, words, links), derives the
// theme, and parses the layout once per language. All problems come in one error.
func New(c Config) (*Site, error) {
	if len(c.Langs) == 0 {
		c.Langs = i18n.Langs()
	}
	if c.MaxBody == 0 {
		c.MaxBody = 64 << 10
	}
	if c.Timeout == 0 {
		c.Timeout = 30 * time.Second
	}
	if c.Texts == nil || c.Keys == nil || c.Log == nil || c.Now == nil {
		return nil, errors.New("kit: Texts, Keys, Log and Now must be set")
	}
	origin, err := url.Parse(c.PublicURL)
	if err != nil || origin.Host == "" || (origin.Scheme != "https" && origin.Scheme != "http") {
		return nil, fmt.Errorf("kit: public_url %q is not an http or https address", c.PublicURL)
	}
	if problems := c.Settings.Problems(); len(problems) > 0 {
		return nil, errors.New("kit: " + strings.Join(problems, "; "))
	}
	s := &Site{Config: c, origin: origin}
	s.headers = s.always()
	if s.zone, err = c.Settings.Zone(); err != nil {
		return nil, fmt.Errorf("kit: %w", err)
	}
	if s.theme, err = c.Settings.Theme.Palette(); err != nil {
		return nil, fmt.Errorf("kit: %w", err)
	}
	if s.assets, err = newAssets(s.theme, c.Settings.Theme.Mark); err != nil {
		return nil, err
	}
	if s.base, err = s.parseBase(); err != nil {
		return nil, err
	}
	if s.errors, err = s.Pages(files, "templates/error"); err != nil {
		return nil, err
	}
	if s.cross, err = s.crossOrigin(); err != nil {
		return nil, err
	}
	return s, nil
}

// Zone is the deployment's time zone: that of mails, and of pages whose browser told none (Times).
func (s *Site) Zone() *time.Location { return s.zone }

// Tr is the speaker of a request's language.
func (s *Site) Tr(r *http.Request) *i18n.Tr { return s.Texts.Tr(Lang(r)) }

// URL is an address of this deployment: the public origin and a path.
func (s *Site) URL(path string) string { return strings.TrimSuffix(s.PublicURL, "/") + path }

// Secure reports whether the deployment is reached by https.
func (s *Site) Secure() bool { return s.origin.Scheme == "https" }

// Name is the deployment's name in a language.
func (s *Site) Name(l i18n.Lang) string { return s.Settings.Names.In(l) }

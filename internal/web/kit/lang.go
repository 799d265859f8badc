package kit

import (
	"fmt"
	"net/http"
	"net/url"
	"path"
	"strings"
	"time"

	"parvis/internal/i18n"
)

// langAge is how long a browser keeps the chosen language.
const langAge = 365 * 24 * time.Hour

// langOf is the cookie's language, else the browser's.
func (s *Site) langOf(r *http.Request) i18n.Lang {
	if l, ok := s.offered(Cookie(r, LangCookie)); ok {
		return l
	}
	return i18n.Match(s.Langs, r.Header.Get("Accept-Language"))
}

func (s *Site) offered(name string) (i18n.Lang, bool) {
	for _, l := range s.Langs {
		if string(l) == name {
			return l, true
		}
	}
	return "", false
}

// SetLang remembers a language in the browser, as the language link does; for
// ui_locales of a service use i18n.Match with UseLang.
func SetLang(w http.ResponseWriter, l i18n.Lang) { SetCookie(w, LangCookie, string(l), langAge) }

// UseLang answers this request in a language when the browser has not chosen one itself.
func (s *Site) UseLang(r *http.Request, l i18n.Lang) {
	if _, chosen := s.offered(Cookie(r, LangCookie)); chosen || of(r).chosen {
		return
	}
	if l, ok := s.offered(string(l)); ok {
		of(r).lang = l
	}
}

// switchLang answers ?lang=fr on a GET: it sets the cookie and leads to the same
// page without the parameter. It never leaves this site.
func (s *Site) switchLang(w http.ResponseWriter, r *http.Request) bool {
	if r.Method != http.MethodGet || !strings.Contains(r.URL.RawQuery, "lang=") {
		return false
	}
	query := r.URL.Query()
	wish := query[langField]
	if len(wish) == 0 {
		return false
	}
	if l, ok := s.offered(wish[len(wish)-1]); ok {
		SetLang(w, l)
	}
	target := safePath(r.URL)
	if rest := withoutLang(query); rest != "" {
		target += "?" + rest
	}
	w.Header().Set("Location", target)
	w.WriteHeader(http.StatusSeeOther)
	return true
}

// Switched reports whether a form was sent by the language switch of its page
// (View.Keeps) and not by its own button. It then remembers the language and
// answers this request in it: show the page again with what was typed, decide
// nothing and find nothing wrong. Passwords are not shown again, and what was
// typed stands in no address. Read the form with Site.Form first.
func (s *Site) Switched(w http.ResponseWriter, r *http.Request, f *Form) bool {
	l, ok := s.offered(f.Get(langField))
	if !ok {
		return false
	}
	delete(f.values, langField)
	SetLang(w, l)
	v := of(r)
	v.lang, v.chosen = l, true
	return true
}

// langField names the language in a query and in a form.
const langField = "lang"

// safePath is the path of an address as a reference that can only mean this
// site: one slash at its begin, no backslash, cleaned, escaped.
func safePath(u *url.URL) string {
	clean := path.Clean("/" + strings.ReplaceAll(u.Path, `\`, "/"))
	return (&url.URL{Path: clean}).EscapedPath()
}

// See leads to another page of this service; every POST ends so. Whatever the
// caller made the path of, it cannot lead to another site.
func See(w http.ResponseWriter, r *http.Request, to string) error {
	if !strings.HasPrefix(to, "/") || strings.HasPrefix(to, "//") || strings.Contains(to, `\`) {
		return fmt.Errorf("kit: %.40q is no path of this service", to)
	}
	http.Redirect(w, r, to, http.StatusSeeOther)
	return nil
}

// localCap is the longest address that LocalPath takes, in bytes.
const localCap = 2000

// LocalPath reads an address that a request names to come back to, e.g.
// "/services?sort=name". It answers path and query in a form that can only mean a
// page of this site, or "" when the address says anything else.
func LocalPath(raw string) string {
	if len(raw) > localCap || !strings.HasPrefix(raw, "/") || strings.HasPrefix(raw, "//") || strings.Contains(raw, `\`) {
		return ""
	}
	u, err := url.Parse(raw)
	if err != nil || u.IsAbs() || u.Host != "" || u.User != nil || u.Opaque != "" || !cleanText(u.Path) {
		return ""
	}
	query, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return ""
	}
	out := safePath(u)
	if rest := withoutLang(query); rest != "" {
		out += "?" + rest
	}
	return out
}

// withoutLang is a query without the parameter lang.
func withoutLang(query url.Values) string {
	query.Del(langField)
	return query.Encode()
}

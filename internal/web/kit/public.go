package kit

import (
	"net/http"
	"net/url"

	"parvis/internal/i18n"
)

// Speak answers this request in a language whatever the browser prefers: for
// public pages, whose address names their language.
func Speak(r *http.Request, l i18n.Lang) *http.Request {
	of(r).lang = l
	return r
}

// contactPath is the contact form with what it needs to know of this page: the
// reference to quote and the service that was being signed in to.
func (p *Page) contactPath() string {
	query := url.Values{}
	if p.Ref != "" && !p.NoReference {
		query.Set("ref", p.Ref)
	}
	if p.Lintel != nil && p.Lintel.Party != "" {
		query.Set("service", p.Lintel.Party)
	}
	if len(query) == 0 {
		return "/contact"
	}
	return "/contact?" + query.Encode()
}

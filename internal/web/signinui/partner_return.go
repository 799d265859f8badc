package signinui

import (
	"net/http"
	"net/url"

	"parvis/internal/fault"
	"parvis/internal/id"
	"parvis/internal/upstream"
	"parvis/internal/web/kit"
)

// callbackPattern is upstream.CallbackPath of every partner.
const callbackPattern = "/partner/{partner}/callback"

// answerCap is the longest answer that a partner may post, in bytes: what becomes an
// address of ours must be one that every proxy takes.
const answerCap = 6 << 10

// Doors are the addresses that other sites may POST to.
func Doors() []string { return []string{"POST " + callbackPattern} }

// partnerPosted takes an answer that a partner lets the browser post (OAuth 2.0 Form
// Post Response Mode). It comes from another site, so none of our cookies is there:
// the answer is led to our own GET, which has them, and nothing is read or set here.
func (u *UI) partnerPosted(w http.ResponseWriter, r *http.Request) error {
	if r.ContentLength > answerCap {
		return fault.New(fault.Invalid, "error.400.form")
	}
	r.Body = http.MaxBytesReader(w, r.Body, answerCap)
	form, err := kit.ReadForm(w, r)
	if err != nil {
		return err
	}
	query := url.Values{}
	for _, name := range []string{"state", "code", "iss", "error", "error_description"} {
		if form.Has(name) {
			query.Set(name, form.Get(name))
		}
	}
	address := upstream.CallbackPath(upstream.ID(url.PathEscape(r.PathValue("partner"))))
	return kit.See(w, r, address+"?"+query.Encode())
}

// partnerReturn takes what the browser brought back from a partner. Whatever came of
// it, the dispatcher of its journey knows the page; an answer that no journey of this
// browser waits for has a page of its own.
func (u *UI) partnerReturn(w http.ResponseWriter, r *http.Request) error {
	visitor := u.Visitor.Of(r)
	query := r.URL.Query()
	if len(visitor.Browser) == 0 || query.Get("state") == "" || len(r.URL.RawQuery) > answerCap {
		return u.unexpected(w, r)
	}
	answer := upstream.Answer{Params: query, RawQuery: r.URL.RawQuery}
	f, result, err := u.Signin.PartnerReturn(r.Context(), visitor, upstream.ID(r.PathValue("partner")), answer)
	switch {
	case err == nil:
	case f == "" && fault.Is(err, fault.NotFound):
		return u.unexpected(w, r)
	case f != "" && (fault.Is(err, fault.NotFound) || fault.Is(err, fault.Conflict) || fault.Is(err, fault.Expired)):
		return u.comeIn(w, r, f) // another tab was faster, or the partner has just been taken away
	default:
		return err
	}
	u.Visitor.Set(w, result.Cookies)
	if result.Cookies.Session != "" {
		u.sendFirst(&call{w: w, r: r, tr: u.Site.Tr(r), visitor: visitor}, f, result.Cookies) //nolint:contextcheck // the call holds the request, and with it the context
	}
	return u.comeIn(w, r, f)
}

// comeIn leads on from a partner's answer by a page of its own. A redirect would not
// do: browsers apply the form-action of the partner's page to every redirect after its
// form, so that the way to the service would be blocked, and the service's address
// reported to the partner (R42; Content Security Policy Level 3, 6.4.2).
func (u *UI) comeIn(w http.ResponseWriter, r *http.Request, f id.Flow) error {
	w.Header().Set("Refresh", "0; url="+path(f, ""))
	return u.pages.Render(w, r, http.StatusOK, kit.View{
		Page: "partner-returned", Title: u.Site.Tr(r).T("partner-returned.title"), Data: journey{Flow: f},
	})
}

// unexpected answers for what nobody waits for: a page that was opened again, an
// answer of another browser, or one that somebody made up.
func (u *UI) unexpected(w http.ResponseWriter, r *http.Request) error {
	kit.EnsureBrowser(w, r)
	u.note(r, "nobody waits for an answer of a sign-in partner")
	return u.pages.Render(w, r, http.StatusNotFound, kit.View{Page: "partner-unexpected", Title: u.Site.Tr(r).T("partner-unexpected.title")})
}

// partnerLogo serves a partner's logo, so that pages need no other origin.
func (u *UI) partnerLogo(w http.ResponseWriter, r *http.Request) error {
	p, err := u.partnerNamed(r.Context(), upstream.ID(r.PathValue("partner")))
	if err != nil {
		return err
	}
	if p == nil || len(p.LogoPNG) == 0 {
		return kit.NotFound()
	}
	h := w.Header()
	h.Set("Content-Type", "image/png")
	h.Set("Cache-Control", "public, max-age=3600")
	_, _ = w.Write(p.LogoPNG) // the client may have gone
	return nil
}

// partnerLogoPath is the local address of a partner's logo, "" when it has none.
func partnerLogoPath(p *upstream.Provider) string {
	if len(p.LogoPNG) == 0 {
		return ""
	}
	return "/partner/" + url.PathEscape(string(p.ID)) + "/logo"
}

package signinui

import (
	"io"
	"mime"
	"net/http"
	"net/url"

	"parvis/internal/fault"
	"parvis/internal/id"
	"parvis/internal/signin"
	"parvis/internal/upstream"
	"parvis/internal/upstream/handover"
	"parvis/internal/web/kit"
)

// callbackPattern is upstream.CallbackPath of every partner.
const callbackPattern = "/partner/{partner}/callback"

// answerCap is the longest answer that a partner may post, in bytes, where it becomes
// an address of ours: one that every proxy takes.
const answerCap = 6 << 10

// postedCap is the longest body that a partner may post: an answer that is kept, with
// the escapes of its base64.
const postedCap = handover.MaxAnswer + handover.MaxAnswer/8

// Doors are the addresses that other sites may POST to.
func Doors() []string {
	return []string{"POST " + callbackPattern, "POST " + departurePattern, "POST " + logoutPattern}
}

// Bodies are the addresses that take longer bodies than others, and how long, in bytes.
func Bodies() map[string]int64 {
	return map[string]int64{"POST " + callbackPattern: postedCap, "POST " + logoutPattern: postedCap}
}

// partnerPosted takes an answer that a partner lets the browser post (OAuth 2.0 Form
// Post Response Mode; SAML bindings 3.5). It comes from another site, so none of our
// cookies is there: the answer is led to our own GET, which has them, and nothing is
// read or set here. What OpenID Connect answers goes along in the address; what SAML
// answers is too long, and is kept until this browser comes for it.
func (u *UI) partnerPosted(w http.ResponseWriter, r *http.Request) error {
	form, size, err := readPosted(r)
	if err != nil {
		return err
	}
	partner := upstream.ID(r.PathValue("partner"))
	address := upstream.CallbackPath(upstream.ID(url.PathEscape(string(partner))))
	if form.Has("SAMLResponse") {
		return u.partnerKept(w, r, partner, form)
	}
	if size > answerCap {
		return fault.New(fault.Invalid, "error.400.form")
	}
	query := url.Values{}
	for _, name := range []string{"state", "code", "iss", "error", "error_description"} {
		if form.Has(name) {
			query.Set(name, form.Get(name))
		}
	}
	return kit.See(w, r, address+"?"+query.Encode())
}

// partnerKept keeps an answer and leads to our own page for it. One without a relay
// state of ours answers nothing that we asked, and is not kept: the page says so.
func (u *UI) partnerKept(w http.ResponseWriter, r *http.Request, partner upstream.ID, form *kit.Form) error {
	address := upstream.CallbackPath(upstream.ID(url.PathEscape(string(partner))))
	state := form.Get("RelayState")
	if state == "" || len(state) > relayCap {
		return kit.See(w, r, address)
	}
	fields := url.Values{"SAMLResponse": {form.Get("SAMLResponse")}, "RelayState": {state}}
	handle, err := u.Signin.PartnerPosted(r.Context(), u.Visitor.Of(r), partner, fields)
	if fault.Is(err, fault.Expired) {
		return kit.See(w, r, address)
	}
	if err != nil {
		return err
	}
	return kit.See(w, r, address+"?"+url.Values{handleParam: {handle}}.Encode())
}

// relayCap is the longest relay state (SAML bindings 3.5.3), and handleParam names an
// answer that was kept.
const (
	relayCap    = 80
	handleParam = "answer"
)

// readPosted reads a form of another site, up to postedCap bytes.
func readPosted(r *http.Request) (*kit.Form, int, error) {
	if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || kind != "application/x-www-form-urlencoded" || r.ContentLength > postedCap {
		return nil, 0, fault.New(fault.Invalid, "error.400.form")
	}
	raw, err := io.ReadAll(io.LimitReader(r.Body, postedCap+1))
	if err != nil || len(raw) > postedCap {
		return nil, 0, fault.New(fault.Invalid, "error.400.form")
	}
	form, err := kit.ParseForm(string(raw))
	return form, len(raw), err
}

// partnerReturn takes what the browser brought back from a partner. Whatever came of
// it, the dispatcher of its journey knows the page; an answer that no journey of this
// browser waits for has a page of its own.
func (u *UI) partnerReturn(w http.ResponseWriter, r *http.Request) error {
	visitor := u.Visitor.Of(r)
	query := r.URL.Query()
	handle := query.Get(handleParam)
	partner := upstream.ID(r.PathValue("partner"))
	if len(visitor.Browser) == 0 || query.Get("state") == "" && handle == "" || len(r.URL.RawQuery) > answerCap {
		return u.unasked(w, r, partner)
	}
	var f id.Flow
	var result signin.Result
	var err error
	if handle != "" {
		f, result, err = u.Signin.PartnerHanded(r.Context(), visitor, partner, handle)
	} else {
		f, result, err = u.Signin.PartnerReturn(r.Context(), visitor, partner, upstream.Answer{Params: query, RawQuery: r.URL.RawQuery})
	}
	switch {
	case err == nil:
	case f == "" && fault.Is(err, fault.NotFound):
		return u.unasked(w, r, partner)
	case f != "" && (fault.Is(err, fault.NotFound) || fault.Is(err, fault.Conflict) || fault.Is(err, fault.Denied) || fault.Is(err, fault.Expired)):
		return u.comeIn(w, r, f) // another tab was faster, or the partner has just been taken away
	default:
		return err
	}
	u.Visitor.Set(w, r, result.Cookies)
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

// unasked answers for what nobody waits for. Where the partner may begin sign-ins (SAML
// profiles 4.1.5), one of ours is begun at it instead: what it posted is thrown away,
// because it could be somebody else's (login CSRF), and who has a session there is back
// at once.
func (u *UI) unasked(w http.ResponseWriter, r *http.Request, partner upstream.ID) error {
	p, err := u.partnerNamed(r.Context(), partner)
	if err != nil {
		return err
	}
	if p == nil || p.Disabled || !p.SAML.IdPInitiated {
		return u.unexpected(w, r)
	}
	kit.EnsureBrowser(w, r)
	visitor := u.Visitor.Of(r)
	f, err := u.Signin.Start(r.Context(), visitor, signin.Starts{})
	if err != nil {
		return err
	}
	err = u.Signin.Partner(r.Context(), visitor, f, partner)
	if err != nil && !fault.Is(err, fault.Conflict) { // who is signed in here is asked nothing
		return err
	}
	return kit.See(w, r, path(f, ""))
}

// unexpected answers for what nobody waits for: a page that was opened again, an
// answer of another browser, or one that somebody made up.
func (u *UI) unexpected(w http.ResponseWriter, r *http.Request) error {
	kit.EnsureBrowser(w, r)
	u.note(r, "nobody waits for an answer of a sign-in partner")
	return u.pages.Render(w, r, http.StatusNotFound, kit.View{Page: "partner-unexpected", Title: u.Site.Tr(r).T("partner-unexpected.title")})
}

// partnerMetadata serves our metadata for a partner that speaks SAML, also while it is
// disabled: both sides get to know each other before anybody signs in.
func (u *UI) partnerMetadata(w http.ResponseWriter, r *http.Request) error {
	p, err := u.partnerNamed(r.Context(), upstream.ID(r.PathValue("partner")))
	if err != nil {
		return err
	}
	if p == nil || p.Protocol != upstream.SAML {
		return kit.NotFound()
	}
	raw, err := u.SAMLMetadata(p)
	if err != nil {
		return err
	}
	h := w.Header()
	h.Set("Content-Type", "application/samlmetadata+xml")
	h.Set("Cache-Control", "public, max-age=300")
	_, _ = w.Write(raw) // the client may have gone
	return nil
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

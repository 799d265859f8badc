package signinui

import (
	"net/http"
	"net/url"

	"parvis/internal/fault"
	"parvis/internal/upstream"
	"parvis/internal/web/kit"
)

// The addresses of messages of logout (SAML profiles 4.4): upstream.LogoutPath and
// upstream.LeavePath of every partner.
const (
	logoutPattern = "/partner/{partner}/logout"
	leavePattern  = "/partner/{partner}/sign-out"
)

// partnerSignOutPage is the data of pages/partner-sign-out.html, which carries a message by
// form, and of pages/partner-sign-out-refused.html.
type partnerSignOutPage struct {
	Partner string
	Asks    bool       // it asks the partner to sign the person out; else it answers its own request
	URL     string     // "" where the partner has no address for the answer
	Fields  url.Values // what is posted there
}

// partnerLeave sends who has just signed out here to the partner, to sign out there, too.
// Where nobody has, or the partner cannot be asked, the page says how it is done there.
func (u *UI) partnerLeave(w http.ResponseWriter, r *http.Request) error {
	if r.Method == http.MethodHead {
		return fault.New(fault.Invalid, "oidc.head")
	}
	partner := upstream.ID(r.PathValue("partner"))
	request, err := u.Departure.Leave(r.Context(), u.Visitor.Of(r), partner)
	switch failure := upstream.FailureOf(err); {
	case failure != "":
		u.note(r, "a sign-in partner cannot be asked to sign somebody out", "upstream", string(partner), "failure", string(failure), "reason", err.Error())
		return u.notLeft(w, r, partner)
	case fault.Is(err, fault.NotFound):
		return u.notLeft(w, r, partner)
	case err != nil:
		return err
	}
	return u.carry(w, r, partner, request, true)
}

// carry lets the browser take a message to a partner: by an address, or by a form that its
// button sends.
func (u *UI) carry(w http.ResponseWriter, r *http.Request, partner upstream.ID, request upstream.Request, asks bool) error {
	if request.URL != "" && request.Form == nil {
		w.Header().Set("Location", request.URL)
		w.Header().Set("Cache-Control", "no-store")
		w.WriteHeader(http.StatusSeeOther)
		return nil
	}
	p, err := u.partnerNamed(r.Context(), partner)
	if err != nil {
		return err
	}
	tr := u.Site.Tr(r)
	data := partnerSignOutPage{Partner: partnerName(tr, p), Asks: asks, URL: request.URL, Fields: request.Form}
	view := kit.View{Page: "partner-sign-out", Title: tr.T("partner-sign-out.title", "partner", data.Partner), Data: data}
	if data.URL != "" {
		view.FormOrigins = []string{data.URL}
	}
	return u.pages.Render(w, r, http.StatusOK, view)
}

// partnerLogout takes a message of logout that came by redirect (SAML bindings 3.4), or an
// answer that was posted and kept.
func (u *UI) partnerLogout(w http.ResponseWriter, r *http.Request) error {
	if r.Method == http.MethodHead {
		return fault.New(fault.Invalid, "oidc.head")
	}
	partner, query := upstream.ID(r.PathValue("partner")), r.URL.Query()
	if len(r.URL.RawQuery) > answerCap {
		return fault.New(fault.Invalid, "error.400.form")
	}
	answer := upstream.Answer{Params: query, RawQuery: r.URL.RawQuery}
	switch handle := query.Get(handleParam); {
	case handle != "":
		partly, err := u.Departure.Handed(r.Context(), u.Visitor.Of(r), partner, handle)
		return u.left(w, r, partner, partly, err)
	case query.Has("SAMLRequest"):
		return u.asked(w, r, partner, answer)
	default:
		partly, err := u.Departure.Left(r.Context(), u.Visitor.Of(r), partner, answer)
		return u.left(w, r, partner, partly, err)
	}
}

// partnerLogoutPosted takes a message of logout that a partner lets the browser post (SAML
// bindings 3.5). None of our cookies comes with it: a request needs none, an answer is
// kept for our own GET.
func (u *UI) partnerLogoutPosted(w http.ResponseWriter, r *http.Request) error {
	form, _, err := readPosted(r)
	if err != nil {
		return err
	}
	partner, fields := upstream.ID(r.PathValue("partner")), url.Values{}
	for _, name := range []string{"SAMLRequest", "SAMLResponse", "RelayState"} {
		if form.Has(name) {
			fields.Set(name, form.Get(name))
		}
	}
	if fields.Has("SAMLRequest") {
		return u.asked(w, r, partner, upstream.Answer{Params: fields})
	}
	to := url.Values{handleParam: {"none"}} // nobody waits for it, and the page says so
	if state := fields.Get("RelayState"); state != "" && len(state) <= relayCap {
		handle, err := u.Departure.Keep(r.Context(), u.Visitor.Of(r), partner, fields)
		if err != nil && !fault.Is(err, fault.Expired) {
			return err
		}
		if err == nil {
			to.Set(handleParam, handle)
		}
	}
	return kit.See(w, r, upstream.LogoutPath(upstream.ID(url.PathEscape(string(partner))))+"?"+to.Encode())
}

// asked obeys a partner's own request, and leads back to it with our answer.
func (u *UI) asked(w http.ResponseWriter, r *http.Request, partner upstream.ID, answer upstream.Answer) error {
	back, err := u.Departure.Asked(r.Context(), u.Visitor.Of(r), partner, answer)
	switch failure := upstream.FailureOf(err); {
	case err == nil:
		return u.carry(w, r, partner, back, false)
	case failure == upstream.Outage || failure == upstream.Slow: // its keys cannot be had
		return fault.Wrap(fault.Unavailable, "error.error-503.what-soon", err)
	case failure == "":
		return err
	default:
		u.note(r, "a sign-in partner's request to sign somebody out does not count", "upstream", string(partner), "failure", string(failure), "reason", err.Error())
	}
	p, err := u.partnerNamed(r.Context(), partner)
	if err != nil {
		return err
	}
	tr := u.Site.Tr(r)
	data := partnerSignOutPage{Partner: partnerName(tr, p)}
	return u.pages.Render(w, r, http.StatusBadRequest, kit.View{
		Page: "partner-sign-out-refused", Title: tr.T("partner-sign-out-refused.title", "partner", data.Partner), Data: data,
	})
}

// left shows what a partner answered to who wanted to sign out there, too.
func (u *UI) left(w http.ResponseWriter, r *http.Request, partner upstream.ID, partly bool, err error) error {
	failure := upstream.FailureOf(err)
	switch {
	case failure != "":
		u.note(r, "somebody may not be signed out at a sign-in partner", "upstream", string(partner), "failure", string(failure), "reason", err.Error())
	case fault.Is(err, fault.NotFound):
	case err != nil:
		return err
	}
	if err != nil {
		return u.notLeft(w, r, partner)
	}
	how := "everywhere"
	if partly {
		how = "partly"
	}
	return u.showLeft(w, r, partner, how)
}

// notLeft says how the session at the partner is ended there. Who is signed in here (again)
// is asked about that first.
func (u *UI) notLeft(w http.ResponseWriter, r *http.Request, partner upstream.ID) error {
	v, err := u.Visitor.Peek(r)
	if err != nil {
		return err
	}
	if v.SignedIn {
		return kit.See(w, r, "/signout")
	}
	return u.showLeft(w, r, partner, "failed")
}

func (u *UI) showLeft(w http.ResponseWriter, r *http.Request, partner upstream.ID, how string) error {
	p, err := u.partnerNamed(r.Context(), partner)
	if err != nil {
		return err
	}
	if p == nil {
		return kit.NotFound()
	}
	tr := u.Site.Tr(r)
	data := signedOutPage{Partner: p.Name.In(tr.Lang()), How: how, HelpURL: p.HelpURL.In(tr.Lang())}
	return u.pages.Render(w, r, http.StatusOK, kit.View{Page: "signed-out", Title: tr.T("signed-out.title"), Data: data})
}

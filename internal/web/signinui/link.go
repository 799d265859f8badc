package signinui

import (
	"net/http"
	"net/url"

	"parvis/internal/id"
	"parvis/internal/relyingparty"
	"parvis/internal/signin"
	"parvis/internal/web/kit"
)

// linkPage is the data of pages/confirm-link.html.
type linkPage struct {
	Purpose string // "activate", "reset" or "unlock": stem of its words
	Icon    string
	Address string // masked
	Action  string
	Away    bool // asked for in another browser
}

// linkEndedPage is the data of pages/link-ended.html.
type linkEndedPage struct {
	Lead    string // what happened
	Resend  string // where a form asks for another message; "" for none
	Ask     string // where the main button leads; "" for none
	AskText string // its catalogue key
	SignIn  string // where the sign-in page is; "" leaves the link out
}

// AskID is the id of the main button: the sign-in link keeps its own.
func (p linkEndedPage) AskID() string {
	if p.AskText == "link.sign-in" {
		return "sign-in-link"
	}
	return "continue-to-service"
}

// openLink shows what a mailed link is for. It consumes nothing: mail scanners
// open links, too. The button of the page does (POST).
func (u *UI) openLink(w http.ResponseWriter, r *http.Request) error {
	kit.EnsureBrowser(w, r)
	link, err := u.Signin.OpenLink(r.Context(), u.Visitor.Of(r), r.PathValue("token"))
	if err != nil {
		return err
	}
	return u.showLink(w, r, link)
}

func (u *UI) showLink(w http.ResponseWriter, r *http.Request, link signin.Link) error {
	rp, err := u.Parties.Find(r.Context(), link.RelyingParty)
	if err != nil {
		return err
	}
	line := "signin.lintel.signing-in"
	if link.Purpose == signin.LinkActivate {
		line = "signin.lintel.creating"
	}
	u.dress(r, rp, line)
	if link.Status != signin.LinkLive {
		return u.showEnded(w, r, link, rp)
	}
	tr := u.Site.Tr(r)
	purpose := string(link.Purpose)
	icon := map[signin.LinkPurpose]string{signin.LinkActivate: "mail", signin.LinkReset: "key", signin.LinkUnlock: "unlock"}[link.Purpose]
	return u.pages.Render(w, r, http.StatusOK, kit.View{
		Page: "confirm-link", Title: tr.T("link." + purpose + ".title"),
		Data: linkPage{Purpose: purpose, Icon: icon, Address: link.Address, Action: linkPath(r, ""), Away: !link.Here},
	})
}

// linkPath is the address of a link's own forms.
func linkPath(r *http.Request, page string) string {
	p := "/link/" + url.PathEscape(r.PathValue("token"))
	if page != "" {
		p += "/" + page
	}
	return p
}

// showEnded shows why a link does not work any more, and the way on.
func (u *UI) showEnded(w http.ResponseWriter, r *http.Request, link signin.Link, rp *relyingparty.RelyingParty) error {
	tr := u.Site.Tr(r)
	status := http.StatusGone
	data := linkEndedPage{SignIn: startAt(link.RelyingParty, "")}
	page := "link-" + string(link.Status)
	switch link.Status {
	case signin.LinkExpired:
		data.Lead = tr.T("link.expired."+string(link.Purpose), "duration", tr.Duration(link.Lasts))
		u.nextMessage(r, link, &data)
	case signin.LinkUsed:
		data.Lead = tr.T("link.used." + string(link.Purpose))
		if link.Purpose == signin.LinkReset {
			data.Ask, data.AskText = startAt(link.RelyingParty, "forgot-password"), "link.expired.ask"
		}
	case signin.LinkReplaced:
		data.Lead = tr.T("link.replaced.lead")
	case signin.LinkRemoved:
		data.Lead = tr.T("link.removed.lead", "duration", tr.Duration(u.Numbers.Removal))
		data.Ask, data.AskText = u.createAgain(link.RelyingParty, rp), "link.removed.create"
	default:
		page, status = "link-unknown", http.StatusNotFound
		data.Lead = tr.T("link.unknown.lead")
	}
	if data.Resend == "" && data.Ask == "" {
		data.Ask, data.AskText, data.SignIn = data.SignIn, "link.sign-in", ""
	}
	u.note(r, "link did not work", "status", string(link.Status), "purpose", string(link.Purpose))
	return u.pages.Render(w, r, status, kit.View{
		Page: page, File: "link-ended", Title: tr.T("link." + page[len("link-"):] + ".title"), Data: data,
	})
}

// nextMessage offers another message in place of an expired one.
func (u *UI) nextMessage(r *http.Request, link signin.Link, data *linkEndedPage) {
	switch {
	case link.Purpose == signin.LinkActivate && link.Resend:
		data.Resend = linkPath(r, "resend")
	case link.Purpose == signin.LinkActivate:
		data.Ask, data.AskText = startAt(link.RelyingParty, "create-account"), "link.removed.create"
	case link.Purpose == signin.LinkReset:
		data.Ask, data.AskText = startAt(link.RelyingParty, "forgot-password"), "link.expired.ask"
	case link.Purpose == signin.LinkUnlock:
		data.Ask, data.AskText = startAt(link.RelyingParty, "unlock"), "link.expired.ask"
	}
}

// createAgain is where a removed account is created anew: through the service it
// was meant for (R24).
func (u *UI) createAgain(pid id.RelyingParty, rp *relyingparty.RelyingParty) string {
	if rp != nil && rp.OpenURL(u.Site.PublicURL) != "" {
		return rp.OpenURL(u.Site.PublicURL)
	}
	return startAt(pid, "create-account")
}

// startAt begins a journey of this browser that remembers the service.
func startAt(pid id.RelyingParty, page string) string {
	query := url.Values{}
	if page != "" {
		query.Set("start", page)
	}
	if pid != "" {
		query.Set("service", string(pid))
	}
	if len(query) == 0 {
		return "/signin"
	}
	return "/signin?" + query.Encode()
}

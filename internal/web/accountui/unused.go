package accountui

import (
	"net/http"
	"net/url"
	"time"

	"parvis/internal/fault"
	"parvis/internal/unused"
	"parvis/internal/web/kit"
)

// keepPath begins the address of a link of a mail that keeps an account nobody uses.
const keepPath = "/keep/"

// unusedRoutes registers the page of that link.
func (u *UI) unusedRoutes(mux *http.ServeMux) {
	mux.Handle("GET "+keepPath+"{token}", u.Site.Handle(u.unusedLink))
	mux.Handle("POST "+keepPath+"{token}", u.Site.Handle(u.keepUnused))
}

// unusedPage is the data of pages/unused-link.html.
type unusedPage struct {
	unused.Link

	Action string
	After  time.Duration // how long an account may be unused; 0: for ever
}

// unusedLink says what will become of an account, to who has the mail. It changes nothing:
// programs that look at the links of mails may open it.
func (u *UI) unusedLink(w http.ResponseWriter, r *http.Request) error {
	link, err := u.Unused.Open(r.Context(), u.Visitor.Of(r), r.PathValue("token"))
	if err != nil {
		return err
	}
	kit.EnsureBrowser(w, r)
	status, title := http.StatusOK, "unused-link.title-"+string(link.Status)
	if link.Status == unused.None {
		status, title = http.StatusNotFound, "unused-link.title-none"
	}
	return u.pages.Render(w, r, status, kit.View{Page: "unused-link", Title: u.Site.Tr(r).T(title), Data: unusedPage{
		Link: link, Action: keepPath + url.PathEscape(r.PathValue("token")), After: u.Unused.Settings.After,
	}})
}

// keepUnused keeps the account; the page says what became of it, whoever was faster.
func (u *UI) keepUnused(w http.ResponseWriter, r *http.Request) error {
	if _, err := u.Site.Form(w, r, "unused-link"); err != nil {
		return err
	}
	_, err := u.Unused.Keep(r.Context(), u.Visitor.Of(r), r.PathValue("token"))
	if err != nil && !fault.Is(err, fault.NotFound) {
		return err
	}
	return kit.See(w, r, keepPath+url.PathEscape(r.PathValue("token")))
}

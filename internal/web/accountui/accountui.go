// Package accountui serves the pages of a signed-in person: My connected
// services, disconnecting one, the settings with the security methods and the
// remembered browsers, staying signed in, and signing out.
//
// Each page reads the session anew and asks the journey; nothing of a person is
// cached. Whoever is not signed in is led to the sign-in page and comes back;
// whose session has ended is told so first. What changes a method begins a
// journey where it wants newer proofs, and comes back, too. The session's end stands on every
// page, so that the script can warn before it, and a page that needs no script
// asks the same.
package accountui

import (
	"embed"
	"net/http"
	"net/url"
	"path"
	"strings"
	"time"

	"parvis/internal/activity"
	"parvis/internal/authenticator/password"
	"parvis/internal/ciba"
	"parvis/internal/i18n"
	"parvis/internal/id"
	"parvis/internal/leaving"
	"parvis/internal/merging"
	"parvis/internal/partnering"
	"parvis/internal/policy"
	"parvis/internal/profile"
	"parvis/internal/reclaim"
	"parvis/internal/relyingparty"
	"parvis/internal/signin"
	"parvis/internal/stepup"
	"parvis/internal/unused"
	"parvis/internal/upstream"
	"parvis/internal/web/kit"
	"parvis/internal/web/visit"
)

//go:embed pages
var files embed.FS

// Config is what the pages stand on. Every field must be set.
type Config struct {
	Site       *kit.Site
	Visitor    *visit.Visitor
	Signin     *signin.Journey
	Stepup     *stepup.Journey
	Profile    *profile.Journey
	Policy     password.Policy
	Reclaim    *reclaim.Journey
	Merging    *merging.Journey
	Leaving    *leaving.Journey
	Unused     *unused.Journey
	Activity   *activity.Journey
	Partnering *partnering.Journey
	Parties    *relyingparty.Registry
	Upstreams  *upstream.Registry
	Table      policy.Table
	Idle       time.Duration // after how long without activity a session ends
	Now        func() time.Time
	Asked      ciba.Desk
}

// UI serves the pages. Made by New; safe for concurrent use.
type UI struct {
	Config

	pages *kit.Pages
	mux   *http.ServeMux // of Routes: it tells which addresses are pages
}

// New parses the pages; a page that names a word the catalogues lack is an error.
func New(c Config) (*UI, error) {
	pages, err := c.Site.Pages(files, "pages")
	if err != nil {
		return nil, err
	}
	return &UI{Config: c, pages: pages}, nil
}

// Routes registers every page.
func (u *UI) Routes(mux *http.ServeMux) {
	u.mux = mux
	mux.Handle("GET /services", u.Site.Handle(u.signedIn(u.services)))
	mux.Handle("GET /services/{service}/disconnect", u.Site.Handle(u.signedIn(u.askDisconnect)))
	mux.Handle("POST /services/{service}/disconnect", u.Site.Handle(u.signedIn(u.disconnect)))

	mux.Handle("GET /services/{service}/email", u.Site.Handle(u.signedIn(u.askShare)))
	mux.Handle("POST /services/{service}/email", u.Site.Handle(u.signedIn(u.share)))

	mux.Handle("GET /settings", u.Site.Handle(u.signedIn(u.settings)))
	mux.Handle("GET "+methodsPath, u.Site.Handle(u.signedIn(u.methods)))
	mux.Handle("POST /settings/methods/add", u.Site.Handle(u.signedIn(u.addMethod)))
	mux.Handle("GET /settings/methods/{method}/rename", u.Site.Handle(u.signedIn(u.askRename)))
	mux.Handle("POST /settings/methods/{method}/rename", u.Site.Handle(u.signedIn(u.rename)))
	mux.Handle("GET /settings/methods/{method}/remove", u.Site.Handle(u.signedIn(u.askRemove)))
	mux.Handle("POST /settings/methods/{method}/remove", u.Site.Handle(u.signedIn(u.remove)))
	mux.Handle("GET /settings/methods/new-backup-codes", u.Site.Handle(u.signedIn(u.askBackupCodes)))
	mux.Handle("POST /settings/methods/new-backup-codes", u.Site.Handle(u.signedIn(u.newBackupCodes)))
	mux.Handle("POST /settings/methods/browsers/forget", u.Site.Handle(u.signedIn(u.forgetBrowser)))
	mux.Handle("POST /settings/methods/browsers/forget-all", u.Site.Handle(u.signedIn(u.forgetBrowsers)))

	mux.Handle("GET /settings/partners/{link}/remove", u.Site.Handle(u.signedIn(u.askRemovePartner)))
	mux.Handle("POST /settings/partners/{link}/remove", u.Site.Handle(u.signedIn(u.removePartner)))
	mux.Handle("GET /settings/partners/{partner}/add", u.Site.Handle(u.signedIn(u.askAddPartner)))
	mux.Handle("POST /settings/partners/{partner}/add", u.Site.Handle(u.signedIn(u.addPartner)))
	mux.Handle("GET /settings/partners/{partner}/block", u.Site.Handle(u.signedIn(u.askBlock)))
	mux.Handle("POST /settings/partners/{partner}/block", u.Site.Handle(u.signedIn(u.block)))
	mux.Handle("GET /settings/partners/{partner}/unblock", u.Site.Handle(u.signedIn(u.askUnblock)))
	mux.Handle("POST /settings/partners/{partner}/unblock", u.Site.Handle(u.signedIn(u.unblock)))

	mux.Handle("GET "+passwordPath, u.Site.Handle(u.signedIn(u.askPassword)))
	mux.Handle("POST "+passwordPath, u.Site.Handle(u.signedIn(u.password)))
	mux.Handle("GET "+languagePath, u.Site.Handle(u.signedIn(u.askLanguage)))
	mux.Handle("POST "+languagePath, u.Site.Handle(u.signedIn(u.language)))

	u.emailRoutes(mux)
	u.mergeRoutes(mux)
	u.recoveryRoutes(mux)
	u.leavingRoutes(mux)
	u.unusedRoutes(mux)
	u.dataRoutes(mux)
	u.activityRoutes(mux)
	u.secureRoutes(mux)

	mux.Handle("GET /session/ending", u.Site.Handle(u.ending))
	mux.Handle("GET "+endedPath, u.Site.Handle(u.ended))
	mux.Handle("POST /session/extend", u.Site.Handle(u.extend))
	mux.Handle("GET /signout", u.Site.Handle(u.askSignOut))
	mux.Handle("POST /signout", u.Site.Handle(u.signOut))
}

// call is one request of a signed-in person.
type call struct {
	w     http.ResponseWriter
	r     *http.Request
	visit visit.Visit
}

// signedIn is a handler for signed-in people only.
func (u *UI) signedIn(h func(*call) error) kit.Handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		v, err := u.Visitor.Read(r)
		if err != nil {
			return err
		}
		switch {
		case v.SignedIn:
		case v.Ended:
			return kit.See(w, r, u.endedPath(r))
		default:
			return u.toSignIn(w, r)
		}
		u.Site.UseLang(r, i18n.Lang(v.Account.Locale))
		scene := kit.SceneOf(r)
		scene.Session, scene.Person = u.clock(v, u.endedPath(r)), personOf(v)
		return h(&call{w: w, r: r, visit: v})
	}
}

// personOf names who is signed in, for the tokens of forms.
func personOf(v visit.Visit) string { return string(v.Session.Account) }

// form reads a form of a page that shows something of the person. It is good for that
// person only: when somebody else signed in meanwhile in another tab, nothing is
// changed, and the page that says so leads to back.
func (u *UI) form(c *call, name, back string) (*kit.Form, error) {
	kit.SceneOf(c.r).Retry = back
	return u.Site.OwnForm(c.w, c.r, name)
}

// toSignIn begins a sign-in that comes back to this page.
func (u *UI) toSignIn(w http.ResponseWriter, r *http.Request) error {
	return u.begin(w, r, signin.Starts{Next: u.pageOf(r)})
}

// pageOf is the page of the account that a request is about: the address itself, or,
// for a form that is sent to an address which shows nothing, the nearest page above it,
// e.g. the devices for one that ends a session. It is "" for My connected services,
// where a sign-in ends anyway.
func (u *UI) pageOf(r *http.Request) string {
	for at := r.URL.EscapedPath(); strings.HasPrefix(at, settingsPath) || strings.HasPrefix(at, servicesPath+"/"); at = path.Dir(at) {
		if to, err := url.Parse(at); err == nil {
			if _, pattern := u.mux.Handler(&http.Request{Method: http.MethodGet, URL: to, Host: r.Host}); pattern != "" {
				return at
			}
		}
	}
	return ""
}

// endedPath is where whoever is no longer signed in is told so; the way back in leads to
// the page that the request is about.
func (u *UI) endedPath(r *http.Request) string {
	if at := u.pageOf(r); at != "" {
		return endedPath + "?next=" + url.QueryEscape(at)
	}
	return endedPath
}

// begin begins a journey.
func (u *UI) begin(w http.ResponseWriter, r *http.Request, starts signin.Starts) error {
	kit.EnsureBrowser(w, r)
	f, err := u.Signin.Start(r.Context(), u.Visitor.Of(r), starts)
	if err != nil {
		return err
	}
	return kit.See(w, r, "/signin/"+string(f))
}

// clock is when the session ends if nothing happens, and where the browser goes then.
func (u *UI) clock(v visit.Visit, ended string) *kit.SessionClock {
	return &kit.SessionClock{Idle: v.Session.IdleEndsAt.Sub(u.Now()), Warn: u.Visitor.Sessions.Settings.Warning, Ended: ended}
}

// tabs are the parts of the account that there are; at is the address of the one shown.
func (u *UI) tabs(r *http.Request, at string) []kit.Tab {
	tr := u.Site.Tr(r)
	return []kit.Tab{
		{Text: tr.T("account.tab.services"), URL: "/services", Current: at == "/services"},
		{Text: tr.T("account.tab.activity"), URL: activityPath, Current: at == activityPath},
		{Text: tr.T("account.tab.settings"), URL: settingsPath, Current: at == settingsPath},
	}
}

// service is a partner by the path; nil when it is gone.
func serviceOf(r *http.Request) id.RelyingParty { return id.RelyingParty(r.PathValue("service")) }

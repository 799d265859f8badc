package accountui

import (
	"cmp"
	"net/http"
	"net/url"
	"strings"
	"time"

	"parvis/internal/session"
	"parvis/internal/web/kit"
)

const (
	servicesPath = "/services"
	endedPath    = "/session/ended" // ?next= names the page of the account that was being used
)

// endingPage is the data of pages/session-ending.html.
type endingPage struct {
	Ends time.Time
	Left time.Duration
	Next string // path of the page that the person left; "" for the account
}

// ending asks without JavaScript what the warning dialog asks with it. A page
// without script leads here by itself shortly before the session ends, and from
// here to the end.
func (u *UI) ending(w http.ResponseWriter, r *http.Request) error {
	v, err := u.Visitor.Peek(r)
	if err != nil {
		return err
	}
	next := kit.LocalPath(r.URL.Query().Get("next"))
	if !v.SignedIn {
		return kit.See(w, r, endedAt(next))
	}
	kit.SceneOf(r).Person = personOf(v)
	left := v.Session.IdleEndsAt.Sub(u.Now())
	return u.pages.Render(w, r, http.StatusOK, kit.View{
		Page: "session-ending", Title: u.Site.Tr(r).T("session-ending.title"),
		Refresh: left + time.Second, Data: endingPage{Ends: v.Session.IdleEndsAt, Left: left, Next: next},
	})
}

// endedAt is the page that says that the session has ended, for whoever was at a page.
func endedAt(next string) string {
	if next = accountPage(next); next != "" {
		return endedPath + "?next=" + url.QueryEscape(next)
	}
	return endedPath
}

// accountPage is the path of a local address when it is one of the account's pages, which
// ask for a sign-in and then show themselves; else "".
func accountPage(local string) string {
	at, _, _ := strings.Cut(local, "?")
	if at == settingsPath || strings.HasPrefix(at, settingsPath+"/") || strings.HasPrefix(at, servicesPath+"/") {
		return at
	}
	return ""
}

// endedPage is the data of pages/session-ended.html.
type endedPage struct {
	Lead  string // why
	Alert bool   // it was ended from elsewhere: whoever did not expect that looks at the activity
	Back  string // the way back in
}

// ended shows that the session is over, why, and the way back in: to the page that was
// being used.
func (u *UI) ended(w http.ResponseWriter, r *http.Request) error {
	v, err := u.Visitor.Peek(r)
	if err != nil {
		return err
	}
	next := accountPage(kit.LocalPath(r.URL.Query().Get("next")))
	if v.SignedIn {
		return kit.See(w, r, cmp.Or(next, servicesPath))
	}
	if v.Ended {
		u.Visitor.ClearSession(w)
	}
	tr := u.Site.Tr(r)
	data := endedPage{Back: cmp.Or(next, "/signin"), Alert: v.Standing == session.Ended}
	switch v.Standing {
	case session.Ended:
		data.Lead = tr.T("session-ended.elsewhere")
	case session.Over:
		data.Lead = tr.T("session-ended.over", "duration", tr.Duration(u.Visitor.Sessions.Settings.Absolute))
	case session.Unknown, session.Live, session.Idle:
		data.Lead = tr.T("session-ended.lead", "duration", tr.Duration(u.Idle))
	}
	return u.pages.Render(w, r, http.StatusOK, kit.View{Page: "session-ended", Title: tr.T("session-ended.title"), Data: data})
}

// extend keeps the session alive. The script asks with Accept: application/json
// and reads the status; a form without script comes back to the page that the
// person left, when the form names one of this site, else to the account.
func (u *UI) extend(w http.ResponseWriter, r *http.Request) error {
	form, err := u.Site.Form(w, r, "session-extend")
	if err != nil {
		return err
	}
	v, err := u.Visitor.Read(r)
	if err != nil {
		return err
	}
	script := strings.Contains(r.Header.Get("Accept"), "application/json")
	switch {
	case script && v.SignedIn:
		w.WriteHeader(http.StatusNoContent)
	case script:
		w.WriteHeader(http.StatusGone)
	case v.SignedIn:
		return kit.See(w, r, cmp.Or(kit.LocalPath(form.Get("next")), servicesPath))
	default:
		return kit.See(w, r, endedAt(kit.LocalPath(form.Get("next"))))
	}
	return nil
}

// signOutPage is the data of signinui's sign-out page, here without a service.
type signOutPage struct {
	Address string
}

// askSignOut shows the page sign-out.
func (u *UI) askSignOut(w http.ResponseWriter, r *http.Request) error {
	v, err := u.Visitor.Read(r)
	if err != nil {
		return err
	}
	if !v.SignedIn {
		return kit.See(w, r, "/signed-out")
	}
	kit.SceneOf(r).Person = personOf(v)
	return u.pages.Render(w, r, http.StatusOK, kit.View{
		Page: "sign-out", Title: u.Site.Tr(r).T("sign-out.title"), Data: signOutPage{Address: v.Address},
	})
}

// signOut ends the session of this browser: that of the person whom the page showed.
// Without one there is nothing to end but a session that was set aside.
func (u *UI) signOut(w http.ResponseWriter, r *http.Request) error {
	v, err := u.Visitor.Peek(r)
	if err != nil {
		return err
	}
	if !v.SignedIn {
		if err := u.drop(w, r, v); err != nil {
			return err
		}
		u.Visitor.SignedOut(w, r)
		return kit.See(w, r, "/signed-out")
	}
	scene := kit.SceneOf(r)
	scene.Person, scene.Retry = personOf(v), "/signout"
	if _, err := u.Site.OwnForm(w, r, "sign-out"); err != nil {
		return err
	}
	if err := u.Signin.SignOut(r.Context(), u.Visitor.Of(r)); err != nil {
		return err
	}
	if err := u.drop(w, r, v); err != nil {
		return err
	}
	u.Visitor.SignedOut(w, r)
	if door := v.Session.Facts.Partner.Door; door != "" { // signing out there, too, can be chosen
		return kit.See(w, r, "/signed-out?partner="+url.QueryEscape(door))
	}
	return kit.See(w, r, "/signed-out")
}

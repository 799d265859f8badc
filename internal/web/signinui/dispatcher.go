package signinui

import (
	"net/http"
	"net/url"

	"parvis/internal/fault"
	"parvis/internal/flow"
	"parvis/internal/id"
	"parvis/internal/signin"
	"parvis/internal/web/kit"
)

// start begins a journey without a service's request. ?start= names the page to
// begin at: create-account, forgot-password or unlock; ?service= the service to
// go on to, as the pages of old links do.
func (u *UI) start(w http.ResponseWriter, r *http.Request) error {
	kit.EnsureBrowser(w, r)
	starts := signin.Starts{}
	query := r.URL.Query()
	switch query.Get("start") {
	case "create-account":
		starts.Task = flow.TaskCreate
	case "forgot-password":
		starts.Task = flow.TaskReset
	case "unlock":
		starts.Task = flow.TaskUnlock
	}
	rp, err := u.Parties.Find(r.Context(), id.RelyingParty(query.Get("service")))
	if err != nil {
		return err
	}
	// A mail leads back to the service, which asks anew for what it needs. Only addresses
	// of the registry are ever led to.
	if query.Get("start") == "service" && rp != nil && !rp.Disabled && rp.OpenURL(u.Site.PublicURL) != "" {
		http.Redirect(w, r, rp.OpenURL(u.Site.PublicURL), http.StatusSeeOther) //nolint:gosec // an address of the registry
		return nil
	}
	if rp != nil {
		starts.RelyingParty = rp.ID
	}
	f, err := u.Signin.Start(r.Context(), u.Visitor.Of(r), starts)
	if err != nil {
		return err
	}
	return kit.See(w, r, path(f, ""))
}

// dispatcher binds a journey to this browser and leads to the step that is due.
func (u *UI) dispatcher(w http.ResponseWriter, r *http.Request) error {
	kit.EnsureBrowser(w, r)
	f := id.Flow(r.PathValue("flow"))
	view, err := u.Signin.Open(r.Context(), u.Visitor.Of(r), f)
	if err != nil {
		return u.lost(w, r, err)
	}
	return kit.See(w, r, target(view))
}

// target is where the dispatcher sends: the page of the step that is due, or out
// of the journey.
func target(v signin.View) string {
	switch {
	case v.Step == signin.StepFinish && v.Bound != "" && v.Finish == methodsPath:
		return methodsPath + "?" + url.Values{"added": {string(v.Bound)}}.Encode()
	case v.Step == signin.StepFinish && v.Kind == flow.Adding && v.Added:
		return v.Finish + "?added=partner"
	case v.Step == signin.StepFinish && v.Kind == flow.Adding:
		return v.Finish + "?added=none"
	case v.Step == signin.StepFinish:
		return v.Finish
	case v.Step == signin.StepServices:
		return "/services"
	case v.Step == signin.StepReady:
		return path(v.Flow, "account-activated")
	case v.Step == signin.StepUnlock && v.Notice == flow.NoticeLocked:
		return path(v.Flow, "locked")
	case v.Step == signin.StepSignIn && v.Notice == flow.NoticeUnlocked:
		return path(v.Flow, "unlocked")
	case v.Step == signin.StepChoosePassword && v.Task == flow.TaskReset:
		return path(v.Flow, "reset-password")
	}
	return path(v.Flow, string(v.Step))
}

// lost answers for a journey that is not this browser's, is over, or never was.
func (u *UI) lost(w http.ResponseWriter, r *http.Request, err error) error {
	if !fault.Is(err, fault.NotFound) {
		return err
	}
	u.note(r, "journey not found")
	return u.pages.Render(w, r, http.StatusNotFound, kit.View{Page: "elsewhere", Title: u.Site.Tr(r).T("elsewhere.title")})
}

// note logs why a page without a journey is a dead end, and shows the reference
// under which support finds it.
func (u *UI) note(r *http.Request, what string, details ...any) {
	reference := kit.Reference(r)
	kit.SceneOf(r).Reference = reference
	u.Site.Log.InfoContext(r.Context(), what, append(details, "reference", reference)...)
}

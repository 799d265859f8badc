package accountui

import (
	"net/http"
	"net/url"

	"parvis/internal/authenticator/lost"
	"parvis/internal/fault"
	"parvis/internal/reclaim"
	"parvis/internal/web/kit"
)

// recoveryRoutes registers the page of the links that go out about a recovery. It works
// signed out.
func (u *UI) recoveryRoutes(mux *http.ServeMux) {
	mux.Handle("GET /recovery/{token}", u.Site.Handle(u.openRecovery))
	mux.Handle("POST /recovery/{token}", u.Site.Handle(u.useRecovery))
}

// recoveryPage is the data of pages/recovery-link.html.
type recoveryPage struct {
	reclaim.Link

	State  string // stem of its words
	Action string // where its form goes; "" without one
	SignIn bool   // the way to sign in is offered
	Reset  bool   // the way to a new password is offered
}

// openRecovery shows what a link of a recovery does. It changes nothing: mail scanners and
// previews of telephones open links, too.
func (u *UI) openRecovery(w http.ResponseWriter, r *http.Request) error {
	kit.EnsureBrowser(w, r)
	link, err := u.Reclaim.Open(r.Context(), u.Visitor.Of(r), r.PathValue("token"))
	if err != nil {
		return err
	}
	data := recoveryPage{Link: link, State: recoveryState(link)}
	status := http.StatusOK
	switch data.State {
	case "stop", "undo", "finish":
		data.Action = recoveryPath(r)
	case "stopped", "undone":
		data.Reset = true
	case "unknown":
		status = http.StatusNotFound
	case "waiting":
	default:
		data.SignIn = true
	}
	return u.pages.Render(w, r, status, kit.View{Page: "recovery-link", Title: u.Site.Tr(r).T("recovery-link.title." + data.State), Data: data})
}

func recoveryPath(r *http.Request) string { return "/recovery/" + url.PathEscape(r.PathValue("token")) }

// recoveryState is what a link does now, or why it does nothing.
func recoveryState(l reclaim.Link) string {
	finishes := l.Does == lost.Finishes
	switch {
	case !l.Known:
		return "unknown"
	case l.Stage == lost.Ended:
		switch l.Outcome {
		case lost.Stopped, lost.Undone, lost.Found:
			return string(l.Outcome)
		default:
			return "over"
		}
	case l.Stage == lost.Late:
		return "late"
	case l.Stage == lost.Over:
		return "over"
	case finishes && l.Stage == lost.Waiting:
		return "waiting"
	case finishes && l.Stage == lost.Ready:
		return "finish"
	case finishes:
		return "done"
	case l.Stage == lost.Done:
		return "undo"
	default:
		return "stop"
	}
}

// useRecovery takes the one button of such a link: only this does something.
func (u *UI) useRecovery(w http.ResponseWriter, r *http.Request) error {
	if _, err := u.Site.Form(w, r, "recovery-link"); err != nil {
		return err
	}
	err := u.Reclaim.Use(r.Context(), u.Visitor.Of(r), r.PathValue("token"))
	if err != nil && !fault.Is(err, fault.Conflict) { // too late: the page says what became of it
		return err
	}
	return kit.See(w, r, recoveryPath(r))
}

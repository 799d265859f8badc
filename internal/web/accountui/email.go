package accountui

import (
	"net/http"
	"time"

	"parvis/internal/account"
	"parvis/internal/fault"
	"parvis/internal/id"
	"parvis/internal/profile"
	"parvis/internal/web/kit"
)

// ownEmail finds the address in the path among those of the account.
func (u *UI) ownEmail(c *call) (profile.AddressesView, account.Email, error) {
	view, err := u.Profile.Addresses(c.r.Context(), c.visit.Visitor)
	if err != nil {
		return view, account.Email{}, err
	}
	for _, e := range view.Emails {
		if string(e.ID) == c.r.PathValue("address") {
			return view, e, nil
		}
	}
	return view, account.Email{}, kit.NotFound()
}

// changeEmailPage is the data of pages/main-email.html and pages/remove-email.html.
type changeEmailPage struct {
	Address string
	Before  string // the main address so far
	Action  string
	App     bool
	Undo    time.Duration // for how long it can be taken back
}

// askMainEmail shows what it means that an address is the main one, and askRemoveEmail
// that it is removed. Who has to prove anew who they are does so before, and comes back.
func (u *UI) askMainEmail(c *call) error { return u.askEmail(c, "main") }

func (u *UI) askRemoveEmail(c *call) error { return u.askEmail(c, "remove") }

func (u *UI) askEmail(c *call, what string) error {
	view, e, err := u.ownEmail(c)
	if err != nil {
		return u.refused(c, err, emailsPath)
	}
	if e.Main {
		return kit.See(c.w, c.r, emailsPath) // it is so already, or stays
	}
	action := emailPath(string(e.ID), what)
	ok, err := u.fresh(c, action)
	if err != nil || !ok {
		return err
	}
	page := what + "-email"
	return u.renderSettings(c, http.StatusOK, kit.View{
		Page: page, Title: u.Site.Tr(c.r).T(page + ".title"),
		Data: changeEmailPage{Address: e.Address.Written, Before: c.visit.Address, Action: action, App: view.App, Undo: u.Profile.Proofs.Settings.AddressUndo},
	})
}

// mainEmail makes an address the main one.
func (u *UI) mainEmail(c *call) error {
	if _, err := u.form(c, "main-email", emailsPath); err != nil {
		return err
	}
	row := id.Address(c.r.PathValue("address"))
	return u.emailChanged(c, u.Profile.MakeMain(c.r.Context(), c.visit.Visitor, row), "main")
}

// removeEmail removes an address.
func (u *UI) removeEmail(c *call) error {
	if _, err := u.form(c, "remove-email", emailsPath); err != nil {
		return err
	}
	row := id.Address(c.r.PathValue("address"))
	return u.emailChanged(c, u.Profile.RemoveAddress(c.r.Context(), c.visit.Visitor, row), "remove")
}

func (u *UI) emailChanged(c *call, err error, what string) error {
	switch {
	case err == nil && what == "remove":
		return kit.See(c.w, c.r, emailsPath+"?done=removed")
	case err == nil:
		return kit.See(c.w, c.r, emailsPath+"?done=main")
	case fault.Is(err, fault.Conflict), fault.Is(err, fault.NotFound):
		return kit.See(c.w, c.r, emailsPath) // it was changed in another tab meanwhile: the list shows it
	default:
		return u.refused(c, err, emailPath(c.r.PathValue("address"), what))
	}
}

// undoEmailPage is the data of pages/undo-email.html.
type undoEmailPage struct {
	profile.Undo

	Action string
}

// askUndoEmail shows what a link takes back that was mailed to an address. It wants no
// session: whoever put the address out may be the one who is signed in.
func (u *UI) askUndoEmail(w http.ResponseWriter, r *http.Request) error {
	undo, err := u.Profile.OpenUndo(r.Context(), u.Visitor.Of(r), r.PathValue("token"))
	if err != nil {
		return err
	}
	kit.EnsureBrowser(w, r)
	return u.renderUndoEmail(w, r, undo, false)
}

func (u *UI) renderUndoEmail(w http.ResponseWriter, r *http.Request, undo profile.Undo, now bool) error {
	status, what := http.StatusOK, string(undo.Status)
	switch {
	case undo.Status == profile.UndoNone:
		status = http.StatusNotFound
	case undo.Status == profile.UndoTaken:
		status = http.StatusConflict
	case now && undo.Status == profile.UndoOpen:
		what = "undone"
	case undo.Status != profile.UndoOpen:
		status = http.StatusGone
	}
	undo.Status = profile.UndoStatus(what)
	return u.pages.Render(w, r, status, kit.View{
		Page: "undo-email", Title: u.Site.Tr(r).T("undo-email.title-" + what), Data: undoEmailPage{Undo: undo, Action: r.URL.EscapedPath()},
	})
}

// undoEmail takes a change to an address back.
func (u *UI) undoEmail(w http.ResponseWriter, r *http.Request) error {
	kit.SceneOf(r).Retry = r.URL.EscapedPath()
	if _, err := u.Site.Form(w, r, "undo-email"); err != nil {
		return err
	}
	undo, err := u.Profile.TakeBack(r.Context(), u.Visitor.Of(r), r.PathValue("token"))
	if err != nil {
		return err
	}
	return u.renderUndoEmail(w, r, undo, true)
}

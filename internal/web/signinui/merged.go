package signinui

import (
	"net/http"

	"parvis/internal/fault"
	"parvis/internal/merging"
	"parvis/internal/signin"
	"parvis/internal/web/kit"
)

// mergedRoutes registers the page of somebody whose account was merged into another one.
func (u *UI) mergedRoutes(mux *http.ServeMux) {
	mux.Handle("GET /signin/{flow}/merged", u.show(signin.StepMerged, u.renderMerged))
	mux.Handle("POST /signin/{flow}/merged", u.take(signin.StepMerged, "undo-merge", u.undoMerge, u.renderMerged))
	mux.Handle("POST /signin/{flow}/merged/switch", u.take(signin.StepMerged, "switch", u.switchAccount, u.renderMerged))
}

// mergedPage is the data of pages/merged.html.
type mergedPage struct {
	journey
	merging.Merging

	Form    string // name of the form for its token
	Address string // of the account that was merged
	Open    bool   // the merging can be undone
}

// renderMerged shows the page merged: the account is suspended, and what can be done.
func (u *UI) renderMerged(c *call, form *kit.Form, status int) error {
	own, err := u.Merging.Own(c.r.Context(), c.visitor)
	if err != nil {
		return err
	}
	data := mergedPage{journey: c.journey, Merging: own, Form: c.formOf("undo-merge"), Open: own.Status == merging.Open}
	if c.view.Person != nil {
		data.Address = c.view.Person.Address
	}
	return u.render(c, status, kit.View{Page: "merged", Form: form, Data: data})
}

// undoMerge restores both accounts; the journey goes on as the one that is signed in.
func (u *UI) undoMerge(c *call, _ *kit.Form) error {
	err := u.Merging.Undo(c.r.Context(), c.visitor)
	if err != nil && !fault.Is(err, fault.Denied) {
		return err
	}
	return c.dispatch() // proofs that are too old by now are asked for again
}

// drop ends a session that was set aside while another account was to be merged, with
// the one that is signed out.
func (u *UI) drop(c *call) error {
	held := u.Visitor.Held(c.r)
	if held == "" {
		return nil
	}
	u.Visitor.Release(c.w)
	return u.Merging.Drop(c.r.Context(), held, c.visitor)
}

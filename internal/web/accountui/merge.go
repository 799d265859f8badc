package accountui

import (
	"encoding/hex"
	"net/http"
	"time"

	"parvis/internal/fault"
	"parvis/internal/i18n"
	"parvis/internal/merging"
	"parvis/internal/secret"
	"parvis/internal/signin"
	"parvis/internal/web/kit"
	"parvis/internal/web/visit"
)

// The addresses of merging two accounts. Mails lead to the last two.
const (
	mergePath     = settingsPath + "/merge"
	mergeBothPath = signin.MergePath // where the proof of the other account ends
	mergeUndoPath = mergePath + "/undo"
)

// mergeRoutes registers the pages of merging two accounts.
func (u *UI) mergeRoutes(mux *http.ServeMux) {
	mux.Handle("GET "+mergePath, u.Site.Handle(u.signedIn(u.askMerge)))
	mux.Handle("POST "+mergePath, u.Site.Handle(u.signedIn(u.beginMerge)))
	mux.Handle("GET "+mergeBothPath, u.Site.Handle(u.holding(u.askMergeBoth)))
	mux.Handle("POST "+mergeBothPath, u.Site.Handle(u.holding(u.mergeBoth)))
	mux.Handle("POST "+mergePath+"/cancel", u.Site.Handle(u.cancelMerge))
	mux.Handle("GET "+mergeUndoPath, u.Site.Handle(u.signedIn(u.askUndoMerge)))
	mux.Handle("POST "+mergeUndoPath, u.Site.Handle(u.signedIn(u.undoMerge)))
	mux.Handle("GET /merged/{token}", u.Site.Handle(u.mergeLink))
}

// mergePage is the data of pages/merge.html.
type mergePage struct {
	Address string        // of the account that stays
	Within  time.Duration // to sign in to the other account and to confirm
	UndoFor time.Duration
}

// askMerge says what merging is, to who has just proven who they are. While another
// merging can be undone, it says that instead.
func (u *UI) askMerge(c *call) error {
	own, err := u.Merging.Own(c.r.Context(), c.visit.Visitor)
	if err != nil {
		return u.refused(c, err, mergePath)
	}
	if own.Status == merging.Open {
		return kit.See(c.w, c.r, mergeUndoPath)
	}
	fresh, err := u.Stepup.Fresh(c.r.Context(), c.visit.Visitor)
	if err != nil {
		return u.refused(c, err, mergePath)
	}
	if !fresh {
		return u.prove(c, mergePath)
	}
	return u.renderSettings(c, http.StatusOK, kit.View{
		Page: "merge", Title: u.Site.Tr(c.r).T("merge.title"),
		Data: mergePage{Address: c.visit.Address, Within: merging.AsideFor, UndoFor: u.Merging.Merges.Settings.MergeUndo},
	})
}

// beginMerge sets the session aside and begins the sign-in to the other account.
func (u *UI) beginMerge(c *call) error {
	if _, err := u.form(c, "merge", mergePath); err != nil {
		return err
	}
	err := u.Merging.Begin(c.r.Context(), c.visit.Visitor)
	if fault.Is(err, fault.Conflict) {
		return kit.See(c.w, c.r, mergeUndoPath)
	}
	if err != nil {
		return u.refused(c, err, mergePath)
	}
	u.Visitor.Hold(c.w, c.visit.Visitor.Session, merging.AsideFor)
	return u.begin(c.w, c.r, signin.Starts{Sensitive: true, Next: mergeBothPath})
}

// holding is a handler for a browser that holds the session of the account that stays,
// and is signed in to the other one.
func (u *UI) holding(h func(*call, string) error) kit.Handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		held := u.Visitor.Held(r)
		if held == "" {
			return kit.See(w, r, mergePath)
		}
		v, err := u.Visitor.Read(r)
		if err != nil {
			return err
		}
		c := &call{w: w, r: r, visit: v}
		if !v.SignedIn {
			return u.begin(w, r, signin.Starts{Sensitive: true, Next: mergeBothPath})
		}
		scene := kit.SceneOf(r)
		scene.Session, scene.Person = u.clock(v, u.endedPath(r)), personOf(v)
		return h(c, held)
	}
}

// mergeSide is one of the two accounts as pages/merge-both.html shows it.
type mergeSide struct {
	merging.Side

	Stays     bool
	Linked    []string // sign-in partners, with when they were linked
	Connected []string // names of the connected services
}

// sharedService is one choice of pages/merge-both.html: which account services that
// know both are to know from now on.
type sharedService struct {
	Field   string // name of the form's field
	Names   string
	Choices []kit.Choice
}

// mergeBothPage is the data of pages/merge-both.html.
type mergeBothPage struct {
	Sides   []mergeSide
	Choose  []sharedService
	Carried []string // names of services that know the other account only
	Moving  []string // sign-in partners that will lead to the account that stays
	UndoFor time.Duration
	Until   time.Time
}

// fieldOf is the name of the field of a sector: the same whatever other sectors there are.
func fieldOf(sector string) string { return "keep-" + hex.EncodeToString(secret.Digest(sector))[:12] }

// askMergeBoth shows what each account has, and asks which one services that know both
// are to know.
func (u *UI) askMergeBoth(c *call, held string) error {
	return u.renderMergeBoth(c, held, nil, http.StatusOK)
}

func (u *UI) renderMergeBoth(c *call, held string, form *kit.Form, status int) error {
	plan, err := u.Merging.Plan(c.r.Context(), held, c.visit.Visitor)
	if err != nil {
		return u.mergeStopped(c, err)
	}
	tr, times := u.Site.Tr(c.r), u.Site.Times(c.r)
	data := mergeBothPage{
		Sides:  []mergeSide{sideOf(tr, times, plan.First, true), sideOf(tr, times, plan.Second, false)},
		Moving: linked(tr, times, plan.Moving), UndoFor: plan.UndoFor, Until: u.Now().Add(plan.UndoFor),
	}
	for _, s := range plan.Choose {
		data.Choose = append(data.Choose, shared(tr, times, s, plan))
	}
	for _, s := range plan.Carried {
		data.Carried = append(data.Carried, namesOf(tr, s))
	}
	if form != nil {
		form.Errors = nil
		for _, s := range data.Choose {
			if form.Get(s.Field) == "" {
				form.Fail(s.Field, "merge-both.error", "service", s.Names)
			}
		}
	}
	return u.pages.Render(c.w, c.r, status, kit.View{Page: "merge-both", Title: tr.T("merge-both.title"), Form: form, Data: data})
}

// side is one account in words.
func sideOf(tr *i18n.Tr, times kit.Times, s merging.Side, stays bool) mergeSide {
	out := mergeSide{Side: s, Stays: stays, Linked: linked(tr, times, s.Partners)}
	for _, p := range s.Services {
		out.Connected = append(out.Connected, p.Name.In(tr.Lang()))
	}
	for range s.Gone {
		out.Connected = append(out.Connected, tr.T("merge-both.gone"))
	}
	return out
}

// linked are sign-in partners in words, each with when it was linked.
func linked(tr *i18n.Tr, times kit.Times, partners []merging.Partner) []string {
	var out []string
	for _, p := range partners {
		out = append(out, tr.T("merge-both.partner", "partner", p.Name.In(tr.Lang()), "since", times.Date(p.Since)))
	}
	return out
}

// shared is the choice about one identifier.
func shared(tr *i18n.Tr, times kit.Times, s merging.Shared, plan merging.Plan) sharedService {
	out := sharedService{Field: fieldOf(s.Sector), Names: namesOf(tr, s)}
	for i, side := range []merging.Side{plan.First, plan.Second} {
		hint := tr.T("merge-both.never-used", "address", side.Addresses[0])
		if !s.LastUsed[i].IsZero() {
			hint = tr.T("merge-both.last-used", "address", side.Addresses[0], "when", times.Moment(s.LastUsed[i]))
		}
		text := "merge-both.of-goes"
		if i == 0 {
			text = "merge-both.of-stays"
		}
		out.Choices = append(out.Choices, kit.Choice{
			Value: string([]merging.Keep{merging.KeepFirst, merging.KeepSecond}[i]), Text: tr.T(text), Hint: hint,
		})
	}
	return out
}

// namesOf names the services of a sector.
func namesOf(tr *i18n.Tr, s merging.Shared) string {
	var names []string
	for _, p := range s.Services {
		names = append(names, p.Name.In(tr.Lang()))
	}
	if len(names) == 0 {
		return tr.T("merge-both.gone")
	}
	return tr.List(names)
}

// mergeBoth merges the accounts.
func (u *UI) mergeBoth(c *call, held string) error {
	form, err := u.form(c, "merge-both", mergeBothPath)
	if err != nil {
		return err
	}
	plan, err := u.Merging.Plan(c.r.Context(), held, c.visit.Visitor)
	if err != nil {
		return u.mergeStopped(c, err)
	}
	keep := map[string]merging.Keep{}
	for _, s := range plan.Choose {
		keep[s.Sector] = merging.Keep(form.Get(fieldOf(s.Sector)))
	}
	cookies, err := u.Merging.Confirm(c.r.Context(), held, c.visit.Visitor, keep)
	if fault.Is(err, fault.Invalid) {
		return u.renderMergeBoth(c, held, form, http.StatusUnprocessableEntity)
	}
	if err != nil {
		return u.mergeStopped(c, err)
	}
	u.Visitor.Set(c.w, c.r, cookies)
	u.Visitor.Release(c.w)
	return kit.See(c.w, c.r, settingsPath+"?merged=yes")
}

// mergeStoppedPage is the data of pages/merge-stopped.html.
type mergeStoppedPage struct {
	Why string // in words
}

// mergeStopped answers why two accounts are not merged, with the way back to the first
// one. Who has to prove the other account anew does so.
func (u *UI) mergeStopped(c *call, err error) error {
	why := ""
	switch e := merging.Cause(err); {
	case e == merging.HeldEnded:
		why = "merge-stopped.late"
	case e == merging.Same:
		why = "merge-stopped.same"
	case e == merging.Moved:
		why = "merge-stopped.address"
	case e == merging.Busy:
		why = "merge-stopped.pending"
	case fault.Is(err, fault.Denied):
		return u.begin(c.w, c.r, signin.Starts{Sensitive: true, Next: mergeBothPath})
	default:
		return err
	}
	tr := u.Site.Tr(c.r)
	return u.pages.Render(c.w, c.r, http.StatusConflict, kit.View{
		Page: "merge-stopped", Title: tr.T("merge-stopped.title"), Data: mergeStoppedPage{Why: tr.T(why)},
	})
}

// cancelMerge leaves the accounts as they are: the browser goes on as the first one.
func (u *UI) cancelMerge(w http.ResponseWriter, r *http.Request) error {
	if _, err := u.Site.Form(w, r, "merge-cancel"); err != nil {
		return err
	}
	held := u.Visitor.Held(r)
	if held == "" {
		return kit.See(w, r, settingsPath)
	}
	cookies, err := u.Merging.Abandon(r.Context(), held, u.Visitor.Of(r))
	if err != nil {
		return err
	}
	u.Visitor.Release(w)
	if cookies.Session == "" {
		u.Visitor.ClearSession(w)
	}
	u.Visitor.Set(w, r, cookies)
	return kit.See(w, r, settingsPath)
}

// undoMergePage is the data of pages/merge-undo.html.
type undoMergePage struct {
	merging.Merging
}

// askUndoMerge shows the owner of the account that stayed what undoing does.
func (u *UI) askUndoMerge(c *call) error {
	own, err := u.Merging.Own(c.r.Context(), c.visit.Visitor)
	if err != nil {
		return u.refused(c, err, mergeUndoPath)
	}
	if own.Status != merging.Open {
		return kit.See(c.w, c.r, settingsPath)
	}
	return u.renderSettings(c, http.StatusOK, kit.View{
		Page: "merge-undo", Title: u.Site.Tr(c.r).T("merge-undo.title"), Data: undoMergePage{own},
	})
}

// undoMerge undoes it, for who has proven who they are lately.
func (u *UI) undoMerge(c *call) error {
	if _, err := u.form(c, "merge-undo", mergeUndoPath); err != nil {
		return err
	}
	err := u.Merging.Undo(c.r.Context(), c.visit.Visitor)
	if fault.Is(err, fault.Conflict) {
		return kit.See(c.w, c.r, settingsPath)
	}
	if err != nil {
		return u.refused(c, err, mergeUndoPath)
	}
	return kit.See(c.w, c.r, settingsPath+"?merged=undone")
}

// mergeLinkPage is the data of pages/merge-link.html.
type mergeLinkPage struct {
	merging.Merging
}

// mergeLink says what became of a merging, to who has the mail. The link opens nothing:
// undoing begins with a proof of one of the two accounts.
func (u *UI) mergeLink(w http.ResponseWriter, r *http.Request) error {
	m, err := u.Merging.Link(r.Context(), u.Visitor.Of(r), r.PathValue("token"))
	if err != nil {
		return err
	}
	status, title := http.StatusOK, "merge-link.title-"+string(m.Status)
	if m.Status == merging.None {
		status, title = http.StatusNotFound, "merge-link.title-none"
	}
	return u.pages.Render(w, r, status, kit.View{Page: "merge-link", Title: u.Site.Tr(r).T(title), Data: mergeLinkPage{m}})
}

// drop ends a session that was set aside, with the one that is signed out or without.
func (u *UI) drop(w http.ResponseWriter, r *http.Request, v visit.Visit) error {
	held := u.Visitor.Held(r)
	if held == "" {
		return nil
	}
	u.Visitor.Release(w)
	return u.Merging.Drop(r.Context(), held, v.Visitor)
}

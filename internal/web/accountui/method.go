package accountui

import (
	"net/http"
	"net/url"
	"slices"

	"parvis/internal/authenticator"
	"parvis/internal/i18n"
	"parvis/internal/policy"
	"parvis/internal/stepup"
	"parvis/internal/web/kit"
)

// own finds the method in the path among those that its owner may change here.
func (u *UI) own(c *call) (stepup.Overview, stepup.Entry, error) {
	overview, err := u.Stepup.Overview(c.r.Context(), c.visit.Visitor)
	if err != nil {
		return overview, stepup.Entry{}, err
	}
	for _, e := range overview.Entries {
		if string(e.ID) == c.r.PathValue("method") && !e.Fixed {
			return overview, e, nil
		}
	}
	return overview, stepup.Entry{}, authenticator.None()
}

// renamePage is the data of pages/rename-method.html.
type renamePage struct {
	Action string
	Kind   string
	Target string
}

// askRename shows the form with the name that a method has.
func (u *UI) askRename(c *call) error {
	_, e, err := u.own(c)
	if err != nil {
		return u.refused(c, err, methodsPath)
	}
	return u.renderRename(c, http.StatusOK, e, kit.NewForm("name", u.nameOf(u.Site.Tr(c.r), e)))
}

func (u *UI) renderRename(c *call, status int, e stepup.Entry, form *kit.Form) error {
	tr := u.Site.Tr(c.r)
	if e.Name == "" {
		return kit.NotFound()
	}
	return u.renderSettings(c, status, kit.View{
		Page: "rename-method", Title: tr.T("rename-method.title"), Form: form, Keeps: "rename-method",
		Data: renamePage{Action: methodPath(e.ID, "rename"), Kind: typeName(tr, e.Type), Target: e.Target},
	})
}

// rename gives a method another name.
func (u *UI) rename(c *call) error {
	form, err := u.form(c, "rename-method", methodsPath)
	if err != nil {
		return err
	}
	_, e, err := u.own(c)
	if err != nil {
		return u.refused(c, err, methodsPath)
	}
	if u.Site.Switched(c.w, c.r, form) {
		return u.renderRename(c, http.StatusOK, e, form)
	}
	err = u.Stepup.Rename(c.r.Context(), c.visit.Visitor, e.ID, form.Get("name"))
	switch {
	case err == nil:
		return kit.See(c.w, c.r, methodsPath+"?"+url.Values{"renamed": {string(e.ID)}}.Encode())
	case form.FailWith(err):
		return u.renderRename(c, http.StatusUnprocessableEntity, e, form)
	default:
		return u.refused(c, err, methodPath(e.ID, "rename"))
	}
}

// removePage is the data of pages/remove-method.html.
type removePage struct {
	Action   string
	Name     string
	Target   string
	Effect   string   // what no longer works
	Last     bool     // no other method but the e-mail address is left
	Services []string // those for which nothing that is left is enough
	Browsers bool     // browsers are remembered, which ends
}

// askRemove shows what it means to be without a method. Who has to prove anew who
// they are does so before, and comes back here.
func (u *UI) askRemove(c *call) error {
	overview, e, err := u.own(c)
	if err != nil {
		return u.refused(c, err, methodsPath)
	}
	fresh, err := u.Stepup.Fresh(c.r.Context(), c.visit.Visitor)
	if err != nil {
		return u.refused(c, err, methodsPath)
	}
	if !fresh {
		return u.prove(c, methodPath(e.ID, "remove"))
	}
	tr := u.Site.Tr(c.r)
	left, last := []policy.Method{policy.Email}, true
	for _, other := range overview.Entries {
		if other.ID != e.ID {
			left = append(left, other.Type.Methods()...)
			last = last && other.Type == authenticator.Email
		}
	}
	services, err := u.beyond(c, tr, left)
	if err != nil {
		return err
	}
	title := "remove-method.title"
	if e.Name == "" {
		title = "remove-method.title-type"
	}
	return u.renderSettings(c, http.StatusOK, kit.View{
		Page: "remove-method", Title: tr.T(title, "name", u.nameOf(tr, e)),
		Data: removePage{
			Action: methodPath(e.ID, "remove"), Name: u.nameOf(tr, e), Target: e.Target, Last: last, Services: services,
			Effect: tr.T("remove-method.effect." + string(e.Type)), Browsers: len(overview.Browsers) > 0,
		},
	})
}

// beyond are the connected services whose registration demands more than some
// methods can prove beside a password: they will ask for a method to be set up.
func (u *UI) beyond(c *call, tr *i18n.Tr, left []policy.Method) ([]string, error) {
	entries, err := u.Signin.Services(c.r.Context(), c.visit.Visitor)
	if err != nil {
		return nil, err
	}
	var out []string
	for _, e := range entries {
		rp, err := u.Parties.Find(c.r.Context(), e.RelyingParty)
		if err != nil {
			return nil, err
		}
		if rp == nil || rp.Disabled {
			continue
		}
		need := u.Table.Next(policy.Demand{Floor: rp.ACR}, policy.Facts{Password: u.Now()}, u.Now())
		enough := func(m policy.Method) bool { return slices.Contains(left, m) }
		if need.Step == policy.StepSecond && !slices.ContainsFunc(need.Accept, enough) {
			out = append(out, rp.Name.In(tr.Lang()))
		}
	}
	return out, nil
}

// remove removes a method.
func (u *UI) remove(c *call) error {
	if _, err := u.form(c, "remove-method", methodsPath); err != nil {
		return err
	}
	_, e, err := u.own(c)
	if err != nil {
		return u.refused(c, err, methodsPath)
	}
	if err := u.Stepup.Remove(c.r.Context(), c.visit.Visitor, e.ID); err != nil {
		return u.refused(c, err, methodPath(e.ID, "remove"))
	}
	return kit.See(c.w, c.r, methodsPath+"?"+url.Values{"removed": {string(e.Type)}}.Encode())
}

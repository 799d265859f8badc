package accountui

import (
	"net/http"
	"net/url"

	"parvis/internal/fault"
	"parvis/internal/i18n"
	"parvis/internal/partnering"
	"parvis/internal/web/kit"
)

// choiceRow is one sign-in partner that is not linked to the account.
type choiceRow struct {
	Name    string
	Lang    i18n.Lang // of the name, when it is not the page's
	Blocked bool
	Gone    bool   // it is not configured any more: it can only be unblocked
	Add     string // address of the page that adds it; "" while it is blocked
	Block   string // address of the page that blocks it
	Unblock string // address of the page that takes it back
}

// choiceRows are the partners that are not linked.
func (u *UI) choiceRows(c *call) (rows []choiceRow, err error) {
	all, err := u.Partnering.Choices(c.r.Context(), c.visit.Visitor)
	for _, one := range all {
		rows = append(rows, rowOf(u.Site.Tr(c.r), one))
	}
	return rows, err
}

func rowOf(tr *i18n.Tr, choice partnering.Choice) choiceRow {
	p, key := choice.Provider, choice.Key()
	if p == nil {
		return choiceRow{Name: choice.Issuer, Blocked: true, Gone: true, Unblock: choicePath(key, "unblock")}
	}
	row := choiceRow{Name: p.Name.In(tr.Lang()), Blocked: choice.Blocked, Block: choicePath(key, "block"), Unblock: choicePath(key, "unblock")}
	if !choice.Blocked {
		row.Add = choicePath(key, "add")
	}
	if l := p.Name.Lang(tr.Lang()); l != tr.Lang() {
		row.Lang = l
	}
	return row
}

func choicePath(key, what string) string {
	return settingsPath + "/partners/" + url.PathEscape(key) + "/" + what
}

// choice finds the partner in the path among those that are not linked to the account.
func (u *UI) choice(c *call) (partnering.Choice, error) {
	all, err := u.Partnering.Choices(c.r.Context(), c.visit.Visitor)
	if err != nil {
		return partnering.Choice{}, err
	}
	for _, one := range all {
		if one.Key() == c.r.PathValue("partner") {
			return one, nil
		}
	}
	return partnering.Choice{}, kit.NotFound()
}

// blockPage is the data of pages/block-partner.html and pages/unblock-partner.html.
type blockPage struct {
	choiceRow

	Action string
}

// askBlock shows what it means that a partner is blocked, and askUnblock that it is so
// no longer. Who has to prove anew who they are does so before, and comes back here.
func (u *UI) askBlock(c *call) error { return u.askChange(c, "block") }

func (u *UI) askUnblock(c *call) error { return u.askChange(c, "unblock") }

func (u *UI) askChange(c *call, what string) error {
	one, err := u.choice(c)
	if err != nil {
		return u.refused(c, err, settingsPath)
	}
	if one.Blocked == (what == "block") {
		return kit.See(c.w, c.r, settingsPath) // it is so already
	}
	fresh, err := u.Stepup.Fresh(c.r.Context(), c.visit.Visitor)
	if err != nil {
		return u.refused(c, err, settingsPath)
	}
	action := choicePath(one.Key(), what)
	if !fresh {
		return u.prove(c, action)
	}
	tr := u.Site.Tr(c.r)
	row := rowOf(tr, one)
	page := what + "-partner"
	return u.renderSettings(c, http.StatusOK, kit.View{
		Page: page, Title: tr.T(page+".title", "partner", row.Name), Data: blockPage{choiceRow: row, Action: action},
	})
}

// block blocks a partner.
func (u *UI) block(c *call) error { return u.change(c, "block") }

// unblock takes it back.
func (u *UI) unblock(c *call) error { return u.change(c, "unblock") }

func (u *UI) change(c *call, what string) error {
	if _, err := u.form(c, what+"-partner", settingsPath); err != nil {
		return err
	}
	one, err := u.choice(c)
	switch {
	case err != nil:
	case what == "block" && one.Provider != nil:
		err = u.Partnering.Block(c.r.Context(), c.visit.Visitor, one.Provider.ID)
	case what == "unblock":
		err = u.Partnering.Unblock(c.r.Context(), c.visit.Visitor, one.Issuer)
	}
	switch {
	case err == nil:
		return kit.See(c.w, c.r, settingsPath+"?"+what+"ed=partner")
	case fault.Is(err, fault.Conflict):
		return kit.See(c.w, c.r, settingsPath) // it was linked in another tab meanwhile: the list shows it
	default:
		return u.refused(c, err, choicePath(c.r.PathValue("partner"), what))
	}
}

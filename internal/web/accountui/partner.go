package accountui

import (
	"net/http"
	"net/url"
	"slices"
	"time"

	"parvis/internal/fault"
	"parvis/internal/i18n"
	"parvis/internal/partnering"
	"parvis/internal/upstream"
	"parvis/internal/web/kit"
)

// partnerRow is one sign-in partner that is linked to the account.
type partnerRow struct {
	Name   string
	Lang   i18n.Lang // of the name, when it is not the page's
	Since  time.Time
	Used   time.Time // zero: never since it was linked
	Only   bool      // the only way in
	Remove string    // address
}

// partnerRows are the linked partners.
func (u *UI) partnerRows(c *call) (rows []partnerRow, err error) {
	entries, err := u.Partnering.Linked(c.r.Context(), c.visit.Visitor)
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		row, err := u.partnerRow(c, e)
		if err != nil {
			return nil, err
		}
		rows = append(rows, row)
	}
	return rows, nil
}

// partnerDone is what has just been done with a partner; "" for nothing.
func partnerDone(tr *i18n.Tr, query url.Values) string {
	switch {
	case query.Get("removed") == "partner":
		return tr.T("settings.partner-removed")
	case query.Get("added") == "partner":
		return tr.T("settings.partner-added")
	case query.Get("blocked") == "partner":
		return tr.T("settings.partner-blocked")
	case query.Get("unblocked") == "partner":
		return tr.T("settings.partner-unblocked")
	}
	return ""
}

// partnerRow is one line. A partner that was taken out of the configuration has no
// name any more; its link can be removed all the same.
func (u *UI) partnerRow(c *call, e partnering.Entry) (partnerRow, error) {
	tr := u.Site.Tr(c.r)
	row := partnerRow{Name: tr.T("partner.gone"), Since: e.Since, Used: e.UsedAt, Only: e.Only, Remove: partnerPath(e.ID)}
	p, err := u.Upstreams.ByIssuer(c.r.Context(), e.Issuer)
	if err != nil || p == nil {
		return row, err
	}
	row.Name = p.Name.In(tr.Lang())
	if l := p.Name.Lang(tr.Lang()); l != tr.Lang() {
		row.Lang = l
	}
	return row, nil
}

func partnerPath(link upstream.LinkID) string {
	return settingsPath + "/partners/" + url.PathEscape(string(link)) + "/remove"
}

// removePartnerPage is the data of pages/remove-partner.html.
type removePartnerPage struct {
	partnerRow

	Others bool // there is another partner that can be added
}

// askRemovePartner shows what it means to be without a partner, or why its removal
// has to wait. Who has to prove anew who they are does so before, and comes back here.
func (u *UI) askRemovePartner(c *call) error {
	row, err := u.ownPartner(c)
	if err != nil {
		return u.refused(c, err, settingsPath)
	}
	fresh, err := u.Stepup.Fresh(c.r.Context(), c.visit.Visitor)
	if err != nil {
		return u.refused(c, err, settingsPath)
	}
	if !fresh && !row.Only {
		return u.prove(c, row.Remove)
	}
	return u.renderRemovePartner(c, http.StatusOK, row)
}

// ownPartner finds the link in the path among those of the account.
func (u *UI) ownPartner(c *call) (partnerRow, error) {
	entries, err := u.Partnering.Linked(c.r.Context(), c.visit.Visitor)
	if err != nil {
		return partnerRow{}, err
	}
	for _, e := range entries {
		if string(e.ID) == c.r.PathValue("link") {
			return u.partnerRow(c, e)
		}
	}
	return partnerRow{}, kit.NotFound()
}

func (u *UI) renderRemovePartner(c *call, status int, row partnerRow) error {
	title := "remove-partner.title"
	if row.Only {
		title = "remove-partner.title-only"
	}
	others, err := u.choiceRows(c)
	if err != nil {
		return u.refused(c, err, settingsPath)
	}
	addable := slices.ContainsFunc(others, func(r choiceRow) bool { return r.Add != "" })
	return u.renderSettings(c, status, kit.View{
		Page: "remove-partner", Title: u.Site.Tr(c.r).T(title, "partner", row.Name), Data: removePartnerPage{partnerRow: row, Others: addable},
	})
}

// removePartner removes a link. The last way in stays: the page says what to do first.
func (u *UI) removePartner(c *call) error {
	if _, err := u.form(c, "remove-partner", settingsPath); err != nil {
		return err
	}
	row, err := u.ownPartner(c)
	if err != nil {
		return u.refused(c, err, settingsPath)
	}
	err = u.Partnering.Unlink(c.r.Context(), c.visit.Visitor, upstream.LinkID(c.r.PathValue("link")))
	switch {
	case err == nil:
		return kit.See(c.w, c.r, settingsPath+"?removed=partner")
	case fault.Is(err, fault.Conflict):
		row.Only = true // the other way in went in another tab
		return u.renderRemovePartner(c, http.StatusConflict, row)
	default:
		return u.refused(c, err, row.Remove)
	}
}

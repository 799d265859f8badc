package signinui

import (
	"net/http"
	"strings"

	"parvis/internal/stepup"
	"parvis/internal/web/kit"
)

// backupPage is the data of pages/set-up-backup.html.
type backupPage struct {
	journey

	Codes []string
	All   string // as they are copied, one a line
	Made  string // what they are, and of which day, for paper
}

// backupPage reads the codes that the flow has ready; they stay the same until
// they are kept or left.
func (u *UI) backupPage(c *call) (backupPage, error) {
	codes, err := u.Stepup.Backup(c.r.Context(), c.visitor, c.view.Flow)
	if err != nil {
		return backupPage{}, err
	}
	return backupPage{
		journey: c.journey, Codes: codes, All: strings.Join(codes, "\n"),
		Made: c.tr.T("set-up-backup.made", "product", u.Site.Settings.Names.In(c.tr.Lang()), "date", u.Site.Times(c.r).Date(u.Site.Now())),
	}, nil
}

// renderBackup shows the page set-up-backup. The box is never ticked for anybody.
func (u *UI) renderBackup(c *call, form *kit.Form, status int) error {
	data, err := u.backupPage(c)
	if err != nil {
		return err
	}
	return u.render(c, status, kit.View{Page: "set-up-backup", Form: form, Data: data})
}

// downloadBackup sends the codes as a text file, so that they can be kept without
// JavaScript. Like every answer it is not to be stored on the way (no-store).
func (u *UI) downloadBackup(c *call, _ *kit.Form, _ int) error {
	data, err := u.backupPage(c)
	if err != nil {
		return err
	}
	text := strings.Join([]string{data.Made, c.tr.T("set-up-backup.lead"), "", data.All, ""}, "\n")
	h := c.w.Header()
	h.Set("Content-Type", "text/plain; charset=utf-8")
	h.Set("Content-Disposition", `attachment; filename="`+c.tr.T("set-up-backup.file")+`"`)
	h.Set("X-Robots-Tag", "noindex")
	c.w.WriteHeader(http.StatusOK)
	if c.r.Method == http.MethodHead {
		return nil
	}
	_, _ = c.w.Write([]byte(strings.ReplaceAll(text, "\n", "\r\n"))) //nolint:gosec // sent as text/plain, which browsers do not sniff here; the client may have gone
	return nil
}

// bindBackup takes the word that the codes are kept: from then on they work.
func (u *UI) bindBackup(c *call, form *kit.Form) error {
	if !form.Has("saved") {
		form.Fail("saved", "set-up-backup.error.saved")
		return nil
	}
	result, err := u.Stepup.BindBackup(c.r.Context(), c.visitor, c.view.Flow)
	if err != nil {
		return err
	}
	if result.Outcome != stepup.Done {
		return c.dispatch()
	}
	return u.finish(c, result)
}

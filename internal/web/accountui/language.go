package accountui

import (
	"net/http"
	"slices"

	"parvis/internal/i18n"
	"parvis/internal/web/kit"
)

const languagePath = settingsPath + "/language"

// languagePage is the data of pages/language.html.
type languagePage struct {
	Choices []kit.Choice
}

// askLanguage shows in which language the account's pages and mails are.
func (u *UI) askLanguage(c *call) error {
	return u.renderLanguage(c, http.StatusOK, kit.NewForm("language", c.visit.Account.Locale))
}

func (u *UI) renderLanguage(c *call, status int, form *kit.Form) error {
	var data languagePage
	for _, l := range u.Site.Langs {
		data.Choices = append(data.Choices, kit.Choice{Value: string(l), Text: l.Name()})
	}
	return u.renderSettings(c, status, kit.View{
		Page: "language", Title: u.Site.Tr(c.r).T("language.title"), Form: form, Data: data,
	})
}

// language keeps the language, for this browser, too.
func (u *UI) language(c *call) error {
	form, err := u.form(c, "language", languagePath)
	if err != nil {
		return err
	}
	lang := i18n.Lang(form.Get("language"))
	err = u.Profile.Language(c.r.Context(), c.visit.Visitor, lang)
	switch {
	case err == nil && slices.Contains(u.Site.Langs, lang):
		kit.SetLang(c.w, lang)
		return kit.See(c.w, c.r, settingsPath+"?language=changed")
	case form.FailWith(err):
		return u.renderLanguage(c, http.StatusUnprocessableEntity, form)
	default:
		return u.refused(c, err, languagePath)
	}
}

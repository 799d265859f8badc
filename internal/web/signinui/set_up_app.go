package signinui

import (
	"fmt"
	"html/template"
	"strings"
	"time"

	"parvis/internal/authenticator/totp"
	"parvis/internal/authenticator/totp/qr"
	"parvis/internal/policy"
	"parvis/internal/stepup"
	"parvis/internal/web/kit"
)

// Where people find authenticator apps. Both are links only: nothing is fetched from there.
const (
	appStore   = "https://www.apple.com/app-store/"
	googlePlay = "https://play.google.com/store/apps"
)

// appPage is the data of pages/set-up-app.html.
type appPage struct {
	journey

	Draft      stepup.AppDraft
	QR         template.HTML // the address as a picture
	Key        string        // the key as it is copied
	Digits     int
	Period     time.Duration
	AppStore   string
	GooglePlay string
}

// renderApp shows the page set-up-app: install, scan or type the key, enter the
// first code (R65 to R68, R77).
func (u *UI) renderApp(c *call, form *kit.Form, status int) error {
	draft, err := u.Stepup.App(c.r.Context(), c.visitor, c.view.Flow)
	if err != nil {
		return err
	}
	picture, err := qr.SVG(draft.URI)
	if err != nil {
		return fmt.Errorf("signinui: %w", err)
	}
	return u.render(c, status, kit.View{Page: "set-up-app", Keeps: "set-up-app", Form: form, Data: appPage{
		journey: c.journey, Draft: draft, Key: strings.Join(draft.Key, ""),
		QR:     template.HTML(picture), //nolint:gosec // numbers only, drawn by package qr
		Digits: totp.Digits, Period: totp.Period, AppStore: appStore, GooglePlay: googlePlay,
	}})
}

// bindApp takes the first code of an authenticator app.
func (u *UI) bindApp(c *call, form *kit.Form) error {
	typed := readProof(form)
	if !form.OK() {
		return nil
	}
	result, err := u.Stepup.BindApp(c.r.Context(), c.visitor, c.view.Flow, typed, form.Get("name"), methodName(c.tr, policy.App))
	if err != nil {
		return err
	}
	switch {
	case result.Outcome == stepup.Done:
		return u.finish(c, result)
	case result.Outcome == stepup.Wrong && result.Drift == 0:
		form.Fail("code", "set-up-app.error.wrong")
	case result.Outcome == stepup.Wrong && result.Drift > 0:
		form.Fail("code", "set-up-app.error.ahead", "duration", c.tr.Duration(result.Drift))
	case result.Outcome == stepup.Wrong:
		form.Fail("code", "set-up-app.error.behind", "duration", c.tr.Duration(-result.Drift))
	default:
		failTyped(form, result)
	}
	return nil
}

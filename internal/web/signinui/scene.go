package signinui

import (
	"net/http"
	"net/url"
	"strings"

	"parvis/internal/flow"
	"parvis/internal/i18n"
	"parvis/internal/id"
	"parvis/internal/relyingparty"
	"parvis/internal/signin"
	"parvis/internal/web/kit"
)

// journey is what every page of a journey shows, whatever its step.
type journey struct {
	Flow    id.Flow
	Service string // the waiting service's name in the page's language; "" for a direct sign-in
	Steps   int    // of creating an account: the address, the password, and the agreement when a service waits
}

// To is the address of a page of this journey.
func (j journey) To(page string) string { return path(j.Flow, page) }

// path is the address of a page of a journey; without a page, its dispatcher.
func path(f id.Flow, page string) string {
	p := "/signin/" + url.PathEscape(string(f))
	if page != "" {
		p += "/" + page
	}
	return p
}

// dress fills the request's scene for a service, so that error pages, too, name
// it and lead back to it. line is the catalogue key of the words over its name.
func (u *UI) dress(r *http.Request, rp *relyingparty.RelyingParty, line string) {
	scene := kit.SceneOf(r)
	if rp == nil {
		return
	}
	lang := kit.Lang(r)
	scene.Lintel = &kit.Lintel{
		Line: u.Site.Tr(r).T(line), Name: rp.Name.In(lang), Department: rp.Department.In(lang),
		Logo: LogoPath(rp), Lang: foreign(rp.Name, lang), Party: string(rp.ID),
	}
	if rp.ReturnURL != "" {
		scene.Back = &kit.Link{Text: rp.Name.In(lang), URL: rp.ReturnURL, Lang: foreign(rp.Name, lang)}
	}
}

// foreign is the language of a text when it is not the page's.
func foreign(text i18n.Text, page i18n.Lang) i18n.Lang {
	if l := text.Lang(page); l != page {
		return l
	}
	return ""
}

// Where the pages begin that change something in an account, and the one of its methods.
const (
	settingsPath = "/settings"
	methodsPath  = "/settings/methods"
)

// open makes the journey of a page and dresses the scene for it.
func (u *UI) open(r *http.Request, v signin.View, at signin.Step) (journey, *relyingparty.RelyingParty, error) {
	scene := kit.SceneOf(r)
	scene.Reference = v.Reference
	scene.Retry = path(v.Flow, "")
	if v.ReturnOrigin != "" {
		scene.FormOrigins = []string{v.ReturnOrigin}
	}
	rp, err := u.Parties.Find(r.Context(), v.RelyingParty)
	if err != nil {
		return journey{}, nil, err
	}
	if rp != nil {
		for _, origin := range rp.Origins() { // the service may lead on to another of its hosts
			if origin != v.ReturnOrigin {
				scene.FormOrigins = append(scene.FormOrigins, origin)
			}
		}
	}
	u.dress(r, rp, lintelLine(v, at))
	if rp == nil && v.Person != nil && strings.HasPrefix(v.Finish, settingsPath) {
		scene.Back = &kit.Link{Text: u.Site.Tr(r).T("signin.settings"), URL: settingsPath}
	}
	j := journey{Flow: v.Flow, Steps: 2}
	if rp != nil {
		j.Service = rp.Name.In(kit.Lang(r))
	}
	if rp != nil && !v.Detached { // a link opened elsewhere leads to the account only; the service asks afresh
		j.Steps = 3
	}
	return j, rp, nil
}

// lintelLine is what stands over the service's name at a step.
func lintelLine(v signin.View, at signin.Step) string {
	switch {
	case at == signin.StepSignOut:
		return "signin.lintel.leaving"
	case at == signin.StepConsent:
		return "signin.lintel.asks"
	case at == signin.StepCreate, at == signin.StepConfirmEmail, at == signin.StepAlready, at == signin.StepPartnerCreate,
		at == signin.StepChoosePassword && v.Task == flow.TaskCreate:
		return "signin.lintel.creating"
	default:
		return "signin.lintel.signing-in"
	}
}

// LogoPath is the local address of a service's logo, "" when it has none.
func LogoPath(rp *relyingparty.RelyingParty) string {
	if len(rp.LogoPNG) == 0 {
		return ""
	}
	return "/logo/" + url.PathEscape(string(rp.ID))
}

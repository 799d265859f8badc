package accountui

import (
	"net/http"
	"net/url"
	"slices"
	"time"

	"parvis/internal/authenticator"
	"parvis/internal/fault"
	"parvis/internal/flow"
	"parvis/internal/i18n"
	"parvis/internal/id"
	"parvis/internal/policy"
	"parvis/internal/signin"
	"parvis/internal/stepup"
	"parvis/internal/web/kit"
)

// few is how many backup codes are so few that the page reminds of new ones.
const few = 3

// methodsPage is the data of pages/methods.html.
type methodsPage struct {
	Done     string // what has just been done
	Rows     []methodRow
	None     bool      // there is no method but the e-mail address
	Only     bool      // there is one
	Lost     time.Time // methods were lost: until when they can be brought back; zero: none
	Room     bool      // another can be added
	Codes    bool      // backup codes can be made
	Browsers []browserRow
}

// methodRow is one security method.
type methodRow struct {
	Name     string
	Kind     string // what it is; "" when that is its name
	Icon     string
	Target   string
	Bars     int // of three; 0: no strength is told
	Strength string
	Added    time.Time // zero: it came with the account
	Used     time.Time // zero: never
	Backup   bool
	Left     int
	Few      bool
	Off      bool      // it was turned off
	Waits    time.Time // when it can be used again; zero: now
	Stopped  bool
	Rename   string // address; "" when it has no name of its own
	Remove   string // address
	Fixed    bool   // it cannot be changed here

	Counts time.Time // when it counts in full; zero: now
}

// browserRow is one remembered browser.
type browserRow struct {
	ID      id.Browser
	Device  string
	Here    bool
	Since   time.Time
	Expires time.Time
}

// methods shows the security methods and the remembered browsers.
func (u *UI) methods(c *call) error {
	overview, err := u.Stepup.Overview(c.r.Context(), c.visit.Visitor)
	if err != nil {
		return u.refused(c, err, methodsPath)
	}
	tr := u.Site.Tr(c.r)
	data := methodsPage{None: true, Only: overview.Only, Lost: overview.Lost, Done: u.done(c, tr, overview)}
	for _, e := range overview.Entries {
		data.Rows = append(data.Rows, u.methodRow(tr, e))
		data.None = data.None && e.Type == authenticator.Email
	}
	for _, o := range overview.Offer {
		data.Room = data.Room || !o.Full
		data.Codes = data.Codes || o.Method == policy.Backup && !o.Full
	}
	for _, b := range overview.Browsers {
		device := b.Device.In(tr)
		if device == "" {
			device = tr.T("methods-list.browser-unknown")
		}
		data.Browsers = append(data.Browsers, browserRow{ID: b.ID, Device: device, Here: b.Here, Since: b.Since, Expires: b.Expires})
	}
	return u.renderSettings(c, http.StatusOK, kit.View{Page: "methods", Title: tr.T("methods-list.title"), Data: data})
}

// renderSettings shows a page under the tab of the settings.
func (u *UI) renderSettings(c *call, status int, v kit.View) error {
	v.Wide, v.Tabs = true, u.tabs(c.r, settingsPath)
	return u.pages.Render(c.w, c.r, status, v)
}

// done is what the query says has just been done. Names come from the account
// itself, so that no link can put words on the page.
func (u *UI) done(c *call, tr *i18n.Tr, overview stepup.Overview) string {
	query := c.r.URL.Query()
	if renamed := query.Get("renamed"); renamed != "" {
		for _, e := range overview.Entries {
			if string(e.ID) == renamed && e.Name != "" {
				return tr.T("methods-list.renamed", "name", u.nameOf(tr, e))
			}
		}
	}
	if added := policy.Method(query.Get("added")); tr.Has("methods-list.bound." + string(added)) {
		for _, e := range overview.Entries {
			if slices.Contains(e.Type.Methods(), added) {
				return tr.T("methods-list.bound." + string(added))
			}
		}
	}
	if key := "methods-list.removed." + query.Get("removed"); query.Has("removed") && tr.Has(key) {
		return tr.T(key)
	}
	switch query.Get("forgotten") {
	case "one":
		return tr.T("methods-list.forgotten")
	case "all":
		return tr.T("methods-list.forgotten-all")
	}
	return ""
}

// methodRow is one line of the list.
func (u *UI) methodRow(tr *i18n.Tr, e stepup.Entry) methodRow {
	out := methodRow{
		Name: u.nameOf(tr, e), Icon: iconOf(e.Type), Target: e.Target, Added: e.BoundAt, Used: e.UsedAt,
		Backup: e.Type == authenticator.BackupCode, Left: e.Left, Few: e.Left <= few, Stopped: e.Stopped,
		Counts: e.CountsFrom,
		Off:    e.Standing.Standing == authenticator.Disabled, Fixed: e.Fixed, Remove: methodPath(e.ID, "remove"),
	}
	if e.Name != "" {
		out.Rename = methodPath(e.ID, "rename")
	}
	if _, ok := u.proposed(e); !ok {
		out.Kind = typeName(tr, e.Type)
	}
	if e.Standing.Standing == authenticator.Waiting {
		out.Waits = e.Standing.Until
	}
	out.Bars, out.Strength = strength(tr, e.Type)
	return out
}

// nameOf is what a method is called: the name its owner gave it, else what it is,
// in the language of the page.
func (u *UI) nameOf(tr *i18n.Tr, e stepup.Entry) string {
	if behind, ok := u.proposed(e); ok {
		return typeName(tr, e.Type) + behind
	}
	return e.Name
}

// proposed reports whether a method has no name, or the one that was proposed when
// it was set up, in whatever language; then with the number behind it, if any.
func (u *UI) proposed(e stepup.Entry) (behind string, ok bool) {
	if e.Name == "" {
		return "", true
	}
	for _, lang := range i18n.Langs() {
		if behind, ok := authenticator.Proposed(e.Name, typeName(u.Site.Texts.Tr(lang), e.Type)); ok {
			return behind, true
		}
	}
	return "", false
}

// typeKey is the stem of the words for types of methods.
const typeKey = "methods-list.type."

// typeName is what methods of a type are.
func typeName(tr *i18n.Tr, t authenticator.Type) string {
	return tr.T(typeKey + string(t))
}

func iconOf(t authenticator.Type) string {
	switch t {
	case authenticator.Email:
		return "mail"
	case authenticator.Phone:
		return "phone"
	case authenticator.TOTP:
		return "app"
	case authenticator.BackupCode:
		return "list"
	case authenticator.Passkey:
		return "passkey"
	default:
		return "key"
	}
}

// strength is how strong a method is, as the public page on methods tells it.
func strength(tr *i18n.Tr, t authenticator.Type) (bars int, word string) {
	switch t {
	case authenticator.Email:
		return 1, tr.T("methods.basic")
	case authenticator.Phone:
		return 2, tr.T("methods.good")
	case authenticator.TOTP:
		return 2, tr.T("methods.strong")
	case authenticator.Passkey:
		return 3, tr.T("methods.strongest")
	default:
		return 0, "" // a code on paper is as strong as the place where it is kept
	}
}

func methodPath(id authenticator.ID, page string) string {
	return methodsPath + "/" + url.PathEscape(string(id)) + "/" + page
}

// addMethod begins the journey in which a method is set up; the person chooses there.
func (u *UI) addMethod(c *call) error {
	if _, err := u.form(c, "add-method", methodsPath); err != nil {
		return err
	}
	return u.begin(c.w, c.r, signin.Starts{Sensitive: true, SetUp: flow.AnyMethod, Next: methodsPath})
}

// backupPage is the data of pages/new-backup-codes.html.
type backupPage struct {
	Left int // unused codes that end
}

// askBackupCodes shows what new backup codes do to the old ones.
func (u *UI) askBackupCodes(c *call) error {
	overview, err := u.Stepup.Overview(c.r.Context(), c.visit.Visitor)
	if err != nil {
		return u.refused(c, err, methodsPath)
	}
	i := slices.IndexFunc(overview.Entries, func(e stepup.Entry) bool { return e.Type == authenticator.BackupCode })
	if i < 0 {
		return kit.See(c.w, c.r, methodsPath)
	}
	return u.renderSettings(c, http.StatusOK, kit.View{
		Page: "new-backup-codes", Title: u.Site.Tr(c.r).T("new-backup-codes.title"), Data: backupPage{Left: overview.Entries[i].Left},
	})
}

// newBackupCodes begins the journey in which new backup codes are made.
func (u *UI) newBackupCodes(c *call) error {
	if _, err := u.form(c, "new-backup-codes", methodsPath); err != nil {
		return err
	}
	return u.begin(c.w, c.r, signin.Starts{Sensitive: true, SetUp: policy.Backup, Next: methodsPath})
}

// forgetBrowser forgets one remembered browser.
func (u *UI) forgetBrowser(c *call) error {
	form, err := u.form(c, "forget-browser", methodsPath)
	if err != nil {
		return err
	}
	browser := id.Browser(form.Get("browser"))
	if browser == "" {
		return kit.NotFound()
	}
	return u.forgotten(c, browser, "one")
}

// forgetBrowsers forgets all of them.
func (u *UI) forgetBrowsers(c *call) error {
	if _, err := u.form(c, "forget-browsers", methodsPath); err != nil {
		return err
	}
	return u.forgotten(c, "", "all")
}

func (u *UI) forgotten(c *call, browser id.Browser, what string) error {
	err := u.Stepup.Forget(c.r.Context(), c.visit.Visitor, browser)
	if err != nil && !fault.Is(err, fault.NotFound) { // forgotten already, in another tab: what was wanted is so
		return u.refused(c, err, methodsPath)
	}
	return kit.See(c.w, c.r, methodsPath+"?forgotten="+what)
}

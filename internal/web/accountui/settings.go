package accountui

import (
	"net/http"
	"net/url"
	"slices"
	"time"

	"parvis/internal/authenticator"
	"parvis/internal/fault"
	"parvis/internal/i18n"
	"parvis/internal/merging"
	"parvis/internal/signin"
	"parvis/internal/web/kit"
)

// The addresses of the settings. They are permanent: mails and help lead there.
const (
	settingsPath = "/settings"
	methodsPath  = "/settings/methods"
)

// named is how many methods the settings name; the page of methods has all.
const named = 3

// settingsPage is the data of pages/settings.html.
type settingsPage struct {
	Address   string
	Addresses int      // beside the main one
	Waiting   int      // that are to be confirmed
	Services  int      // that are connected
	Leaked    bool     // the password is known from a leak
	Password  bool     // there is one; else it can be set
	Language  string   // of the account
	Methods   []string // what the first of the security methods are called
	More      int      // how many there are beside them
	Ends      time.Time
	Idle      time.Duration

	Merge    merging.Merging // of another account into this one, while it can be undone
	Moving   []string        // sign-in partners of that account that are added to this one then
	Done     string          // what has just been done
	NotAdded bool            // a sign-in partner was to be added, and was not
	Partners []partnerRow    // sign-in partners that are linked
	Others   []choiceRow     // those that are not
	Free     bool            // one of those can be blocked
}

// settings shows what can be seen and changed of the account.
func (u *UI) settings(c *call) error {
	overview, err := u.Stepup.Overview(c.r.Context(), c.visit.Visitor)
	if err != nil {
		return u.refused(c, err, settingsPath)
	}
	tr := u.Site.Tr(c.r)
	data := settingsPage{
		Address: c.visit.Address, Password: overview.Password, Language: i18n.Lang(c.visit.Account.Locale).Name(), Idle: u.Idle, Ends: c.visit.Session.EndsAt,
	}
	if err := u.counts(c, &data); err != nil {
		return u.refused(c, err, settingsPath)
	}
	data.Done = partnerDone(tr, c.r.URL.Query())
	data.NotAdded = c.r.URL.Query().Get("added") == "none"
	if data.Partners, err = u.partnerRows(c); err != nil {
		return u.refused(c, err, settingsPath)
	}
	if data.Others, err = u.choiceRows(c); err != nil {
		return u.refused(c, err, settingsPath)
	}
	data.Free = slices.ContainsFunc(data.Others, func(r choiceRow) bool { return !r.Blocked })
	if data.Merge, err = u.Merging.Own(c.r.Context(), c.visit.Visitor); err != nil {
		return u.refused(c, err, settingsPath)
	}
	data.Moving = linked(tr, u.Site.Times(c.r), data.Merge.Partners)
	if data.Done == "" {
		data.Done = profileDone(tr, c.r.URL.Query())
	}
	switch c.r.URL.Query().Get("merged") {
	case "yes":
		data.Done = tr.T("settings.merged")
	case "undone":
		data.Done = tr.T("settings.unmerged")
	}
	for _, e := range overview.Entries {
		if e.Type != authenticator.Email {
			data.Methods = append(data.Methods, u.nameOf(tr, e))
		}
	}
	if data.More = len(data.Methods) - named; data.More > 1 {
		data.Methods = data.Methods[:named]
	} else {
		data.More = 0
	}
	return u.pages.Render(c.w, c.r, http.StatusOK, kit.View{
		Page: "settings", Title: tr.T("settings.title"), Wide: true, Tabs: u.tabs(c.r, settingsPath), Data: data,
	})
}

// counts are how many addresses and services the account has.
func (u *UI) counts(c *call, data *settingsPage) error {
	view, err := u.Profile.Addresses(c.r.Context(), c.visit.Visitor)
	if err != nil {
		return err
	}
	data.Addresses, data.Waiting = len(view.Emails)-1, len(view.Waiting)
	password, err := u.Profile.PasswordPage(c.r.Context(), c.visit.Visitor)
	if err != nil {
		return err
	}
	data.Leaked = password.Leaked
	services, err := u.Signin.Services(c.r.Context(), c.visit.Visitor)
	data.Services = len(services)
	return err
}

// refused answers an error of the journey: who has to prove anew who they are,
// because nobody is signed in any more or the proofs are too old for a change, does
// so and comes to next.
func (u *UI) refused(c *call, err error, next string) error {
	if !fault.Is(err, fault.Denied) {
		return err
	}
	return u.prove(c, next)
}

// prove begins a journey that asks for the account's best proofs and comes to next.
func (u *UI) prove(c *call, next string) error {
	return u.begin(c.w, c.r, signin.Starts{Sensitive: true, Next: next})
}

// profileDone is what the query says has just been done in the profile.
func profileDone(tr *i18n.Tr, query url.Values) string {
	switch {
	case query.Get("password") == "changed":
		return tr.T("settings.password-changed")
	case query.Get("password") == "set":
		return tr.T("settings.password-set")
	case query.Get("language") == "changed":
		return tr.T("settings.language-changed")
	}
	return ""
}

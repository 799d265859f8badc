package accountui_test

import (
	"net/http"
	"strings"
	"testing"

	"parvis/internal/db"
	"parvis/internal/id"
	"parvis/internal/policy"
	"parvis/internal/session"
	"parvis/internal/web/webtest"
)

const (
	rose      = "rose.lake@example.org"
	alsoGood  = "copper kettle under the stairs 9"
	sessionID = "__Host-parvis_session"
)

// connect agrees to what the service Aid is told.
func (o owner) connect() {
	o.t.Helper()
	o.Open(webtest.Authorize(webtest.Aid)).Must("consent", http.StatusOK)
	o.Submit("consent", "#allow")
}

// browsers are the remembered browsers of who is signed in.
func (o owner) browsers() (out []id.Browser) {
	o.t.Helper()
	account := o.session().Account
	var list []session.RememberedBrowser
	o.write(func(tx *db.Tx) (err error) {
		list, err = o.h.Sessions.ListRemembered(tx, account)
		return err
	})
	for _, b := range list {
		out = append(out, b.ID)
	}
	return out
}

// Two people share a browser. A page of the first one that still stands open must not
// do to the second what it offers to do for the first.
func TestAFormActsForThePersonWhomItsPageShows(t *testing.T) {
	eachOwner(t, func(t *testing.T, o owner) {
		q := owner{o.Elsewhere(), o.h, t}
		q.Open("/signin?start=create-account").Must("create-account", http.StatusOK)
		q.Submit("create-account", "email", rose, "terms", "yes")
		q.Submit("confirm-email", "code", o.h.Code(rose))
		q.Submit("choose-password", "password", alsoGood).Must("connected-services", http.StatusOK)
		q.connect()
		q.backupCodes()
		q.remembered("Firefox", "Linux", "rose's browser")

		o.connect()
		app, _ := o.app("Pixel")
		o.backupCodes()
		o.remembered("Firefox", "Linux", "")
		o.proves(policy.App)
		shared := o.browsers()[0]

		forms := []struct{ page, name, press, back string }{
			{"/services/student-aid/disconnect", "disconnect", "", "/services"},
			{"/settings/methods/" + string(app) + "/rename", "rename-method", "", "/settings/methods"},
			{"/settings/methods/" + string(app) + "/remove", "remove-method", "", "/settings/methods"},
			{"/settings/methods/new-backup-codes", "new-backup-codes", "", "/settings/methods"},
			{"/settings/methods", "add-method", "", "/settings/methods"},
			{"/settings/methods", "", "forget-" + string(shared), "/settings/methods"},
			{"/settings/methods", "forget-browsers", "", "/settings/methods"},
			{"/signout", "sign-out", "", "/signout"},
			{"/settings", "sign-out", "", "/signout"}, // at the top of every page
			{"/session/ending", "sign-out", "", "/signout"},
		}
		var open []*webtest.Person
		for _, f := range forms {
			tab := o.Tab()
			tab.Open(f.page)
			if name := f.name + f.press; tab.Page.Status != http.StatusOK || !tab.Page.Has(name) {
				t.Fatalf("%s has no %s:\n%s", f.page, name, tab.Page.Text())
			}
			open = append(open, tab)
		}

		o.Open("/signout")
		o.Submit("sign-out").Must("signed-out", http.StatusOK)
		o.Open("/signin")
		o.Submit("sign-in", "email", rose, "password", alsoGood).Must("connected-services", http.StatusOK)
		before := o.session()

		for i, f := range forms {
			if f.press != "" {
				open[i].Follow(f.press)
			} else {
				open[i].Submit(f.name)
			}
			open[i].Page.Must("too-old", http.StatusBadRequest).MustSay(o.say("someone else signed in here", "une autre personne s'est connectée ici"))
			if back := open[i].FollowText(o.say("Try again", "Réessayer")); back.Status != http.StatusOK || back.URL != webtest.Origin+f.back {
				t.Errorf("%s of %s leads back to %s with %d, want %s", f.name+f.press, f.page, back.URL, back.Status, f.back)
			}
		}
		if after := o.session(); after.ID != before.ID || o.Cookie(sessionID) == "" {
			t.Error("somebody else was signed out")
		}
		if len(o.browsers()) != 1 {
			t.Error("the browsers of somebody else were forgotten")
		}
		o.Open("/settings/methods/new-backup-codes").Must("new-backup-codes", http.StatusOK)
		o.Open("/services").MustSay(o.say("Student aid", "Aide financière aux études"), rose)

		// Her own forms do as they say, and who is gone is signed out already.
		left := o.Tab()
		left.Open("/signout").Must("sign-out", http.StatusOK)
		o.Open("/settings/methods")
		o.Submit("forget-browsers").Must("methods", http.StatusOK)
		o.Open("/services/student-aid/disconnect")
		o.Submit("disconnect").Must("connected-services", http.StatusOK)
		o.Open("/settings")
		o.Submit("sign-out").Must("signed-out", http.StatusOK)
		left.Submit("sign-out").Must("signed-out", http.StatusOK)

		// Nothing of the first person was touched either.
		o.Open("/signin")
		o.Submit("sign-in", "email", email, "password", good).Must("connected-services", http.StatusOK)
		o.Page.MustSay(email, o.say("Student aid", "Aide financière aux études"))
		if page := o.Open("/settings/methods"); !strings.Contains(page.Text(), "Pixel") || len(o.browsers()) != 1 {
			t.Errorf("the methods or browsers of the first person changed:\n%s", page.Text())
		}
	})
}

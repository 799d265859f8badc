package accountui_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"parvis/internal/authenticator"
	"parvis/internal/authenticator/phone"
	"parvis/internal/authenticator/totp"
	"parvis/internal/config"
	"parvis/internal/db"
	"parvis/internal/flow"
	"parvis/internal/id"
	"parvis/internal/policy"
	"parvis/internal/secret"
	"parvis/internal/session"
	"parvis/internal/stepup"
	"parvis/internal/web/webtest"
)

// owner is a signed-in person whose account is prepared in the database.
type owner struct {
	*webtest.Person

	h *webtest.House
	t *testing.T
}

// eachOwner runs a test in both languages for somebody who has just signed in.
func eachOwner(t *testing.T, test func(t *testing.T, o owner)) {
	t.Helper()
	each(t, func(t *testing.T, h *webtest.House, p *webtest.Person) { test(t, owner{p, h, t}) })
}

// eachOwnerOnBoth is eachOwner on both engines.
func eachOwnerOnBoth(t *testing.T, test func(t *testing.T, o owner)) {
	t.Helper()
	for _, l := range []string{"en-CA", "fr-CA"} {
		t.Run(l, func(t *testing.T) {
			webtest.OnEachEngine(t, func(t *testing.T, on func(*config.Config)) {
				h := webtest.Open(t, on)
				test(t, owner{registered(h, l), h, t})
			})
		})
	}
}

func (o owner) write(do func(tx *db.Tx) error) {
	o.t.Helper()
	if err := o.h.DB.Write(o.t.Context(), do); err != nil {
		o.t.Fatal(err)
	}
}

// visitor is this browser as the journeys know it.
func (o owner) visitor() flow.Visitor {
	return flow.Visitor{
		Browser: secret.Digest(o.Cookie("__Host-parvis_browser")), Session: o.Cookie("__Host-parvis_session"),
		Device: o.Cookie("__Host-parvis_device"), IP: "192.0.2.1", Locale: o.Page.Lang(),
	}
}

// session is the live session of the browser.
func (o owner) session() session.Session {
	o.t.Helper()
	var s session.Session
	o.write(func(tx *db.Tx) (err error) {
		s, err = o.h.Sessions.FindLive(tx, o.visitor().Session)
		return err
	})
	return s
}

// proves adds a proof of now to the session.
func (o owner) proves(m policy.Method) {
	o.t.Helper()
	s, token := o.session(), secret.NewToken()
	o.write(func(tx *db.Tx) error {
		_, err := o.h.Sessions.Elevate(tx, s.ID, o.visitor().Session, token, s.Facts.With(m, tx.Now(), ""))
		return err
	})
	o.SetCookie("__Host-parvis_session", token)
}

func (o owner) app(name string) (authenticator.ID, totp.Seed) {
	o.t.Helper()
	d, account := totp.Prepare(), o.session().Account
	o.write(func(tx *db.Tx) error { return o.h.Apps.Bind(tx, account, d, name, 0) })
	return d.ID, d.Seed
}

func (o owner) phone(number, name string) authenticator.ID {
	o.t.Helper()
	n, err := o.h.Phones.Settings.Parse(number, "CA")
	if err != nil {
		o.t.Fatal(err)
	}
	d, account := phone.Prepare(n, authenticator.ByText), o.session().Account
	o.write(func(tx *db.Tx) error { return o.h.Phones.Bind(tx, account, d, name) })
	return d.ID
}

func (o owner) backupCodes() []string {
	o.t.Helper()
	codes, account := o.h.BackupCodes.Make(), o.session().Account
	d, err := o.h.BackupCodes.Draft(o.t.Context(), codes)
	if err != nil {
		o.t.Fatal(err)
	}
	o.write(func(tx *db.Tx) error { return o.h.BackupCodes.Store(tx, account, d) })
	return codes
}

// remembered remembers a browser for the account; without a device it is this one.
func (o owner) remembered(browser, system, device string) {
	o.t.Helper()
	account := o.session().Account
	o.write(func(tx *db.Tx) error {
		known := []byte(device)
		if device == "" {
			own, err := o.h.Sessions.Known(tx, o.visitor().Device, account)
			if err != nil {
				return err
			}
			known = own
		}
		_, err := o.h.Sessions.RememberStep(tx, session.RememberedBrowser{
			ID: session.NewBrowser(), Account: account, Browser: browser, System: system,
		}, known)
		return err
	})
}

// say is a text by the language of the page.
func (o owner) say(en, fr string) string {
	if o.Page.Lang() == "fr" {
		return fr
	}
	return en
}

// flow is the journey that the last answer led to.
func (o owner) flow() id.Flow {
	o.t.Helper()
	for _, page := range o.Trail {
		if _, rest, found := strings.Cut(page.Header.Get("Location"), "/signin/"); found {
			fid, _, _ := strings.Cut(rest, "/")
			return id.Flow(fid)
		}
	}
	o.t.Fatalf("no journey was begun at %s", o.Page.URL)
	return ""
}

// enters types a code in a journey.
func (o owner) enters(fid id.Flow, code string) {
	o.t.Helper()
	r, err := o.h.Stepup.Prove(o.t.Context(), o.visitor(), fid, code, false)
	if err != nil || r.Outcome != stepup.Done {
		o.t.Fatalf("%+v, %v", r, err)
	}
	o.SetCookie("__Host-parvis_session", r.Cookies.Session)
}

func TestTheSettingsShowTheAccountAndLeadOn(t *testing.T) {
	eachOwner(t, func(t *testing.T, o owner) {
		o.Open("/settings").Must("settings", http.StatusOK)
		o.Page.MustSay(email, o.say("You have not set up a method", "Vous n'avez configuré aucune méthode"), o.say("30 minutes", "30 minutes"))
		o.app("Sam’s Pixel")
		o.backupCodes()
		o.Open("/services").Must("connected-services", http.StatusOK)
		o.FollowText(o.say("Settings", "Paramètres")).Must("settings", http.StatusOK)
		o.Page.MustSay("Sam's Pixel", o.say("Backup codes", "Codes de récupération"))
		o.Follow("methods-link").Must("methods", http.StatusOK)
		o.Open("/settings")
		o.Follow("sign-out-link").Must("sign-out", http.StatusOK)
		o.Open("/settings")
		o.Follow("change-language-link").Must("language", http.StatusOK)
		o.Open("/settings")
		o.Follow("change-password-link")
		if !strings.Contains(o.Page.URL, "/signin/") { // the account can give more now than it has
			t.Error("nothing is asked before the password is changed")
		}
	})
}

func TestTheSettingsAskForASignInAndComeBack(t *testing.T) {
	eachOwner(t, func(t *testing.T, o owner) {
		app, _ := o.app("Pixel")
		for path, page := range map[string]string{
			"/settings": "settings", "/settings/methods": "methods", "/settings/methods/" + string(app) + "/rename": "rename-method",
		} {
			q := o.Elsewhere()
			q.Open(path).Must("sign-in", http.StatusOK)
			q.Submit("sign-in", "email", email, "password", good).Must(page, http.StatusOK)
			if !strings.HasSuffix(q.Page.URL, path) {
				t.Errorf("%s led to %s", path, q.Page.URL)
			}
		}
	})
}

func TestTheMethodsAreListedWithWhatIsLeftToDo(t *testing.T) {
	eachOwner(t, func(t *testing.T, o owner) {
		o.Open("/settings/methods").Must("methods", http.StatusOK)
		o.Page.MustSay(email, o.say("You have not set up a method", "Vous n'avez configuré aucune méthode"))
		o.app("Pixel")
		o.Open("/settings/methods").MustSay("Pixel", o.say("You have only one method", "Vous avez une seule méthode"), o.say("never", "jamais"), o.say("today at", "aujourd'hui à"))
		o.phone("416-555-0134", "Handset")
		o.backupCodes()
		page := o.Open("/settings/methods")
		page.MustSay("Handset", "+1 •••-•••-0134", o.say("Codes left 10", "Codes restants 10"), o.say("Keep at least two", "Gardez au moins deux"))
		page.MustNotSay("416-555", "416\u2011555", "416555", o.say("only one method", "une seule méthode"), o.say("Make new ones", "Créez-en de nouveaux"))
		if !page.Has("add-method") {
			t.Error("nothing can be added")
		}
	})
}

func TestANameThatWasProposedIsSaidOnceAndInTheLanguageOfThePage(t *testing.T) {
	eachOwner(t, func(t *testing.T, o owner) {
		first, _ := o.app("Application d’authentification")
		second, _ := o.app("Authenticator app 2")
		o.phone("416-555-0134", "Phone")
		kind, other := o.say("Authenticator app", "Application d'authentification"), o.say("Application d'authentification", "Authenticator app")
		page := o.Open("/settings/methods")
		page.MustSay(kind+" 2", o.say("Phone Good +1", "Téléphone Bonne +1"))
		page.MustNotSay(other, o.say("Téléphone", "Phone"))
		o.Open("/settings").MustSay(kind, kind+" 2").MustNotSay(other)
		o.Open("/settings/methods/" + string(first) + "/rename")
		if got := o.Page.Field("name", "value"); strings.ReplaceAll(got, "’", "'") != kind {
			t.Errorf("the name to change is %q", got)
		}
		o.Open("/settings/methods/" + string(second) + "/remove")
		o.proves(policy.App)
		o.Open("/settings/methods/"+string(second)+"/remove").Must("remove-method", http.StatusOK).MustSay(kind + " 2")
	})
}

func TestAMethodThatCannotBeUsedSaysWhatToDo(t *testing.T) {
	eachOwner(t, func(t *testing.T, o owner) {
		account := o.session().Account
		waits, _ := o.app("Waits")
		number := o.phone("416-555-0134", "Stopped")
		for range o.h.Config.Methods.Limits.Tries {
			o.attempt(account, waits)
		}
		o.write(func(tx *db.Tx) error {
			p, _, err := o.h.Phones.Find(tx, account, number)
			if err != nil {
				return err
			}
			_, err = o.h.Phones.Stop(tx, p.Number)
			return err
		})
		page := o.Open("/settings/methods")
		page.MustSay(o.say("You can use it again from", "Prochain essai possible"), o.say("We can only call it", "Nous pouvons seulement l'appeler"))
		page.MustNotSay(o.say("Turned off", "Désactivée"))
		for range o.h.Config.Methods.Limits.MaxFailures {
			o.h.Clock.Advance(o.h.Config.Methods.Limits.Wait)
			o.attempt(account, waits)
		}
		q := owner{o.Elsewhere(), o.h, t} // the session has ended in the meantime
		q.Open("/settings/methods")
		q.Submit("sign-in", "email", email, "password", good).Must("methods", http.StatusOK)
		q.Page.MustSay(q.say("Turned off", "Désactivée"), q.say("remove it and add it again", "supprimez-la, puis ajoutez-la de nouveau"))
	})
}

// attempt is a wrong code.
func (o owner) attempt(account id.Account, method authenticator.ID) {
	o.t.Helper()
	var a authenticator.Attempt
	o.write(func(tx *db.Tx) (err error) {
		a, err = o.h.Methods.Attempt(tx, account, method)
		return err
	})
	o.write(func(tx *db.Tx) error {
		_, err := o.h.Methods.Failed(tx, a)
		return err
	})
}

func TestFewBackupCodesAreNotedAndNewOnesEndTheOld(t *testing.T) {
	eachOwner(t, func(t *testing.T, o owner) {
		o.Open("/settings/methods/new-backup-codes").Must("methods", http.StatusOK) // there are none: nothing ends
		codes := o.backupCodes()
		account := o.session().Account
		for _, code := range codes[:8] {
			o.redeem(account, code)
		}
		o.Open("/settings/methods").MustSay(o.say("Only 2 codes are left. Make new ones.", "Il reste seulement 2 codes. Créez-en de nouveaux."))
		o.Follow("new-backup-codes-link").Must("new-backup-codes", http.StatusOK)
		o.Page.MustSay(o.say("also the 2 that you have not used", "même les 2 que vous n'avez pas utilisés"))
		o.Submit("new-backup-codes")
		fid := o.flow()
		o.enters(fid, codes[8])
		if _, err := o.h.Stepup.Backup(t.Context(), o.visitor(), fid); err != nil {
			t.Errorf("the journey does not make new codes: %v", err)
		}
		o.redeem(account, codes[9])
		o.Open("/settings/methods").MustSay(o.say("No code is left.", "Il ne reste aucun code."))
	})
}

// redeem uses up a backup code.
func (o owner) redeem(account id.Account, code string) {
	o.t.Helper()
	o.write(func(tx *db.Tx) error {
		set, _, err := o.h.BackupCodes.Find(tx, account)
		if err != nil {
			return err
		}
		guess, err := o.h.BackupCodes.Guess(o.t.Context(), set, code)
		if err != nil {
			return err
		}
		ok, err := o.h.BackupCodes.Redeem(tx, guess)
		if err == nil && !ok {
			return fmt.Errorf("the code %s is not good", code)
		}
		return err
	})
}

func TestAMethodIsRenamed(t *testing.T) {
	eachOwner(t, func(t *testing.T, o owner) {
		o.app("Old")
		app, _ := o.app("Mine")
		rename := "/settings/methods/" + string(app) + "/rename"
		o.Open(rename).Must("rename-method", http.StatusOK)
		if got := o.Page.Field("name", "value"); got != "Mine" {
			t.Errorf("the form holds %q", got)
		}
		for _, wrong := range []string{"", "old", strings.Repeat("x", 81), "a\u202eb"} {
			o.Submit("rename-method", "name", wrong).Must("rename-method", http.StatusUnprocessableEntity)
			if o.Page.Field("name", "value") != wrong || o.Page.Field("name", "aria-invalid") != "true" {
				t.Errorf("%q: the field is not shown again as it was typed", wrong)
			}
		}
		o.Follow("language-link", "name", "Work <phone>").Must("rename-method", http.StatusOK)
		if o.Page.Field("name", "value") != "Work <phone>" {
			t.Error("what was typed is lost with the language")
		}
		o.Submit("rename-method").Must("methods", http.StatusOK)
		o.Page.MustSay("Work <phone>", o.say("is now called", "s'appelle maintenant"))
		if strings.Contains(o.Page.Body, "<phone>") {
			t.Error("a name is markup")
		}
	})
}

func TestAMethodOfAnotherAccountCannotBeSeenOrChanged(t *testing.T) {
	eachOwner(t, func(t *testing.T, o owner) {
		app, _ := o.app("Mine")
		q := o.h.Person("en-CA")
		q.Open("/signin?start=create-account")
		q.Submit("create-account", "email", "eve@example.org", "terms", "yes")
		q.Submit("confirm-email", "code", o.h.Code("eve@example.org"))
		q.Submit("choose-password", "password", good).Must("connected-services", http.StatusOK)
		eve := owner{q, o.h, t}
		eve.proves(policy.Email)
		own, _ := eve.app("Eve’s")
		eve.proves(policy.App)
		for _, page := range []string{"rename", "remove"} {
			for _, method := range []string{string(app), "NOSUCH", url.PathEscape("../x")} {
				if got := q.Open("/settings/methods/" + method + "/" + page); got.Status != http.StatusNotFound {
					t.Errorf("%s of %s: %d", page, method, got.Status)
				}
			}
			token := q.Open("/settings/methods/"+string(own)+"/"+page).Must(page+"-method", http.StatusOK).FormToken(page + "-method")
			got := q.Send("/settings/methods/"+string(app)+"/"+page, url.Values{"form_token": {token}, "name": {"Stolen"}})
			if got.Status != http.StatusNotFound {
				t.Errorf("%s was answered with %d", page, got.Status)
			}
		}
		o.Open("/settings/methods").MustSay("Mine").MustNotSay("Stolen")
	})
}

func TestRemovingAsksForAProofFirstAndComesBack(t *testing.T) {
	eachOwner(t, func(t *testing.T, o owner) {
		app, seed := o.app("Pixel")
		o.remembered("Firefox", "Linux", "device")
		remove := "/settings/methods/" + string(app) + "/remove"
		o.Open(remove)
		fid := o.flow()
		code, err := seed.Code(o.h.Clock.Now())
		if err != nil {
			t.Fatal(err)
		}
		o.enters(fid, code)
		o.Open("/signin/"+string(fid)).Must("remove-method", http.StatusOK)
		o.Page.MustSay("Pixel", o.say("This is your only method", "C'est votre seule méthode"), o.say("remembered browsers are forgotten", "navigateurs mémorisés seront oubliés"))
		token := o.Page.FormToken("remove-method")
		o.h.Advance(21 * time.Minute)
		o.Send(remove, url.Values{"form_token": {token}})
		if again := o.flow(); again == fid || !strings.Contains(o.Page.URL, "/signin/") {
			t.Error("an old proof was enough")
		}
		o.Open("/settings/methods").MustSay("Pixel")
		o.proves(policy.Password)
		o.proves(policy.App)
		o.Open(remove).Must("remove-method", http.StatusOK)
		o.Submit("remove-method").Must("methods", http.StatusOK)
		o.Page.MustSay(o.say("The authenticator app is removed", "L'application d'authentification est supprimée"), o.say("No browser is remembered", "Aucun navigateur n'est mémorisé"))
		o.Page.MustNotSay("Pixel")
		if m := o.h.Mail(email); !strings.Contains(m.Text, "Pixel") {
			t.Errorf("the owner was not told: %s", m.Text)
		}
	})
}

func TestRemovingTellsForWhichServicesNothingIsLeft(t *testing.T) {
	h := webtest.Open(t, func(c *config.Config) { c.Partners[1].ACR = []string{policy.ACRAAL2} })
	p := h.Person("en-CA")
	p.Open("/signin?start=create-account")
	p.Submit("create-account", "email", email, "terms", "yes")
	p.Submit("confirm-email", "code", h.Code(email))
	p.Submit("choose-password", "password", good)
	o := owner{p, h, t}
	app, _ := o.app("Pixel")
	o.proves(policy.App)
	for _, service := range []id.RelyingParty{webtest.Fishing, webtest.Aid} {
		o.Open(webtest.Authorize(service)).Must("consent", http.StatusOK)
		o.Submit("consent", "#allow")
	}
	remove := "/settings/methods/" + string(app) + "/remove"
	o.Open(remove).Must("remove-method", http.StatusOK).MustSay("is not enough for these services", "Student aid").MustNotSay("Fishing")
	o.backupCodes()
	o.Open(remove).Must("remove-method", http.StatusOK).MustNotSay("is not enough", "Student aid", "only method")
}

func TestAddingAMethodProvesWhoItIsAndComesBack(t *testing.T) {
	eachOwner(t, func(t *testing.T, o owner) {
		o = owner{o.Elsewhere(), o.h, t} // where the address was not proven just now
		o.Open("/settings/methods").Must("sign-in", http.StatusOK)
		o.Submit("sign-in", "email", email, "password", good).Must("methods", http.StatusOK)
		o.Submit("add-method")
		fid := o.flow()
		if err := o.h.Stepup.Send(t.Context(), o.visitor(), fid); err != nil {
			t.Fatal(err)
		}
		o.enters(fid, o.h.Code(email))
		if err := o.h.Stepup.SetUp(t.Context(), o.visitor(), fid, policy.Backup); err != nil {
			t.Fatal(err)
		}
		codes, err := o.h.Stepup.Backup(t.Context(), o.visitor(), fid)
		if err != nil {
			t.Fatal(err)
		}
		r, err := o.h.Stepup.BindBackup(t.Context(), o.visitor(), fid)
		if err != nil {
			t.Fatal(err)
		}
		if r.Cookies.Session != "" {
			o.SetCookie("__Host-parvis_session", r.Cookies.Session)
		}
		o.enters(fid, codes[0]) // the account can give more now: show that the codes were kept
		o.Open("/signin/"+string(fid)).Must("methods", http.StatusOK).MustSay(o.say("Codes left 9", "Codes restants 9"))
	})
}

func TestRememberedBrowsersAreForgottenOneByOneAndAll(t *testing.T) {
	eachOwner(t, func(t *testing.T, o owner) {
		o.Open("/settings/methods").MustSay(o.say("No browser is remembered", "Aucun navigateur n'est mémorisé"))
		o.remembered("Edge", "Windows", "")
		o.Open("/settings/methods").MustSay(o.say("Edge on Windows This browser", "Edge sous Windows Ce navigateur"))
		o.Submit("forget-browsers")
		o.remembered("Firefox", "Android", "device 1")
		o.remembered("Safari", "iPhone", "device 2")
		o.remembered("", "", "device 3")
		o.Open("/settings/methods").MustSay(o.say("Firefox on Android", "Firefox sous Android"), o.say("Safari on iPhone", "Safari sur iPhone"), o.say("Unknown browser", "Navigateur inconnu")).
			MustNotSay(o.say("This browser", "Ce navigateur"))
		account := o.session().Account
		var browsers []session.RememberedBrowser
		o.write(func(tx *db.Tx) (err error) {
			browsers, err = o.h.Sessions.ListRemembered(tx, account)
			return err
		})
		o.Follow("forget-"+string(browsers[0].ID)).Must("methods", http.StatusOK)
		o.Page.MustSay(o.say("The browser is forgotten", "Le navigateur est oublié"))
		if o.Page.Has("forget-"+string(browsers[0].ID)) || !o.Page.Has("forget-"+string(browsers[1].ID)) {
			t.Error("the wrong browser was forgotten")
		}
		o.Submit("forget-browsers").Must("methods", http.StatusOK)
		o.Page.MustSay(o.say("All browsers are forgotten", "Tous les navigateurs sont oubliés"), o.say("No browser is remembered", "Aucun navigateur n'est mémorisé"))
		token := o.Page.FormToken("add-method")
		if got := o.Send("/settings/methods/browsers/forget", url.Values{"form_token": {token}}); got.Status != http.StatusBadRequest {
			t.Errorf("the token of another form: %d", got.Status)
		}
	})
}

func TestWhatTheAddressSaysIsNoTextOfThePage(t *testing.T) {
	eachOwner(t, func(t *testing.T, o owner) {
		for _, query := range []string{"renamed=Call+0900", "removed=Call+0900", "forgotten=Call+0900", "added=Call+0900", "added=app", "added=", "removed=", "renamed="} {
			page := o.Open("/settings/methods?"+query).Must("methods", http.StatusOK)
			if strings.Contains(page.Text(), "0900") || strings.Contains(page.Body, `class="notice done"`) {
				t.Errorf("%s: something is said to have been done", query)
			}
		}
	})
}

package accountui_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"parvis/internal/account"
	"parvis/internal/db"
	"parvis/internal/notify/notice"
	"parvis/internal/policy"
	"parvis/internal/upstream"
	"parvis/internal/web/webtest"
)

const heldCookie = "__Host-parvis_held"

// create makes an account for another address in a browser of its own.
func (o owner) create(address, password string) owner {
	q := owner{o.Elsewhere(), o.h, o.t}
	q.Open("/signin?start=create-account").Must("create-account", http.StatusOK)
	q.Submit("create-account", "email", address, "terms", "yes")
	q.Submit("confirm-email", "code", o.h.Code(address))
	q.Submit("choose-password", "password", password).Must("connected-services", http.StatusOK)
	return q
}

// codeAt is the one-time code that was sent last to an address.
func (o owner) codeAt(address string) string {
	o.t.Helper()
	for _, m := range o.h.Mails(address) {
		if m.Kind == notice.KindOneTimeCode {
			return m.Codes[0]
		}
	}
	o.t.Fatal("no code was sent")
	return ""
}

// toBoth begins a merging and proves the other account, up to the page of both.
func (o owner) toBoth(address, password string) *webtest.Page {
	o.t.Helper()
	o.proves(policy.Email)
	o.Open("/settings").Must("settings", http.StatusOK)
	o.Follow("merge-link").Must("merge", http.StatusOK).MustSay(email, o.say("7 days", "7 jours"))
	o.Submit("merge").Must("sign-in", http.StatusOK).MustSay(o.say("Sign in to your other account", "Connectez-vous à votre autre compte"))
	o.Submit("sign-in", "email", address, "password", password).Must("second-step", http.StatusOK)
	return o.Submit("second-step", "code", o.codeAt(address))
}

// status is how an account stands.
func (o owner) status(address string) account.Status {
	o.t.Helper()
	addr, err := account.ParseAddress(address)
	if err != nil {
		o.t.Fatal(err)
	}
	var a account.Account
	o.write(func(tx *db.Tx) (err error) {
		a, _, err = o.h.Accounts.ByAddress(tx, addr)
		return err
	})
	return a.Status
}

func TestTwoAccountsAreMergedAndSeparatedAgain(t *testing.T) {
	eachOwnerOnBoth(t, func(t *testing.T, o owner) {
		o.connect()
		q := o.create(rose, alsoGood)
		q.connect()
		o.toBoth(rose, alsoGood).Must("merge-both", http.StatusOK).MustSay(email, rose,
			o.say("Student aid", "Aide financière aux études"), o.say("This account is suspended", "Ce compte est suspendu"))
		o.Submit("merge-both").Must("merge-both", http.StatusUnprocessableEntity).MustSay(o.say("Choose the file to go on with at this service: Student aid", "Choisissez le dossier avec lequel ce service continue"))
		o.Submit("merge-both", o.keepField(), "second").Must("settings", http.StatusOK).MustSay(
			o.say("Your accounts are merged", "Vos comptes sont fusionnés"), email)
		if o.Cookie(heldCookie) != "" || o.status(rose) != account.Merged {
			t.Errorf("the browser still holds a session, or the account is %s", o.status(rose))
		}
		if page := q.Open("/services"); page.Name() == "connected-services" {
			t.Error("the other account is still signed in elsewhere")
		}

		// Whoever signs in to the suspended account is told, and can undo it.
		q.Open("/signin")
		q.Submit("sign-in", "email", rose, "password", alsoGood).Must("second-step", http.StatusOK).MustSay(
			o.say("This account was merged into another one.", "Ce compte a été fusionné avec un autre."))
		q.Submit("second-step", "code", q.codeAt(rose)).Must("merged", http.StatusOK).MustSay(rose, o.say("You can undo this until", "Vous pouvez annuler la fusion jusqu"))
		if page := q.Open("/settings"); page.Name() != "merged" {
			t.Errorf("a merged account opens %s", page.Name())
		}
		if page := q.Open(webtest.Authorize(webtest.Aid)); page.Name() != "merged" {
			t.Errorf("a merged account gets to a service: %s", page.Name())
		}
		q.Submit("undo-merge", "#undo")
		if o.status(rose) != account.Active {
			t.Error("not undone")
		}
		q.Open("/settings").Must("settings", http.StatusOK).MustSay(rose)

		// And again, undone by the one that stays, from the mail.
		o.Open("/settings").Must("settings", http.StatusOK)
		o.toBoth(rose, alsoGood).Must("merge-both", http.StatusOK)
		o.Submit("merge-both", o.keepField(), "first").Must("settings", http.StatusOK)
		link := ""
		for _, l := range o.h.Mail(email).Links {
			if strings.Contains(l, "/merged/") {
				link = l
			}
		}
		stranger := o.Elsewhere()
		stranger.Open(link).Must("merge-link", http.StatusOK).MustNotSay(rose, email)
		stranger.Follow("undo").Must("sign-in", http.StatusOK)
		o.Open(link).Must("merge-link", http.StatusOK)
		o.Follow("undo").Must("merge-undo", http.StatusOK)
		o.Submit("merge-undo").Must("settings", http.StatusOK).MustSay(o.say("The merging is undone", "La fusion est annulée"))
		o.Open(link).Must("merge-link", http.StatusOK).MustSay(o.say("The merging was undone", "La fusion a été annulée"))
		if page := o.Open("/merged/nothing"); page.Status != http.StatusNotFound || page.Name() != "merge-link" {
			t.Errorf("%d %s", page.Status, page.Name())
		}
	})
}

func TestSignInPartnersThatMoveAreNamed(t *testing.T) {
	for _, l := range []string{"en-CA", "fr-CA"} {
		t.Run(l, func(t *testing.T) {
			h := webtest.Open(t, webtest.WithBank)
			h.OpenBank()
			o := owner{h.Person(l), h, t}.create(email, good)
			q := o.create(rose, alsoGood)
			owns := q.session().Account
			o.write(func(tx *db.Tx) error {
				return h.Links.Link(tx, upstream.NewLinkID(), owns, webtest.BankOrigin, "customer-2")
			})
			named := o.say("Northland Bank (linked ", "Banque du Northland (depuis le ")
			o.toBoth(rose, alsoGood).Must("merge-both", http.StatusOK).MustSay(named, o.say("Sign-in partners that move", "Partenaires de connexion transférés"))
			o.Submit("merge-both").Must("settings", http.StatusOK).MustSay(named, o.say("are added to this one", "seront ajoutés à celui-ci"))
		})
	}
}

// keepField is the name of the field of the one service that knows both accounts.
func (o owner) keepField() string {
	o.t.Helper()
	for _, name := range o.Page.Names("merge-both") {
		if strings.HasPrefix(name, "keep-") {
			return name
		}
	}
	o.t.Fatal("the page has no choice")
	return ""
}

func TestAMergingIsGivenUpOrStopped(t *testing.T) {
	eachOwnerOnBoth(t, func(t *testing.T, o owner) {
		o.create(rose, alsoGood)
		// Given up at the sign-in to the other account.
		o.proves(policy.Email)
		o.Open("/settings/merge").Must("merge", http.StatusOK)
		o.Submit("merge").Must("sign-in", http.StatusOK)
		o.Submit("merge-cancel", "#cancel-merge").Must("settings", http.StatusOK).MustSay(email)
		// Given up on the page of both.
		o.toBoth(rose, alsoGood).Must("merge-both", http.StatusOK)
		o.Submit("merge-cancel", "#keep").Must("settings", http.StatusOK).MustSay(email).MustNotSay(rose)
		if o.Cookie(heldCookie) != "" {
			t.Error("the browser still holds a session")
		}
		// The same account twice.
		o.proves(policy.Email)
		o.toBoth(email, good).Must("merge-stopped", http.StatusConflict).MustSay(o.say("the same account twice", "Les deux connexions ouvrent le même compte"))
		o.Submit("merge-cancel").Must("settings", http.StatusOK)
		// A held session does not outlive the signing out.
		o.toBoth(rose, alsoGood).Must("merge-both", http.StatusOK)
		held := o.Cookie(heldCookie)
		o.Open("/signout")
		o.Submit("sign-out").Must("signed-out", http.StatusOK)
		o.SetCookie("__Host-parvis_session", held)
		if page := o.Open("/settings"); page.Name() == "settings" {
			t.Error("the session that was set aside outlives the signing out")
		}
		o.Submit("sign-in", "email", email, "password", good)
		// Too late.
		o.toBoth(rose, alsoGood).Must("merge-both", http.StatusOK)
		o.h.Clock.Advance(25 * time.Minute)
		if page := o.Submit("merge-both"); page.Name() != "merge-stopped" || o.status(rose) != account.Active {
			t.Errorf("%s, %s", page.Name(), o.status(rose))
		}
	})
}

func TestASessionSetAsideEndsWithSigningOut(t *testing.T) {
	eachOwnerOnBoth(t, func(t *testing.T, o owner) {
		o.create(rose, alsoGood)
		aside := func() string {
			t.Helper()
			o.proves(policy.Email)
			o.Open("/settings/merge").Must("merge", http.StatusOK).MustSay("10 minutes")
			o.Submit("merge").Must("sign-in", http.StatusOK)
			return o.Cookie(heldCookie)
		}
		gone := func(how, held string) {
			t.Helper()
			if o.Cookie(heldCookie) != "" {
				t.Errorf("%s: the browser still holds a session", how)
			}
			o.SetCookie(heldCookie, held)
			o.Open("/signin").Must("sign-in", http.StatusOK).MustNotSay(o.say("is still signed in here", "est encore connecté ici"))
			o.SetCookie("__Host-parvis_session", held)
			if page := o.Open("/settings"); page.Name() == "settings" {
				t.Errorf("%s: the session is still live", how)
			}
			o.Submit("sign-in", "email", email, "password", good)
		}
		// Every page that asks to sign in says who still is, and ends it.
		held := aside()
		o.Page.MustSay(o.say("is still signed in here", "est encore connecté ici")).MustNotSay(email)
		o.Open(webtest.Authorize(webtest.Aid)).Must("sign-in", http.StatusOK).MustSay(o.say("is still signed in here", "est encore connecté ici"))
		o.Submit("aside", "#aside-end").Must("signed-out", http.StatusOK)
		gone("on our page", held)
		// Too late to go back without a proof.
		held = aside()
		o.h.Clock.Advance(10*time.Minute + time.Second)
		o.SetCookie(heldCookie, held) // a browser that keeps it longer
		if page := o.Submit("merge-cancel", "#cancel-merge"); page.Name() != "sign-in" {
			t.Errorf("given back without a proof: %s", page.Name())
		}
		gone("late", held)
		// Who goes on as somebody else, at a service, leaves nobody behind.
		held = aside()
		o.Open(webtest.Authorize(webtest.Aid)).Must("sign-in", http.StatusOK)
		o.Submit("sign-in", "email", rose, "password", alsoGood)
		o.h.Clock.Advance(time.Second)
		o.Open(webtest.Authorize(webtest.Aid, "prompt", "login")).Must("sign-in", http.StatusOK)
		o.Submit("switch", "#use-another-account").Must("sign-in", http.StatusOK)
		gone("as somebody else", held)
	})
}

func TestAMergingIsNotConfirmedFromAnotherBrowser(t *testing.T) {
	eachOwnerOnBoth(t, func(t *testing.T, o owner) {
		q := o.create(rose, alsoGood)
		q.proves(policy.Email)
		o.toBoth(rose, alsoGood).Must("merge-both", http.StatusOK)
		// Another browser of the second account has a session of its own, and no held one.
		if page := q.Open("/settings/merge/both"); page.Name() != "merge" {
			t.Errorf("%s", page.Name())
		}
		// A form of the page for somebody else.
		tab := o.Tab()
		tab.Open("/settings/merge/both").Must("merge-both", http.StatusOK)
		o.Submit("merge-cancel", "#keep").Must("settings", http.StatusOK)
		if page := tab.Submit("merge-both"); o.status(rose) != account.Active {
			t.Errorf("%s merged", page.Name())
		}
	})
}

package accountui_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"parvis/internal/account"
	"parvis/internal/db"
	"parvis/internal/id"
	"parvis/internal/notify/notice"
	"parvis/internal/web/webtest"
)

const newEmail = "Sam.R.Rivers@Work.example"

// letter is the newest letter of a kind to an address.
func (o owner) letter(to string, kind notice.Kind) notice.Letter {
	o.t.Helper()
	for _, l := range o.h.Mails(to) {
		if l.Kind == kind {
			return l
		}
	}
	o.t.Fatalf("%s got no %s", to, kind)
	return notice.Letter{}
}

// linkIn is the address in a letter that begins with a path.
func (o owner) linkIn(l notice.Letter, at string) string {
	o.t.Helper()
	for _, link := range l.Links {
		if strings.HasPrefix(link, webtest.Origin+at) {
			return link
		}
	}
	o.t.Fatalf("no link to %s in\n%s", at, l.Text)
	return ""
}

func TestAnAddressIsAddedMadeMainAndTheOlderOneRemoved(t *testing.T) {
	eachOwner(t, func(t *testing.T, o owner) {
		o.Open("/settings").Must("settings", http.StatusOK)
		o.Follow("emails-link").Must("emails", http.StatusOK).MustSay(email)
		o.Follow("add-email-link").Must("add-email", http.StatusOK)
		for _, wrong := range []string{"", "nobody", email} {
			o.Submit("add-email", "email", wrong).Must("add-email", http.StatusUnprocessableEntity)
			if o.Page.Field("email", "value") != wrong || o.Page.Field("email", "aria-invalid") != "true" {
				t.Errorf("%q: the field is not shown again as it was typed", wrong)
			}
		}
		o.Submit("add-email", "email", newEmail).Must("confirm-new-email", http.StatusOK).MustSay(newEmail, o.say("30 minutes", "30 minutes"))
		o.Submit("confirm-new-email").Must("confirm-new-email", http.StatusUnprocessableEntity)
		o.Submit("confirm-new-email", "code", "000000").Must("confirm-new-email", http.StatusUnprocessableEntity)
		o.Submit("resend-email").Must("confirm-new-email", http.StatusOK).MustSay(o.say("again", "renvoyé"))
		o.Follow("later").Must("emails", http.StatusOK).MustSay(newEmail, o.say("Waiting for confirmation", "À confirmer"))
		o.FollowText(o.say("Confirm", "Confirmer")).Must("confirm-new-email", http.StatusOK)
		o.Submit("confirm-new-email", "code", o.letter(newEmail, notice.KindConfirmAddress).Codes[0]).Must("emails", http.StatusOK)
		o.Page.MustSay(o.say("The address is added", "L'adresse est ajoutée"), newEmail).MustNotSay(o.say("Waiting for confirmation", "À confirmer"))
		o.app("Pixel")
		o.proves("app")
		o.FollowText(o.say("Make main", "Rendre principale")).Must("main-email", http.StatusOK).MustSay(newEmail, email, o.say("7 days", "7 jours"), o.say("authenticator app", "application d'authentification"))
		o.Submit("main-email").Must("emails", http.StatusOK).MustSay(o.say("Your main address is changed", "Votre adresse principale est changée"), o.say("rename the entry", "renommer l'entrée"))
		o.Open("/services").MustSay(newEmail)
		o.Open("/settings/emails")
		o.FollowText(o.say("Remove", "Supprimer")).Must("remove-email", http.StatusOK).MustSay(email)
		o.Submit("remove-email").Must("emails", http.StatusOK).MustSay(o.say("The address is removed", "L'adresse est supprimée")).MustNotSay(email)
		q := o.Elsewhere()
		q.Open("/signin")
		q.Submit("sign-in", "email", email, "password", good).Must("sign-in", http.StatusUnprocessableEntity)
		q.Submit("sign-in", "email", strings.ToLower(newEmail), "password", good).Must("connected-services", http.StatusOK)
	})
}

func TestThePageAfterAnAddressIsTheSameWhoeverHasIt(t *testing.T) {
	eachOwner(t, func(t *testing.T, o owner) {
		other := o.h.Person("fr-CA")
		other.Open("/signin?start=create-account")
		other.Submit("create-account", "email", rose, "terms", "yes")
		other.Submit("confirm-email", "code", o.h.Code(rose))
		other.Submit("choose-password", "password", alsoGood).Must("connected-services", http.StatusOK)
		said := func(to string) string {
			o.Open("/settings/emails/add").Must("add-email", http.StatusOK)
			o.Submit("add-email", "email", to).Must("confirm-new-email", http.StatusOK)
			return strings.ReplaceAll(o.Page.Text(), to, "ADDRESS")
		}
		if taken, free := said(rose), said("free@example.org"); taken != free {
			t.Errorf("an address of another account:\n%s\na free one:\n%s", taken, free)
		}
		if l := o.letter(rose, notice.KindAddressInUse); l.Lang != "fr" || len(l.Codes) > 0 {
			t.Errorf("its owner is told in %s, with %d codes", l.Lang, len(l.Codes))
		}
	})
}

func TestALinkOfAnAddressAsksForTheSignInAndConfirms(t *testing.T) {
	eachOwner(t, func(t *testing.T, o owner) {
		o.Open("/settings/emails/add").Must("add-email", http.StatusOK)
		o.Submit("add-email", "email", newEmail).Must("confirm-new-email", http.StatusOK)
		link := o.linkIn(o.letter(newEmail, notice.KindConfirmAddress), "/settings/email/")
		phone := owner{o.Elsewhere(), o.h, t}
		phone.Open(link).Must("sign-in", http.StatusOK)
		phone.Submit("sign-in", "email", email, "password", good).Must("email-link", http.StatusOK).MustSay(newEmail)
		phone.Open("/settings/emails").MustSay(o.say("Waiting for confirmation", "À confirmer")) // opening it used nothing
		phone.Open(link)
		phone.Submit("email-link").Must("emails", http.StatusOK).MustSay(o.say("The address is added", "L'adresse est ajoutée"))
		phone.Open(link).Must("email-link", http.StatusGone)
		phone.Open("/settings/email/unknown").Must("email-link", http.StatusNotFound)

		stranger := o.h.Person("en-CA")
		stranger.Open("/signin?start=create-account")
		stranger.Submit("create-account", "email", rose, "terms", "yes")
		stranger.Submit("confirm-email", "code", o.h.Code(rose))
		stranger.Submit("choose-password", "password", alsoGood).Must("connected-services", http.StatusOK)
		if page := stranger.Open(link).Must("email-link", http.StatusForbidden); strings.Contains(page.Text(), newEmail) || page.Has("email-link") {
			t.Error("another account may use the link")
		}
	})
}

func TestARemovedAddressTakesItBackWithItsLink(t *testing.T) {
	eachOwner(t, func(t *testing.T, o owner) {
		o.h.Advance(time.Minute)
		o.Open("/settings/emails/add").Must("add-email", http.StatusOK)
		o.Submit("add-email", "email", newEmail)
		o.Submit("confirm-new-email", "code", o.letter(newEmail, notice.KindConfirmAddress).Codes[0]).Must("emails", http.StatusOK)
		o.FollowText(o.say("Make main", "Rendre principale")).Must("main-email", http.StatusOK)
		o.Submit("main-email").Must("emails", http.StatusOK)
		undo := o.linkIn(o.letter(email, notice.KindMainAddress), "/address/")
		reader := owner{o.Elsewhere(), o.h, t}
		reader.Open(undo).Must("undo-email", http.StatusOK).MustSay(email, o.say("no longer the main address", "n'est plus l'adresse principale"))
		o.Open("/services").Must("connected-services", http.StatusOK) // opening it did nothing
		reader.Submit("undo-email").Must("undo-email", http.StatusOK).MustSay(o.say("The change is undone", "Le changement est annulé"))
		o.Open("/services").Must("session-ended", http.StatusOK)
		reader.Follow("reset-link").Must("forgot-password", http.StatusOK)
		reader.Open(undo).Must("undo-email", http.StatusGone)
		reader.Open("/address/unknown").Must("undo-email", http.StatusNotFound)
		if l := o.letter(newEmail, notice.KindAddressesRestored); strings.Contains(l.Text, email) {
			t.Error("the removed address is told the other one")
		}
	})
}

func TestThePageOfAnAddressOfAnotherAccountIsNotThere(t *testing.T) {
	eachOwner(t, func(t *testing.T, o owner) {
		var row id.Address
		account := o.session().Account
		o.write(func(tx *db.Tx) error {
			e, _, err := o.h.Accounts.Main(tx, account)
			row = e.ID
			return err
		})
		q := o.h.Person("en-CA")
		q.Open("/signin?start=create-account")
		q.Submit("create-account", "email", rose, "terms", "yes")
		q.Submit("confirm-email", "code", o.h.Code(rose))
		q.Submit("choose-password", "password", alsoGood).Must("connected-services", http.StatusOK)
		for _, page := range []string{"main", "remove"} {
			for _, which := range []string{string(row), "NOSUCH", url.PathEscape("../x")} {
				if got := q.Open("/settings/emails/" + which + "/" + page); got.Status != http.StatusNotFound {
					t.Errorf("%s of %s: %d", page, which, got.Status)
				}
			}
		}
		o.Open("/settings/emails/"+string(row)+"/remove").Must("emails", http.StatusOK) // the main one stays
	})
}

func TestTwelveAddressesAreListedAndNoMoreAreAsked(t *testing.T) {
	eachOwner(t, func(t *testing.T, o owner) {
		a := o.session().Account
		for i := range 11 {
			row := id.New[id.Address]()
			addr, err := account.ParseAddress(fmt.Sprintf("a.rather.long.name.%d@anticonstitutionnellement.example", i))
			if err != nil {
				t.Fatal(err)
			}
			o.write(func(tx *db.Tx) error {
				_, _, err := o.h.Accounts.Add(tx, a, row, addr)
				return err
			})
		}
		page := o.Open("/settings/emails").Must("emails", http.StatusOK)
		page.MustSay(email, "a.rather.long.name.10@", o.say("12 addresses", "12 adresses"))
		if page.Has("add-email-link") {
			t.Error("one more is offered")
		}
		o.Open("/settings/emails/add").Must("emails", http.StatusOK)
		o.Open("/settings").Must("settings", http.StatusOK)
	})
}

package accountui_test

import (
	"net/http"
	"net/url"
	"testing"

	"parvis/internal/account"
	"parvis/internal/db"
	"parvis/internal/id"
	"parvis/internal/web/webtest"
)

func (o owner) another(written string) id.Address {
	o.t.Helper()
	row, a := id.New[id.Address](), o.session().Account
	addr, err := account.ParseAddress(written)
	if err != nil {
		o.t.Fatal(err)
	}
	o.write(func(tx *db.Tx) error {
		_, _, err := o.h.Accounts.Add(tx, a, row, addr)
		return err
	})
	return row
}

func TestTheAddressOfAServiceIsChosenWhenItIsConnectedAndLater(t *testing.T) {
	eachOwner(t, func(t *testing.T, o owner) {
		o.Open("/services/student-aid/email")
		if o.Page.Status != http.StatusNotFound {
			t.Error("an address is chosen for a service that is not connected")
		}
		row := o.another("sam@work.example")
		o.Open(webtest.Authorize(webtest.Aid)).Must("consent", http.StatusOK).MustSay("sam@work.example", email)
		o.Submit("consent", "#allow", "address", string(row))
		o.Open("/services").Must("connected-services", http.StatusOK).MustSay("sam@work.example")
		o.FollowText(o.say("Change address", "Changer d’adresse")).Must("share-email", http.StatusOK)
		token := o.Page.FormToken("share-email")
		if page := o.Send("/services/student-aid/email", url.Values{"form_token": {token}, "address": {"NOSUCH"}}); page.Status != http.StatusUnprocessableEntity {
			t.Errorf("an address that the account does not have: %d", page.Status)
		}
		var main id.Address
		a := o.session().Account
		o.write(func(tx *db.Tx) error {
			e, _, err := o.h.Accounts.Main(tx, a)
			main = e.ID
			return err
		})
		o.Open("/services/student-aid/email").Must("share-email", http.StatusOK)
		o.Submit("share-email", "address", string(main)).Must("connected-services", http.StatusOK).
			MustSay(o.say("receives the address that you chose", "l’adresse que vous avez choisie")).MustNotSay("sam@work.example")
	})
}

func TestAnAccountWithOneAddressIsAskedForNone(t *testing.T) {
	eachOwner(t, func(t *testing.T, o owner) {
		if page := o.Open(webtest.Authorize(webtest.Aid)).Must("consent", http.StatusOK); page.Has("address") {
			t.Error("there is a choice of one")
		}
		o.Submit("consent", "#allow")
		o.Open("/services/student-aid/email").Must("connected-services", http.StatusOK)
	})
}

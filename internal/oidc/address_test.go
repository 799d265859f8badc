package oidc_test

import (
	"encoding/json"
	"strings"
	"testing"

	"parvis/internal/account"
	"parvis/internal/db"
	"parvis/internal/db/dbtest"
	"parvis/internal/id"
)

// Each service is told the address that was chosen for it, and nothing of the others.
//
// OIDC Core, 5.1: email and email_verified.
func TestAServiceIsToldTheAddressThatWasChosenForIt(t *testing.T) {
	clock := dbtest.NewClock()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		h := open(t, d, clock, nil)
		b, a := h.agreed("service")
		row := id.New[id.Address]()
		addr, err := account.ParseAddress("anna@work.example")
		if err != nil {
			t.Fatal(err)
		}
		h.write(func(tx *db.Tx) error {
			if _, _, err := h.accounts.Add(tx, a, row, addr); err != nil {
				return err
			}
			_, err := h.connections.Share(tx, a, "service", row)
			return err
		})
		access := h.asClient("service", exchange(b.code("service"))).Access
		told := func() string {
			claims, status := h.userinfo(access)
			if status != 200 || claims["email_verified"] != true {
				t.Fatalf("%d %v", status, claims)
			}
			all, err := json.Marshal(claims)
			if err != nil {
				t.Fatal(err)
			}
			return string(all)
		}
		if got := told(); !strings.Contains(got, `"anna@work.example"`) || strings.Contains(got, "anna@example.org") {
			t.Errorf("the service is told %s", got)
		}
		h.write(func(tx *db.Tx) error {
			_, err := h.accounts.TakeAway(tx, account.Email{ID: row, Account: a, Address: addr})
			return err
		})
		if got := told(); !strings.Contains(got, `"anna@example.org"`) || strings.Contains(got, "work.example") {
			t.Errorf("without the chosen address the service is told %s", got)
		}
	}, dbtest.WithClock(clock.Now))
}

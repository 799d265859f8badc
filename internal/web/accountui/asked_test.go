package accountui_test

import (
	"net/http"
	"testing"
	"time"

	"parvis/internal/account"
	"parvis/internal/ciba"
	"parvis/internal/db"
	"parvis/internal/web/webtest"
)

func TestWhoIsSignedInSeesThatAServiceAsks(t *testing.T) {
	each(t, func(t *testing.T, h *webtest.House, p *webtest.Person) {
		if p.Open("/services").Must("connected-services", http.StatusOK).Href("confirmations-link") != "" {
			t.Error("nothing waits, and the page says so")
		}
		addr, err := account.ParseAddress(email)
		if err != nil {
			t.Fatal(err)
		}
		n := ciba.Prepare("nobody-any-more")
		err = h.DB.Write(t.Context(), func(tx *db.Tx) error {
			a, _, err := h.Accounts.ByAddress(tx, addr)
			if err != nil {
				return err
			}
			n.Account, n.Scopes, n.Life = a.ID, []string{"openid"}, 10*time.Minute
			return h.Asked.Begin(tx, n)
		})
		if err != nil {
			t.Fatal(err)
		}
		if to := p.Open("/services").Must("connected-services", http.StatusOK).Href("confirmations-link"); to != "/confirmations" {
			t.Errorf("leads to %q", to)
		}
		p.Follow("confirmations-link").Must("confirmations", http.StatusOK)
		h.Advance(11 * time.Minute)
		p.Open("/services")
		if p.Page.Href("confirmations-link") != "" {
			t.Error("it is over, and the page says that it waits")
		}
	})
}

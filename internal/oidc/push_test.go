package oidc_test

import (
	"strings"
	"testing"
	"time"

	"parvis/internal/db"
	"parvis/internal/pushed"
)

func TestWhatWasPushedIsSealedAndGoesWithItsUse(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		b, _ := h.agreed("service")
		p := h.push("service", request("service", "login_hint", "anna.canary@example.org"))
		kept := func() (out []byte) {
			check(t, h.db.Read(t.Context(), func(tx *db.Tx) error {
				return tx.QueryRow(`SELECT parameters FROM pushed_request`).Scan(&out)
			}))
			return out
		}
		if text := string(kept()); text == "" || strings.Contains(text, "canary") || strings.Contains(text, "redirect_uri") {
			t.Error("it is not sealed")
		}
		b.authorize(named("service", p)).answer(t)
		if len(kept()) != 0 {
			t.Error("it stays after its use")
		}
		h.clock.Advance(25 * time.Hour)
		check(t, pushed.Requests{}.Purge(t.Context(), h.db))
		n := 1
		check(t, h.db.Read(t.Context(), func(tx *db.Tx) error {
			return tx.QueryRow(`SELECT COUNT(*) FROM pushed_request`).Scan(&n)
		}))
		if n != 0 {
			t.Errorf("%d rows after a day", n)
		}
	})
}

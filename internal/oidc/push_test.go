package oidc_test

import (
	"strings"
	"testing"

	"parvis/internal/db"
)

func TestWhatWasPushedIsSealedAndGoesWithItsUse(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		b, _ := h.agreed("service")
		p := h.push("service", request("service", "login_hint", "anna.canary@example.org"))
		var kept []byte
		check(t, h.db.Read(t.Context(), func(tx *db.Tx) error {
			return tx.QueryRow(`SELECT parameters FROM pushed_request`).Scan(&kept)
		}))
		if text := string(kept); text == "" || strings.Contains(text, "canary") || strings.Contains(text, "redirect_uri") {
			t.Error("it is not sealed")
		}
		b.authorize(named("service", p)).answer(t)
		n := 1
		check(t, h.db.Read(t.Context(), func(tx *db.Tx) error {
			return tx.QueryRow(`SELECT COUNT(*) FROM pushed_request`).Scan(&n)
		}))
		if n != 0 {
			t.Errorf("%d rows after its use", n)
		}
	})
}

package oidc_test

import (
	"net/url"
	"testing"
	"time"

	"parvis/internal/db"
	"parvis/internal/db/dbtest"
	"parvis/internal/relyingparty"
)

// nightly registers a service that acts for itself.
func (h *house) nightly() {
	h.t.Helper()
	h.enroll("nightly", func(s *relyingparty.Settings) {
		s.GrantTypes, s.Scopes, s.RedirectURIs, s.PostLogoutRedirectURIs = []string{"client_credentials"}, nil, nil, nil
		s.OwnScopes = []string{"permits.read", "permits.write"}
	})
}

func own(changes ...string) url.Values {
	v := url.Values{"grant_type": {"client_credentials"}}
	return with(v, changes...)
}

func TestAServicesOwnTokenEndsIsPurgedAndCanBeBoundToAKey(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		h.nightly()
		k := h.holder()
		tok := h.ask("nightly", own(), k.proof("POST", "/token"))
		out, _ := h.call("/introspect", "gateway", url.Values{"token": {tok["access_token"].(string)}})
		if tok["token_type"] != "DPoP" || out["token_type"] != "DPoP" || out["cnf"] == nil {
			t.Errorf("%v %v", tok, out)
		}
		h.clock.Advance(15 * time.Minute)
		if out, _ := h.call("/introspect", "gateway", url.Values{"token": {tok["access_token"].(string)}}); out["active"] != false {
			t.Errorf("after its end: %v", out)
		}
		h.clock.Advance(25 * time.Hour)
		check(t, h.grants.Purge(t.Context(), h.db))
		if n := h.count(`SELECT COUNT(*) FROM authorization_grant`) + h.count(`SELECT COUNT(*) FROM access_token`); n != 0 {
			t.Errorf("%d rows stay", n)
		}
	})
}

func TestAServicesOwnTokenStaysWithinItsBudgetOfStatements(t *testing.T) {
	clock, book := dbtest.NewClock(), &ledger{}
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		h := open(t, d, clock, nil)
		h.nightly()
		reads, writes := book.of(func() { h.ask("nightly", own()) })
		t.Logf("%d reads, %d writes", reads, writes)
		if reads > 0 || writes > 3 {
			t.Errorf("%d reads and %d writes, at most 0 and 3", reads, writes)
		}
	}, dbtest.WithClock(clock.Now), dbtest.WithoutRehearsal(), dbtest.Observe(book.note))
}

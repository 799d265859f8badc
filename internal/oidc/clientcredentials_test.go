package oidc_test

import (
	"net/http"
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
	for i := 0; i+1 < len(changes); i += 2 {
		v.Set(changes[i], changes[i+1])
	}
	return v
}

// RFC 6749, 4.4.3: a client that acts for itself is given an access token, and no refresh token.
// RFC 7662, 2.2: of a token that is of no person there is no sub.
func TestAServiceIsGivenATokenForItselfAndOfNobody(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		h.nightly()
		second := open(t, dbtest.Second(t, h.db, dbtest.WithClock(h.clock.Now)), h.clock, h)
		for asked, granted := range map[string]string{"": "permits.read permits.write", "permits.read": "permits.read"} {
			tok := h.ask("nightly", own("scope", asked))
			if tok["access_token"] == nil || tok["refresh_token"] != nil || tok["id_token"] != nil || tok["scope"] != granted || tok["token_type"] != "Bearer" || tok["expires_in"] != float64(900) {
				t.Fatalf("%q: %v", asked, tok)
			}
			access := tok["access_token"].(string)
			for _, asker := range []string{"nightly", "gateway"} {
				out, _ := second.call("/introspect", asker, url.Values{"token": {access}})
				if out["active"] != true || out["client_id"] != "nightly" || out["scope"] != granted {
					t.Errorf("%s: %v", asker, out)
				}
				for _, personal := range []string{"sub", "username", "acr", "amr", "auth_time"} {
					if v, ok := out[personal]; ok {
						t.Errorf("%s is told %s: %v", asker, personal, v)
					}
				}
			}
			if _, status := h.userinfo(access); status != http.StatusForbidden {
				t.Errorf("userinfo: %d", status)
			}
		}
		tok := h.ask("nightly", own())
		access := tok["access_token"].(string)
		if _, status := h.call("/revoke", "nightly", url.Values{"token": {access}}); status != http.StatusOK {
			t.Fatal(status)
		}
		if out, _ := second.call("/introspect", "gateway", url.Values{"token": {access}}); out["active"] != false {
			t.Errorf("revoked: %v", out)
		}
		other := h.ask("nightly", own())["access_token"].(string)
		h.write(func(tx *db.Tx) error { return h.grants.EndParty(tx, "nightly") })
		if out, _ := second.call("/introspect", "gateway", url.Values{"token": {other}}); out["active"] != false {
			t.Errorf("of a service that was disabled: %v", out)
		}
	})
}

// RFC 6749, 4.4 and 5.2: only confidential clients that are registered for it, and for registered scopes only.
func TestNobodyElseIsGivenATokenForItselfAndNoScopeThatIsNotRegistered(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		h.nightly()
		for _, scope := range []string{"openid", "permits.delete", "permits.read openid", "offline_access"} {
			if out := h.ask("nightly", own("scope", scope)); out["error"] != "invalid_scope" {
				t.Errorf("%s: %v", scope, out)
			}
		}
		if out := h.ask("service", own()); out["error"] != "unauthorized_client" {
			t.Errorf("one that is not registered for it: %v", out)
		}
		if out := h.asClient("", own("client_id", "public")); out.Error != "unauthorized_client" {
			t.Errorf("a public one: %+v", out)
		}
		if out := h.asClient("", own("client_id", "nightly")); out.Error != "invalid_client" {
			t.Errorf("without its secret: %+v", out)
		}
		if out := h.ask("nightly", exchange("x")); out["error"] != "unauthorized_client" {
			t.Errorf("a code: %v", out)
		}
		got := h.browser().get("/authorize?" + request("nightly").Encode())
		if got.StatusCode != http.StatusBadRequest || got.Header.Get("Location") != "" {
			t.Errorf("an authorization request: %d", got.StatusCode)
		}
	})
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

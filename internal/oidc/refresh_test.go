package oidc_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"testing"

	"parvis/internal/db"
	"parvis/internal/db/dbtest"
	"parvis/internal/id"
	"parvis/internal/jose"
	"parvis/internal/oidc/claim"
	"parvis/internal/relyingparty"
	"parvis/internal/secret"
)

// lasting is a browser of a person who lets services go on while they are away: mobile, a
// public client, and office, a confidential one.
func (h *house) lasting() (*browser, id.Account) {
	h.t.Helper()
	h.enroll("mobile", func(s *relyingparty.Settings) { s.Auth = "none" })
	h.enroll("office", func(*relyingparty.Settings) {})
	a := h.person("anna@example.org")
	for _, c := range []id.RelyingParty{"mobile", "office", "service"} {
		h.consent(a, c, claim.Email, claim.ScopeOffline)
	}
	b := h.browser()
	b.signIn(a, "")
	return b, a
}

// enroll registers a service that may go on while people are away, changed.
func (h *house) enroll(client string, change func(*relyingparty.Settings)) {
	h.t.Helper()
	s := parties()[0]
	s.ID, s.GrantTypes, s.Scopes = client, []string{"authorization_code", "refresh_token"}, append(slices.Clone(s.Scopes), "offline_access")
	change(&s)
	var digest []byte
	if s.Auth == "" {
		digest = secret.Digest(password)
	}
	h.write(func(tx *db.Tx) error { return h.store.Create(tx, s, digest) })
	check(h.t, h.registry.Refresh(h.t.Context()))
}

const offline = "openid email offline_access"

// ask is a token request of a client: with HTTP Basic, or public.
func (h *house) ask(client string, v url.Values, proofs ...string) map[string]any {
	h.t.Helper()
	public := client == "mobile"
	if public {
		v.Set("client_id", client)
	}
	r := post(h.t, h, "/token", v.Encode())
	if !public {
		r.SetBasicAuth(client, password)
	}
	for _, p := range proofs {
		r.Header.Add("DPoP", p)
	}
	resp, err := http.DefaultClient.Do(r)
	check(h.t, err)
	defer func() { _ = resp.Body.Close() }()
	raw, err := io.ReadAll(resp.Body)
	check(h.t, err)
	out := map[string]any{}
	check(h.t, json.Unmarshal(raw, &out))
	if resp.StatusCode >= 500 || (out["error"] == nil) != (resp.StatusCode == http.StatusOK) {
		h.t.Errorf("%d %v", resp.StatusCode, out)
	}
	return out
}

func (h *house) first(b *browser, client string, proofs ...string) map[string]any {
	h.t.Helper()
	return h.ask(client, exchange(b.code(client, "scope", offline)), proofs...)
}

// again asks with a refresh token, which is a text in an answer.
func (h *house) again(client string, token any, changes ...string) map[string]any {
	h.t.Helper()
	return h.ask(client, with(url.Values{"grant_type": {"refresh_token"}, "refresh_token": {token.(string)}}, changes...))
}

// FAPI 2.0 SP, 5.3.2.1: refresh tokens of confidential clients are not rotated.
// RFC 9700, 4.14.2: those of public clients are, and one that comes again ends everything that came of the sign-in.
func TestOnlyPublicClientsAreGivenAnotherRefreshTokenAndTheOldOneIsAnAlarm(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		b, _ := h.lasting()
		second := open(t, dbtest.Second(t, h.db, dbtest.WithClock(h.clock.Now)), h.clock, h)
		one := h.first(b, "office")
		for range 3 {
			if two := h.again("office", one["refresh_token"]); two["refresh_token"] != one["refresh_token"] {
				t.Fatalf("%v", two)
			}
		}
		one = h.first(b, "mobile")
		two := h.again("mobile", one["refresh_token"])
		if two["refresh_token"] == nil || two["refresh_token"] == one["refresh_token"] {
			t.Fatalf("%v", two)
		}
		lost := second.again("mobile", one["refresh_token"]) // the answer was lost, and another node is asked
		if lost["refresh_token"] != two["refresh_token"] || lost["access_token"] == two["access_token"] {
			t.Fatalf("%v", lost)
		}
		h.clock.Advance(h.grants.Settings.RefreshGrace)
		if stolen := h.again("mobile", one["refresh_token"]); stolen["error"] != "invalid_grant" {
			t.Fatalf("%v", stolen)
		}
		if out := second.again("mobile", two["refresh_token"]); out["error"] != "invalid_grant" {
			t.Errorf("the successor: %v", out)
		}
		for _, tok := range []map[string]any{one, two, lost} {
			if _, status := second.userinfo(tok["access_token"].(string)); status != http.StatusUnauthorized {
				t.Errorf("an access token of the family: %d", status)
			}
		}
		if got := h.count(`SELECT COUNT(*) FROM audit_event WHERE name = 'refresh.reused'`); got != 1 {
			t.Errorf("%d alarms", got)
		}
	})
}

// RFC 9449, 5: of public clients the refresh token is bound, too; of others the access token is.
func TestARefreshTokenOfAPublicClientIsBoundToItsKey(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		b, _ := h.lasting()
		k, thief := h.holder(), h.holder()
		one := h.first(b, "mobile", k.proof("POST", "/token"))
		form := func(tok map[string]any) url.Values {
			return url.Values{"grant_type": {"refresh_token"}, "refresh_token": {tok["refresh_token"].(string)}}
		}
		if out := h.ask("mobile", form(one)); out["error"] != "invalid_grant" {
			t.Errorf("without a proof: %v", out)
		}
		if out := h.ask("mobile", form(one), thief.proof("POST", "/token")); out["error"] != "invalid_grant" {
			t.Errorf("with another key: %v", out)
		}
		two := h.ask("mobile", form(one), k.proof("POST", "/token"))
		if two["token_type"] != "DPoP" || two["refresh_token"] == one["refresh_token"] {
			t.Fatalf("%v", two)
		}
		confidential := h.first(b, "office", k.proof("POST", "/token"))
		other := h.ask("office", form(confidential), thief.proof("POST", "/token")) // a new key of its own
		if other["token_type"] != "DPoP" {
			t.Errorf("%v", other)
		}
		if out := h.ask("office", form(confidential)); out["token_type"] != "Bearer" {
			t.Errorf("%v", out)
		}
	})
}

func TestWhatIsEndedWhileThePersonIsAwayIsEndedForTheServiceAtOnce(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		b, a := h.lasting()
		second := open(t, dbtest.Second(t, h.db, dbtest.WithClock(h.clock.Now)), h.clock, h)
		for name, end := range map[string]func(tx *db.Tx) error{
			"disconnected": func(tx *db.Tx) error { return h.grants.EndConnection(tx, a, "office") },
			"signed out":   func(tx *db.Tx) error { return h.grants.EndAccount(tx, a) },
			"password":     func(tx *db.Tx) error { return h.grants.PasswordChanged(tx, a) },
		} {
			one := h.first(b, "office")
			h.write(end)
			if out := second.again("office", one["refresh_token"]); out["error"] != "invalid_grant" {
				t.Errorf("%s: %v", name, out)
			}
		}
		one := h.first(b, "office")
		h.write(func(tx *db.Tx) error { return h.store.Disable(tx, "office") })
		check(t, second.registry.Refresh(t.Context()))
		if out := second.again("office", one["refresh_token"]); out["error"] != "invalid_client" {
			t.Errorf("disabled: %v", out)
		}
		mobile := h.first(b, "mobile")
		h.write(func(tx *db.Tx) error { // the account alone is closed: no grant was ended
			_, err := tx.Exec(`UPDATE account SET status = 'closed' WHERE id = $1`, string(a))
			return err
		})
		if out := h.again("mobile", mobile["refresh_token"]); out["error"] != "invalid_grant" || out["access_token"] != nil {
			t.Errorf("closed: %v", out)
		}
	})
}

// One wins, everybody else is given the same successor, and nobody is refused.
func TestOfManyRenewalsAtOnceNoneMakesASecondFamily(t *testing.T) {
	clock := dbtest.NewClock()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		h := open(t, d, clock, nil)
		b, _ := h.lasting()
		one := h.first(b, "mobile")
		var mu sync.Mutex
		var wg sync.WaitGroup
		seen := map[any]int{}
		for range 1 + h.grants.Settings.RefreshRetries {
			wg.Go(func() {
				out := h.again("mobile", one["refresh_token"])
				mu.Lock()
				defer mu.Unlock()
				seen[out["refresh_token"]]++
			})
		}
		wg.Wait()
		if len(seen) != 1 || seen[nil] != 0 {
			t.Errorf("%v", seen)
		}
	}, dbtest.WithClock(clock.Now), dbtest.WithoutRehearsal())
}

func TestARenewalStaysWithinItsBudgetOfStatements(t *testing.T) {
	clock, book := dbtest.NewClock(), &ledger{}
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		h := open(t, d, clock, nil)
		b, _ := h.lasting()
		for _, client := range []string{"mobile", "office"} {
			one := h.first(b, client)
			reads, writes := book.of(func() { h.again(client, one["refresh_token"]) })
			t.Logf("%s: %d reads, %d writes", client, reads, writes)
			if reads > 1 || writes > 3 {
				t.Errorf("%s: %d reads and %d writes, at most 1 and 3", client, reads, writes)
			}
		}
	}, dbtest.WithClock(clock.Now), dbtest.WithoutRehearsal(), dbtest.Observe(book.note))
}

func TestTheDocumentNamesWhatLetsServicesGoOn(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		var doc struct {
			Scopes []string `json:"scopes_supported"`
			Grants []string `json:"grant_types_supported"`
		}
		check(t, json.Unmarshal([]byte(h.browser().get("/.well-known/openid-configuration").text), &doc))
		if !slices.Contains(doc.Scopes, "offline_access") || !slices.Contains(doc.Grants, "refresh_token") || !slices.Contains(doc.Grants, "authorization_code") {
			t.Errorf("%+v", doc)
		}
	})
}

// RFC 6749, 6: who asks for fewer scopes is told no more by the ID token than by userinfo.
func TestFewerScopesGiveAnIDTokenThatTellsLess(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		h.enroll("mobile", func(s *relyingparty.Settings) { s.Auth, s.IDTokenClaims = "none", true })
		a, b := h.person("anna@example.org"), h.browser()
		h.consent(a, "mobile", claim.Email, claim.ScopeOffline)
		b.signIn(a, "")
		token := h.first(b, "mobile")["refresh_token"]
		for _, c := range []struct {
			scope string
			email any
		}{{"openid", nil}, {"openid email", "anna@example.org"}} {
			got := h.again("mobile", token, "scope", c.scope)
			token = got["refresh_token"]
			if told := h.claims(got["id_token"].(string), "RS256")["email"]; told != c.email {
				t.Errorf("%s: the ID token tells %v", c.scope, told)
			}
		}
	})
}

// What an operator takes from a service is told no more, also of what was given before.
func TestAScopeThatIsTakenFromAServiceTellsNothingMore(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		for client, change := range map[string]func(*relyingparty.Settings){
			"less":   func(*relyingparty.Settings) {},
			"mobile": func(s *relyingparty.Settings) { s.Auth = string(relyingparty.AuthNone) },
		} {
			var kept relyingparty.Settings
			h.enroll(client, func(s *relyingparty.Settings) {
				s.Scopes = []string{"openid", "email", "offline_access"}
				change(s)
				kept = *s
			})
			may := func(scopes ...string) {
				kept.Scopes = scopes
				h.write(func(tx *db.Tx) error { return h.store.Update(tx, kept) })
				check(t, h.registry.Refresh(t.Context()))
			}
			tells := func(when string, got map[string]any, email bool) {
				t.Helper()
				info, status := h.userinfo(got["access_token"].(string))
				if _, told := info["email"]; status != http.StatusOK || told != email || info["sub"] == nil {
					t.Errorf("%s, %s: userinfo is %d %v", client, when, status, info)
				}
			}
			a := h.person(client + "@example.org")
			h.consent(a, id.RelyingParty(client), claim.Email, claim.ScopeOffline)
			b := h.browser()
			b.signIn(a, "")
			first := h.ask(client, exchange(b.code(client, "scope", offline, "claims", `{"id_token":{"email":null}}`)))
			tells("first", first, true)

			may("openid", "offline_access")
			tells("taken", first, false)
			again := h.again(client, first["refresh_token"])
			if again["scope"] != "openid offline_access" {
				t.Errorf("%s: renewed with %v", client, again["scope"])
			}
			if _, told := h.claims(again["id_token"].(string), jose.RS256)["email"]; told {
				t.Errorf("%s: the ID token still tells it", client)
			}
			tells("renewed", again, false)
			if next := again["refresh_token"]; next != nil {
				first["refresh_token"] = next
			}

			may("openid", "email", "offline_access")
			tells("given back", first, true)
			tells("of a token without it", again, false)
		}
	})
}

package oidc_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"parvis/internal/audit"
	"parvis/internal/db"
	"parvis/internal/db/dbtest"
	"parvis/internal/device"
	"parvis/internal/grant"
	"parvis/internal/id"
	"parvis/internal/jose"
	"parvis/internal/oidc/claim"
	"parvis/internal/oidc/protocol"
	"parvis/internal/policy"
	"parvis/internal/relyingparty"
	"parvis/internal/secret"
)

// asks asks a person as a service, and gives auth_req_id and the name in the person's links.
func (h *house) asks(client string, pairs ...string) (code, name string) {
	h.t.Helper()
	v := url.Values{"scope": {"openid email"}, "login_hint": {"anna@example.org"}}
	out, status := h.call("/bc-authorize", client, with(v, pairs...))
	if status != http.StatusOK {
		h.t.Fatalf("%d %v", status, out)
	}
	code, _ = out["auth_req_id"].(string)
	return code, h.named(code)
}

// named is by what the links of its person name a request.
func (h *house) named(authReqID string) (name string) {
	h.t.Helper()
	check(h.t, h.db.Read(h.t.Context(), func(tx *db.Tx) error {
		return tx.QueryRow(`SELECT id FROM ciba_request WHERE digest = $1`, secret.Digest(authReqID)).Scan(&name)
	}))
	return name
}

// confirmed asks as a service what its person said.
func (h *house) confirmed(client, code string) tokens {
	h.t.Helper()
	return h.asClient(client, url.Values{"grant_type": {protocol.GrantCIBA}, "auth_req_id": {code}})
}

// opens the link of a mail and goes on, to the journey that it begins.
func (b *browser) opens(name string) id.Flow {
	b.h.t.Helper()
	path := "/confirmations/" + name
	return b.submit(b.get(path), path).flow(b.h.t)
}

// says answers the question.
func (b *browser) says(fid id.Flow, choice string) string {
	b.h.t.Helper()
	path := "/confirmations/confirm/" + string(fid)
	return b.submit(b.get(path), path, "choice", choice).Header.Get("Location")
}

// CIBA, 4: the document names the endpoint, the delivery modes and that there is no user code.
// CIBA, 7.1: scope, login_hint, acr_values, binding_message and requested_expiry are read.
// CIBA, 7.3: a service is given auth_req_id, how long it lasts and how often to ask.
// CIBA, 10.1.1: tokens are given for auth_req_id, once, and the ID token tells of the person.
// CIBA, 11: authorization_pending until the person has decided.
func TestAServiceIsGivenTokensWhenItsPersonConfirms(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		var doc map[string]any
		h.document("/.well-known/openid-configuration", &doc)
		if doc["backchannel_authentication_endpoint"] != h.issuer+"/bc-authorize" || doc["backchannel_user_code_parameter_supported"] != false ||
			len(doc["backchannel_token_delivery_modes_supported"].([]any)) == 0 {
			t.Errorf("%v", doc)
		}
		b, a := h.agreed("caller")
		b.known()
		out, status := h.call("/bc-authorize", "caller", url.Values{
			"scope": {"openid email unknown"}, "login_hint": {"Anna@example.org"}, "requested_expiry": {"90"}, "binding_message": {"W4 SC"},
		})
		code, _ := out["auth_req_id"].(string)
		if status != http.StatusOK || out["expires_in"] != 90.0 || out["interval"] != 5.0 || len(code) < 43 {
			t.Fatalf("%d %v", status, out)
		}
		if n := h.count(`SELECT COUNT(*) FROM outbox WHERE kind = 'confirmation' AND account = $1`, a); n != 1 {
			t.Errorf("%d mails", n)
		}
		list := b.get("/confirmations")
		if !strings.Contains(list.text, "Fishing licences") {
			t.Error("what waits is not on the page of who is signed in")
		}
		var name string
		check(t, h.db.Read(t.Context(), func(tx *db.Tx) error { return tx.QueryRow(`SELECT id FROM ciba_request`).Scan(&name) }))
		if got := h.confirmed("caller", code); got.status != http.StatusBadRequest || got.Error != "authorization_pending" {
			t.Errorf("before: %d %s", got.status, got.Error)
		}
		door := h.browser().get("/confirmations/" + name)
		if door.StatusCode != http.StatusOK || strings.Contains(door.text, "Fishing licences") || strings.Contains(door.text, "W4 SC") {
			t.Errorf("the door tells of the service: %d", door.StatusCode)
		}
		fid := b.opens(name)
		page := b.get("/confirmations/confirm/" + string(fid))
		for _, want := range []string{"Fishing licences", "Natural Resources", "W4 SC", "anna@", `id="allow"`, `id="deny"`} {
			if !strings.Contains(page.text, want) {
				t.Errorf("the question does not show %q", want)
			}
		}
		if to := b.says(fid, "allow"); to != "/confirmations/done?how=allowed" {
			t.Fatalf("to %q", to)
		}
		h.clock.Advance(6 * time.Second)
		got := h.confirmed("caller", code)
		if got.status != http.StatusOK || got.Access == "" || got.Scope != "openid email" {
			t.Fatalf("%+v", got)
		}
		claims := h.claims(got.ID, jose.RS256)
		if claims["aud"] != "caller" || claims["sub"] == "" || claims["auth_time"] == nil || claims["sid"] != nil || claims["urn:openid:params:jwt:claim:auth_req_id"] != nil {
			t.Errorf("%v", claims)
		}
		if info, _ := h.userinfo(got.Access); info["email"] != "anna@example.org" || info["sub"] != claims["sub"] {
			t.Errorf("%v", info)
		}
		if again := h.confirmed("caller", code); again.Error != "invalid_grant" {
			t.Errorf("a second time: %s", again.Error)
		}
		for name, want := range map[audit.Name]int64{audit.CIBAAsked: 1, audit.CIBAAllowed: 1, audit.CIBADenied: 0} {
			if n := h.count(`SELECT COUNT(*) FROM audit_event WHERE name = $1 AND relying_party = 'caller' AND account = $2`, name, a); n != want {
				t.Errorf("%s: %d events", name, n)
			}
		}
		// By the identifier that it knows, and by the ID token that it was given.
		h.asks("caller", "login_hint", claims["sub"].(string))
		h.asks("caller", "login_hint", "", "id_token_hint", got.ID)
		h.write(func(tx *db.Tx) error { return h.grants.EndOthers(tx, a, "this-session") })
		if _, status := h.userinfo(got.Access); status != http.StatusUnauthorized {
			t.Errorf("after signing out everywhere else: %d", status)
		}
	})
}

// CIBA, 11: access_denied when the person says no.
// CIBA, 11: slow_down for a service that asks too often, expired_token when nobody decided in time.
// CIBA, 11: auth_req_id of another client, and of nobody, is invalid_grant.
func TestAServiceIsToldNoTooSoonAndTooLate(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		b, _ := h.agreed("caller")
		b.known()
		code, name := h.asks("caller")
		fid := b.opens(name)
		if to := b.says(fid, "deny"); to != "/confirmations/done?how=denied" {
			t.Errorf("to %q", to)
		}
		if page := b.get("/confirmations/done?how=denied"); !strings.Contains(page.text, `href="/settings/secure"`) {
			t.Error("who said no is not shown what to do when it was not them")
		}
		if got := h.confirmed("caller", code); got.Error != "access_denied" {
			t.Errorf("%s", got.Error)
		}
		code, _ = h.asks("caller", "requested_expiry", "60")
		for i, c := range []struct {
			after time.Duration
			want  string
		}{{0, "authorization_pending"}, {4 * time.Second, "slow_down"}, {9 * time.Second, "slow_down"}, {15 * time.Second, "authorization_pending"}, {time.Minute, "expired_token"}} {
			h.clock.Advance(c.after)
			if got := h.confirmed("caller", code); got.Error != c.want {
				t.Errorf("%d: %s, want %s", i, got.Error, c.want)
			}
		}
		code, _ = h.asks("caller")
		v := h.assert("counter", url.Values{"grant_type": {protocol.GrantCIBA}, "auth_req_id": {code}})
		if got := h.asClient("", v); got.Error != "invalid_grant" {
			t.Errorf("of another client: %s", got.Error)
		}
		if got := h.confirmed("service", code); got.Error != "unauthorized_client" {
			t.Errorf("of a client without the grant type: %s", got.Error)
		}
		for name, c := range map[string]struct{ code, want string }{
			"none": {"", "invalid_request"}, "none of ours": {"x", "invalid_grant"}, "without end": {strings.Repeat("x", 600), "invalid_grant"},
		} {
			if got := h.confirmed("caller", c.code); got.Error != c.want {
				t.Errorf("%s: %s", name, got.Error)
			}
		}
	})
}

// CIBA, 13: unknown_user_id is one answer for everybody that the service cannot reach.
// RFC 9396, 5: authorization_details are not ignored where nobody would be asked about them: invalid_authorization_details.
// CIBA, 13: invalid_request, invalid_scope, invalid_binding_message, unauthorized_client and invalid_client by the book.
func TestAServiceReachesOnlyWhoIsConnectedAndAgreed(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		a := h.person("anna@example.org")
		h.person("bert@example.org")
		h.consent(a, "other", claim.Email)
		unknown := func(hint, scope string) {
			t.Helper()
			out, status := h.call("/bc-authorize", "caller", url.Values{"scope": {scope}, "login_hint": {hint}})
			if status != http.StatusBadRequest || out["error"] != "unknown_user_id" || out["error_description"] != protocol.PersonUnknown().Description {
				t.Errorf("%s for %s: %d %v", hint, scope, status, out)
			}
		}
		for _, hint := range []string{"anna@example.org", "bert@example.org", "nobody@example.org", "no-subject", "a@", strings.Repeat("x", 300)} {
			unknown(hint, "openid")
		}
		h.consent(a, "caller") // agreed to share nothing: the address must not be found out
		unknown("anna@example.org", "openid")
		h.consent(a, "caller", claim.Locale)
		unknown("anna@example.org", "openid email")
		h.consent(a, "caller", claim.Email)
		h.asks("caller")
		unknown("bert@example.org", "openid")
		for name, c := range map[string]struct {
			client string
			change []string
			status int
			want   string
		}{
			"not registered":    {"service", nil, 400, "unauthorized_client"},
			"no secret":         {"", []string{"client_id", "caller"}, 401, "invalid_client"},
			"two hints":         {"caller", []string{"id_token_hint", "x"}, 400, "invalid_request"},
			"no hint":           {"caller", []string{"login_hint", ""}, 400, "invalid_request"},
			"details":           {"caller", []string{"authorization_details", `[{"type":"fee"}]`}, 400, "invalid_authorization_details"},
			"a hint token":      {"caller", []string{"login_hint_token", "x"}, 400, "invalid_request"},
			"a bad ID token":    {"caller", []string{"login_hint", "", "id_token_hint", "x.y.z"}, 400, "invalid_request"},
			"no scope":          {"caller", []string{"scope", ""}, 400, "invalid_request"},
			"without openid":    {"caller", []string{"scope", "email"}, 400, "invalid_scope"},
			"a long message":    {"caller", []string{"binding_message", strings.Repeat("é", 101)}, 400, "invalid_binding_message"},
			"two lines":         {"caller", []string{"binding_message", "a\nb"}, 400, "invalid_binding_message"},
			"turned around":     {"caller", []string{"binding_message", "a\u202eb"}, 400, "invalid_binding_message"},
			"a link":            {"caller", []string{"binding_message", "see https://evil.example"}, 400, "invalid_binding_message"},
			"no number":         {"caller", []string{"requested_expiry", "soon"}, 400, "invalid_request"},
			"less than nothing": {"caller", []string{"requested_expiry", "-1"}, 400, "invalid_request"},
			"an unasked object": {"caller", []string{"request", "x.y.z"}, 400, "invalid_request"},
		} {
			v := url.Values{"scope": {"openid email"}, "login_hint": {"anna@example.org"}}
			if out, status := h.call("/bc-authorize", c.client, with(v, c.change...)); out["error"] != c.want || status != c.status {
				t.Errorf("%s: %d %v", name, status, out)
			}
		}
		if n := h.count(`SELECT COUNT(*) FROM outbox WHERE kind = 'confirmation'`); n != 1 {
			t.Errorf("%d mails", n)
		}
		out, _ := h.call("/bc-authorize", "caller", url.Values{"scope": {"openid"}, "login_hint": {"anna@example.org"}, "requested_expiry": {"999999999"}})
		if out["expires_in"] != 1800.0 {
			t.Errorf("the longest: %v", out)
		}
	})
}

// CIBA, 13: access_denied, with 403, for a service that asks the same person without end.
func TestAPersonIsNotAskedWithoutEnd(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		h.agreed("caller", "other")
		for range 5 {
			h.asks("caller")
		}
		out, status := h.call("/bc-authorize", "caller", url.Values{"scope": {"openid email"}, "login_hint": {"anna@example.org"}})
		if status != http.StatusForbidden || out["error"] != "access_denied" {
			t.Errorf("%d %v", status, out)
		}
		if n := h.count(`SELECT COUNT(*) FROM outbox WHERE kind = 'confirmation'`); n != 5 {
			t.Errorf("%d mails", n)
		}
		h.clock.Advance(61 * time.Minute)
		h.asks("caller")
	})
}

// CIBA, 13: access_denied, with 403, for whoever asks a person that all services together have asked too often.
func TestAPersonIsNotAskedWithoutEndByAllServicesTogether(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		h.ringer("ringer", newPinged(t))
		_, a := h.agreed("caller", "ringer", "counter")
		asks := func(client string, v url.Values) (code string, status int) {
			out, status := h.call("/bc-authorize", client, v)
			code, _ = out["error"].(string)
			return code, status
		}
		ask := func(client string) (string, int) {
			t.Helper()
			return asks(client, url.Values{"scope": {"openid"}, "login_hint": {"anna@example.org"}, "client_notification_token": {knows}})
		}
		for range 7 { // two are refused by the service's own count, which all of them do not feel
			ask("caller")
		}
		for i := range 5 {
			if bad, status := ask("ringer"); status != http.StatusOK {
				t.Errorf("%d: %d %s", i, status, bad)
			}
		}
		signed := func(hint string) (string, int) {
			t.Helper()
			now := h.clock.Now().Unix()
			return asks("", h.assert("counter", url.Values{"request": {object(t, signingKey, "JWT", map[string]any{
				"iss": "counter", "aud": h.issuer, "exp": now + 300, "iat": now, "nbf": now, "jti": hint, "scope": "openid", "login_hint": hint,
			})}}, "jti", "with "+hint))
		}
		if bad, status := signed("anna@example.org"); status != http.StatusForbidden || bad != "access_denied" {
			t.Errorf("a third service: %d %s", status, bad)
		}
		if n := h.count(`SELECT COUNT(*) FROM outbox WHERE kind = 'confirmation' AND account = $1`, a); n != 10 {
			t.Errorf("%d mails", n)
		}
		// Nobody else is refused for it, and it passes.
		h.consent(h.person("bert@example.org"), "counter", claim.Email)
		if bad, status := signed("bert@example.org"); status != http.StatusOK {
			t.Errorf("another person: %d %s", status, bad)
		}
		h.clock.Advance(61 * time.Minute)
		h.asks("caller")
	})
}

// A link allows nothing by itself, nor does another account, or a browser that was not asked.
// CIBA, 8: the person whom the hint named is asked, and nobody else can answer.
func TestOnlyWhoWasAskedCanConfirm(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		b, _ := h.agreed("caller")
		b.known()
		code, name := h.asks("caller")
		bert := h.person("bert@example.org")
		h.consent(bert, "caller", claim.Email)
		other := h.browser()
		other.signIn(bert, "")
		other.known()
		if to := other.get("/confirmations/confirm/" + string(other.opens(name))).Header.Get("Location"); to != "/confirmations/done?how=other" {
			t.Errorf("another account: to %q", to)
		}
		if strings.Contains(other.get("/confirmations").text, "Fishing licences") {
			t.Error("another account sees what was asked")
		}
		fid := b.opens(name)
		if got := other.get("/confirmations/confirm/" + string(fid)); got.StatusCode != http.StatusNotFound {
			t.Errorf("another browser: %d", got.StatusCode)
		}
		path := "/confirmations/confirm/" + string(fid)
		forged := b.do(http.MethodPost, path, url.Values{"choice": {"allow"}}, "Origin", h.issuer, "Sec-Fetch-Site", "same-origin")
		foreign := b.do(http.MethodPost, path, url.Values{"choice": {"allow"}}, "Origin", "https://evil.example", "Sec-Fetch-Site", "cross-site")
		if forged.StatusCode != http.StatusBadRequest || foreign.StatusCode != http.StatusForbidden {
			t.Errorf("without the form's token: %d, from elsewhere: %d", forged.StatusCode, foreign.StatusCode)
		}
		stranger := h.browser()
		stranger.known()
		flow := stranger.opens(name)
		if to := stranger.get("/confirmations/confirm/" + string(flow)).Header.Get("Location"); to != "/signin/"+string(flow) {
			t.Errorf("who is not signed in: to %q", to)
		}
		if to := stranger.get("/confirmations/cancel/" + string(flow)).Header.Get("Location"); to != "/confirmations/done?how=waits" {
			t.Errorf("who is not signed in said no: to %q", to)
		}
		if got := h.confirmed("caller", code); got.Error != "authorization_pending" {
			t.Errorf("%s", got.Error)
		}
	})
}

// CIBA, 7.1.1: a client that registered an algorithm signs its requests, with iss, aud, exp, iat, nbf and jti, and each counts once.
func TestAClientThatSignsItsRequestsSendsNoOthers(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		h.agreed("counter")
		now := h.clock.Now().Unix()
		claims := func(changes ...any) map[string]any {
			c := map[string]any{
				"iss": "counter", "aud": h.issuer, "exp": now + 300, "iat": now, "nbf": now, "jti": "one",
				"scope": "openid email", "login_hint": "anna@example.org", "binding_message": "W4SC",
			}
			return changed(c, changes...)
		}
		ask := func(v url.Values) string {
			t.Helper()
			out, _ := h.call("/bc-authorize", "", h.assert("counter", v, "jti", id.New[string]()))
			code, _ := out["error"].(string)
			return code
		}
		signed := object(t, signingKey, "JWT", claims())
		if got := ask(url.Values{"request": {signed}}); got != "" {
			t.Errorf("signed: %s", got)
		}
		if got := ask(url.Values{"request": {signed}}); got != "invalid_request" {
			t.Errorf("signed, again: %q", got)
		}
		if got := ask(url.Values{"scope": {"openid"}, "login_hint": {"anna@example.org"}}); got != "invalid_request" {
			t.Errorf("not signed: %q", got)
		}
		if got := ask(url.Values{"request": {object(t, signingKey, "JWT", claims("jti", "two"))}, "scope": {"openid"}}); got != "invalid_request" {
			t.Errorf("with a parameter beside it: %q", got)
		}
		for name, change := range map[string][]any{
			"iss": {"iss", nil}, "aud": {"aud", nil}, "exp": {"exp", nil}, "iat": {"iat", nil}, "nbf": {"nbf", nil}, "jti": {"jti", nil},
			"another aud": {"aud", "https://evil.example"}, "another iss": {"iss", "caller"}, "too late": {"exp", now - 1}, "nested": {"request", "x"},
		} {
			if got := ask(url.Values{"request": {object(t, signingKey, "JWT", claims(append(change, "x", "y")...))}}); got != "invalid_request" {
				t.Errorf("%s: %q", name, got)
			}
		}
		foreign, err := jose.Generate(jose.ES256)
		check(t, err)
		if got := ask(url.Values{"request": {object(t, foreign, "JWT", claims("jti", "three"))}}); got != "invalid_request" {
			t.Errorf("by another key: %q", got)
		}
	})
}

// CIBA, 7.1: acr_values and what the service is registered for are met before the person is asked, and acr tells what was.
func TestWhoHasProvenTooLittleProvesMoreBeforeTheyAreAsked(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		h.enroll("teller", func(s *relyingparty.Settings) {
			s.RedirectURIs, s.GrantTypes, s.Scopes, s.ACR = nil, []string{protocol.GrantCIBA}, []string{"openid", "email"}, []string{policy.ACRAAL2}
		})
		b, a := h.agreed("caller", "teller")
		b.known()
		for client, acr := range map[string]string{"caller": policy.ACRAAL2, "teller": ""} {
			one := policy.Facts{}.With(policy.Password, h.clock.Now(), "F")
			b.prove(a, one)
			code, name := h.asks(client, "acr_values", acr)
			fid := b.opens(name)
			path := "/confirmations/confirm/" + string(fid)
			if got := b.get(path); got.StatusCode != http.StatusSeeOther || got.Header.Get("Location") != "/signin/"+string(fid) {
				t.Errorf("%s: with one factor: %d %q", client, got.StatusCode, got.Header.Get("Location"))
			}
			two := one.With(policy.App, h.clock.Now(), fid)
			b.prove(a, two)
			page := b.get(path) // the question is shown, and then the session is weaker again
			b.prove(a, one)
			if to := b.submit(page, path, "choice", "allow").Header.Get("Location"); to != "/signin/"+string(fid) {
				t.Errorf("%s: allowed with one factor: %q", client, to)
			}
			if got := h.confirmed(client, code); got.Error != "authorization_pending" {
				t.Errorf("%s: %s", client, got.Error)
			}
			b.prove(a, two)
			if to := b.says(fid, "allow"); to != "/confirmations/done?how=allowed" {
				t.Fatalf("%s: to %q", client, to)
			}
			if claims := h.claims(h.confirmed(client, code).ID, jose.RS256); claims["acr"] != policy.ACRAAL2 {
				t.Errorf("%s: %v", client, claims)
			}
		}
	})
}

// CIBA, 10.1.1: of many questions at once, on two nodes, one is given tokens.
func TestOfManyQuestionsOfAServiceAtOnceOneIsGivenTokens(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		b, _ := h.agreed("caller")
		b.known()
		code, name := h.asks("caller")
		if to := b.says(b.opens(name), "allow"); to != "/confirmations/done?how=allowed" {
			t.Fatalf("to %q", to)
		}
		nodes := []*db.DB{h.db, dbtest.Second(t, h.db, dbtest.WithClock(h.clock.Now))}
		onlyOneIsAnswered(t, nodes, func(tx *db.Tx, token []byte) (out answered, err error) {
			if out.standing, err = h.asked.Poll(tx, code, "caller"); err != nil || out.standing != device.Allowed {
				return out, err
			}
			if out.result, err = h.grants.Redeem(tx, grant.Redemption{Code: code, Waited: true, RelyingParty: "caller", Token: token}); err != nil {
				return out, err
			}
			return out, h.asked.Used(tx, code)
		})
	})
}

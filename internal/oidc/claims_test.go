package oidc_test

import (
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"parvis/internal/account"
	"parvis/internal/authenticator"
	"parvis/internal/authenticator/phone"
	"parvis/internal/db"
	"parvis/internal/db/dbtest"
	"parvis/internal/id"
	"parvis/internal/jose"
	"parvis/internal/oidc/claim"
	"parvis/internal/oidc/protocol"
	"parvis/internal/relyingparty"
	"parvis/internal/secret"
)

// curious registers a service that may ask for every scope but offline_access.
func (h *house) curious(name string, also ...func(*relyingparty.Settings)) {
	h.t.Helper()
	s := parties()[0]
	s.ID, s.FormPost = name, false
	s.Scopes = slices.DeleteFunc(slices.Clone(claim.Scopes), func(s string) bool { return s == claim.ScopeOffline })
	for _, change := range also {
		change(&s)
	}
	h.write(func(tx *db.Tx) error { return h.store.Create(tx, s, secret.Digest(password)) })
	check(h.t, h.registry.Refresh(h.t.Context()))
}

// heard is what a service is told at userinfo and in the ID token.
func (h *house) heard(b *browser, client string, changes ...string) (info, idToken map[string]any, tok tokens) {
	h.t.Helper()
	tok = h.asClient(client, exchange(b.code(client, changes...)))
	info, _ = h.userinfo(tok.Access)
	return info, h.claims(tok.ID, jose.RS256), tok
}

// reach gives an account a second proven address and two numbers.
func (h *house) reach(a id.Account) {
	h.t.Helper()
	addr, err := account.ParseAddress("anna@work.example")
	check(h.t, err)
	h.write(func(tx *db.Tx) error {
		if _, _, err := h.accounts.Add(tx, a, id.New[id.Address](), addr); err != nil {
			return err
		}
		return nil
	})
	for i, typed := range []string{"+14165550134", "+14165550142"} {
		n, err := phone.Settings{Region: "CA", VoIP: true, Landlines: true}.Parse(typed, "")
		check(h.t, err)
		d := phone.Prepare(n, authenticator.ByText)
		h.clock.Advance(time.Second)
		h.write(func(tx *db.Tx) error { return h.phones.Bind(tx, a, d, fmt.Sprintf("phone %d", i)) })
	}
}

// everything is what a person can agree to about themselves.
func everything() []string {
	return slices.DeleteFunc(slices.Clone(claim.Consent), func(s string) bool { return s == claim.ScopeOffline })
}

const allScopes = "openid email all_emails phone profile address social_security_number x509 locale"

// What an account has today is told with the types of the standard, and nothing else is.
//
// OIDC Core, 5.1: email_verified and phone_number_verified are booleans, updated_at is a number, phone_number is E.164, others are strings.
// OIDC Core, 5.4: email, phone and profile give the claims that they stand for, at userinfo; scopes that mean nothing here are ignored, and the answer says which were granted.
// OIDC Core, 5.3.2: a claim without a value is left out: neither null nor empty.
func TestScopesGiveTheClaimsThatAnAccountHas(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		h.curious("curious")
		b, a := h.agreed()
		h.consent(a, "curious", everything()...)
		start := float64(h.clock.Now().Unix())
		bare, _, tok := h.heard(b, "curious", "scope", allScopes)
		sub := bare["sub"]
		want := map[string]any{
			"sub": sub, "email": "anna@example.org", "email_verified": true, "all_emails": []any{"anna@example.org"}, "locale": "fr", "updated_at": start,
		}
		if diff := cmp.Diff(want, bare); diff != "" {
			t.Errorf("without a number: %s", diff)
		}
		if tok.Scope != "openid email all_emails phone profile locale" {
			t.Errorf("granted %q", tok.Scope)
		}
		h.reach(a)
		info, idToken, _ := h.heard(b, "curious", "scope", allScopes)
		for _, name := range []string{"phone_number", "phone"} {
			want[name], want[name+"_verified"] = "+14165550134", true
		}
		want["all_emails"] = []any{"anna@example.org", "anna@work.example"}
		if diff := cmp.Diff(want, info); diff != "" {
			t.Error(diff)
		}
		for name := range want {
			if _, there := idToken[name]; there && name != "sub" {
				t.Errorf("%s stands in the ID token", name)
			}
		}
		one, _, _ := h.heard(b, "curious", "scope", "openid all_emails")
		if diff := cmp.Diff(map[string]any{"sub": sub, "all_emails": want["all_emails"]}, one); diff != "" {
			t.Error(diff)
		}
	})
}

// OIDC Core, 5.5: single claims are given where they are asked for, of those only that the registration covers.
// OIDC Core, 5.5.1: an essential claim that is lacking is no error.
// OIDC Core, 5.5: members that are not understood are ignored.
func TestTheClaimsParameterAsksWithinTheRegistration(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		h.curious("curious")
		h.curious("narrow", func(s *relyingparty.Settings) { s.Scopes = []string{"openid", "locale"} })
		b, a := h.agreed()
		h.consent(a, "curious", everything()...)
		h.consent(a, "narrow", everything()...)
		asked := `{"userinfo":{"all_emails":{"essential":true},"phone_number":{"essential":true},"given_name#fr":null,"picture":null,"locale":{"value":null,"values":[]}},
			"id_token":{"email":{"values":["anna@example.org"],"essential":true},"birthdate":{"essential":true},"verified_claims":{"claims":{"given_name":null}}}}`
		info, idToken, _ := h.heard(b, "curious", "scope", "openid", "claims", asked, "claims_locales", "fr en")
		if diff := cmp.Diff(map[string]any{"sub": info["sub"], "all_emails": []any{"anna@example.org"}, "locale": "fr"}, info); diff != "" {
			t.Error(diff)
		}
		if idToken["email"] != "anna@example.org" || idToken["birthdate"] != nil || idToken["verified_claims"] != nil || idToken["all_emails"] != nil {
			t.Errorf("ID token %v", idToken)
		}
		info, idToken, _ = h.heard(b, "narrow", "scope", "openid email", "claims", asked)
		if diff := cmp.Diff(map[string]any{"sub": info["sub"], "locale": "fr"}, info); diff != "" {
			t.Error(diff)
		}
		if idToken["email"] != nil {
			t.Error("a claim of no registered scope is told")
		}
	})
}

// OIDC Core, 5.5.1: a claim that has none of the values which are asked for is not told, essential or not, whatever else asks for it; it is no error, and nothing is compared before the person agreed.
// OIDC Core, 5.5.1: each place is asked for by itself, and what counts is the value when it is told.
func TestAClaimIsToldWithTheValueThatIsAskedFor(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		h.curious("curious")
		b, a := h.agreed("es256")
		ask := func(client, scope, claims string) url.Values {
			return request(client, "scope", scope, "claims", claims, "prompt", "none")
		}
		right, wrong := `{"userinfo":{"email":{"value":"anna@example.org","essential":true}}}`, `{"userinfo":{"email":{"value":"x@example.org","essential":true}}}`
		for _, c := range []string{right, wrong} {
			if got := b.authorize(ask("curious", "openid", c)).answer(t); got.Get("error") != "consent_required" || got.Get("error_description") == "" {
				t.Errorf("before she agreed: %s: %v", c, got)
			}
		}
		h.consent(a, "curious", everything()...)
		for _, c := range []struct {
			name, scope, claims string
			info                map[string]any
			idToken             any // its email
		}{
			{"the value", "openid", right, map[string]any{"email": "anna@example.org"}, nil},
			{"another value", "openid", wrong, map[string]any{}, nil},
			{"one of several", "openid", `{"userinfo":{"locale":{"values":["de","fr"]}}}`, map[string]any{"locale": "fr"}, nil},
			{"none of several", "openid", `{"userinfo":{"locale":{"values":["de","en"]},"email":null}}`, map[string]any{"email": "anna@example.org"}, nil},
			{"of a scope", "openid email locale", wrong, map[string]any{"locale": "fr"}, nil},
			{"what says whether it is verified", "openid email", `{"userinfo":{"email_verified":{"value":false}}}`, map[string]any{"email": "anna@example.org"}, nil},
			{"elsewhere", "openid email", `{"id_token":{"email":{"value":"x@example.org"}}}`, map[string]any{"email": "anna@example.org", "email_verified": true}, nil},
			{"in the ID token", "openid", `{"id_token":{"email":{"value":"anna@example.org"}},"userinfo":{"email":{"value":"x"}}}`, map[string]any{}, "anna@example.org"},
			{"in another case", "openid", `{"userinfo":{"email":{"value":"Anna@example.org"}}}`, map[string]any{}, nil},
			{"of another type", "openid", `{"userinfo":{"email":{"value":["anna@example.org"]}}}`, map[string]any{}, nil},
		} {
			got := b.authorize(ask("curious", c.scope, c.claims)).answer(t)
			tok := h.asClient("curious", exchange(got.Get("code")))
			info, _ := h.userinfo(tok.Access)
			idToken := h.claims(tok.ID, jose.RS256)
			c.info["sub"] = idToken["sub"]
			if diff := cmp.Diff(c.info, info); diff != "" || idToken["email"] != c.idToken {
				t.Errorf("%s: %s, ID token %v", c.name, diff, idToken["email"])
			}
		}
		many := `{"userinfo":{"email":{"values":[` + strings.Repeat(`"x",`, 20) + `"y"]}}}`
		if got := b.authorize(ask("curious", "openid", many)).answer(t); got.Get("error") != "invalid_request" {
			t.Errorf("too many: %v", got)
		}
		t.Run("a service that is told everything in the ID token", func(t *testing.T) {
			for claims, want := range map[string]any{wrong: nil, right: "anna@example.org", `{"userinfo":{"email":{"value":"x"}},"id_token":{"email":null}}`: "anna@example.org"} {
				var tok tokens
				check(t, json.Unmarshal([]byte(h.post("/token", exchange(b.authorize(ask("es256", "openid email", claims)).answer(t).Get("code"), "client_id", "es256", "client_secret", password)).text), &tok))
				if got := h.claims(tok.ID, jose.ES256); got["email"] != want {
					t.Errorf("%s: %v", claims, got)
				}
			}
		})
		tok := h.asClient("curious", exchange(b.authorize(ask("curious", "openid", `{"userinfo":{"all_emails":{"value":["anna@example.org"]}}}`)).answer(t).Get("code")))
		if info, _ := h.userinfo(tok.Access); !slices.Equal(info["all_emails"].([]any), []any{"anna@example.org"}) {
			t.Errorf("before: %v", info)
		}
		h.reach(a)
		if info, status := h.userinfo(tok.Access); info["all_emails"] != nil || status != 200 {
			t.Errorf("with another address: %d %v", status, info)
		}
	})
}

// OIDC Core, 5.4: a person is asked again when a service asks for a claim that they did not agree to.
// OIDC Core, 3.1.2.6: until then prompt=none is consent_required.
func TestANewClaimIsAskedAbout(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		h.curious("curious")
		b, a := h.agreed("curious")
		for _, scope := range []string{"all_emails", "phone", "profile", "locale"} {
			got := b.authorize(request("curious", "scope", "openid email "+scope, "prompt", "none")).answer(t)
			if got.Get("error") != "consent_required" {
				t.Errorf("%s: %v", scope, got)
			}
		}
		h.consent(a, "curious", claim.PhoneNumber)
		if b.code("curious", "scope", "openid email phone") == "" {
			t.Error("what was agreed to is asked about again")
		}
		got := b.authorize(request("curious", "scope", "openid", "prompt", "none", "claims", `{"id_token":{"all_emails":null}}`)).answer(t)
		if got.Get("error") != "consent_required" {
			t.Errorf("by the claims parameter: %v", got)
		}
	})
}

// OIDC Discovery, 3: claims_supported and scopes_supported name what can be told, and nothing that cannot.
func TestDiscoveryNamesTheClaimsThatCanBeTold(t *testing.T) {
	clock := dbtest.NewClock()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		type lists struct {
			Scopes []string `json:"scopes_supported"`
			Claims []string `json:"claims_supported"`
		}
		read := func(h *house) (out lists) {
			check(t, json.Unmarshal([]byte(h.browser().get(protocol.PathDiscovery).text), &out))
			return out
		}
		first := open(t, d, clock, nil)
		got := read(first)
		want := lists{
			Scopes: []string{"openid", "email", "all_emails", "phone", "profile", "locale", "offline_access"},
			Claims: []string{
				"sub", "iss", "aud", "exp", "iat", "auth_time", "nonce", "acr", "amr", "sid", "email", "email_verified", "all_emails",
				"phone_number", "phone_number_verified", "phone", "phone_verified", "locale", "updated_at",
			},
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
		verifying := openWith(t, d, clock, first, func(*db.Tx, id.Account) (claim.Identity, error) { return claim.Identity{}, nil })
		check(t, json.Unmarshal([]byte(verifying.browser().get(protocol.PathDiscovery).text), &got))
		for _, name := range []string{"given_name", "family_name", "birthdate", "address", "social_security_number", "verified_at", "x509_subject"} {
			if !slices.Contains(got.Claims, name) {
				t.Errorf("%s is not named", name)
			}
		}
		if !slices.Equal(got.Scopes, claim.Scopes) {
			t.Errorf("scopes %v", got.Scopes)
		}
	}, dbtest.WithClock(clock.Now))
}

// What only a verified identity gives is told of who has one, and left out of others.
//
// OIDC Core, 5.1: names and birthdate are strings, verified_at is a number.
// OIDC Core, 5.1.1: address is an object.
// OIDC Core, 5.5.1: what is not known of somebody is left out, and refuses nothing.
func TestAVerifiedIdentityFillsTheClaims(t *testing.T) {
	clock := dbtest.NewClock()
	start := clock.Now()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		clock.Set(start)
		verified := map[id.Account]claim.Identity{}
		h := openWith(t, d, clock, nil, func(_ *db.Tx, of id.Account) (claim.Identity, error) { return verified[of], nil })
		h.curious("curious")
		b, a := h.agreed()
		h.consent(a, "curious", everything()...)
		info, _, tok := h.heard(b, "curious", "scope", allScopes)
		if tok.Scope != allScopes || len(info) != 6 {
			t.Errorf("of nobody: %q %v", tok.Scope, info)
		}
		verified[a] = claim.Identity{
			GivenName: "Anna", MiddleName: "Maria", FamilyName: "Lee", Birthdate: "1980-02-29", SocialSecurityNumber: "900123456", VerifiedAt: start,
			Address: claim.PostalAddress{Street: "1 Main St\nApt 2", Locality: "Springfield", Region: "IL", PostalCode: "62701"},
			Card:    claim.Card{Subject: "CN=Anna", Issuer: "CN=Cards", Presented: true},
		}
		info, _, _ = h.heard(b, "curious", "scope", allScopes)
		want := map[string]any{
			"sub": info["sub"], "email": "anna@example.org", "email_verified": true, "all_emails": []any{"anna@example.org"}, "locale": "fr", "updated_at": float64(start.Unix()),
			"name": "Anna Maria Lee", "given_name": "Anna", "middle_name": "Maria", "family_name": "Lee", "birthdate": "1980-02-29", "verified_at": float64(start.Unix()),
			"social_security_number": "900123456", "x509_subject": "CN=Anna", "x509_issuer": "CN=Cards", "x509_presented": true,
			"address": map[string]any{
				"formatted": "1 Main St\nApt 2\nSpringfield IL 62701", "street_address": "1 Main St\nApt 2", "locality": "Springfield", "region": "IL", "postal_code": "62701",
			},
		}
		if diff := cmp.Diff(want, info); diff != "" {
			t.Error(diff)
		}
		one, idToken, _ := h.heard(b, "curious", "scope", "openid profile:birthdate", "claims", `{"id_token":{"family_name":null}}`)
		if diff := cmp.Diff(map[string]any{"sub": info["sub"], "birthdate": "1980-02-29"}, one); diff != "" || idToken["family_name"] != "Lee" {
			t.Errorf("%s, ID token %v", diff, idToken)
		}
		if logged := fmt.Sprint(verified[a].LogValue()); strings.Contains(logged, "Lee") {
			t.Errorf("the log says %s", logged)
		}
	}, dbtest.WithClock(clock.Now))
}

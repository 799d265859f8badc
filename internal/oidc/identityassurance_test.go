package oidc_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"parvis/internal/db"
	"parvis/internal/db/dbtest"
	"parvis/internal/id"
	"parvis/internal/oidc/claim"
	"parvis/internal/oidc/protocol"
	"parvis/internal/relyingparty"
)

// anna is an identity that was verified at a time.
func anna(at time.Time) claim.Identity {
	return claim.Identity{
		GivenName: "Anna", MiddleName: "Maria", FamilyName: "Lee", Birthdate: "1980-02-29", SocialSecurityNumber: "900123456", VerifiedAt: at,
		Address:      claim.PostalAddress{Street: "1 Main St", Locality: "Springfield", Region: "IL", PostalCode: "62701", Country: "US"},
		Verification: claim.Verification{TrustFramework: "nist_800_63A", AssuranceLevel: "ial2", Policy: "800-63A-4", Procedure: "remote_attended", Process: "f24c6f-6d3f"},
	}
}

// assured runs a test in a house where identities are verified.
func assured(t *testing.T, run func(t *testing.T, h *house, verified map[id.Account]claim.Identity)) {
	t.Helper()
	clock := dbtest.NewClock()
	start := clock.Now()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		clock.Set(start)
		verified := map[id.Account]claim.Identity{}
		run(t, openWith(t, d, clock, nil, func(_ *db.Tx, of id.Account) (claim.Identity, error) { return verified[of], nil }), verified)
	}, dbtest.WithClock(clock.Now))
}

// of is the JSON of an expectation.
func of(t *testing.T, text string) (out any) {
	t.Helper()
	if text != "" {
		check(t, json.Unmarshal([]byte(text), &out))
	}
	return out
}

// What is told of a verified identity, and what is not, with what is asked for it.
func TestVerifiedClaimsAreToldAsAskedFor(t *testing.T) {
	assured(t, func(t *testing.T, h *house, verified map[id.Account]claim.Identity) {
		h.curious("curious")
		b, a := h.agreed()
		h.consent(a, "curious", everything()...)
		verified[a] = anna(h.clock.Now().In(time.FixedZone("", -5*3600)))
		h.clock.Advance(100 * time.Second)
		at := verified[a].VerifiedAt.UTC().Format("2006-01-02T15:04:05Z")
		const given = `"claims":{"given_name":"Anna"}}`
		const bare = `{"verification":{"trust_framework":"nist_800_63A"},` + given
		for _, c := range []struct{ name, asked, want string }{
			{
				"OIDC4IA, 5.3: claims are told that are asked for, by null or as essential, with the trust framework.",
				`{"verification":{"trust_framework":null},"claims":{"given_name":null,"family_name":{"essential":true},"birthdate":{}}}`,
				`{"verification":{"trust_framework":"nist_800_63A"},"claims":{"given_name":"Anna","family_name":"Lee","birthdate":"1980-02-29"}}`,
			},
			{
				"OIDC4IA, 5.3: a claim that is an object is told whole, for its parts cannot be asked for.",
				`{"verification":{"trust_framework":null},"claims":{"address":{"country":null}}}`,
				`{"verification":{"trust_framework":"nist_800_63A"},"claims":{"address":{"formatted":"1 Main St\nSpringfield IL 62701\nUS","street_address":"1 Main St","locality":"Springfield","region":"IL","postal_code":"62701","country":"US"}}}`,
			},
			{
				"OIDC4IA, 5.4 and 9: each element of the verification is told that is asked for, its time in UTC.",
				`{"verification":{"trust_framework":null,"assurance_level":null,"assurance_process":{"policy":null},"time":null,"verification_process":null},"claims":{"given_name":null}}`,
				`{"verification":{"trust_framework":"nist_800_63A","assurance_level":"ial2","assurance_process":{"policy":"800-63A-4"},"time":"` + at + `","verification_process":"f24c6f-6d3f"},` + given,
			},
			{
				"OIDC4IA, 7: nothing is told that is not asked for, and the trust framework always, without which no answer is valid.",
				`{"verification":{},"claims":{"given_name":null}}`, bare,
			},
			{
				"OIDC4IA, 5.4: elements of assurance_details are no conditions.",
				`{"verification":{"assurance_process":{"policy":null,"assurance_details":[{"assurance_type":{"value":"x"}}]}},"claims":{"given_name":null}}`,
				`{"verification":{"trust_framework":"nist_800_63A","assurance_process":{"policy":"800-63A-4"}},` + given,
			},
			{
				"OIDC4IA, 5.5.1: one of the values, or the value, of the trust framework and the assurance level are met.",
				`{"verification":{"trust_framework":{"values":["eidas","nist_800_63A"]},"assurance_level":{"value":"ial2"}},"claims":{"given_name":{"value":"Anna"}}}`,
				`{"verification":{"trust_framework":"nist_800_63A","assurance_level":"ial2"},` + given,
			},
			{
				"OIDC4IA, 5.5.2: a verification is told that is exactly as old as it may be.",
				`{"verification":{"time":{"max_age":100}},"claims":{"given_name":null}}`,
				`{"verification":{"trust_framework":"nist_800_63A","time":"` + at + `"},` + given,
			},
			{"OIDC4IA, 5.7.4: of a verification that is a second too old nothing is told.", `{"verification":{"time":{"max_age":99}},"claims":{"given_name":null}}`, ""},
			{"OIDC4IA, 5.7.4: of another trust framework nothing is told.", `{"verification":{"trust_framework":{"value":"eidas"}},"claims":{"given_name":null}}`, ""},
			{"OIDC4IA, 5.7.4: of another assurance level nothing is told, also when it is not essential.", `{"verification":{"assurance_level":{"values":["ial3"],"essential":false}},"claims":{"given_name":null}}`, ""},
			{"OIDC4IA, 5.7.4: a condition within an element counts.", `{"verification":{"assurance_process":{"procedure":{"value":"on_site"}}},"claims":{"given_name":null}}`, ""},
			{"OIDC4IA, 5.5.1: a condition for an element that nobody knows is not ignored.", `{"verification":{"colour":{"value":"red"}},"claims":{"given_name":null}}`, ""},
			{"OIDC4IA, 5.4: evidence of a type that there is none of is a condition that is not met.", `{"verification":{"evidence":[{"type":{"value":"document"},"method":null},{"type":{"value":"vouch"}}]},"claims":{"given_name":null}}`, ""},
			{"OIDC4IA, 5.7.2: an element that is not known is left out, essential or not.", `{"verification":{"colour":{"essential":true},"evidence":null,"team":null},"claims":{"given_name":null}}`, bare},
			{"OIDC4IA, 5.7.4: a claim with another value is left out alone.", `{"verification":{},"claims":{"given_name":null,"family_name":{"value":"Le"},"birthdate":{"values":["1980-01-01"]}}}`, bare},
			{"OIDC4IA, 5.7.4: a claim that is older than it may be is left out alone.", `{"verification":{},"claims":{"given_name":null,"birthdate":{"max_age":5}}}`, bare},
			{"OIDC4IA, 5.7.2: claims that are not known are left out.", `{"verification":{},"claims":{"given_name":null,"nationalities":{"essential":true},"email":null,"verified_at":null}}`, bare},
			{"OIDC4IA, 5.7.5: without any claim the whole is left out.", `{"verification":{},"claims":{"family_name":{"value":"Le"},"title":null}}`, ""},
			{
				"OIDC4IA, 5.6: each of several sets is answered for itself, and claims in as many as are met.",
				`[{"verification":{"trust_framework":{"value":"eidas"}},"claims":{"birthdate":null}},{"verification":{},"claims":{"given_name":null}},{"verification":{"assurance_level":null},"claims":{"given_name":null}}]`,
				`[` + bare + `,{"verification":{"trust_framework":"nist_800_63A","assurance_level":"ial2"},` + given + `]`,
			},
			{"OIDC4IA, 5.6: the answer to several sets is a list, also when one is met.", `[{"verification":{},"claims":{"given_name":null}},{"verification":{"trust_framework":{"value":"eidas"}},"claims":{"given_name":null}}]`, `[` + bare + `]`},
			{"OIDC4IA, 5.6: the answer to a list of one set is that set.", `[{"verification":{},"claims":{"given_name":null}}]`, bare},
			{"OIDC4IA, 5.6: no set that is met, no list.", `[{"verification":{"trust_framework":{"value":"eidas"}},"claims":{"given_name":null}},{"verification":{},"claims":{"title":null}}]`, ""},
		} {
			t.Run(c.name, func(t *testing.T) {
				info, idToken, _ := h.heard(b, "curious", "scope", "openid", "claims", `{"userinfo":{"verified_claims":`+c.asked+`}}`)
				if diff := cmp.Diff(of(t, c.want), info["verified_claims"]); diff != "" {
					t.Error(diff)
				}
				if _, there := idToken["verified_claims"]; there || idToken["given_name"] != nil || info["given_name"] != nil {
					t.Errorf("told elsewhere: %v %v", info, idToken)
				}
			})
		}
	})
}

// OIDC4IA, 5.2 and 5.3: verified_claims are told in the ID token, at userinfo, or in both, each as it asks, beside claims that are not verified.
// OIDC4IA, 5.5.2: what was asked for stays with what was given: userinfo tells what is so when it is called, and a new ID token, too.
func TestVerifiedClaimsAreToldWhereAndWhenTheyAreAskedFor(t *testing.T) {
	assured(t, func(t *testing.T, h *house, verified map[id.Account]claim.Identity) {
		h.curious("curious")
		b, a := h.agreed()
		h.consent(a, "curious", everything()...)
		verified[a] = anna(h.clock.Now())
		asked := `{"id_token":{"birthdate":null,"verified_claims":{"verification":{"assurance_level":null},"claims":{"family_name":null}}},
			"userinfo":{"email":null,"verified_claims":{"verification":{"time":{"max_age":60}},"claims":{"given_name":null}}}}`
		info, idToken, tok := h.heard(b, "curious", "scope", "openid", "claims", asked)
		want := of(t, `{"verification":{"trust_framework":"nist_800_63A","assurance_level":"ial2"},"claims":{"family_name":"Lee"}}`)
		if diff := cmp.Diff(want, idToken["verified_claims"]); diff != "" || idToken["birthdate"] != "1980-02-29" || idToken["family_name"] != nil {
			t.Errorf("ID token %v: %s", idToken, diff)
		}
		claims, _ := info["verified_claims"].(map[string]any)
		if diff := cmp.Diff(of(t, `{"given_name":"Anna"}`), claims["claims"]); diff != "" || info["email"] != "anna@example.org" || len(info) != 3 {
			t.Errorf("userinfo %v: %s", info, diff)
		}
		h.clock.Advance(61 * time.Second)
		info, _ = h.userinfo(tok.Access)
		if _, there := info["verified_claims"]; there || len(info) != 2 {
			t.Errorf("of an old verification: %v", info)
		}
		again := anna(h.clock.Now())
		again.GivenName = "Annabel"
		verified[a] = again
		info, _ = h.userinfo(tok.Access)
		claims, _ = info["verified_claims"].(map[string]any)
		if diff := cmp.Diff(of(t, `{"given_name":"Annabel"}`), claims["claims"]); diff != "" {
			t.Errorf("of a new verification: %s", diff)
		}
		again.Verification.TrustFramework = ""
		for name, of := range map[string]claim.Identity{"whose identity was not verified": {}, "verified by no trust framework": again} {
			verified[a] = of
			info, idToken, _ := h.heard(b, "curious", "scope", "openid", "claims", asked)
			if info["verified_claims"] != nil || idToken["verified_claims"] != nil {
				t.Errorf("of somebody %s: %v %v", name, info, idToken)
			}
		}
	})
}

// OIDC4IA, 5.7.6: what is not a request for verified claims is invalid_request: without verification, without or with empty claims, with evidence of no type.
func TestRequestsForVerifiedClaimsThatAreNoneAreRefused(t *testing.T) {
	assured(t, func(t *testing.T, h *house, _ map[id.Account]claim.Identity) {
		h.curious("curious")
		b, a := h.agreed()
		h.consent(a, "curious", everything()...)
		for _, place := range []string{"userinfo", "id_token"} {
			for asked, why := range map[string]string{
				`{"verification":{"trust_framework":null},"claims":{}}`: "verified_claims has no claims",
				`{"verification":{"trust_framework":null}}`:             "verified_claims has no claims",
				`{"claims":{"given_name":null}}`:                        "verified_claims has no object verification",
				`[]`:                                                    "verified_claims is an empty list",
				`{"verification":{"evidence":[{"type":{"values":["vouch"]}}]},"claims":{"given_name":null}}`: "evidence has an entry whose type is not given by value",
			} {
				got := b.authorize(request("curious", "scope", "openid", "claims", fmt.Sprintf(`{%q:{"verified_claims":%s}}`, place, asked))).answer(t)
				if got.Get("error") != string(protocol.InvalidRequest) || got.Get("error_description") != why {
					t.Errorf("%s, %s: %v", place, asked, got)
				}
			}
		}
	})
}

// OIDC4IA, 5.7.3: nothing is told that the person did not agree to: until then prompt=none is consent_required, also for the time of the verification.
// OIDC4IA, 5.7.2: claims of scopes that a service is not registered for are left out.
func TestVerifiedClaimsNeedRegistrationAndConsent(t *testing.T) {
	assured(t, func(t *testing.T, h *house, verified map[id.Account]claim.Identity) {
		h.curious("curious")
		h.curious("narrow", func(s *relyingparty.Settings) { s.Scopes = []string{"openid", "profile:birthdate"} })
		b, a := h.agreed()
		verified[a] = anna(h.clock.Now())
		h.consent(a, "curious", claim.Birthdate)
		h.consent(a, "narrow", claim.Birthdate)
		ask := func(client, where, verification, name string) string {
			return b.authorize(request(client, "scope", "openid", "prompt", "none", "claims",
				fmt.Sprintf(`{%q:{"verified_claims":{"verification":%s,"claims":{%q:null}}}}`, where, verification, name))).answer(t).Get("error")
		}
		for _, place := range []string{"userinfo", "id_token"} {
			for _, c := range []struct{ verification, name, want string }{
				{`{}`, "given_name", "consent_required"},
				{`{"time":null}`, "birthdate", "consent_required"},
				{`{"time":{"max_age":5}}`, "birthdate", "consent_required"},
				{`{"trust_framework":null,"assurance_level":null}`, "birthdate", ""},
			} {
				if got := ask("curious", place, c.verification, c.name); got != c.want {
					t.Errorf("%s, %s, %s: %q", place, c.verification, c.name, got)
				}
			}
		}
		info, idToken, _ := h.heard(b, "narrow", "scope", "openid", "claims",
			`{"userinfo":{"verified_claims":{"verification":{},"claims":{"given_name":null,"birthdate":null}}},"id_token":{"verified_claims":{"verification":{},"claims":{"given_name":null}}}}`)
		if diff := cmp.Diff(of(t, `{"verification":{"trust_framework":"nist_800_63A"},"claims":{"birthdate":"1980-02-29"}}`), info["verified_claims"]); diff != "" {
			t.Error(diff)
		}
		if _, there := idToken["verified_claims"]; there {
			t.Errorf("ID token %v", idToken)
		}
	})
}

// OIDC4IA, 8: discovery names the trust frameworks and the claims where identities are verified, and says nothing of them elsewhere.
// OIDC4IA, 5.7.2: where no identity is verified, requests for verified claims are taken, and nothing is told.
func TestDiscoveryNamesVerifiedClaimsWhereThereAreAny(t *testing.T) {
	clock := dbtest.NewClock()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		members := []string{"verified_claims_supported", "trust_frameworks_supported", "claims_in_verified_claims_supported", "evidence_supported"}
		read := func(h *house) (out map[string]any) {
			check(t, json.Unmarshal([]byte(h.browser().get(protocol.PathDiscovery).text), &out))
			return out
		}
		first := open(t, d, clock, nil)
		got := read(first)
		for _, name := range members {
			if _, there := got[name]; there {
				t.Errorf("%s is named where no identity is verified", name)
			}
		}
		first.curious("curious")
		b, a := first.agreed()
		first.consent(a, "curious")
		for _, asked := range []string{
			`{"verification":{"trust_framework":{"value":"nist_800_63A"}},"claims":{"given_name":{"essential":true}}}`,
			`[{"verification":{"time":null},"claims":{"birthdate":null}},{"verification":{},"claims":{"name":null}}]`,
		} {
			info, idToken, _ := first.heard(b, "curious", "scope", "openid", "claims", `{"userinfo":{"verified_claims":`+asked+`},"id_token":{"verified_claims":`+asked+`}}`)
			if diff := cmp.Diff(map[string]any{"sub": info["sub"]}, info); diff != "" || idToken["sub"] != info["sub"] || idToken["verified_claims"] != nil {
				t.Errorf("%s, ID token %v", diff, idToken)
			}
		}
		got = read(openWith(t, d, clock, first, func(*db.Tx, id.Account) (claim.Identity, error) { return claim.Identity{}, nil }))
		want := map[string]any{
			members[0]: true, members[1]: []any{"nist_800_63A"},
			members[2]: []any{"name", "given_name", "middle_name", "family_name", "birthdate", "address", "social_security_number"},
			members[3]: nil, // none is kept
		}
		for name, value := range want {
			if diff := cmp.Diff(value, got[name]); diff != "" {
				t.Errorf("%s: %s", name, diff)
			}
		}
		if claims, _ := got["claims_supported"].([]any); !slices.Contains(claims, any("verified_claims")) || got["claims_parameter_supported"] != true {
			t.Errorf("claims %v", claims)
		}
	}, dbtest.WithClock(clock.Now))
}

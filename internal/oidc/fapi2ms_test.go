package oidc_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"parvis/internal/clientcert"
	"parvis/internal/jose"
	"parvis/internal/oidc/protocol"
	"parvis/internal/relyingparty"
)

// The modules of fapi2-message-signing-final-test-plan about signed requests, pushed by each kind of client.
func TestFAPI2MessageSigningPlanOfSignedRequests(t *testing.T) {
	rsa, err := jose.Generate(jose.RS256)
	check(t, err)
	showing(t, clientcert.PEM, func(t *testing.T, h *house, ca identity) {
		for _, v := range certifications() {
			v.signed = true
			one, two := applicants(t, h, ca, v)
			push := func(a *applicant, request string) (map[string]any, int) {
				a.Helper()
				return a.push(url.Values{"client_id": {a.client}, "request": {request}})
			}
			with := func(a *applicant, changes ...any) string {
				a.Helper()
				return a.sign(a.signer, "oauth-authz-req+jwt", a.object(a.parameters(), changes...))
			}
			for name, module := range map[string]func(a, other *applicant){
				"FAPI 2.0 MS, 5.3.1: a signed request leads to tokens as the profile wants them": func(a, _ *applicant) {
					if _, status := a.resource(a.tokens(a.code())["access_token"]); status != http.StatusOK {
						a.Errorf("%d", status)
					}
				},
				"FAPI 2.0 MS, 5.3.1: a request that is not signed is refused where it is pushed": func(a, _ *applicant) {
					out, status := a.push(a.parameters())
					a.refused("unsigned", out, status, "invalid_request", "invalid_request_object")
				},
				"FAPI 2.0 MS, 5.3.1: aud is the issuer, alone or among others": func(a, _ *applicant) {
					if out, status := push(a, with(a, "aud", []string{"https://other.example", a.h.issuer})); status != http.StatusCreated {
						a.Errorf("among others: %d %v", status, out)
					}
					for what, aud := range map[string]any{"another": "https://other.example", "a list of others": []string{"https://other.example"}, "the endpoint": a.h.issuer + "/par", "none": nil} {
						out, status := push(a, with(a, "aud", aud))
						a.refused(what, out, status, "invalid_request_object", "invalid_request")
					}
				},
				"FAPI 2.0 MS, 5.3.1: exp is there, ahead, and at most 60 minutes after nbf": func(a, _ *applicant) {
					now := a.h.clock.Now()
					for what, exp := range map[string]any{"none": nil, "over": now.Add(-5 * time.Minute).Unix(), "too long": now.Add(61 * time.Minute).Unix()} {
						out, status := push(a, with(a, "exp", exp))
						a.refused(what, out, status, "invalid_request_object", "invalid_request")
					}
					if out, status := push(a, with(a, "exp", now.Add(60*time.Minute).Unix())); status != http.StatusCreated {
						a.Errorf("60 minutes: %d %v", status, out)
					}
				},
				"FAPI 2.0 MS, 5.3.1: nbf is there, at most 60 minutes ago, and up to 10 seconds ahead": func(a, _ *applicant) {
					now := a.h.clock.Now()
					for what, nbf := range map[string]any{"none": nil, "too old": now.Add(-70 * time.Minute).Unix(), "61 s ahead": now.Add(61 * time.Second).Unix()} {
						out, status := push(a, with(a, "nbf", nbf))
						a.refused(what, out, status, "invalid_request_object", "invalid_request")
					}
					if out, status := push(a, with(a, "nbf", now.Add(8*time.Second).Unix())); status != http.StatusCreated {
						a.Errorf("8 s ahead: %d %v", status, out)
					}
				},
				"FAPI 2.0 MS, 5.3.1: typ is oauth-authz-req+jwt, in any case; another kind of token is none": func(a, _ *applicant) {
					for _, typ := range []string{"oauth-authz-req+jwt", "OAuth-Authz-Req+JWT", "application/oauth-authz-req+jwt"} {
						if out, status := push(a, a.sign(a.signer, typ, a.object(a.parameters()))); status != http.StatusCreated {
							a.Errorf("%s: %d %v", typ, status, out)
						}
					}
					for _, typ := range []string{"at+jwt", "dpop+jwt", "logout+jwt"} {
						out, status := push(a, a.sign(a.signer, typ, a.object(a.parameters())))
						a.refused(typ, out, status, "invalid_request_object", "invalid_request")
					}
				},
				"FAPI 2.0 MS, 5.3.1: none, another's key and a changed signature are refused": func(a, other *applicant) {
					good := with(a)
					dot := strings.LastIndex(good, ".") + 1
					changed := good[:dot] + strings.Map(func(r rune) rune {
						if r == 'A' {
							return 'B'
						}
						return 'A'
					}, good[dot:dot+1]) + good[dot+1:]
					for what, o := range map[string]string{
						"none": unsecured(a.T, a.object(a.parameters())), "another's key": a.sign(other.signer, "oauth-authz-req+jwt", a.object(a.parameters())),
						"a changed signature": changed, "RS256": a.sign(signs(a.T, jose.RS256, rsa), "oauth-authz-req+jwt", a.object(a.parameters())), "no signature": good[:dot],
					} {
						out, status := push(a, o)
						a.refused(what, out, status, "invalid_request_object", "invalid_request")
					}
				},
				"FAPI 2.0 MS, 5.3.1: what stands beside the object does not count": func(a, _ *applicant) {
					v := a.objected(a.parameters())
					v.Set("state", "outside")
					v.Set("nonce", "outside")
					out, status := a.push(v)
					uri, _ := out["request_uri"].(string)
					if status != http.StatusCreated {
						a.Fatalf("%d %v", status, out)
					}
					to := url.Values{"client_id": {a.client}, "request_uri": {uri}, "state": {"outside"}, "nonce": {"outside"}}
					got := a.answered(a.b.authorize(to))
					code, _ := got["code"].(string)
					if got["state"] != "st4te" || a.h.claims(a.tokens(code)["id_token"].(string), jose.ES256)["nonce"] != "n0nce" {
						a.Errorf("%v", got)
					}
					v = a.objected(a.parameters("state", ""))
					v.Set("state", "outside")
					out, _ = a.push(v)
					uri, _ = out["request_uri"].(string)
					if state, there := a.answered(a.sent(uri))["state"]; there {
						a.Errorf("state of outside only: %v", state)
					}
				},
				"FAPI 2.0 MS, 5.3.1: an object holds redirect_uri, a challenge and the response type itself": func(a, _ *applicant) {
					for _, name := range []string{"redirect_uri", "code_challenge", "response_type"} {
						v := url.Values{"client_id": {a.client}, "request": {with(a, name, nil)}, name: {a.parameters().Get(name)}}
						out, status := a.push(v)
						a.refused(name, out, status, "invalid_request_object", "invalid_request")
					}
				},
			} {
				t.Run(name+": "+v.String(), func(t *testing.T) { module(one.in(t), two.in(t)) })
			}
		}
	})
}

// FAPI 2.0 MS, 5.3.1: objects are signed with PS256, ES256 or EdDSA; RS256 is refused even where the key is known.
func TestAnObjectOfTheProfileIsNotSignedWithRS256(t *testing.T) {
	rsa, err := jose.Generate(jose.RS256)
	check(t, err)
	edwards, err := jose.Generate(jose.EdDSA)
	check(t, err)
	each(t, func(t *testing.T, h *house) {
		set, err := jose.NewKeySet(signs(t, jose.PS256, rsa).JWK(), signs(t, jose.EdDSA, edwards).JWK()).JSON()
		check(t, err)
		h.adds("fapi-rsa", func(s *relyingparty.Settings) { s.Profile, s.JWKS, s.RequireObject = "fapi2", anyAlg(set), true })
		for _, c := range []struct {
			signer *jose.Signer
			want   int
		}{{signs(t, jose.PS256, rsa), http.StatusCreated}, {signs(t, jose.EdDSA, edwards), http.StatusCreated}, {signs(t, jose.RS256, rsa), http.StatusBadRequest}} {
			o, err := c.signer.Sign("oauth-authz-req+jwt", objectClaims(h, "fapi-rsa"))
			check(t, err)
			assertion, err := signs(t, jose.PS256, rsa).Sign("JWT", assertionClaims(h, "iss", "fapi-rsa", "sub", "fapi-rsa"))
			check(t, err)
			p := h.push("", url.Values{"request": {o}, "client_assertion_type": {protocol.AssertionType}, "client_assertion": {assertion}})
			if p.status != c.want || c.want == http.StatusBadRequest && p.Error != "invalid_request_object" {
				t.Errorf("%s: %+v", c.signer.Algorithm(), p)
			}
		}
	})
}

// The modules of fapi2-message-signing-final-test-plan about signed answers.
func TestFAPI2MessageSigningPlanOfSignedAnswers(t *testing.T) {
	showing(t, clientcert.PEM, func(t *testing.T, h *house, ca identity) {
		for _, v := range certifications() {
			v.signed, v.jarm = true, true
			one, _ := applicants(t, h, ca, v)
			t.Run("FAPI 2.0 MS, 5.4.1: an answer is a JWT with iss, aud and exp that a key of ours signed, not by RS256"+": "+v.String(), func(t *testing.T) {
				a := one.in(t)
				code := a.code() // which checks the claims
				if _, status := a.resource(a.tokens(code)["access_token"]); status != http.StatusOK {
					t.Errorf("%d", status)
				}
				q := a.sent(a.named()).answer(t)
				if head := headOf(t, q.Get("response")); head["alg"] != "ES256" || head["kid"] == nil || head["kid"] == "" {
					t.Errorf("%v", head)
				}
			})
			t.Run("FAPI 2.0 MS, 5.4.1: an error is answered so, too"+": "+v.String(), func(t *testing.T) {
				fresh := one.in(t)
				fresh.b = h.browser()
				f := fresh.b.authorize(url.Values{"client_id": {fresh.client}, "request_uri": {fresh.named()}}).flow(t)
				if got := fresh.answered(fresh.b.get("/authorize/cancel/" + string(f))); got["error"] != "access_denied" || got["state"] != "st4te" {
					t.Errorf("%v", got)
				}
			})
			t.Run("FAPI 2.0 MS, 5.4.1: there is no answer in the clear beside it, and none in a fragment"+": "+v.String(), func(t *testing.T) {
				a := one.in(t)
				got := a.sent(a.named())
				if to := got.Header.Get("Location"); strings.Contains(to, "#") || strings.Contains(to, "code=") || strings.Contains(to, "state=") {
					t.Error(to)
				}
			})
		}
	})
}

// FAPI 2.0 MS, 5.5.1: what is told of a token is signed for who asks, not by RS256 for a service of the profile.
func TestWhatIsToldOfATokenIsSignedForAServiceOfTheProfile(t *testing.T) {
	showing(t, clientcert.PEM, func(t *testing.T, h *house, ca identity) {
		a, _ := applicants(t, h, ca, variant{keys: true, dpop: true})
		access, _ := a.tokens(a.code())["access_token"].(string)
		got := h.post("/introspect", a.authenticated(url.Values{"token": {access}}), "Accept", "application/token-introspection+jwt")
		claims := h.claims(got.text, jose.ES256)
		inner, _ := claims["token_introspection"].(map[string]any)
		if got.Header.Get("Content-Type") != "application/token-introspection+jwt" || claims["iss"] != h.issuer || claims["aud"] != a.client || inner["active"] != true || inner["client_id"] != a.client || claims["iat"] == nil {
			t.Errorf("%d %v", got.StatusCode, claims)
		}
	})
}

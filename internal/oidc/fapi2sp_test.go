package oidc_test

import (
	"encoding/json"
	"fmt"
	"maps"
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

// assert adds a client assertion of a service to a form.
func (h *house) assert(client string, v url.Values, changes ...any) url.Values {
	h.t.Helper()
	v.Set("client_assertion_type", protocol.AssertionType)
	v.Set("client_assertion", sign(h.t, signingKey, assertionClaims(h, append([]any{"iss", client, "sub", client}, changes...)...)))
	return v
}

// send posts a form to an endpoint for services.
func (h *house) post(path string, v url.Values, headers ...string) reply {
	h.t.Helper()
	return h.browser().do(http.MethodPost, path, v, headers...)
}

// FAPI 2.0 SP, 5.3.2.1: tokens are bound to a key, codes live for 60 seconds, aud of assertions is the issuer as a string, clocks may differ by 10 s.
// FAPI 2.0 SP, 5.3.2.2: requests are pushed with PKCE and redirect_uri, and answered with iss.
func TestFAPI2SecurityProfile(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		b, _ := h.agreed("fapi2")
		k := h.holder()
		code := func(changes ...string) string {
			t.Helper()
			p := h.push("", h.assert("fapi2", request("fapi2", changes...)))
			if p.status != http.StatusCreated {
				t.Fatalf("%+v", p)
			}
			got := b.authorize(named("fapi2", p)).answer(t)
			if got.Get("iss") != h.issuer || got.Get("code") == "" { // 5.3.2.2, 7: iss (RFC 9207)
				t.Fatalf("%v", got)
			}
			return got.Get("code")
		}
		redeem := func(code string, headers ...string) reply {
			t.Helper()
			return h.post("/token", h.assert("fapi2", exchange(code)), headers...)
		}
		got := redeem(code(), "DPoP", k.proof("POST", "/token"))
		if got.StatusCode != http.StatusOK || !strings.Contains(got.text, `"token_type":"DPoP"`) {
			t.Fatalf("%d %s", got.StatusCode, got.text)
		}
		for name, answer := range map[string]url.Values{ // 5.3.2.2, 2: only pushed requests
			"parameters in the address": b.authorize(request("fapi2")).answer(t),
		} {
			if answer.Get("error") != "invalid_request" {
				t.Errorf("%s: %v", name, answer)
			}
		}
		if got := redeem(code()); got.StatusCode != http.StatusUnauthorized && got.StatusCode != http.StatusBadRequest || !strings.Contains(got.text, "invalid_dpop_proof") { // 5.3.2.1, 4: sender-constrained
			t.Errorf("a bearer token: %d %s", got.StatusCode, got.text)
		}
		if p := h.push("", h.assert("fapi2", request("fapi2", "code_challenge", "", "code_challenge_method", ""))); p.Error != "invalid_request" { // 5.3.2.2, 5: PKCE
			t.Errorf("without PKCE: %+v", p)
		}
		if p := h.push("", h.assert("fapi2", request("fapi2", "redirect_uri", ""))); p.Error != "invalid_request" { // 5.3.2.2, 6
			t.Errorf("without redirect_uri: %+v", p)
		}
		old := code()
		h.clock.Advance(61 * time.Second) // 5.3.2.1, 11: codes live for 60 seconds at most
		if got := redeem(old, "DPoP", k.proof("POST", "/token")); !strings.Contains(got.text, "invalid_grant") {
			t.Errorf("after 61 s: %s", got.text)
		}
		for name, aud := range map[string]any{ // 5.3.2.1, 9: the issuer, as a string
			"a list": []string{h.issuer}, "the token endpoint": h.issuer + "/token", "the endpoint itself": h.issuer + "/par", "nothing": "",
		} {
			if p := h.push("", h.assert("fapi2", request("fapi2"), "aud", aud)); p.status != http.StatusUnauthorized || p.Error != "invalid_client" {
				t.Errorf("aud is %s: %+v", name, p)
			}
		}
		for name, when := range map[string]map[string]time.Duration{ // 5.3.2.1, 13: clocks
			"8 s ahead is taken":    {"ok": 8 * time.Second},
			"61 s ahead is refused": {"no": 61 * time.Second},
		} {
			for want, ahead := range when {
				at := h.clock.Now().Add(ahead)
				p := h.push("", h.assert("fapi2", request("fapi2"), "iat", at.Unix(), "nbf", at.Unix(), "exp", at.Add(time.Minute).Unix()))
				if (p.status == http.StatusCreated) != (want == "ok") {
					t.Errorf("%s: %+v", name, p)
				}
			}
		}
	})
}

// FAPI 2.0 SP, 5.3.2.2: plain OAuth: without openid there is no ID token, where the service is registered for that.
func TestAServiceThatMayGoWithoutOpenIDGetsNoIDToken(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		h.adds("plain-oauth", func(s *relyingparty.Settings) { s.Profile, s.OpenID = "fapi2", "optional" })
		b, _ := h.agreed("plain-oauth", "fapi2")
		k := h.holder()
		p := h.push("", h.assert("plain-oauth", request("plain-oauth", "scope", "email", "nonce", "")))
		if p.status != http.StatusCreated {
			t.Fatalf("%+v", p)
		}
		code := b.authorize(named("plain-oauth", p)).answer(t).Get("code")
		got := h.post("/token", h.assert("plain-oauth", exchange(code)), "DPoP", k.proof("POST", "/token"))
		var tok tokens
		check(t, json.Unmarshal([]byte(got.text), &tok))
		if got.StatusCode != http.StatusOK || tok.ID != "" || tok.Scope != "email" || tok.Access == "" {
			t.Fatalf("%d %s", got.StatusCode, got.text)
		}
		if told := h.told(tok.Access); told["active"] != true || told["scope"] != "email" || told["client_id"] != "plain-oauth" {
			t.Errorf("introspection: %v", told)
		}
		info := b.get("/userinfo", "Authorization", "DPoP "+tok.Access, "DPoP", k.proof("GET", "/userinfo", "ath", ath(tok.Access)))
		if info.StatusCode != http.StatusForbidden || !strings.Contains(info.Header.Get("WWW-Authenticate"), "insufficient_scope") {
			t.Errorf("userinfo: %d %s", info.StatusCode, info.text)
		}
		for client, scope := range map[string]string{"plain-oauth": "unknown", "fapi2": "email"} {
			if p := h.push("", h.assert(client, request(client, "scope", scope))); p.status != http.StatusBadRequest || p.Error != "invalid_scope" {
				t.Errorf("%s: %+v", client, p)
			}
		}
	})
}

// FAPI 2.0 SP, 5.3.4: an identifier of a call, x-fapi-interaction-id, is given back, and nothing that is none.
func TestTheIdentifierOfACallIsGivenBack(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		b, _ := h.agreed("service")
		tok := h.asClient("service", exchange(b.code("service")))
		for sent, want := range map[string]string{
			"93bac548-d2de-4546-b106-880a5018460d": "93bac548-d2de-4546-b106-880a5018460d", "": "", "93bac548": "", "93bac548-d2de-4546-b106-880a5018460d\tx": "",
		} {
			good := h.browser().get("/userinfo", "Authorization", "Bearer "+tok.Access, "X-FAPI-Interaction-ID", sent)
			bad := h.post("/par", url.Values{}, "X-FAPI-Interaction-ID", sent)
			is := good.Header.Get("X-FAPI-Interaction-ID") // the resource makes one where the client did not (FAPI-CIBA)
			if good.StatusCode != http.StatusOK || len(is) != 36 || want != "" && is != want || bad.Header.Get("X-FAPI-Interaction-ID") != want {
				t.Errorf("%q: %q and %q", sent, good.Header.Get("X-FAPI-Interaction-ID"), bad.Header.Get("X-FAPI-Interaction-ID"))
			}
		}
	})
}

// The modules of fapi2-security-profile-final-test-plan that all its variants have in common.
func TestFAPI2SecurityProfilePlan(t *testing.T) {
	showing(t, clientcert.PEM, func(t *testing.T, h *house, ca identity) {
		t.Run("FAPI 2.0 SP, 5.3.2: private_key_jwt and certificates, DPoP and certificates, OpenID and plain OAuth, simple and rich requests all lead to bound tokens", func(t *testing.T) {
			for _, v := range certifications() {
				for _, oauth := range []bool{false, true} {
					for _, rar := range []bool{false, true} {
						v.oauth, v.rar = oauth, rar
						a, _ := applicants(t, h, ca, v)
						code := a.code()
						tok := a.tokens(code)
						info, status := a.resource(tok["access_token"])
						if want := map[bool]int{false: http.StatusOK, true: http.StatusForbidden}[oauth]; status != want {
							t.Errorf("%s: userinfo %d %v", v, status, info)
						}
						cnf, _ := h.told(tok["access_token"])["cnf"].(map[string]any)
						want := map[string]any{"x5t#S256": (&clientcert.Presented{Leaf: a.mine.cert}).Thumbprint()}
						if v.dpop {
							want = map[string]any{"jkt": a.k.key.KeyID()}
						}
						if !maps.Equal(cnf, want) {
							t.Errorf("%s: bound to %v, want %v", v, cnf, want)
						}
						if !oauth {
							if claims := h.claims(tok["id_token"].(string), jose.ES256); claims["aud"] != a.client || claims["nonce"] != "n0nce" || claims["iss"] != h.issuer {
								t.Errorf("%s: %v", v, claims)
							}
						}
						again, status := a.do(http.MethodPost, "/token", a.authenticated(url.Values{"grant_type": {"refresh_token"}, "refresh_token": {tok["refresh_token"].(string)}}), a.proven("POST", "/token")...)
						if status != http.StatusOK || again["access_token"] == tok["access_token"] || again["token_type"] != tok["token_type"] {
							t.Errorf("%s: refresh %d %v", v, status, again)
						}
						if next := again["refresh_token"]; next != nil && next != tok["refresh_token"] {
							t.Errorf("%s: the refresh token is another one", v)
						}
					}
				}
			}
		})
		for _, v := range certifications() {
			one, two := applicants(t, h, ca, v)
			for name, module := range map[string]func(a, other *applicant){
				"FAPI 2.0 SP, 5.3.2.2: nobody's browser can change a request: one that was not pushed is refused": func(a, _ *applicant) {
					if got := a.answered(a.b.authorize(a.parameters())); got["error"] != "invalid_request" {
						a.Errorf("%v", got)
					}
				},
				"FAPI 2.0 SP, 5.3.2.2: response_type is code": func(a, _ *applicant) {
					for _, kind := range []string{"code id_token", "token", "id_token"} {
						out, status := a.push(a.objected(a.parameters("response_type", kind)))
						a.refused(kind, out, status, "unsupported_response_type", "invalid_request")
					}
				},
				"FAPI 2.0 SP, 5.3.2.2: PKCE with S256 is demanded, plain is not taken": func(a, _ *applicant) {
					for what, v := range map[string]url.Values{
						"none": a.parameters("code_challenge", "", "code_challenge_method", ""), "plain": a.parameters("code_challenge", verifier, "code_challenge_method", "plain"), "no method": a.parameters("code_challenge_method", ""),
					} {
						out, status := a.push(a.objected(v))
						a.refused(what, out, status, "invalid_request")
					}
				},
				"FAPI 2.0 SP, 5.3.2.2: the verifier is demanded, and another one refused": func(a, _ *applicant) {
					out, status := a.redeem(a.code(), "code_verifier", "")
					a.refused("none", out, status, "invalid_grant", "invalid_request")
					out, status = a.redeem(a.code(), "code_verifier", strings.Repeat("v", 43))
					a.refused("another", out, status, "invalid_grant")
				},
				"FAPI 2.0 SP, 5.3.2.2: redirect_uri is demanded in the pushed request, and is a registered one": func(a, _ *applicant) {
					for what, uri := range map[string]string{"none": "", "another path": callback + "/x", "a query": callback + "?y=1", "http": strings.Replace(callback, "https", "http", 1)} {
						out, status := a.push(a.objected(a.parameters("redirect_uri", uri)))
						a.refused(what, out, status, "invalid_request", "invalid_request_object")
					}
				},
				"FAPI 2.0 SP, 5.3.2.2: a pushed request cannot name another one": func(a, _ *applicant) {
					out, status := a.push(a.parameters("request_uri", a.named()))
					a.refused("request_uri", out, status, "invalid_request", "invalid_request_object")
				},
				"FAPI 2.0 SP, 5.3.2.2: the endpoint of pushed requests takes POST only": func(a, _ *applicant) {
					for _, method := range []string{http.MethodGet, http.MethodPut, http.MethodDelete} {
						if got := a.h.browser().do(method, "/par", nil); got.StatusCode != http.StatusMethodNotAllowed {
							a.Errorf("%s: %d", method, got.StatusCode)
						}
					}
				},
				"FAPI 2.0 SP, 5.3.2.2: request_uri is of one client, for one authorization, and for its time": func(a, other *applicant) {
					uri := a.named()
					if got := other.sent(uri); got.StatusCode != http.StatusBadRequest || !strings.Contains(got.text, "invalid_request_uri") {
						a.Errorf("another client: %d", got.StatusCode)
					}
					if got := a.answered(a.sent(uri)); got["code"] == nil { // which the other one did not spend
						a.Errorf("%v", got)
					}
					if got := a.sent(uri); got.StatusCode != http.StatusBadRequest || !strings.Contains(got.text, "invalid_request_uri") {
						a.Errorf("twice: %d", got.StatusCode)
					}
					uri = a.named()
					a.h.clock.Advance(10 * time.Minute)
					if got := a.sent(uri); got.StatusCode != http.StatusBadRequest || !strings.Contains(got.text, "invalid_request_uri") {
						a.Errorf("later: %d", got.StatusCode)
					}
				},
				"FAPI 2.0 SP, 5.3.2.1: a code is of one client, good once, and for 60 seconds at most": func(a, other *applicant) {
					code := a.code()
					out, status := other.redeem(code)
					other.refused("another client", out, status, "invalid_grant")
					code = a.code()
					tok := a.tokens(code)
					a.h.clock.Advance(time.Second)
					out, status = a.redeem(code)
					a.refused("again", out, status, "invalid_grant")
					if _, status := a.resource(tok["access_token"]); status != http.StatusUnauthorized { // RFC 6749, 4.1.2
						a.Errorf("the token of a code that came twice: %d", status)
					}
					code = a.code()
					a.h.clock.Advance(61 * time.Second)
					out, status = a.redeem(code)
					a.refused("later", out, status, "invalid_grant")
				},
				"FAPI 2.0 SP, 5.3.2.1: without what binds them there are no tokens": func(a, _ *applicant) {
					form := a.authenticated(exchange(a.code()))
					if a.dpop {
						out, status := a.do(http.MethodPost, "/token", form)
						a.refused("no proof", out, status, "invalid_dpop_proof", "invalid_request", "invalid_grant")
						return
					}
					out, status := a.by(nil).do(http.MethodPost, "/token", form)
					a.refused("no certificate", out, status, "invalid_client", "invalid_request", "invalid_grant")
				},
				"FAPI 2.0 SP, 5.3.2.1: without what authenticates it a client is given nothing": func(a, other *applicant) {
					out, status := a.do(http.MethodPost, "/token", exchange(a.code()), a.proven("POST", "/token")...)
					a.refused("nobody", out, status, "invalid_client")
					if !a.keys {
						out, status = other.do(http.MethodPost, "/token", exchange(a.code(), "client_id", a.client), other.proven("POST", "/token")...)
						a.refused("another certificate", out, status, "invalid_client")
						return
					}
					out, status = a.do(http.MethodPost, "/token", exchange(a.code(), "client_id", a.client), a.proven("POST", "/token")...)
					a.refused("client_id alone", out, status, "invalid_client")
				},
				"FAPI 2.0 SP, 5.3.2.2: answers of who does not agree are access_denied, with state and iss": func(a, _ *applicant) {
					fresh := *a
					fresh.b = a.h.browser() // nobody is signed in
					f := fresh.b.authorize(url.Values{"client_id": {a.client}, "request_uri": {a.named()}}).flow(a.T)
					if got := fresh.answered(fresh.b.get("/authorize/cancel/" + string(f))); got["error"] != "access_denied" || got["state"] != "st4te" || got["code"] != nil {
						a.Errorf("%v", got)
					}
				},
				"FAPI 2.0 SP, 5.3.2.2: a request that is opened again before the sign-in still works": func(a, _ *applicant) {
					fresh := *a
					fresh.b = a.h.browser()
					uri := url.Values{"client_id": {a.client}, "request_uri": {a.named()}}
					fresh.b.authorize(uri).flow(a.T)
					f := fresh.b.authorize(uri).flow(a.T)
					fresh.b.signIn(a.h.applicant, f)
					if got := fresh.answered(fresh.b.get("/authorize/finish/" + string(f))); got["code"] == nil {
						a.Errorf("%v", got)
					}
				},
				"FAPI 2.0 SP, 5.3.2.2: state and nonce may be left out, be long, and scopes come in any order": func(a, _ *applicant) {
					out := a.answered(a.sent(a.named("state", "", "nonce", "")))
					if _, there := out["state"]; there || out["code"] == nil {
						a.Errorf("%v", out)
					}
					long := strings.Repeat("n", 384)
					if out := a.answered(a.sent(a.named("state", long, "scope", "offline_access email openid"))); out["state"] != long || out["code"] == nil {
						a.Errorf("%v", out)
					}
					nonce := strings.Repeat("0", 64)
					if tok := a.tokens(a.code("nonce", nonce)); a.h.claims(tok["id_token"].(string), jose.ES256)["nonce"] != nonce {
						a.Error("the nonce is another one")
					}
				},
				"FAPI 2.0 SP, 5.3.4: the scheme of an access token is read in any case, and a token in the query not at all": func(a, _ *applicant) {
					access, _ := a.tokens(a.code())["access_token"].(string)
					for _, scheme := range []string{"bearer", "dpop"} {
						if (scheme == "dpop") != a.dpop {
							continue
						}
						headers := append([]string{"Authorization", scheme + " " + access}, a.proven("GET", "/userinfo", "ath", ath(access))...)
						if out, status := a.do(http.MethodGet, "/userinfo", nil, headers...); status != http.StatusOK {
							a.Errorf("%s: %d %v", scheme, status, out)
						}
					}
					if _, status := a.do(http.MethodGet, "/userinfo?access_token="+access, nil, a.proven("GET", "/userinfo", "ath", ath(access))...); status != http.StatusUnauthorized {
						a.Errorf("in the query: %d", status)
					}
				},
				"FAPI 2.0 SP, 5.3.4: a token is good with what it is bound to only": func(a, other *applicant) {
					access := a.tokens(a.code())["access_token"]
					if out, status := other.resource(access); status != http.StatusUnauthorized {
						a.Errorf("%d %v", status, out)
					}
					if out, status := a.resource(access); status != http.StatusOK {
						a.Errorf("with its own: %d %v", status, out)
					}
				},
			} {
				t.Run(name+": "+v.String(), func(t *testing.T) {
					module(one.in(t), two.in(t))
				})
			}
		}
	})
}

// The modules of fapi2-security-profile-final-test-plan about client assertions.
func TestFAPI2ClientAssertions(t *testing.T) {
	rsa, err := jose.Generate(jose.RS256)
	check(t, err)
	showing(t, clientcert.PEM, func(t *testing.T, h *house, ca identity) {
		a, other := applicants(t, h, ca, variant{keys: true, dpop: true})
		ed, err := jose.Generate(jose.EdDSA)
		check(t, err)
		set, err := jose.NewKeySet(a.signer.JWK(), signs(t, jose.PS256, rsa).JWK(), signs(t, jose.EdDSA, ed).JWK()).JSON()
		check(t, err)
		for client, profile := range map[string]string{"fapi-rsa": "fapi2", "plain-rsa": ""} {
			h.adds(client, func(s *relyingparty.Settings) { s.Profile, s.JWKS = profile, anyAlg(set) })
		}
		push := func(client string, s *jose.Signer, changes ...any) (map[string]any, int) {
			t.Helper()
			claims := a.claims(append([]any{"iss", client, "sub", client}, changes...)...)
			assertion := ""
			if s == nil {
				assertion = unsecured(t, claims)
			} else {
				assertion = a.sign(s, "", claims)
			}
			v := a.parameters("client_id", client)
			v.Set("client_assertion_type", protocol.AssertionType)
			v.Set("client_assertion", assertion)
			return a.do(http.MethodPost, "/par", v)
		}
		now := h.clock.Now()
		t.Run("FAPI 2.0 SP, 5.4.1: PS256, ES256 and EdDSA sign assertions; RS256 and none do not", func(t *testing.T) {
			for _, s := range []*jose.Signer{signs(t, jose.PS256, rsa), a.signer, signs(t, jose.EdDSA, ed)} {
				if out, status := push("fapi-rsa", s); status != http.StatusCreated {
					t.Errorf("%s: %d %v", s.Algorithm(), status, out)
				}
			}
			if out, status := push("plain-rsa", signs(t, jose.RS256, rsa)); status != http.StatusCreated { // whose keys are the same
				t.Errorf("RS256 without the profile: %d %v", status, out)
			}
			for what, s := range map[string]*jose.Signer{"RS256": signs(t, jose.RS256, rsa), "none": nil} {
				out, status := push("fapi-rsa", s)
				a.refused(what, out, status, "invalid_client")
			}
		})
		t.Run("FAPI 2.0 SP, 5.3.2.1: aud is the issuer, as one string, and nothing else", func(t *testing.T) {
			for what, aud := range map[string]any{
				"a list": []string{h.issuer}, "the endpoint": h.issuer + "/par", "the token endpoint": h.issuer + "/token", "a list with the endpoint": []string{h.issuer + "/par"}, "another issuer": "https://other.example", "a slash": h.issuer + "/", "none": nil,
			} {
				out, status := push(a.client, a.signer, "aud", aud)
				a.refused(what, out, status, "invalid_client")
			}
		})
		t.Run("FAPI 2.0 SP, 5.3.2.1: iat and nbf up to 10 seconds ahead are taken, over 60 are not", func(t *testing.T) {
			for _, ahead := range []time.Duration{0, 8 * time.Second, 10 * time.Second} {
				at := now.Add(ahead).Unix()
				if out, status := push(a.client, a.signer, "iat", at, "nbf", at); status != http.StatusCreated {
					t.Errorf("%s: %d %v", ahead, status, out)
				}
			}
			at := now.Add(61 * time.Second).Unix()
			for _, which := range []string{"iat", "nbf"} {
				out, status := push(a.client, a.signer, which, at, "exp", now.Add(5*time.Minute).Unix())
				a.refused(which, out, status, "invalid_client")
			}
		})
		t.Run("FAPI 2.0 SP, 5.3.2.1: an assertion that is over, another's, or nobody's authenticates nobody", func(t *testing.T) {
			for what, changes := range map[string][]any{
				"over since 5 minutes": {"exp", now.Add(-5 * time.Minute).Unix()}, "over now": {"exp", now.Unix()}, "without end": {"exp", nil},
				"no sub": {"sub", nil}, "no iss": {"iss", nil}, "another sub": {"sub", other.client}, "another iss": {"iss", other.client}, "no jti": {"jti", nil},
			} {
				out, status := push(a.client, a.signer, changes...)
				a.refused(what, out, status, "invalid_client")
			}
			out, status := push(a.client, other.signer)
			a.refused("another's key", out, status, "invalid_client")
		})
		t.Run("FAPI 2.0 SP, 5.3.2.1: an assertion is good once, whatever it is sent to", func(t *testing.T) {
			v := a.authenticated(a.parameters())
			if out, status := a.do(http.MethodPost, "/par", v); status != http.StatusCreated {
				t.Fatalf("%d %v", status, out)
			}
			out, status := a.do(http.MethodPost, "/par", v)
			a.refused("pushed again", out, status, "invalid_client")
			out, status = a.do(http.MethodPost, "/token", exchange(a.code(), "client_assertion_type", protocol.AssertionType, "client_assertion", v.Get("client_assertion")), a.proven("POST", "/token")...)
			a.refused("at the token endpoint", out, status, "invalid_client")
		})
	})
}

// FAPI 2.0 SP, 5.3.2.1: the document says what there is, and that all must push only where it is so.
func TestTheDocumentHasWhatThePlanOfFAPILooksFor(t *testing.T) {
	showing(t, clientcert.PEM, func(t *testing.T, h *house, _ identity) {
		for _, path := range []string{"/.well-known/openid-configuration", "/.well-known/oauth-authorization-server"} {
			var doc map[string]any
			got := h.browser().get(path)
			check(t, json.Unmarshal([]byte(got.text), &doc))
			if got.StatusCode != http.StatusOK || got.Header.Get("Content-Type") != "application/json" || doc["issuer"] != h.issuer {
				t.Errorf("%d %v", got.StatusCode, got.Header)
			}
			for name, want := range map[string]any{
				"authorization_response_iss_parameter_supported": true, "tls_client_certificate_bound_access_tokens": true, "pushed_authorization_request_endpoint": h.issuer + "/par",
				"require_pushed_authorization_requests": nil, "require_signed_request_object": nil,
			} {
				if doc[name] != want {
					t.Errorf("%s: %v", name, doc[name])
				}
			}
			for name, want := range map[string]string{
				"dpop_signing_alg_values_supported": "[ES256 PS256 EdDSA]", "code_challenge_methods_supported": "[S256]",
				"token_endpoint_auth_methods_supported":            "[client_secret_basic client_secret_post private_key_jwt none tls_client_auth self_signed_tls_client_auth]",
				"token_endpoint_auth_signing_alg_values_supported": "[RS256 ES256 PS256 EdDSA]", "id_token_signing_alg_values_supported": "[RS256 ES256 PS256 EdDSA]",
				"request_object_signing_alg_values_supported": "[RS256 ES256 PS256 EdDSA]", "response_types_supported": "[code]",
			} {
				if text := fmt.Sprint(doc[name]); text != want {
					t.Errorf("%s: %s", name, text)
				}
			}
			aliases, _ := doc["mtls_endpoint_aliases"].(map[string]any)
			for _, name := range []string{"token_endpoint", "userinfo_endpoint", "revocation_endpoint", "introspection_endpoint", "pushed_authorization_request_endpoint", "device_authorization_endpoint", "backchannel_authentication_endpoint"} {
				if own, _ := doc[name].(string); aliases[name] != strings.Replace(own, h.issuer, "https://"+showHost, 1) || own == "" {
					t.Errorf("%s: %v", name, aliases[name])
				}
			}
		}
	})
}

// FAPI 2.0 SP, 5.4.1: no proof and no token of the profile is signed with RS256.
func TestNothingOfFAPI2IsSignedWithRS256(t *testing.T) {
	rsa, err := jose.Generate(jose.RS256)
	check(t, err)
	each(t, func(t *testing.T, h *house) {
		h.adds("fapi-api", func(s *relyingparty.Settings) {
			s.Profile, s.Resources = "fapi2", []relyingparty.Resource{{URI: charts, AccessTokens: "jwt"}}
		})
		b, _ := h.agreed("fapi-api")
		answer := func(changes ...string) url.Values {
			t.Helper()
			return b.authorize(named("fapi-api", h.push("", h.assert("fapi-api", wanting(request("fapi-api", changes...), charts))))).answer(t)
		}
		for _, alg := range []jose.Algorithm{jose.RS256, jose.PS256} { // by the same key
			k := holder{t, h, signs(t, alg, rsa)}
			got := h.post("/token", wanting(h.assert("fapi-api", exchange(answer().Get("code"))), charts), "DPoP", k.proof("POST", "/token"))
			var tok tokens
			check(t, json.Unmarshal([]byte(got.text), &tok))
			if alg == jose.RS256 {
				if got.StatusCode != http.StatusBadRequest || tok.Error != "invalid_dpop_proof" || tok.Access != "" {
					t.Errorf("a proof by RS256: %d %s", got.StatusCode, got.text)
				}
				continue
			}
			if got.StatusCode != http.StatusOK || tok.Type != "DPoP" {
				t.Fatalf("a proof by PS256: %d %s", got.StatusCode, got.text)
			}
			signed := map[string]string{"ID token": tok.ID, "access token": tok.Access, "answer": answer("response_mode", "jwt").Get("response")}
			for what, token := range signed {
				if head := headOf(t, token); head["alg"] != "ES256" {
					t.Errorf("%s: %v", what, head)
				}
				h.claims(token, jose.ES256)
			}
		}
	})
}

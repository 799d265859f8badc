package oidc_test

import (
	"encoding/json"
	"html"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"parvis/internal/db"
	"parvis/internal/id"
	"parvis/internal/jose"
	"parvis/internal/oidc/claim"
	"parvis/internal/oidc/protocol"
	"parvis/internal/relyingparty"
	"parvis/internal/secret"
	"parvis/internal/web/kit"
)

// candidate is what the conformance suite of the OpenID Foundation does as a client in the
// plans oidcc-basic-certification-test-plan and oidcc-formpost-basic-certification-test-plan:
// registered clients, secrets, no PKCE but in one module; the same modules once with answers
// in the query and once by form_post. What each module checks stands beside its name.
type candidate struct {
	*testing.T

	h        *house
	b        *browser
	person   id.Account
	client   string
	post     bool // client_secret_post instead of client_secret_basic
	formPost bool
	keys     *jose.KeySet
}

// candidates registers the suite's clients, as docs/integration/oidc.md says, and signs a person up.
func candidates(t *testing.T, h *house, formPost bool) *candidate {
	t.Helper()
	for _, client := range []string{"conformance-1", "conformance-2", "conformance-post"} {
		h.enroll(client, func(s *relyingparty.Settings) {
			s.PKCE, s.Scopes = "optional", []string{"openid", "email", "profile", "locale", "offline_access"}
		})
	}
	c := &candidate{T: t, h: h, client: "conformance-1", formPost: formPost, person: h.person("anna@example.org")}
	for _, client := range []id.RelyingParty{"conformance-1", "conformance-2", "conformance-post"} {
		h.consent(c.person, client, claim.Email, claim.Locale, claim.UpdatedAt, claim.ScopeOffline)
	}
	c.b = h.browser()
	return c
}

// as is the candidate with another test, a browser of its own that nobody is signed in with, and changes.
func (c *candidate) as(t *testing.T, change func(*candidate)) *candidate {
	t.Helper()
	out := *c
	out.T, out.b = t, c.h.browser()
	if change != nil {
		change(&out)
	}
	return &out
}

// request is CreateAuthorizationRequestSteps: client_id, redirect_uri, scope, state, nonce, response_type.
func (c *candidate) request(changes ...string) url.Values {
	c.Helper()
	v := request(c.client, "scope", "openid", "code_challenge", "", "code_challenge_method", "", "state", secret.NewToken()[:10], "nonce", secret.NewToken()[:10])
	if c.formPost {
		v.Set("response_mode", "form_post")
	}
	return with(v, changes...)
}

// signsIn plays the pages of a journey: the person signs in and goes back. No page is an answer.
func (c *candidate) signsIn(got reply) reply {
	c.Helper()
	fid := got.flow(c.T)
	c.h.clock.Advance(time.Second)
	c.b.signIn(c.person, fid)
	return c.b.get("/authorize/finish/" + string(fid))
}

var hidden = regexp.MustCompile(`<input type="hidden" name="([^"]*)" value="([^"]*)">`)

// callback is the answer as it comes to the redirect address, checked as every answer is:
// state as it was sent, iss, each parameter once and none that is not expected, an error
// description of the characters that RFC 6749, 4.1.2.1 allows.
func (c *candidate) callback(got reply, sent url.Values) url.Values {
	c.Helper()
	var out url.Values
	if sent.Get("response_mode") == "form_post" {
		if got.StatusCode != http.StatusOK || !strings.Contains(got.text, `<form method="post" action="`+callback+`">`) || got.Header.Get("Cache-Control") != "no-store" {
			c.Fatalf("no form that posts to the redirect address: %d %s", got.StatusCode, got.Header.Get("Location"))
		}
		out = url.Values{}
		for _, m := range hidden.FindAllStringSubmatch(got.text, -1) {
			out.Add(html.UnescapeString(m[1]), html.UnescapeString(m[2]))
		}
	} else {
		out = got.answer(c.T)
	}
	expected := []string{"code", "state", "iss"}
	if out.Has("error") {
		expected = []string{"error", "error_description", "state", "iss"}
		if !regexp.MustCompile(`^[ !#-\[\]-~]+$`).MatchString(out.Get("error_description")) {
			c.Errorf("description %q", out.Get("error_description"))
		}
	}
	for name, values := range out {
		if len(values) != 1 || !slices.Contains(expected, name) {
			c.Errorf("unexpected %s: %q", name, values)
		}
	}
	if out.Get("state") != sent.Get("state") || out.Get("iss") != c.h.issuer {
		c.Errorf("state or iss: %v", out)
	}
	return out
}

// ask posts to the token endpoint as the client.
func (c *candidate) ask(v url.Values) reply {
	c.Helper()
	if c.post {
		v.Set("client_id", c.client)
		v.Set("client_secret", password)
		return c.h.browser().do(http.MethodPost, "/token", v)
	}
	return c.h.browser().do(http.MethodPost, "/token", v, "Authorization", basic(c.client, password))
}

// given is a good answer of the token endpoint: 200, JSON, not to be kept, a bearer token
// with a life, an ID token that keeps every rule; and then userinfo answers for the token.
func (c *candidate) given(got reply, nonce string) (tokens, map[string]any) {
	c.Helper()
	var tok tokens
	if err := json.Unmarshal([]byte(got.text), &tok); err != nil {
		c.Fatal(err)
	}
	if got.StatusCode != http.StatusOK || got.Header.Get("Content-Type") != "application/json" || got.Header.Get("Cache-Control") != "no-store" || got.Header.Get("Pragma") != "no-cache" ||
		tok.Type != "Bearer" || tok.Expires <= 0 || len(tok.Access) < 22 || !regexp.MustCompile(`^[A-Za-z0-9._~+/=-]+$`).MatchString(tok.Access) {
		c.Fatalf("%d %v %s", got.StatusCode, got.Header, got.text)
	}
	claims := c.idToken(tok, nonce)
	info, status := c.h.userinfo(tok.Access)
	if status != http.StatusOK || info["sub"] != claims["sub"] {
		c.Errorf("userinfo: %d %v", status, info)
	}
	return tok, claims
}

// idToken is PerformStandardIdTokenChecks, with the keys that are published and by kid.
func (c *candidate) idToken(tok tokens, nonce string) map[string]any {
	c.Helper()
	if c.keys == nil {
		set, err := jose.ParseKeySet([]byte(c.h.browser().get("/jwks.json").text))
		check(c.T, err)
		c.keys = set
	}
	payload, head, err := c.keys.Verify(tok.ID, jose.RS256)
	check(c.T, err)
	var claims map[string]any
	check(c.T, json.Unmarshal(payload, &claims))
	now := float64(c.h.clock.Now().Unix())
	sub, _ := claims["sub"].(string)
	issued, _ := claims["iat"].(float64)
	expires, _ := claims["exp"].(float64)
	at, isTime := claims["auth_time"].(float64)
	acr, _ := claims["acr"].(string)
	if head.KeyID == "" || claims["iss"] != c.h.issuer || claims["aud"] != c.client || sub == "" || len(sub) > 255 || issued != now || expires <= now || !isTime || at > now ||
		acr == "" || claims["at_hash"] != protocol.LeftHash(tok.Access) || claims["azp"] != nil || claims["s_hash"] != nil {
		c.Errorf("ID token %v", claims)
	}
	if got, _ := claims["nonce"].(string); got != nonce {
		c.Errorf("nonce %q, want %q", got, nonce)
	}
	return claims
}

// redeem is the code for tokens.
func (c *candidate) redeem(code string, changes ...string) reply {
	c.Helper()
	return c.ask(exchange(code, append([]string{"code_verifier", ""}, changes...)...))
}

// whole is one authorization: the person signs in where they are asked, and the answer is as it must be.
func (c *candidate) whole(changes ...string) (tokens, map[string]any) {
	c.Helper()
	v := c.request(changes...)
	got := c.b.authorize(v)
	if strings.HasPrefix(got.Header.Get("Location"), "/signin/") {
		got = c.signsIn(got)
	}
	answer := c.callback(got, v)
	if answer.Get("code") == "" {
		c.Fatalf("no code: %v", answer)
	}
	return c.given(c.redeem(answer.Get("code")), v.Get("nonce"))
}

// plans runs a part of the two plans on every engine.
func plans(t *testing.T, run func(c *candidate)) {
	t.Helper()
	each(t, func(t *testing.T, h *house) {
		query := candidates(t, h, false)
		for _, formPost := range []bool{false, true} {
			name := map[bool]string{false: "basic", true: "formpost"}[formPost]
			t.Run(name, func(t *testing.T) {
				run(query.as(t, func(c *candidate) { c.formPost = formPost }))
			})
		}
	})
}

// The modules in which a plain request with one parameter more must end in a code:
// oidcc-server, oidcc-server-client-secret-post, oidcc-idtoken-signature,
// oidcc-ensure-request-without-nonce-succeeds-for-code-flow, oidcc-alternate-happy-flow,
// oidcc-ensure-other-scope-order-succeeds, oidcc-display-page, oidcc-display-popup,
// oidcc-ensure-request-with-unknown-parameter-succeeds, oidcc-login-hint, oidcc-ui-locales,
// oidcc-claims-locales, oidcc-ensure-request-with-acr-values-succeeds (acr in the ID token is one
// of those that discovery lists), oidcc-claims-essential, oidcc-ensure-request-with-valid-pkce-succeeds.
//
// OIDC Core, 15.1: a provider takes prompt, display, ui_locales, claims_locales, max_age, acr_values and what it does not know, and signs with RS256.
// OIDC Core, 3.1.2.1: nonce and the order of scopes are the client's to choose; display, ui_locales, claims_locales, login_hint and acr_values never refuse a request.
// OIDC Core, 5.5.1: an essential claim that does not exist refuses nothing.
// OIDC Core, 9: client_secret_basic and client_secret_post are one secret.
func TestTheModulesOfTheSuiteThatMustEndInACode(t *testing.T) {
	plans(t, func(c *candidate) {
		var document map[string]any
		check(c.T, json.Unmarshal([]byte(c.b.get(protocol.PathDiscovery).text), &document))
		classes := strings.ReplaceAll(joined(document["acr_values_supported"]), "  ", " ")
		for _, one := range []struct {
			module  string
			changes []string
		}{
			{"oidcc-server", nil},
			{"oidcc-server-client-secret-post", nil},
			{"oidcc-ensure-request-without-nonce-succeeds-for-code-flow", []string{"nonce", ""}},
			{"oidcc-ensure-other-scope-order-succeeds", []string{"scope", "email openid"}},
			{"oidcc-display-page", []string{"display", "page"}},
			{"oidcc-display-popup", []string{"display", "popup"}},
			{"oidcc-ensure-request-with-unknown-parameter-succeeds", []string{"extra", "foobar"}},
			{"oidcc-login-hint", []string{"login_hint", "buffy@account.example.org"}},
			{"oidcc-ui-locales", []string{"ui_locales", "se"}},
			{"oidcc-claims-locales", []string{"claims_locales", "se"}},
			{"oidcc-ensure-request-with-acr-values-succeeds", []string{"acr_values", classes}},
			{"oidcc-claims-essential", []string{"claims", `{"userinfo":{"name":{"essential":true}}}`}},
			{"oidcc-max-age-10000", []string{"max_age", "10000"}},
		} {
			c.Run(one.module, func(t *testing.T) {
				own := c.as(t, func(c *candidate) {
					if c.post = one.module == "oidcc-server-client-secret-post"; c.post {
						c.client = "conformance-post"
					}
				})
				_, claims := own.whole(one.changes...)
				if acr, _ := claims["acr"].(string); !slices.Contains(strings.Fields(classes), acr) {
					t.Errorf("acr %v is none of %q", claims["acr"], classes)
				}
				if claims["name"] != nil {
					t.Errorf("a claim of userinfo in the ID token: %v", claims)
				}
			})
		}
		c.Run("oidcc-ensure-request-with-valid-pkce-succeeds", func(t *testing.T) {
			own := c.as(t, nil)
			v := own.request("code_challenge", request("x").Get("code_challenge"), "code_challenge_method", "S256")
			code := own.callback(own.signsIn(own.b.authorize(v)), v).Get("code")
			own.given(own.redeem(code, "code_verifier", verifier), v.Get("nonce"))
		})
	})
}

// The modules that go to userinfo: oidcc-userinfo-get, oidcc-userinfo-post-header,
// oidcc-userinfo-post-body (200, JSON, the sub of the ID token), oidcc-scope-email,
// oidcc-scope-profile (what the scope stands for and we have; never in the ID token) and
// oidcc-scope-all (a scope that is not offered is ignored).
//
// OIDC Core, 5.3.1: userinfo takes the token in the header of a GET, in that of a POST, and in the body of a POST.
// OIDC Core, 5.3.2: userinfo is JSON with the sub of the ID token, and claims have the JSON types of 5.1.
// OIDC Core, 5.4: each scope gives the claims that it stands for, at userinfo.
func TestTheModulesOfTheSuiteThatGoToUserInfo(t *testing.T) {
	plans(t, func(c *candidate) {
		tok, claims := c.whole("scope", "openid email profile phone address")
		for name, got := range map[string]reply{
			"oidcc-userinfo-get":         c.b.get("/userinfo", "Authorization", "Bearer "+tok.Access),
			"oidcc-userinfo-post-header": c.b.do(http.MethodPost, "/userinfo", url.Values{}, "Authorization", "Bearer "+tok.Access),
			"oidcc-userinfo-post-body":   c.b.do(http.MethodPost, "/userinfo", url.Values{"access_token": {tok.Access}}),
		} {
			var info map[string]any
			check(c.T, json.Unmarshal([]byte(got.text), &info))
			at, isNumber := info["updated_at"].(float64)
			if got.StatusCode != http.StatusOK || got.Header.Get("Content-Type") != "application/json" || info["sub"] != claims["sub"] ||
				info["email"] != "anna@example.org" || info["email_verified"] != true || info["locale"] != "fr" || !isNumber || at <= 0 {
				c.Errorf("%s: %d %s", name, got.StatusCode, got.text)
			}
		}
		if tok.Scope != "openid email profile" || claims["email"] != nil || claims["locale"] != nil {
			c.Errorf("scope %q, claims %v", tok.Scope, claims)
		}
	})
}

// The modules of a second authorization in one browser: oidcc-prompt-login and oidcc-max-age-1
// (a page is shown again, auth_time is later), oidcc-prompt-none-logged-in and oidcc-id-token-hint
// (no page; the same sub and auth_time), oidcc-max-age-10000 (no page; auth_time is that of the
// first), oidcc-prompt-none-not-logged-in (an error that asks for a page, and no code).
//
// OIDC Core, 3.1.2.1: prompt=login and a max_age that has gone by ask again, and auth_time is later; a max_age that has not, prompt=none and id_token_hint ask nothing, and auth_time stays.
// OIDC Core, 3.1.2.6: prompt=none without anybody signed in is login_required.
// OIDC Core, 15.1: auth_time is told when max_age asks for it.
func TestTheModulesOfTheSuiteThatAuthorizeTwice(t *testing.T) {
	plans(t, func(c *candidate) {
		for module, changes := range map[string][]string{
			"oidcc-prompt-login":          {"prompt", "login"},
			"oidcc-max-age-1":             {"max_age", "1"},
			"oidcc-prompt-none-logged-in": {"prompt", "none"},
			"oidcc-max-age-10000":         {"max_age", "10000"},
			"oidcc-id-token-hint":         {"prompt", "none", "id_token_hint", ""},
		} {
			c.Run(module, func(t *testing.T) {
				own := c.as(t, nil)
				tok, first := own.whole()
				again := module == "oidcc-prompt-login" || module == "oidcc-max-age-1"
				own.h.clock.Advance(2 * time.Second)
				v := own.request(changes...)
				if v.Has("id_token_hint") || module == "oidcc-id-token-hint" {
					v.Set("id_token_hint", tok.ID)
				}
				got := own.b.authorize(v)
				if asked := strings.HasPrefix(got.Header.Get("Location"), "/signin/"); asked != again {
					t.Fatalf("asked again: %v", asked)
				}
				if again {
					got = own.signsIn(got)
				}
				_, second := own.given(own.redeem(own.callback(got, v).Get("code")), v.Get("nonce"))
				if second["sub"] != first["sub"] || (second["auth_time"].(float64) > first["auth_time"].(float64)) != again {
					t.Errorf("first %v, then %v", first, second)
				}
			})
		}
		c.Run("oidcc-prompt-none-not-logged-in", func(t *testing.T) {
			own := c.as(t, nil)
			v := own.request("prompt", "none")
			if got := own.callback(own.b.authorize(v), v); got.Get("error") != "login_required" || got.Has("code") {
				t.Errorf("%v", got)
			}
			if own.b.cookies[kit.SessionCookie] != "" {
				t.Error("a session was made")
			}
		})
	})
}

// The modules that must not end well: oidcc-response-type-missing (an error to the client, or a
// page), oidcc-ensure-registered-redirect-uri (a page, and no redirect), oidcc-codereuse and
// oidcc-codereuse-30seconds (400 invalid_grant in JSON; afterwards the access token is worth nothing).
//
// RFC 6749, 3.1.1: without response_type the request is invalid_request.
// RFC 6749, 4.1.2: a code that comes again, at once or after half a minute, is invalid_grant, and its access token ends.
// OIDC Core, 3.1.2.1: a redirect_uri that is not registered is a page and never a redirect.
func TestTheModulesOfTheSuiteThatMustBeRefused(t *testing.T) {
	plans(t, func(c *candidate) {
		c.Run("oidcc-response-type-missing", func(t *testing.T) {
			own := c.as(t, nil)
			v := own.request("response_type", "")
			if got := own.callback(own.b.authorize(v), v); got.Get("error") != "invalid_request" {
				t.Errorf("%v", got)
			}
		})
		c.Run("oidcc-ensure-registered-redirect-uri", func(t *testing.T) {
			own := c.as(t, nil)
			got := own.b.authorize(own.request("redirect_uri", callback+"/"+secret.NewToken()[:10]))
			if got.StatusCode != http.StatusBadRequest || got.Header.Get("Location") != "" || !strings.Contains(got.text, `data-page="bad-request"`) {
				t.Errorf("%d %s", got.StatusCode, got.Header.Get("Location"))
			}
		})
		for module, wait := range map[string]time.Duration{"oidcc-codereuse": 0, "oidcc-codereuse-30seconds": 30 * time.Second} {
			c.Run(module, func(t *testing.T) {
				own := c.as(t, nil)
				v := own.request()
				code := own.callback(own.signsIn(own.b.authorize(v)), v).Get("code")
				tok, _ := own.given(own.redeem(code), v.Get("nonce"))
				own.h.clock.Advance(wait)
				got := own.redeem(code)
				if got.StatusCode != http.StatusBadRequest || got.Header.Get("Content-Type") != "application/json" || !strings.Contains(got.text, `"error":"invalid_grant"`) {
					t.Errorf("%d %s", got.StatusCode, got.text)
				}
				if _, status := own.h.userinfo(tok.Access); status != http.StatusUnauthorized {
					t.Errorf("the token of a code that came again: %d", status)
				}
			})
		}
	})
}

// oidcc-ensure-post-request-succeeds: the request comes in the body of a POST.
// oidcc-refresh-token: with offline_access and prompt=consent a refresh token comes; a renewal
// has another access token and an ID token of the same iss, sub, aud and auth_time and a later
// iat; and with another client's secret the refresh token is invalid_grant.
// oidcc-unsigned-request-object-supported-correctly-or-rejected-as-unsupported and
// oidcc-ensure-request-object-with-redirect-uri are skipped, as discovery does not list none; a
// client that sends one nevertheless is told so.
//
// OIDC Core, 3.1.2.1: the request may come in the body of a POST.
// OIDC Core, 6.1: an unsigned request object is request_not_supported.
// OIDC Core, 12.2: the ID token of a renewal is of the same iss, sub, aud and auth_time, has a later iat and no azp.
// RFC 6749, 10.4: a refresh token is bound to its client.
func TestTheOtherModulesOfTheSuite(t *testing.T) {
	plans(t, func(c *candidate) {
		c.Run("oidcc-ensure-post-request-succeeds", func(t *testing.T) {
			own := c.as(t, nil)
			v := own.request()
			got := own.b.do(http.MethodPost, "/authorize", v)
			to := own.b.get(got.Header.Get("Location"))
			own.given(own.redeem(own.callback(own.signsIn(to), v).Get("code")), v.Get("nonce"))
		})
		c.Run("oidcc-unsigned-request-object", func(t *testing.T) {
			own := c.as(t, nil)
			v := own.request("request", "eyJhbGciOiJub25lIn0.e30.")
			if got := own.callback(own.b.authorize(v), v); got.Get("error") != "request_not_supported" {
				t.Errorf("%v", got)
			}
		})
		c.Run("oidcc-refresh-token", func(t *testing.T) {
			renew := func(own *candidate) (string, map[string]any, map[string]any) {
				t.Helper()
				v := own.request("scope", "openid offline_access", "prompt", "consent")
				fid := own.b.authorize(v).flow(t)
				own.b.signIn(own.person, fid)
				own.agree(fid)
				tok, first := own.given(own.redeem(own.callback(own.b.get("/authorize/finish/"+string(fid)), v).Get("code")), v.Get("nonce"))
				own.h.clock.Advance(time.Second)
				next, second := own.given(own.ask(url.Values{"grant_type": {"refresh_token"}, "refresh_token": {tok.Refresh}}), "")
				if next.Access == tok.Access || len(next.Refresh) < 22 {
					t.Errorf("%+v", next)
				}
				return next.Refresh, first, second
			}
			_, first, second := renew(c.as(t, nil))
			for _, same := range []string{"iss", "sub", "aud", "auth_time"} {
				if first[same] == nil || first[same] != second[same] {
					t.Errorf("%s: %v, then %v", same, first[same], second[same])
				}
			}
			if second["iat"].(float64) <= first["iat"].(float64) {
				t.Errorf("iat %v, then %v", first["iat"], second["iat"])
			}
			token, _, _ := renew(c.as(t, func(c *candidate) { c.client = "conformance-2" }))
			stolen := c.as(t, nil).ask(url.Values{"grant_type": {"refresh_token"}, "refresh_token": {token}})
			if stolen.StatusCode != http.StatusBadRequest || !strings.Contains(stolen.text, `"error":"invalid_grant"`) {
				t.Errorf("by another client: %d %s", stolen.StatusCode, stolen.text)
			}
		})
	})
}

// agree plays the page that asks for the agreement.
func (c *candidate) agree(fid id.Flow) {
	c.Helper()
	c.b.get("/authorize/finish/" + string(fid)) // binds the flow to the browser
	c.h.write(func(tx *db.Tx) error {
		f, err := c.h.flows.Load(tx, fid, digestOf(c.b))
		if err != nil {
			return err
		}
		if !f.State.ForceConsent {
			c.Error("prompt=consent asks for nothing")
		}
		return nil
	})
	c.b.agrees(fid)
}

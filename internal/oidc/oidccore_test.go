package oidc_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"parvis/internal/connection"
	"parvis/internal/db"
	"parvis/internal/id"
	"parvis/internal/jose"
	"parvis/internal/oidc/claim"
	"parvis/internal/oidc/protocol"
	"parvis/internal/relyingparty"
)

// OIDC Core, 3.1.2.5: the answer brings code and state.
// OIDC Core, 2: an ID token has iss, sub, aud, exp, iat, auth_time, nonce, acr and sid.
// OIDC Core, 3.1.3.6: at_hash is the left half of the hash of the access token.
// OIDC Core, 3.3.2.11: c_hash is the left half of the hash of the code.
// OIDC Core, 5.3.2: userinfo has the sub of the ID token and the claims that were agreed to.
// RFC 6749, 5.1: the answer of the token endpoint names token_type, expires_in and scope.
// RFC 9207, 2: iss is in the answer.
func TestALiveSessionWithConsentIsGivenACodeAtOnce(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		b, a := h.agreed("service")
		got := b.authorize(request("service")).answer(t)
		if got.Get("state") != "st4te" || got.Get("iss") != h.issuer || got.Get("code") == "" || got.Has("error") {
			t.Fatalf("answer %v", got)
		}
		tok := h.asClient("service", exchange(got.Get("code")))
		if tok.status != http.StatusOK || tok.Type != "Bearer" || tok.Expires != 900 || tok.Scope != "openid email" {
			t.Fatalf("tokens %+v", tok)
		}
		claims := h.claims(tok.ID, jose.RS256)
		now := float64(h.clock.Now().Unix())
		for name, want := range map[string]any{
			"iss": h.issuer, "aud": "service", "nonce": "n0nce", "acr": "urn:parvis:acr:1", "iat": now, "auth_time": now,
			"exp": now + 600, "at_hash": protocol.LeftHash(tok.Access), "c_hash": protocol.LeftHash(got.Get("code")),
		} {
			if claims[name] != want {
				t.Errorf("%s is %v, want %v", name, claims[name], want)
			}
		}
		if claims["sid"] == nil || claims["jti"] == nil || claims["email"] != nil {
			t.Errorf("claims %v", claims)
		}
		info, _ := h.userinfo(tok.Access)
		if info["sub"] != claims["sub"] || info["email"] != "anna@example.org" || info["email_verified"] != true || len(info) != 3 {
			t.Errorf("userinfo %v", info)
		}
		h.write(func(tx *db.Tx) error {
			list, err := h.connections.List(tx, a)
			if len(list) != 1 || list[0].LastUsed.IsZero() {
				t.Errorf("connections %+v", list)
			}
			return err
		})
	})
}

// OIDC Core, 5.5.1: claims asks for a claim in the ID token.
// OIDC Core, 8.1: two services know a person by different subjects.
func TestAnES256ServiceMayHaveItsClaimsInTheIDToken(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		b, _ := h.agreed("es256", "service")
		v := exchange(b.code("es256"), "client_id", "es256", "client_secret", password)
		tok := h.asClient("", v)
		claims := h.claims(tok.ID, jose.ES256)
		if claims["email"] != "anna@example.org" || claims["email_verified"] != true {
			t.Errorf("claims %v", claims)
		}
		other := h.claims(h.asClient("service", exchange(b.code("service"))).ID, jose.RS256)
		if claims["sub"] == other["sub"] || claims["sid"] == other["sid"] {
			t.Error("two services know the person by the same identifiers")
		}
		asked := h.asClient("service", exchange(b.code("service", "claims", `{"id_token":{"email":null}}`)))
		if c := h.claims(asked.ID, jose.RS256); c["email"] != "anna@example.org" || c["email_verified"] != nil {
			t.Errorf("asked for by claims: %v", c)
		}
	})
}

// OIDC Core, 3.1.2.1: an authorization request may come by POST, form-encoded.
func TestAPostReadsAndSetsNoCookieAndGoesOnByGet(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		b, _ := h.agreed("service")
		got := b.do(http.MethodPost, "/authorize", request("service"), "Origin", "https://service.example", "Sec-Fetch-Site", "cross-site")
		if len(got.Cookies()) > 0 {
			t.Error("the POST set a cookie")
		}
		if got.StatusCode != http.StatusSeeOther || !strings.HasPrefix(got.Header.Get("Location"), "/authorize/finish/") {
			t.Fatalf("%d %s", got.StatusCode, got.Header.Get("Location"))
		}
		if b.get(got.Header.Get("Location")).answer(t).Get("code") == "" {
			t.Error("no code")
		}
		none := b.do(http.MethodPost, "/authorize", request("other", "prompt", "none"))
		if e := b.get(none.Header.Get("Location")).answer(t).Get("error"); e != "consent_required" {
			t.Errorf("prompt=none by POST: %q", e)
		}
		bad := b.do(http.MethodPost, "/authorize", request("service"), "Content-Type", "application/json")
		if bad.StatusCode != http.StatusBadRequest {
			t.Errorf("JSON: %d", bad.StatusCode)
		}
	})
}

// OIDC Core, 3.1.2.1: prompt=none shows no page, and answers login_required or consent_required.
// OIDC Core, 3.1.2.6: errors go to the service with state.
// OIDC Core, 5.5.1.1: an essential acr that cannot be reached is an error, acr_values are not.
// OIDC Core, 5.5.1: a sub that is asked for is the person or nobody.
func TestPromptNoneAnswersWithTheProtocolsErrors(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		nobody := h.browser()
		b, _ := h.agreed("service")
		cases := []struct {
			who     *browser
			client  string
			changes []string
			want    string
		}{
			{nobody, "service", nil, "login_required"},
			{b, "service", nil, ""},
			{b, "other", nil, "consent_required"},
			{b, "service", []string{"scope", "openid email locale"}, "consent_required"},
			{b, "strong", nil, "unmet_authentication_requirements"},
			{nobody, "strong", nil, "unmet_authentication_requirements"},
			{b, "service", []string{"claims", `{"id_token":{"acr":{"essential":true,"value":"urn:x"}}}`}, "unmet_authentication_requirements"},
			{b, "service", []string{"claims", `{"id_token":{"sub":{"value":"somebody-else"}}}`}, "login_required"},
			{b, "service", []string{"acr_values", "urn:unknown"}, ""},
		}
		for _, c := range cases {
			got := c.who.authorize(request(c.client, append(c.changes, "prompt", "none")...)).answer(t)
			if got.Get("error") != c.want || (c.want == "") != got.Has("code") || got.Get("state") != "st4te" || got.Get("iss") != h.issuer {
				t.Errorf("%s %v: %v, want %q", c.client, c.changes, got, c.want)
			}
		}
		h.clock.Advance(11 * time.Minute)
		if got := b.authorize(request("service", "prompt", "none", "max_age", "600")).answer(t).Get("error"); got != "login_required" {
			t.Errorf("max_age: %q", got)
		}
		if got := b.authorize(request("service", "prompt", "none", "max_age", "660")).answer(t); !got.Has("code") {
			t.Errorf("max_age that is enough: %v", got)
		}
	})
}

// OIDC Core, 3.1.2.1: prompt=login, max_age and default_max_age ask for a new sign-in, and auth_time tells it.
func TestANewSignInIsAskedForByPromptMaxAgeAndRegistration(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		b, a := h.agreed("service", "fresh")
		for name, v := range map[string]url.Values{
			"prompt=login": request("service", "prompt", "login"),
			"max_age=0":    request("service", "max_age", "0"),
			"registration": request("fresh"),
		} {
			h.clock.Advance(11 * time.Minute)
			fid := b.authorize(v).flow(t)
			finish := "/authorize/finish/" + string(fid)
			if to := b.get(finish).Header.Get("Location"); to != "/signin/"+string(fid) {
				t.Errorf("%s: the old sign-in was enough: %s", name, to)
			}
			h.clock.Advance(time.Second)
			b.signIn(a, fid)
			code := b.get(finish).answer(t).Get("code")
			claims := h.claims(h.asClient(v.Get("client_id"), exchange(code)).ID, jose.RS256)
			if claims["auth_time"] != float64(h.clock.Now().Unix()) {
				t.Errorf("%s: auth_time %v", name, claims["auth_time"])
			}
		}
	})
}

// RFC 6749, 4.1.2.1: other errors go to the redirect address with state.
// RFC 9207, 2: iss is in an error, too.
// OIDC Core, 6: what is not supported is said with its code: request_not_supported, request_uri_not_supported, registration_not_supported.
// OIDC Core, 3.1.2.1: a request without the scope openid is refused.
func TestOtherErrorsGoToTheServiceWithStateAndIssuer(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		b := h.browser()
		for want, v := range map[string]url.Values{
			"unsupported_response_type":  request("service", "response_type", "token"),
			"invalid_scope":              request("service", "scope", "email"),
			"invalid_request":            request("service", "code_challenge_method", "plain"),
			"request_not_supported":      request("service", "request", "e30."),
			"request_uri_not_supported":  request("service", "request_uri", "https://service.example/r"),
			"registration_not_supported": request("service", "registration", "{}"),
		} {
			got := b.authorize(v).answer(t)
			if got.Get("error") != want || got.Get("state") != "st4te" || got.Get("iss") != h.issuer || got.Has("code") {
				t.Errorf("want %s, got %v", want, got)
			}
		}
		if got := b.authorize(request("query", "response_mode", "form_post")).answer(t).Get("error"); got != "invalid_request" {
			t.Errorf("form_post that is not enabled: %q", got)
		}
		if got := b.authorize(request("service", "id_token_hint", "x.y.z")).answer(t).Get("error"); got != "invalid_request" {
			t.Errorf("a bad hint: %q", got)
		}
	})
}

// OIDC Core, 3.1.2.1: id_token_hint names the person, even when it is expired; somebody else is login_required.
func TestAHintOfThePersonIsTakenAndThatOfAnotherIsNot(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		b, _ := h.agreed("service", "other")
		mine := h.asClient("service", exchange(b.code("service"))).ID
		foreign := h.asClient("other", exchange(b.code("other"))).ID
		h.clock.Advance(20 * time.Minute) // hints may have expired
		if got := b.authorize(request("service", "prompt", "none", "id_token_hint", mine)).answer(t); !got.Has("code") {
			t.Errorf("my hint: %v", got)
		}
		if got := b.authorize(request("service", "prompt", "none", "id_token_hint", foreign)).answer(t).Get("error"); got != "invalid_request" {
			t.Errorf("a token for another service: %q", got)
		}
		bea := h.person("bea@example.org")
		h.consent(bea, "service", "email")
		c := h.browser()
		c.signIn(bea, "")
		if got := c.authorize(request("service", "prompt", "none", "id_token_hint", mine)).answer(t).Get("error"); got != "login_required" {
			t.Errorf("somebody else: %q", got)
		}
		fid := c.authorize(request("service", "id_token_hint", mine)).flow(t)
		if to := c.get("/authorize/finish/" + string(fid)).Header.Get("Location"); to != "/signin/"+string(fid) {
			t.Errorf("before anybody chose: %s", to)
		}
		c.signIn(bea, fid)
		h.write(func(tx *tx) error {
			f, err := h.flows.Load(tx, fid, digestOf(c))
			if err != nil || !f.State.SelectAccount {
				return fmt.Errorf("select %v: %w", f.State.SelectAccount, err)
			}
			s, err := h.sessions.Find(tx, c.cookies["__Host-parvis_session"])
			f.State.Progress.Session = s.ID
			if err == nil {
				_, err = h.flows.Save(tx, f)
			}
			return err
		})
		if got := c.get("/authorize/finish/" + string(fid)).answer(t).Get("error"); got != "login_required" {
			t.Errorf("somebody else signed in although asked for another: %q", got)
		}
	})
}

// OIDC Core, 3.1.2.1: display, login_hint, ui_locales and acr_values never refuse a request; prompt and max_age must be what they can be.
// OIDC Core, 5.2: claims_locales is taken and changes nothing.
// OIDC Core, 5.5: claims that are unknown or not available are no error; what is no JSON of claims is.
func TestEachParameterIsTakenIgnoredOrRefusedAsTheSpecificationSays(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		b, _ := h.agreed("service")
		const taken, page = "", "page" // a code at once; a page of the journey
		for _, c := range []struct{ name, value, want string }{
			{"display", "page", taken},
			{"display", "popup", taken},
			{"display", "hologram", taken},
			{"claims_locales", "fr-CA en", taken},
			{"ui_locales", "tlh fr-CA", taken},
			{"ui_locales", strings.Repeat("x", 300), taken},
			{"login_hint", "anna@example.org", taken},
			{"login_hint", "not an address", taken},
			{"acr_values", "urn:example:unknown", taken},
			{"acr_values", strings.Repeat("a ", 600), "invalid_request"},
			{"something", "else", taken},
			{"prompt", "none", taken},
			{"prompt", "select_account", page},
			{"prompt", "create", page},
			{"prompt", "login", page},
			{"prompt", "consent", page},
			{"prompt", "select_account consent", page},
			{"prompt", "none login", "invalid_request"},
			{"prompt", "create login", "invalid_request"},
			{"prompt", "dance", "invalid_request"},
			{"max_age", "3600", taken},
			{"max_age", "-1", "invalid_request"},
			{"max_age", "soon", "invalid_request"},
			{"claims", `{"userinfo":{"email":{"essential":true},"name":{"essential":true}}}`, taken},
			{"claims", `{"id_token":{"email":{"value":"other@example.org"},"auth_time":{"essential":true}}}`, taken},
			{"claims", `{"id_token":{"acr":{"values":["urn:example:unknown"]}}}`, taken},
			{"claims", `{"id_token":{"acr":{"essential":true,"value":"urn:example:unknown"}}}`, "unmet_authentication_requirements"},
			{"claims", `{"ID_TOKEN":{"acr":{"essential":true,"value":"urn:example:unknown"}}}`, taken},
			{"claims", `{"id_token":{"acr":{"ESSENTIAL":true,"value":"urn:example:unknown"}}}`, taken},
			{"claims", `{"id_token":{"acr":{"essential":true,"value":7}}}`, "invalid_request"},
			{"claims", `{"userinfo":[]}`, "invalid_request"},
			{"claims", `[]`, "invalid_request"},
			{"claims", `{`, "invalid_request"},
			{"registration", "{}", "registration_not_supported"},
			{"request", "eyJ.e30.x", "request_not_supported"},
			{"response_mode", "fragment", "invalid_request"},
			{"response_type", "code id_token", "unsupported_response_type"},
		} {
			got := b.authorize(request("service", c.name, c.value))
			to := got.Header.Get("Location")
			switch {
			case c.want == page:
				if got.StatusCode != http.StatusSeeOther || !strings.HasPrefix(to, "/signin/") {
					t.Errorf("%s=%.60s: %d %s", c.name, c.value, got.StatusCode, to)
				}
			case got.answer(t).Get("error") != c.want || c.want == taken && got.answer(t).Get("code") == "":
				t.Errorf("%s=%.60s: %s", c.name, c.value, to)
			}
		}
		for _, name := range []string{"scope", "nonce", "state", "prompt", "claims", "display", "unknown"} { // RFC 6749, 3.1
			got := b.get("/authorize?" + request("service", name, "openid").Encode() + "&" + name + "=openid").answer(t)
			if got.Get("error") != "invalid_request" || name == "state" && got.Get("state") != "" {
				t.Errorf("%s twice: %v", name, got)
			}
		}
	})
}

// OIDC Core, 11: a refresh token comes with offline_access, for services that are registered for it and that the person agreed to.
// OIDC Core, 11: offline_access without leave is ignored.
func TestARefreshTokenIsGivenToWhoMayHaveOneAndIsAgreedTo(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		b, a := h.lasting()
		for _, client := range []string{"mobile", "office"} {
			if tok := h.first(b, client); tok["refresh_token"] == nil || tok["scope"] != offline {
				t.Errorf("%s: %v", client, tok)
			}
			if tok := h.ask(client, exchange(b.code(client))); tok["refresh_token"] != nil {
				t.Errorf("%s was given one that it did not ask for: %v", client, tok)
			}
		}
		tok := h.ask("service", exchange(b.code("service", "scope", offline))) // not registered for it: ignored (11)
		if tok["refresh_token"] != nil || tok["scope"] != "openid email" {
			t.Errorf("a service that is not registered for it: %v", tok)
		}
		if out := h.again("service", "x"); out["error"] != "unauthorized_client" {
			t.Errorf("%v", out)
		}
		h.write(func(tx *db.Tx) error {
			_, err := h.connections.Withdraw(tx, a, "office")
			return err
		})
		h.consent(a, "office", claim.Email)
		if got := b.authorize(request("office", "scope", offline, "prompt", "none")).answer(t); got.Get("error") != "consent_required" {
			t.Errorf("not agreed to: %v", got)
		}
		if f := b.authorize(request("office", "scope", offline)).flow(t); f == "" {
			t.Error("the person is not asked")
		}
		h.write(func(tx *db.Tx) error {
			return h.connections.Give(tx, connection.Asked{Account: a, RelyingParty: "office", Claims: []string{claim.ScopeOffline}})
		})
		if got := b.authorize(request("office", "scope", offline, "prompt", "none")).answer(t); got.Get("code") == "" {
			t.Errorf("agreed to before: %v", got)
		}
		if f := b.authorize(request("office", "scope", offline, "prompt", "consent")).flow(t); f == "" {
			t.Error("prompt=consent does not ask again")
		}
	})
}

// OIDC Core, 12.1 and 12.2: the ID token of a renewal has the same iss, sub, aud and auth_time, its own iat, and no nonce.
func TestTheIDTokenOfARenewalIsThatOfTheSameSignIn(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		b, a := h.lasting()
		for _, client := range []string{"mobile", "office"} {
			b.signIn(a, "")
			one := h.first(b, client)
			h.clock.Advance(3 * time.Hour)
			two := h.again(client, one["refresh_token"])
			was, is := h.claims(one["id_token"].(string), "RS256"), h.claims(two["id_token"].(string), "RS256")
			for _, same := range []string{"iss", "sub", "aud", "auth_time", "sid", "acr"} {
				if is[same] == nil || is[same] != was[same] {
					t.Errorf("%s: %s was %v and is %v", client, same, was[same], is[same])
				}
			}
			if is["nonce"] != nil || was["c_hash"] == nil || is["c_hash"] != nil || is["iat"].(float64)-was["iat"].(float64) != 3*3600 || is["at_hash"] != protocol.LeftHash(two["access_token"].(string)) || is["jti"] == was["jti"] {
				t.Errorf("%s: %v", client, is)
			}
			if two["scope"] != offline || two["expires_in"] != float64(900) || two["token_type"] != "Bearer" {
				t.Errorf("%s: %v", client, two)
			}
			if claims, _ := h.userinfo(two["access_token"].(string)); claims["email"] != "anna@example.org" || claims["sub"] != is["sub"] {
				t.Errorf("%s: userinfo %v", client, claims)
			}
			if _, status := h.userinfo(one["access_token"].(string)); status != http.StatusUnauthorized {
				t.Errorf("%s: a token of three hours ago: %d", client, status)
			}
			for name, token := range map[string]any{"access_token": two["refresh_token"], "id_token": two["id_token"]} {
				if _, status := h.userinfo(token.(string)); status != http.StatusUnauthorized {
					t.Errorf("%s: it serves as %s: %d", client, name, status)
				}
			}
		}
	})
}

// OIDC Core, 9: a service that is registered as compatible may name the token endpoint in aud of its assertion.
func TestACompatibleServiceMayNameTheTokenEndpoint(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		b, _ := h.agreed("moved", "signed")
		for name, aud := range map[string]any{"as text": h.issuer + "/token", "in a list": []string{h.issuer + "/token"}, "the issuer": h.issuer} {
			if got := h.post("/token", h.assert("moved", exchange(b.code("moved")), "aud", aud)); got.StatusCode != http.StatusOK {
				t.Errorf("%s: %s", name, got.text)
			}
		}
		if got := h.post("/token", h.assert("signed", exchange(b.code("signed")), "aud", h.issuer+"/token")); got.StatusCode != http.StatusUnauthorized {
			t.Errorf("a service that is not: %s", got.text)
		}
	})
}

// OIDC Core, 2: sub is at most 255 ASCII characters.
// OIDC Core, 5.3.2: the sub of userinfo is that of the ID token.
// OIDC Core, 5.7: iss and sub stand for the person at every later sign-in, whatever else changes.
// OIDC Core, 8: a public subject is the same for every service of that kind.
// OIDC Core, 8.1: services of one sector know a person by one subject, others by another, and no two people have the same.
func TestASubjectStaysThePersonsAndDiffersBySector(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		change := map[string]func(*relyingparty.Settings){
			"tax-web": func(s *relyingparty.Settings) { s.Sector = "tax" }, "tax-app": func(s *relyingparty.Settings) { s.Sector = "tax" },
			"parks": func(*relyingparty.Settings) {}, "open-1": func(s *relyingparty.Settings) { s.Subject = "public" }, "open-2": func(s *relyingparty.Settings) { s.Subject = "public" },
		}
		people := map[string]id.Account{"anna": h.person("anna@example.org"), "bea": h.person("bea@example.org")}
		for client, c := range change {
			h.enroll(client, c)
			for _, a := range people {
				h.consent(a, id.RelyingParty(client), claim.Email)
			}
		}
		subject := func(name, client string) string {
			t.Helper()
			b := h.browser()
			b.signIn(people[name], "")
			tok := h.asClient(client, exchange(b.code(client)))
			sub, _ := h.claims(tok.ID, jose.RS256)["sub"].(string)
			info, _ := h.userinfo(tok.Access)
			if sub == "" || len(sub) > 255 || strings.ContainsFunc(sub, func(r rune) bool { return r <= ' ' || r > '~' }) || info["sub"] != sub || strings.Contains(sub, string(people[name])) {
				t.Errorf("%s at %s: %q, userinfo %v", name, client, sub, info["sub"])
			}
			return sub
		}
		first := map[string]string{}
		for _, name := range []string{"anna", "bea"} {
			for client := range change {
				first[name+client] = subject(name, client)
			}
		}
		h.clock.Advance(100 * 24 * time.Hour)
		seen := map[string]string{}
		for _, name := range []string{"anna", "bea"} {
			if first[name+"tax-web"] != first[name+"tax-app"] || first[name+"open-1"] != first[name+"open-2"] {
				t.Errorf("%s: %v", name, first)
			}
			for _, client := range []string{"tax-web", "parks", "open-1"} {
				if again := subject(name, client); again != first[name+client] {
					t.Errorf("%s at %s: %s, later %s", name, client, first[name+client], again)
				}
				if other := seen[first[name+client]]; other != "" {
					t.Errorf("%s at %s has the subject of %s", name, client, other)
				}
				seen[first[name+client]] = name + " at " + client
			}
		}
	})
}

// OIDC Core, 5.5: members of claims that are null, or one of the two alone, are good.
// OIDC Core, 13.1: a request in the address writes spaces as + or as %20.
// OIDC Core, 13.2: a request in a body is form-encoded, and nothing else is read.
// OIDC Core, 5.3.3: an error of userinfo is that of RFC 6750.
// OIDC Core, 12.3: an error of a renewal is that of RFC 6749.
func TestARequestIsReadAsItIsWritten(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		b, _ := h.agreed("service")
		for _, value := range []string{`{}`, `{"userinfo":{}}`, `{"id_token":{}}`, `{"userinfo":null}`, `{"userinfo":{"email":null},"id_token":{"auth_time":{"essential":true}}}`, `{"unknown":{"x":1}}`} {
			if got := b.authorize(request("service", "claims", value)).answer(t); got.Get("code") == "" {
				t.Errorf("claims=%s: %v", value, got)
			}
		}
		plain := request("service").Encode()
		for _, query := range []string{plain, strings.ReplaceAll(plain, "+", "%20")} {
			code := b.get("/authorize?" + query).answer(t).Get("code")
			if tok := h.asClient("service", exchange(code)); tok.Scope != "openid email" {
				t.Errorf("%s: scope %q", query, tok.Scope)
			}
		}
		for _, kind := range []string{"text/plain", "multipart/form-data; boundary=x", "application/json", "?"} {
			if got := b.do(http.MethodPost, "/authorize", request("service"), "Content-Type", kind); got.StatusCode != http.StatusBadRequest || got.Header.Get("Location") != "" {
				t.Errorf("%s: %d %s", kind, got.StatusCode, got.Header.Get("Location"))
			}
		}
		refused := b.get("/userinfo", "Authorization", "Bearer "+strings.Repeat("x", 43))
		if refused.StatusCode != http.StatusUnauthorized || !strings.Contains(refused.Header.Get("WWW-Authenticate"), `error="invalid_token"`) {
			t.Errorf("userinfo: %d %v", refused.StatusCode, refused.Header)
		}
		h.enroll("renewing", func(*relyingparty.Settings) {})
		if tok := h.asClient("renewing", url.Values{"grant_type": {"refresh_token"}, "refresh_token": {strings.Repeat("x", 43)}}); tok.status != http.StatusBadRequest || tok.Error != "invalid_grant" {
			t.Errorf("renewal: %+v", tok)
		}
	})
}

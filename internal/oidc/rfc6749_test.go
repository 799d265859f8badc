package oidc_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"parvis/internal/db"
	"parvis/internal/db/dbtest"
	"parvis/internal/secret"
)

// RFC 6749, 4.1.2.1: with a client or a redirect address that is not good nobody is sent anywhere.
// RFC 6749, 3.1: a parameter that comes twice is refused.
func TestABadClientOrRedirectAddressIsAPageAndNeverARedirect(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		h.write(func(tx *db.Tx) error { return h.store.Disable(tx, "other") })
		check(t, h.registry.Refresh(t.Context()))
		b := h.browser()
		const mark = "MARKER7391"
		for name, c := range map[string]struct {
			query   string
			support bool
		}{
			"nothing":          {"", false},
			"unknown client":   {request(mark).Encode(), false},
			"disabled client":  {request("other").Encode(), true},
			"foreign redirect": {request("service", "redirect_uri", "https://"+mark+".example/").Encode(), true},
			"no redirect":      {request("service", "redirect_uri", "").Encode(), true},
			"javascript":       {request("service", "redirect_uri", "javascript:"+mark).Encode(), true},
			"client twice":     {request("service").Encode() + "&client_id=other", false},
			"redirect twice":   {request("service").Encode() + "&redirect_uri=https%3A%2F%2Fevil.example", false},
			"NUL":              {request("service").Encode() + "&x=%00", false},
			"not UTF-8":        {request("service").Encode() + "&x=%ff", false},
			"wrong escape":     {request("service").Encode() + "&x=%zz", false},
			"too long":         {request("service", "state", strings.Repeat("s", 17_000)).Encode(), false},
		} {
			got := b.get("/authorize?" + c.query)
			if want := map[bool]int{true: http.StatusRequestURITooLong, false: http.StatusBadRequest}[name == "too long"]; got.StatusCode != want || got.Header.Get("Location") != "" {
				t.Errorf("%s: %d %s", name, got.StatusCode, got.Header.Get("Location"))
			}
			// The link to the other language keeps the address of the page itself; nothing else does.
			text := regexp.MustCompile(`href="/authorize[^"]*"`).ReplaceAllString(got.text, "")
			if !strings.Contains(text, `data-page="bad-request"`) || strings.Contains(text, mark) {
				t.Errorf("%s: not the page, or it repeats the request", name)
			}
			if reference := regexp.MustCompile(`square-ref[^\n]*[2-9A-Z]{4}-[2-9A-Z]{4}`).FindString(got.text); reference == "" {
				t.Errorf("%s: the page asks to quote a reference and shows none", name)
			}
			if strings.Contains(got.text, "help@service.example") != c.support {
				t.Errorf("%s: support contact shown %v, want %v", name, !c.support, c.support)
			}
		}
		if got := b.get("/authorize?"+request("service", "redirect_uri", "https://x.example").Encode()+"&ui_locales=fr", "Accept-Language", "fr"); !strings.Contains(got.text, `lang="fr"`) {
			t.Error("the page does not speak French")
		}
	})
}

// RFC 6749, 4.1.2.1: a person who declines is access_denied.
func TestDecliningAndCancellingTellTheServiceAccessDenied(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		b := h.browser()
		fid := b.authorize(request("service")).flow(t)
		got := b.get("/authorize/cancel/" + string(fid)).answer(t)
		if got.Get("error") != "access_denied" || got.Get("state") != "st4te" || got.Get("iss") != h.issuer {
			t.Errorf("answer %v", got)
		}
		if to := b.get("/authorize/cancel/" + string(fid)).Header.Get("Location"); to != "/signin/"+string(fid) {
			t.Errorf("the second time: %s", to)
		}
		other := b.authorize(request("service")).flow(t)
		b.get("/authorize/finish/" + string(other)) // binds
		if got := h.browser().get("/authorize/cancel/" + string(other)); got.StatusCode != http.StatusNotFound {
			t.Errorf("a stranger cancelled: %d", got.StatusCode)
		}
	})
}

// RFC 6749, 4.1.3: a code is good for its client and its redirect address only.
// RFC 7636, 4.6: a verifier that is not the one of the challenge is invalid_grant.
func TestOnlyOneCellOfClientAddressAndVerifierIsAccepted(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		b, _ := h.agreed("service", "other")
		accepted := 0
		for _, client := range []string{"service", "other", "public", "nobody"} {
			for _, redirect := range []string{callback, callback + "?x=1", callback + "/", "-"} {
				for _, v := range []string{verifier, strings.ToUpper(verifier), verifier + "A", "-"} {
					changes := []string{"redirect_uri", strings.Trim(redirect, "-"), "code_verifier", strings.Trim(v, "-")}
					var tok tokens
					if client == "public" {
						tok = h.asClient("", exchange(b.code("service"), append(changes, "client_id", client)...))
					} else {
						tok = h.asClient(client, exchange(b.code("service"), changes...))
					}
					right := client == "service" && redirect == callback && v == verifier
					if (tok.status == http.StatusOK) != right {
						t.Errorf("%s %s %s: %d %s", client, redirect, v, tok.status, tok.Error)
					}
					if tok.status == http.StatusOK {
						accepted++
					} else if tok.Error != "invalid_grant" && tok.Error != "invalid_client" {
						t.Errorf("%s %s %s: %s", client, redirect, v, tok.Error)
					}
				}
			}
		}
		if accepted != 1 {
			t.Errorf("%d cells were accepted", accepted)
		}
	})
}

// RFC 6749, 4.1.2: a code that comes again is refused, and what it gave is revoked.
func TestAReusedCodeIsInvalidAndWhatItGaveIsRevokedOnEveryNode(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		second := open(t, dbtest.Second(t, h.db, dbtest.WithClock(h.clock.Now)), h.clock, h)
		b, _ := h.agreed("service")
		code := b.code("service")
		first := second.asClient("service", exchange(code))
		if _, status := h.userinfo(first.Access); status != http.StatusOK {
			t.Fatalf("userinfo on the first node %d", status)
		}
		if again := h.asClient("service", exchange(code)); again.status != http.StatusBadRequest || again.Error != "invalid_grant" {
			t.Errorf("again: %+v", again)
		}
		for _, node := range []*house{h, second} {
			if _, status := node.userinfo(first.Access); status != http.StatusUnauthorized {
				t.Errorf("userinfo after the reuse: %d", status)
			}
		}
	})
}

// RFC 6749, 4.1.2: a code lives for a minute at most.
func TestACodeThatIsTooOldIsInvalid(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		b, _ := h.agreed("service")
		code := b.code("service")
		h.clock.Advance(time.Minute)
		if tok := h.asClient("service", exchange(code)); tok.Error != "invalid_grant" {
			t.Errorf("%+v", tok)
		}
		access := h.asClient("service", exchange(b.code("service"))).Access
		h.clock.Advance(15 * time.Minute)
		if _, status := h.userinfo(access); status != http.StatusUnauthorized {
			t.Errorf("an old access token: %d", status)
		}
	})
}

// RFC 6749, 5.2: each mistake has its code and status: invalid_request, invalid_client with a challenge, invalid_grant, unsupported_grant_type.
// RFC 6749, 2.3: a client authenticates in one way per request.
// RFC 6749, 5.1: no answer of the token endpoint may be kept.
// RFC 6749, 3.2: the token endpoint takes POST only.
func TestATokenRequestIsRefusedByTheBook(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		b := h.browser()
		for name, c := range map[string]struct {
			form    url.Values
			headers []string
			status  int
			code    string
		}{
			"nobody":          {exchange("c"), nil, 401, "invalid_client"},
			"unknown":         {exchange("c", "client_id", "nobody", "client_secret", password), nil, 401, "invalid_client"},
			"wrong secret":    {exchange("c", "client_id", "service", "client_secret", password+"x"), nil, 401, "invalid_client"},
			"no secret":       {exchange("c", "client_id", "service"), nil, 401, "invalid_client"},
			"two ways":        {exchange("c", "client_id", "service", "client_secret", password), []string{"Authorization", basic("service", password)}, 400, "invalid_request"},
			"password":        {exchange("c", "grant_type", "password"), []string{"Authorization", basic("service", password)}, 400, "unsupported_grant_type"},
			"no grant type":   {exchange("c", "grant_type", ""), []string{"Authorization", basic("service", password)}, 400, "invalid_request"},
			"no code":         {exchange(""), []string{"Authorization", basic("service", password)}, 400, "invalid_grant"},
			"wrong code":      {exchange("c"), []string{"Authorization", basic("service", password)}, 400, "invalid_grant"},
			"JSON":            {exchange("c"), []string{"Content-Type", "application/json"}, 400, "invalid_request"},
			"secret for keys": {exchange("c", "client_id", "signed", "client_secret", password), nil, 401, "invalid_client"},
			"none for keys":   {exchange("c", "client_id", "signed"), nil, 401, "invalid_client"},
			"public's secret": {exchange("c", "client_id", "public", "client_secret", password), nil, 401, "invalid_client"},
			"long code":       {exchange(strings.Repeat("c", 600)), []string{"Authorization", basic("service", password)}, 400, "invalid_grant"},
			"very long":       {exchange(strings.Repeat("c", 20_000)), []string{"Authorization", basic("service", password)}, 413, "invalid_request"},
			"code twice":      {url.Values{"grant_type": {"authorization_code"}, "code": {"a", "b"}}, []string{"Authorization", basic("service", password)}, 400, "invalid_request"},
			"NUL":             {exchange("c\x00"), []string{"Authorization", basic("service", password)}, 400, "invalid_request"},
			"invalid UTF-8":   {exchange("c\xff"), []string{"Authorization", basic("service", password)}, 400, "invalid_request"},
		} {
			if name == "no code" {
				c.code = "invalid_request"
			}
			got := b.do(http.MethodPost, "/token", c.form, c.headers...)
			var out tokens
			if err := json.Unmarshal([]byte(got.text), &out); err != nil {
				t.Errorf("%s: %v: %s", name, err, got.text)
			}
			if got.StatusCode != c.status || out.Error != c.code || got.Header.Get("Content-Type") != "application/json" || got.Header.Get("Cache-Control") != "no-store" {
				t.Errorf("%s: %d %+v", name, got.StatusCode, out)
			}
			if (got.StatusCode == 401) != strings.HasPrefix(got.Header.Get("WWW-Authenticate"), "Basic ") {
				t.Errorf("%s: challenge %q", name, got.Header.Get("WWW-Authenticate"))
			}
			if len(got.Cookies()) > 0 {
				t.Errorf("%s: a cookie", name)
			}
		}
		if got := b.get("/token"); got.StatusCode != http.StatusMethodNotAllowed {
			t.Errorf("GET: %d", got.StatusCode)
		}
	})
}

// RFC 6749, 6: what is asked for is never more than what was granted.
func TestARenewalGivesWhatWasGrantedOrLess(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		b, _ := h.lasting()
		one := h.first(b, "mobile")
		less := h.again("mobile", one["refresh_token"], "scope", "openid")
		if less["scope"] != "openid" || less["id_token"] == nil {
			t.Fatalf("%v", less)
		}
		if claims, status := h.userinfo(less["access_token"].(string)); status != http.StatusOK || claims["email"] != nil || claims["sub"] == nil {
			t.Errorf("userinfo %d %v", status, claims)
		}
		mail := h.again("mobile", less["refresh_token"], "scope", "email")
		if mail["id_token"] != nil || mail["scope"] != "email" {
			t.Errorf("%v", mail)
		}
		if _, status := h.userinfo(mail["access_token"].(string)); status != http.StatusForbidden {
			t.Errorf("userinfo without openid: %d", status)
		}
		for _, more := range []string{"openid locale", "openid profile", "admin", offline + " locale"} {
			if out := h.again("mobile", mail["refresh_token"], "scope", more); out["error"] != "invalid_scope" {
				t.Errorf("%s: %v", more, out)
			}
		}
		all := h.again("mobile", mail["refresh_token"]) // fewer scopes once are not fewer for good
		if all["scope"] != offline {
			t.Errorf("%v", all)
		}
		out, _ := h.call("/introspect", "gateway", url.Values{"token": {less["access_token"].(string)}})
		if out["scope"] != "openid" {
			t.Errorf("introspection: %v", out)
		}
	})
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
			out := h.ask("nightly", own("scope", scope))
			if told, _ := out["error_description"].(string); out["error"] != "invalid_scope" || !strings.Contains(told, "own_scopes") {
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

// RFC 6749, 3.1.2: the query of a redirect address is kept.
func TestARegisteredQueryStays(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		b, _ := h.agreed("service")
		to := b.authorize(request("service", "redirect_uri", callback+"?x=1")).Header.Get("Location")
		if !strings.HasPrefix(to, callback+"?x=1&code=") {
			t.Error(to)
		}
		for _, other := range []string{callback + "?x=2", callback + "?", callback + "?x=1&y=2", callback + "?X=1"} {
			if got := b.authorize(request("service", "redirect_uri", other)); got.StatusCode != http.StatusBadRequest || got.Header.Get("Location") != "" {
				t.Errorf("%s: %d %s", other, got.StatusCode, got.Header.Get("Location"))
			}
		}
	})
}

// RFC 6749, 2.3: two headers that authenticate are more than one way.
// RFC 6750, 3.1: two headers with tokens are invalid_request.
func TestTwoAuthorizationHeadersAreRefused(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		b, _ := h.agreed("service")
		code := b.code("service")
		twice := post(t, h, "/token", exchange(code).Encode())
		twice.Header["Authorization"] = []string{basic("service", password), basic("other", password)}
		if got := h.send(twice); got.status != http.StatusBadRequest || got.Error != "invalid_request" {
			t.Errorf("token: %+v", got)
		}
		tok := h.asClient("service", exchange(code))
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, h.issuer+"/userinfo", nil)
		check(t, err)
		r.Header["Authorization"] = []string{"Bearer " + tok.Access, "Bearer " + tok.Access}
		resp, err := http.DefaultClient.Do(r)
		check(t, err)
		_ = resp.Body.Close()
		if resp.StatusCode != http.StatusBadRequest || !strings.Contains(resp.Header.Get("WWW-Authenticate"), `error="invalid_request"`) {
			t.Errorf("userinfo: %d %s", resp.StatusCode, resp.Header.Get("WWW-Authenticate"))
		}
	})
}

// RFC 6749, 2.3.1: identifier and secret of HTTP Basic are form-encoded, whatever characters they hold; neither is taken from the address.
// RFC 6749, 3.2: parameters that are not known are ignored, and those without a value are as if they were not there.
// RFC 6749, 3.2.1: a public client says who it is.
// RFC 6749, 3.3: the answer names the scope that was granted.
func TestACredentialHasAnyCharacters(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		const client, hard = "urn:gov:permits/1", "p%41+ &=:é/ä\"ß~€-more-than-32-characters"
		h.write(func(tx *db.Tx) error {
			s := parties()[0]
			s.ID = client
			return h.store.Create(tx, s, secret.Digest(hard))
		})
		check(t, h.registry.Refresh(t.Context()))
		b, _ := h.agreed(client)
		encoded := basic(url.QueryEscape(client), url.QueryEscape(hard))
		ask := func(v url.Values, headers ...string) tokens {
			t.Helper()
			var out tokens
			got := b.do(http.MethodPost, "/token", v, headers...)
			check(t, json.Unmarshal([]byte(got.text), &out))
			out.status = got.StatusCode
			return out
		}
		good := exchange(b.code(client, "scope", "openid email unknown"))
		good.Set("unknown", "x")
		good.Set("client_secret", "")
		if tok := ask(good, "Authorization", encoded); tok.status != http.StatusOK || tok.Scope != "openid email" {
			t.Errorf("form-encoded: %+v", tok)
		}
		if tok := ask(exchange(b.code(client)), "Authorization", strings.Replace(encoded, "Basic", "basic", 1)); tok.status != http.StatusOK {
			t.Errorf("the scheme in small letters: %+v", tok)
		}
		if tok := ask(exchange(b.code(client), "client_id", client, "client_secret", hard)); tok.status != http.StatusOK {
			t.Errorf("in the body: %+v", tok)
		}
		code := b.code(client)
		for name, tok := range map[string]tokens{
			"another secret":    ask(exchange(code), "Authorization", basic(url.QueryEscape(client), url.QueryEscape(hard+"x"))),
			"nobody":            ask(exchange(code)),
			"a public client":   ask(exchange(code, "client_id", "")),
			"an empty password": ask(exchange(code), "Authorization", basic(url.QueryEscape(client), "")),
		} {
			if tok.status != http.StatusUnauthorized || tok.Error != "invalid_client" {
				t.Errorf("%s: %+v", name, tok)
			}
		}
		inAddress := b.do(http.MethodPost, "/token?"+url.Values{"client_id": {client}, "client_secret": {hard}}.Encode(), exchange(code))
		if inAddress.StatusCode != http.StatusUnauthorized {
			t.Errorf("in the address: %d", inAddress.StatusCode)
		}
		if tok := ask(exchange(code), "Authorization", encoded); tok.status != http.StatusOK {
			t.Errorf("the code was spent by who could not authenticate: %+v", tok)
		}
	})
}

package oidc_test

import (
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"parvis/internal/connection"
	"parvis/internal/db"
	"parvis/internal/id"
	"parvis/internal/jose"
	"parvis/internal/oidc/protocol"
	"parvis/internal/secret"
	"parvis/internal/session"
	"parvis/internal/web/kit"
)

// OIDC Core, 3.1.2.5: the answer brings code and state.
// OIDC Core, 2: an ID token has iss, sub, aud, exp, iat, auth_time, nonce, acr and sid.
// OIDC Core, 3.1.3.6: at_hash is the left half of the hash of the access token.
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
			"exp": now + 600, "at_hash": protocol.LeftHash(tok.Access),
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

func TestTheJourneyEndsAtTheServiceAndNoStepCanBeSkipped(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		a, b := h.person("anna@example.org"), h.browser()
		fid := b.authorize(request("service", "login_hint", "anna@example.org", "ui_locales", "fr-CA")).flow(t)
		finish := "/authorize/finish/" + string(fid)
		back := func(why string) {
			t.Helper()
			if to := b.get(finish).Header.Get("Location"); to != "/signin/"+string(fid) {
				t.Errorf("%s: finish leads to %q", why, to)
			}
		}
		back("nobody signed in")
		b.signIn(a, fid)
		back("no consent")
		h.consent(a, "service", "locale")
		back("consent to something else")
		stranger := h.browser()
		stranger.signIn(a, "")
		if got := stranger.get(finish); got.StatusCode != http.StatusNotFound {
			t.Errorf("another browser: %d", got.StatusCode)
		}
		h.consent(a, "service", "email")
		got := b.get(finish).answer(t)
		if tok := h.asClient("service", exchange(got.Get("code"))); tok.status != http.StatusOK {
			t.Errorf("tokens %+v", tok)
		}
		back("the second time")
	})
}

func TestAFlowKeepsWhatThePagesNeed(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		b := h.browser()
		b.cookies[kit.BrowserCookie] = strings.Repeat("b", 43)
		fid := b.authorize(request("service", "login_hint", "anna@example.org", "ui_locales", "xx fr-CA", "prompt", "consent select_account", "max_age", "60")).flow(t)
		b.get("/authorize/finish/" + string(fid))
		h.write(func(tx *db.Tx) error {
			f, err := h.flows.Load(tx, fid, digestOf(b))
			s := f.State
			if err != nil || f.RelyingParty != "service" || s.LoginHint != "anna@example.org" || s.Locale != "fr" || !s.SelectAccount || !s.ForceConsent ||
				s.ReturnOrigin != "https://service.example" || len(s.Attributes) != 1 || s.Attributes[0] != "email" || s.Demand.MaxAge == nil ||
				s.Finish != "/authorize/finish/"+string(fid) || s.CancelPath != "/authorize/cancel/"+string(fid) {
				t.Errorf("%v %+v", err, s)
			}
			return nil
		})
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

func TestPromptsThatNeedAPageLeadToTheDispatcher(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		b, _ := h.agreed("service")
		for _, p := range []string{"consent", "select_account", "login", "create"} {
			b.authorize(request("service", "prompt", p)).flow(t)
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

// OAuth Form Post, 2: the answer is a form of hidden fields that posts itself to the redirect address.
func TestFormPostIsAPageThatPostsToTheRegisteredAddressOnly(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		b, _ := h.agreed("service")
		got := b.authorize(request("service", "response_mode", "form_post", "state", `"><script>alert(1)</script>`))
		if got.StatusCode != http.StatusOK || got.Header.Get("Cache-Control") != "no-store" {
			t.Fatalf("%d", got.StatusCode)
		}
		policy := got.Header.Get("Content-Security-Policy")
		if !strings.Contains(policy, "form-action https://service.example https://www.service.example;") || !strings.Contains(policy, "script-src 'sha256-") || strings.Contains(policy, "unsafe") {
			t.Errorf("policy %s", policy)
		}
		if got := got.Header.Get("Referrer-Policy"); got != "strict-origin" {
			t.Errorf("the service is not told who posts: %s", got)
		}
		for _, want := range []string{`method="post" action="` + callback + `"`, `name="code"`, `name="iss"`, `<noscript>`, `id="submit"`, `&#34;&gt;&lt;script&gt;`} {
			if !strings.Contains(got.text, want) {
				t.Errorf("the page lacks %s", want)
			}
		}
		if strings.Contains(got.text, "<script>alert") {
			t.Error("the state is markup")
		}
	})
}

// RFC 6749, 3.1.2: the query of a redirect address is kept.
// RFC 8252, 7.3: the port of a loopback address is free.
// RFC 8252, 7.1: a scheme of the application itself is a redirect address.
func TestARegisteredQueryStaysAndANativePortIsFree(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		b, a := h.agreed("service", "native")
		if to := b.authorize(request("service", "redirect_uri", callback+"?x=1")).Header.Get("Location"); !strings.HasPrefix(to, callback+"?x=1&code=") {
			t.Error(to)
		}
		for _, uri := range []string{"http://127.0.0.1:51004/cb", "ca.example.app:/cb"} {
			to := b.authorize(request("native", "redirect_uri", uri)).Header.Get("Location")
			code, _, _ := strings.Cut(strings.TrimPrefix(to, uri+"?code="), "&")
			tok := h.asClient("", exchange(code, "client_id", "native", "redirect_uri", uri))
			if tok.status != http.StatusOK {
				t.Errorf("%s: %s %+v", uri, to, tok)
			}
		}
		_ = a
	})
}

// When something is ended, nothing that was given before or is asked for later works.
func TestWhatIsEndedIsEndedAtEveryMoment(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		for name, end := range map[string]func(a id.Account, s id.Session){
			"service disabled": func(id.Account, id.Session) {
				h.write(func(tx *db.Tx) error { return h.store.Disable(tx, "service") })
				check(t, h.registry.Refresh(t.Context()))
			},
			"disconnected": func(a id.Account, _ id.Session) {
				h.write(func(tx *db.Tx) error {
					if _, err := h.connections.Withdraw(tx, a, "service"); err != nil {
						return err
					}
					return h.grants.EndConnection(tx, a, "service")
				})
			},
			"account closed": func(a id.Account, _ id.Session) {
				h.write(func(tx *db.Tx) error {
					if _, err := h.accounts.Close(tx, a); err != nil {
						return err
					}
					return h.grants.EndAccount(tx, a)
				})
			},
		} {
			a := h.person("anna-" + strings.ReplaceAll(name, " ", "-") + "@example.org")
			h.consent(a, "service", "email")
			b := h.browser()
			sid := b.signIn(a, "")
			access := h.asClient("service", exchange(b.code("service"))).Access
			pending := b.code("service")
			waiting := b.authorize(request("service", "prompt", "login")).flow(t)
			b.signIn(a, waiting)
			end(a, sid)
			if _, status := h.userinfo(access); status != http.StatusUnauthorized {
				t.Errorf("%s: userinfo %d", name, status)
			}
			if tok := h.asClient("service", exchange(pending)); tok.status == http.StatusOK {
				t.Errorf("%s: a pending code was redeemed", name)
			}
			if to := b.get("/authorize/finish/" + string(waiting)).Header.Get("Location"); strings.HasPrefix(to, callback) {
				t.Errorf("%s: a waiting journey went to %s", name, to)
			}
			if to := b.authorize(request("service")).Header.Get("Location"); strings.HasPrefix(to, callback) {
				t.Errorf("%s: a new request went to %s", name, to)
			}
			h.write(func(tx *db.Tx) error { return h.store.Enable(tx, "service") })
			check(t, h.registry.Refresh(t.Context()))
		}
	})
}

func TestASignOutEndsTheSessionButNotWhatServicesHave(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		b, _ := h.agreed("service")
		access := h.asClient("service", exchange(b.code("service"))).Access
		h.write(func(tx *db.Tx) error {
			s, err := h.sessions.Find(tx, b.cookies[kit.SessionCookie])
			if err != nil {
				return err
			}
			_, err = h.sessions.End(tx, s.ID, session.SignedOut)
			return err
		})
		b.authorize(request("service")).flow(t)
		if _, status := h.userinfo(access); status != http.StatusOK {
			t.Errorf("userinfo %d", status)
		}
	})
}

func TestAHeadRequestChangesNothing(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		b, _ := h.agreed("service")
		for _, path := range []string{"/authorize?" + request("service").Encode(), "/logout"} {
			got := b.do(http.MethodHead, path, nil)
			if got.StatusCode != http.StatusBadRequest || got.Header.Get("Location") != "" {
				t.Errorf("%s: %d %s", path, got.StatusCode, got.Header.Get("Location"))
			}
		}
	})
}

func TestConsentThatHasRunOutIsAskedForAgain(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		b, a := h.agreed("service")
		h.clock.Advance(connection.Preset("").ConsentLife)
		b.signIn(a, "")
		b.authorize(request("service")).flow(t)
	})
}

func digestOf(b *browser) []byte { return secret.Digest(b.cookies[kit.BrowserCookie]) }

package oidc_test

import (
	"encoding/json"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"parvis/internal/db"
	"parvis/internal/db/dbtest"
	"parvis/internal/flow"
	"parvis/internal/oidc/claim"
	"parvis/internal/oidc/protocol"
	"parvis/internal/pushed"
	"parvis/internal/secret"
	"parvis/internal/web/kit"
)

// pushes is the answer of the pushed authorization request endpoint.
type pushes struct {
	URI     string `json:"request_uri"`
	Expires int    `json:"expires_in"`
	Error   string `json:"error"`
	About   string `json:"error_description"`
	status  int
}

// push sends a form to the endpoint; client authenticates by HTTP Basic unless it is "".
func (h *house) push(client string, v url.Values) pushes {
	h.t.Helper()
	r, err := http.NewRequestWithContext(h.t.Context(), http.MethodPost, h.issuer+"/par", strings.NewReader(v.Encode()))
	check(h.t, err)
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if client != "" {
		r.SetBasicAuth(client, password)
	}
	resp, err := http.DefaultClient.Do(r)
	check(h.t, err)
	defer func() { _ = resp.Body.Close() }()
	var out pushes
	check(h.t, json.NewDecoder(resp.Body).Decode(&out))
	out.status = resp.StatusCode
	if resp.Header.Get("Cache-Control") != "no-store" {
		h.t.Error("an answer may be kept")
	}
	if resp.StatusCode >= 500 {
		h.t.Errorf("%+v", out)
	}
	return out
}

// named is the authorization request that names a pushed one.
func named(client string, p pushes, more ...string) url.Values {
	v := url.Values{"client_id": {client}, "request_uri": {p.URI}}
	return with(v, more...)
}

// RFC 9126, 2.2: the answer is 201 with request_uri and expires_in.
// RFC 9126, 4: request_uri is good for one authorization.
func TestAPushedRequestGivesACodeAndIsThenUsedUp(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		b, _ := h.agreed("service")
		p := h.push("service", request("service", "state", "pushed"))
		if p.status != http.StatusCreated || p.Expires != 90 || !strings.HasPrefix(p.URI, "urn:ietf:params:oauth:request_uri:") {
			t.Fatalf("%+v", p)
		}
		// What stands beside the name does not count (RFC 9101, 6.3).
		got := b.authorize(named("service", p, "redirect_uri", "https://evil.example/", "state", "forged", "scope", "openid")).answer(t)
		if got.Get("state") != "pushed" || got.Get("code") == "" {
			t.Fatalf("%v", got)
		}
		if tok := h.asClient("service", exchange(got.Get("code"))); tok.status != http.StatusOK {
			t.Errorf("%+v", tok)
		}
		again := b.authorize(named("service", p))
		if again.StatusCode != http.StatusBadRequest || !strings.Contains(again.text, "invalid_request_uri") {
			t.Errorf("a second time: %d", again.StatusCode)
		}
	})
}

// A page that is loaded again still works: one use counts when the code is made.
//
// RFC 9126, 4: a page that is loaded again still works; one use counts at the authorization.
func TestAPushedRequestThatIsOpenedTwiceStillWorksOnce(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		a := h.person("anna@example.org")
		h.consent(a, "service", claim.Email)
		b := h.browser()
		p := h.push("service", request("service"))
		first := b.authorize(named("service", p)).flow(t)
		second := b.authorize(named("service", p)).flow(t)
		h.clock.Advance(5 * time.Minute) // typing takes longer than the name lives
		b.signIn(a, second)
		if got := b.get("/authorize/finish/" + string(second)).answer(t); got.Get("code") == "" {
			t.Fatalf("%v", got)
		}
		again := b.get("/authorize/finish/" + string(first))
		if again.StatusCode != http.StatusBadRequest || !strings.Contains(again.text, "invalid_request_uri") {
			t.Errorf("the other page: %d %s", again.StatusCode, again.Header.Get("Location"))
		}
	})
}

// RFC 9126, 4: a page that is gone back to when the time of the request is over leads on with the journey that began with it, in its browser alone.
func TestAPushedRequestThatIsUnderWayIsGoneOnWith(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		p := h.push("service", request("service"))
		b := h.browser()
		began := b.authorize(named("service", p)).flow(t)
		b.get("/authorize/finish/" + string(began)) // binds the journey, as its pages do
		h.clock.Advance(2 * pushed.Preset("").Life)
		if again := b.authorize(named("service", p)).flow(t); again != began {
			t.Errorf("gone back to: journey %s, want %s", again, began)
		}
		for name, r := range map[string]reply{
			"another browser":        h.browser().authorize(named("service", p)),
			"another client":         b.authorize(named("other", p)),
			"another request's name": b.authorize(named("service", pushes{URI: string(pushed.NewName())})),
		} {
			if r.StatusCode != http.StatusBadRequest || !strings.Contains(r.text, "invalid_request_uri") {
				t.Errorf("%s: %d %s", name, r.StatusCode, r.Header.Get("Location"))
			}
		}
		a := h.person("bea@example.org")
		h.consent(a, "service", claim.Email)
		b.signIn(a, began)
		if code := b.get("/authorize/finish/" + string(began)).answer(t).Get("code"); code == "" {
			t.Fatal("the journey gave no code")
		}
		if over := b.authorize(named("service", p)); over.StatusCode != http.StatusBadRequest {
			t.Errorf("after its use: %d", over.StatusCode)
		}
	})
}

// RFC 9126, 4: a sign-in page that was open for too long is taken up again when it is loaded, and its pushed request gives one authorization.
func TestAPushedRequestWhoseSignInPageRanOutIsAuthorizedOnce(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		a := h.person("cleo@example.org")
		h.consent(a, "service", claim.Email)
		p := h.push("service", request("service"))
		b := h.browser()
		began := b.authorize(named("service", p)).flow(t)
		b.get("/authorize/finish/" + string(began)) // binds the journey, as its pages do
		h.clock.Advance(flow.Preset("").StartedFor)
		if again := b.authorize(named("service", p)).flow(t); again != began {
			t.Fatalf("loaded again: journey %s, want %s", again, began)
		}
		if r := b.get("/authorize/finish/" + string(began)); r.Header.Get("Location") != "/signin/"+string(began) {
			t.Fatalf("its end: %d %s", r.StatusCode, r.Header.Get("Location"))
		}
		err := h.db.Write(t.Context(), func(tx *db.Tx) error { // as the sign-in page does, when it is loaded
			_, err := h.flows.Reopen(tx, began, secret.Digest(b.cookies[kit.BrowserCookie]), "192.0.2.7")
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		b.signIn(a, began)
		if code := b.get("/authorize/finish/" + string(began)).answer(t).Get("code"); code == "" {
			t.Fatal("the journey gave no code")
		}
		if over := b.get("/authorize/finish/" + string(began)); over.Header.Get("Location") != "/signin/"+string(began) {
			t.Errorf("after its use: %d %s", over.StatusCode, over.Header.Get("Location"))
		}
		if over := b.authorize(named("service", p)); over.StatusCode != http.StatusBadRequest || !strings.Contains(over.text, "invalid_request_uri") {
			t.Errorf("the request after its use: %d", over.StatusCode)
		}
	})
}

// RFC 9126, 2.2: request_uri is bound to its client and lives for a short time.
func TestANameIsGoodForItsClientAndItsTimeOnly(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		b, _ := h.agreed("service", "other")
		p := h.push("service", request("service"))
		for name, v := range map[string]url.Values{
			"of another client": named("other", p),
			"forged":            named("service", pushes{URI: p.URI[:len(p.URI)-1] + map[bool]string{true: "Q", false: "A"}[strings.HasSuffix(p.URI, "A")]}),
			"empty":             named("service", pushes{URI: "urn:ietf:params:oauth:request_uri:"}),
		} {
			if got := b.authorize(v); got.StatusCode != http.StatusBadRequest || got.Header.Get("Location") != "" {
				t.Errorf("%s: %d", name, got.StatusCode)
			}
		}
		h.clock.Advance(90 * time.Second)
		if got := b.authorize(named("service", p)); got.StatusCode != http.StatusBadRequest {
			t.Errorf("after its time: %d", got.StatusCode)
		}
	})
}

// RFC 9126, 6: require_pushed_authorization_requests.
func TestAClientThatMustPushCannotSendABrowserWithParameters(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		b, _ := h.agreed("fapi")
		if got := b.authorize(request("fapi")).answer(t); got.Get("error") != "invalid_request" {
			t.Errorf("%v", got)
		}
		claims := func(aud any) map[string]any {
			return assertionClaims(h, "iss", "fapi", "sub", "fapi", "aud", aud)
		}
		assertion := sign(t, signingKey, claims(h.issuer))
		form := request("fapi", "client_assertion_type", protocol.AssertionType, "client_assertion", assertion)
		p := h.push("", form)
		if p.status != http.StatusCreated {
			t.Fatalf("%+v", p)
		}
		if again := h.push("", form); again.status != http.StatusUnauthorized || again.Error != "invalid_client" {
			t.Errorf("an assertion that was used: %+v", again)
		}
		if got := b.authorize(named("fapi", p)).answer(t); got.Get("code") == "" {
			t.Errorf("%v", got)
		}
		form.Set("client_assertion", sign(t, signingKey, claims(h.issuer+"/par")))
		if p := h.push("", form); p.status != http.StatusUnauthorized { // of a service that is not compatible
			t.Errorf("the endpoint as audience: %+v", p)
		}
	})
}

// RFC 9126, 2.3: the errors of the authorization endpoint, in JSON.
func TestWhatIsWrongWithAPushedRequestIsSaidAtOnce(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		for want, v := range map[string]url.Values{
			"invalid_request":           request("service", "redirect_uri", "https://evil.example/cb"),
			"unsupported_response_type": request("service", "response_type", "token"),
			"invalid_scope":             request("service", "scope", "email"),
		} {
			if p := h.push("service", v); p.status != http.StatusBadRequest || p.Error != want {
				t.Errorf("want %s: %+v", want, p)
			}
		}
		for name, v := range map[string]url.Values{
			"a name":         request("service", "request_uri", "urn:ietf:params:oauth:request_uri:x"),
			"another client": request("other"),
		} {
			if p := h.push("service", v); p.status != http.StatusBadRequest || p.Error != "invalid_request" {
				t.Errorf("%s: %+v", name, p)
			}
		}
		if p := h.push("nobody", request("nobody")); p.status != http.StatusUnauthorized || p.Error != "invalid_client" {
			t.Errorf("a client that nobody knows: %+v", p)
		}
		if p := h.push("", request("public")); p.status != http.StatusCreated {
			t.Errorf("a public client: %+v", p)
		}
		if got := h.browser().get("/par"); got.StatusCode != http.StatusMethodNotAllowed {
			t.Errorf("GET: %d", got.StatusCode)
		}
	})
}

// RFC 9126, 7.3: of many who use a request at once one gets a code.
func TestOfManyWhoUseAPushedRequestAtOnceOneGetsACode(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		nodes := []*house{h, open(t, dbtest.Second(t, h.db, dbtest.WithClock(h.clock.Now)), h.clock, h)}
		b, _ := h.agreed("service")
		p := h.push("service", request("service"))
		var mu sync.Mutex
		var wg sync.WaitGroup
		codes := 0
		for i := range 500 {
			wg.Go(func() {
				one := nodes[i%2].browser()
				maps.Copy(one.cookies, b.cookies)
				got := one.authorize(named("service", p))
				if strings.Contains(got.Header.Get("Location"), "code=") {
					mu.Lock()
					codes++
					mu.Unlock()
				}
			})
		}
		wg.Wait()
		if codes != 1 {
			t.Errorf("%d codes", codes)
		}
	})
}

// RFC 9126, 2.3: requests of one client are limited in number (429) and length (413), and wiped at their end.
func TestPushedRequestsAreLimitedByClientAndLengthAndWipedAtTheirEnd(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		for i := range 60 {
			if p := h.push("service", request("service")); p.status != http.StatusCreated {
				t.Fatalf("%d: %+v", i, p)
			}
		}
		got := h.post("/par", request("service"), "Authorization", basic("service", password))
		if got.StatusCode != http.StatusTooManyRequests || got.Header.Get("Retry-After") == "" {
			t.Errorf("%d %s", got.StatusCode, got.text)
		}
		if p := h.push("other", request("other")); p.status != http.StatusCreated {
			t.Errorf("another service is stopped with it: %+v", p)
		}
		h.clock.Advance(pushed.Preset("").Life)
		check(t, pushed.Requests{}.Purge(t.Context(), h.db))
		var rows, kept int64
		check(t, h.db.Read(t.Context(), func(tx *db.Tx) error {
			return tx.QueryRow(`SELECT COUNT(*), SUM(LENGTH(parameters)) FROM pushed_request WHERE wiped_at IS NOT NULL`).Scan(&rows, &kept)
		}))
		if rows != 61 || kept != 0 {
			t.Errorf("%d rows, %d bytes after their end", rows, kept)
		}
	})
}

// RFC 9126, 2.3: a body that is too long is answered 413.
func TestABodyThatIsTooLongIsRefusedAsThat(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		for size, text := range map[string]string{"a little": strings.Repeat("x", protocol.MaxQuery), "far": strings.Repeat("x", 1<<20)} {
			for _, path := range []string{"/par", "/token", "/introspect", "/revoke", "/authorize", "/userinfo"} {
				got := h.post(path, url.Values{"client_id": {"service"}, "long": {text}})
				if got.StatusCode != http.StatusRequestEntityTooLarge {
					t.Errorf("%s, %s: %d %s", path, size, got.StatusCode, got.text)
				}
			}
		}
		if got := h.browser().authorize(request("service", "long", strings.Repeat("x", protocol.MaxQuery))); got.StatusCode != http.StatusRequestURITooLong {
			t.Errorf("an address: %d", got.StatusCode)
		}
	})
}

func TestEachRuleOfPushedRequests(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		b, _ := h.agreed("service", "signed", "es256")
		t.Run("RFC 9126, 2.1: a client authenticates as at the token endpoint, by the method it is registered with", func(t *testing.T) {
			for name, v := range map[string]url.Values{"by post": request("es256", "client_secret", password), "by assertion": h.assert("signed", request("signed")), "by its name alone": request("public")} {
				if p := h.push("", v); p.status != http.StatusCreated {
					t.Errorf("%s: %+v", name, p)
				}
			}
			for name, v := range map[string]url.Values{"no secret": request("service"), "a wrong secret": request("es256", "client_secret", "wrong"), "nobody": request("service", "client_id", "")} {
				if p := h.push("", v); p.status != http.StatusUnauthorized || p.Error != "invalid_client" {
					t.Errorf("%s: %+v", name, p)
				}
			}
		})
		t.Run("RFC 9126, 2.1: the body is a form", func(t *testing.T) {
			got := h.browser().do(http.MethodPost, "/par", request("service"), "Content-Type", "application/json", "Authorization", basic("service", password))
			if got.StatusCode != http.StatusBadRequest || !strings.Contains(got.text, `"invalid_request"`) {
				t.Errorf("%d %s", got.StatusCode, got.text)
			}
		})
		t.Run("RFC 9126, 2.2: names cannot be guessed, and the answer is JSON", func(t *testing.T) {
			seen := map[string]bool{}
			for range 5 {
				got := h.post("/par", request("service"), "Authorization", basic("service", password))
				var p pushes
				check(t, json.Unmarshal([]byte(got.text), &p))
				if random := strings.TrimPrefix(p.URI, "urn:ietf:params:oauth:request_uri:"); seen[p.URI] || len(random) < 43 || got.Header.Get("Content-Type") != "application/json" {
					t.Errorf("%s %v", p.URI, got.Header)
				}
				seen[p.URI] = true
			}
		})
		t.Run("RFC 9126, 2.3: a parameter that comes twice is refused", func(t *testing.T) {
			r := post(t, h, "/par", request("service").Encode()+"&scope=openid")
			r.SetBasicAuth("service", password)
			if out := h.send(r); out.status != http.StatusBadRequest || out.Error != "invalid_request" {
				t.Errorf("%+v", out)
			}
		})
		t.Run("RFC 9126, 3: in a request object client_id is that of who authenticated, and only the object counts", func(t *testing.T) {
			v := h.assert("signed", inObject("signed", object(t, signingKey, "oauth-authz-req+jwt", objectClaims(h, "signed")), "redirect_uri", "https://evil.example/", "scope", "openid"))
			p := h.push("", v)
			if got := b.authorize(named("signed", p)).answer(t); p.status != http.StatusCreated || got.Get("code") == "" || got.Get("state") != "st4te" {
				t.Errorf("%+v %v", p, got)
			}
			other := h.assert("signed", inObject("signed", object(t, signingKey, "oauth-authz-req+jwt", objectClaims(h, "signed", "client_id", "strict"))))
			if p := h.push("", other); p.status != http.StatusBadRequest || p.Error != "invalid_request_object" {
				t.Errorf("%+v", p)
			}
		})
		t.Run("RFC 9126, 4: client_id goes with the name", func(t *testing.T) {
			p := h.push("service", request("service"))
			if got := b.authorize(url.Values{"request_uri": {p.URI}}); got.StatusCode != http.StatusBadRequest || got.Header.Get("Location") != "" {
				t.Errorf("%d", got.StatusCode)
			}
			if got := b.authorize(named("service", p)).answer(t); got.Get("code") == "" {
				t.Errorf("%v", got)
			}
		})
		t.Run("RFC 9126, 5: the document names the endpoint, and does not say that all must use it", func(t *testing.T) {
			var doc map[string]any
			check(t, json.Unmarshal([]byte(b.get("/.well-known/oauth-authorization-server").text), &doc))
			if _, must := doc["require_pushed_authorization_requests"]; doc["pushed_authorization_request_endpoint"] != h.issuer+"/par" || must {
				t.Errorf("%v", doc)
			}
		})
		t.Run("RFC 9126, 7.4: what is registered when the person comes counts, not what was when the request was pushed", func(t *testing.T) {
			p := h.push("service", request("service"))
			h.write(func(tx *db.Tx) error {
				changed := parties()[0]
				changed.RedirectURIs = []string{callback + "/new"}
				return h.store.Update(tx, changed)
			})
			check(t, h.registry.Refresh(t.Context()))
			if got := b.authorize(named("service", p)); got.StatusCode != http.StatusBadRequest || got.Header.Get("Location") != "" {
				t.Errorf("%d %s", got.StatusCode, got.Header.Get("Location"))
			}
		})
	})
}

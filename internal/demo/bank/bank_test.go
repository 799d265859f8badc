package bank

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"parvis/internal/db"
	"parvis/internal/db/dbtest"
	"parvis/internal/i18n"
	"parvis/internal/jose"
	"parvis/internal/outbound"
	"parvis/internal/policy"
	"parvis/internal/secret"
	"parvis/internal/upstream"
	"parvis/internal/upstream/oidc"
	"parvis/internal/web/webtest"
)

const home = "https://sign-in.example.org"

// deal is a bank and a client of it: the real consumer of sign-in partners.
type deal struct {
	*Bank
	t        *testing.T
	registry *upstream.Registry
	clock    *dbtest.Clock
	settings upstream.Settings
	who      *webtest.Person // at the bank
	signer   *jose.Signer    // of the client
}

// open makes a deal; change may alter the settings of either side.
func open(t *testing.T, d *db.DB, change func(*upstream.Settings, *Client)) *deal {
	t.Helper()
	texts, err := i18n.Load()
	must(t, err)
	own, err := newSigner()
	must(t, err)
	clock := dbtest.NewClock()
	published := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		set, err := jose.NewKeySet(own.JWK()).JSON()
		must(t, err)
		_, _ = w.Write(set)
	}))
	t.Cleanup(published.Close)
	server := httptest.NewUnstartedServer(nil)
	issuer := "http://" + server.Listener.Addr().String()
	client := Client{ID: "government-sign-in", RedirectURI: home + upstream.CallbackPath("bank"), KeysURL: published.URL}
	settings := upstream.Settings{
		ID: "bank", Name: i18n.Text{"en": "Bank"}, Issuer: issuer, MaxAge: time.Hour, Timeout: 3 * time.Second,
		Worth: upstream.Worth{Cap: policy.AAL2, ACR: map[string]policy.Level{ACRApp: policy.AAL2}},
		OIDC:  upstream.OIDCSettings{ClientID: client.ID, Claims: []string{"acr", "auth_time"}, ACRValues: []string{ACRApp}, RequireIss: true},
	}
	if change != nil {
		change(&settings, &client)
	}
	b, err := New(Settings{Issuer: issuer, Client: client, Texts: texts, Now: clock.Now, Delay: 5 * time.Second})
	must(t, err)
	server.Config.Handler = b.Handler()
	server.Start()
	t.Cleanup(server.Close)
	calls, err := outbound.New(outbound.Settings{Allow: []string{"127.0.0.0/8"}, Timeout: 5 * time.Second, MaxBytes: 64 << 10}, nil)
	must(t, err)
	t.Cleanup(calls.Close)
	file, problems := upstream.FromFile([]upstream.Settings{settings})
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	keys, err := secret.NewKeys(make([]byte, secret.RootBytes), []byte(strings.Repeat("k", secret.RootBytes)))
	must(t, err)
	registry := &upstream.Registry{DB: d, Keys: keys, Now: clock.Now, File: file, Consumers: map[upstream.Protocol]upstream.Consumer{
		upstream.OIDC: &oidc.Consumer{Outbound: calls, BaseURL: home, Now: clock.Now, Signer: func(jose.Algorithm) (*jose.Signer, error) { return own, nil }},
	}}
	must(t, registry.Start(t.Context()))
	return &deal{Bank: b, t: t, registry: registry, clock: clock, settings: settings, signer: own, who: webtest.New(t, b.Handler(), issuer, "en")}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func (d *deal) misbehave(f Fault) {
	d.t.Helper()
	ok, err := d.Misbehave(f)
	if err != nil || !ok {
		d.t.Fatal(f, ok, err)
	}
}

// begin leads a person to the bank's page.
func (d *deal) begin(ask upstream.Ask) upstream.Pending {
	d.t.Helper()
	request, err := d.registry.Begin(d.t.Context(), "bank", ask)
	must(d.t, err)
	d.who.Open(request.URL)
	return request.Pending
}

// answer is what the browser was sent back with.
func (d *deal) answer() upstream.Answer {
	d.t.Helper()
	u, err := url.Parse(d.who.Left)
	must(d.t, err)
	if got := u.Scheme + "://" + u.Host + u.Path; got != home+upstream.CallbackPath("bank") {
		d.t.Fatalf("sent to %q", d.who.Left)
	}
	return upstream.Answer{Params: u.Query(), RawQuery: u.RawQuery}
}

// signIn goes all the way as one customer.
func (d *deal) signIn(ask upstream.Ask, customer string) (upstream.Assertion, error) {
	d.t.Helper()
	pending := d.begin(ask)
	d.who.Page.Must("bank-sign-in", http.StatusOK)
	d.who.Submit("bank-sign-in", "customer", customer)
	return d.registry.Finish(d.t.Context(), pending, d.answer())
}

func TestACustomerOfTheBankSignsIn(t *testing.T) {
	const given = "a secret: with %+ letters"
	bySecret := func(auth string) func(*upstream.Settings, *Client) {
		return func(s *upstream.Settings, c *Client) {
			s.OIDC.Auth, s.OIDC.Secret, c.Secret, c.KeysURL = auth, given, given, ""
		}
	}
	for name, change := range map[string]func(*upstream.Settings, *Client){
		"private_key_jwt": nil,
		"basic":           bySecret(upstream.AuthBasic),
		"post":            bySecret(upstream.AuthPost),
		"without par":     func(s *upstream.Settings, _ *Client) { s.OIDC.PAR = upstream.Off },
		"par":             func(s *upstream.Settings, _ *Client) { s.OIDC.PAR = upstream.On },
	} {
		t.Run(name, func(t *testing.T) {
			d := open(t, dbtest.Open(t, db.SQLite), change)
			seen := map[string]bool{}
			for _, c := range Customers() {
				a, err := d.signIn(upstream.Ask{Level: policy.AAL2}, c.ID)
				must(t, err)
				if a.Subject != c.Subject || a.Issuer != d.Issuer || a.ACR != ACRApp || a.Level != policy.AAL2 || len(a.AMR) == 0 || seen[a.Subject] {
					t.Errorf("%s: %+v %s", c.ID, a, a.Subject)
				}
				if !a.AuthTime.Equal(d.clock.Now().Truncate(time.Second)) {
					t.Errorf("authenticated at %v", a.AuthTime)
				}
				seen[a.Subject] = true
			}
		})
	}
}

func TestEachFaultOfTheBankIsTheFailureThatItShouldBe(t *testing.T) {
	d := open(t, dbtest.Open(t, db.SQLite), nil)
	good, err := d.signIn(upstream.Ask{}, "lee-shore")
	must(t, err)
	for f, want := range map[Fault]upstream.Failure{
		None: "", Outage: upstream.Outage, Unreachable: upstream.Outage, Slow: upstream.Slow,
		Denied: upstream.Cancelled, Unavailable: upstream.Outage, ServerError: upstream.Outage, LoginRequired: upstream.Refused,
		WrongSignature: upstream.Invalid, UnknownKey: upstream.Invalid, RolledKeys: "",
		WrongIssuer: upstream.Invalid, WrongAudience: upstream.Invalid, Expired: upstream.Invalid,
		WrongNonce: upstream.Replay, ForeignAnswer: upstream.Invalid, OtherSubject: "", Weaker: upstream.Weaker,
		Stale: upstream.Stale, Replayed: upstream.Replay,
	} {
		t.Run(string(f), func(t *testing.T) {
			d.misbehave(None)
			d.clock.Advance(time.Minute) // keys are asked for again only so often
			pending := d.begin(upstream.Ask{Level: policy.AAL2})
			d.who.Page.Must("bank-sign-in", http.StatusOK)
			machine := f == Outage || f == Unreachable || f == Slow
			if !machine {
				d.misbehave(f)
			}
			d.who.Submit("bank-sign-in", "customer", "lee-shore")
			answer := d.answer()
			if machine {
				d.misbehave(f)
			}
			a, err := d.registry.Finish(t.Context(), pending, answer)
			if got := upstream.FailureOf(err); got != want || err != nil && got == "" {
				t.Fatalf("%v, want %q", err, want)
			}
			if err == nil && (a.Subject == good.Subject) == (f == OtherSubject) {
				t.Errorf("the subject is %s, before %s", a.Subject, good.Subject)
			}
			if machine { // a sign-in cannot even begin, once nothing is known any more
				d.clock.Advance(2 * time.Hour)
				if _, err := d.registry.Begin(t.Context(), "bank", upstream.Ask{}); upstream.FailureOf(err) != want {
					t.Errorf("begin: %v", err)
				}
			}
		})
	}
	if got := len(Faults()); got != 20 {
		t.Errorf("%d faults: write the failure of the new one above", got)
	}
	d.misbehave(None)
	_, err = d.signIn(upstream.Ask{}, "lee-shore")
	must(t, err)
}

func TestTheBankIsSeenToGoDownAndComeBack(t *testing.T) {
	d := open(t, dbtest.Open(t, db.SQLite), nil)
	ctx, stop := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { d.registry.Watch(ctx) })
	defer running.Wait()
	defer stop()
	await := func(down bool) {
		t.Helper()
		for range 2400 {
			if d.registry.Health("bank").Down == down {
				return
			}
			time.Sleep(25 * time.Millisecond)
			d.clock.Advance(250 * time.Millisecond)
		}
		t.Fatalf("down is still %v", !down)
	}
	d.misbehave(Outage)
	await(true)
	if _, err := d.registry.Begin(t.Context(), "bank", upstream.Ask{}); upstream.FailureOf(err) != upstream.Outage {
		t.Error(err)
	}
	d.misbehave(None)
	await(false)
	_, err := d.signIn(upstream.Ask{}, "maya-brook")
	must(t, err)
}

func TestThePageShowsExactlyWhatTheBankWasTold(t *testing.T) {
	for _, pushed := range []bool{true, false} {
		for lang, words := range map[i18n.Lang][]string{"en": {"Northland Bank", "would ask for your password here"}, "fr": {"Banque du Northland", "votre mot de passe"}} {
			t.Run(fmt.Sprintf("%v %s", pushed, lang), func(t *testing.T) {
				d := open(t, dbtest.Open(t, db.SQLite), func(s *upstream.Settings, _ *Client) {
					if !pushed {
						s.OIDC.PAR = upstream.Off
					}
				})
				pending := d.begin(upstream.Ask{Lang: lang, Fresh: true})
				page := d.who.Page.Must("bank-sign-in", http.StatusOK).MustSay(words...)
				if page.Lang() != string(lang) {
					t.Errorf("the page speaks %q", page.Lang())
				}
				told := []string{
					"acr_values", "claims", "client_id", "code_challenge", "code_challenge_method", "max_age", "nonce", "prompt",
					"redirect_uri", "response_type", "scope", "state", "ui_locales",
				}
				if pushed {
					told = append(told, "client_id", "request_uri")
				}
				told = append(told, "Referer")
				var shown []string
				for _, part := range strings.Split(page.Body, `data-parameter="`)[1:] {
					name, _, _ := strings.Cut(part, `"`)
					shown = append(shown, name)
				}
				if got, want := strings.Join(shown, " "), strings.Join(told, " "); got != want {
					t.Errorf("shown\n%s, told\n%s", got, want)
				}
				if !strings.Contains(page.Body, pending.State) || !strings.Contains(page.Body, pending.Nonce) {
					t.Error("a value is not shown")
				}
				d.who.Follow("language-link").Must("bank-sign-in", http.StatusOK)
				if d.who.Page.Lang() == string(lang) {
					t.Error("the language did not change")
				}
			})
		}
	}
}

func TestWhoGoesBackIsSentBack(t *testing.T) {
	d := open(t, dbtest.Open(t, db.SQLite), nil)
	pending := d.begin(upstream.Ask{})
	d.who.Submit("bank-sign-in", "#submit").Must("bank-sign-in", http.StatusUnprocessableEntity).MustSay("Choose a customer.")
	d.who.Submit("bank-sign-in", "customer", "nobody").Must("bank-sign-in", http.StatusUnprocessableEntity)
	before := d.who.Page.URL
	d.who.Submit("bank-sign-in", "#cancel")
	_, err := d.registry.Finish(t.Context(), pending, d.answer())
	if upstream.FailureOf(err) != upstream.Cancelled {
		t.Error(err)
	}
	d.who.Open(before).Must("bank-problem", http.StatusGone)
}

func TestTheMenuOfFaultsWorksForPeopleAndScripts(t *testing.T) {
	d := open(t, dbtest.Open(t, db.SQLite), nil)
	for _, lang := range []string{"en", "fr"} {
		page := d.who.Open("/faults?lang="+lang).Must("bank-faults", http.StatusOK)
		for _, f := range Faults() {
			if !strings.Contains(page.Body, `value="`+string(f)+`"`) || strings.Contains(page.Body, "demo.bank.") {
				t.Errorf("%s: %s is not on the page, or has no words", lang, f)
			}
		}
	}
	d.who.Submit("bank-faults", "fault", "outage").Must("bank-faults", http.StatusOK)
	if d.Fault() != Outage {
		t.Error(d.Fault())
	}
	if d.who.Open("/"); d.who.Page.Status != http.StatusServiceUnavailable {
		t.Error(d.who.Page.Status)
	}
	send := func(kind, body string, status int, want Fault) {
		t.Helper()
		r := httptest.NewRequest(http.MethodPost, d.Issuer+"/faults.json", strings.NewReader(body))
		r.Header.Set("Content-Type", kind)
		w := httptest.NewRecorder()
		d.Handler().ServeHTTP(w, r)
		var answer struct {
			Fault  Fault   `json:"fault"`
			Faults []Fault `json:"faults"`
		}
		if err := json.Unmarshal(w.Body.Bytes(), &answer); err != nil || w.Code != status || status == 200 && answer.Fault != want || d.Fault() != want {
			t.Errorf("%s: %d %s", body, w.Code, w.Body)
		}
	}
	send("application/json", `{"fault":"stale"}`, 200, Stale)
	send("application/x-www-form-urlencoded", "fault=none", 200, None)
	send("application/json", `{"fault":"hunger"}`, 422, None)
	send("application/json", `{`, 400, None)
	d.who.Open("/").Must("bank-home", http.StatusOK)
	foreign := httptest.NewRequest(http.MethodPost, d.Issuer+"/faults.json", strings.NewReader("fault=slow"))
	foreign.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	foreign.Header.Set("Sec-Fetch-Site", "cross-site")
	w := httptest.NewRecorder()
	d.Handler().ServeHTTP(w, foreign)
	if w.Code != http.StatusForbidden || d.Fault() != None {
		t.Errorf("another site chose a fault: %d", w.Code)
	}
}

// post sends a form to an endpoint for machines and returns status and error code.
func (d *deal) post(path string, form url.Values) (int, string) {
	d.t.Helper()
	r, err := http.NewRequestWithContext(d.t.Context(), http.MethodPost, d.Issuer+path, strings.NewReader(form.Encode()))
	must(d.t, err)
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	answer, err := http.DefaultClient.Do(r)
	must(d.t, err)
	defer func() { _ = answer.Body.Close() }()
	text, err := io.ReadAll(answer.Body)
	must(d.t, err)
	var body struct {
		Error string `json:"error"`
	}
	must(d.t, json.Unmarshal(text, &body))
	return answer.StatusCode, body.Error
}

// asserting is a form with a fresh client assertion.
func (d *deal) asserting(form url.Values, change map[string]any) url.Values {
	d.t.Helper()
	now := d.clock.Now()
	claims := map[string]any{"iss": d.Client.ID, "sub": d.Client.ID, "aud": d.Issuer, "jti": secret.NewToken(), "exp": now.Add(time.Minute).Unix()}
	maps.Copy(claims, change)
	token, err := d.signer.Sign("JWT", claims)
	must(d.t, err)
	out := url.Values{"client_assertion_type": {"urn:ietf:params:oauth:client-assertion-type:jwt-bearer"}, "client_assertion": {token}}
	maps.Copy(out, form)
	return out
}

func TestTheBankKnowsItsClient(t *testing.T) {
	d := open(t, dbtest.Open(t, db.SQLite), nil)
	code := url.Values{"grant_type": {"authorization_code"}, "code": {"x"}}
	for name, form := range map[string]url.Values{
		"nothing":       code,
		"empty secret":  {"grant_type": {"authorization_code"}, "client_id": {d.Client.ID}, "client_secret": {""}},
		"another":       d.asserting(code, map[string]any{"sub": "somebody"}),
		"for another":   d.asserting(code, map[string]any{"aud": "https://other-bank.example"}),
		"for several":   d.asserting(code, map[string]any{"aud": []string{d.Issuer, "https://other-bank.example"}}),
		"expired":       d.asserting(code, map[string]any{"exp": d.clock.Now().Unix()}),
		"for ever":      d.asserting(code, map[string]any{"exp": d.clock.Now().Add(24 * time.Hour).Unix()}),
		"without jti":   d.asserting(code, map[string]any{"jti": ""}),
		"odd":           d.asserting(code, map[string]any{"exp": "soon"}),
		"foreign id":    d.asserting(url.Values{"client_id": {"somebody"}, "grant_type": {"authorization_code"}}, nil),
		"no token":      {"client_assertion": {"x"}, "client_assertion_type": {"urn:ietf:params:oauth:client-assertion-type:jwt-bearer"}},
		"another's key": foreignKey(t, d, code),
	} {
		if status, got := d.post("/token", form); status != 401 || got != "invalid_client" {
			t.Errorf("%s: %d %s", name, status, got)
		}
		if status, got := d.post("/par", form); status != 401 || got != "invalid_client" {
			t.Errorf("%s, pushed: %d %s", name, status, got)
		}
	}
	once := d.asserting(code, nil)
	if status, got := d.post("/token", once); status != 400 || got != "invalid_grant" {
		t.Errorf("%d %s", status, got)
	}
	if status, got := d.post("/token", once); status != 401 {
		t.Errorf("an assertion was taken twice: %d %s", status, got)
	}
	both := d.asserting(code, nil)
	both.Set("client_secret", "x")
	if status, got := d.post("/token", both); status != 400 || got != "invalid_request" {
		t.Errorf("two ways at once: %d %s", status, got)
	}
	if status, got := d.post("/token", d.asserting(url.Values{"grant_type": {"password"}}, nil)); status != 400 || got != "unsupported_grant_type" {
		t.Errorf("%d %s", status, got)
	}
	if status, got := d.post("/token", url.Values{"code": {"x", "y"}}); status != 400 || got != "invalid_request" {
		t.Errorf("a parameter twice: %d %s", status, got)
	}
}

func foreignKey(t *testing.T, d *deal, form url.Values) url.Values {
	t.Helper()
	own := d.signer
	defer func() { d.signer = own }()
	var err error
	d.signer, err = newSigner()
	must(t, err)
	return d.asserting(form, nil)
}

func TestACodeIsGoodOnceForWhoAskedForIt(t *testing.T) {
	d := open(t, dbtest.Open(t, db.SQLite), nil)
	redeem := func(change url.Values, wait time.Duration) (int, string) {
		t.Helper()
		pending := d.begin(upstream.Ask{})
		d.who.Submit("bank-sign-in", "customer", "lee-shore")
		form := url.Values{
			"grant_type": {"authorization_code"}, "code": d.answer().Params["code"],
			"redirect_uri": {d.Client.RedirectURI}, "code_verifier": {pending.Verifier},
		}
		maps.Copy(form, change)
		d.clock.Advance(wait)
		status, got := d.post("/token", d.asserting(form, nil))
		if again, code := d.post("/token", d.asserting(form, nil)); again != 400 || code != "invalid_grant" {
			t.Errorf("a second time: %d %s", again, code)
		}
		return status, got
	}
	if status, got := redeem(nil, 0); status != 200 {
		t.Errorf("%d %s", status, got)
	}
	for name, change := range map[string]url.Values{
		"another verifier": {"code_verifier": {strings.Repeat("v", 43)}}, "no verifier": {"code_verifier": nil},
		"another address": {"redirect_uri": {home + "/elsewhere"}}, "another code": {"code": {"x"}},
	} {
		if status, got := redeem(change, 0); status != 400 || got != "invalid_grant" {
			t.Errorf("%s: %d %s", name, status, got)
		}
	}
	if status, got := redeem(nil, codeLife+time.Second); status != 400 || got != "invalid_grant" {
		t.Errorf("late: %d %s", status, got)
	}
}

func TestOfManyWhoRedeemACodeOneGetsTokens(t *testing.T) {
	d := open(t, dbtest.Open(t, db.SQLite), nil)
	pending := d.begin(upstream.Ask{})
	d.who.Submit("bank-sign-in", "customer", "lee-shore")
	form := url.Values{
		"grant_type": {"authorization_code"}, "code": d.answer().Params["code"],
		"redirect_uri": {d.Client.RedirectURI}, "code_verifier": {pending.Verifier},
	}
	var all sync.WaitGroup
	won := make(chan int, 16)
	for range cap(won) {
		mine := d.asserting(form, nil)
		all.Go(func() {
			status, _ := d.post("/token", mine)
			won <- status
		})
	}
	all.Wait()
	close(won)
	tokens := 0
	for status := range won {
		if status == 200 {
			tokens++
		}
	}
	if tokens != 1 {
		t.Errorf("%d got tokens", tokens)
	}
}

func TestTheBankRefusesRequestsThatItShould(t *testing.T) {
	d := open(t, dbtest.Open(t, db.SQLite), func(s *upstream.Settings, _ *Client) { s.OIDC.PAR = upstream.Off })
	request, err := d.registry.Begin(t.Context(), "bank", upstream.Ask{})
	must(t, err)
	u, err := url.Parse(request.URL)
	must(t, err)
	for name, one := range map[string]struct {
		change url.Values
		want   string // error in the answer; "": a page of the bank
	}{
		"another client":     {url.Values{"client_id": {"somebody"}}, ""},
		"another address":    {url.Values{"redirect_uri": {d.Client.RedirectURI + "/../x"}}, ""},
		"an address twice":   {url.Values{"redirect_uri": {d.Client.RedirectURI, "https://evil.example"}}, ""},
		"unknown request":    {url.Values{"request_uri": {"urn:ietf:params:oauth:request_uri:x"}}, ""},
		"request by address": {url.Values{"request_uri": {"https://evil.example/request"}}, ""},
		"another flow":       {url.Values{"response_type": {"token"}}, "unsupported_response_type"},
		"no openid":          {url.Values{"scope": {"email"}}, "invalid_scope"},
		"no PKCE":            {url.Values{"code_challenge": nil, "code_challenge_method": nil}, "invalid_request"},
		"plain PKCE":         {url.Values{"code_challenge_method": {"plain"}}, "invalid_request"},
		"another mode":       {url.Values{"response_mode": {"fragment"}}, "invalid_request"},
		"age":                {url.Values{"max_age": {"-1"}}, "invalid_request"},
		"claims":             {url.Values{"claims": {"{"}}, "invalid_request"},
		"request object":     {url.Values{"request": {"x.y.z"}}, "request_not_supported"},
		"without asking":     {url.Values{"prompt": {"none"}}, "login_required"},
	} {
		query := u.Query()
		maps.Copy(query, one.change)
		d.who.Open(d.Issuer + "/authorize?" + query.Encode())
		if one.want == "" {
			d.who.Page.Must("bank-problem", http.StatusBadRequest)
			continue
		}
		answer := d.answer().Params
		if answer.Get("error") != one.want || answer.Get("state") != request.Pending.State || answer.Get("iss") != d.Issuer || answer.Has("code") {
			t.Errorf("%s: %v", name, answer)
		}
	}
	posted := httptest.NewRequest(http.MethodPost, d.Issuer+"/authorize", strings.NewReader(u.RawQuery))
	posted.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	posted.Header.Set("Sec-Fetch-Site", "cross-site")
	w := httptest.NewRecorder()
	d.Handler().ServeHTTP(w, posted)
	if w.Code != http.StatusSeeOther || !strings.HasPrefix(w.Header().Get("Location"), "/sign-in/") {
		t.Errorf("a posted request: %d %s", w.Code, w.Body)
	}
}

func TestAPushedRequestIsGoodOnceAndNotForLong(t *testing.T) {
	d := open(t, dbtest.Open(t, db.SQLite), nil)
	for _, wait := range []time.Duration{0, pushedLife + time.Second} {
		request, err := d.registry.Begin(t.Context(), "bank", upstream.Ask{})
		must(t, err)
		d.clock.Advance(wait)
		if wait == 0 {
			d.who.Open(request.URL).Must("bank-sign-in", http.StatusOK)
		}
		d.who.Open(request.URL).Must("bank-problem", http.StatusBadRequest)
	}
	form := url.Values{"response_type": {"code"}, "redirect_uri": {"https://evil.example"}, "scope": {"openid"}}
	if status, got := d.post("/par", d.asserting(form, nil)); status != 400 || got != "invalid_request" {
		t.Errorf("%d %s", status, got)
	}
	form.Set("redirect_uri", d.Client.RedirectURI)
	if status, got := d.post("/par", d.asserting(form, nil)); status != 400 || got != "invalid_request" {
		t.Errorf("without PKCE: %d %s", status, got)
	}
}

func TestAShelfIsBounded(t *testing.T) {
	clock := dbtest.NewClock()
	s := newShelf[int](time.Minute, clock.Now)
	first := s.add(0)
	clock.Advance(time.Second)
	for i := range keptRequests {
		s.add(i)
	}
	if _, ok := s.get(first); ok || len(s.kept) != keptRequests {
		t.Errorf("the oldest is still there; %d are kept", len(s.kept))
	}
	clock.Advance(2 * time.Minute)
	last := s.add(1)
	if len(s.kept) != 1 {
		t.Errorf("%d are kept for too long", len(s.kept))
	}
	if s.put(last, 2) {
		t.Error("a key was used twice")
	}
}

// FuzzTheBankTakesAnything sends anything to each door that is open to strangers.
func FuzzTheBankTakesAnything(f *testing.F) {
	texts, err := i18n.Load()
	must(f, err)
	b, err := New(Settings{
		Issuer: "http://127.0.0.1:1", Texts: texts, Now: dbtest.NewClock().Now,
		Client: Client{ID: "c", RedirectURI: home + "/callback", Secret: "s"},
	})
	must(f, err)
	f.Add("/authorize", "client_id=c&redirect_uri=https%3A%2F%2Fsign-in.example.org%2Fcallback&response_type=code&scope=openid&code_challenge_method=S256&code_challenge=aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa&claims=%7B%7D&max_age=1", true)
	f.Add("/token", "client_id=c&client_secret=s&grant_type=authorization_code&code=x", false)
	f.Add("/par", "client_assertion=a.b.c&client_assertion_type=urn:ietf:params:oauth:client-assertion-type:jwt-bearer", false)
	f.Add("/faults.json", "fault=slow", false)
	f.Fuzz(func(t *testing.T, path, text string, get bool) {
		switch path {
		case "/authorize", "/token", "/par", "/faults.json":
		default:
			path = "/authorize"
		}
		r := httptest.NewRequest(http.MethodPost, b.Issuer+path, strings.NewReader(text))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		if get {
			r = httptest.NewRequest(http.MethodGet, b.Issuer+path, http.NoBody)
			r.URL.RawQuery = text
		}
		w := httptest.NewRecorder()
		if _, err := b.Misbehave(None); err != nil {
			t.Fatal(err)
		}
		b.Handler().ServeHTTP(w, r)
		if to := w.Header().Get("Location"); to != "" && !strings.HasPrefix(to, "/sign-in/") && !strings.HasPrefix(to, home+"/callback?") {
			t.Errorf("%s led to %q", text, to)
		}
		if w.Code >= 500 {
			t.Errorf("%s %q: %d %s", path, text, w.Code, w.Body)
		}
	})
}

func TestWhoSignsOutOfTheBankComesBackToTheRegisteredAddressOnly(t *testing.T) {
	const back = "https://sign-in.example/partner/bank/signed-out"
	d := open(t, dbtest.Open(t, db.SQLite), func(_ *upstream.Settings, c *Client) { c.SignedOutURI = back })
	end := func(client, address string) string {
		return "/end-session?" + url.Values{"client_id": {client}, "post_logout_redirect_uri": {address}, "ui_locales": {"fr-CA fr"}}.Encode()
	}
	for what, address := range map[string]string{
		"another client": end("another", back), "another address": end(d.Client.ID, "https://elsewhere.example/"), "nothing": "/end-session",
	} {
		if page := d.who.Open(address); page.Name() != "bank-problem" {
			t.Errorf("%s: %s", what, page.Name())
		}
	}
	page := d.who.Open(end(d.Client.ID, back)).Must("bank-sign-out", http.StatusOK)
	if page.Lang() != "fr" || !strings.Contains(page.Body, back) {
		t.Errorf("%s: %s", page.Lang(), page.Text())
	}
	d.who.Submit("bank-sign-out")
	if d.who.Left != back {
		t.Errorf("led to %q", d.who.Left)
	}
	d.who.Open(page.URL).Must("bank-problem", http.StatusGone)
}

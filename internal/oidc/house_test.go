// Package oidc_test drives the provider's endpoints together, over real HTTP, on
// every database engine. The pages of the journeys are played by the tests.
package oidc_test

import (
	"context"
	"crypto"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"parvis/internal/account"
	"parvis/internal/audit"
	"parvis/internal/authenticator"
	"parvis/internal/authenticator/phone"
	"parvis/internal/backchannel"
	"parvis/internal/ciba"
	"parvis/internal/connection"
	"parvis/internal/db"
	"parvis/internal/db/dbtest"
	"parvis/internal/device"
	"parvis/internal/disclosure"
	"parvis/internal/flow"
	"parvis/internal/frontchannel"
	"parvis/internal/grant"
	"parvis/internal/i18n"
	"parvis/internal/id"
	"parvis/internal/jose"
	"parvis/internal/keyring"
	"parvis/internal/keyring/keyringtest"
	"parvis/internal/notify"
	"parvis/internal/notify/notice"
	"parvis/internal/oidc/authorize"
	cibaendpoint "parvis/internal/oidc/ciba"
	"parvis/internal/oidc/claim"
	deviceendpoint "parvis/internal/oidc/device"
	"parvis/internal/oidc/logout"
	"parvis/internal/oidc/machine"
	"parvis/internal/oidc/token"
	"parvis/internal/outbound"
	"parvis/internal/policy"
	"parvis/internal/pushed"
	"parvis/internal/ratelimit"
	"parvis/internal/relyingparty"
	"parvis/internal/secret"
	"parvis/internal/session"
	"parvis/internal/upstream/handover"
	"parvis/internal/web/askedui"
	"parvis/internal/web/deviceui"
	"parvis/internal/web/kit"
	"parvis/internal/web/visit"
)

const (
	verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
	callback = "https://service.example/cb"
	landing  = "https://service.example/bye"
	password = "a-client-secret-of-more-than-32-characters"
)

// proxies is whom the houses of the tests believe what they say of a client.
var proxies = []netip.Prefix{netip.MustParsePrefix("127.0.0.2/32")}

// house is one node of the provider.
type house struct {
	t           *testing.T
	db          *db.DB
	clock       *dbtest.Clock
	issuer      string
	flows       flow.Flows
	accounts    account.Accounts
	phones      phone.Phones
	sessions    session.Sessions
	connections connection.Connections
	grants      grant.Grants
	registry    *relyingparty.Registry
	store       relyingparty.Store
	keyring     *keyring.Keyring
	log         *lines
	visits      backchannel.Visits
	telling     *backchannel.Worker
	handler     http.Handler
	partnerKeys *relyingparty.Keys
	devices     device.Requests
	asked       ciba.Requests
	pinging     *ciba.Pinger
	asking      *cibaendpoint.Endpoint
	applicant   id.Account // the person of applicants
	applied     int        // how many of them there were
}

// each runs a test against a house on every engine.
func each(t *testing.T, run func(t *testing.T, h *house)) {
	t.Helper()
	clock := dbtest.NewClock()
	start := clock.Now()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		clock.Set(start)
		run(t, open(t, d, clock, nil))
	}, dbtest.WithClock(clock.Now))
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// open starts a node. A second node is given the first one's address as issuer.
func open(t *testing.T, d *db.DB, clock *dbtest.Clock, first *house, demands ...machine.Settings) *house {
	t.Helper()
	return openWith(t, d, clock, first, nil, demands...)
}

// openWith is open where identities are verified.
func openWith(t *testing.T, d *db.DB, clock *dbtest.Clock, first *house, identity func(*db.Tx, id.Account) (claim.Identity, error), demands ...machine.Settings) *house {
	t.Helper()
	server := httptest.NewUnstartedServer(nil)
	h := &house{t: t, db: d, clock: clock, issuer: "http://" + server.Listener.Addr().String(), log: &lines{}}
	own := h.issuer
	if first != nil {
		h.issuer = first.issuer
	}
	keys, err := secret.NewKeys(make([]byte, 32), []byte(strings.Repeat("k", 32)))
	check(t, err)
	log := &audit.Log{DB: d, Keys: keys, Settings: audit.Preset("")}
	texts, err := i18n.Load()
	check(t, err)
	site, err := kit.New(kit.Config{
		Settings: kit.Preset(""), Texts: texts, Keys: keys, PublicURL: h.issuer, Log: slog.New(slog.NewJSONHandler(h.log, nil)), Now: clock.Now, Late: true,
		Bypass: slices.Concat(authorize.Doors(), token.Doors(), deviceendpoint.Doors(), cibaendpoint.Doors(), logout.Doors()),
	})
	check(t, err)
	h.flows = flow.Flows{Keys: keys, Settings: flow.Preset("")}
	h.accounts = account.Accounts{Keys: keys, Settings: account.Preset("")}
	h.visits = backchannel.Visits{Bell: make(chan struct{}, 1)}
	h.sessions = session.Sessions{Keys: keys, Settings: session.Preset(""), OnEnd: h.visits.Ended}
	h.phones = phone.Phones{Keys: keys, Methods: authenticator.Authenticators{Settings: authenticator.Preset("")}, Settings: phone.Preset("")}
	told := disclosure.Source{Accounts: h.accounts, Phones: h.phones, Identity: identity, Frameworks: []string{"nist_800_63A"}}
	h.connections = connection.Connections{Settings: connection.Preset(""), Audit: log}
	h.grants = grant.Grants{Settings: grant.Preset(""), Audit: log}
	h.registry = &relyingparty.Registry{DB: d, Now: clock.Now, Keys: keys, Identities: identity != nil}
	h.store = relyingparty.Store{Registry: h.registry, Audit: log}
	h.keyring = &keyring.Keyring{DB: d, Keys: keys, Settings: keyring.Preset(""), Audit: log, Now: clock.Now, NewKey: keyringtest.NewKey(d)}
	check(t, h.keyring.Start(t.Context()))
	if first == nil {
		h.register()
	}
	check(t, h.registry.Start(t.Context()))
	calls := outbound.Preset("")
	calls.Allow = []string{"127.0.0.0/8"} // where the services of the tests are
	client, err := outbound.New(calls, nil)
	check(t, err)
	t.Cleanup(client.Close)
	h.telling = &backchannel.Worker{
		Issuer: h.issuer, DB: d, Registry: h.registry, Keyring: h.keyring, Keys: &relyingparty.Keys{Outbound: client, Now: clock.Now}, Outbound: client, Audit: log, Log: slog.New(slog.DiscardHandler), Now: clock.Now,
		Settings: backchannel.Preset(""), Bell: h.visits.Bell,
	}
	h.telling.Settings.Wait = 0 // nothing runs in the background; who wants it starts it
	limits := ratelimit.Preset("")
	limits.TokenIP.Count, limits.TokenClient.Count, limits.PushClient.Count, limits.FetchClient.Count = 120, 120, 60, 30
	limiter := &ratelimit.Limiter{DB: d, Keys: keys, Settings: limits, Now: clock.Now}
	visitor := &visit.Visitor{DB: d, Sessions: h.sessions, Accounts: h.accounts}
	table := policy.NewTable(policy.Preset(""), policy.Email, policy.App, policy.Backup)
	mux := http.NewServeMux()
	var demand machine.Settings
	if len(demands) > 0 {
		demand = demands[0]
	}
	certificates, err := machine.NewCertificates(demand.MTLS, proxies)
	check(t, err)
	outside, err := outbound.New(outbound.Preset(""), nil)
	check(t, err)
	t.Cleanup(outside.Close)
	partnerKeys := &relyingparty.Keys{Now: clock.Now, Outbound: outside}
	h.partnerKeys = partnerKeys
	door := machine.New(machine.Config{Issuer: h.issuer, Site: site, DB: d, Registry: h.registry, Limiter: limiter, Audit: log, Now: clock.Now, Partners: partnerKeys, Keys: keys, Grants: h.grants, Settings: demand, Certificates: certificates})
	a, err := authorize.New(authorize.Config{
		Issuer: h.issuer, Site: site, DB: d, Registry: h.registry, Keyring: h.keyring, Flows: h.flows, Visitor: visitor,
		Accounts: h.accounts, Connections: h.connections, Grants: h.grants, Limiter: limiter, Audit: log, Table: table,
		Door: door, Keys: partnerKeys, Pushed: pushed.Requests{Keys: keys, Settings: pushed.Preset("")}, Visits: h.visits, Now: clock.Now,
	})
	check(t, err)
	a.Routes(mux)
	devices := device.Requests{Keys: keys, Settings: device.Preset("")}
	h.devices = devices
	h.asked = ciba.Requests{Keys: keys, Settings: ciba.Preset(""), Bell: make(chan struct{}, 1)}
	h.pinging = &ciba.Pinger{
		DB: d, Keys: keys, Registry: h.registry, Outbound: client, Audit: log, Log: slog.New(slog.DiscardHandler), Now: clock.Now, Settings: h.asked.Settings.Ping, Bell: h.asked.Bell,
	}
	m, err := token.New(token.Config{
		Issuer: h.issuer, Door: door, Site: site, DB: d, Registry: h.registry, Keyring: h.keyring, Told: told, Connections: h.connections, Grants: h.grants, Devices: devices, Asked: h.asked,
		Now: clock.Now, Table: table, Settings: token.Preset(""),
	})
	check(t, err)
	m.Routes(mux)
	(&deviceendpoint.Endpoint{Issuer: h.issuer, Door: door, DB: d, Devices: devices, Grants: h.grants, Limiter: limiter, Audit: log, Table: table}).Routes(mux)
	people, err := deviceui.New(deviceui.Config{
		Site: site, DB: d, Registry: h.registry, Visitor: visitor, Flows: h.flows, Devices: devices, Connections: h.connections, Grants: h.grants,
		Limiter: limiter, Audit: log, Table: table, Places: nearby(t),
	})
	check(t, err)
	people.Routes(mux)
	mails := &notice.Mails{
		Bundle: texts, Languages: []i18n.Lang{"en", "fr"}, BaseURL: h.issuer, Product: i18n.Text{"en": "Parvis"}, Owner: i18n.Text{"en": "Province"}, Zone: time.UTC,
	}
	outbox := &notify.Outbox{Keys: keys, Settings: notify.Preset(""), Mails: mails, Channels: []notice.Channel{notice.Text}}
	h.asking = &cibaendpoint.Endpoint{
		Issuer: h.issuer, Door: door, DB: d, Keys: partnerKeys, Keyring: h.keyring, Accounts: h.accounts, Phones: h.phones, Connections: h.connections, Asked: h.asked,
		Grants: h.grants, Limiter: limiter, Outbox: outbox, Audit: log, Now: clock.Now, Table: table,
	}
	h.asking.Routes(mux)
	asked, err := askedui.New(askedui.Config{
		Site: site, DB: d, Registry: h.registry, Visitor: visitor, Flows: h.flows, Asked: h.asked, Connections: h.connections, Grants: h.grants,
		Limiter: limiter, Audit: log, Table: table,
	})
	check(t, err)
	asked.Routes(mux)
	l, err := logout.New(logout.Config{
		Issuer: h.issuer, Site: site, DB: d, Registry: h.registry, Keyring: h.keyring, Flows: h.flows, Visitor: visitor, Limiter: limiter, Audit: log, Visits: h.visits, Telling: h.telling, Frames: frontchannel.Frames{Issuer: h.issuer, DB: d, Registry: h.registry, Visits: h.visits},
		Leavings: handover.Leavings{Keys: keys},
	})
	check(t, err)
	l.Routes(mux)
	h.handler = site.Wrap(mux)
	server.Config.Handler = h.handler
	server.Start()
	t.Cleanup(server.Close)
	if first != nil {
		h.issuer = own // where this node is reached; what it says is first.issuer
	}
	return h
}

// signingKey is the key of the service that authenticates with private_key_jwt.
var signingKey = func() crypto.Signer {
	key, err := jose.Generate(jose.ES256)
	if err != nil {
		panic(err)
	}
	return key
}()

func keySet(key crypto.Signer) string {
	signer, err := jose.NewSigner(jose.ES256, key)
	if err != nil {
		panic(err)
	}
	text, err := jose.NewKeySet(signer.JWK()).JSON()
	if err != nil {
		panic(err)
	}
	return string(text)
}

// parties are the services of the tests.
func parties() []relyingparty.Settings {
	base := relyingparty.Settings{
		Name: i18n.Text{"en": "Fishing licences", "fr": "Permis de pêche"}, Department: i18n.Text{"en": "Natural Resources"},
		RedirectURIs: []string{callback, callback + "?x=1"}, PostLogoutRedirectURIs: []string{landing}, StartURL: "https://www.service.example/",
		Scopes: []string{"openid", "email", "locale"}, FormPost: true,
		Support: relyingparty.Support{Email: "help@service.example", Phone: "555-0100"},
	}
	with := func(id string, change func(*relyingparty.Settings)) relyingparty.Settings {
		s := base
		s.ID = id
		change(&s)
		return s
	}
	return []relyingparty.Settings{
		with("service", func(*relyingparty.Settings) {}),
		with("other", func(*relyingparty.Settings) {}),
		with("es256", func(s *relyingparty.Settings) {
			s.IDTokenAlg, s.IDTokenClaims, s.Auth = "ES256", true, "client_secret_post"
		}),
		with("public", func(s *relyingparty.Settings) { s.Auth = "none" }),
		with("plain", func(s *relyingparty.Settings) { s.PKCE = "optional" }),
		with("signed", func(s *relyingparty.Settings) { s.Auth, s.JWKS = "private_key_jwt", keySet(signingKey) }),
		with("fapi", func(s *relyingparty.Settings) {
			s.Auth, s.JWKS, s.RequirePushed = "private_key_jwt", keySet(signingKey), true
		}),
		with("fapi2", func(s *relyingparty.Settings) {
			s.Auth, s.Profile, s.JWKS = "private_key_jwt", "fapi2", keySet(signingKey)
		}),
		with("tls", func(s *relyingparty.Settings) {
			s.Auth, s.SubjectDN, s.CertificateBound = "tls_client_auth", "CN=tax files,O=Revenue,C=CA", true
		}),
		with("pinned", func(s *relyingparty.Settings) {
			s.Auth, s.JWKS, s.Profile = "self_signed_tls_client_auth", pinnedSet, "fapi2"
		}),
		with("moved", func(s *relyingparty.Settings) {
			s.Auth, s.JWKS, s.Profile = "private_key_jwt", keySet(signingKey), "compatible"
		}),
		with("away", func(s *relyingparty.Settings) {
			s.Auth, s.JWKSURI = "private_key_jwt", "https://away.invalid/jwks.json"
		}),
		with("strict", func(s *relyingparty.Settings) {
			s.JWKS, s.RequireObject, s.RequestObjectAlg, s.AnswerAlg = keySet(signingKey), true, "ES256", "ES256"
		}),
		with("gateway", func(s *relyingparty.Settings) { s.Introspect = true }),
		with("bound", func(s *relyingparty.Settings) { s.RequireDPoP = true }),
		with("television", func(s *relyingparty.Settings) {
			s.RedirectURIs, s.GrantTypes = nil, []string{"urn:ietf:params:oauth:grant-type:device_code", "refresh_token"}
			s.Scopes, s.Auth = append([]string{"offline_access"}, s.Scopes...), "none"
		}),
		with("kiosk", func(s *relyingparty.Settings) {
			s.GrantTypes, s.Auth, s.JWKS = []string{"urn:ietf:params:oauth:grant-type:device_code"}, "private_key_jwt", keySet(signingKey)
		}),
		with("terminal", func(s *relyingparty.Settings) {
			s.GrantTypes, s.ACR = []string{"urn:ietf:params:oauth:grant-type:device_code"}, []string{policy.ACRAAL2}
		}),
		with("caller", func(s *relyingparty.Settings) {
			s.RedirectURIs, s.GrantTypes = nil, []string{"urn:openid:params:grant-type:ciba"}
		}),
		with("counter", func(s *relyingparty.Settings) {
			s.RedirectURIs, s.GrantTypes, s.Auth, s.JWKS = nil, []string{"urn:openid:params:grant-type:ciba"}, "private_key_jwt", keySet(signingKey)
			s.BackchannelRequestAlg = "ES256"
		}),
		with("native", func(s *relyingparty.Settings) {
			s.Type, s.Auth, s.RedirectURIs = "native", "none", []string{"http://127.0.0.1/cb", "ca.example.app:/cb"}
		}),
		with("query", func(s *relyingparty.Settings) { s.FormPost = false }),
		with("fresh", func(s *relyingparty.Settings) { s.MaxAge = 10 * time.Minute }),
		with("two-factors", func(s *relyingparty.Settings) { s.ACR = []string{policy.ACRAAL2} }),
		with("strong", func(s *relyingparty.Settings) { s.ACR = []string{"urn:example:nobody-can"} }),
	}
}

func (h *house) register() {
	h.t.Helper()
	h.write(func(tx *db.Tx) error {
		for _, s := range parties() {
			var digest []byte
			if s.Auth == "" || s.Auth == "client_secret_post" {
				digest = secret.Digest(password)
			}
			if err := h.store.Create(tx, s, digest); err != nil {
				return err
			}
		}
		return nil
	})
}

func (h *house) write(fn func(tx *db.Tx) error) {
	h.t.Helper()
	check(h.t, h.db.Write(context.Background(), fn))
}

// person makes an active account.
func (h *house) person(address string) id.Account {
	h.t.Helper()
	addr, err := account.ParseAddress(address)
	check(h.t, err)
	draft := account.NewDraft(addr, "fr")
	h.write(func(tx *db.Tx) error {
		if _, _, err := h.accounts.CreatePending(tx, draft); err != nil {
			return err
		}
		if _, err := h.accounts.MarkProven(tx, draft.ID, addr); err != nil {
			return err
		}
		_, err := h.accounts.Activate(tx, draft.ID)
		return err
	})
	return draft.ID
}

// consent agrees to share claims with a service.
func (h *house) consent(a id.Account, rp id.RelyingParty, claims ...string) {
	h.t.Helper()
	h.write(func(tx *db.Tx) error {
		return h.connections.Give(tx, connection.Asked{Account: a, RelyingParty: rp, Claims: claims})
	})
}

// browser is a person's browser: it keeps cookies and follows nothing by itself.
type browser struct {
	h       *house
	cookies map[string]string
}

func (h *house) browser() *browser { return &browser{h: h, cookies: map[string]string{}} }

// signIn gives the browser a new session, as the journeys do after the password.
func (b *browser) signIn(a id.Account, journey id.Flow) id.Session {
	b.h.t.Helper()
	n := session.Prepare(a, policy.Facts{Password: b.h.clock.Now(), Journey: journey})
	b.h.write(func(tx *db.Tx) error {
		_, err := b.h.sessions.Reauthenticate(tx, b.cookies[kit.SessionCookie], n)
		return err
	})
	b.cookies[kit.SessionCookie] = n.Token
	return n.ID
}

// reply is an answer with its body read.
type reply struct {
	*http.Response
	text string
}

func (b *browser) do(method, target string, form url.Values, headers ...string) reply {
	b.h.t.Helper()
	var body io.Reader
	if form != nil {
		body = strings.NewReader(form.Encode())
	}
	if strings.HasPrefix(target, "/") {
		target = b.h.issuer + target
	}
	r, err := http.NewRequestWithContext(b.h.t.Context(), method, target, body)
	check(b.h.t, err)
	if form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	for name, value := range b.cookies {
		r.AddCookie(&http.Cookie{Name: name, Value: value})
	}
	client := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	resp, err := client.Do(r)
	check(b.h.t, err)
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	check(b.h.t, err)
	for _, c := range resp.Cookies() {
		b.cookies[c.Name] = c.Value
	}
	if resp.StatusCode >= 500 {
		b.h.t.Errorf("%s %s: %d %s", method, target, resp.StatusCode, text)
	}
	return reply{resp, string(text)}
}

func (b *browser) get(target string, headers ...string) reply {
	b.h.t.Helper()
	return b.do(http.MethodGet, target, nil, headers...)
}

// request are the parameters of a good authorization request.
func request(client string, changes ...string) url.Values {
	v := url.Values{
		"client_id": {client}, "redirect_uri": {callback}, "response_type": {"code"}, "scope": {"openid email"}, "state": {"st4te"},
		"nonce": {"n0nce"}, "code_challenge": {grant.Challenge(verifier)}, "code_challenge_method": {"S256"},
	}
	return with(v, changes...)
}

func (b *browser) authorize(v url.Values) reply {
	b.h.t.Helper()
	return b.get("/authorize?" + v.Encode())
}

// answer are the parameters that an answer brings to the service.
func (r reply) answer(t *testing.T) url.Values {
	t.Helper()
	if r.StatusCode != http.StatusSeeOther {
		t.Fatalf("status %d, want 303", r.StatusCode)
	}
	u, err := url.Parse(r.Header.Get("Location"))
	check(t, err)
	if !strings.HasPrefix(u.String(), callback) {
		t.Fatalf("the browser is sent to %s", u)
	}
	return u.Query()
}

// flow is the journey that an answer leads into.
func (r reply) flow(t *testing.T) id.Flow {
	t.Helper()
	to := r.Header.Get("Location")
	for _, prefix := range []string{"/signin/", "/authorize/finish/", "/logout/finish/"} {
		if rest, ok := strings.CutPrefix(to, prefix); ok && r.StatusCode == http.StatusSeeOther {
			return id.Flow(rest)
		}
	}
	t.Fatalf("status %d to %q is no journey", r.StatusCode, to)
	return ""
}

// code is a fresh code of a person for a service.
func (b *browser) code(client string, changes ...string) string {
	b.h.t.Helper()
	got := b.authorize(request(client, changes...)).answer(b.h.t)
	if got.Get("code") == "" {
		b.h.t.Fatalf("no code: %v", got)
	}
	return got.Get("code")
}

// exchange are the parameters of a good token request.
func exchange(code string, changes ...string) url.Values {
	v := url.Values{"grant_type": {"authorization_code"}, "code": {code}, "redirect_uri": {callback}, "code_verifier": {verifier}}
	return with(v, changes...)
}

// tokens are a token endpoint's answer.
type tokens struct {
	Access  string `json:"access_token"`
	Type    string `json:"token_type"`
	ID      string `json:"id_token"`
	Refresh string `json:"refresh_token"`
	Expires int    `json:"expires_in"`
	Scope   string `json:"scope"`
	Error   string `json:"error"`
	About   string `json:"error_description"`
	status  int
}

// asClient sends a token request with HTTP Basic.
func (h *house) asClient(client string, v url.Values) tokens {
	h.t.Helper()
	r, err := http.NewRequestWithContext(h.t.Context(), http.MethodPost, h.issuer+"/token", strings.NewReader(v.Encode()))
	check(h.t, err)
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if client != "" {
		r.SetBasicAuth(client, password)
	}
	return h.send(r)
}

func (h *house) send(r *http.Request) tokens {
	h.t.Helper()
	resp, err := http.DefaultClient.Do(r)
	check(h.t, err)
	defer func() { _ = resp.Body.Close() }()
	var out tokens
	check(h.t, json.NewDecoder(resp.Body).Decode(&out))
	out.status = resp.StatusCode
	if resp.Header.Get("Cache-Control") != "no-store" {
		h.t.Error("a token answer may be kept")
	}
	if resp.StatusCode >= 500 {
		h.t.Errorf("%d %+v", resp.StatusCode, out)
	}
	return out
}

// userinfo asks with an access token; nil claims when it is refused.
func (h *house) userinfo(access string) (map[string]any, int) {
	h.t.Helper()
	got := h.browser().get("/userinfo", "Authorization", "Bearer "+access)
	if got.StatusCode != http.StatusOK {
		return nil, got.StatusCode
	}
	var out map[string]any
	check(h.t, json.Unmarshal([]byte(got.text), &out))
	return out, got.StatusCode
}

// claims are the verified claims of an ID token.
func (h *house) claims(idToken string, alg jose.Algorithm) map[string]any {
	h.t.Helper()
	payload, _, err := h.keyring.Set().Verify(idToken, alg)
	check(h.t, err)
	var out map[string]any
	check(h.t, json.Unmarshal(payload, &out))
	return out
}

// agreed is a browser of a person who is signed in and has agreed to share with a service.
func (h *house) agreed(clients ...string) (*browser, id.Account) {
	h.t.Helper()
	a := h.person("anna@example.org")
	for _, c := range clients {
		h.consent(a, id.RelyingParty(c), claim.Email)
	}
	b := h.browser()
	b.signIn(a, "")
	return b, a
}

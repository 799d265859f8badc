package oidc

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	josev4 "github.com/go-jose/go-jose/v4"

	"parvis/internal/i18n"
	"parvis/internal/jose"
	"parvis/internal/outbound"
	"parvis/internal/upstream"
)

// wire keeps every byte that arrives at a listener.
type wire struct {
	net.Listener
	mutex sync.Mutex
	bytes bytes.Buffer
}

type wireConn struct {
	net.Conn
	wire *wire
}

func (w *wire) Accept() (net.Conn, error) {
	conn, err := w.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &wireConn{conn, w}, nil
}

func (c *wireConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	c.wire.mutex.Lock()
	defer c.wire.mutex.Unlock()
	c.wire.bytes.Write(b[:n])
	return n, err
}

func (w *wire) take() string {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	defer w.bytes.Reset()
	return w.bytes.String()
}

// partner is an OpenID provider that can misbehave in every way: a test changes
// what it says and does between calls.
type partner struct {
	t        *testing.T
	clock    time.Time
	wire     *wire
	server   *httptest.Server
	settings upstream.Settings
	c        *Consumer

	mutex     sync.Mutex
	keys      map[string]crypto.Signer // by kid, published
	kid       string                   // that signs
	alg       jose.Algorithm
	metadata  func(map[string]any)
	claims    func(map[string]any)
	token     func(map[string]any)               // changes the token endpoint's answer
	forge     func(claims map[string]any) string // makes the ID token instead
	handle    map[string]http.HandlerFunc        // replaces an endpoint
	nonce     string                             // of the last request; the browser's part
	challenge string
	calls     map[string]int
	form      map[string]url.Values // the last one of each endpoint
	header    map[string]http.Header
}

func newPartner(t *testing.T) *partner {
	t.Helper()
	f := &partner{
		t: t, clock: time.Unix(1_800_000_000, 0), alg: jose.ES256, keys: map[string]crypto.Signer{}, calls: map[string]int{},
		form: map[string]url.Values{}, header: map[string]http.Header{}, handle: map[string]http.HandlerFunc{},
	}
	f.roll("k1", jose.ES256)
	mux := http.NewServeMux()
	for path, h := range map[string]http.HandlerFunc{
		"/.well-known/openid-configuration": f.serveMetadata, "/jwks": f.serveKeys, "/token": f.serveToken,
		"/userinfo": func(w http.ResponseWriter, _ *http.Request) {
			f.json(w, 200, map[string]any{"sub": "s-1", "email": "x@y.example"})
		},
		"/par": func(w http.ResponseWriter, _ *http.Request) {
			f.json(w, 201, map[string]any{"request_uri": "urn:ietf:params:oauth:request_uri:abc", "expires_in": 60})
		},
	} {
		mux.HandleFunc(path, func(w http.ResponseWriter, r *http.Request) {
			_ = r.ParseForm()
			f.mutex.Lock()
			defer f.mutex.Unlock()
			f.calls[path]++
			f.form[path], f.header[path] = r.PostForm, r.Header.Clone()
			if other := f.handle[path]; other != nil {
				f.mutex.Unlock()
				defer f.mutex.Lock()
				other(w, r)
				return
			}
			h(w, r)
		})
	}
	f.server = httptest.NewUnstartedServer(mux)
	f.wire = &wire{Listener: f.server.Listener}
	f.server.Listener = f.wire
	f.server.Start()
	t.Cleanup(f.server.Close)
	client, err := outbound.New(outbound.Settings{Allow: []string{"127.0.0.0/8"}, Timeout: 5 * time.Second, MaxBytes: 64 << 10}, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	own := newSigner(t, jose.ES256)
	f.c = &Consumer{
		Outbound: client, BaseURL: "https://sign-in.example.org", Now: func() time.Time { return f.clock },
		Signer: func(jose.Algorithm) (*jose.Signer, error) { return own, nil },
	}
	f.settings = upstream.Settings{
		ID: "bank", Name: i18n.Text{"en": "The bank"}, Issuer: f.server.URL,
		OIDC: upstream.OIDCSettings{ClientID: "parvis", Secret: "of the bank"},
	}
	return f
}

func newSigner(t *testing.T, alg jose.Algorithm) *jose.Signer {
	t.Helper()
	key, err := jose.Generate(alg)
	if err != nil {
		t.Fatal(err)
	}
	s, err := jose.NewSigner(alg, key)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func pemOf(t *testing.T, key crypto.Signer) string {
	t.Helper()
	raw, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: raw}))
}

// roll publishes a new key, which signs from now on.
func (f *partner) roll(kid string, alg jose.Algorithm) {
	key, err := jose.Generate(alg)
	if err != nil {
		f.t.Fatal(err)
	}
	f.mutex.Lock()
	defer f.mutex.Unlock()
	f.keys[kid], f.kid, f.alg = key, kid, alg
}

func (f *partner) json(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body)
}

func (f *partner) serveMetadata(w http.ResponseWriter, _ *http.Request) {
	base := f.server.URL
	m := map[string]any{
		"issuer": base, "authorization_endpoint": base + "/authorize", "token_endpoint": base + "/token", "jwks_uri": base + "/jwks",
		"userinfo_endpoint": base + "/userinfo", "response_types_supported": []string{"code"}, "code_challenge_methods_supported": []string{"S256"},
		"authorization_response_iss_parameter_supported": true, "id_token_signing_alg_values_supported": []string{"ES256", "RS256", "EdDSA"},
		"token_endpoint_auth_methods_supported": []string{"client_secret_basic", "client_secret_post", "private_key_jwt"},
	}
	if f.metadata != nil {
		f.metadata(m)
	}
	f.json(w, 200, m)
}

func (f *partner) serveKeys(w http.ResponseWriter, _ *http.Request) {
	set := josev4.JSONWebKeySet{}
	for kid, key := range f.keys {
		set.Keys = append(set.Keys, josev4.JSONWebKey{Key: key.Public(), KeyID: kid, Use: "sig"})
	}
	f.json(w, 200, set)
}

func (f *partner) serveToken(w http.ResponseWriter, r *http.Request) {
	sum := sha256.Sum256([]byte(r.PostForm.Get("code_verifier")))
	if base64.RawURLEncoding.EncodeToString(sum[:]) != f.challenge {
		f.json(w, 400, map[string]any{"error": "invalid_grant", "error_description": "secret words about a person"})
		return
	}
	claims := map[string]any{
		"iss": f.server.URL, "sub": "s-1", "aud": "parvis", "exp": f.clock.Add(5 * time.Minute).Unix(), "iat": f.clock.Unix(), "nonce": f.nonce,
		"auth_time": f.clock.Add(-time.Minute).Unix(), "acr": "high", "amr": []string{"pwd", "otp"},
		"name": "Ann Example", "email": "ann@example.org",
	}
	if f.claims != nil {
		f.claims(claims)
	}
	make := f.sign
	if f.forge != nil {
		make = f.forge
	}
	body := map[string]any{"access_token": "the-access-token", "token_type": "Bearer", "id_token": make(claims)}
	if f.token != nil {
		f.token(body)
	}
	f.json(w, 200, body)
}

// sign makes a token as a provider does.
func (f *partner) sign(claims map[string]any) string {
	return signWith(f.t, f.alg, josev4.JSONWebKey{Key: f.keys[f.kid], KeyID: f.kid}, "", claims)
}

func signWith(t *testing.T, alg jose.Algorithm, key any, typ string, claims map[string]any) string {
	options := &josev4.SignerOptions{}
	if typ != "" {
		options = options.WithType(josev4.ContentType(typ))
	}
	signer, err := josev4.NewSigner(josev4.SigningKey{Algorithm: josev4.SignatureAlgorithm(alg), Key: key}, options)
	if err != nil {
		t.Error(err)
		return ""
	}
	payload, err := json.Marshal(claims)
	if err != nil {
		t.Error(err)
		return ""
	}
	signed, err := signer.Sign(payload)
	if err != nil {
		t.Error(err)
		return ""
	}
	token, err := signed.CompactSerialize()
	if err != nil {
		t.Error(err)
	}
	return token
}

// encrypt wraps a token for a key of ours.
func encrypt(t *testing.T, key crypto.PublicKey, token string) string {
	e, err := josev4.NewEncrypter(josev4.A256GCM, josev4.Recipient{Algorithm: josev4.ECDH_ES, Key: key}, (&josev4.EncrypterOptions{}).WithContentType("JWT"))
	if err != nil {
		t.Error(err)
		return ""
	}
	sealed, err := e.Encrypt([]byte(token))
	if err != nil {
		t.Error(err)
		return ""
	}
	out, err := sealed.CompactSerialize()
	if err != nil {
		t.Error(err)
	}
	return out
}

// provider is the partner as it is configured.
func (f *partner) provider() *upstream.Provider {
	f.t.Helper()
	p, problems := f.settings.Build()
	if len(problems) > 0 {
		f.t.Fatal(problems)
	}
	return p
}

// begin makes a request, which the person takes to the partner.
func (f *partner) begin(p *upstream.Provider, ask upstream.Ask) (upstream.Request, url.Values) {
	f.t.Helper()
	request, err := f.c.Begin(f.t.Context(), p, ask)
	if err != nil {
		f.t.Fatal(err)
	}
	request.Pending.Provider, request.Pending.Issuer, request.Pending.MaxAge, request.Pending.Fresh = p.ID, p.Issuer, ask.MaxAge, ask.Fresh
	u, err := url.Parse(request.URL)
	if err != nil {
		f.t.Fatal(err)
	}
	f.mutex.Lock()
	defer f.mutex.Unlock()
	f.nonce, f.challenge = request.Pending.Nonce, challenge(request.Pending.Verifier)
	return request, u.Query()
}

// answer is what the browser brings back when all went well.
func (f *partner) answer(pending upstream.Pending) url.Values {
	return url.Values{"code": {"c-1"}, "state": {pending.State}, "iss": {f.server.URL}}
}

// signIn goes all the way.
func (f *partner) signIn(change func(url.Values)) (upstream.Assertion, error) {
	f.t.Helper()
	p := f.provider()
	request, _ := f.begin(p, upstream.Ask{})
	params := f.answer(request.Pending)
	if change != nil {
		change(params)
	}
	return f.c.Finish(f.t.Context(), p, request.Pending, upstream.Answer{Params: params})
}

func (f *partner) count(path string) int {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	return f.calls[path]
}

// set changes the partner between calls.
func (f *partner) set(change func()) {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	change()
}

func failed(t *testing.T, what string, err error, want upstream.Failure) {
	t.Helper()
	if got := upstream.FailureOf(err); got != want {
		t.Errorf("%s: %v, want %s", what, err, want)
	}
	if err != nil {
		for _, secret := range []string{"ann@example.org", "Ann Example", "s-1", "the-access-token", "secret words", "of the bank", "c-1"} {
			if strings.Contains(err.Error(), secret) {
				t.Errorf("%s: the error tells %q: %v", what, secret, err)
			}
		}
	}
}

func ecKey(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func with(claims map[string]any, key string, value any) map[string]any {
	out := maps.Clone(claims)
	out[key] = value
	return out
}

package oidc_test

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"parvis/internal/clientcert"
	"parvis/internal/db"
	"parvis/internal/db/dbtest"
	"parvis/internal/jose"
	"parvis/internal/oidc/claim"
	"parvis/internal/oidc/machine"
	"parvis/internal/relyingparty"
)

// showHost is where the houses of these tests take certificates.
const showHost = "mtls.example"

// identity is a certificate with its key.
type identity struct {
	cert *x509.Certificate
	key  crypto.Signer
}

// certify makes a certificate that an issuer signed; a nil one signs itself.
func certify(issuer *identity, subject pkix.Name, from, until time.Time, change func(*x509.Certificate)) identity {
	key, err := jose.Generate(jose.ES256)
	if err != nil {
		panic(err)
	}
	c := &x509.Certificate{
		SerialNumber: big.NewInt(from.Unix()), Subject: subject, NotBefore: from, NotAfter: until,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}, BasicConstraintsValid: true,
	}
	if change != nil {
		change(c)
	}
	parent, signer := c, key
	if issuer != nil {
		parent, signer = issuer.cert, issuer.key
	}
	der, err := x509.CreateCertificate(rand.Reader, c, parent, key.Public(), signer)
	if err != nil {
		panic(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		panic(err)
	}
	return identity{cert, key}
}

var (
	always    = time.Date(2049, 1, 1, 0, 0, 0, 0, time.UTC)
	begins    = time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)
	revenue   = pkix.Name{CommonName: "tax files", Organization: []string{"Revenue"}, Country: []string{"CA"}}
	pinned    = certify(nil, pkix.Name{CommonName: "pinned"}, begins, always, nil)
	pinnedSet = func() string {
		var set struct {
			Keys []map[string]any `json:"keys"`
		}
		if err := json.Unmarshal([]byte(keySet(pinned.key)), &set); err != nil {
			panic(err)
		}
		set.Keys[0]["x5c"] = []string{base64.StdEncoding.EncodeToString(pinned.cert.Raw)}
		text, err := json.Marshal(set)
		if err != nil {
			panic(err)
		}
		return string(text)
	}()
)

// authority is a certification authority, with its file.
func authority(t *testing.T) (identity, string) {
	t.Helper()
	ca := certify(nil, pkix.Name{CommonName: "authority"}, begins, always, func(c *x509.Certificate) {
		c.IsCA, c.KeyUsage, c.ExtKeyUsage = true, x509.KeyUsageCertSign, nil
	})
	file := filepath.Join(t.TempDir(), "ca.pem")
	check(t, os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: ca.cert.Raw}), 0o600))
	return ca, file
}

// showing runs a test against a house that takes certificates, on every engine.
func showing(t *testing.T, form clientcert.Form, run func(t *testing.T, h *house, ca identity)) {
	t.Helper()
	clock := dbtest.NewClock()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		ca, file := authority(t)
		s := machine.Settings{MTLS: machine.MTLS{PublicURL: "https://" + showHost, Header: string(form), CAFiles: []string{file}, Listen: ":0"}}
		if problems := s.Problems(); len(problems) > 0 {
			t.Fatal(problems)
		}
		run(t, open(t, d, clock, nil, s), ca)
	}, dbtest.WithClock(clock.Now))
}

// caller sends requests to the address for certificates.
type caller struct {
	t      *testing.T
	client *http.Client
	base   string
	host   string
	form   clientcert.Form
	shown  *x509.Certificate // in the header; nil for none
	name   string            // of the header
}

// proxy is a caller at a trusted proxy that passes a certificate on.
func (h *house) proxy(form clientcert.Form, shown *identity) caller {
	from := &net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP("127.0.0.2")}}
	transport := &http.Transport{DialContext: from.DialContext}
	h.t.Cleanup(transport.CloseIdleConnections)
	c := caller{t: h.t, client: &http.Client{Transport: transport}, base: h.issuer, host: showHost, form: form, name: form.Header()}
	if shown != nil {
		c.shown = shown.cert
	}
	return c
}

// stranger is a caller who writes the header without being a proxy.
func (h *house) stranger(form clientcert.Form, shown *identity) caller {
	c := h.proxy(form, shown)
	c.client = http.DefaultClient
	return c
}

func (c caller) header() string {
	escaped := strings.ReplaceAll(url.PathEscape(string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.shown.Raw}))), "+", "%2B")
	switch c.form {
	case clientcert.ByteSequence:
		return ":" + base64.StdEncoding.EncodeToString(c.shown.Raw) + ":"
	case clientcert.Envoy:
		return `Hash=00;Cert="` + escaped + `"`
	default:
		return escaped
	}
}

func (c caller) do(method, path string, v url.Values, headers ...string) (map[string]any, int) {
	c.t.Helper()
	r, err := http.NewRequestWithContext(c.t.Context(), method, c.base+path, strings.NewReader(v.Encode()))
	check(c.t, err)
	r.Host = c.host
	if v != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	if c.shown != nil {
		r.Header.Set(c.name, c.header())
	}
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Add(headers[i], headers[i+1])
	}
	resp, err := c.client.Do(r)
	check(c.t, err)
	defer func() { _ = resp.Body.Close() }()
	raw, err := io.ReadAll(resp.Body)
	check(c.t, err)
	out := map[string]any{}
	if len(bytes.TrimSpace(raw)) > 0 {
		check(c.t, json.Unmarshal(raw, &out))
	}
	return out, resp.StatusCode
}

// RFC 8705, 2.1: tls_client_auth is a certificate of an authority with the registered subject.
// RFC 8705, 3: access tokens are bound to the certificate, and good with it only.
// RFC 8705, 3.2: introspection tells cnf with x5t#S256.
// FAPI 2.0 SP, 5.3.2.1: clients authenticate by mTLS, and tokens are bound by it.
func TestACertificateOfAnAuthorityAuthenticatesAndBindsItsTokens(t *testing.T) {
	for _, form := range clientcert.Forms() {
		t.Run(string(form), func(t *testing.T) {
			showing(t, form, func(t *testing.T, h *house, ca identity) {
				b, _ := h.agreed("tls")
				mine := certify(&ca, revenue, begins, always, nil)
				us := h.proxy(form, &mine)
				redeem := func(c caller) (map[string]any, int) {
					t.Helper()
					return c.do(http.MethodPost, "/token", exchange(b.code("tls"), "client_id", "tls"))
				}
				tok, status := redeem(us)
				if status != http.StatusOK || tok["token_type"] != "Bearer" {
					t.Fatalf("%d %v", status, tok)
				}
				access, _ := tok["access_token"].(string)
				if info, status := us.do(http.MethodGet, "/userinfo", nil, "Authorization", "Bearer "+access); status != http.StatusOK || info["email"] != "anna@example.org" {
					t.Errorf("userinfo: %d %v", status, info)
				}
				worth, _ := us.do(http.MethodPost, "/introspect", url.Values{"token": {access}, "client_id": {"tls"}})
				cnf, _ := worth["cnf"].(map[string]any)
				if want := (&clientcert.Presented{Leaf: mine.cert}).Thumbprint(); cnf["x5t#S256"] != want || worth["token_type"] != "Bearer" {
					t.Errorf("introspection: %v", worth)
				}
				other := certify(&ca, revenue, begins, always, nil) // of the same subject, and another certificate all the same
				none, smuggled, elsewhere := h.proxy(form, nil), h.stranger(form, &mine), us
				elsewhere.host = strings.TrimPrefix(h.issuer, "http://")
				for name, c := range map[string]caller{"another certificate": h.proxy(form, &other), "no certificate": none, "a header that no proxy wrote": smuggled, "the address for browsers": elsewhere} {
					if info, status := c.do(http.MethodGet, "/userinfo", nil, "Authorization", "Bearer "+access); status != http.StatusUnauthorized || info["error"] != "invalid_token" {
						t.Errorf("userinfo with %s: %d %v", name, status, info)
					}
				}
				for name, c := range map[string]struct {
					by    caller
					cause string
				}{
					"no certificate":               {none, "certificate_missing"},
					"a header that no proxy wrote": {smuggled, "certificate_missing"},
					"the address for browsers":     {elsewhere, "certificate_missing"},
					"another subject":              {h.proxy(form, new(certify(&ca, pkix.Name{CommonName: "tax files"}, begins, always, nil))), "certificate_differs"},
					"a stranger's":                 {h.proxy(form, new(certify(nil, revenue, begins, always, nil))), "certificate_untrusted"},
					"expired":                      {h.proxy(form, new(certify(&ca, revenue, begins, h.clock.Now().Add(-time.Minute), nil))), "certificate_expired"},
					"not yet":                      {h.proxy(form, new(certify(&ca, revenue, h.clock.Now().Add(time.Hour), always, nil))), "certificate_expired"},
					"for servers": {h.proxy(form, new(certify(&ca, revenue, begins, always, func(c *x509.Certificate) {
						c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
					}))), "certificate_untrusted"},
				} {
					tok, status := redeem(c.by)
					line, _ := h.log.last(t, "token request refused")
					if status != http.StatusUnauthorized || tok["error"] != "invalid_client" || line["cause"] != c.cause {
						t.Errorf("%s: %d %v, logged %v", name, status, tok, line["cause"])
					}
				}
			})
		})
	}
}

// RFC 8705, 6.3: a header that is not as the proxy would write it authenticates nobody.
func TestAHeaderThatCannotBeReadAuthenticatesNobody(t *testing.T) {
	showing(t, clientcert.ByteSequence, func(t *testing.T, h *house, ca identity) {
		b, _ := h.agreed("tls")
		mine := certify(&ca, revenue, begins, always, nil)
		us := h.proxy(clientcert.ByteSequence, &mine)
		for name, headers := range map[string][]string{
			"twice":                   {"Client-Cert", us.header()},
			"with a chain of letters": {"Client-Cert-Chain", "letters"},
		} {
			tok, status := us.do(http.MethodPost, "/token", exchange(b.code("tls"), "client_id", "tls"), headers...)
			if line, _ := h.log.last(t, "token request refused"); status != http.StatusUnauthorized || tok["error"] != "invalid_client" || line["cause"] != "certificate_malformed" {
				t.Errorf("%s: %d %v", name, status, tok)
			}
		}
		other := us
		other.name = "X-Ssl-Client-Cert"
		if _, status := other.do(http.MethodPost, "/token", exchange(b.code("tls"), "client_id", "tls")); status != http.StatusUnauthorized {
			t.Errorf("a header of another form: %d", status)
		}
		if _, status := us.do(http.MethodPost, "/token", exchange(b.code("tls"), "client_id", "tls", "client_secret", password)); status != http.StatusUnauthorized {
			t.Errorf("a secret with a certificate: %d", status)
		}
	})
}

// RFC 8705, 2.2: self_signed_tls_client_auth is a certificate that stands in x5c of the client's keys.
// RFC 8705, 5: mtls_endpoint_aliases names the addresses for certificates.
// FAPI 2.0 SP, 5.3.2.1: clients authenticate by mTLS, and tokens are bound by DPoP.
func TestARegisteredCertificateAuthenticatesOnAListenerOfItsOwn(t *testing.T) {
	showing(t, "", func(t *testing.T, h *house, _ identity) {
		b, _ := h.agreed("pinned")
		server := httptest.NewUnstartedServer(h.handler)
		server.TLS = &tls.Config{ClientAuth: tls.RequestClientCert, MinVersion: tls.VersionTLS12}
		server.StartTLS()
		t.Cleanup(server.Close)
		by := func(shown *identity) caller {
			transport := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}} // the server of this test
			if shown != nil {
				transport.TLSClientConfig.Certificates = []tls.Certificate{{Certificate: [][]byte{shown.cert.Raw}, PrivateKey: shown.key}}
			}
			t.Cleanup(transport.CloseIdleConnections)
			return caller{t: t, client: &http.Client{Transport: transport}, base: server.URL, host: showHost}
		}
		us := by(&pinned)
		code := func() string {
			t.Helper()
			p, status := us.do(http.MethodPost, "/par", request("pinned"))
			if status != http.StatusCreated {
				t.Fatalf("%d %v", status, p)
			}
			uri, _ := p["request_uri"].(string)
			return b.authorize(named("pinned", pushes{URI: uri})).answer(t).Get("code")
		}
		tok, status := us.do(http.MethodPost, "/token", exchange(code(), "client_id", "pinned"))
		access, _ := tok["access_token"].(string)
		if status != http.StatusOK || tok["token_type"] != "Bearer" {
			t.Fatalf("%d %v", status, tok)
		}
		again := certify(nil, pkix.Name{CommonName: "pinned"}, begins, always, nil)
		for name, c := range map[string]struct {
			by   caller
			want int
		}{"ours": {us, 200}, "none": {by(nil), 401}, "one that looks the same": {by(&again), 401}} {
			if _, status := c.by.do(http.MethodGet, "/userinfo", nil, "Authorization", "Bearer "+access); status != c.want {
				t.Errorf("userinfo with %s: %d", name, status)
			}
			if _, status := c.by.do(http.MethodPost, "/par", request("pinned")); (status == http.StatusCreated) != (c.want == 200) {
				t.Errorf("push with %s: %d", name, status)
			}
		}
		k := h.holder() // a proof names the address that it was sent to
		tok, status = us.do(http.MethodPost, "/token", exchange(code(), "client_id", "pinned"), "DPoP", k.proof("POST", "/token", "htu", "https://"+showHost+"/token"))
		if status != http.StatusOK || tok["token_type"] != "DPoP" {
			t.Errorf("with DPoP: %d %v", status, tok)
		}
		if tok, _ := us.do(http.MethodPost, "/token", exchange(code(), "client_id", "pinned"), "DPoP", k.proof("POST", "/token")); tok["error"] != "invalid_dpop_proof" {
			t.Errorf("a proof for the other address: %v", tok)
		}
		var doc struct {
			Aliases map[string]string `json:"mtls_endpoint_aliases"`
			Methods []string          `json:"token_endpoint_auth_methods_supported"`
			Bound   bool              `json:"tls_client_certificate_bound_access_tokens"`
		}
		check(t, json.Unmarshal([]byte(h.browser().get("/.well-known/openid-configuration").text), &doc))
		if doc.Aliases["token_endpoint"] != "https://"+showHost+"/token" || len(doc.Aliases) != 7 || !doc.Bound || !strings.Contains(strings.Join(doc.Methods, " "), "tls_client_auth self_signed_tls_client_auth") {
			t.Errorf("%+v", doc)
		}
	})
}

// RFC 8705, 3.4: a client registered for bound tokens gets none without its certificate.
func TestAClientWhoseTokensAreBoundGetsNoneWithoutItsCertificate(t *testing.T) {
	showing(t, clientcert.PEM, func(t *testing.T, h *house, _ identity) {
		h.write(func(tx *db.Tx) error {
			s := parties()[0]
			s.ID, s.Auth, s.JWKS, s.CertificateBound = "both", "private_key_jwt", keySet(signingKey), true
			return h.store.Create(tx, s, nil)
		})
		check(t, h.registry.Refresh(t.Context()))
		b, _ := h.agreed("both")
		if got := h.post("/token", h.assert("both", exchange(b.code("both")))); got.StatusCode != http.StatusBadRequest || !strings.Contains(got.text, "invalid_request") {
			t.Errorf("without: %d %s", got.StatusCode, got.text)
		}
		shown := certify(nil, pkix.Name{CommonName: "any"}, begins, always, nil)
		tok, status := h.proxy(clientcert.PEM, &shown).do(http.MethodPost, "/token", h.assert("both", exchange(b.code("both"))))
		access, _ := tok["access_token"].(string)
		if status != http.StatusOK {
			t.Fatalf("%d %v", status, tok)
		}
		if _, status := h.userinfo(access); status != http.StatusUnauthorized {
			t.Errorf("without the certificate: %d", status)
		}
	})
}

// RFC 8705, 4: tokens of a public client are bound to whatever certificate it shows.
// RFC 8705, 7.1: its refresh tokens are, too.
func TestTokensOfAPublicClientAreBoundToItsCertificate(t *testing.T) {
	showing(t, clientcert.PEM, func(t *testing.T, h *house, _ identity) {
		h.enroll("mobile", func(s *relyingparty.Settings) { s.Auth, s.CertificateBound = "none", true })
		a := h.person("anna@example.org")
		h.consent(a, "mobile", claim.Email, claim.ScopeOffline)
		b := h.browser()
		b.signIn(a, "")
		mine, other := certify(nil, pkix.Name{CommonName: "a phone"}, begins, always, nil), certify(nil, pkix.Name{CommonName: "another phone"}, begins, always, nil)
		us, thief := h.proxy(clientcert.PEM, &mine), h.proxy(clientcert.PEM, &other)
		tok, status := us.do(http.MethodPost, "/token", exchange(b.code("mobile", "scope", offline), "client_id", "mobile"))
		access, _ := tok["access_token"].(string)
		refresh, _ := tok["refresh_token"].(string)
		if status != http.StatusOK || tok["token_type"] != "Bearer" || refresh == "" {
			t.Fatalf("%d %v", status, tok)
		}
		for name, c := range map[string]struct {
			by   caller
			want int
		}{"its own": {us, http.StatusOK}, "another": {thief, http.StatusUnauthorized}, "none": {h.proxy(clientcert.PEM, nil), http.StatusUnauthorized}} {
			if _, status := c.by.do(http.MethodGet, "/userinfo", nil, "Authorization", "Bearer "+access); status != c.want {
				t.Errorf("userinfo with %s: %d", name, status)
			}
		}
		again := url.Values{"grant_type": {"refresh_token"}, "refresh_token": {refresh}, "client_id": {"mobile"}}
		if out, status := thief.do(http.MethodPost, "/token", again); status != http.StatusBadRequest || out["error"] != "invalid_grant" {
			t.Errorf("refresh with another: %d %v", status, out)
		}
		if out, status := us.do(http.MethodPost, "/token", again); status != http.StatusOK || out["access_token"] == nil {
			t.Errorf("refresh: %d %v", status, out)
		}
	})
}

// RFC 8705, 3.1: an access token that is a JWT says in cnf with x5t#S256 what it is bound to.
// RFC 8705, 2: client_id tells whose certificate it should be; without it nobody is authenticated.
func TestAReadableTokenSaysWhichCertificateItIsBoundTo(t *testing.T) {
	showing(t, clientcert.PEM, func(t *testing.T, h *house, ca identity) {
		h.adds("reads", func(s *relyingparty.Settings) {
			s.Auth, s.JWKS, s.SANDNS, s.CertificateBound, s.AccessTokens = "tls_client_auth", "", "reads.example", true, "jwt"
		})
		b, _ := h.agreed("reads")
		mine := certify(&ca, pkix.Name{CommonName: "any"}, begins, always, func(c *x509.Certificate) { c.DNSNames = []string{"reads.example"} })
		us := h.proxy(clientcert.PEM, &mine)
		tok, status := us.do(http.MethodPost, "/token", exchange(b.code("reads"), "client_id", "reads"))
		access, _ := tok["access_token"].(string)
		if status != http.StatusOK {
			t.Fatalf("%d %v", status, tok)
		}
		cnf, _ := h.claims(access, jose.RS256)["cnf"].(map[string]any)
		if cnf["x5t#S256"] != (&clientcert.Presented{Leaf: mine.cert}).Thumbprint() || len(cnf) != 1 {
			t.Errorf("%v", cnf)
		}
		if out, status := us.do(http.MethodPost, "/token", exchange(b.code("reads"))); status != http.StatusUnauthorized || out["error"] != "invalid_client" {
			t.Errorf("without client_id: %d %v", status, out)
		}
	})
}

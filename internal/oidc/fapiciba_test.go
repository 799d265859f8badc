package oidc_test

import (
	"crypto/x509/pkix"
	"encoding/json"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"parvis/internal/clientcert"
	"parvis/internal/db"
	"parvis/internal/jose"
	"parvis/internal/oidc/protocol"
	"parvis/internal/policy"
	"parvis/internal/relyingparty"
	"parvis/internal/secret"
)

// bank is a service as the profile wants it: what it asks is signed, and its tokens are bound.
type bank struct {
	h      *house
	name   string
	by     caller
	keys   *jose.Signer // of its requests
	assert bool         // it authenticates with assertions, not by its certificate
	aud    string       // of its assertions; "" for the issuer
}

// banked adds a service, which shows a certificate.
func (h *house) banked(name string, shown *identity, keys *jose.Signer, change func(*relyingparty.Settings)) bank {
	h.t.Helper()
	s := parties()[0]
	s.ID, s.RedirectURIs, s.GrantTypes, s.BackchannelRequestAlg = name, nil, []string{protocol.GrantCIBA}, string(keys.Algorithm())
	change(&s)
	if problems := s.Problems(); len(problems) > 0 {
		h.t.Fatal(problems)
	}
	h.write(func(tx *db.Tx) error { return h.store.Create(tx, s, nil) })
	check(h.t, h.registry.Refresh(h.t.Context()))
	return bank{h: h, name: name, by: h.proxy(clientcert.PEM, shown), keys: keys, assert: s.Auth == "private_key_jwt"}
}

// setOf are the keys of a service, with a certificate of the first one.
func setOf(t *testing.T, shown *identity, signers ...*jose.Signer) string {
	t.Helper()
	var jwks []jose.JWK
	for _, s := range signers {
		jwks = append(jwks, s.JWK())
	}
	text, err := jose.NewKeySet(jwks...).JSON()
	check(t, err)
	if shown == nil {
		return string(text)
	}
	var pinned, all struct {
		Keys []map[string]any `json:"keys"`
	}
	check(t, json.Unmarshal([]byte(pinnedSet), &pinned))
	check(t, json.Unmarshal(text, &all))
	all.Keys = append(all.Keys, pinned.Keys...)
	out, err := json.Marshal(all)
	check(t, err)
	return string(out)
}

// call sends a request, with what authenticates the service.
func (b bank) call(path string, v url.Values) (map[string]any, int) {
	b.h.t.Helper()
	v = maps.Clone(v)
	if v.Get("client_id") == "" {
		v.Set("client_id", b.name)
	}
	if b.assert && v.Get("client_assertion") == "" {
		aud := b.aud
		if aud == "" {
			aud = b.h.issuer
		}
		text, err := b.keys.Sign("JWT", assertionClaims(b.h, "iss", b.name, "sub", b.name, "aud", aud))
		check(b.h.t, err)
		v.Set("client_assertion_type", protocol.AssertionType)
		v.Set("client_assertion", text)
	}
	return b.by.do(http.MethodPost, path, v)
}

// claims are those of a good request; nil leaves one out.
func (b bank) claims(changes ...any) map[string]any {
	now := b.h.clock.Now().Unix()
	c := map[string]any{
		"iss": b.name, "aud": b.h.issuer, "exp": now + 300, "iat": now, "nbf": now, "jti": secret.NewToken(),
		"scope": "openid email", "login_hint": "anna@example.org", "binding_message": "W4SC",
	}
	return changed(c, changes...)
}

// sign makes a request of claims.
func (b bank) sign(claims map[string]any) url.Values {
	b.h.t.Helper()
	text, err := b.keys.Sign("JWT", claims)
	check(b.h.t, err)
	return url.Values{"request": {text}}
}

// asks asks a person, and gives auth_req_id and the name in the person's links.
func (b bank) asks(changes ...any) (code, name string) {
	b.h.t.Helper()
	out, status := b.call("/bc-authorize", b.sign(b.claims(changes...)))
	if status != http.StatusOK {
		b.h.t.Fatalf("%s: %d %v", b.name, status, out)
	}
	code, _ = out["auth_req_id"].(string)
	check(b.h.t, b.h.db.Read(b.h.t.Context(), func(tx *db.Tx) error {
		return tx.QueryRow(`SELECT id FROM ciba_request WHERE digest = $1`, secret.Digest(code)).Scan(&name)
	}))
	return code, name
}

// told is the answer to the question what the person said.
func (b bank) told(code string) (map[string]any, int) {
	b.h.t.Helper()
	return b.call("/token", url.Values{"grant_type": {protocol.GrantCIBA}, "auth_req_id": {code}})
}

func signerOf(t *testing.T, alg jose.Algorithm) *jose.Signer {
	t.Helper()
	key, err := jose.Generate(alg)
	check(t, err)
	s, err := jose.NewSigner(alg, key)
	check(t, err)
	return s
}

// banks are two services of each way to authenticate, and a person that all of them can ask.
func (h *house) banks() (byCert, byAssertion bank, b *browser) {
	h.t.Helper()
	keys := signerOf(h.t, jose.ES256)
	byCert = h.banked("branch", &pinned, keys, func(s *relyingparty.Settings) {
		s.Profile, s.Auth, s.JWKS = "fapi2", "self_signed_tls_client_auth", setOf(h.t, &pinned, keys)
	})
	shown := certify(nil, pkix.Name{CommonName: "agency"}, begins, always, nil)
	others := signerOf(h.t, jose.ES256)
	byAssertion = h.banked("agency", &shown, others, func(s *relyingparty.Settings) {
		s.Profile, s.Auth, s.JWKS, s.CertificateBound, s.IDTokenAlg = "compatible", "private_key_jwt", setOf(h.t, nil, others), true, "ES256"
		s.AuthAlg = "ES256"
	})
	b, _ = h.agreed("branch", "agency")
	b.known()
	return byCert, byAssertion, b
}

// FAPI-CIBA, 5.2.2: clients authenticate by certificate or assertion, and their tokens are bound to the certificate that they show.
// FAPI-CIBA, 5.2.2: acr is in the ID token of a client that asked for it.
// CIBA, 7.1: an assertion of a compatible client may be for the issuer, the token endpoint or the backchannel authentication endpoint.
// CIBA, 7.1.1: the typ of a signed request may say what it is.
func TestASignedRequestIsAnsweredWithBoundTokens(t *testing.T) {
	showing(t, clientcert.PEM, func(t *testing.T, h *house, _ identity) {
		branch, agency, b := h.banks()
		var doc struct {
			Aliases map[string]string `json:"mtls_endpoint_aliases"`
			Algs    []string          `json:"backchannel_authentication_request_signing_alg_values_supported"`
		}
		check(t, json.Unmarshal([]byte(h.browser().get("/.well-known/openid-configuration").text), &doc))
		if doc.Aliases["backchannel_authentication_endpoint"] != "https://"+showHost+"/bc-authorize" || !strings.Contains(strings.Join(doc.Algs, " "), "ES256") {
			t.Errorf("%+v", doc)
		}
		for _, c := range []bank{branch, agency} {
			code, name := c.asks("acr_values", policy.ACROneStep, "requested_expiry", 300)
			if to := b.says(b.opens(name), "allow"); to != "/confirmations/done?how=allowed" {
				t.Fatalf("%s: to %q", c.name, to)
			}
			without := c
			without.by = h.proxy(clientcert.PEM, nil)
			if out, status := without.told(code); status != 400 && status != 401 || out["access_token"] != nil || out["error"] != "invalid_client" && out["error"] != "invalid_request" {
				t.Errorf("%s without its certificate: %d %v", c.name, status, out)
			}
			out, status := c.told(code)
			access, _ := out["access_token"].(string)
			if status != http.StatusOK || out["token_type"] != "Bearer" || access == "" {
				t.Fatalf("%s: %d %v", c.name, status, out)
			}
			claims := h.claims(out["id_token"].(string), jose.ES256)
			if claims["acr"] != policy.ACROneStep || claims["aud"] != c.name || claims["at_hash"] == nil {
				t.Errorf("%s: %v", c.name, claims)
			}
			if _, status := c.by.do(http.MethodGet, "/userinfo", nil, "Authorization", "Bearer "+access); status != http.StatusOK {
				t.Errorf("%s: userinfo: %d", c.name, status)
			}
			other := agency
			if c.name == agency.name {
				other = branch
			}
			if _, status := other.by.do(http.MethodGet, "/userinfo", nil, "Authorization", "Bearer "+access); status != http.StatusUnauthorized {
				t.Errorf("%s: userinfo with the certificate of another: %d", c.name, status)
			}
			if out, status := c.told(code); status != http.StatusBadRequest || out["error"] != "invalid_grant" {
				t.Errorf("%s: again: %d %v", c.name, status, out)
			}
		}
		for _, aud := range []string{"", "/token", "/bc-authorize"} {
			for _, base := range []string{h.issuer, "https://" + showHost} {
				if aud == "" && base != h.issuer {
					continue
				}
				h.clock.Advance(time.Hour)
				agency.aud = base + aud
				agency.asks()
			}
		}
		typed, err := agency.keys.Sign("oauth-authz-req+jwt", agency.claims("requested_expiry", "300"))
		check(t, err)
		if out, status := agency.call("/bc-authorize", url.Values{"request": {typed}}); status != http.StatusOK || out["expires_in"] != 300.0 {
			t.Errorf("typed: %d %v", status, out)
		}
	})
}

// What a service may send wrong, and what it is told.
func TestARequestThatIsNotAsTheProfileWantsItIsRefused(t *testing.T) {
	showing(t, clientcert.PEM, func(t *testing.T, h *house, _ identity) {
		branch, agency, _ := h.banks()
		now := h.clock.Now().Unix()
		refused := func(t *testing.T, c bank, v url.Values, want string) {
			t.Helper()
			out, status := c.call("/bc-authorize", v)
			wantStatus := http.StatusBadRequest
			if want == "invalid_client" {
				wantStatus = http.StatusUnauthorized
			}
			about, _ := out["error_description"].(string)
			if status != wantStatus || out["error"] != want || about == "" || strings.ContainsAny(about, "\r\n\t\"\\") {
				t.Errorf("%s: %d %v, want %s", c.name, status, out, want)
			}
		}
		for requirement, changes := range map[string][][]any{
			"CIBA, 7.1.1: aud of a signed request is the issuer":                                         {{"aud", nil}, {"aud", "https://evil.example"}, {"aud", h.issuer + "/bc-authorize"}},
			"CIBA, 7.1.1: iss of a signed request is the client":                                         {{"iss", nil}, {"iss", "someone-else"}},
			"CIBA, 7.1.1: a signed request has iat, not of the future, and jti":                          {{"iat", nil}, {"iat", now + 600}, {"jti", nil}, {"jti", strings.Repeat("x", 257)}},
			"FAPI-CIBA, 5.2.2: nbf and exp of a signed request are there, and limit its life to an hour": {{"exp", nil}, {"exp", now - 1}, {"exp", now + 70*60}, {"nbf", nil}, {"nbf", now - 70*60}, {"nbf", now + 600}},
			"CIBA, 7.1.1: a signed request holds no other":                                               {{"request", "x.y.z"}, {"request_uri", "https://service.example/object"}},
			"CIBA, 7.2: exactly one hint says whom":                                                      {{"login_hint", nil}, {"id_token_hint", "x.y.z"}, {"login_hint", nil, "login_hint_token", "x.y.z"}, {"login_hint_token", "x.y.z", "id_token_hint", "x.y.z"}},
			"CIBA, 13: what cannot be read is invalid_request":                                           {{"requested_expiry", "soon"}, {"requested_expiry", 0}, {"requested_expiry", -1}, {"requested_expiry", 1.5}, {"scope", nil}, {"sub", branch.name}},
		} {
			t.Run(requirement, func(t *testing.T) {
				for _, change := range changes {
					refused(t, branch, branch.sign(branch.claims(change...)), "invalid_request")
				}
			})
		}
		t.Run("FAPI-CIBA, 5.2.2: a binding_message is required, by which the person knows the request", func(t *testing.T) {
			refused(t, branch, branch.sign(branch.claims("binding_message", nil)), "invalid_binding_message")
		})
		t.Run("CIBA, 13: a binding_message that cannot be shown is invalid_binding_message", func(t *testing.T) {
			refused(t, branch, branch.sign(branch.claims("binding_message", "1234 👍🏿 品川 "+strings.Repeat("Lorem ipsum dolor sit amet, ", 20))), "invalid_binding_message")
		})
		t.Run("FAPI-CIBA, 5.2.2: what is asked is signed, and by the algorithm that was registered", func(t *testing.T) {
			unsigned := url.Values{"scope": {"openid"}, "login_hint": {"anna@example.org"}, "binding_message": {"W4SC"}}
			refused(t, branch, unsigned, "invalid_request")
			for _, alg := range []jose.Algorithm{jose.RS256, jose.PS256, jose.ES256} { // of none of these keys
				c := branch
				c.keys = signerOf(t, alg)
				refused(t, c, c.sign(c.claims()), "invalid_request")
			}
			good := branch.sign(branch.claims()).Get("request")
			_, rest, _ := strings.Cut(good, ".")
			payload, _, _ := strings.Cut(rest, ".")
			none := "eyJhbGciOiJub25lIn0." + payload + "."
			refused(t, branch, url.Values{"request": {none}}, "invalid_request")
			refused(t, branch, url.Values{"request": {good[:len(good)-8]}}, "invalid_request")
			refused(t, branch, url.Values{"request": {agency.sign(branch.claims()).Get("request")}}, "invalid_request")
		})
		t.Run("CIBA, 7.1.1: jti of a signed request is good once", func(t *testing.T) {
			again := branch.sign(branch.claims())
			if out, status := branch.call("/bc-authorize", again); status != http.StatusOK {
				t.Fatalf("%d %v", status, out)
			}
			refused(t, branch, again, "invalid_request")
		})
		t.Run("CIBA, 7.1: who is not authenticated is invalid_client", func(t *testing.T) {
			v := branch.sign(branch.claims())
			v.Set("client_id", agency.name) // the name of another client, with this one's certificate and object
			c := branch
			refused(t, c, v, "invalid_client")
			c.by = h.proxy(clientcert.PEM, nil)
			refused(t, c, branch.sign(branch.claims()), "invalid_client")
			c = agency
			c.assert = false
			refused(t, c, agency.sign(agency.claims()), "invalid_client")
			c = agency
			c.aud = "https://evil.example"
			refused(t, c, agency.sign(agency.claims()), "invalid_client")
			c.keys = signerOf(t, jose.RS256)
			c.aud = ""
			refused(t, c, agency.sign(agency.claims()), "invalid_client")
		})
		if n := h.count(`SELECT COUNT(*) FROM outbox WHERE kind = 'confirmation'`); n != 1 {
			t.Errorf("%d mails", n)
		}
	})
}

// CIBA, 10.1: an auth_req_id is good for the client that it was given to.
// FAPI-CIBA, 5.2.2: poll mode is there; who asks without end is told slow_down, and nothing else.
func TestAnAuthReqIDIsGoodForItsClientOnly(t *testing.T) {
	showing(t, clientcert.PEM, func(t *testing.T, h *house, _ identity) {
		branch, agency, _ := h.banks()
		code, _ := branch.asks()
		if out, status := agency.told(code); status != http.StatusBadRequest || out["error"] != "invalid_grant" {
			t.Errorf("another client: %d %v", status, out)
		}
		stranger := branch
		stranger.name = agency.name
		if out, status := stranger.told(code); status != http.StatusUnauthorized || out["error"] != "invalid_client" {
			t.Errorf("the name of another client: %d %v", status, out)
		}
		for i := range 20 {
			want := "slow_down"
			if i == 0 {
				want = "authorization_pending"
			}
			if out, status := branch.told(code); status != http.StatusBadRequest || out["error"] != want {
				t.Errorf("%d: %d %v", i, status, out)
			}
		}
		code, _ = branch.asks("requested_expiry", 30)
		h.clock.Advance(31 * time.Second)
		if out, status := branch.told(code); status != http.StatusBadRequest || out["error"] != "expired_token" {
			t.Errorf("after its end: %d %v", status, out)
		}
	})
}

// FAPI-CIBA, 5.2.2: an access token is used with an interaction identifier, which is answered, or made.
func TestACallOfTheResourceIsKnownAgain(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		b, _ := h.agreed("service")
		got := h.asClient("service", exchange(b.code("service")))
		const name = "c770aef3-6784-41f7-8e0e-ff5f97bddb3a"
		answer := h.browser().get("/userinfo", "Authorization", "Bearer "+got.Access, "X-Fapi-Interaction-Id", name)
		if answer.StatusCode != http.StatusOK || answer.Header.Get("X-Fapi-Interaction-Id") != name {
			t.Errorf("%d %v", answer.StatusCode, answer.Header)
		}
		made := map[string]bool{}
		for _, bad := range []string{"", "x", name + "0", strings.Repeat("-", 36)} {
			answer := h.browser().get("/userinfo", "Authorization", "Bearer "+got.Access, "X-Fapi-Interaction-Id", bad)
			is := answer.Header.Get("X-Fapi-Interaction-Id")
			if len(is) != 36 || is[14] != '4' || strings.Count(is, "-") != 4 || made[is] {
				t.Errorf("%q: %q", bad, is)
			}
			made[is] = true
		}
		if refused := h.browser().get("/userinfo", "X-Fapi-Interaction-Id", name); refused.StatusCode != http.StatusUnauthorized || refused.Header.Get("X-Fapi-Interaction-Id") != name {
			t.Errorf("%d %v", refused.StatusCode, refused.Header)
		}
	})
}

package oidc_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"parvis/internal/db"
	"parvis/internal/db/dbtest"
	"parvis/internal/oidc/machine"
	"parvis/internal/oidc/protocol"
	"parvis/internal/relyingparty"
	"parvis/internal/secret"
)

// secretly is a JWT that is signed with a secret, as a client's library makes it.
func secretly(t *testing.T, alg, key string, claims map[string]any) string {
	t.Helper()
	payload, err := json.Marshal(claims)
	check(t, err)
	input := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"`+alg+`"}`)) + "." + base64.RawURLEncoding.EncodeToString(payload)
	h := hmac.New(sha256.New, []byte(key))
	_, _ = h.Write([]byte(input))
	return input + "." + base64.RawURLEncoding.EncodeToString(h.Sum(nil))
}

// eachSecretly is each where the deployment takes client_secret_jwt, or not, with a service
// "mac" that is registered with it.
func eachSecretly(t *testing.T, on bool, run func(t *testing.T, h *house, key string)) {
	t.Helper()
	clock := dbtest.NewClock()
	start := clock.Now()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		clock.Set(start)
		h := open(t, d, clock, nil, machine.Settings{SecretJWT: on})
		key := secret.NewToken()
		h.write(func(tx *db.Tx) error {
			s := parties()[0]
			s.ID, s.Auth, s.GrantTypes = "mac", "client_secret_jwt", []string{protocol.GrantAuthorizationCode, protocol.GrantDeviceCode, protocol.GrantCIBA}
			return h.store.Create(tx, s, h.store.Keep(relyingparty.AuthSecretJWT, "mac", key))
		})
		check(t, h.registry.Refresh(t.Context()))
		run(t, h, key)
	}, dbtest.WithClock(clock.Now))
}

// secretAssertion adds an assertion of a service that is signed with a secret.
func (h *house) secretAssertion(client, key string, v url.Values, changes ...any) url.Values {
	h.t.Helper()
	v.Set("client_assertion_type", protocol.AssertionType)
	v.Set("client_assertion", secretly(h.t, "HS256", key, assertionClaims(h, append([]any{"iss", client, "sub", client}, changes...)...)))
	return v
}

// OIDC Core, 9: client_secret_jwt: the client signs with its secret by HMAC.
func TestAClientAuthenticatesWithAnAssertionThatItsSecretSigns(t *testing.T) {
	eachSecretly(t, true, func(t *testing.T, h *house, key string) {
		b, _ := h.agreed("mac")
		tok := h.asClient("", h.secretAssertion("mac", key, exchange(b.code("mac"))))
		if tok.status != http.StatusOK || tok.Access == "" {
			t.Fatalf("%+v", tok)
		}
		for path, c := range map[string]struct {
			v    url.Values
			want int
			text string
		}{
			"/par":                  {request("mac"), http.StatusCreated, "request_uri"},
			"/introspect":           {url.Values{"token": {tok.Access}}, http.StatusOK, `"active":true`},
			"/device_authorization": {url.Values{"scope": {"openid"}}, http.StatusOK, "user_code"},
			"/bc-authorize":         {url.Values{"scope": {"openid"}, "login_hint": {"anna@example.org"}}, http.StatusOK, "auth_req_id"},
		} {
			if got := h.post(path, h.secretAssertion("mac", key, c.v)); got.StatusCode != c.want || !strings.Contains(got.text, c.text) {
				t.Errorf("%s: %d %s", path, got.StatusCode, got.text)
			}
		}
		if got := h.post("/revoke", h.secretAssertion("mac", key, url.Values{"token": {tok.Access}})); got.StatusCode != http.StatusOK {
			t.Errorf("/revoke: %d %s", got.StatusCode, got.text)
		}
		if _, status := h.userinfo(tok.Access); status != http.StatusUnauthorized {
			t.Errorf("the token was not revoked: %d", status)
		}
		// Another method than the registered one is none, although the secret is right.
		r := post(t, h, "/token", exchange(b.code("mac")).Encode(), "Authorization", basic("mac", key))
		if tok := h.send(r); tok.status != http.StatusUnauthorized || tok.Error != "invalid_client" {
			t.Errorf("basic: %+v", tok)
		}
	})
}

// RFC 7523, 3: an assertion that a secret signs is held to the rules of every other one.
func TestAnAssertionByASecretIsHeldToEveryRule(t *testing.T) {
	eachSecretly(t, true, func(t *testing.T, h *house, key string) {
		b, _ := h.agreed("mac", "signed")
		code := b.code("mac")
		refused := func(name string, v url.Values) {
			t.Helper()
			if tok := h.asClient("", v); tok.status != http.StatusUnauthorized || tok.Error != "invalid_client" {
				t.Errorf("%s: %+v", name, tok)
			}
		}
		for name, changes := range map[string][]any{
			"other issuer": {"iss", "signed"}, "other audience": {"aud", "https://other.example"}, "the token endpoint": {"aud", h.issuer + "/token"},
			"a list of audiences": {"aud", []string{h.issuer}}, "expired": {"exp", h.clock.Now().Unix()}, "no jti": {"jti", ""},
			"two hours": {"exp", h.clock.Now().Add(2 * time.Hour).Unix()}, "from the future": {"iat", h.clock.Now().Add(time.Hour).Unix()},
		} {
			refused(name, h.secretAssertion("mac", key, exchange(code), changes...))
		}
		mine := assertionClaims(h, "iss", "mac", "sub", "mac")
		refused("another secret", h.secretAssertion("mac", secret.NewToken(), exchange(code)))
		refused("no secret", h.secretAssertion("mac", "", exchange(code)))
		refused("no algorithm", signed(code, secretly(t, "none", key, mine)))
		refused("HS512", signed(code, secretly(t, "HS512", key, mine)))
		refused("a key", signed(code, sign(t, signingKey, mine)))
		// A public key is no secret, and a client that has one cannot choose HMAC.
		theirs := b.code("signed")
		for _, public := range []string{keySet(signingKey), key} {
			refused("private_key_jwt with HS256", h.secretAssertion("signed", public, exchange(theirs)))
		}
		if tok := h.asClient("", signed(theirs, sign(t, signingKey, assertionClaims(h)))); tok.status != http.StatusOK {
			t.Errorf("the code was spent by who was refused: %+v", tok)
		}
		good := h.secretAssertion("mac", key, exchange(code))
		if tok := h.asClient("", good); tok.status != http.StatusOK {
			t.Fatalf("%+v", tok)
		}
		good.Set("code", b.code("mac"))
		refused("the same assertion again", good)
	})
}

// RFC 7523, 3: of any number of requests with one assertion at once, one is answered.
func TestOfFiftyUsesOfAnAssertionByASecretOneIsAnswered(t *testing.T) {
	eachSecretly(t, true, func(t *testing.T, h *house, key string) {
		v := h.secretAssertion("mac", key, request("mac"))
		var mu sync.Mutex
		var wg sync.WaitGroup
		seen := map[int]int{}
		for range 50 { // within the limit of pushes
			wg.Go(func() {
				got := h.post("/par", v)
				mu.Lock()
				defer mu.Unlock()
				seen[got.StatusCode]++
			})
		}
		wg.Wait()
		if seen[http.StatusCreated] != 1 || seen[http.StatusUnauthorized] != 49 {
			t.Errorf("%v", seen)
		}
	})
}

// OIDC Core, 9: a replaced secret signs assertions until its end, and no longer.
func TestAReplacedSecretSignsUntilItEnds(t *testing.T) {
	eachSecretly(t, true, func(t *testing.T, h *house, key string) {
		next := secret.NewToken()
		h.write(func(tx *db.Tx) error {
			return h.store.RotateSecret(tx, "mac", h.store.Keep(relyingparty.AuthSecretJWT, "mac", next), tx.Now().Add(time.Hour))
		})
		check(t, h.registry.Refresh(t.Context()))
		pushed := func(with string) int {
			return h.post("/par", h.secretAssertion("mac", with, request("mac"))).StatusCode
		}
		if first, second := pushed(key), pushed(next); first != http.StatusCreated || second != http.StatusCreated {
			t.Errorf("before the end: %d, %d", first, second)
		}
		h.clock.Advance(time.Hour)
		if first, second := pushed(key), pushed(next); first != http.StatusUnauthorized || second != http.StatusCreated {
			t.Errorf("after the end: %d, %d", first, second)
		}
	})
}

// OIDC Discovery, 3: client_secret_jwt and HS256 are named where they are taken, and nowhere else.
func TestAssertionsBySecretsAreTakenAndNamedWhereTheyAreTurnedOn(t *testing.T) {
	for _, on := range []bool{true, false} {
		eachSecretly(t, on, func(t *testing.T, h *house, key string) {
			var d map[string]any
			h.document(protocol.PathDiscovery, &d)
			for member, value := range map[string]string{
				"token_endpoint_auth_methods_supported": "client_secret_jwt", "introspection_endpoint_auth_methods_supported": "client_secret_jwt", "revocation_endpoint_auth_methods_supported": "client_secret_jwt",
				"token_endpoint_auth_signing_alg_values_supported": "HS256", "introspection_endpoint_auth_signing_alg_values_supported": "HS256", "revocation_endpoint_auth_signing_alg_values_supported": "HS256",
			} {
				if list, _ := d[member].([]any); len(list) < 3 || slices.Contains(list, any(value)) != on {
					t.Errorf("on %t: %s: %v", on, member, d[member])
				}
			}
			for _, member := range []string{"request_object_signing_alg_values_supported", "dpop_signing_alg_values_supported", "id_token_signing_alg_values_supported", "backchannel_authentication_request_signing_alg_values_supported"} {
				if list, _ := d[member].([]any); len(list) == 0 || slices.Contains(list, any("HS256")) {
					t.Errorf("on %t: %s: %v", on, member, d[member])
				}
			}
			if got := h.post("/par", h.secretAssertion("mac", key, request("mac"))); (got.StatusCode == http.StatusCreated) != on || !on && got.StatusCode != http.StatusUnauthorized {
				t.Errorf("on %t: %d %s", on, got.StatusCode, got.text)
			}
		})
	}
}

package oidc_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"parvis/internal/jose"
)

// counterfeits are genuine but for their signature, and say in their header how it would be
// good: without one, by HMAC with the public key, by a key that they bring or name, or by a
// name of a key that is more than a name.
func counterfeits(t *testing.T, genuine string, victim crypto.PublicKey) map[string]string {
	t.Helper()
	parts := strings.Split(genuine, ".")
	raw, err := base64.RawURLEncoding.DecodeString(parts[0])
	check(t, err)
	der, err := x509.MarshalPKIXPublicKey(victim)
	check(t, err)
	thief, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	check(t, err)
	var set struct{ Keys []json.RawMessage }
	check(t, json.Unmarshal([]byte(keySet(thief)), &set))
	head := func(changes ...any) string {
		h := map[string]any{}
		check(t, json.Unmarshal(raw, &h))
		for i := 0; i+1 < len(changes); i += 2 {
			h[changes[i].(string)] = changes[i+1]
		}
		text, err := json.Marshal(h)
		check(t, err)
		return base64.RawURLEncoding.EncodeToString(text) + "." + parts[1]
	}
	mac := func(key []byte) string {
		input := head("alg", "HS256")
		m := hmac.New(sha256.New, key)
		_, _ = m.Write([]byte(input))
		return input + "." + base64.RawURLEncoding.EncodeToString(m.Sum(nil))
	}
	own := func(changes ...any) string {
		input := head(append([]any{"alg", "ES256"}, changes...)...)
		digest := sha256.Sum256([]byte(input))
		r, s, err := ecdsa.Sign(rand.Reader, thief, digest[:])
		check(t, err)
		signature := make([]byte, 64)
		r.FillBytes(signature[:32])
		s.FillBytes(signature[32:])
		return input + "." + base64.RawURLEncoding.EncodeToString(signature)
	}
	return map[string]string{
		"none": head("alg", "none") + ".", "nOnE": head("alg", "nOnE") + ".", "none with the signature": head("alg", "none") + "." + parts[2],
		"HS256 with the key's DER": mac(der), "HS256 with its PEM": mac(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})), "HS256 with nothing": mac(nil),
		"its kid and another key": own(), "jwk": own("jwk", set.Keys[0]), "jku": own("jku", "https://evil.example/jwks"), "x5u": own("x5u", "https://evil.example/cert"),
		"x5c": own("x5c", []string{base64.StdEncoding.EncodeToString(der)}), "kid is a path": own("kid", "../../../../dev/null"), "kid is SQL": own("kid", "' UNION SELECT 'x"),
		"kid is an address": own("kid", "https://evil.example/jwks"), "kid is an object": own("kid", map[string]any{"a": 1}), "kid is empty": own("kid", ""),
		"r and s are zero": head("alg", "ES256") + "." + base64.RawURLEncoding.EncodeToString(make([]byte, 64)),
		"PS256 in name":    head("alg", "PS256") + "." + parts[2], "another hash in name": head("alg", "RS512") + "." + parts[2],
		"critical": own("crit", []string{"exp"}), "cut": genuine[:len(genuine)-3], "unsigned": parts[0] + "." + parts[1] + ".",
	}
}

// RFC 9068, 4: a token whose signature is not that of a published key is refused, none and HMAC among them, whatever its header names.
// RFC 9101, 6.2: so is a request object whose signature is not that of a key of the client.
// RFC 7523, 3: so is an assertion, at every endpoint.
func TestNoCounterfeitIsBelievedAtAnyDoor(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		b := h.chain()
		h.consent(h.person("bea@example.org"), "strict")
		ours, err := h.keyring.Signer(jose.RS256)
		check(t, err)
		readable := h.ask("office", exchange(b.authorize(wanting(request("office"), charts)).answer(t).Get("code")))
		access, idToken := readable["access_token"].(string), readable["id_token"].(string)
		for name, forged := range counterfeits(t, access, ours.Key().Public()) {
			if _, status := h.userinfo(forged); status != http.StatusUnauthorized {
				t.Errorf("userinfo, %s: %d", name, status)
			}
			if out := h.told(forged); out["active"] != false {
				t.Errorf("introspection, %s: %v", name, out)
			}
			if out := h.ask("hub", exchanged(forged)); out["error"] != "invalid_request" && out["error"] != "invalid_grant" || out["access_token"] != nil {
				t.Errorf("exchange, %s: %v", name, out)
			}
			if got := h.post("/revoke", url.Values{"token": {forged}}, "Authorization", basic("office", password)); got.StatusCode != http.StatusOK {
				t.Errorf("revocation, %s: %d", name, got.StatusCode)
			}
		}
		if out := h.told(access); out["active"] != true {
			t.Error("a counterfeit ended the genuine token")
		}
		for name, forged := range counterfeits(t, idToken, ours.Key().Public()) {
			if got := b.authorize(request("office", "id_token_hint", forged, "prompt", "none")).answer(t); got.Get("error") != "invalid_request" || got.Has("code") {
				t.Errorf("a hint, %s: %v", name, got)
			}
		}
		if got := b.authorize(request("office", "id_token_hint", idToken, "prompt", "none")).answer(t); got.Get("code") == "" {
			t.Errorf("the genuine hint: %v", got)
		}
		genuine := object(t, signingKey, "oauth-authz-req+jwt", objectClaims(h, "strict"))
		for name, forged := range counterfeits(t, genuine, signingKey.Public()) {
			if got := b.authorize(inObject("strict", forged)); got.StatusCode != http.StatusBadRequest || got.Header.Get("Location") != "" {
				t.Errorf("a request object, %s: %d %s", name, got.StatusCode, got.Header.Get("Location"))
			}
		}
		assertion := sign(t, signingKey, assertionClaims(h))
		for name, forged := range counterfeits(t, assertion, signingKey.Public()) {
			for _, path := range []string{"/token", "/introspect", "/revoke"} {
				form := signed("x", forged)
				form.Set("token", "x")
				if got := h.post(path, form); got.StatusCode != http.StatusUnauthorized || !strings.Contains(got.text, `"error":"invalid_client"`) {
					t.Errorf("an assertion at %s, %s: %d %s", path, name, got.StatusCode, got.text)
				}
			}
		}
		form := signed("x", assertion)
		form.Set("token", "x")
		if got := h.post("/introspect", form); got.StatusCode != http.StatusOK {
			t.Errorf("the genuine assertion: %d %s", got.StatusCode, got.text)
		}
		if p := h.push("strict", inObject("strict", genuine)); p.status != http.StatusCreated {
			t.Errorf("the genuine object: %+v", p)
		}
	})
}

// What was made for one door opens no other one.
func TestEachKindOfTokenIsOfOneKindOnly(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		b := h.chain()
		k := h.holder()
		first := h.first(b, "office")
		readable := h.ask("office", exchange(b.authorize(wanting(request("office"), charts)).answer(t).Get("code")))["access_token"].(string)
		told := h.post("/introspect", url.Values{"token": {readable}}, "Authorization", basic("gateway", password), "Accept", "application/token-introspection+jwt").text
		kinds := map[string]string{
			"opaque": first["access_token"].(string), "readable": readable, "ID token": first["id_token"].(string), "refresh token": first["refresh_token"].(string), "code": b.code("office"),
			"answer about a token": told, "assertion": sign(t, signingKey, assertionClaims(h)),
			"request object": object(t, signingKey, "oauth-authz-req+jwt", objectClaims(h, "strict")), "proof": k.proof("POST", "/token"),
		}
		doors := map[string]struct {
			opens func(token string) bool
			to    []string // the kinds that open it
		}{
			"userinfo":      {func(token string) bool { _, status := h.userinfo(token); return status == http.StatusOK }, []string{"opaque"}},
			"introspection": {func(token string) bool { return h.told(token)["active"] == true }, []string{"opaque", "readable"}},
			"exchange":      {func(token string) bool { return h.ask("hub", exchanged(token))["access_token"] != nil }, []string{"opaque", "readable"}},
			"renewal":       {func(token string) bool { return h.again("office", token)["access_token"] != nil }, []string{"refresh token"}},
			"hint": {func(token string) bool {
				return b.authorize(request("office", "id_token_hint", token, "prompt", "none")).answer(t).Has("code")
			}, []string{"ID token"}},
			"assertion": {func(token string) bool {
				return h.post("/token", signed("x", token)).StatusCode != http.StatusUnauthorized
			}, []string{"assertion"}},
			"request object": {func(token string) bool {
				return h.push("strict", inObject("strict", token)).status == http.StatusCreated
			}, []string{"request object"}},
			"code, the last": {func(token string) bool { return h.ask("office", exchange(token))["access_token"] != nil }, []string{"code"}},
		}
		for _, name := range slices.Sorted(maps.Keys(kinds)) {
			for door, d := range doors {
				if got, want := d.opens(kinds[name]), slices.Contains(d.to, name); got != want {
					t.Errorf("%s at %s: %v", name, door, got)
				}
			}
		}
	})
}

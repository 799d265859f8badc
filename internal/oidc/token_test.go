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
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"parvis/internal/jose"
	"parvis/internal/oidc/protocol"
	"parvis/internal/secret"
)

// RFC 6749, 10.5: a code is used once, however many bring it at the same time.
func TestOfManyExchangesAtOnceOneWins(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		b, _ := h.agreed("service")
		code := b.code("service")
		var mu sync.Mutex
		var wg sync.WaitGroup
		wins := 0
		for range 40 {
			wg.Go(func() {
				tok := h.asClient("service", exchange(code))
				mu.Lock()
				defer mu.Unlock()
				if tok.status == http.StatusOK {
					wins++
				} else if tok.Error != "invalid_grant" {
					t.Error(tok)
				}
			})
		}
		wg.Wait()
		if wins != 1 {
			t.Errorf("%d won", wins)
		}
	})
}

func basic(client, secret string) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(client+":"+secret))
}

func TestBothSecretsAreGoodDuringRotationAndOneAfterwards(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		b, _ := h.agreed("service")
		next := secret.NewToken()
		h.write(func(tx *tx) error {
			return h.store.RotateSecret(tx, "service", secret.Digest(next), tx.Now().Add(time.Hour))
		})
		check(t, h.registry.Refresh(t.Context()))
		both := func() (old, new int) {
			old = h.asClient("service", exchange(b.code("service"))).status
			new = h.asClient("", exchange(b.code("service"), "client_id", "service", "client_secret", next)).status
			return old, new
		}
		if old, new := both(); old != 200 || new != 200 {
			t.Errorf("during the rotation: %d, %d", old, new)
		}
		h.clock.Advance(time.Hour)
		check(t, h.registry.Refresh(t.Context()))
		b.signIn(h.person("bea@example.org"), "")
		h.consent(h.person("carl@example.org"), "service", "email")
		if old := h.asClient("service", exchange("c")); old.Error != "invalid_client" {
			t.Errorf("the former secret after its end: %+v", old)
		}
		if tok := h.asClient("", exchange("c", "client_id", "service", "client_secret", next)); tok.Error != "invalid_grant" {
			t.Errorf("the new secret: %+v", tok)
		}
	})
}

func TestRefusedTokenRequestsAreSlowedDownWithoutStoppingGoodOnes(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		b, _ := h.agreed("service")
		slowed := false
		for range 130 {
			if h.asClient("service", exchange("wrong")).status == http.StatusTooManyRequests {
				slowed = true
				break
			}
		}
		if !slowed {
			t.Error("130 wrong codes were all answered")
		}
		if tok := h.asClient("service", exchange(b.code("service"))); tok.status != http.StatusOK {
			t.Errorf("a good one: %+v", tok)
		}
	})
}

// assertionClaims are those of a good client assertion.
func assertionClaims(h *house, changes ...any) map[string]any {
	c := map[string]any{
		"iss": "signed", "sub": "signed", "aud": h.issuer, "jti": secret.NewToken(), "iat": h.clock.Now().Unix(), "exp": h.clock.Now().Add(time.Minute).Unix(),
	}
	for i := 0; i+1 < len(changes); i += 2 {
		c[changes[i].(string)] = changes[i+1]
	}
	return c
}

func sign(t *testing.T, key crypto.Signer, claims map[string]any) string {
	t.Helper()
	s, err := jose.NewSigner(jose.ES256, key)
	check(t, err)
	out, err := s.Sign("JWT", claims)
	check(t, err)
	return out
}

func signed(code, assertion string) url.Values {
	return exchange(code, "client_assertion_type", protocol.AssertionType, "client_assertion", assertion)
}

// forgeries are tokens that take their algorithm or key from themselves, or that
// other libraries have let through (CVE-2016-9122, CVE-2018-0114, CVE-2022-21449 and the like).
func forgeries(t *testing.T, claims map[string]any, public crypto.PublicKey) map[string]string {
	t.Helper()
	encode := base64.RawURLEncoding.EncodeToString
	payload, err := json.Marshal(claims)
	check(t, err)
	der, err := x509.MarshalPKIXPublicKey(public)
	check(t, err)
	own, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	check(t, err)
	ownSigner, err := jose.NewSigner(jose.ES256, own)
	check(t, err)
	ownSet, err := jose.NewKeySet(ownSigner.JWK()).JSON()
	check(t, err)
	var set struct {
		Keys []json.RawMessage `json:"keys"`
	}
	check(t, json.Unmarshal(ownSet, &set))
	raw := func(header string) string { return encode([]byte(header)) + "." + encode(payload) }
	ecSign := func(input string) string {
		digest := sha256.Sum256([]byte(input))
		r, s, err := ecdsa.Sign(rand.Reader, own, digest[:])
		check(t, err)
		sig := make([]byte, 64)
		r.FillBytes(sig[:32])
		s.FillBytes(sig[32:])
		return input + "." + encode(sig)
	}
	hs := func(key []byte) string {
		input := raw(`{"alg":"HS256","typ":"JWT"}`)
		m := hmac.New(sha256.New, key)
		_, _ = m.Write([]byte(input))
		return input + "." + encode(m.Sum(nil))
	}
	kid, err := jose.Thumbprint(public)
	check(t, err)
	good := sign(t, signingKey, claims)
	parts := strings.Split(good, ".")
	return map[string]string{
		"none":               raw(`{"alg":"none"}`) + ".",
		"nOnE":               raw(`{"alg":"nOnE"}`) + ".",
		"none, signature":    raw(`{"alg":"none"}`) + "." + parts[2],
		"no alg":             raw(`{}`) + "." + parts[2],
		"HS256 with DER":     hs(der),
		"HS256 with PEM":     hs(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})),
		"HS256 with nothing": hs(nil),
		"embedded jwk":       ecSign(raw(`{"alg":"ES256","jwk":` + string(set.Keys[0]) + `}`)),
		"jku":                ecSign(raw(`{"alg":"ES256","jku":"https://evil.example/jwks"}`)),
		"x5u":                ecSign(raw(`{"alg":"ES256","x5u":"https://evil.example/cert"}`)),
		"own key, right kid": ecSign(raw(`{"alg":"ES256","kid":"` + kid + `"}`)),
		"kid as path":        ecSign(raw(`{"alg":"ES256","kid":"../../../dev/null"}`)),
		"r = s = 0":          raw(`{"alg":"ES256"}`) + "." + encode(make([]byte, 64)),
		"empty signature":    parts[0] + "." + parts[1] + ".",
		"no signature":       parts[0] + "." + parts[1],
		"cut signature":      good[:len(good)-2],
		"other payload":      parts[0] + "." + encode([]byte(strings.Replace(string(payload), `"iss"`, `"isx"`, 1))) + "." + parts[2],
		"five parts":         good + ".a.b",
		"JSON form":          `{"payload":"` + parts[1] + `","protected":"` + parts[0] + `","signature":"` + parts[2] + `"}`,
		"many dots":          strings.Repeat(".", 5000),
		"crit":               ecSign(raw(`{"alg":"ES256","crit":["b64"],"b64":false}`)),
		"bomb":               "eyJhbGciOiJQQkVTMi1IUzI1NitBMTI4S1ciLCJwMmMiOjIwMDAwMDAwMDAsImVuYyI6IkExMjhHQ00ifQ.a.b.c.d",
	}
}

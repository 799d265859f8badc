package jose

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/hmac"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"strings"
	"testing"

	josev4 "github.com/go-jose/go-jose/v4"
)

func signer(t testing.TB, alg Algorithm) *Signer {
	t.Helper()
	key, err := Generate(alg)
	if err != nil {
		t.Fatal(err)
	}
	s, err := NewSigner(alg, key)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestASignedTokenVerifiesWithItsOwnKeyAndNoOther(t *testing.T) {
	for _, alg := range Algorithms() {
		s, other := signer(t, alg), signer(t, alg)
		token, err := s.Sign("JWT", map[string]any{"sub": "x"})
		if err != nil {
			t.Fatal(err)
		}
		payload, head, err := NewKeySet(other.JWK(), s.JWK()).Verify(token, alg)
		if err != nil || string(payload) != `{"sub":"x"}` || head.KeyID != s.KeyID() || head.Type != "jwt" {
			t.Errorf("%s: %s %+v %v", alg, payload, head, err)
		}
		if _, _, err := NewKeySet(other.JWK()).Verify(token, alg); !errors.Is(err, ErrSignature) {
			t.Errorf("%s: a foreign key verified: %v", alg, err)
		}
		if _, _, err := NewKeySet(s.JWK()).Verify(token); !errors.Is(err, ErrSignature) {
			t.Errorf("%s: verified although no algorithm was allowed: %v", alg, err)
		}
	}
}

func TestEveryChangedByteIsRefused(t *testing.T) {
	s := signer(t, ES256)
	token, err := s.Sign("JWT", map[string]any{"sub": "somebody", "aud": "a"})
	if err != nil {
		t.Fatal(err)
	}
	set := NewKeySet(s.JWK())
	for i := range token {
		for _, change := range []string{token[:i], token[:i] + flip(token[i]) + token[i+1:]} {
			if _, _, err := set.Verify(change, ES256); err == nil {
				t.Fatalf("changed at %d and still verified", i)
			}
		}
	}
	if _, _, err := set.Verify(token+"A", ES256); err == nil {
		t.Error("an extended token verified")
	}
}

// flip changes bits that base64url does not drop at the end of a part.
func flip(c byte) string {
	const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	i := strings.IndexByte(letters, c)
	if i < 0 {
		return "A"
	}
	return string(letters[(i+32)%64])
}

func forge(t *testing.T, head map[string]any, payload string, sign func(input []byte) []byte) string {
	t.Helper()
	h, err := json.Marshal(head)
	if err != nil {
		t.Fatal(err)
	}
	input := base64.RawURLEncoding.EncodeToString(h) + "." + base64.RawURLEncoding.EncodeToString([]byte(payload))
	return input + "." + base64.RawURLEncoding.EncodeToString(sign([]byte(input)))
}

func TestTheOldTricksAreRefused(t *testing.T) {
	rs, es := signer(t, RS256), signer(t, ES256)
	attacker := signer(t, ES256)
	set := NewKeySet(rs.JWK(), es.JWK())
	der, err := x509.MarshalPKIXPublicKey(rs.key.Public())
	if err != nil {
		t.Fatal(err)
	}
	public := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
	mac := func(input []byte) []byte {
		h := hmac.New(sha256.New, public)
		h.Write(input)
		return h.Sum(nil)
	}
	none := func([]byte) []byte { return nil }
	own := func(input []byte) []byte {
		sum := sha256.Sum256(input)
		key := attacker.key.(*ecdsa.PrivateKey)
		r, s, err := ecdsa.Sign(zero{}, key, sum[:])
		if err != nil {
			return make([]byte, 64)
		}
		out := make([]byte, 64)
		r.FillBytes(out[:32])
		s.FillBytes(out[32:])
		return out
	}
	jwk, err := json.Marshal(josev4.JSONWebKey{Key: attacker.key.Public()})
	if err != nil {
		t.Fatal(err)
	}
	for name, token := range map[string]string{
		"none":                    forge(t, map[string]any{"alg": "none"}, `{}`, none),
		"nOnE":                    forge(t, map[string]any{"alg": "nOnE"}, `{}`, none),
		"no algorithm":            forge(t, map[string]any{}, `{}`, none),
		"HS256 with a public key": forge(t, map[string]any{"alg": "HS256", "kid": rs.KeyID()}, `{}`, mac),
		"embedded key":            forge(t, map[string]any{"alg": "ES256", "jwk": json.RawMessage(jwk)}, `{}`, own),
		"jku":                     forge(t, map[string]any{"alg": "ES256", "jku": "https://evil.example/jwks"}, `{}`, own),
		"psychic signature":       forge(t, map[string]any{"alg": "ES256", "kid": es.KeyID()}, `{}`, func([]byte) []byte { return make([]byte, 64) }),
		"crit":                    forge(t, map[string]any{"alg": "ES256", "crit": []string{"x"}}, `{}`, own),
		"b64 false":               forge(t, map[string]any{"alg": "ES256", "b64": false}, `{}`, own),
		"wrong key type":          forge(t, map[string]any{"alg": "RS256", "kid": es.KeyID()}, `{}`, own),
		"many dots":               strings.Repeat(".", 5000),
		"too long":                strings.Repeat("A", MaxToken+1),
		"empty":                   "",
	} {
		if _, _, err := set.Verify(token, RS256, ES256); err == nil {
			t.Errorf("%s: verified", name)
		}
	}
}

type zero struct{}

func (zero) Read(p []byte) (int, error) { return len(p), nil }

func TestAKeySetGivesPublicKeysOnly(t *testing.T) {
	rs, es, ed := signer(t, RS256), signer(t, ES256), signer(t, EdDSA)
	raw, err := NewKeySet(rs.JWK(), es.JWK(), ed.JWK()).JSON()
	if err != nil {
		t.Fatal(err)
	}
	var set struct {
		Keys []map[string]any `json:"keys"`
	}
	if err := json.Unmarshal(raw, &set); err != nil || len(set.Keys) != 3 {
		t.Fatalf("%s %v", raw, err)
	}
	for _, key := range set.Keys {
		for _, private := range []string{"d", "p", "q", "dp", "dq", "qi", "k"} {
			if key[private] != nil {
				t.Errorf("the set holds the private member %s", private)
			}
		}
		if key["use"] != "sig" || key["alg"] == nil || key["kid"] == nil {
			t.Errorf("a key lacks use, alg or kid: %v", key)
		}
	}
	again, err := ParseKeySet(raw)
	if err != nil || again.Len() != 3 {
		t.Fatalf("%v %v", again, err)
	}
}

func TestPrivateWeakAndForeignKeysAreNotTaken(t *testing.T) {
	es := signer(t, ES256)
	private, err := json.Marshal(josev4.JSONWebKeySet{Keys: []josev4.JSONWebKey{{Key: es.key}}})
	if err != nil {
		t.Fatal(err)
	}
	for name, raw := range map[string]string{
		"private":   string(private),
		"symmetric": `{"keys":[{"kty":"oct","k":"AAAA"}]}`,
		"empty":     `{"keys":[]}`,
		"no set":    `[]`,
		"weak":      `{"keys":[{"kty":"RSA","e":"AQAB","n":"` + base64.RawURLEncoding.EncodeToString(append([]byte{0x80}, make([]byte, 127)...)) + `"}]}`,
		"too many":  `{"keys":[` + strings.TrimSuffix(strings.Repeat(`{"kty":"x"},`, MaxKeys+1), ",") + `]}`,
		"too long":  strings.Repeat(" ", MaxKeySet+1),
	} {
		if set, err := ParseKeySet([]byte(raw)); err == nil {
			t.Errorf("%s: taken as %d keys", name, set.Len())
		}
	}
}

func TestPrivateKeysSurviveStorage(t *testing.T) {
	for _, alg := range Algorithms() {
		s := signer(t, alg)
		raw, err := MarshalPrivate(s.key)
		if err != nil {
			t.Fatal(err)
		}
		key, err := ParsePrivate(raw)
		if err != nil {
			t.Fatal(err)
		}
		equal := key.Public().(interface{ Equal(crypto.PublicKey) bool }).Equal(s.key.Public())
		if !equal {
			t.Errorf("%s: another key came back", alg)
		}
	}
	if _, err := NewSigner(ES256, mustRSA(t)); err == nil {
		t.Error("an RSA key was taken for ES256")
	}
}

func mustRSA(t *testing.T) crypto.Signer {
	t.Helper()
	key, err := Generate(RS256)
	if err != nil {
		t.Fatal(err)
	}
	if key.(*rsa.PrivateKey).N.BitLen() != minRSA {
		t.Fatal("an RSA key of another size")
	}
	return key
}

func FuzzVerify(f *testing.F) {
	s := signer(f, ES256)
	token, err := s.Sign("JWT", map[string]any{"sub": "x"})
	if err != nil {
		f.Fatal(err)
	}
	set := NewKeySet(s.JWK())
	f.Add(token)
	f.Add("a.b.c")
	f.Fuzz(func(t *testing.T, input string) {
		payload, _, err := set.Verify(input, ES256)
		if err == nil && string(payload) != `{"sub":"x"}` {
			t.Errorf("verified %q", payload)
		}
	})
}

func FuzzParseKeySet(f *testing.F) {
	raw, err := NewKeySet(signer(f, ES256).JWK()).JSON()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(raw)
	f.Fuzz(func(t *testing.T, input []byte) {
		set, err := ParseKeySet(input)
		if err == nil && (set.Len() == 0 || set.Len() > MaxKeys) {
			t.Errorf("a set of %d keys", set.Len())
		}
	})
}

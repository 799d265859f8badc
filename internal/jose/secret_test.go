package jose

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"strings"
	"testing"
)

// mac is a compact token by HMAC, as anybody can make it.
func mac(key, head, payload string) string {
	input := base64.RawURLEncoding.EncodeToString([]byte(head)) + "." + base64.RawURLEncoding.EncodeToString([]byte(payload))
	h := hmac.New(sha256.New, []byte(key))
	_, _ = h.Write([]byte(input))
	return input + "." + base64.RawURLEncoding.EncodeToString(h.Sum(nil))
}

func TestASecretVerifiesItsOwnTokensOnly(t *testing.T) {
	key, head := strings.Repeat("s", MinSecret), `{"alg":"HS256"}`
	good := mac(key, head, `{"sub":"x"}`)
	if payload, err := VerifySecret(good, []byte(key)); err != nil || string(payload) != `{"sub":"x"}` {
		t.Fatalf("%q %v", payload, err)
	}
	es := signer(t, ES256)
	public, err := es.Sign("JWT", map[string]any{"sub": "x"})
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		token, key string
		want       error
	}{
		"another secret":       {good, strings.Repeat("t", MinSecret), ErrSignature},
		"a short secret":       {mac(key[1:], head, `{"sub":"x"}`), key[1:], ErrSignature},
		"no secret":            {mac("", head, `{"sub":"x"}`), "", ErrSignature},
		"no algorithm":         {mac(key, `{"alg":"none"}`, `{"sub":"x"}`), key, ErrSignature},
		"HS384":                {mac(key, `{"alg":"HS384"}`, `{"sub":"x"}`), key, ErrSignature},
		"a signature of a key": {public, key, ErrSignature},
		"crit":                 {mac(key, `{"alg":"HS256","crit":["x"]}`, `{"sub":"x"}`), key, ErrMalformed},
		"repeated members":     {mac(key, head, `{"sub":"x","sub":"y"}`), key, ErrMalformed},
		"changed bytes":        {mac(key, head, `{"sub":"y"}`)[:strings.LastIndex(good, ".")] + good[strings.LastIndex(good, "."):], key, ErrSignature},
		"too long":             {good + strings.Repeat("A", MaxToken), key, ErrMalformed},
		"no token":             {"a.b.c", key, ErrMalformed},
	} {
		if payload, err := VerifySecret(c.token, []byte(c.key)); !errors.Is(err, c.want) || payload != nil {
			t.Errorf("%s: %q %v", name, payload, err)
		}
	}
	// The other way round: a key set takes no secret, not even its own public key as one.
	text, err := NewKeySet(es.JWK()).JSON()
	if err != nil {
		t.Fatal(err)
	}
	for _, secret := range []string{key, string(text)} {
		if _, _, err := NewKeySet(es.JWK()).Verify(mac(secret, head, `{"sub":"x"}`), append(Algorithms(), HS256)...); !errors.Is(err, ErrSignature) {
			t.Errorf("a key set verified HS256: %v", err)
		}
	}
}

func FuzzVerifySecret(f *testing.F) {
	key := strings.Repeat("s", MinSecret)
	f.Add(mac(key, `{"alg":"HS256"}`, `{"sub":"x"}`))
	f.Add("a.b.c")
	f.Fuzz(func(t *testing.T, input string) {
		payload, err := VerifySecret(input, []byte(key))
		if err == nil && string(payload) != `{"sub":"x"}` {
			t.Errorf("verified %q", payload)
		}
	})
}

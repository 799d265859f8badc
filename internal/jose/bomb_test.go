package jose

import (
	"bytes"
	"compress/flate"
	"encoding/base64"
	"errors"
	"math"
	"strings"
	"testing"

	josev4 "github.com/go-jose/go-jose/v4"
)

// Tokens that cost their sender little and whoever read them much. Each is refused for what it
// says in its header, or by its length, before anything is computed.
func TestBombsAreRefusedBeforeTheyAreOpened(t *testing.T) {
	r, e := decryptKeys(t)
	d, err := NewDecrypter(r, e)
	if err != nil {
		t.Fatal(err)
	}
	var zipped bytes.Buffer
	w, err := flate.NewWriter(&zipped, flate.BestCompression)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(make([]byte, 64<<20)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	part := func(text string) string { return base64.RawURLEncoding.EncodeToString([]byte(text)) }
	deflated := encrypt(t, josev4.RSA_OAEP_256, josev4.A256GCM, &r.PublicKey, "", strings.Repeat("a", 1<<20), &josev4.EncrypterOptions{Compression: josev4.DEFLATE})
	if len(deflated) > MaxToken {
		t.Fatalf("the bomb of this test is refused by its length, %d", len(deflated))
	}
	for name, token := range map[string]string{
		"two billion rounds of PBKDF2": part(`{"alg":"PBES2-HS256+A128KW","enc":"A256GCM","p2s":"c2FsdHNhbHQ","p2c":2147483647}`) + "." + part("key") + "." + part("iv") + ".." + part("tag"),
		"a megabyte in a kilobyte":     deflated,
		"64 MB of zeros":               part(`{"alg":"RSA-OAEP-256","enc":"A256GCM","zip":"DEF"}`) + "." + part("key") + "." + part("iv") + "." + base64.RawURLEncoding.EncodeToString(zipped.Bytes()) + "." + part("tag"),
		"a point that is not on P-256": part(`{"alg":"ECDH-ES","enc":"A256GCM","epk":{"kty":"EC","crv":"P-256","x":"AA","y":"AA"}}`) + ".." + part("iv") + ".." + part("tag"),
		"a header of nested lists":     part(`{"alg":"ECDH-ES","enc":"A256GCM","x":`+strings.Repeat("[", 1000)+strings.Repeat("]", 1000)+`}`) + ".." + part("iv") + ".." + part("tag"),
		"a long key":                   part(`{"alg":"RSA-OAEP-256","enc":"A256GCM"}`) + "." + strings.Repeat("A", MaxToken) + "." + part("iv") + ".." + part("tag"),
	} {
		if _, err := d.Decrypt(token); !errors.Is(err, ErrEncryption) && !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: %v", name, err)
		}
	}
	s := signer(t, ES256)
	set := NewKeySet(s.JWK())
	for name, claims := range map[string]any{
		"claims over the limit": map[string]string{"x": strings.Repeat("x", MaxToken)},
		"claims nested deep":    nested(500),
	} {
		token, err := s.Sign("JWT", claims)
		if err != nil {
			t.Fatal(err)
		}
		if _, _, err := set.Verify(token, ES256); !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: %v", name, err)
		}
	}
	numbers, err := s.Sign("JWT", map[string]float64{"exp": math.MaxFloat64})
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := set.Verify(numbers, ES256); err != nil { // what it means is for who reads the claims
		t.Errorf("a huge number: %v", err)
	}
}

func nested(depth int) map[string]any {
	out := map[string]any{}
	for range depth {
		out = map[string]any{"x": out}
	}
	return out
}

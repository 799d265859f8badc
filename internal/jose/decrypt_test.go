package jose

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	josev4 "github.com/go-jose/go-jose/v4"
)

// encrypt is what a sender does with our public key.
func encrypt(t *testing.T, alg josev4.KeyAlgorithm, enc josev4.ContentEncryption, key any, kid, text string, options *josev4.EncrypterOptions) string {
	t.Helper()
	e, err := josev4.NewEncrypter(enc, josev4.Recipient{Algorithm: alg, Key: key, KeyID: kid}, options)
	if err != nil {
		t.Fatal(err)
	}
	sealed, err := e.Encrypt([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	token, err := sealed.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return token
}

func decryptKeys(t *testing.T) (*rsa.PrivateKey, *ecdsa.PrivateKey) {
	t.Helper()
	r, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	e, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return r, e
}

func TestATokenIsOpenedOnlyForOurKeysByAllowedAlgorithms(t *testing.T) {
	r, e := decryptKeys(t)
	foreign, _ := decryptKeys(t)
	d, err := NewDecrypter(r, e)
	if err != nil {
		t.Fatal(err)
	}
	for _, alg := range keyAlgorithms {
		for _, enc := range contentAlgorithms {
			var public crypto.PublicKey = &r.PublicKey
			if alg == josev4.ECDH_ES {
				public = &e.PublicKey
			}
			for _, kid := range []string{"", "theirs", d.keys[0].kid} {
				if kid == d.keys[0].kid && alg == josev4.ECDH_ES {
					kid = d.keys[1].kid
				}
				token := encrypt(t, alg, enc, public, kid, "a.b.c", nil)
				if got, err := d.Decrypt(token); err != nil || got != "a.b.c" || !Encrypted(token) {
					t.Errorf("%s %s %q: %q %v", alg, enc, kid, got, err)
				}
			}
		}
	}
	good := encrypt(t, josev4.RSA_OAEP, josev4.A256GCM, &r.PublicKey, "", "a.b.c", nil)
	for name, token := range map[string]string{
		"another key":   encrypt(t, josev4.RSA_OAEP, josev4.A256GCM, &foreign.PublicKey, "", "a.b.c", nil),
		"named wrongly": encrypt(t, josev4.RSA_OAEP, josev4.A256GCM, &foreign.PublicKey, d.keys[0].kid, "a.b.c", nil),
		"RSA1_5":        encrypt(t, josev4.RSA1_5, josev4.A256GCM, &r.PublicKey, "", "a.b.c", nil),
		"key wrapping":  encrypt(t, josev4.ECDH_ES_A256KW, josev4.A256GCM, &e.PublicKey, "", "a.b.c", nil),
		"a password":    encrypt(t, josev4.PBES2_HS256_A128KW, josev4.A256GCM, []byte("password"), "", "a.b.c", nil),
		"direct":        encrypt(t, josev4.DIRECT, josev4.A256GCM, make([]byte, 32), "", "a.b.c", nil),
		"compressed":    encrypt(t, josev4.RSA_OAEP, josev4.A256GCM, &r.PublicKey, "", "a.b.c", &josev4.EncrypterOptions{Compression: josev4.DEFLATE}),
		"cut":           good[:len(good)-4],
		"longer":        good + "AAAA",
		"signed":        "a.b.c",
		"huge":          strings.Repeat("A", MaxToken) + "....",
		"nothing":       "....",
	} {
		if got, err := d.Decrypt(token); err == nil || !errors.Is(err, ErrEncryption) && !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: %q %v", name, got, err)
		}
	}
	if _, err := (*Decrypter)(nil).Decrypt(good); err == nil {
		t.Error("opened without keys")
	}
}

func TestKeysThatAreTooWeakDecryptNothingAndNoPrivatePartIsPublished(t *testing.T) {
	r, e := decryptKeys(t)
	d, err := NewDecrypter(r, e)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := d.JSON()
	if err != nil {
		t.Fatal(err)
	}
	var set struct {
		Keys []map[string]string `json:"keys"`
	}
	if err := json.Unmarshal(raw, &set); err != nil || len(set.Keys) != 2 {
		t.Fatalf("%s %v", raw, err)
	}
	for _, key := range set.Keys {
		if key["d"] != "" || key["p"] != "" || key["use"] != "enc" || key["kid"] == "" {
			t.Errorf("%v", key)
		}
	}
	ed, err := Generate(EdDSA)
	if err != nil {
		t.Fatal(err)
	}
	p384, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range []crypto.Signer{ed, p384} {
		if _, err := NewDecrypter(key); err == nil {
			t.Errorf("a key of type %T was accepted", key)
		}
	}
}

func TestAProofOfPossessionCarriesItsKeyAndNoName(t *testing.T) {
	key, err := Generate(ES256)
	if err != nil {
		t.Fatal(err)
	}
	s, err := NewSigner(ES256, key)
	if err != nil {
		t.Fatal(err)
	}
	token, err := s.SignWithKey("dpop+jwt", map[string]string{"jti": "x"})
	if err != nil {
		t.Fatal(err)
	}
	signed, err := josev4.ParseSignedCompact(token, []josev4.SignatureAlgorithm{josev4.ES256})
	if err != nil {
		t.Fatal(err)
	}
	h := signed.Signatures[0].Protected
	if h.JSONWebKey == nil || !h.JSONWebKey.IsPublic() || h.KeyID != "" || h.ExtraHeaders["typ"] != "dpop+jwt" {
		t.Errorf("%+v", h)
	}
	if _, err := signed.Verify(h.JSONWebKey); err != nil {
		t.Error(err)
	}
}

func FuzzDecrypt(f *testing.F) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		f.Fatal(err)
	}
	d, err := NewDecrypter(key)
	if err != nil {
		f.Fatal(err)
	}
	f.Add("....")
	f.Add("eyJhbGciOiJFQ0RILUVTIiwiZW5jIjoiQTI1NkdDTSIsImVwayI6e319....")
	f.Fuzz(func(t *testing.T, token string) {
		if inside, err := d.Decrypt(token); err == nil {
			t.Errorf("opened %q as %q", token, inside)
		}
	})
}

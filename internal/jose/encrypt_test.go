package jose

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

// setOf is the key set of a reader whose keys a decrypter has.
func setOf(t *testing.T, d *Decrypter) *KeySet {
	t.Helper()
	raw, err := d.JSON()
	if err != nil {
		t.Fatal(err)
	}
	set, err := ParseKeySet(raw)
	if err != nil {
		t.Fatal(err)
	}
	return set
}

// OIDC Core, 10.2: what is signed is then encrypted, for a key with use enc, and says whose.
func TestWhatIsEncryptedIsReadByItsReaderOnly(t *testing.T) {
	rsaKey, err := Generate(RS256)
	if err != nil {
		t.Fatal(err)
	}
	ecKey, err := Generate(ES256)
	if err != nil {
		t.Fatal(err)
	}
	reader, err := NewDecrypter(rsaKey, ecKey)
	if err != nil {
		t.Fatal(err)
	}
	set := setOf(t, reader)
	if set.Len() != 0 {
		t.Error("a key for encryption verifies signatures")
	}
	signer, err := NewSigner(ES256, ecKey)
	if err != nil {
		t.Fatal(err)
	}
	// ECDH-ES+A256KW is for readers only: we take no wrapped keys ourselves.
	for _, alg := range []KeyAlgorithm{RSAOAEP256, ECDHES} {
		for _, enc := range ContentAlgorithms() {
			e, err := set.Encrypter(alg, enc)
			if err != nil {
				t.Fatal(err)
			}
			token, err := Protector{Signer: signer, Encrypter: e}.Protect("JWT", map[string]string{"sub": "canary"})
			if err != nil {
				t.Fatal(err)
			}
			h, err := readHeader(token, 4)
			if err != nil || h.Alg != string(alg) || h.Kid == "" || !Encrypted(token) || strings.Contains(token, "canary") {
				t.Errorf("%s, %s: %+v %v", alg, enc, h, err)
			}
			inside, err := reader.Decrypt(token)
			if err != nil {
				t.Fatal(err)
			}
			if _, _, err := NewKeySet(signer.JWK()).Verify(inside, ES256); err != nil {
				t.Errorf("%s, %s: %v", alg, enc, err)
			}
			bare, err := Protector{Encrypter: e}.Protect("JWT", map[string]string{"sub": "canary"})
			if err != nil {
				t.Fatal(err)
			}
			if inside, err := reader.Decrypt(bare); err != nil || inside != `{"sub":"canary"}` {
				t.Errorf("%s, %s: %q %v", alg, enc, inside, err)
			}
		}
	}
	wrapped, err := set.Encrypter(ECDHESA256KW, A256GCM)
	if err != nil {
		t.Fatal(err)
	}
	if token, err := wrapped.Encrypt("x", false); err != nil || !Encrypted(token) {
		t.Errorf("%v", err)
	}
}

func TestNothingIsEncryptedWeaklyOrForNobody(t *testing.T) {
	key, err := Generate(ES256)
	if err != nil {
		t.Fatal(err)
	}
	reader, err := NewDecrypter(key)
	if err != nil {
		t.Fatal(err)
	}
	set := setOf(t, reader)
	for _, c := range [][2]string{
		{"RSA1_5", "A128GCM"},
		{"RSA-OAEP", "A128GCM"},
		{"PBES2-HS256+A128KW", "A128GCM"},
		{"dir", "A128GCM"},
		{"A128KW", "A128GCM"},
		{"", "A128GCM"},
		{"ECDH-ES", "A192GCM"},
		{"ECDH-ES", ""},
		{"ECDH-ES", "none"},
	} {
		if _, err := set.Encrypter(KeyAlgorithm(c[0]), ContentAlgorithm(c[1])); err == nil {
			t.Errorf("%v is taken", c)
		}
	}
	if _, err := set.Encrypter(RSAOAEP256, A128GCM); !errors.Is(err, ErrNoKey) {
		t.Errorf("no RSA key: %v", err)
	}
	signer, err := NewSigner(ES256, key)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := NewKeySet(signer.JWK()).Encrypter(ECDHES, A128GCM); !errors.Is(err, ErrNoKey) {
		t.Errorf("a key for signatures: %v", err)
	}
	raw, err := reader.JSON()
	if err != nil {
		t.Fatal(err)
	}
	other := strings.Replace(string(raw), `"use":"enc"`, `"use":"enc","alg":"ECDH-ES+A128KW"`, 1)
	odd, err := ParseKeySet([]byte(other))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := odd.Encrypter(ECDHES, A128GCM); !errors.Is(err, ErrNoKey) {
		t.Errorf("a key of another algorithm: %v", err)
	}
	if _, err := ParseKeySet(fmt.Appendf(nil, `{"keys":[%s]}`, strings.Replace(string(raw[9:len(raw)-2]), `"use":"enc"`, `"use":"x"`, 1))); !errors.Is(err, ErrMalformed) {
		t.Errorf("a set without a use: %v", err)
	}
}

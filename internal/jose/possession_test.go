package jose

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	josev4 "github.com/go-jose/go-jose/v4"
)

func TestPossessionTellsWhoseKeySigned(t *testing.T) {
	for _, alg := range Algorithms() {
		key, err := Generate(alg)
		if err != nil {
			t.Fatal(err)
		}
		s, err := NewSigner(alg, key)
		if err != nil {
			t.Fatal(err)
		}
		token, err := s.SignWithKey("dpop+jwt", map[string]string{"jti": "1"})
		if err != nil {
			t.Fatal(err)
		}
		payload, thumbprint, err := Possession(token, "dpop+jwt", Algorithms()...)
		if err != nil || thumbprint != s.KeyID() || string(payload) != `{"jti":"1"}` {
			t.Errorf("%s: %s %s %v", alg, payload, thumbprint, err)
		}
		if _, _, err := Possession(token, "JWT", Algorithms()...); !errors.Is(err, ErrMalformed) {
			t.Errorf("%s, another type: %v", alg, err)
		}
		if _, _, err := Possession(token, "dpop+jwt"); !errors.Is(err, ErrSignature) {
			t.Errorf("%s, no algorithm allowed: %v", alg, err)
		}
		head, rest, _ := strings.Cut(token, ".")
		raw, _ := base64.RawURLEncoding.DecodeString(head)
		var h map[string]any
		if err := json.Unmarshal(raw, &h); err != nil {
			t.Fatal(err)
		}
		private, err := (&josev4.JSONWebKey{Key: key}).MarshalJSON()
		if err != nil {
			t.Fatal(err)
		}
		for name, jwk := range map[string]any{"a private key": json.RawMessage(private), "no key": nil, "a secret": map[string]string{"kty": "oct", "k": "c2VjcmV0"}} {
			h["jwk"] = jwk
			changed, err := json.Marshal(h)
			if err != nil {
				t.Fatal(err)
			}
			if _, _, err := Possession(base64.RawURLEncoding.EncodeToString(changed)+"."+rest, "dpop+jwt", Algorithms()...); !errors.Is(err, ErrMalformed) {
				t.Errorf("%s, %s: %v", alg, name, err)
			}
		}
	}
	if _, _, err := Possession(strings.Repeat("a", 9000)+".b.c", "dpop+jwt", ES256); !errors.Is(err, ErrMalformed) {
		t.Errorf("a long one: %v", err)
	}
}

func FuzzPossession(f *testing.F) {
	key, err := Generate(ES256)
	if err != nil {
		f.Fatal(err)
	}
	s, err := NewSigner(ES256, key)
	if err != nil {
		f.Fatal(err)
	}
	token, err := s.SignWithKey("dpop+jwt", map[string]string{"jti": "1"})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(token)
	f.Add("e30.e30.")
	f.Fuzz(func(t *testing.T, text string) {
		_, thumbprint, err := Possession(text, "dpop+jwt", Algorithms()...)
		if err == nil && len(thumbprint) != 43 {
			t.Fatal("a proof without a key")
		}
	})
}

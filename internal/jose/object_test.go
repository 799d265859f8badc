package jose

import (
	"errors"
	"strings"
	"testing"
)

func TestAnObjectWithRepeatedMembersIsMalformed(t *testing.T) {
	for text, good := range map[string]bool{
		`{}`:                                    true,
		` {"iss":"a","aud":["b",{"iss":"c"}]} `: true,
		`{"a":{"x":1,"y":[1,2,{"z":null}]},"b":true}`: true,
		`{"iss":"a","iss":"b"}`:                       false,
		`{"iss":"a","ISS":"b"}`:                       false,
		`{"iss":"a","i\u0073s":"b"}`:                  false,
		`{"iss":"a"}{}`:                               false,
		`{"iss":"a"} x`:                               false,
		`{"iss":"a"`:                                  false,
		`{"iss":}`:                                    false,
		`[]`:                                          false,
		`"x"`:                                         false,
		``:                                            false,
		"{\"a\":\"\xff\"}":                            false,
		`{"a":` + strings.Repeat("[", 40) + strings.Repeat("]", 40) + `}`: false,
		`{"a":` + strings.Repeat("[", 10) + strings.Repeat("]", 10) + `}`: true,
		`{"a":` + strings.Repeat(`{"a":`, 9000):                           false,
	} {
		if err := object([]byte(text)); (err == nil) != good || err != nil && !errors.Is(err, ErrMalformed) {
			t.Errorf("%.60s gives %v", text, err)
		}
	}
}

func TestATokenWhosePayloadIsNoObjectIsRefused(t *testing.T) {
	key, err := Generate(ES256)
	if err != nil {
		t.Fatal(err)
	}
	s, err := NewSigner(ES256, key)
	if err != nil {
		t.Fatal(err)
	}
	token, err := s.Sign("JWT", []string{"not", "claims"})
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := NewKeySet(s.JWK()).Verify(token, ES256); !errors.Is(err, ErrMalformed) {
		t.Errorf("it gives %v", err)
	}
}

package jose

import (
	"encoding/json"
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
		`{"iss":"a","iſs":"b"}`:                       false,
		`{"iſs":"a","ISS":"b"}`:                       false,
		`{"sub":"a","\u017fub":"b"}`:                  false,
		`{"kid":"a","\u212Aid":"b"}`:                  false,
		`{"straße":1,"strasse":2}`:                    true,
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

func TestMembersAreReadByTheirExactNamesOnly(t *testing.T) {
	type claims struct {
		Subject string `json:"sub,omitempty"`
		Issuer  string `json:"iss"`
		Other   string
	}
	for text, want := range map[string]claims{
		`{"sub":"s","iss":"i"}`:             {Subject: "s", Issuer: "i"},
		`{"SUB":"s","Iss":"i","Other":"o"}`: {},
		`{"\u017fub":"s","iss":"i"}`:        {Issuer: "i"},
	} {
		var got claims
		if err := Exact([]byte(text), &got); err != nil || got != want {
			t.Errorf("%s gives %+v, %v", text, got, err)
		}
	}
	for _, text := range []string{`[]`, `{"sub":1}`, `"x"`, ``} {
		if err := Exact([]byte(text), &claims{}); !errors.Is(err, ErrMalformed) {
			t.Errorf("%s gives %v", text, err)
		}
	}
}

// What passes means the same to who reads names exactly and to who reads them as
// encoding/json does.
func FuzzObject(f *testing.F) {
	f.Add([]byte(`{"sub":"a","iss":"b"}`))
	f.Add([]byte(`{"sub":"a","\u017fub":"b"}`))
	f.Add([]byte(`{"sub":"a","SUB":"b"}`))
	f.Add([]byte(`{"kid":"a","\u212Aid":"b"}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		if object(raw) != nil {
			return
		}
		var exact map[string]json.RawMessage
		if err := json.Unmarshal(raw, &exact); err != nil {
			t.Fatalf("%q passes, and is none: %v", raw, err)
		}
		var loose struct {
			Subject json.RawMessage `json:"sub"`
			Key     json.RawMessage `json:"kid"`
		}
		if err := json.Unmarshal(raw, &loose); err != nil {
			t.Fatalf("%q: %v", raw, err)
		}
		for name, got := range map[string]json.RawMessage{"sub": loose.Subject, "kid": loose.Key} {
			if want, there := exact[name]; there && string(want) != string(got) {
				t.Errorf("%q: %s is %s or %s", raw, name, want, got)
			}
		}
	})
}

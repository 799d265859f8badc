package protocol

import (
	"encoding/json"
	"strings"
	"testing"
)

var detailed = Client{Details: map[string][]string{"fee": {"amount", "for"}, "x": {"a"}}}

func askDetails(raw string) (*Request, *Error) {
	d := &draft{params: ParamsOf(map[string]string{paramDetails: raw}), client: detailed, request: &Request{}}
	return d.request, details(d)
}

// RFC 9396, 2 and 5: authorization_details is a list of objects with a type; unknown types and members, and values of a wrong form, are invalid_authorization_details.
func TestOnlyWhatIsRegisteredAndCanBeShownIsAskedOfPeople(t *testing.T) {
	good := `[ {"for":"Licence <2026>", "type":"fee","amount":{"value":12.50,"currency":"CAD"}}, {"type":"x","a":["b",true,1]} ]`
	r, bad := askDetails(good)
	if bad != nil {
		t.Fatal(bad)
	}
	shown, err := ShowDetails(r.Details, Words{"yes", "no"})
	if err != nil || len(shown) != 2 || shown[0].Type != "fee" || shown[0].Fields[0] != (ShownField{"amount", "currency: CAD, value: 12.50"}) || shown[0].Fields[1] != (ShownField{"for", "Licence <2026>"}) ||
		shown[1].Fields[0].Value != "b, yes, 1" {
		t.Errorf("%+v %v", shown, err)
	}
	for name, raw := range map[string]string{
		"no JSON": "x", "an object": `{"type":"fee"}`, "an empty list": "[]", "no type": `[{"amount":1}]`, "a type that is no text": `[{"type":1}]`,
		"an unknown type": `[{"type":"other"}]`, "an unknown member": `[{"type":"fee","to":"x"}]`, "a known one in capitals": `[{"type":"fee","Amount":1}]`, "null": `[{"type":"fee","amount":null}]`,
		"too deep": `[{"type":"x","a":[[[1]]]}]`, "too many": `[` + strings.Repeat(`{"type":"x"},`, 5) + `{"type":"x"}]`, "too long": `[{"type":"x","a":"` + strings.Repeat("a", 201) + `"}]`,
		"too long in all":    `[{"type":"x","a":["` + strings.Repeat("a", 200) + `","` + strings.Repeat(strings.Repeat("b", 190)+`","`, 6) + `"]}]`,
		"a hidden character": "[{\"type\":\"x\",\"a\":\"a\u202eb\"}]", "a line": `[{"type":"x","a":"a\nb"}]`, "more behind it": `[{"type":"x"}] []`, "a long number": `[{"type":"x","a":` + strings.Repeat("1", 33) + `}]`,
	} {
		if r, bad := askDetails(raw); bad == nil || bad.Code != InvalidDetails || bad.Where != ToClient || r.Details != "" {
			t.Errorf("%s: %v", name, bad)
		}
	}
}

// RFC 9396, 6: a token request asks for what was granted, or some of it.
func TestDetailsAreNarrowedOnly(t *testing.T) {
	r, _ := askDetails(`[{"type":"fee","amount":1,"for":"a & b"},{"type":"x","a":"b"}]`)
	for raw, want := range map[string]string{
		"": "", `[{"a":"b","type":"x"}]`: `[{"a":"b","type":"x"}]`,
	} {
		if got, bad := (TokenRequest{Details: raw}).NarrowedDetails(r.Details); bad != nil || got != want {
			t.Errorf("%s: %s %v", raw, got, bad)
		}
	}
	if _, bad := (TokenRequest{Details: `[{"for":"a & b","type":"fee","amount":1}]`}).NarrowedDetails(r.Details); bad != nil {
		t.Error(bad)
	}
	for _, raw := range []string{`[{"type":"x"}]`, `[{"type":"fee","amount":2,"for":"a & b"}]`, `[{"type":"fee","amount":1.0,"for":"a & b"}]`, "x"} {
		if got, bad := (TokenRequest{Details: raw}).NarrowedDetails(r.Details); bad == nil || got != "" {
			t.Errorf("%s: %s", raw, got)
		}
	}
	if _, bad := (TokenRequest{Details: `[{"type":"x","a":"b"}]`}).NarrowedDetails(""); bad == nil {
		t.Error("details of a grant that has none")
	}
}

func FuzzDetails(f *testing.F) {
	f.Add(`[{"type":"fee","amount":{"value":12.50,"currency":"CAD"},"for":["a"]}]`)
	f.Add(`[{"type":"x","a":"\u202e"}]`)
	f.Fuzz(func(t *testing.T, raw string) {
		r, bad := askDetails(raw)
		if bad != nil || raw == "" {
			return
		}
		shown, err := ShowDetails(r.Details, Words{"yes", "no"})
		if err != nil || !json.Valid([]byte(r.Details)) {
			t.Fatalf("%q is kept as %q, which cannot be shown: %v", raw, r.Details, err)
		}
		for _, s := range shown {
			if s.Type != "fee" && s.Type != "x" {
				t.Errorf("%q has the type %q", raw, s.Type)
			}
		}
		if again, bad := (TokenRequest{Details: r.Details}).NarrowedDetails(r.Details); len(r.Details) <= maxDetails && (bad != nil || again != r.Details) {
			t.Errorf("%q is not what it is: %q %v", r.Details, again, bad)
		}
	})
}

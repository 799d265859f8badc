package claim

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestTheClaimsParameterIsReadForWhatTheScopesOfAServiceCover(t *testing.T) {
	all := []string{ScopeOpenID, ScopeEmail, ScopeProfile}
	for _, c := range []struct {
		name, raw string
		scopes    []string
		want      Parameter
	}{
		{"single claims", `{"userinfo":{"email":null,"nonsense":{"essential":true}},"id_token":{"locale":{}}}`, all, Parameter{UserInfo: []string{Email}, IDToken: []string{Locale}}},
		{"claims of others' scopes", `{"userinfo":{"email":{"essential":true}}}`, []string{ScopeOpenID}, Parameter{}},
		{"a subject", `{"id_token":{"sub":{"value":"s"}}}`, all, Parameter{Subject: "s"}},
		{"values", `{"userinfo":{"email":{"value":"a@b"}},"id_token":{"locale":{"value":null,"values":["fr", {"x":1}]},"email":{"values":[]},"picture":{"value":"x"}}}`, all, Parameter{
			UserInfo: []string{Email}, IDToken: []string{Email, Locale},
			Values: Values{UserInfo: Only{Email: {json.RawMessage(`"a@b"`)}}, IDToken: Only{Locale: {json.RawMessage(`"fr"`), json.RawMessage(`{"x":1}`)}}},
		}},
		{"an essential class", `{"id_token":{"acr":{"essential":true,"values":["a","b"]}}}`, all, Parameter{ACR: []string{"a", "b"}, EssentialACR: true}},
		{"a class without values", `{"id_token":{"acr":{"essential":true}}}`, all, Parameter{}},
		{"unknown groups", `{"elsewhere":{"email":null}}`, all, Parameter{}},
		{"names in another case", `{"UserInfo":{"email":null}}`, all, Parameter{}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := ReadParameter(c.raw, c.scopes, false)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
	for _, raw := range []string{
		`{`, `[]`, `{"userinfo":[]}`, `{"id_token":{"acr":{"value":1}}}`, `{"id_token":{"sub":{"value":{}}}}`, `{"userinfo":{"email":{"values":"x"}}}`,
		`{"userinfo":{"email":{"values":[` + strings.Repeat(`"x",`, 20) + `"y"]}}}`, `{"x":"` + strings.Repeat("a", maxParameter) + `"}`,
	} {
		if got, err := ReadParameter(raw, all, true); err == nil {
			t.Errorf("%.40q was read as %+v", raw, got)
		}
	}
}

func FuzzReadParameter(f *testing.F) {
	for _, s := range []string{`{}`, `{"userinfo":{"email":null}}`, `{"id_token":{"acr":{"values":["a"],"essential":true},"sub":{"value":"x"}}}`, `{"userinfo":{"email":[]}}`, `{"userinfo":null}`, `{"userinfo":{"email":{"values":["<\u2028",{"b": 1,"a":[]}]}}}`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		p, err := ReadParameter(raw, Scopes, true)
		if err != nil {
			return
		}
		for _, name := range append(p.UserInfo, p.IDToken...) {
			if len(AskAbout([]string{name})) != 1 {
				t.Errorf("%q is asked for, and nobody is asked about it", name)
			}
		}
		text, err := p.KeepClaims()
		if err != nil {
			t.Fatal(err)
		}
		again, err := KeptParameter(text)
		if err != nil {
			t.Fatal(err)
		}
		if same, err := again.KeepClaims(); err != nil || same != text {
			t.Errorf("kept as %s, and then as %s %v", text, same, err)
		}
		if p.EssentialACR && len(p.ACR) == 0 {
			t.Error("a condition without a class")
		}
	})
}

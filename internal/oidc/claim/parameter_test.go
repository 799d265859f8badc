package claim

import (
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
	for _, raw := range []string{`{`, `[]`, `{"userinfo":[]}`, `{"id_token":{"acr":{"value":1}}}`, `{"id_token":{"sub":{"value":{}}}}`, `{"x":"` + strings.Repeat("a", maxParameter) + `"}`} {
		if got, err := ReadParameter(raw, all, true); err == nil {
			t.Errorf("%.40q was read as %+v", raw, got)
		}
	}
}

func FuzzReadParameter(f *testing.F) {
	for _, s := range []string{`{}`, `{"userinfo":{"email":null}}`, `{"id_token":{"acr":{"values":["a"],"essential":true},"sub":{"value":"x"}}}`, `{"userinfo":{"email":[]}}`, `{"userinfo":null}`} {
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
		if p.EssentialACR && len(p.ACR) == 0 {
			t.Error("a condition without a class")
		}
	})
}

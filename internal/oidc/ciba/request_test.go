package ciba

import (
	"testing"
	"unicode/utf8"

	"parvis/internal/oidc/protocol"
	"parvis/internal/relyingparty"
)

// What is taken has one hint, a scope, and a message that can be shown.
func FuzzReadRequest(f *testing.F) {
	f.Add("scope=openid&login_hint=a%40example.org&binding_message=W4SC&requested_expiry=60", true)
	f.Add("scope=openid+email&id_token_hint=x&acr_values=a+b", false)
	f.Add("scope=openid&login_hint=x&binding_message=a%0Ab", true)
	f.Add("scope=openid&login_hint=x&resource=urn%3Aa&claims=%7B%22userinfo%22%3A%7B%22email%22%3Anull%7D%7D", false)
	f.Fuzz(func(t *testing.T, body string, strict bool) {
		p, bad := protocol.ParseParams(body)
		if bad != nil {
			return
		}
		party := &relyingparty.RelyingParty{ID: "caller", Scopes: []string{"email"}}
		if strict {
			party.Profile = relyingparty.ProfileFAPI2
		}
		out, bad := readRequest(p, party, "https://parvis.example")
		if bad != nil {
			if bad.Code == "" || bad.Description == "" {
				t.Errorf("an error without words: %+v", bad)
			}
			return
		}
		if (out.Hint == "") == (out.LoginHint == "") || utf8.RuneCountInString(out.Message) > 100 || out.Expiry < 0 || out.Scopes[0] == "" || strict && out.Message == "" {
			t.Errorf("%+v", out)
		}
	})
}

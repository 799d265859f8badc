package protocol_test

import (
	"testing"
	"time"
	"unicode/utf8"

	"parvis/internal/oidc/protocol"
)

func FuzzReadBackchannel(f *testing.F) {
	f.Add("scope=openid&login_hint=a%40example.org&binding_message=W4SC&requested_expiry=60")
	f.Add("scope=openid+email&id_token_hint=x&acr_values=a+b")
	f.Add("scope=openid&login_hint=x&binding_message=a%0Ab")
	f.Fuzz(func(t *testing.T, body string) {
		p, bad := protocol.ParseParams(body)
		if bad != nil {
			return
		}
		b, bad := protocol.ReadBackchannel(p, "caller", []string{"email"})
		if bad != nil {
			if bad.Code == "" || bad.Description == "" {
				t.Errorf("an error without words: %+v", bad)
			}
			return
		}
		if (b.Hint == "") == (b.LoginHint == "") || utf8.RuneCountInString(b.Message) > 100 || b.Expiry < 0 || b.Scopes[0] == "" {
			t.Errorf("%+v", b)
		}
	})
}

func FuzzBackchannelObject(f *testing.F) {
	f.Add([]byte(`{"iss":"caller","aud":"https://signin.test","exp":300,"nbf":0,"iat":0,"jti":"x","scope":"openid"}`))
	f.Add([]byte(`{"iss":1}`))
	f.Fuzz(func(t *testing.T, payload []byte) {
		_, jti, expires, bad := protocol.BackchannelObject(protocol.ParamsOf(nil), payload, "caller", "https://signin.test", time.Unix(10, 0))
		if bad == nil && (jti == "bc:" || !expires.After(time.Unix(10, 0))) {
			t.Errorf("taken: %q %s", jti, expires)
		}
	})
}

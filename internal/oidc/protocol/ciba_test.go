package protocol_test

import (
	"testing"
	"time"

	"parvis/internal/oidc/protocol"
)

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

package oidc_test

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"
)

// RFC 9728, 3.1 and 3.3: the metadata stands at the well-known address with the path of the resource behind it, and names that resource.
// RFC 9728, 2: it names the authorization server, the scopes and how tokens are brought.
func TestTheUserInfoEndpointSaysWhoGivesTokensForIt(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		got := h.browser().get("/.well-known/oauth-protected-resource/userinfo")
		var meta struct {
			Resource string   `json:"resource"`
			Servers  []string `json:"authorization_servers"`
			Scopes   []string `json:"scopes_supported"`
			Methods  []string `json:"bearer_methods_supported"`
			Proofs   []string `json:"dpop_signing_alg_values_supported"`
		}
		check(t, json.Unmarshal([]byte(got.text), &meta))
		if got.StatusCode != http.StatusOK || got.Header.Get("Content-Type") != "application/json" || meta.Resource != h.issuer+"/userinfo" ||
			!slices.Equal(meta.Servers, []string{h.issuer}) || !slices.Contains(meta.Scopes, "openid") || !slices.Equal(meta.Methods, []string{"header", "body"}) || len(meta.Proofs) == 0 {
			t.Errorf("%d %s", got.StatusCode, got.text)
		}
		// RFC 9728, 5.1: a challenge says where that is, whatever is wrong with the request.
		want := `resource_metadata="` + h.issuer + `/.well-known/oauth-protected-resource/userinfo"`
		for name, headers := range map[string][]string{"no token": nil, "a wrong one": {"Authorization", "Bearer x"}, "a wrong one, bound": {"Authorization", "DPoP x"}} {
			answer := h.browser().get("/userinfo", headers...)
			for _, challenge := range answer.Header.Values("WWW-Authenticate") {
				if answer.StatusCode != http.StatusUnauthorized || !strings.Contains(challenge, want) {
					t.Errorf("%s: %d %s", name, answer.StatusCode, challenge)
				}
			}
			if len(answer.Header.Values("WWW-Authenticate")) == 0 {
				t.Errorf("%s: no challenge", name)
			}
		}
		elsewhere := h.browser().do(http.MethodPost, "/token", exchange("x"), "Authorization", basic("service", "wrong"))
		if strings.Contains(elsewhere.Header.Get("WWW-Authenticate"), "resource_metadata") {
			t.Error("the token endpoint is no protected resource")
		}
	})
}

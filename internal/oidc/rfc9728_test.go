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

// RFC 9728, 2: the resource that the metadata name can be asked for (RFC 8707), and opens what they describe.
// RFC 9728, 3.1: they are asked for by GET, and there are none of other addresses.
// RFC 9728, 3.2: they are JSON without empty members, which any origin may read.
// RFC 9728, 4: the metadata of the server name the resource.
func TestTheResourceOfTheMetadataCanBeAskedFor(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		b, _ := h.agreed("service")
		const at = "/.well-known/oauth-protected-resource/userinfo"
		got := b.get(at, "Origin", "https://app.example")
		var meta, server map[string]any
		check(t, json.Unmarshal([]byte(got.text), &meta))
		for name, value := range meta {
			if list, is := value.([]any); is && len(list) == 0 || value == nil || value == "" {
				t.Errorf("%s is empty", name)
			}
		}
		if got.Header.Get("Access-Control-Allow-Origin") != "*" {
			t.Error("no other origin may read them")
		}
		if posted := b.do(http.MethodPost, at, nil); posted.StatusCode != http.StatusMethodNotAllowed || !strings.Contains(posted.Header.Get("Allow"), http.MethodGet) {
			t.Errorf("POST: %d %q", posted.StatusCode, posted.Header.Get("Allow"))
		}
		for _, other := range []string{"/.well-known/oauth-protected-resource", "/.well-known/oauth-protected-resource/token", at + "/x"} {
			if status := b.get(other).StatusCode; status != http.StatusNotFound {
				t.Errorf("%s: %d", other, status)
			}
		}
		h.document("/.well-known/oauth-authorization-server", &server)
		resource, _ := meta["resource"].(string)
		if joined(server["protected_resources"]) != resource || resource != h.issuer+"/userinfo" {
			t.Errorf("%v and %s", server["protected_resources"], resource)
		}
		code := b.authorize(wanting(request("service"), resource)).answer(t).Get("code")
		tok := h.asClient("service", wanting(exchange(code), resource))
		if out := h.told(tok.Access); out["aud"] != resource {
			t.Fatalf("%+v %v", tok, out)
		}
		if claims, status := h.userinfo(tok.Access); status != http.StatusOK || claims["email"] != "anna@example.org" {
			t.Errorf("%d %v", status, claims)
		}
	})
}

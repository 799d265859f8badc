package registration

import (
	"encoding/json"
	"net/http"
	"reflect"
	"strings"
	"testing"
	"time"

	"parvis/internal/oidc/protocol"
	"parvis/internal/registrar"
)

// RFC 7591, 3.2.2: error_description says which value of which member it is, and what to do.
func TestARefusalSaysWhichValueItIsAndWhatToDo(t *testing.T) {
	each(t, func(h *house) {
		token := h.token("fisheries")
		uris := func(bad string) []string { return []string{callback, bad} }
		for _, c := range []struct {
			code protocol.Code
			sent map[string]any
			want string
		}{
			{protocol.InvalidRedirectURI, body("redirect_uris", uris("http://service.example/cb")), "redirect_uris[1] must be https; http is for applications on a device (application_type native) only, on 127.0.0.1, [::1] or localhost"},
			{protocol.InvalidRedirectURI, body("redirect_uris", uris("https://service.example/cb#x")), "redirect_uris[1] must not have a fragment (#)"},
			{protocol.InvalidRedirectURI, body("redirect_uris", uris("https://*.service.example/cb")), "redirect_uris[1] must not have a wildcard (*): register each address by itself"},
			{protocol.InvalidRedirectURI, body("redirect_uris", uris("/cb")), "redirect_uris[1] must be absolute: write it from the scheme on, https://host/path"},
			{protocol.InvalidRedirectURI, body("redirect_uris", uris("service.example:8443/cb")), "redirect_uris[1] must be absolute"},
			{protocol.InvalidRedirectURI, body("redirect_uris", uris("ca.example.app:/cb")), "redirect_uris[1] must be https; a scheme of its own is for applications on a device (application_type native) only"},
			{protocol.InvalidRedirectURI, body("redirect_uris", uris("HTTPS://service.example/cb")), "redirect_uris[1] must have a scheme in small letters"},
			{protocol.InvalidRedirectURI, body("redirect_uris", uris("https://service.example/a b")), "redirect_uris[1] must be plain ASCII without spaces"},
			{protocol.InvalidRedirectURI, body("redirect_uris", uris("https://anna@service.example/cb")), "redirect_uris[1] must not contain user information"},
			{protocol.InvalidRedirectURI, body("redirect_uris", uris("https://service.example/../cb")), "redirect_uris[1] must not contain . or .. in its path"},
			{protocol.InvalidRedirectURI, body("redirect_uris", uris("")), "redirect_uris[1] must not be empty"},
			{protocol.InvalidRedirectURI, body("redirect_uris", uris(issuer+"/cb")), "redirect_uris[1] must not be an address of the provider"},
			{protocol.InvalidRedirectURI, body("redirect_uris", []string{"myapp:/cb"}, "application_type", "native"), "redirect_uris[0] must have a private scheme that is a reversed domain name, such as ca.example.app"},
			{protocol.InvalidRedirectURI, body("redirect_uris", []string{"http://service.example/cb"}, "application_type", "native"), "redirect_uris[0] must be https; http only on 127.0.0.1, [::1] or localhost"},
			{protocol.InvalidRedirectURI, body("redirect_uris", nil), "redirect_uris: name at least one address"},
			{protocol.InvalidClientMetadata, body("redirect_uris", callback), "redirect_uris must be a list of texts"},
			{protocol.InvalidClientMetadata, body("default_max_age", "600"), "default_max_age must be a whole number"},
			{protocol.InvalidClientMetadata, body("require_auth_time", "yes"), "require_auth_time must be true or false"},
			{protocol.InvalidClientMetadata, body("client_name", 7), "client_name must be a text"},
			{protocol.InvalidClientMetadata, body("post_logout_redirect_uris", uris("http://service.example/bye")), "post_logout_redirect_uris[1] must be https"},
			{protocol.InvalidClientMetadata, body("contacts", []string{"a@service.example", "b\nc"}), "contacts[1] must be one line"},
			{protocol.InvalidClientMetadata, body("policy_uri#fr", "http://service.example/fr"), "policy_uri#fr must be https"},
			{protocol.InvalidClientMetadata, body("jwks_uri", "https://service.example/jwks#x"), "jwks_uri must not have a fragment (#)"},
			{protocol.InvalidClientMetadata, body("jwks_uri", "https://service.example/jwks", "request_uris", []string{"https://service.example/r#hash", "http://service.example/r"}), "request_uris[1] must be https"},
			{protocol.InvalidClientMetadata, body("grant_types", []string{"authorization_code", "client_credentials"}), "grant_types[1] is not allowed by the initial access token, which allows authorization_code"},
			{protocol.InvalidClientMetadata, body("authorization_details_types", []string{"fee"}), "authorization_details_types[0] is not allowed by the initial access token, which allows none"},
			{protocol.InvalidClientMetadata, body("response_types", []string{"code", "token"}), "response_types[1] must be code"},
			{protocol.InvalidClientMetadata, body("id_token_signed_response_alg", "HS256"), "id_token_signed_response_alg: the value is not one of RS256,"},
			{protocol.InvalidClientMetadata, body("token_endpoint_auth_method", "magic"), "token_endpoint_auth_method: the value is not one of client_secret_basic,"},
			{protocol.InvalidClientMetadata, body("token_endpoint_auth_method", "private_key_jwt"), "jwks: token_endpoint_auth_method private_key_jwt needs the service's public keys: a JSON Web Key Set here, or its address in jwks_uri"},
			{protocol.InvalidClientMetadata, body("token_endpoint_auth_method", "private_key_jwt", "jwks", map[string]any{"keys": []any{map[string]any{"kty": "oct", "k": "c2VjcmV0"}}}), "jwks: it holds a private or symmetric key; give public keys only"},
			{protocol.InvalidClientMetadata, body("token_endpoint_auth_method", "private_key_jwt", "jwks", map[string]any{"keys": "none"}), "jwks: is no JSON Web Key Set with keys that can be used (RFC 7517)"},
			{protocol.InvalidClientMetadata, body("frontchannel_logout_uri", "https://other.example/out"), "frontchannel_logout_uri: the value must have the scheme, host and port of one of redirect_uris"},
			{protocol.InvalidClientMetadata, body("id_token_encrypted_response_alg", "RSA1_5", "jwks_uri", "https://service.example/jwks"), "id_token_encrypted_response_alg: the value is not one of RSA-OAEP-256,"},
			{protocol.InvalidClientMetadata, body("client_name", strings.Repeat("n", 81), "client_name#fr", nil), "client_name: use at most 80 characters"},
		} {
			h.refused(c.want, h.register(token, c.sent), c.code, c.want)
		}
		strict := h.token("banks", func(d *registrar.Draft) { d.Terms.Profile = "fapi2" })
		h.refused("FAPI", h.register(strict, body("client_name", "Banks", "client_name#fr", nil, "token_endpoint_auth_method", "client_secret_basic")),
			protocol.InvalidClientMetadata, "token_endpoint_auth_method: the profile of the initial access token (FAPI 2.0) takes private_key_jwt, tls_client_auth and self_signed_tls_client_auth only")
	})
}

// RFC 7591, 3.2.2: error_description is ASCII; and, as RFC 6749, 5.2 has it, without quotes and backslashes. Nothing that was sent stands in it.
func TestNoRefusalRepeatsWhatWasSent(t *testing.T) {
	each(t, func(h *house) {
		const marker = "m4rk3r"
		token, refusals := h.token("fisheries"), 0
		for field := range reflect.TypeFor[metadata]().Fields() {
			member, _, _ := strings.Cut(field.Tag.Get("json"), ",")
			if member == "" {
				continue
			}
			h.clock.Advance(15 * time.Minute) // past what is counted of refused requests
			for _, value := range []any{
				marker,
				[]string{marker},
				"https://" + marker + "\"\\é",
				[]string{callback, "https://" + marker + ".example/\\"},
				"http://" + marker,
				[]string{marker + "://x"},
				map[string]any{marker: marker},
				map[string]any{"keys": []any{map[string]any{"kty": marker, "crv": marker}}},
				map[string]any{"keys": []any{map[string]any{"kty": "EC", "crv": marker, "x": marker, "y": marker}}},
			} {
				a := h.register(token, body(member, value))
				if a.status == http.StatusCreated { // a text of any kind; its name is free again
					h.manage(http.MethodDelete, a, a.str("registration_access_token"), nil)
					continue
				}
				refusals++
				said := a.str("error_description")
				if a.status != http.StatusBadRequest || said == "" || len(said) > 400 || strings.Contains(said, marker) ||
					strings.ContainsFunc(said, func(r rune) bool { return r < ' ' || r > '~' || r == '"' || r == '\\' }) {
					h.Errorf("%s: %v: %d %s", member, value, a.status, a.text)
				}
			}
		}
		if refusals < 100 {
			h.Errorf("only %d refusals", refusals)
		}
	})
}

// FuzzUnusable: an address has no reason against it exactly when people may be sent to it.
func FuzzUnusable(f *testing.F) {
	for _, uri := range []string{"", callback, "http://127.0.0.1:1/cb", "ca.example.app:/cb", "ca.example.app:", "myapp:/cb", "//x", "https:x", "localhost:80/cb", "https://é", "https://a/%2e%2e/b", "HTTPS://a"} {
		f.Add(uri, true)
		f.Add(uri, false)
	}
	f.Fuzz(func(t *testing.T, uri string, native bool) {
		good := protocol.CheckRedirectURI(uri, native) == nil && (native || strings.HasPrefix(uri, "https:"))
		if why := unusable(uri, native); (why == "") != good {
			t.Errorf("%q, native %v: %q", uri, native, why)
		}
	})
}

// OIDC Registration, 2: the answer says A128CBC-HS256 where an algorithm for the key was registered and none for the content; so do later ones, and what the operator changed.
func TestTheDefaultAlgorithmOfTheContentIsAnswered(t *testing.T) {
	each(t, func(h *house) {
		sent := []any{"jwks_uri", "https://service.example/jwks"}
		for _, one := range encrypted {
			sent = append(sent, one.key, "RSA-OAEP-256")
		}
		a := h.registered(h.token("fisheries"), body(append(sent, "userinfo_encrypted_response_enc", "A256GCM")...))
		says := func(name string, a answer) {
			h.Helper()
			for _, one := range encrypted {
				want := "A128CBC-HS256"
				if one.content == "userinfo_encrypted_response_enc" {
					want = "A256GCM"
				}
				if got := a.str(one.content); got != want {
					h.Errorf("%s: %s is %q, want %q", name, one.content, got, want)
				}
			}
		}
		says("201", a)
		rat := a.str("registration_access_token")
		read := h.manage(http.MethodGet, a, rat, nil)
		says("read", read)
		back := read.all
		for _, name := range assigned {
			delete(back, name)
		}
		says("sent back", h.manage(http.MethodPut, a, rat, back))
		if p := h.party(a); p.IDTokenSecrecy.Content != "A128CBC-HS256" {
			h.Errorf("%+v", p.IDTokenSecrecy)
		}
		plain := h.registered(h.token("boats"), body("client_name", "Boats", "client_name#fr", nil))
		for _, one := range encrypted {
			if _, there := plain.all[one.content]; there {
				h.Errorf("%s is answered where nothing is encrypted", one.content)
			}
		}
		out := map[string]any{encrypted[0].key: json.RawMessage(`"ECDH-ES"`), encrypted[1].key: json.RawMessage(`""`)}
		if withContent(out); out[encrypted[0].content] != "A128CBC-HS256" || out[encrypted[1].content] != nil {
			h.Errorf("%v", out)
		}
	})
}

package registration

import (
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"parvis/internal/oidc/claim"
	"parvis/internal/oidc/protocol"
	"parvis/internal/registrar"
	"parvis/internal/relyingparty"
)

// OIDC Registration, 5: a sector lists every redirect address, and its host is the sector.
func TestASectorIsProvenByItsList(t *testing.T) {
	each(t, func(h *house) {
		token := h.token("fisheries")
		list := func(text string) string { return h.web.publish("/sector.json", text) }
		sectored := func(uri string) answer { return h.register(token, body("sector_identifier_uri", uri)) }
		a := sectored(list(`["https://other.example/cb", "` + callback + `"]`))
		if a.status != http.StatusCreated || !strings.HasPrefix(h.party(a).Sector, "sector:registered:127.0.0.1") {
			h.Fatalf("%d %s", a.status, a.text)
		}
		two := h.registered(token, body("sector_identifier_uri", list(`["`+callback+`"]`)))
		if h.party(two).Sector != h.party(a).Sector {
			h.Error("two services of one sector know people by different subjects")
		}
		for name, uri := range map[string]string{
			"an address is missing": list(`["https://other.example/cb"]`), "not there": h.web.URL + "/nothing", "plain http": "http://127.0.0.1/sector.json",
		} {
			h.refused(name, sectored(uri), protocol.InvalidClientMetadata, "sector_identifier_uri")
		}
		for _, text := range []string{`{"a": 1}`, `null`, `[1]`, strings.Repeat("[", 70_000)} {
			h.refused("no list", sectored(list(text)), protocol.InvalidClientMetadata, "sector_identifier_uri")
		}
		// The inside of the network is no sector: nobody is called there.
		h.refused("a metadata address", sectored("https://169.254.169.254/latest"), protocol.InvalidClientMetadata, "sector_identifier_uri")
	})
}

// OIDC Registration, 2: a logo is shown; it is fetched once and kept here, so that no page calls a stranger.
func TestALogoIsKeptAndNeverCalledByAPage(t *testing.T) {
	each(t, func(h *house) {
		token := h.token("fisheries")
		png := "\x89PNG\r\n\x1a\n" + strings.Repeat("p", 100)
		a := h.registered(token, body("logo_uri", h.web.publish("/logo.png", png)))
		if p := h.party(a); string(p.LogoPNG) != png || a.str("logo_uri") == "" || h.web.calls.Load() != 1 {
			h.Errorf("%d bytes, %s", len(p.LogoPNG), a.text)
		}
		for name, uri := range map[string]string{
			"a script": h.web.publish("/logo.svg", "<svg/>"), "large": h.web.publish("/large.png", png+strings.Repeat("p", relyingparty.MaxLogo)), "not there": h.web.URL + "/none.png",
		} {
			a := h.registered(token, body("logo_uri", uri))
			if h.party(a).LogoPNG != nil || a.str("logo_uri") != "" {
				h.Errorf("%s: %s", name, a.text)
			}
		}
	})
}

// OIDC Registration, 2: every member that is registered is answered as it is registered: keys, algorithms, addresses of requests, of sign-out and of the start.
// OIDC Registration, 3.2: the answer is 201 with client_id, client_secret with client_secret_expires_at, and registration_client_uri with its token.
func TestEveryValueThatIsRegisteredIsAnswered(t *testing.T) {
	each(t, func(h *house) {
		token := h.token("fisheries", func(d *registrar.Draft) { d.Terms.PublicSubject = true })
		_, set := newStater(h)
		plain := h.registered(token, body())
		if plain.str("client_id") == "" || plain.str("client_secret") == "" || plain.all["client_secret_expires_at"] != 0.0 || plain.str("registration_access_token") == "" ||
			plain.str("registration_client_uri") != issuer+"/register/"+plain.str("client_id") {
			h.Errorf("%s", plain.text)
		}
		sent := map[string]any{
			"application_type": "web", "contacts": []string{"team@service.example", "+1 555 0100"}, "client_uri": "https://service.example/", "policy_uri": "https://service.example/privacy",
			"policy_uri#fr": "https://service.example/vie-privee", "tos_uri": "https://service.example/terms", "jwks": json.RawMessage(set), "subject_type": "public",
			"id_token_signed_response_alg": "ES256", "userinfo_signed_response_alg": "RS256", "request_object_signing_alg": "RS256", "token_endpoint_auth_method": "private_key_jwt",
			"token_endpoint_auth_signing_alg": "ES256", "default_max_age": 3600, "require_auth_time": true, "default_acr_values": []string{"urn:parvis:acr:aal2", "urn:example:other"},
			"initiate_login_uri": "https://service.example/start", "request_uris": []string{"https://service.example/request.jwt#GkurKxf5T0Y-mnPFCHqWOMiZi4VS138cQO_V7PZHAdM"},
			"post_logout_redirect_uris": []string{"https://service.example/bye"}, "frontchannel_logout_uri": "https://service.example/frame", "frontchannel_logout_session_required": true,
			"backchannel_logout_uri": "https://service.example/out", "backchannel_logout_session_required": true,
		}
		maps.Copy(sent, body())
		a := h.registered(token, sent)
		for name, want := range sent {
			if !equal(a.all[name], want) {
				h.Errorf("%s is %v, want %v", name, a.all[name], want)
			}
		}
		p := h.party(a)
		if !slices.Equal(p.DefaultACR, []string{"urn:parvis:acr:aal2", "urn:example:other"}) || len(p.ACR) > 0 || p.PolicyURL["fr"] != "https://service.example/vie-privee" ||
			p.PolicyURL["en"] != "https://service.example/privacy" || p.TermsURL["fr"] != "https://service.example/terms" || p.Support.Email != "team@service.example" {
			h.Errorf("%+v", p)
		}
		read := h.manage(http.MethodGet, a, a.str("registration_access_token"), nil)
		for name, want := range sent { // OIDC Registration, 4.3: the values are those that are registered now.
			if !equal(read.all[name], want) {
				h.Errorf("read: %s is %v, want %v", name, read.all[name], want)
			}
		}
	})
}

// OIDC Registration, 4.3: the values that a read answers are those that are registered now.
// OIDC Registration, 4.4: a read with a token that is not good answers 401 with a challenge, and says nothing of the service.
func TestAReadAnswersWhatIsRegisteredNow(t *testing.T) {
	each(t, func(h *house) {
		a := h.registered(h.token("fisheries"), body())
		put := h.manage(http.MethodPut, a, a.str("registration_access_token"), body("client_id", a.str("client_id"), "redirect_uris", []string{callback, callback + "/2"}))
		read := h.manage(http.MethodGet, a, put.str("registration_access_token"), nil)
		if !slices.Equal(read.list("redirect_uris"), []string{callback, callback + "/2"}) || read.str("client_id") != a.str("client_id") {
			h.Errorf("%s", read.text)
		}
		wrong := h.manage(http.MethodGet, a, a.str("registration_access_token")+"x", nil)
		h.refused("a wrong token", wrong, protocol.InvalidToken, "")
		if strings.Contains(wrong.text, callback) {
			h.Errorf("%s", wrong.text)
		}
	})
}

// The modules of oidcc-dynamic-certification-test-plan (response type code) that register, each
// with what its conditions ask of the answer.
func TestTheDynamicPlanRegisters(t *testing.T) {
	each(t, func(h *house) {
		token := h.token("suite", func(d *registrar.Draft) {
			d.Terms.OptionalPKCE, d.Terms.PublicSubject, d.Terms.Scopes = true, true, append(d.Terms.Scopes, claim.ScopeOffline)
		})
		_, set := newStater(h)
		of := func(changes ...any) map[string]any { // OIDCCCreateDynamicClientRegistrationRequest
			out := body(append([]any{
				"client_name", "OIDF conformance test", "client_name#fr", nil, "grant_types",
				[]string{"authorization_code"},
				"response_types",
				[]string{"code"},
				"jwks", json.RawMessage(set), "token_endpoint_auth_method", "private_key_jwt", "contacts",
				[]string{"certification@oidf.org"},
			}, changes...)...)
			return out
		}
		for name, c := range map[string]struct {
			sent map[string]any
			code protocol.Code // "": it is registered
		}{
			"OIDC Registration, 3.1: a registration with jwks is taken":                                           {of(), ""},
			"OIDC Registration, 2: id_token_signed_response_alg RS256 is taken":                                   {of("id_token_signed_response_alg", "RS256"), ""},
			"OIDC Registration, 2: id_token_signed_response_alg none is refused, for it is not supported":         {of("id_token_signed_response_alg", "none"), protocol.InvalidClientMetadata},
			"OIDC Registration, 2: userinfo_signed_response_alg RS256 is taken":                                   {of("userinfo_signed_response_alg", "RS256"), ""},
			"OIDC Registration, 2: a redirect address may have a query":                                           {of("redirect_uris", []string{callback + "?foo=bar"}), ""},
			"OIDC Registration, 3.3: a redirect address with a fragment is refused as invalid_redirect_uri":       {of("redirect_uris", []string{callback + "#foobar"}), protocol.InvalidRedirectURI},
			"OIDC Registration, 2: logo_uri is taken":                                                             {of("logo_uri", h.web.publish("/logo.png", "\x89PNG\r\n\x1a\n1")), ""},
			"OIDC Registration, 2: policy_uri is taken":                                                           {of("policy_uri", "https://suite.example/policy.html"), ""},
			"OIDC Registration, 2: tos_uri is taken":                                                              {of("tos_uri", "https://suite.example/tos.html"), ""},
			"OIDC Registration, 2: jwks_uri is taken in place of jwks":                                            {of("jwks", nil, "jwks_uri", h.web.publish("/jwks", set)), ""},
			"OIDC Registration, 2: jwks and jwks_uri exclude each other":                                          {of("jwks_uri", h.web.publish("/jwks", set)), protocol.InvalidClientMetadata},
			"OIDC Registration, 5: a sector that lists the address is taken":                                      {of("subject_type", "pairwise", "sector_identifier_uri", h.web.publish("/good.json", `["`+callback+`","https://suite.example/other"]`)), ""},
			"OIDC Registration, 5: a sector that does not list the address is refused as invalid_client_metadata": {of("subject_type", "pairwise", "sector_identifier_uri", h.web.publish("/bad.json", `["https://suite.example/other"]`)), protocol.InvalidClientMetadata},
			"OIDC Registration, 2: request_uris may have the hash of what is there as their fragment":             {of("request_uris", []string{"https://suite.example/requesturi/a#GkurKxf5T0Y-mnPFCHqWOMiZi4VS138cQO_V7PZHAdM"}, "request_object_signing_alg", "RS256"), ""},
			"OIDC Registration, 2: a service with refresh_token may ask for offline_access":                       {of("grant_types", []string{"authorization_code", "refresh_token"}), ""},
			"OIDC Registration, 2: subject_type public is taken where the operator gives it":                      {of("subject_type", "public"), ""},
			"OIDC Registration, 2: an application_type that there is not is refused":                              {of("application_type", "mainframe"), protocol.InvalidClientMetadata},
			"OIDC Registration, 2: a web application may have no redirect address of the loopback":                {of("redirect_uris", []string{"http://127.0.0.1/cb"}), protocol.InvalidRedirectURI},
			"OIDC Registration, 2: encryption with a key that the service has not is refused":                     {of("id_token_encrypted_response_alg", "RSA-OAEP-256"), protocol.InvalidClientMetadata},
			"OIDC Registration, 2: an enc without its alg is refused":                                             {of("id_token_encrypted_response_enc", "A128GCM"), protocol.InvalidClientMetadata},
			"OIDC Registration, 2: response_types of the implicit flow are refused, and answered as such":         {of("response_types", []string{"id_token token"}), protocol.InvalidClientMetadata},
			"OIDC Registration, 3.1: metadata that is not known is ignored, and not answered":                     {of("a_member_of_somebody_else", "x"), ""},
		} {
			h.Run(name, func(t *testing.T) {
				a := h.register(token, c.sent)
				if c.code != "" {
					if a.status != http.StatusBadRequest || a.str("error") != string(c.code) || a.str("error_description") == "" || a.all["client_id"] != nil {
						t.Errorf("%d %s", a.status, a.text)
					}
					return
				}
				if a.status != http.StatusCreated || a.all["client_secret"] != nil || a.all["a_member_of_somebody_else"] != nil {
					t.Fatalf("%d %s", a.status, a.text)
				}
				for member, want := range c.sent {
					if member != "a_member_of_somebody_else" && !equal(a.all[member], want) {
						t.Errorf("%s is %v, want %v", member, a.all[member], want)
					}
				}
				// At its end a module takes its client away again.
				if gone := h.manage(http.MethodDelete, a, a.str("registration_access_token"), nil); gone.status != http.StatusNoContent {
					t.Errorf("%d %s", gone.status, gone.text)
				}
			})
		}
	})
}

// OIDC Registration, 2: default_max_age 0 is taken as the least age there is, and answered so.
func TestADefaultAgeOfNothingIsTheLeastThereIs(t *testing.T) {
	each(t, func(h *house) {
		a := h.registered(h.token("fisheries"), body("default_max_age", 0))
		if a.all["default_max_age"] != 1.0 || h.party(a).MaxAge != time.Second {
			h.Errorf("%s", a.text)
		}
	})
}

package relyingparty

import (
	"slices"
	"strings"
	"testing"

	"parvis/internal/jose"
)

// FAPI 2.0 SP, 5.3.2: profile: fapi2 switches pushed requests, PKCE, private_key_jwt and bound tokens on at once.
// FAPI 2.0 SP, 5.4.1: a client of the profile signs its assertions and request objects with PS256, ES256 and EdDSA only, and its ID tokens and answers are signed with ES256 where it does not say.
func TestFAPI2ProfileSwitchesItsRulesOnAtOnce(t *testing.T) {
	_, set := signed(t)
	s := good()
	s.Profile, s.JWKS, s.Auth = "fapi2", set, ""
	p, problems := s.Build()
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	strong := []jose.Algorithm{jose.PS256, jose.ES256, jose.EdDSA}
	if !p.FAPI() || !p.RequirePushed || !p.RequirePKCE || !p.MustBind() || p.AuthMethod != AuthPrivateKeyJWT || p.IDTokenAlg != "ES256" || p.AnswerAlg != jose.ES256 {
		t.Errorf("%+v", p)
	}
	if !slices.Equal(p.AssertionAlgorithms(), strong) || !slices.Equal(p.ObjectAlgorithms(), strong) {
		t.Errorf("%v, %v", p.AssertionAlgorithms(), p.ObjectAlgorithms())
	}
	s.AuthAlg = "PS256"
	if p, problems := s.Build(); len(problems) > 0 || !slices.Equal(p.AssertionAlgorithms(), []jose.Algorithm{jose.PS256}) {
		t.Errorf("one algorithm: %v", problems)
	}
}

// FAPI 2.0 SP, 5.3.2: a registration that says otherwise is refused by name.
func TestWhatFAPI2ForbidsIsRefused(t *testing.T) {
	_, set := signed(t)
	for key, change := range map[string]func(*Settings){
		"auth":                            func(s *Settings) { s.Auth, s.JWKS = "client_secret_basic", "" },
		"pkce":                            func(s *Settings) { s.PKCE = "optional" },
		"token_endpoint_auth_signing_alg": func(s *Settings) { s.AuthAlg = "RS256" },
		"request_object_signing_alg":      func(s *Settings) { s.RequestObjectAlg = "RS256" },
		"authorization_signed_response_alg": func(s *Settings) {
			s.AnswerAlg = "RS256"
		},
		"id_token_alg":  func(s *Settings) { s.IDTokenAlg, s.AnswerAlg = "RS256", "ES256" },
		"redirect_uris": func(s *Settings) { s.RedirectURIs = []string{"http://127.0.0.1/cb"} },
		"profile":       func(s *Settings) { s.Profile = "fapi3" },
	} {
		s := good()
		s.Profile, s.JWKS, s.Auth = "fapi2", set, ""
		change(&s)
		problems := s.Problems()
		if len(problems) == 0 || !strings.Contains(problems[0], "."+key+":") {
			t.Errorf("%s: %q", key, problems)
		}
	}
	native := good()
	native.Profile, native.JWKS, native.Type, native.RedirectURIs = "fapi2", set, "native", []string{"http://127.0.0.1/cb"}
	if problems := native.Problems(); len(problems) > 0 {
		t.Errorf("a loopback address of a native application: %q", problems)
	}
}

// RFC 8705, 2.1.2: exactly one subject is registered with tls_client_auth.
func TestACertificatesSubjectIsRegisteredOnce(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*Settings)
		want   string
	}{
		"one":            {func(s *Settings) { s.Auth, s.SANDNS = "tls_client_auth", "client.example" }, ""},
		"none":           {func(s *Settings) { s.Auth = "tls_client_auth" }, "auth"},
		"two":            {func(s *Settings) { s.Auth, s.SANDNS, s.SANIP = "tls_client_auth", "client.example", "192.0.2.1" }, "auth"},
		"no DN":          {func(s *Settings) { s.Auth, s.SubjectDN = "tls_client_auth", "client" }, "tls_client_auth_subject_dn"},
		"no use":         {func(s *Settings) { s.SANEmail = "a@b.example" }, "tls_client_auth_san_email"},
		"pinned":         {func(s *Settings) { s.Auth, s.JWKSURI = "self_signed_tls_client_auth", "https://service.example/jwks" }, ""},
		"pinned nowhere": {func(s *Settings) { s.Auth = "self_signed_tls_client_auth" }, "jwks"},
		"FAPI":           {func(s *Settings) { s.Auth, s.Profile, s.SANURI = "tls_client_auth", "fapi2", "urn:client:1" }, ""},
	} {
		s := good()
		c.change(&s)
		problems := s.Problems()
		if c.want == "" && len(problems) > 0 || c.want != "" && (len(problems) != 1 || !strings.Contains(problems[0], "."+c.want+":")) {
			t.Errorf("%s: %q", name, problems)
		}
	}
}

// OIDC Registration, 2: what is signed and encrypted for a service, and with what.
func TestAlgorithmsOfAnswersAreCheckedWhenAServiceIsRegistered(t *testing.T) {
	_, set := signed(t)
	for name, c := range map[string]struct {
		change func(*Settings)
		want   string
	}{
		"signed":     {func(s *Settings) { s.UserInfoAlg, s.IDTokenAlg, s.AnswerAlg = "EdDSA", "PS256", "PS256" }, ""},
		"HS256":      {func(s *Settings) { s.UserInfoAlg = "HS256" }, "userinfo_signed_response_alg"},
		"for nobody": {func(s *Settings) { s.IDTokenKeyAlg = "ECDH-ES" }, "id_token_encrypted_response_alg"},
		"no key":     {func(s *Settings) { s.JWKS, s.IDTokenKeyAlg = set, "ECDH-ES" }, "id_token_encrypted_response_alg"},
		"fetched":    {func(s *Settings) { s.JWKSURI, s.IDTokenKeyAlg = "https://service.example/jwks", "ECDH-ES" }, ""},
		"RSA1_5":     {func(s *Settings) { s.JWKSURI, s.UserInfoKeyAlg = "https://service.example/jwks", "RSA1_5" }, "userinfo_encrypted_response_alg"},
		"A192GCM": {func(s *Settings) {
			s.JWKSURI, s.UserInfoKeyAlg, s.UserInfoContentAlg = "https://service.example/jwks", "ECDH-ES", "A192GCM"
		}, "userinfo_encrypted_response_enc"},
		"only enc": {func(s *Settings) { s.UserInfoContentAlg = "A128GCM" }, "userinfo_encrypted_response_enc"},
	} {
		s := good()
		c.change(&s)
		problems := s.Problems()
		if c.want == "" && len(problems) > 0 || c.want != "" && (len(problems) != 1 || !strings.Contains(problems[0], "."+c.want+":")) {
			t.Errorf("%s: %q", name, problems)
		}
	}
}

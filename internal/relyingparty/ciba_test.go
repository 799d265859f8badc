package relyingparty

import (
	"slices"
	"strings"
	"testing"

	"parvis/internal/i18n"
	"parvis/internal/oidc/protocol"
)

// fapi makes a service of the high-security profile that signs its requests.
func (s *Settings) fapi(alg string) {
	s.Secret, s.Profile, s.Auth, s.JWKSURI, s.BackchannelRequestAlg = "", "fapi2", "private_key_jwt", "https://service.example/jwks.json", alg
	s.PKCE = "required"
}

// CIBA, 4: ping mode needs the https address of the service, and no other mode has one.
// CIBA, 4: the settings of a client are refused where they have no meaning, and a public client cannot ask anybody.
func TestSettingsOfConfirmationsAreChecked(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*Settings)
		want   string
	}{
		"without the grant type":  {func(s *Settings) { s.GrantTypes, s.DeliveryMode = nil, "poll" }, "grant_types"},
		"public":                  {func(s *Settings) { s.Auth = "none" }, "grant_types"},
		"an unknown mode":         {func(s *Settings) { s.DeliveryMode = "push" }, "backchannel_token_delivery_mode"},
		"an unknown algorithm":    {func(s *Settings) { s.BackchannelRequestAlg = "HS256" }, "backchannel_authentication_request_signing_alg"},
		"no keys":                 {func(s *Settings) { s.BackchannelRequestAlg = "ES256" }, "backchannel_authentication_request_signing_alg"},
		"ping without an address": {func(s *Settings) { s.DeliveryMode = "ping" }, "backchannel_client_notification_endpoint"},
		"an address without ping": {func(s *Settings) { s.NotificationEndpoint = "https://service.example/told" }, "backchannel_client_notification_endpoint"},
		"an address of poll":      {func(s *Settings) { s.DeliveryMode, s.NotificationEndpoint = "poll", "https://service.example/told" }, "backchannel_client_notification_endpoint"},
		"an address without TLS":  {func(s *Settings) { s.DeliveryMode, s.NotificationEndpoint = "ping", "http://service.example/told" }, "backchannel_client_notification_endpoint"},
		"an address's fragment":   {func(s *Settings) { s.DeliveryMode, s.NotificationEndpoint = "ping", "https://service.example/told#x" }, "backchannel_client_notification_endpoint"},
		"an algorithm of FAPI":    {func(s *Settings) { s.fapi("RS256") }, "backchannel_authentication_request_signing_alg"},
		"signed, of FAPI":         {func(s *Settings) { s.fapi("PS256") }, ""},
		"ping":                    {func(s *Settings) { s.DeliveryMode, s.NotificationEndpoint = "ping", "https://service.example/told" }, ""},
		"nothing":                 {func(s *Settings) { s.DeliveryMode = "poll" }, ""},
	} {
		s := Settings{
			ID: "caller", Name: i18n.Text{"en": "Caller", "fr": "Appels"}, Department: i18n.Text{"en": "Health", "fr": "Santé"},
			GrantTypes: []string{protocol.GrantCIBA}, StartURL: "https://www.service.example/", Secret: strings.Repeat("s", 40), Support: Support{Email: "help@service.example"},
		}
		c.change(&s)
		problems := s.Problems()
		found := slices.ContainsFunc(problems, func(p string) bool { return strings.Contains(p, c.want+":") })
		if c.want != "" && !found || c.want == "" && len(problems) > 0 {
			t.Errorf("%s: %q", name, problems)
		}
	}
}

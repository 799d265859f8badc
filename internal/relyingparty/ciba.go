package relyingparty

import (
	"slices"
	"strings"

	"parvis/internal/jose"
	"parvis/internal/oidc/protocol"
)

// CIBASettings are how a partner asks people to confirm who are not in front of it (OpenID
// Connect Client-Initiated Backchannel Authentication Core 1.0, 4), with the grant type
// urn:openid:params:grant-type:ciba.
type CIBASettings struct {
	// DeliveryMode is how the service learns what a person decided that it asked by the grant type urn:openid:params:grant-type:ciba: poll (the default), it asks; ping, it is told at backchannel_client_notification_endpoint that it is worth asking.
	DeliveryMode string `yaml:"backchannel_token_delivery_mode,omitempty" json:"backchannel_token_delivery_mode,omitempty"`
	// NotificationEndpoint is the https address that a service of ping mode is told at.
	NotificationEndpoint string `yaml:"backchannel_client_notification_endpoint,omitempty" json:"backchannel_client_notification_endpoint,omitempty"`
	// BackchannelRequestAlg is the algorithm that it signs such requests with: RS256, PS256, ES256 or EdDSA; then no other is taken. Empty: it does not sign them.
	BackchannelRequestAlg string `yaml:"backchannel_authentication_request_signing_alg,omitempty" json:"backchannel_authentication_request_signing_alg,omitempty"`
}

// CIBA is the same, checked.
type CIBA struct {
	BackchannelRequestAlg jose.Algorithm // "": it does not sign
	NotificationEndpoint  string         // is told that a person has decided (ping mode); "": the service asks by itself
}

// Pinged reports whether the service is told that a person has decided.
func (c CIBA) Pinged() bool { return c.NotificationEndpoint != "" }

func (s CIBASettings) ciba() CIBA {
	return CIBA{BackchannelRequestAlg: jose.Algorithm(s.BackchannelRequestAlg), NotificationEndpoint: s.NotificationEndpoint}
}

// ciba checks how a partner asks people to confirm.
func (c *check) ciba(s Settings) {
	has := slices.Contains(s.GrantTypes, protocol.GrantCIBA)
	switch {
	case !has && s.CIBASettings != (CIBASettings{}):
		c.add("grant_types", "backchannel_token_delivery_mode, backchannel_client_notification_endpoint and backchannel_authentication_request_signing_alg need the grant type %s", protocol.GrantCIBA)
	case has && s.Auth == string(AuthNone):
		c.add("grant_types", "a public client (auth: none) cannot ask people to confirm; give it a secret or keys")
	}
	if s.DeliveryMode != "" && !slices.Contains(protocol.CIBAModes, s.DeliveryMode) {
		c.add("backchannel_token_delivery_mode", "%q is not known; use %s", s.DeliveryMode, strings.Join(protocol.CIBAModes, " or "))
	}
	c.notification(s)
	alg := jose.Algorithm(s.BackchannelRequestAlg)
	switch {
	case alg == "":
	case !slices.Contains(jose.Algorithms(), alg):
		c.add("backchannel_authentication_request_signing_alg", "%q is not known", s.BackchannelRequestAlg)
	case Profile(s.Profile) == ProfileFAPI2 && !slices.Contains(profileAlgorithms(), alg):
		c.add("backchannel_authentication_request_signing_alg", "profile: fapi2 does not take %q; use %s", s.BackchannelRequestAlg, strings.Join(names(profileAlgorithms()), ", "))
	case s.JWKS == "" && s.JWKSURI == "":
		c.add("backchannel_authentication_request_signing_alg", "needs the keys of the service: write jwks or jwks_uri")
	}
}

// notification checks where a service of ping mode is told (CIBA, 4: an HTTPS URL, required
// in ping mode).
func (c *check) notification(s Settings) {
	const key = "backchannel_client_notification_endpoint"
	at := s.NotificationEndpoint
	switch {
	case s.DeliveryMode == protocol.ModePing && at == "":
		c.add(key, "is needed by backchannel_token_delivery_mode: ping; write the https address that is told that somebody has decided")
	case s.DeliveryMode != protocol.ModePing && at != "":
		c.add(key, "has no meaning without backchannel_token_delivery_mode: ping; write that, or remove this")
	default:
		c.link(key, at)
	}
}

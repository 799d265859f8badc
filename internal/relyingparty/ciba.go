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
	// DeliveryMode is how the service learns what a person decided that it asked by the grant type urn:openid:params:grant-type:ciba: poll (the default), it asks.
	DeliveryMode string `yaml:"backchannel_token_delivery_mode,omitempty" json:"backchannel_token_delivery_mode,omitempty"`
	// BackchannelRequestAlg is the algorithm that it signs such requests with: RS256, PS256, ES256 or EdDSA; then no other is taken. Empty: it does not sign them.
	BackchannelRequestAlg string `yaml:"backchannel_authentication_request_signing_alg,omitempty" json:"backchannel_authentication_request_signing_alg,omitempty"`
}

// CIBA is the same, checked.
type CIBA struct {
	BackchannelRequestAlg jose.Algorithm // "": it does not sign
}

func (s CIBASettings) ciba() CIBA {
	return CIBA{BackchannelRequestAlg: jose.Algorithm(s.BackchannelRequestAlg)}
}

// ciba checks how a partner asks people to confirm.
func (c *check) ciba(s Settings) {
	has := slices.Contains(s.GrantTypes, protocol.GrantCIBA)
	switch {
	case !has && s.CIBASettings != (CIBASettings{}):
		c.add("grant_types", "backchannel_token_delivery_mode and backchannel_authentication_request_signing_alg need the grant type %s", protocol.GrantCIBA)
	case has && s.Auth == string(AuthNone):
		c.add("grant_types", "a public client (auth: none) cannot ask people to confirm; give it a secret or keys")
	}
	if s.DeliveryMode != "" && !slices.Contains(protocol.CIBAModes, s.DeliveryMode) {
		c.add("backchannel_token_delivery_mode", "%q is not known; use %s", s.DeliveryMode, strings.Join(protocol.CIBAModes, " or "))
	}
	alg := jose.Algorithm(s.BackchannelRequestAlg)
	switch {
	case alg == "":
	case !slices.Contains(jose.Algorithms(), alg):
		c.add("backchannel_authentication_request_signing_alg", "%q is not known", s.BackchannelRequestAlg)
	case s.JWKS == "" && s.JWKSURI == "":
		c.add("backchannel_authentication_request_signing_alg", "needs the keys of the service: write jwks or jwks_uri")
	}
}

package relyingparty

import (
	"slices"
	"strings"

	"parvis/internal/jose"
)

// Profile is a set of rules that a partner is held to all at once.
type Profile string

// The profiles.
const (
	ProfileStandard   Profile = "standard"
	ProfileFAPI2      Profile = "fapi2"      // FAPI 2.0 Security Profile
	ProfileCompatible Profile = "compatible" // what older clients send is taken, too
)

// ProtectionSettings are how a partner proves who it is, and what protects what it sends and
// is given, as far as OAuth does not demand it of everybody.
type ProtectionSettings struct {
	// Profile holds the service to a set of rules at once: standard (the default); fapi2 (FAPI 2.0 Security Profile: requests are pushed, PKCE, private_key_jwt, every token bound to a key, and PS256, ES256 or EdDSA only); compatible (client assertions may name the token endpoint as their audience, as clients of Login.gov do).
	Profile string `yaml:"profile,omitempty" json:"profile,omitempty"`
	// AuthAlg is the one algorithm that its client assertions are signed with: RS256, PS256, ES256 or EdDSA; empty takes each of them.
	AuthAlg string `yaml:"token_endpoint_auth_signing_alg,omitempty" json:"token_endpoint_auth_signing_alg,omitempty"`
}

// Protection is the same, checked.
type Protection struct {
	Profile Profile        // the rules that the partner is held to
	AuthAlg jose.Algorithm // that signs its client assertions; "" any. See AssertionAlgorithms
}

func (s ProtectionSettings) protection() Protection {
	return Protection{Profile: Profile(s.Profile), AuthAlg: jose.Algorithm(s.AuthAlg)}
}

// FAPI reports whether the partner is held to the FAPI 2.0 Security Profile.
func (p *RelyingParty) FAPI() bool { return p.Profile == ProfileFAPI2 }

// MustBind reports whether each token of the partner must be bound to a key or to a
// certificate (FAPI 2.0 Security Profile, 5.3.2.1).
func (p *RelyingParty) MustBind() bool { return p.FAPI() || p.RequireDPoP }

// AssertionAlgorithms are those that the partner may sign its client assertions with.
func (p *RelyingParty) AssertionAlgorithms() []jose.Algorithm {
	return p.algorithms(p.AuthAlg)
}

// ObjectAlgorithms are those that the partner may sign its request objects with.
func (p *RelyingParty) ObjectAlgorithms() []jose.Algorithm {
	return p.algorithms(p.RequestObjectAlg)
}

func (p *RelyingParty) algorithms(one jose.Algorithm) []jose.Algorithm {
	switch {
	case one != "":
		return []jose.Algorithm{one}
	case p.FAPI():
		return profileAlgorithms()
	}
	return jose.Algorithms()
}

// profileAlgorithms are those of FAPI 2.0 (FAPI 2.0 Security Profile, 5.4.1).
func profileAlgorithms() []jose.Algorithm {
	return []jose.Algorithm{jose.PS256, jose.ES256, jose.EdDSA}
}

// profiled sets what the profile switches on, where the settings say nothing else. What
// they say against it is for check.profile to refuse.
func (s Settings) profiled() Settings {
	if Profile(s.Profile) != ProfileFAPI2 {
		return s
	}
	if s.Auth == "" {
		s.Auth = string(AuthPrivateKeyJWT)
	}
	if s.IDTokenAlg == "" {
		s.IDTokenAlg = string(jose.ES256)
	}
	s.RequirePushed = true
	return s
}

// profile refuses what a profile does not let a partner do (FAPI 2.0 Security Profile,
// 5.3.2.1, 5.3.2.2 and 5.4.1).
func (c *check) profile(s Settings) {
	c.oneOf("profile", s.Profile, string(ProfileStandard), string(ProfileFAPI2), string(ProfileCompatible))
	if s.AuthAlg != "" {
		c.oneOf("token_endpoint_auth_signing_alg", s.AuthAlg, names(jose.Algorithms())...)
		if s.Auth != string(AuthPrivateKeyJWT) {
			c.add("token_endpoint_auth_signing_alg", "has a meaning with auth: private_key_jwt only; remove it")
		}
	}
	if Profile(s.Profile) != ProfileFAPI2 {
		return
	}
	if s.Auth != string(AuthPrivateKeyJWT) {
		c.add("auth", "profile: fapi2 takes private_key_jwt only")
	}
	if s.PKCE != "required" {
		c.add("pkce", "profile: fapi2 demands PKCE; write required")
	}
	allowed := names(profileAlgorithms())
	for key, alg := range map[string]string{
		"token_endpoint_auth_signing_alg": s.AuthAlg, "request_object_signing_alg": s.RequestObjectAlg,
		"id_token_alg": s.IDTokenAlg, "authorization_signed_response_alg": s.AnswerAlg,
	} {
		if alg != "" && !slices.Contains(allowed, alg) {
			c.add(key, "profile: fapi2 does not take %q; use %s", alg, strings.Join(allowed, ", "))
		}
	}
	for _, uri := range s.RedirectURIs {
		if s.Type != "native" && !strings.HasPrefix(uri, "https://") {
			c.add("redirect_uris", "%q: profile: fapi2 takes https only, but for native applications", uri)
		}
	}
}

func names(algs []jose.Algorithm) []string {
	var out []string
	for _, a := range algs {
		out = append(out, string(a))
	}
	return out
}

package relyingparty

import (
	"slices"
	"strings"

	"parvis/internal/clientcert"
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
	// Profile holds the service to a set of rules at once: standard (the default); fapi2 (FAPI 2.0 Security Profile: requests are pushed, PKCE, private_key_jwt or a certificate, every token bound to a key or a certificate, and PS256, ES256 or EdDSA only); compatible (client assertions may name the token endpoint as their audience, as clients of Login.gov do).
	Profile string `yaml:"profile,omitempty" json:"profile,omitempty"`
	// AuthAlg is the one algorithm that its client assertions are signed with: RS256, PS256, ES256 or EdDSA; empty takes each of them.
	AuthAlg string `yaml:"token_endpoint_auth_signing_alg,omitempty" json:"token_endpoint_auth_signing_alg,omitempty"`
	// SubjectDN is the subject of its certificate (RFC 4514, such as CN=client,O=Example,C=CA); for auth: tls_client_auth one of this and the four below.
	SubjectDN string `yaml:"tls_client_auth_subject_dn,omitempty" json:"tls_client_auth_subject_dn,omitempty"`
	// SANDNS is a DNS name of its certificate.
	SANDNS string `yaml:"tls_client_auth_san_dns,omitempty" json:"tls_client_auth_san_dns,omitempty"`
	// SANURI is a URI of its certificate.
	SANURI string `yaml:"tls_client_auth_san_uri,omitempty" json:"tls_client_auth_san_uri,omitempty"`
	// SANIP is an IP address of its certificate.
	SANIP string `yaml:"tls_client_auth_san_ip,omitempty" json:"tls_client_auth_san_ip,omitempty"`
	// SANEmail is an e-mail address of its certificate.
	SANEmail string `yaml:"tls_client_auth_san_email,omitempty" json:"tls_client_auth_san_email,omitempty"`
	// CertificateBound binds its access tokens to the certificate that it shows at the token endpoint (RFC 8705, section 3); whoever else has one can do nothing with it.
	CertificateBound bool `yaml:"tls_client_certificate_bound_access_tokens,omitempty" json:"tls_client_certificate_bound_access_tokens,omitempty"`
}

// Protection is the same, checked.
type Protection struct {
	Profile Profile        // the rules that the partner is held to
	AuthAlg jose.Algorithm // that signs its client assertions; "" any. See AssertionAlgorithms

	Subject          clientcert.Subject // of its certificate, for AuthTLS
	CertificateBound bool               // its tokens are bound to its certificate (RFC 8705)
}

// ByCertificate reports whether the partner shows who it is by a certificate.
func (p *RelyingParty) ByCertificate() bool {
	return p.AuthMethod == AuthTLS || p.AuthMethod == AuthSelfSigned
}

// BindsCertificate reports whether tokens of the partner may be bound to a certificate.
func (p *RelyingParty) BindsCertificate() bool { return p.CertificateBound || p.FAPI() }

func (s ProtectionSettings) protection() Protection {
	return Protection{
		Profile: Profile(s.Profile), AuthAlg: jose.Algorithm(s.AuthAlg), Subject: s.subject(), CertificateBound: s.CertificateBound,
	}
}

func (s ProtectionSettings) subject() clientcert.Subject {
	return clientcert.Subject{DN: s.SubjectDN, DNS: s.SANDNS, URI: s.SANURI, IP: s.SANIP, Email: s.SANEmail}
}

// certificate wants one subject with tls_client_auth, and none without (RFC 8705, 2.1.2).
func (c *check) certificate(s Settings) {
	set := s.subject().Set()
	switch {
	case s.Auth == string(AuthTLS) && len(set) != 1:
		c.add("auth", "tls_client_auth needs whose certificate it is: exactly one of tls_client_auth_subject_dn, tls_client_auth_san_dns, tls_client_auth_san_uri, tls_client_auth_san_ip and tls_client_auth_san_email")
	case s.Auth != string(AuthTLS) && len(set) > 0:
		c.add(set[0], "has a meaning with auth: tls_client_auth only; remove it")
	case len(set) == 1:
		if err := s.subject().Problem(); err != nil {
			c.add(set[0], "%v", err)
		}
	}
}

// FAPI reports whether the partner is held to the FAPI 2.0 Security Profile.
func (p *RelyingParty) FAPI() bool { return p.Profile == ProfileFAPI2 }

// MustBind reports whether each token of the partner must be bound to a key or to a
// certificate (FAPI 2.0 Security Profile, 5.3.2.1).
func (p *RelyingParty) MustBind() bool { return p.FAPI() || p.RequireDPoP || p.CertificateBound }

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
	c.certificate(s)
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
	if !slices.Contains([]string{string(AuthPrivateKeyJWT), string(AuthTLS), string(AuthSelfSigned)}, s.Auth) {
		c.add("auth", "profile: fapi2 takes private_key_jwt, tls_client_auth and self_signed_tls_client_auth only")
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

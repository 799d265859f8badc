package relyingparty

import (
	"net/url"
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
	// AuthAlg is the one algorithm that its client assertions are signed with: RS256, PS256, ES256 or EdDSA, or HS256 with client_secret_jwt; empty takes each of them.
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
	// RequestURIs are the https addresses of its request objects (RFC 9101), compared byte by byte; requests can name one of them in request_uri, and it is fetched then. Better: push requests.
	RequestURIs []string `yaml:"request_uris,omitempty" json:"request_uris,omitempty"`
	// UserInfoAlg signs what the userinfo endpoint answers: RS256, ES256, PS256 or EdDSA; empty answers in JSON.
	UserInfoAlg string `yaml:"userinfo_signed_response_alg,omitempty" json:"userinfo_signed_response_alg,omitempty"`
	// IDTokenKeyAlg encrypts ID tokens for a key of the service (use enc) with RSA-OAEP-256, ECDH-ES or ECDH-ES+A256KW; empty does not.
	IDTokenKeyAlg string `yaml:"id_token_encrypted_response_alg,omitempty" json:"id_token_encrypted_response_alg,omitempty"`
	// IDTokenContentAlg encrypts them with A128CBC-HS256 (the default), A128GCM or A256GCM.
	IDTokenContentAlg string `yaml:"id_token_encrypted_response_enc,omitempty" json:"id_token_encrypted_response_enc,omitempty"`
	// AnswerKeyAlg encrypts what is answered to response_mode=jwt, after it was signed, in the same way.
	AnswerKeyAlg string `yaml:"authorization_encrypted_response_alg,omitempty" json:"authorization_encrypted_response_alg,omitempty"`
	// AnswerContentAlg encrypts it with A128CBC-HS256 (the default), A128GCM or A256GCM.
	AnswerContentAlg string `yaml:"authorization_encrypted_response_enc,omitempty" json:"authorization_encrypted_response_enc,omitempty"`
	// UserInfoKeyAlg encrypts what the userinfo endpoint answers, in the same way.
	UserInfoKeyAlg string `yaml:"userinfo_encrypted_response_alg,omitempty" json:"userinfo_encrypted_response_alg,omitempty"`
	// UserInfoContentAlg encrypts it with A128CBC-HS256 (the default), A128GCM or A256GCM.
	UserInfoContentAlg string `yaml:"userinfo_encrypted_response_enc,omitempty" json:"userinfo_encrypted_response_enc,omitempty"`
	// IntrospectionAlg signs the answers about tokens that are asked for as a JWT (RFC 9701): RS256 (the default; with profile: fapi2 it is id_token_alg), ES256, PS256 or EdDSA.
	IntrospectionAlg string `yaml:"introspection_signed_response_alg,omitempty" json:"introspection_signed_response_alg,omitempty"`
	// IntrospectionKeyAlg encrypts these answers after they were signed, as ID tokens are; empty does not.
	IntrospectionKeyAlg string `yaml:"introspection_encrypted_response_alg,omitempty" json:"introspection_encrypted_response_alg,omitempty"`
	// IntrospectionContentAlg encrypts them with A128CBC-HS256 (the default), A128GCM or A256GCM.
	IntrospectionContentAlg string `yaml:"introspection_encrypted_response_enc,omitempty" json:"introspection_encrypted_response_enc,omitempty"`
}

// Protection is the same, checked.
type Protection struct {
	Profile Profile        // the rules that the partner is held to
	AuthAlg jose.Algorithm // that signs its client assertions; "" any. See AssertionAlgorithms

	Subject          clientcert.Subject // of its certificate, for AuthTLS
	CertificateBound bool               // its tokens are bound to its certificate (RFC 8705)

	UserInfoAlg          jose.Algorithm // that signs what userinfo answers; "": it answers in JSON
	IDTokenSecrecy       Secrecy
	UserInfoSecrecy      Secrecy
	AnswerSecrecy        Secrecy        // of answers by response_mode=jwt
	IntrospectionAlg     jose.Algorithm // that was registered for answers about tokens; see InspectionAlgorithm
	IntrospectionSecrecy Secrecy
	RequestURIs          []string // of its request objects, exact
}

// Secrecy is how something is encrypted for a partner; the zero value does not.
type Secrecy struct {
	Key     jose.KeyAlgorithm
	Content jose.ContentAlgorithm
}

func secrecy(alg, enc string) Secrecy {
	if alg != "" && enc == "" {
		enc = string(jose.ContentAlgorithms()[0])
	}
	return Secrecy{Key: jose.KeyAlgorithm(alg), Content: jose.ContentAlgorithm(enc)}
}

// requestURIs wants plain https addresses, and keys that the objects there are verified with
// (RFC 9101, 5.2 and 10.4). A fragment tells one content from another, most often by its hash
// (OpenID Connect Dynamic Client Registration 1.0, 2); nothing that was fetched is kept.
func (c *check) requestURIs(s Settings) {
	if len(s.RequestURIs) > 0 && s.JWKS == "" && s.JWKSURI == "" {
		c.add("request_uris", "needs the service's public keys: jwks, or their address in jwks_uri")
	}
	if len(s.RequestURIs) > maxRequestURIs {
		c.add("request_uris", "name at most %d addresses", maxRequestURIs)
	}
	for _, uri := range s.RequestURIs {
		if u, err := url.Parse(uri); err != nil || u.Scheme != "https" || u.Host == "" || u.User != nil || len(uri) > 512 {
			c.add("request_uris", "%q is no https address of at most 512 bytes", uri)
		}
	}
}

// maxRequestURIs is how many addresses of request objects a partner can have.
const maxRequestURIs = 20

// SigningAlgorithms are those that something for the partner is signed with.
func (p *RelyingParty) SigningAlgorithms() []jose.Algorithm {
	out := []jose.Algorithm{jose.Algorithm(p.IDTokenAlg), p.AnswerAlg}
	if p.UserInfoAlg != "" {
		out = append(out, p.UserInfoAlg)
	}
	if p.IntrospectionAlg != "" {
		out = append(out, p.IntrospectionAlg)
	}
	return out
}

// InspectionAlgorithm signs what the partner is told of tokens in a JWT: RS256 unless something
// else is registered (RFC 9701, 6), which the profile of FAPI does not take.
func (p *RelyingParty) InspectionAlgorithm() jose.Algorithm {
	switch {
	case p.IntrospectionAlg != "":
		return p.IntrospectionAlg
	case p.FAPI():
		return jose.Algorithm(p.IDTokenAlg)
	}
	return jose.RS256
}

// secrecy refuses algorithms that there are not, and to encrypt for nobody.
func (c *check) secrecy(s Settings) {
	if s.UserInfoAlg != "" {
		c.oneOf("userinfo_signed_response_alg", s.UserInfoAlg, names(jose.Algorithms())...)
	}
	if s.IntrospectionAlg != "" {
		c.oneOf("introspection_signed_response_alg", s.IntrospectionAlg, names(jose.Algorithms())...)
	}
	for _, one := range []struct{ key, alg, enc string }{
		{"id_token_encrypted_response", s.IDTokenKeyAlg, s.IDTokenContentAlg},
		{"userinfo_encrypted_response", s.UserInfoKeyAlg, s.UserInfoContentAlg},
		{"authorization_encrypted_response", s.AnswerKeyAlg, s.AnswerContentAlg},
		{"introspection_encrypted_response", s.IntrospectionKeyAlg, s.IntrospectionContentAlg},
	} {
		switch {
		case one.alg == "" && one.enc != "":
			c.add(one.key+"_enc", "has a meaning with %s_alg only", one.key)
			continue
		case one.alg == "":
			continue
		case s.JWKS == "" && s.JWKSURI == "":
			c.add(one.key+"_alg", "needs a public key of the service with use enc, in jwks or behind jwks_uri")
			continue
		}
		how := secrecy(one.alg, one.enc)
		if !slices.Contains(jose.KeyAlgorithms(), how.Key) {
			c.add(one.key+"_alg", "%q is not one of RSA-OAEP-256, ECDH-ES, ECDH-ES+A256KW", one.alg)
			continue
		}
		if !slices.Contains(jose.ContentAlgorithms(), how.Content) {
			c.add(one.key+"_enc", "%q is not one of A128CBC-HS256, A128GCM, A256GCM", one.enc)
			continue
		}
		if set, err := jose.ParseKeySet([]byte(s.JWKS)); s.JWKS != "" && err == nil {
			if _, err := set.Encrypter(how.Key, how.Content); err != nil {
				c.add(one.key+"_alg", "jwks holds no key with use enc that fits %s", one.alg)
			}
		}
	}
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
		RequestURIs: slices.Clone(s.RequestURIs),
		UserInfoAlg: jose.Algorithm(s.UserInfoAlg), IDTokenSecrecy: secrecy(s.IDTokenKeyAlg, s.IDTokenContentAlg), UserInfoSecrecy: secrecy(s.UserInfoKeyAlg, s.UserInfoContentAlg),
		AnswerSecrecy:    secrecy(s.AnswerKeyAlg, s.AnswerContentAlg),
		IntrospectionAlg: jose.Algorithm(s.IntrospectionAlg), IntrospectionSecrecy: secrecy(s.IntrospectionKeyAlg, s.IntrospectionContentAlg),
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
	c.secrecy(s)
	c.requestURIs(s)
	c.oneOf("profile", s.Profile, string(ProfileStandard), string(ProfileFAPI2), string(ProfileCompatible))
	if s.AuthAlg != "" {
		switch AuthMethod(s.Auth) {
		case AuthPrivateKeyJWT:
			c.oneOf("token_endpoint_auth_signing_alg", s.AuthAlg, names(jose.Algorithms())...)
		case AuthSecretJWT:
			c.oneOf("token_endpoint_auth_signing_alg", s.AuthAlg, jose.HS256)
		default:
			c.add("token_endpoint_auth_signing_alg", "has a meaning with auth: private_key_jwt and client_secret_jwt only; remove it")
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
		"userinfo_signed_response_alg": s.UserInfoAlg, "introspection_signed_response_alg": s.IntrospectionAlg,
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

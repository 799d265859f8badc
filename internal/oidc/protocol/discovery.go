package protocol

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"parvis/internal/jose"
)

// The paths of the endpoints below the issuer.
const (
	PathAuthorize = "/authorize"
	PathFinish    = "/authorize/finish/{flow}"
	PathCancel    = "/authorize/cancel/{flow}"
	PathPush      = "/par"
	PathToken     = "/token"
	PathRevoke    = "/revoke"
	PathInspect   = "/introspect"
	PathUserInfo  = "/userinfo"
	PathJWKS      = "/jwks.json"
	PathLogout    = "/logout"
	PathDiscovery = "/.well-known/openid-configuration"
	PathMetadata  = "/.well-known/oauth-authorization-server"
	PathRegister  = "/register" // and below it, each registration
)

// ForPrograms reports whether a path is that of an endpoint which services call themselves.
func ForPrograms(path string) bool {
	switch path {
	case PathPush, PathDeviceAuthorization, PathCIBA, PathToken, PathRevoke, PathInspect, PathUserInfo, PathJWKS, PathDiscovery, PathMetadata, PathResource:
		return true
	}
	return path == PathRegister || strings.HasPrefix(path, PathRegister+"/")
}

// Metadata is the discovery document (OpenID Connect Discovery 1.0, 3; RFC 8414, 2; RFC 9207, 3; RFC 9126, 5; RFC 9101, 9; RFC 7591, 3; JWT Secured Authorization Response Mode, 4).
type Metadata struct {
	Issuer               string            `json:"issuer"`
	Authorization        string            `json:"authorization_endpoint"`
	Token                string            `json:"token_endpoint"`
	UserInfo             string            `json:"userinfo_endpoint"`
	Revocation           string            `json:"revocation_endpoint"`
	RevocationMethods    []string          `json:"revocation_endpoint_auth_methods_supported"`
	RevocationAlgs       []string          `json:"revocation_endpoint_auth_signing_alg_values_supported"`
	Introspection        string            `json:"introspection_endpoint"`
	IntrospectionMethods []string          `json:"introspection_endpoint_auth_methods_supported"`
	IntrospectionAlgs    []string          `json:"introspection_endpoint_auth_signing_alg_values_supported"`
	IntrospectionSigned  []string          `json:"introspection_signing_alg_values_supported"` // RFC 9701, 7
	IntrospectionKeyAlgs []string          `json:"introspection_encryption_alg_values_supported,omitempty"`
	IntrospectionEncs    []string          `json:"introspection_encryption_enc_values_supported,omitempty"`
	Resources            []string          `json:"protected_resources"` // RFC 9728, 4: those of our own
	Push                 string            `json:"pushed_authorization_request_endpoint"`
	Device               string            `json:"device_authorization_endpoint"`
	CIBA                 string            `json:"backchannel_authentication_endpoint"` // CIBA, 4
	CIBAModes            []string          `json:"backchannel_token_delivery_modes_supported"`
	CIBAAlgs             []string          `json:"backchannel_authentication_request_signing_alg_values_supported"`
	CIBAUserCode         bool              `json:"backchannel_user_code_parameter_supported"`
	JWKS                 string            `json:"jwks_uri"`
	Registration         string            `json:"registration_endpoint,omitempty"`
	EndSession           string            `json:"end_session_endpoint"`
	BackLogout           bool              `json:"backchannel_logout_supported"`
	BackLogoutSession    bool              `json:"backchannel_logout_session_supported"`
	FrontLogout          bool              `json:"frontchannel_logout_supported"`
	FrontLogoutSession   bool              `json:"frontchannel_logout_session_supported"`
	Scopes               []string          `json:"scopes_supported"`
	ResponseTypes        []string          `json:"response_types_supported"`
	ResponseModes        []string          `json:"response_modes_supported"`
	GrantTypes           []string          `json:"grant_types_supported"`
	ACRValues            []string          `json:"acr_values_supported,omitempty"`
	SubjectTypes         []string          `json:"subject_types_supported"`
	IDTokenAlgs          []string          `json:"id_token_signing_alg_values_supported"`
	IDTokenKeyAlgs       []string          `json:"id_token_encryption_alg_values_supported,omitempty"`
	IDTokenContentAlgs   []string          `json:"id_token_encryption_enc_values_supported,omitempty"`
	UserInfoAlgs         []string          `json:"userinfo_signing_alg_values_supported,omitempty"`
	UserInfoKeyAlgs      []string          `json:"userinfo_encryption_alg_values_supported,omitempty"`
	UserInfoContentAlgs  []string          `json:"userinfo_encryption_enc_values_supported,omitempty"`
	AuthMethods          []string          `json:"token_endpoint_auth_methods_supported"`
	AuthAlgs             []string          `json:"token_endpoint_auth_signing_alg_values_supported"`
	Claims               []string          `json:"claims_supported"`
	ClaimTypes           []string          `json:"claim_types_supported"`
	VerifiedClaims       bool              `json:"verified_claims_supported,omitempty"` // OpenID Connect for Identity Assurance 1.0, 8
	TrustFrameworks      []string          `json:"trust_frameworks_supported,omitempty"`
	AssuredClaims        []string          `json:"claims_in_verified_claims_supported,omitempty"`
	ClaimsParameter      bool              `json:"claims_parameter_supported"`
	RequestParameter     bool              `json:"request_parameter_supported"`
	RequestURIParameter  bool              `json:"request_uri_parameter_supported"`
	RequestURIRegistered bool              `json:"require_request_uri_registration"`
	RequestAlgs          []string          `json:"request_object_signing_alg_values_supported"`
	ProofAlgs            []string          `json:"dpop_signing_alg_values_supported"`
	CertificateBound     bool              `json:"tls_client_certificate_bound_access_tokens"`
	Aliases              map[string]string `json:"mtls_endpoint_aliases,omitempty"` // RFC 8705, 5
	AnswerAlgs           []string          `json:"authorization_signing_alg_values_supported"`
	AnswerKeyAlgs        []string          `json:"authorization_encryption_alg_values_supported,omitempty"`
	AnswerContentAlgs    []string          `json:"authorization_encryption_enc_values_supported,omitempty"`
	DetailTypes          []string          `json:"authorization_details_types_supported,omitempty"` // RFC 9396, 10
	PKCEMethods          []string          `json:"code_challenge_methods_supported"`
	IssParameter         bool              `json:"authorization_response_iss_parameter_supported"`
	PromptValues         []string          `json:"prompt_values_supported"`
	UILocales            []string          `json:"ui_locales_supported,omitempty"`
	ServiceDocumentation string            `json:"service_documentation,omitempty"`
	PolicyURI            string            `json:"op_policy_uri,omitempty"`
	TermsURI             string            `json:"op_tos_uri,omitempty"`
}

// SecretJWT adds assertions that are signed with a client secret (OpenID Connect Core 1.0, 9),
// where a deployment takes them.
func (m *Metadata) SecretJWT(on bool) {
	if !on {
		return
	}
	for _, list := range []*[]string{&m.AuthMethods, &m.RevocationMethods, &m.IntrospectionMethods} {
		*list = append(slices.Clone(*list), MethodSecretJWT)
	}
	for _, list := range []*[]string{&m.AuthAlgs, &m.RevocationAlgs, &m.IntrospectionAlgs} {
		*list = append(slices.Clone(*list), jose.HS256)
	}
}

// OwnClaims are the claims of ID tokens that tell of the sign-in, and not of the person.
func OwnClaims() []string {
	return []string{"sub", "iss", "aud", "exp", "iat", "auth_time", "nonce", "acr", "amr", "sid"}
}

// Discovery is the document's bytes for an issuer, after what else a deployment says.
func Discovery(issuer string, locales, acrValues, assertionAlgs, proofAlgs []string, more ...func(*Metadata)) ([]byte, error) {
	methods := []string{MethodBasic, MethodPost, MethodPrivateKeyJWT, MethodNone} // the last is nobody's who asks about tokens
	m := Metadata{
		Issuer: issuer, Authorization: issuer + PathAuthorize, Token: issuer + PathToken, UserInfo: issuer + PathUserInfo,
		Revocation: issuer + PathRevoke, RevocationMethods: methods, RevocationAlgs: assertionAlgs,
		Introspection: issuer + PathInspect, IntrospectionMethods: methods[:3], IntrospectionAlgs: assertionAlgs, IntrospectionSigned: []string{"RS256", "ES256"}, Resources: []string{issuer + PathUserInfo},
		Push: issuer + PathPush, RequestParameter: true, RequestURIParameter: true, RequestURIRegistered: true, RequestAlgs: assertionAlgs, ProofAlgs: proofAlgs, AnswerAlgs: []string{"RS256", "ES256"},
		CIBA: issuer + PathCIBA, CIBAModes: CIBAModes, CIBAAlgs: assertionAlgs,
		Device: issuer + PathDeviceAuthorization, JWKS: issuer + PathJWKS, EndSession: issuer + PathLogout, BackLogout: true, BackLogoutSession: true, FrontLogout: true, FrontLogoutSession: true,
		ResponseTypes: []string{"code"}, ResponseModes: []string{ModeQuery, ModeFormPost, ModeJWT, ModeQueryJWT, ModeFormPostJWT},
		GrantTypes: GrantTypes, ACRValues: acrValues, SubjectTypes: []string{"pairwise", "public"},
		IDTokenAlgs: []string{"RS256", "ES256"}, AuthMethods: methods,
		AuthAlgs:   assertionAlgs,
		ClaimTypes: []string{"normal"}, ClaimsParameter: true, PKCEMethods: []string{"S256"}, IssParameter: true,
		PromptValues: []string{"none", "login", "consent", "select_account", "create"}, UILocales: locales,
		PolicyURI: issuer + "/privacy", TermsURI: issuer + "/terms",
	}
	for _, change := range more {
		change(&m)
	}
	out, err := json.Marshal(m)
	if err != nil {
		return nil, fmt.Errorf("protocol: discovery: %w", err)
	}
	return out, nil
}

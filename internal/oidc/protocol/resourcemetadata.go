package protocol

import (
	"encoding/json"
	"fmt"
)

// PathResource is where the metadata of the UserInfo endpoint is, as of a protected resource:
// the well-known part stands before the path of the resource (RFC 9728, 3.1).
const PathResource = "/.well-known/oauth-protected-resource" + PathUserInfo

// ResourceMetadata is what a protected resource says of itself (RFC 9728, 2).
type ResourceMetadata struct {
	Resource      string   `json:"resource"`
	Servers       []string `json:"authorization_servers"`
	JWKS          string   `json:"jwks_uri,omitempty"`
	Scopes        []string `json:"scopes_supported"`
	BearerMethods []string `json:"bearer_methods_supported"`
	ProofAlgs     []string `json:"dpop_signing_alg_values_supported"`
	Certificates  bool     `json:"tls_client_certificate_bound_access_tokens,omitempty"`
	PolicyURI     string   `json:"resource_policy_uri,omitempty"`
	TermsURI      string   `json:"resource_tos_uri,omitempty"`
}

// UserInfoResource is the metadata's bytes of the UserInfo endpoint of an issuer, which takes tokens of some scopes.
func UserInfoResource(issuer string, proofAlgs []string, certificates bool, scopes []string) ([]byte, error) {
	out, err := json.Marshal(ResourceMetadata{
		Resource: issuer + PathUserInfo, Servers: []string{issuer}, Scopes: scopes, BearerMethods: []string{"header", "body"},
		ProofAlgs: proofAlgs, Certificates: certificates, PolicyURI: issuer + "/privacy", TermsURI: issuer + "/terms",
	})
	if err != nil {
		return nil, fmt.Errorf("protocol: resource metadata: %w", err)
	}
	return out, nil
}

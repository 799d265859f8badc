package relyingparty

import (
	"net/url"
	"slices"
	"strings"
)

// What access tokens are.
const (
	TokensOpaque = "opaque"
	TokensJWT    = "jwt" // RFC 9068
)

// Resource is a protected resource that a partner may ask tokens for (RFC 8707).
type Resource struct {
	// URI names it: an absolute address without a fragment, compared byte by byte.
	URI string `yaml:"uri" json:"uri"`
	// AccessTokens is what tokens for it are, "opaque" or "jwt"; empty means as for the service.
	AccessTokens string `yaml:"access_tokens,omitempty" json:"access_tokens,omitempty"`
}

// ResourceURIs are the names of the resources that the partner may ask tokens for.
func (p *RelyingParty) ResourceURIs() []string {
	var out []string
	for _, r := range p.Resources {
		out = append(out, r.URI)
	}
	return out
}

// ReadsTokens reports whether access tokens for an audience are JWTs: when each registered
// resource in it takes them; where there is none, when the partner does.
func (p *RelyingParty) ReadsTokens(audience []string) bool {
	found := false
	for _, r := range p.Resources {
		if !slices.Contains(audience, r.URI) {
			continue
		}
		found = true
		if r.AccessTokens == TokensOpaque || r.AccessTokens == "" && p.AccessTokens != TokensJWT {
			return false
		}
	}
	return found || p.AccessTokens == TokensJWT
}

// resources checks what a partner may ask tokens for.
func (c *check) resources(s Settings) {
	c.oneOf("access_tokens", s.AccessTokens, TokensOpaque, TokensJWT)
	if len(s.Resources) > 20 {
		c.add("resources", "name at most 20")
	}
	var seen []string
	for _, r := range s.Resources {
		u, err := url.Parse(r.URI)
		switch {
		case err != nil || !u.IsAbs() || len(r.URI) > 256 || strings.ContainsAny(r.URI, "# \t\r\n\"\\"):
			c.add("resources", "%q: write an absolute address of at most 256 characters without a fragment", r.URI)
		case slices.Contains(seen, r.URI):
			c.add("resources", "%q stands there twice", r.URI)
		}
		if r.AccessTokens != "" {
			c.oneOf("resources.access_tokens", r.AccessTokens, TokensOpaque, TokensJWT)
		}
		seen = append(seen, r.URI)
	}
}

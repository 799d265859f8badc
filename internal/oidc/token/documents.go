package token

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"sync/atomic"
	"time"

	"parvis/internal/jose"
	"parvis/internal/oidc/claim"
	"parvis/internal/oidc/machine"
	"parvis/internal/oidc/protocol"
)

// documents are answers made once, or once for each set of keys or of types of authorization_details.
type documents struct {
	discover  func(details []string) ([]byte, error)
	discovery atomic.Pointer[discovered]
	resource  published
	jwks      atomic.Pointer[published]
}

// discovered is the discovery document that names some types.
type discovered struct {
	published

	details []string
}

// published are bytes that may be kept for a while, with their entity tag.
type published struct {
	text []byte
	etag string
}

func publish(text []byte) published {
	sum := sha256.Sum256(text)
	return published{text: text, etag: `"` + base64.RawURLEncoding.EncodeToString(sum[:12]) + `"`}
}

func makeDocuments(c Config) (*documents, error) {
	var locales, algs []string
	for _, l := range c.Site.Langs {
		locales = append(locales, string(l))
	}
	for _, a := range jose.Algorithms() {
		algs = append(algs, string(a))
	}
	var proofs []string
	for _, a := range machine.ProofAlgorithms() {
		proofs = append(proofs, string(a))
	}
	discover := func(details []string) ([]byte, error) {
		return protocol.Discovery(c.Issuer, locales, c.Table.Values(), algs, proofs, func(m *protocol.Metadata) {
			certificates(m, c.Door.Settings.MTLS.PublicURL)
			m.SecretJWT(c.Door.Settings.SecretJWT)
			supported(m)
			m.Scopes, m.Claims = claim.Offered(c.Told.Verifies()), append(protocol.OwnClaims(), claim.Supported(c.Told.Verifies())...)
			if c.Told.Verifies() && len(c.Told.Frameworks) > 0 {
				m.VerifiedClaims, m.TrustFrameworks, m.AssuredClaims = true, c.Told.Frameworks, claim.Assured()
				m.Claims = append(m.Claims, claim.VerifiedClaims)
			}
			m.DetailTypes = details
			if c.Registration {
				m.Registration = c.Issuer + protocol.PathRegister
			}
		})
	}
	resource, err := protocol.UserInfoResource(c.Issuer, proofs, c.Door.Settings.MTLS.PublicURL != "", claim.Offered(c.Told.Verifies()))
	if err != nil {
		return nil, fmt.Errorf("token: %w", err)
	}
	out := &documents{discover: discover, resource: publish(resource)}
	return out, out.name(nil)
}

// certificates adds what there is for clients that show a certificate at an address (RFC 8705,
// 3.3 and 5); "" for none.
func certificates(m *protocol.Metadata, at string) {
	if at == "" {
		return
	}
	m.CertificateBound = true
	m.Aliases = map[string]string{
		"token_endpoint": at + protocol.PathToken, "userinfo_endpoint": at + protocol.PathUserInfo, "revocation_endpoint": at + protocol.PathRevoke,
		"introspection_endpoint": at + protocol.PathInspect, "pushed_authorization_request_endpoint": at + protocol.PathPush,
		"device_authorization_endpoint": at + protocol.PathDeviceAuthorization, "backchannel_authentication_endpoint": at + protocol.PathCIBA,
	}
	for _, list := range []*[]string{&m.AuthMethods, &m.RevocationMethods, &m.IntrospectionMethods} {
		*list = append(slices.Clone(*list), protocol.MethodTLS, protocol.MethodSelfSigned)
	}
}

// name makes the discovery document with the types of authorization_details that there are.
func (d *documents) name(details []string) error {
	text, err := d.discover(details)
	if err != nil {
		return fmt.Errorf("token: %w", err)
	}
	d.discovery.Store(&discovered{published: publish(text), details: details})
	return nil
}

// discovery is the same document at both addresses (OpenID Connect Discovery 1.0, 4; RFC 8414,
// 3). While nobody knows what services are registered for, it says what it said before.
func (e *Endpoint) discovery(w http.ResponseWriter, r *http.Request) error {
	details, err := e.Registry.DetailTypes(r.Context())
	if err == nil && !slices.Equal(details, e.documents.discovery.Load().details) {
		if err := e.documents.name(details); err != nil {
			return err
		}
	}
	document(w, r, e.documents.discovery.Load().published, "application/json", e.Settings.DiscoveryCache)
	return nil
}

// resource is the metadata of the UserInfo endpoint (RFC 9728, 3.2).
func (e *Endpoint) resource(w http.ResponseWriter, r *http.Request) error {
	document(w, r, e.documents.resource, "application/json", e.Settings.DiscoveryCache)
	return nil
}

// jwks are the published keys (RFC 7517, 5).
func (e *Endpoint) jwks(w http.ResponseWriter, r *http.Request) error {
	text := e.Keyring.JWKS()
	known := e.documents.jwks.Load()
	if known == nil || !bytes.Equal(known.text, text) {
		fresh := publish(text)
		known = &fresh
		e.documents.jwks.Store(known)
	}
	document(w, r, *known, "application/json", e.Keyring.Settings.CacheFor)
	return nil
}

// document writes what is published, and 304 when it is kept already.
func document(w http.ResponseWriter, r *http.Request, p published, kind string, life time.Duration) {
	h := w.Header()
	h.Set("Etag", p.etag)
	h.Set("Cache-Control", "public, max-age="+strconv.Itoa(int(life/time.Second)))
	h.Set("Content-Type", kind)
	if r.Method != http.MethodGet || conditional(r.Header) {
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(p.text))
		return
	}
	// What ServeContent answers to everybody else, without its buffer.
	h.Set("Content-Length", strconv.Itoa(len(p.text)))
	w.WriteHeader(http.StatusOK)
	_, _ = w.Write(p.text) // the client has gone
}

// conditional reports whether a request asks for a part, or for something only if it has changed.
func conditional(h http.Header) bool {
	for _, name := range []string{"Range", "If-None-Match", "If-Match", "If-Modified-Since", "If-Unmodified-Since", "If-Range"} {
		if _, ok := h[name]; ok {
			return true
		}
	}
	return false
}

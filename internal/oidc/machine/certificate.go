package machine

import (
	"context"
	"crypto/x509"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"slices"
	"strings"

	"parvis/internal/clientcert"
	"parvis/internal/grant"
	"parvis/internal/oidc/protocol"
	"parvis/internal/relyingparty"
)

// MTLS says how services show certificates (RFC 8705).
type MTLS struct {
	// PublicURL is the address, without a path, at which services that show a certificate reach the endpoints for programs, for example https://mtls.sign-in.example.org; discovery names it in mtls_endpoint_aliases. Empty: no certificates are taken. It can be server.public_url itself, where a proxy asks browsers for no certificate.
	PublicURL string `yaml:"public_url"`
	// Listen is the address and port of a listener of its own that asks for certificates, for example ":8443"; its TLS files are those of server.tls. Empty: a proxy in front asks for them, see header.
	Listen string `yaml:"listen"`
	// CAFiles are PEM files of the authorities whose certificates are taken with tls_client_auth; those of the system are not. An intermediate that services do not send can stand there, too.
	CAFiles []string `yaml:"ca_files"`
	// Header is the form in which a proxy passes the certificate on: client-cert (RFC 9440), x-forwarded-client-cert (Envoy), or pem (URL-encoded PEM, nginx $ssl_client_escaped_cert). It is read only of requests to public_url that come from server.proxy.trusted; the proxy must replace what clients send there. Empty: no header is read.
	Header string `yaml:"header"`
	// HeaderName is the name of that header, where it is not Client-Cert, X-Forwarded-Client-Cert or X-SSL-Client-Cert.
	HeaderName string `yaml:"header_name"`
}

// Problems lists what is wrong with the settings.
func (s Settings) Problems() []string {
	m := s.MTLS
	var out []string
	say := func(key, format string, args ...any) {
		out = append(out, "mtls."+key+": "+fmt.Sprintf(format, args...))
	}
	if m.PublicURL == "" {
		if m.Listen != "" || m.Header != "" || m.HeaderName != "" || len(m.CAFiles) > 0 {
			say("public_url", "give the address at which services show their certificates, or remove the other settings of mtls")
		}
		return out
	}
	if u, err := url.Parse(m.PublicURL); err != nil || u.Scheme != "https" || u.Host == "" || u.Path != "" || u.RawQuery != "" || u.User != nil {
		say("public_url", "%q is no https address without a path", m.PublicURL)
	}
	if m.Listen == "" && m.Header == "" {
		say("listen", "no certificate would ever arrive; give a listener of its own, or say in mtls.header how the proxy passes certificates on")
	}
	if m.Header != "" && !slices.Contains(clientcert.Forms(), clientcert.Form(m.Header)) {
		say("header", "%q; choose client-cert, x-forwarded-client-cert or pem", m.Header)
	}
	if m.HeaderName != "" && (m.Header == "" || strings.ContainsFunc(m.HeaderName, func(r rune) bool {
		return r != '-' && (r < '0' || r > '9') && (r < 'A' || r > 'Z') && (r < 'a' || r > 'z')
	})) {
		say("header_name", "has a meaning with mtls.header only, and is letters, digits and hyphens")
	}
	return out
}

// Certificates reads what certificate a request came with. Immutable; nil takes none.
type Certificates struct {
	MTLS

	host        string // of PublicURL
	authorities *x509.CertPool
	any         bool           // authorities has one
	proxies     []netip.Prefix // whose header is believed
}

// NewCertificates reads the authorities; proxies are whose header is believed. nil without an address to take certificates at.
func NewCertificates(m MTLS, proxies []netip.Prefix) (*Certificates, error) {
	if m.PublicURL == "" {
		return nil, nil //nolint:nilnil // no certificates are taken
	}
	u, err := url.Parse(m.PublicURL)
	if err != nil {
		return nil, fmt.Errorf("machine: oidc.mtls.public_url: %w", err)
	}
	out := &Certificates{MTLS: m, host: u.Host, authorities: x509.NewCertPool(), any: len(m.CAFiles) > 0, proxies: proxies}
	for _, file := range m.CAFiles {
		text, err := os.ReadFile(file)
		if err != nil {
			return nil, fmt.Errorf("machine: oidc.mtls.ca_files: %w", err)
		}
		if !out.authorities.AppendCertsFromPEM(text) {
			return nil, fmt.Errorf("machine: oidc.mtls.ca_files: %s holds no PEM certificate", file)
		}
	}
	return out, nil
}

// At reports whether a request came to the address for certificates.
func (c *Certificates) At(host string) bool {
	return c != nil && (host == c.host || host == c.host+":443")
}

// of is the certificate that a request came with; nil when there is none. The handshake has
// proven that its key is at hand: on our own listener, or at the proxy that says so.
func (c *Certificates) of(r *http.Request) (*clientcert.Presented, error) {
	if c == nil || !c.At(r.Host) {
		return nil, nil //nolint:nilnil // none is taken there
	}
	if r.TLS != nil && len(r.TLS.PeerCertificates) > 0 {
		return &clientcert.Presented{Leaf: r.TLS.PeerCertificates[0], Chain: r.TLS.PeerCertificates[1:]}, nil
	}
	if c.Header == "" || !c.proxied(r) { // whoever else sends the header has written it alone
		return nil, nil //nolint:nilnil // most requests bring none
	}
	form := clientcert.Form(c.Header)
	name := c.HeaderName
	if name == "" {
		name = form.Header()
	}
	values := r.Header.Values(name)
	switch {
	case len(values) == 0 || len(values) == 1 && values[0] == "":
		return nil, nil //nolint:nilnil // the client showed none
	case len(values) > 1:
		return nil, fmt.Errorf("%w: the header came twice", clientcert.ErrMalformed)
	}
	return form.Parse(values[0], strings.Join(r.Header.Values("Client-Cert-Chain"), ",")) //nolint:wrapcheck // judged by errors.Is
}

// proxied reports whether who is connected to us is a trusted proxy.
func (c *Certificates) proxied(r *http.Request) bool {
	at, err := netip.ParseAddrPort(r.RemoteAddr)
	address := at.Addr().Unmap().WithZone("")
	return err == nil && slices.ContainsFunc(c.proxies, func(p netip.Prefix) bool { return p.Contains(address) })
}

// base is the address by which a client reached us: its proofs of possession name it.
func (d *Door) base(r *http.Request) string {
	if d.Certificates.At(r.Host) {
		return d.Certificates.PublicURL
	}
	return d.Issuer
}

// certificate is the one that a request came with, in force and with a strong key; nil for
// none. A *protocol.Error is the refusal.
func (d *Door) certificate(r *http.Request) (*clientcert.Presented, error) {
	shown, err := d.Certificates.of(r)
	switch {
	case err != nil:
		return nil, protocol.ClientRefused().Because(protocol.CertificateMalformed)
	case shown == nil:
		return nil, nil //nolint:nilnil // most requests bring none
	case !shown.InForce(d.Now()):
		return nil, protocol.ClientRefused().Because(protocol.CertificateExpired)
	case !shown.Strong():
		return nil, protocol.ClientRefused().Because(protocol.CertificateWeak)
	}
	return shown, nil
}

// byCertificate checks that the certificate of a request is the client's: by an authority and
// the registered subject (RFC 8705, 2.1), or by itself (2.2).
func (d *Door) byCertificate(ctx context.Context, party *relyingparty.RelyingParty, shown *clientcert.Presented) error {
	switch {
	case shown == nil:
		return protocol.ClientRefused().Because(protocol.CertificateMissing)
	case party.AuthMethod == relyingparty.AuthSelfSigned:
		known, err := d.Partners.HasCertificate(ctx, party, shown.Leaf.Raw)
		switch {
		case err != nil:
			return fmt.Errorf("machine: %w", err)
		case !known:
			return protocol.ClientRefused().Because(protocol.CertificateDiffers)
		}
		return nil
	case !d.Certificates.any || shown.Verify(d.Certificates.authorities, d.Now()) != nil:
		return protocol.ClientRefused().Because(protocol.CertificateUntrusted)
	case !party.Subject.Matches(shown.Leaf):
		return protocol.ClientRefused().Because(protocol.CertificateDiffers)
	}
	return nil
}

// Holder is what the tokens of a request are to be bound to: the key of its proof of
// possession, or else, for a client whose tokens are bound to certificates, the certificate it
// came with (RFC 8705, 3). nil gives bearer tokens. A *protocol.Error is the refusal.
func (d *Door) Holder(w http.ResponseWriter, r *http.Request, party *relyingparty.RelyingParty) (*grant.Proof, error) {
	proof, err := d.Proof(w, r, "")
	if err != nil || proof != nil {
		return proof, err
	}
	if party.BindsCertificate() && !party.RequireDPoP {
		shown, err := d.certificate(r)
		if err != nil {
			return nil, err
		}
		if shown != nil {
			return &grant.Proof{Thumbprint: protocol.BoundCertificate(shown.Thumbprint())}, nil
		}
	}
	switch {
	case !party.MustBind():
		return nil, nil //nolint:nilnil // a bearer token
	case party.CertificateBound && !party.RequireDPoP:
		return nil, protocol.CertificateWanted()
	}
	return nil, protocol.ProofRefused().Because(protocol.ProofMissing)
}

// Shows reports whether a request came with the certificate that a token is bound to (RFC
// 8705, 3).
func (d *Door) Shows(r *http.Request, binding string) bool {
	shown, err := d.certificate(r)
	return err == nil && shown != nil && protocol.BoundCertificate(shown.Thumbprint()) == binding
}

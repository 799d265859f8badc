// Package clientcert reads and compares the certificates by which services show who they are
// (RFC 8705): from the head of a request that a trusted proxy sent on, and against what is
// registered. It judges no request: who may send such a head is for the caller to know.
//
// What is read is foreign bytes: capped before it is parsed, and refused when anything of it
// is not as the form wants it.
package clientcert

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"
)

// The caps of what is read.
const (
	MaxHeader = 24 << 10 // bytes, of all certificates together
	maxChain  = 5
	minRSA    = 2048 // bits (FAPI 2.0 Security Profile, 5.4.1)
	maxRSA    = 8192
)

// ErrMalformed says that a header holds no certificate in its form.
var ErrMalformed = errors.New("clientcert: malformed")

// Presented is a certificate as a service showed it. That it holds the private key was
// proven to whoever ended TLS.
type Presented struct {
	Leaf  *x509.Certificate
	Chain []*x509.Certificate // what came with it, not trusted
}

// Thumbprint is x5t#S256 of the certificate: the SHA-256 of its DER, base64url (RFC 8705, 3.1).
func (p *Presented) Thumbprint() string {
	sum := sha256.Sum256(p.Leaf.Raw)
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// InForce reports whether an instant lies in the certificate's validity.
func (p *Presented) InForce(now time.Time) bool {
	return !now.Before(p.Leaf.NotBefore) && !now.After(p.Leaf.NotAfter)
}

// Strong reports whether its key is one that may be used here: RSA of 2048 to 8192 bits, a
// curve of 256 bits or more, or Ed25519.
func (p *Presented) Strong() bool {
	switch key := p.Leaf.PublicKey.(type) {
	case *rsa.PublicKey:
		return key.N.BitLen() >= minRSA && key.N.BitLen() <= maxRSA
	case *ecdsa.PublicKey:
		return key.Curve.Params().BitSize >= 256
	case ed25519.PublicKey:
		return true
	}
	return false
}

// Verify checks the way from the certificate to one of the authorities (RFC 5280, 6): it was
// issued for clients and is in force.
func (p *Presented) Verify(authorities *x509.CertPool, now time.Time) error {
	between := x509.NewCertPool()
	for _, c := range p.Chain {
		between.AddCert(c)
	}
	_, err := p.Leaf.Verify(x509.VerifyOptions{
		Roots: authorities, Intermediates: between, CurrentTime: now, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	})
	if err != nil {
		return fmt.Errorf("clientcert: %w", err)
	}
	return nil
}

// Form is how a proxy writes a certificate into the head of a request.
type Form string

// The forms.
const (
	ByteSequence Form = "client-cert"             // RFC 9440: Client-Cert and Client-Cert-Chain
	Envoy        Form = "x-forwarded-client-cert" // Envoy: Cert and Chain, URL-encoded PEM
	PEM          Form = "pem"                     // nginx ($ssl_client_escaped_cert) and others: URL-encoded PEM
)

// Forms are all forms.
func Forms() []Form { return []Form{ByteSequence, Envoy, PEM} }

// Header is the name of the header of a form, where the operator names no other.
func (f Form) Header() string {
	switch f {
	case ByteSequence:
		return "Client-Cert"
	case Envoy:
		return "X-Forwarded-Client-Cert"
	default:
		return "X-SSL-Client-Cert"
	}
}

// Parse reads the value of a header, and for ByteSequence that of Client-Cert-Chain.
func (f Form) Parse(value, chain string) (*Presented, error) {
	if len(value)+len(chain) > MaxHeader {
		return nil, fmt.Errorf("%w: more than %d bytes", ErrMalformed, MaxHeader)
	}
	switch f {
	case ByteSequence:
		return byteSequences(value, chain)
	case Envoy:
		return envoy(value)
	default:
		return escapedPEM(value)
	}
}

// byteSequences reads Client-Cert and Client-Cert-Chain (RFC 9440, 2.1 to 2.3; RFC 8941, 3.3.5).
func byteSequences(value, chain string) (*Presented, error) {
	all := []string{value}
	if chain = strings.TrimSpace(chain); chain != "" {
		all = append(all, strings.Split(chain, ",")...)
	}
	var ders [][]byte
	for _, one := range all {
		one = strings.TrimSpace(one)
		inner, opens := strings.CutPrefix(one, ":")
		inner, closes := strings.CutSuffix(inner, ":")
		if !opens || !closes {
			return nil, fmt.Errorf("%w: no byte sequence", ErrMalformed)
		}
		der, err := base64.StdEncoding.Strict().DecodeString(inner)
		if err != nil || strings.ContainsAny(inner, "\r\n") {
			return nil, fmt.Errorf("%w: no base64", ErrMalformed)
		}
		ders = append(ders, der)
	}
	return parse(ders)
}

// envoy reads X-Forwarded-Client-Cert with one element; several would be those of several
// proxies, of which it is not known which to believe.
func envoy(value string) (*Presented, error) {
	var cert, chain string
	pairs, err := split(value)
	if err != nil {
		return nil, err
	}
	for _, pair := range pairs {
		name, text, _ := strings.Cut(pair, "=")
		text = strings.Trim(text, `"`)
		switch strings.ToLower(strings.TrimSpace(name)) {
		case "cert":
			if cert != "" {
				return nil, fmt.Errorf("%w: two certificates", ErrMalformed)
			}
			cert = text
		case "chain":
			chain = text
		}
	}
	out, err := escapedPEM(cert)
	if err != nil || chain == "" {
		return out, err
	}
	whole, err := escapedPEM(chain) // which begins with the certificate itself
	if err != nil {
		return nil, err
	}
	out.Chain = append(whole.Chain, whole.Leaf)
	return out, nil
}

// split cuts an element at the semicolons that are not quoted.
func split(value string) ([]string, error) {
	var out []string
	quoted, from := false, 0
	for i := range len(value) {
		switch value[i] {
		case '"':
			quoted = !quoted
		case '\\':
			return nil, fmt.Errorf("%w: an escape", ErrMalformed)
		case ',':
			if !quoted {
				return nil, fmt.Errorf("%w: more than one element", ErrMalformed)
			}
		case ';':
			if !quoted {
				out, from = append(out, value[from:i]), i+1
			}
		}
	}
	if quoted {
		return nil, fmt.Errorf("%w: an open quote", ErrMalformed)
	}
	return append(out, value[from:]), nil
}

// escapedPEM reads PEM whose bytes are percent-encoded. A plus sign is one.
func escapedPEM(value string) (*Presented, error) {
	text, err := url.PathUnescape(value)
	if err != nil {
		return nil, fmt.Errorf("%w: a wrong percent encoding", ErrMalformed)
	}
	var ders [][]byte
	rest := []byte(strings.TrimSpace(text))
	for len(rest) > 0 {
		var block *pem.Block
		block, rest = pem.Decode(rest)
		if block == nil || block.Type != "CERTIFICATE" || len(block.Headers) > 0 || len(ders) > maxChain {
			return nil, fmt.Errorf("%w: no PEM certificates", ErrMalformed)
		}
		ders = append(ders, block.Bytes)
	}
	return parse(ders)
}

func parse(ders [][]byte) (*Presented, error) {
	if len(ders) == 0 || len(ders) > maxChain+1 {
		return nil, fmt.Errorf("%w: %d certificates", ErrMalformed, len(ders))
	}
	out := &Presented{}
	for _, der := range ders {
		c, err := x509.ParseCertificate(der)
		if err != nil {
			return nil, fmt.Errorf("%w: %s", ErrMalformed, err.Error())
		}
		if out.Leaf == nil {
			out.Leaf = c
			continue
		}
		out.Chain = append(out.Chain, c)
	}
	return out, nil
}

package xmlsec

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	// The hashes of the algorithms below.
	_ "crypto/sha256"
	_ "crypto/sha512"
	"crypto/x509"
	"encoding/asn1"
	"encoding/base64"
	"errors"
	"fmt"
	"math/big"
	"strings"
)

// The namespaces and identifiers of XML Signature and XML Encryption.
const (
	SignatureSpace  = "http://www.w3.org/2000/09/xmldsig#"
	EncryptionSpace = "http://www.w3.org/2001/04/xmlenc#"

	excC14N   = "http://www.w3.org/2001/10/xml-exc-c14n#"
	enveloped = "http://www.w3.org/2000/09/xmldsig#enveloped-signature"
)

// Algorithm is a signature algorithm by its identifier (XML Signature 1.1, 6.4; RFC 6931, 2.3).
type Algorithm string

// The algorithms there are. SHA-1, DSA, HMAC and RSA below 2048 bits are not among them.
const (
	RSASHA256   Algorithm = "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"
	RSASHA384   Algorithm = "http://www.w3.org/2001/04/xmldsig-more#rsa-sha384"
	RSASHA512   Algorithm = "http://www.w3.org/2001/04/xmldsig-more#rsa-sha512"
	ECDSASHA256 Algorithm = "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256"
	ECDSASHA384 Algorithm = "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha384"
	ECDSASHA512 Algorithm = "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha512"
)

// The identifiers of the digests that stand in references.
const (
	digestSHA256 = "http://www.w3.org/2001/04/xmlenc#sha256"
	digestSHA384 = "http://www.w3.org/2001/04/xmldsig-more#sha384"
	digestSHA512 = "http://www.w3.org/2001/04/xmlenc#sha512"
)

// minRSA and maxRSA are the sizes of RSA keys in bits that are used; MaxKeys is
// how many keys of one partner are tried.
const (
	minRSA  = 2048
	maxRSA  = 8192
	MaxKeys = 8
)

// ErrSignature says that a signature is not good: foreign key, algorithm that is
// not allowed, another element than the one that is read, or changed bytes.
var ErrSignature = errors.New("xmlsec: the signature is not good")

// hash is the hash of an algorithm, 0 for one that is not allowed.
func (a Algorithm) hash() crypto.Hash {
	switch a {
	case RSASHA256, ECDSASHA256:
		return crypto.SHA256
	case RSASHA384, ECDSASHA384:
		return crypto.SHA384
	case RSASHA512, ECDSASHA512:
		return crypto.SHA512
	}
	return 0
}

// digestHash is the hash of a reference's digest, 0 for one that is not allowed.
func digestHash(method string) crypto.Hash {
	switch method {
	case digestSHA256:
		return crypto.SHA256
	case digestSHA384:
		return crypto.SHA384
	case digestSHA512:
		return crypto.SHA512
	}
	return 0
}

// digestMethod is the digest of the references of a signature with this algorithm.
func (a Algorithm) digestMethod() string {
	switch a {
	case RSASHA384, ECDSASHA384:
		return digestSHA384
	case RSASHA512, ECDSASHA512:
		return digestSHA512
	default:
		return digestSHA256
	}
}

func sum(h crypto.Hash, data []byte) []byte {
	w := h.New()
	w.Write(data)
	return w.Sum(nil)
}

// CheckKey says whether a public key is one that signatures are verified with:
// RSA of 2048 to 8192 bits, or ECDSA on P-256, P-384 or P-521.
func CheckKey(public crypto.PublicKey) error {
	switch key := public.(type) {
	case *rsa.PublicKey:
		if bits := key.N.BitLen(); bits < minRSA || bits > maxRSA || key.E < 3 {
			return fmt.Errorf("xmlsec: an RSA key of %d bits; 2048 to 8192 are used", bits)
		}
		return nil
	case *ecdsa.PublicKey:
		switch key.Curve {
		case elliptic.P256(), elliptic.P384(), elliptic.P521():
			return nil
		}
	}
	return fmt.Errorf("xmlsec: a key of type %T or its curve is not used", public)
}

// VerifyOctets checks a signature over octets with any of the keys. The bytes of
// an ECDSA signature are r and s, each as long as the order (XML Signature 1.1, 6.4.3).
func VerifyOctets(octets, signature []byte, algorithm Algorithm, keys []crypto.PublicKey) error {
	h := algorithm.hash()
	if h == 0 {
		return fmt.Errorf("%w: the algorithm is not allowed", ErrSignature)
	}
	if len(keys) > MaxKeys {
		return fmt.Errorf("%w: more than %d keys", ErrSignature, MaxKeys)
	}
	digest := sum(h, octets)
	for _, public := range keys {
		if CheckKey(public) == nil && verifyDigest(public, algorithm, digest, signature) {
			return nil
		}
	}
	return ErrSignature
}

func verifyDigest(public crypto.PublicKey, algorithm Algorithm, digest, signature []byte) bool {
	switch key := public.(type) {
	case *rsa.PublicKey:
		return !algorithm.curve() && rsa.VerifyPKCS1v15(key, algorithm.hash(), digest, signature) == nil
	case *ecdsa.PublicKey:
		size := orderSize(key)
		return algorithm.curve() && len(signature) == 2*size &&
			ecdsa.Verify(key, digest, new(big.Int).SetBytes(signature[:size]), new(big.Int).SetBytes(signature[size:]))
	}
	return false
}

// curve reports whether an algorithm is one of elliptic curves.
func (a Algorithm) curve() bool {
	return a == ECDSASHA256 || a == ECDSASHA384 || a == ECDSASHA512
}

// orderSize is the length in bytes of r and of s.
func orderSize(key *ecdsa.PublicKey) int { return (key.Params().N.BitLen() + 7) / 8 }

// Signer signs with one private key and names its certificate. Immutable, safe for concurrent use.
type Signer struct {
	key         crypto.Signer
	algorithm   Algorithm
	certificate *x509.Certificate
}

// NewSigner makes a signer of a key and its certificate. RSA keys sign with
// SHA-256, elliptic curves with the hash of their size.
func NewSigner(key crypto.Signer, certificate *x509.Certificate) (*Signer, error) {
	if err := CheckKey(key.Public()); err != nil {
		return nil, err
	}
	public, ok := key.Public().(interface{ Equal(crypto.PublicKey) bool })
	if !ok || !public.Equal(certificate.PublicKey) {
		return nil, errors.New("xmlsec: the certificate belongs to another key")
	}
	s := &Signer{key: key, algorithm: RSASHA256, certificate: certificate}
	if ec, ok := key.Public().(*ecdsa.PublicKey); ok {
		switch ec.Curve {
		case elliptic.P384():
			s.algorithm = ECDSASHA384
		case elliptic.P521():
			s.algorithm = ECDSASHA512
		default:
			s.algorithm = ECDSASHA256
		}
	}
	return s, nil
}

// Algorithm is what the signer signs with.
func (s *Signer) Algorithm() Algorithm { return s.algorithm }

// Certificate is the certificate that stands in signatures and metadata.
func (s *Signer) Certificate() *x509.Certificate { return s.certificate }

// SignOctets signs octets.
func (s *Signer) SignOctets(octets []byte) ([]byte, error) {
	h := s.algorithm.hash()
	raw, err := s.key.Sign(rand.Reader, sum(h, octets), h)
	if err != nil {
		return nil, fmt.Errorf("xmlsec: %w", err)
	}
	ec, ok := s.key.Public().(*ecdsa.PublicKey)
	if !ok {
		return raw, nil
	}
	var pair struct{ R, S *big.Int }
	if _, err := asn1.Unmarshal(raw, &pair); err != nil {
		return nil, fmt.Errorf("xmlsec: %w", err)
	}
	size := orderSize(ec)
	out := make([]byte, 2*size)
	pair.R.FillBytes(out[:size])
	pair.S.FillBytes(out[size:])
	return out, nil
}

// DecodeBase64 reads xs:base64Binary: white space between the characters is nothing, everything else is strict.
func DecodeBase64(text string) ([]byte, error) {
	if strings.ContainsAny(text, " \t\n\r") {
		text = strings.NewReplacer(" ", "", "\t", "", "\n", "", "\r", "").Replace(text)
	}
	raw, err := base64.StdEncoding.Strict().DecodeString(text)
	if err != nil || text == "" {
		return nil, fmt.Errorf("%w: no base64", ErrMalformed)
	}
	return raw, nil
}

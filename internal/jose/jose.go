// Package jose signs, verifies and decrypts the tokens that Parvis allows, over go-jose.
//
// Only asymmetric algorithms of an allow-list exist here: there is no "none", HMAC
// is in VerifySecret alone, which knows no keys, and a header's own key (jwk, jku, x5u, x5c) is never used, but by Possession,
// which tells whose key it is. Verification
// names its algorithms and its keys; input is capped before it is parsed, and a
// panic of the library becomes an error. Callers check the claims themselves.
package jose

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"

	josev4 "github.com/go-jose/go-jose/v4"
)

// Algorithm is a signature algorithm (RFC 7518, section 3.1; RFC 8037).
type Algorithm string

// The algorithms there are.
const (
	RS256 Algorithm = "RS256"
	PS256 Algorithm = "PS256"
	ES256 Algorithm = "ES256"
	EdDSA Algorithm = "EdDSA"
)

// Algorithms are all algorithms, the default of ID tokens first.
func Algorithms() []Algorithm { return []Algorithm{RS256, ES256, PS256, EdDSA} }

// Known reports whether a name is one of Algorithms.
func Known(name string) bool {
	for _, a := range Algorithms() {
		if string(a) == name {
			return true
		}
	}
	return false
}

// ErrSignature says that a token's signature is not good: foreign or unknown
// key, algorithm that is not allowed, or changed bytes.
var ErrSignature = errors.New("jose: the signature is not good")

// ErrMalformed says that the input is no token or key set in the sense of the standards.
var ErrMalformed = errors.New("jose: malformed")

// The caps of what is parsed, in bytes and pieces.
const (
	MaxToken  = 16 << 10
	MaxKeySet = 64 << 10
	MaxKeys   = 20
	minRSA    = 2048 // bits
	maxRSA    = 8192
)

// Generate makes a private key for an algorithm: RSA 2048, P-256 or Ed25519.
func Generate(alg Algorithm) (crypto.Signer, error) {
	switch alg {
	case RS256, PS256:
		return rsa.GenerateKey(rand.Reader, minRSA)
	case ES256:
		return ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	case EdDSA:
		_, key, err := ed25519.GenerateKey(rand.Reader)
		return key, err
	}
	return nil, fmt.Errorf("jose: no algorithm %q", alg)
}

// MarshalPrivate is a private key as PKCS #8, to be sealed and stored.
func MarshalPrivate(key crypto.Signer) ([]byte, error) {
	raw, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, fmt.Errorf("jose: %w", err)
	}
	return raw, nil
}

// ParsePrivate reads what MarshalPrivate wrote.
func ParsePrivate(raw []byte) (crypto.Signer, error) {
	key, err := x509.ParsePKCS8PrivateKey(raw)
	if err != nil {
		return nil, fmt.Errorf("jose: %w", err)
	}
	signer, ok := key.(crypto.Signer)
	if !ok {
		return nil, fmt.Errorf("jose: a key of type %T cannot sign", key)
	}
	return signer, nil
}

// Thumbprint is the key id of a public key: RFC 7638 with SHA-256, base64url.
func Thumbprint(public crypto.PublicKey) (string, error) {
	sum, err := (&josev4.JSONWebKey{Key: public}).Thumbprint(crypto.SHA256)
	if err != nil {
		return "", fmt.Errorf("jose: %w", err)
	}
	return base64.RawURLEncoding.EncodeToString(sum), nil
}

// fits reports whether a public key can be used with an algorithm.
func fits(alg Algorithm, public crypto.PublicKey) bool {
	switch key := public.(type) {
	case *rsa.PublicKey:
		bits := key.N.BitLen()
		return (alg == RS256 || alg == PS256) && bits >= minRSA && bits <= maxRSA && key.E >= 3
	case *ecdsa.PublicKey:
		return alg == ES256 && key.Curve == elliptic.P256()
	case ed25519.PublicKey:
		return alg == EdDSA && len(key) == ed25519.PublicKeySize
	}
	return false
}

// Signer signs with one private key. Immutable, safe for concurrent use.
type Signer struct {
	alg Algorithm
	kid string
	key crypto.Signer
}

// NewSigner makes a signer; the key id is the key's thumbprint.
func NewSigner(alg Algorithm, key crypto.Signer) (*Signer, error) {
	if !fits(alg, key.Public()) {
		return nil, fmt.Errorf("jose: a key of type %T cannot sign %s", key, alg)
	}
	kid, err := Thumbprint(key.Public())
	if err != nil {
		return nil, err
	}
	return &Signer{alg: alg, kid: kid, key: key}, nil
}

// Algorithm is what the signer signs with.
func (s *Signer) Algorithm() Algorithm { return s.alg }

// KeyID is the kid that its tokens carry.
func (s *Signer) KeyID() string { return s.kid }

// Key is the private key itself, for signatures that are no tokens.
func (s *Signer) Key() crypto.Signer { return s.key }

// JWK is the public key as it stands in a key set.
func (s *Signer) JWK() JWK { return JWK{alg: s.alg, kid: s.kid, key: s.key.Public()} }

// Sign makes a compact token of claims. typ stands in the header ("JWT", "at+jwt" …); empty leaves it out.
func (s *Signer) Sign(typ string, claims any) (string, error) {
	return s.sign(typ, claims, &josev4.SignerOptions{})
}

// SignWithKey is Sign with the public key itself in the header, in place of its
// name: what proves the possession of a key that nobody knows yet (RFC 9449, 4.2).
func (s *Signer) SignWithKey(typ string, claims any) (string, error) {
	return s.sign(typ, claims, &josev4.SignerOptions{EmbedJWK: true})
}

func (s *Signer) sign(typ string, claims any, options *josev4.SignerOptions) (string, error) {
	payload, err := json.Marshal(claims)
	if err != nil {
		return "", fmt.Errorf("jose: claims: %w", err)
	}
	if typ != "" {
		options = options.WithType(josev4.ContentType(typ))
	}
	kid := s.kid
	if options.EmbedJWK {
		kid = "" // the key stands there itself
	}
	signer, err := josev4.NewSigner(josev4.SigningKey{
		Algorithm: josev4.SignatureAlgorithm(s.alg),
		Key:       josev4.JSONWebKey{Key: s.key, KeyID: kid},
	}, options)
	if err != nil {
		return "", fmt.Errorf("jose: %w", err)
	}
	signed, err := signer.Sign(payload)
	if err != nil {
		return "", fmt.Errorf("jose: %w", err)
	}
	token, err := signed.CompactSerialize()
	if err != nil {
		return "", fmt.Errorf("jose: %w", err)
	}
	return token, nil
}

package xmlsec

import (
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"math/big"
	"time"
)

// certificateYears is how long a certificate of SelfSigned lasts: longer than its
// key, so that no partner that looks at dates refuses a key which still signs.
const certificateYears = 30

// SelfSigned wraps an RSA key in a certificate, because SAML publishes keys as
// certificates (metadata interoperability profile 2.5; nothing of it but the key is
// believed). The same key, name and instant always give the same bytes, on every
// node, so that nothing needs to be stored: the serial number comes from the key, and
// RSASSA-PKCS1-v1_5 signs without randomness (RFC 8017, 8.2.1).
func SelfSigned(key crypto.Signer, name string, from time.Time) (*x509.Certificate, error) {
	public, ok := key.Public().(*rsa.PublicKey)
	if !ok {
		return nil, errors.New("xmlsec: only RSA keys are wrapped in certificates")
	}
	if err := CheckKey(public); err != nil {
		return nil, err
	}
	sum := sha256.Sum256(x509.MarshalPKCS1PublicKey(public))
	from = from.UTC().Truncate(time.Second)
	template := &x509.Certificate{
		SerialNumber:       new(big.Int).SetBytes(append([]byte{0x01}, sum[:15]...)), // positive, at most 20 bytes (RFC 5280, 4.1.2.2)
		Subject:            pkix.Name{CommonName: name},
		NotBefore:          from,
		NotAfter:           from.AddDate(certificateYears, 0, 0),
		SignatureAlgorithm: x509.SHA256WithRSA,
	}
	raw, err := x509.CreateCertificate(nil, template, template, public, key)
	if err != nil {
		return nil, fmt.Errorf("xmlsec: certificate: %w", err)
	}
	out, err := x509.ParseCertificate(raw)
	if err != nil {
		return nil, fmt.Errorf("xmlsec: certificate: %w", err)
	}
	return out, nil
}

package jose

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	josev4 "github.com/go-jose/go-jose/v4"
)

// KeyAlgorithm is how the key of an encrypted token is encrypted for its reader (RFC 7518,
// 4.3 and 4.6). There is no RSA1_5 and no password-based one.
type KeyAlgorithm string

// ContentAlgorithm is how an encrypted token itself is encrypted (RFC 7518, 5).
type ContentAlgorithm string

// The algorithms for tokens that are given away.
const (
	RSAOAEP256   KeyAlgorithm = "RSA-OAEP-256"
	ECDHES       KeyAlgorithm = "ECDH-ES"
	ECDHESA256KW KeyAlgorithm = "ECDH-ES+A256KW"

	A128CBCHS256 ContentAlgorithm = "A128CBC-HS256"
	A128GCM      ContentAlgorithm = "A128GCM"
	A256GCM      ContentAlgorithm = "A256GCM"
)

// KeyAlgorithms are all of them.
func KeyAlgorithms() []KeyAlgorithm { return []KeyAlgorithm{RSAOAEP256, ECDHES, ECDHESA256KW} }

// ContentAlgorithms are all of them, the default first (OpenID Connect Dynamic Client Registration 1.0, 2).
func ContentAlgorithms() []ContentAlgorithm {
	return []ContentAlgorithm{A128CBCHS256, A128GCM, A256GCM}
}

// ErrNoKey says that a key set has no key that a token could be encrypted for.
var ErrNoKey = errors.New("jose: no key to encrypt for")

// encryption is one public key of a set that is for encryption.
type encryption struct {
	alg KeyAlgorithm // "": any that fits the key
	kid string
	key crypto.PublicKey
}

// opens reports whether a public key can be encrypted for with an algorithm.
func (a KeyAlgorithm) opens(public crypto.PublicKey) bool {
	switch key := public.(type) {
	case *rsa.PublicKey:
		bits := key.N.BitLen()
		return a == RSAOAEP256 && bits >= minRSA && bits <= maxRSA
	case *ecdsa.PublicKey:
		return (a == ECDHES || a == ECDHESA256KW) && key.Curve == elliptic.P256()
	}
	return false
}

// Encrypter encrypts for one reader. Immutable, safe for concurrent use.
type Encrypter struct {
	alg KeyAlgorithm
	enc ContentAlgorithm
	to  encryption
}

// Encrypter takes the first key of the set that is for encryption and fits the algorithm (OpenID
// Connect Core 1.0, 10.2). ErrNoKey when there is none.
func (k *KeySet) Encrypter(alg KeyAlgorithm, enc ContentAlgorithm) (*Encrypter, error) {
	if !slices.Contains(KeyAlgorithms(), alg) || !slices.Contains(ContentAlgorithms(), enc) {
		return nil, fmt.Errorf("jose: nothing is encrypted with %q and %q", alg, enc)
	}
	if k != nil {
		for _, one := range k.readers {
			if (one.alg == "" || one.alg == alg) && alg.opens(one.key) {
				return &Encrypter{alg: alg, enc: enc, to: one}, nil
			}
		}
	}
	return nil, fmt.Errorf("%w with %s", ErrNoKey, alg)
}

// Encrypt makes an encrypted token of a signed one (RFC 7519, 5.2 and 11.2), or of claims.
func (e *Encrypter) Encrypt(inside string, signed bool) (token string, err error) {
	defer recoverTo(&err)
	options := (&josev4.EncrypterOptions{}).WithType("JWT")
	if signed {
		options = options.WithContentType("JWT")
	}
	encrypter, err := josev4.NewEncrypter(josev4.ContentEncryption(e.enc), josev4.Recipient{
		Algorithm: josev4.KeyAlgorithm(e.alg), Key: e.to.key, KeyID: e.to.kid,
	}, options)
	if err != nil {
		return "", fmt.Errorf("jose: %w", err)
	}
	sealed, err := encrypter.Encrypt([]byte(inside))
	if err != nil {
		return "", fmt.Errorf("jose: %w", err)
	}
	token, err = sealed.CompactSerialize()
	if err != nil {
		return "", fmt.Errorf("jose: %w", err)
	}
	return token, nil
}

// Protector signs claims, encrypts them, or does both in this order. Without a Signer it only
// encrypts; without either it cannot be used.
type Protector struct {
	Signer    *Signer
	Encrypter *Encrypter
}

// Protect makes a token of claims.
func (p Protector) Protect(typ string, claims any) (string, error) {
	if p.Signer == nil {
		text, err := json.Marshal(claims)
		if err != nil {
			return "", fmt.Errorf("jose: claims: %w", err)
		}
		return p.Encrypter.Encrypt(string(text), false)
	}
	token, err := p.Signer.Sign(typ, claims)
	if err != nil || p.Encrypter == nil {
		return token, err
	}
	return p.Encrypter.Encrypt(token, true)
}

// Algorithm is what signs; "" when nothing does.
func (p Protector) Algorithm() Algorithm {
	if p.Signer == nil {
		return ""
	}
	return p.Signer.Algorithm()
}

package jose

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"fmt"

	josev4 "github.com/go-jose/go-jose/v4"
)

// ErrEncryption says that an encrypted token cannot be opened: it is for another
// key, its algorithm is not allowed, or its bytes were changed.
var ErrEncryption = errors.New("jose: the token cannot be decrypted")

// The algorithms of encrypted tokens that are opened: RFC 7518, 4.3 and 4.6, and
// 5.2 and 5.3. No password-based ones, whose cost the sender chooses, no key
// wrapping, and no RSA1_5, which tells attackers how its padding was wrong.
//
//nolint:gochecknoglobals // constants
var (
	keyAlgorithms     = []josev4.KeyAlgorithm{josev4.RSA_OAEP, josev4.RSA_OAEP_256, josev4.ECDH_ES}
	contentAlgorithms = []josev4.ContentEncryption{josev4.A128GCM, josev4.A256GCM, josev4.A128CBC_HS256, josev4.A256CBC_HS512}
)

// Decrypter opens tokens that were encrypted for one of its keys. Immutable, safe
// for concurrent use.
type Decrypter struct {
	keys []decryption
}

type decryption struct {
	kid string
	key crypto.PrivateKey
}

// NewDecrypter makes a decrypter of private keys: RSA of 2048 bits or more, or
// P-256. The first is the one to be published; the others open what was still
// encrypted for them.
func NewDecrypter(keys ...crypto.Signer) (*Decrypter, error) {
	d := &Decrypter{}
	for _, key := range keys {
		switch public := key.Public().(type) {
		case *rsa.PublicKey:
			if public.N.BitLen() < minRSA || public.N.BitLen() > maxRSA {
				return nil, fmt.Errorf("jose: an RSA key of %d bits; take %d to %d", public.N.BitLen(), minRSA, maxRSA)
			}
		case *ecdsa.PublicKey:
			if public.Curve != elliptic.P256() {
				return nil, errors.New("jose: only P-256 of the elliptic curves")
			}
		default:
			return nil, fmt.Errorf("jose: a key of type %T cannot decrypt", key)
		}
		kid, err := Thumbprint(key.Public())
		if err != nil {
			return nil, err
		}
		d.keys = append(d.keys, decryption{kid: kid, key: key})
	}
	return d, nil
}

// JSON are the public keys as a JSON Web Key Set for whoever encrypts for us.
func (d *Decrypter) JSON() ([]byte, error) {
	set := josev4.JSONWebKeySet{Keys: []josev4.JSONWebKey{}}
	for _, one := range d.keys {
		key := josev4.JSONWebKey{Key: one.key, KeyID: one.kid, Use: "enc"}
		set.Keys = append(set.Keys, key.Public())
	}
	raw, err := json.Marshal(set)
	if err != nil {
		return nil, fmt.Errorf("jose: %w", err)
	}
	return raw, nil
}

// Encrypted reports whether a token has the form of an encrypted one (RFC 7516, 7.1).
func Encrypted(token string) bool { return dots(token) == 4 }

// Decrypt opens a compact encrypted token and returns what was inside, a signed
// token (RFC 7519, 11.2). A token with a kid of ours is opened with that key only.
func (d *Decrypter) Decrypt(token string) (inside string, err error) {
	defer recoverTo(&err)
	if len(token) > MaxToken {
		return "", fmt.Errorf("%w: a token of more than %d bytes", ErrMalformed, MaxToken)
	}
	h, err := readHeader(token, 4)
	if err != nil {
		return "", err
	}
	sealed, err := josev4.ParseEncryptedCompact(token, keyAlgorithms, contentAlgorithms)
	if err != nil {
		return "", fmt.Errorf("%w: algorithm %.20q: %s", ErrEncryption, h.Alg, err.Error())
	}
	for _, one := range d.candidates(h.Kid) {
		plain, err := sealed.Decrypt(one.key)
		if err == nil {
			return string(plain), nil
		}
	}
	return "", ErrEncryption
}

// candidates are the keys to try: the one that is named, or all of them when the
// sender gave it a name of its own.
func (d *Decrypter) candidates(kid string) []decryption {
	if d == nil {
		return nil
	}
	for _, one := range d.keys {
		if one.kid == kid {
			return []decryption{one}
		}
	}
	return d.keys
}

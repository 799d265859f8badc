package jose

import (
	"bytes"
	"crypto"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	josev4 "github.com/go-jose/go-jose/v4"
)

// JWK is one public signing key of a set (RFC 7517).
type JWK struct {
	alg Algorithm // "": any that fits the key
	kid string
	key crypto.PublicKey

	certificate []byte // the DER of the first of x5c; nil for none
}

// NewKeySet makes a set of public keys, in the order in which they are published.
func NewKeySet(keys ...JWK) *KeySet { return &KeySet{keys: slices.Clone(keys)} }

// KeySet is a set of public signing keys. Immutable, safe for concurrent use.
type KeySet struct {
	keys    []JWK
	readers []encryption // those that tokens are encrypted for
}

// Len is how many keys there are.
func (k *KeySet) Len() int {
	if k == nil {
		return 0
	}
	return len(k.keys)
}

// Has reports whether a key of that name is in the set.
func (k *KeySet) Has(kid string) bool {
	return k != nil && slices.ContainsFunc(k.keys, func(one JWK) bool { return one.kid == kid })
}

// HasCertificate reports whether a certificate stands in the set, the first in x5c of a key (RFC 8705, 2.2).
func (k *KeySet) HasCertificate(der []byte) bool {
	return k != nil && slices.ContainsFunc(k.keys, func(one JWK) bool { return one.certificate != nil && bytes.Equal(one.certificate, der) })
}

// KeyID is the name of the key that a signed token says it was signed with, before
// anything of it was verified; "" when it names none or is no token.
func KeyID(token string) string {
	if len(token) > MaxToken {
		return ""
	}
	h, err := readHeader(token, 2)
	if err != nil {
		return ""
	}
	return h.Kid
}

// ParseKeySet reads a JWK Set of public keys. Keys of unknown
// types or too weak are left out, as RFC 7517 section 5 wants; those with use "enc"
// verify nothing and are for Encrypter only; a private or
// symmetric key, more than MaxKeys, and a set without one usable key are errors.
func ParseKeySet(raw []byte) (set *KeySet, err error) {
	defer recoverTo(&err)
	if len(raw) > MaxKeySet {
		return nil, fmt.Errorf("%w: a key set of more than %d bytes", ErrMalformed, MaxKeySet)
	}
	var outer struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := json.Unmarshal(raw, &outer); err != nil {
		return nil, fmt.Errorf("%w: no JWK Set: %s", ErrMalformed, err.Error())
	}
	if len(outer.Keys) > MaxKeys {
		return nil, fmt.Errorf("%w: more than %d keys", ErrMalformed, MaxKeys)
	}
	out := &KeySet{}
	for i, one := range outer.Keys {
		key, reader, err := parseKey(one)
		if err != nil {
			return nil, fmt.Errorf("%w: key %d: %s", ErrMalformed, i, err.Error())
		}
		if key != nil {
			out.keys = append(out.keys, *key)
		}
		if reader != nil {
			out.readers = append(out.readers, *reader)
		}
	}
	if len(out.keys) == 0 && len(out.readers) == 0 {
		return nil, fmt.Errorf("%w: no key of type RSA (%d bits or more), EC P-256 or Ed25519 for signatures", ErrMalformed, minRSA)
	}
	return out, nil
}

// parseKey reads a key, to verify or to encrypt with; neither when it is left out.
func parseKey(raw json.RawMessage) (*JWK, *encryption, error) {
	var head struct {
		Type string `json:"kty"`
		Use  string `json:"use"`
		Alg  string `json:"alg"`
		D    string `json:"d"`
		K    string `json:"k"`
	}
	if err := json.Unmarshal(raw, &head); err != nil {
		return nil, nil, err
	}
	if head.D != "" || head.K != "" || head.Type == "oct" {
		return nil, nil, fmt.Errorf("it holds a private or symmetric key; give public keys only")
	}
	var key josev4.JSONWebKey
	if err := json.Unmarshal(raw, &key); err != nil || !key.Valid() || !key.IsPublic() {
		return nil, nil, nil //nolint:nilerr // an unusable key is left out of the set (RFC 7517, 5)
	}
	switch head.Use {
	case "", "sig":
	case "enc":
		reader := &encryption{alg: KeyAlgorithm(head.Alg), kid: key.KeyID, key: key.Key}
		if !slices.ContainsFunc(KeyAlgorithms(), func(a KeyAlgorithm) bool { return a.opens(key.Key) }) {
			return nil, nil, nil
		}
		return nil, reader, nil
	default:
		return nil, nil, nil
	}
	alg := Algorithm(head.Alg)
	if alg != "" && !fits(alg, key.Key) {
		return nil, nil, nil
	}
	if !slices.ContainsFunc(Algorithms(), func(a Algorithm) bool { return fits(a, key.Key) }) {
		return nil, nil, nil
	}
	out := JWK{alg: alg, kid: key.KeyID, key: key.Key}
	if len(key.Certificates) > 0 {
		out.certificate = key.Certificates[0].Raw
	}
	return &out, nil, nil
}

// JSON is the set as it is published.
func (k *KeySet) JSON() ([]byte, error) {
	set := josev4.JSONWebKeySet{Keys: []josev4.JSONWebKey{}}
	for _, key := range k.keys {
		set.Keys = append(set.Keys, josev4.JSONWebKey{Key: key.key, KeyID: key.kid, Algorithm: string(key.alg), Use: "sig"})
	}
	raw, err := json.Marshal(set)
	if err != nil {
		return nil, fmt.Errorf("jose: %w", err)
	}
	return raw, nil
}

// Header is what a caller may need to know of a verified token's header.
type Header struct {
	Algorithm Algorithm
	KeyID     string
	Type      string // typ, in lower case, without "application/"
}

// header is what is read before verification. Members that would change how a
// token is verified and that we do not use are refused.
type header struct {
	Alg  string   `json:"alg"`
	Kid  string   `json:"kid"`
	Typ  string   `json:"typ"`
	Crit []string `json:"crit"`
	B64  *bool    `json:"b64"`
	Zip  string   `json:"zip"`

	JWK json.RawMessage `json:"jwk"` // for Possession only
}

// Verify checks a compact token's signature with the keys of the set and one of
// the algorithms given, and returns its payload, a JSON object without repeated members. A token with a kid is verified
// with that key only; one without is tried with every key that fits.
func (k *KeySet) Verify(token string, algs ...Algorithm) (payload []byte, head Header, err error) {
	defer recoverTo(&err)
	if len(token) > MaxToken {
		return nil, Header{}, fmt.Errorf("%w: a token of more than %d bytes", ErrMalformed, MaxToken)
	}
	h, err := readHeader(token, 2)
	if err != nil {
		return nil, Header{}, err
	}
	alg := Algorithm(h.Alg)
	if !slices.Contains(algs, alg) || !Known(h.Alg) {
		return nil, Header{}, fmt.Errorf("%w: algorithm %.20q is not allowed here", ErrSignature, h.Alg)
	}
	signed, err := josev4.ParseSignedCompact(token, []josev4.SignatureAlgorithm{josev4.SignatureAlgorithm(alg)})
	if err != nil {
		return nil, Header{}, fmt.Errorf("%w: %s", ErrMalformed, err.Error())
	}
	for _, key := range k.candidates(h.Kid, alg) {
		payload, err := signed.Verify(key.key)
		if err == nil {
			if err := object(payload); err != nil {
				return nil, Header{}, err
			}
			return payload, Header{Algorithm: alg, KeyID: h.Kid, Type: mediaType(h.Typ)}, nil
		}
	}
	return nil, Header{}, ErrSignature
}

func (k *KeySet) candidates(kid string, alg Algorithm) []JWK {
	if k == nil {
		return nil
	}
	var out []JWK
	for _, key := range k.keys {
		if (kid == "" || key.kid == "" || key.kid == kid) && (key.alg == "" || key.alg == alg) && fits(alg, key.key) {
			out = append(out, key)
		}
	}
	return out
}

func dots(token string) int { return strings.Count(token, ".") }

// readHeader reads the header of a token with a number of dots: 2 for a signed one, 4 for an encrypted one.
func readHeader(token string, count int) (header, error) {
	if dots(token) != count {
		return header{}, fmt.Errorf("%w: no compact token", ErrMalformed)
	}
	first, _, _ := strings.Cut(token, ".")
	raw, err := base64.RawURLEncoding.Strict().DecodeString(first)
	if err != nil {
		return header{}, fmt.Errorf("%w: header: %s", ErrMalformed, err.Error())
	}
	if err := object(raw); err != nil {
		return header{}, fmt.Errorf("header: %w", err)
	}
	var h header
	if err := Exact(raw, &h); err != nil {
		return header{}, fmt.Errorf("header: %w", err)
	}
	if h.Crit != nil || h.B64 != nil || h.Zip != "" {
		return header{}, fmt.Errorf("%w: crit, b64 and zip are not supported", ErrMalformed)
	}
	return h, nil
}

// mediaType brings typ into one form (RFC 7515, 4.1.9).
func mediaType(typ string) string {
	typ = strings.ToLower(typ)
	if rest, ok := strings.CutPrefix(typ, "application/"); ok && !strings.Contains(rest, "/") {
		return rest
	}
	return typ
}

// recoverTo makes an error of a panic in the library.
func recoverTo(err *error) {
	if r := recover(); r != nil {
		*err = fmt.Errorf("%w: %v", ErrMalformed, r)
	}
}

package jose

import (
	"encoding/json"
	"fmt"
	"slices"

	josev4 "github.com/go-jose/go-jose/v4"
)

// maxProof is the longest proof of possession in bytes.
const maxProof = 8 << 10

// Possession checks a token that is signed with the public key in its own header: it proves
// that whoever made it holds the private key, and nothing else (RFC 9449, 4.2 and 4.3).
// typ is what the header's typ must be. thumbprint names the key (RFC 7638, SHA-256).
func Possession(token, typ string, algs ...Algorithm) (payload []byte, thumbprint string, err error) {
	defer recoverTo(&err)
	if len(token) > maxProof {
		return nil, "", fmt.Errorf("%w: a proof of more than %d bytes", ErrMalformed, maxProof)
	}
	h, err := readHeader(token, 2)
	if err != nil {
		return nil, "", err
	}
	alg := Algorithm(h.Alg)
	if !slices.Contains(algs, alg) || !Known(h.Alg) {
		return nil, "", fmt.Errorf("%w: algorithm %.20q is not allowed here", ErrSignature, h.Alg)
	}
	if mediaType(h.Typ) != typ {
		return nil, "", fmt.Errorf("%w: a token of type %.20q", ErrMalformed, h.Typ)
	}
	key, err := ownKey(h.JWK)
	if err != nil {
		return nil, "", err
	}
	if !fits(alg, key.Key) {
		return nil, "", fmt.Errorf("%w: the key does not fit the algorithm", ErrSignature)
	}
	signed, err := josev4.ParseSignedCompact(token, []josev4.SignatureAlgorithm{josev4.SignatureAlgorithm(alg)})
	if err != nil {
		return nil, "", fmt.Errorf("%w: %s", ErrMalformed, err.Error())
	}
	payload, err = signed.Verify(key.Key)
	if err != nil {
		return nil, "", ErrSignature
	}
	if err := object(payload); err != nil {
		return nil, "", err
	}
	thumbprint, err = Thumbprint(key.Key)
	return payload, thumbprint, err
}

// ownKey is the public key of a header. One that holds a private key is refused: its owner
// has just given it away.
func ownKey(raw json.RawMessage) (josev4.JSONWebKey, error) {
	var private struct {
		D string `json:"d"`
		K string `json:"k"`
	}
	var key josev4.JSONWebKey
	if len(raw) == 0 || json.Unmarshal(raw, &private) != nil || json.Unmarshal(raw, &key) != nil {
		return key, fmt.Errorf("%w: the header holds no key", ErrMalformed)
	}
	if private.D != "" || private.K != "" || !key.Valid() || !key.IsPublic() {
		return key, fmt.Errorf("%w: the header holds no public key", ErrMalformed)
	}
	return key, nil
}

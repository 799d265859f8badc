package jose

import (
	"fmt"

	josev4 "github.com/go-jose/go-jose/v4"
)

// HS256 is the one algorithm with a secret that both sides know (RFC 7518, 3.2). It is none
// of Algorithms: only VerifySecret takes it, which has no public key that could be taken for
// the secret.
const HS256 = "HS256"

// MinSecret is how long such a secret must be, in bytes: no shorter than the digest (RFC 7518, 3.2).
const MinSecret = 32

// VerifySecret checks a compact token that is signed by HS256 with a secret, and returns its
// payload, a JSON object without repeated members. A kid means nothing here.
func VerifySecret(token string, secret []byte) (payload []byte, err error) {
	defer recoverTo(&err)
	if len(token) > MaxToken {
		return nil, fmt.Errorf("%w: a token of more than %d bytes", ErrMalformed, MaxToken)
	}
	h, err := readHeader(token, 2)
	if err != nil {
		return nil, err
	}
	if h.Alg != HS256 || len(secret) < MinSecret {
		return nil, fmt.Errorf("%w: algorithm %.20q is not allowed here", ErrSignature, h.Alg)
	}
	signed, err := josev4.ParseSignedCompact(token, []josev4.SignatureAlgorithm{josev4.HS256})
	if err != nil {
		return nil, fmt.Errorf("%w: %s", ErrMalformed, err.Error())
	}
	if payload, err = signed.Verify(secret); err != nil {
		return nil, ErrSignature
	}
	if err := object(payload); err != nil {
		return nil, err
	}
	return payload, nil
}

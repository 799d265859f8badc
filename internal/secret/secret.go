// Package secret makes, digests, compares and seals secrets.
//
// Tokens of 128 bits or more are stored as their SHA-256 digest (Digest). Short
// codes are stored as an HMAC under a key of the deployment and the id of their
// row (Keys.CodeMAC). Addresses and phone numbers are stored sealed (Keys.Seal)
// and found by an HMAC index (Keys.Index). All keys come from the deployment's
// root keys by HKDF; password peppers are key files of their own.
package secret

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"math/big"
)

// TokenBytes is the size of every random token: 256 bits.
const TokenBytes = 32

// NewToken makes a random token of 256 bits as 43 characters of unpadded base64url.
func NewToken() string {
	b := make([]byte, TokenBytes)
	_, _ = rand.Read(b) // never fails: crypto/rand ends the process instead
	return base64.RawURLEncoding.EncodeToString(b)
}

// Digest is what is stored of a token: its SHA-256.
func Digest(token string) []byte {
	sum := sha256.Sum256([]byte(token))
	return sum[:]
}

// Equal compares in constant time.
func Equal(a, b []byte) bool { return subtle.ConstantTimeCompare(a, b) == 1 }

// NewCode makes a uniformly random code of decimal digits.
func NewCode(digits int) string {
	limit := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(digits)), nil)
	n, err := rand.Int(rand.Reader, limit)
	if err != nil {
		panic("secret: the system's random source failed: " + err.Error())
	}
	text := n.String()
	for len(text) < digits {
		text = "0" + text
	}
	return text
}

// CleanCode removes what people add to a code when they type it: spaces and dashes.
func CleanCode(typed string) string {
	out := make([]rune, 0, len(typed))
	for _, r := range typed {
		switch r {
		case ' ', '-', '\t', '\u00a0', '\u202f', '\u2011', '\u2013':
		default:
			out = append(out, r)
		}
	}
	return string(out)
}

package flow

import (
	"crypto/rand"
	"strings"
)

// crockford is the alphabet of Douglas Crockford's base32: no I, L, O or U, so
// that a reference can be read aloud.
const crockford = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"

// NewReference makes a short code for a person to quote: 40 random bits as
// "7K3Q-M92T". It names a journey to the support desk and opens nothing.
func NewReference() string {
	b := make([]byte, 8)
	_, _ = rand.Read(b) // never fails: crypto/rand ends the process instead
	out := make([]byte, 0, 9)
	for i, v := range b {
		if i == 4 {
			out = append(out, '-')
		}
		out = append(out, crockford[v%32])
	}
	return string(out)
}

// ParseReference reads a reference as people type it: any case, with or without
// the dash, O for 0, I and L for 1. False when it can be none.
func ParseReference(typed string) (string, bool) {
	if len(typed) > 64 {
		return "", false
	}
	out := make([]byte, 0, 9)
	for _, r := range typed {
		switch r {
		case ' ', '-', '\u00a0', '\u2011', '\u2013':
			continue
		case 'O', 'o':
			r = '0'
		case 'I', 'i', 'L', 'l':
			r = '1'
		}
		if r >= 'a' && r <= 'z' {
			r -= 'a' - 'A'
		}
		if r > 'Z' || !strings.ContainsRune(crockford, r) {
			return "", false
		}
		if len(out) == 4 {
			out = append(out, '-')
		}
		out = append(out, byte(r))
	}
	return string(out), len(out) == 9
}

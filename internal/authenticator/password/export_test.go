package password

import "parvis/internal/secret"

// NewPBKDF2Hasher is the hasher of FIPS 140 mode.
func NewPBKDF2Hasher(keys *secret.Keys, s Settings) *Hasher {
	h := NewHasher(keys, s)
	h.scheme = schemePBKDF2
	return h
}

// Occupy takes a turn and returns what gives it back.
func Occupy(h *Hasher) (leave func()) {
	h.turns <- struct{}{}
	return func() { <-h.turns }
}

// ReadVerifier parses a verifier and writes it again.
func ReadVerifier(text string) (string, bool) {
	v, err := parsePHC(text)
	return v.String(), err == nil
}

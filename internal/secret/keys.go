package secret

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
)

// RootBytes is the size of a root key and of a pepper.
const RootBytes = 32

// ErrSealed says that sealed bytes could not be opened: foreign key, foreign place, or changed bytes.
var ErrSealed = errors.New("secret: sealed value cannot be opened")

// Keys are the deployment's keys. Immutable, safe for concurrent use.
// The first root key seals; the others only open and find what older ones sealed.
// The first pepper is mixed into new verifiers; the others only into those made with them.
type Keys struct {
	roots   []root
	peppers []pepperKey
}

type pepperKey struct {
	id  string // kept beside everything made with this key
	key []byte
}

type root struct {
	id    byte // first byte of everything made with this key
	aead  cipher.AEAD
	index []byte
	code  []byte
	csrf  []byte
}

// NewKeys derives all keys. Each root and the pepper must be RootBytes long;
// at least one root is needed.
func NewKeys(pepper []byte, roots ...[]byte) (*Keys, error) {
	if len(roots) == 0 {
		return nil, errors.New("secret: no root key")
	}
	first, err := newPepper(pepper)
	if err != nil {
		return nil, err
	}
	k := &Keys{peppers: []pepperKey{first}}
	seen := map[byte]bool{}
	for _, b := range roots {
		r, err := newRoot(b)
		if err != nil {
			return nil, err
		}
		if seen[r.id] {
			return nil, errors.New("secret: two root keys share an id; generate another one")
		}
		seen[r.id] = true
		k.roots = append(k.roots, r)
	}
	return k, nil
}

// WithOlderPeppers are the same keys that also verify what was made with older
// peppers, given newest first.
func (k *Keys) WithOlderPeppers(older ...[]byte) (*Keys, error) {
	out := &Keys{roots: k.roots, peppers: slices.Clone(k.peppers)}
	for _, b := range older {
		p, err := newPepper(b)
		if err != nil {
			return nil, err
		}
		if slices.ContainsFunc(out.peppers, func(known pepperKey) bool { return known.id == p.id }) {
			return nil, errors.New("secret: two peppers share an id; generate another one")
		}
		out.peppers = append(out.peppers, p)
	}
	return out, nil
}

func newPepper(b []byte) (pepperKey, error) {
	if len(b) != RootBytes {
		return pepperKey{}, fmt.Errorf("secret: a pepper has %d bytes, want %d", len(b), RootBytes)
	}
	id := mac(b, "pepper id")[:pepperIDBytes]
	return pepperKey{id: base64.RawURLEncoding.EncodeToString(id), key: slices.Clone(b)}, nil
}

// pepperIDBytes is the size of a pepper's id before it is written as base64url.
const pepperIDBytes = 6

func newRoot(b []byte) (root, error) {
	if len(b) != RootBytes {
		return root{}, fmt.Errorf("secret: a root key has %d bytes, want %d", len(b), RootBytes)
	}
	derive := func(purpose string) []byte {
		key, err := hkdf.Key(sha256.New, b, nil, "parvis/"+purpose, 32)
		if err != nil {
			panic("secret: hkdf: " + err.Error()) // only for lengths beyond 255 hashes
		}
		return key
	}
	block, err := aes.NewCipher(derive("seal"))
	if err != nil {
		return root{}, fmt.Errorf("secret: %w", err)
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		return root{}, fmt.Errorf("secret: %w", err)
	}
	return root{id: derive("id")[0], aead: aead, index: derive("index"), code: derive("code"), csrf: derive("csrf")}, nil
}

// place is the additional data that ties a sealed value to its column and row.
func place(table, column, row string) []byte { return []byte(table + "|" + column + "|" + row) }

// Seal encrypts a value for one column of one row: AES-256-GCM, key id first.
func (k *Keys) Seal(table, column, row string, plain []byte) []byte {
	r := k.roots[0]
	return r.aead.Seal([]byte{r.id}, nil, plain, place(table, column, row)) //nolint:gosec // the cipher makes a random nonce of its own; nil is what it wants
}

// Newest reports whether a value was sealed with the key that seals now.
func (k *Keys) Newest(sealed []byte) bool { return len(sealed) > 0 && sealed[0] == k.roots[0].id }

// Open decrypts what Seal made for the same column and row; ErrSealed otherwise.
func (k *Keys) Open(table, column, row string, sealed []byte) ([]byte, error) {
	if len(sealed) == 0 {
		return nil, ErrSealed
	}
	for _, r := range k.roots {
		if r.id != sealed[0] {
			continue
		}
		plain, err := r.aead.Open(nil, nil, sealed[1:], place(table, column, row))
		if err != nil {
			return nil, ErrSealed
		}
		return plain, nil
	}
	return nil, ErrSealed
}

// Index is the blind index of a value under the active root key: key id, then
// HMAC-SHA256, in hex. Purpose keeps the indexes of different things apart.
func (k *Keys) Index(purpose, value string) string { return k.roots[0].indexOf(purpose, value) }

// Indexes are the indexes under every root key, the active one first: what to
// look for while root keys are being changed.
func (k *Keys) Indexes(purpose, value string) []string {
	out := make([]string, len(k.roots))
	for i, r := range k.roots {
		out[i] = r.indexOf(purpose, value)
	}
	return out
}

func (r root) indexOf(purpose, value string) string {
	return hex.EncodeToString(append([]byte{r.id}, mac(r.index, purpose, value)...))
}

// CodeMAC is what is stored of a short code: key id and HMAC over the code and the id of its row.
func (k *Keys) CodeMAC(row, code string) []byte {
	r := k.roots[0]
	return append([]byte{r.id}, mac(r.code, row, code)...)
}

// CodeMatches compares a typed code with a stored CodeMAC in constant time.
func (k *Keys) CodeMatches(row, code string, stored []byte) bool {
	if len(stored) == 0 {
		return false
	}
	for _, r := range k.roots {
		if r.id == stored[0] {
			return Equal(append([]byte{r.id}, mac(r.code, row, code)...), stored)
		}
	}
	return false
}

// FormToken is the token of a form for one browser: HMAC over the browser's secret and the form's name.
func (k *Keys) FormToken(browser, form string) []byte { return mac(k.roots[0].csrf, browser, form) }

// Pepper mixes a pepper into a password before it is hashed, so that a copy of
// the database alone cannot be attacked (SP 800-63B-4, 3.1.1.2). It is false when
// there is no pepper of that id. The empty id is the oldest pepper: before there
// were ids there was one pepper only.
func (k *Keys) Pepper(id, password string) ([]byte, bool) {
	for i, p := range k.peppers {
		if p.id == id || id == "" && i == len(k.peppers)-1 {
			return mac(p.key, "password", password), true
		}
	}
	return nil, false
}

// PepperIDs are the ids of the peppers, 8 characters of base64url each, that of new verifiers first.
func (k *Keys) PepperIDs() []string {
	out := make([]string, len(k.peppers))
	for i, p := range k.peppers {
		out[i] = p.id
	}
	return out
}

// mac is HMAC-SHA256 over its parts, each preceded by its length so that parts cannot run into each other.
func mac(key []byte, parts ...string) []byte {
	h := hmac.New(sha256.New, key)
	var size [8]byte
	for _, p := range parts {
		binary.BigEndian.PutUint64(size[:], uint64(len(p)))
		_, _ = h.Write(size[:]) // hash.Hash never fails
		_, _ = h.Write([]byte(p))
	}
	return h.Sum(nil)
}

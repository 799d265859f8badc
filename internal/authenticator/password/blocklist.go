package password

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"fmt"
	"sort"
)

// The lists come from npm @zxcvbn-ts/language-common 4.1.3, language-en 4.1.1
// and language-fr 4.1.2 (MIT licence, © zxcvbn-ts contributors). make generate
// rebuilds them; see generate/main.go.
//
//go:generate go run ./generate

//go:embed blocklist/passwords.bin
var passwordHashes []byte

//go:embed blocklist/words.bin
var wordHashes []byte

// hashBytes is how much of the SHA-256 of each entry is kept. With 48 bits and
// some hundred thousand entries one good password in a thousand million is
// refused by chance.
const hashBytes = 6

// Blocklist is the list of passwords, names and words that are too well known
// to be a password. Immutable, safe for concurrent use.
type Blocklist struct {
	passwords, words []byte // sorted hashes, each of hashBytes
}

// NewBlocklist makes the embedded list.
func NewBlocklist() (*Blocklist, error) {
	for _, list := range [][]byte{passwordHashes, wordHashes} {
		if len(list) == 0 || len(list)%hashBytes != 0 {
			return nil, fmt.Errorf("password: the embedded blocklist has %d bytes, not a multiple of %d", len(list), hashBytes)
		}
	}
	return &Blocklist{passwords: passwordHashes, words: wordHashes}, nil
}

// Size is how many passwords, and how many names and words, are on the list.
func (b *Blocklist) Size() (passwords, words int) {
	return len(b.passwords) / hashBytes, len(b.words) / hashBytes
}

// Password reports whether a folded text (Fold) is one of the most used passwords.
func (b *Blocklist) Password(folded string) bool { return listed(b.passwords, folded) }

// Word reports whether a folded text is a name or a word of the dictionary.
func (b *Blocklist) Word(folded string) bool { return listed(b.words, folded) }

// hashOf is what the list keeps of an entry.
func hashOf(folded string) [hashBytes]byte {
	sum := sha256.Sum256([]byte(folded))
	return [hashBytes]byte(sum[:hashBytes])
}

func listed(list []byte, folded string) bool {
	want := hashOf(folded)
	n := len(list) / hashBytes
	at := func(i int) []byte { return list[i*hashBytes : (i+1)*hashBytes] }
	i := sort.Search(n, func(i int) bool { return bytes.Compare(at(i), want[:]) >= 0 })
	return i < n && bytes.Equal(at(i), want[:])
}

// Package keyringtest gives keyrings of tests private keys that were made for others before:
// a key of RSA takes longer than most tests. Only tests import it.
package keyringtest

import (
	"crypto"
	"fmt"
	"sync"

	"parvis/internal/db"
	"parvis/internal/jose"
)

// made are the keys of this process, oldest first, and how many of them each database was given.
var made = struct {
	sync.Mutex
	keys  map[jose.Algorithm][]crypto.Signer
	given map[string]int
}{keys: map[jose.Algorithm][]crypto.Signer{}, given: map[string]int{}}

// NewKey is the function for the nodes of a database: for one database no key comes twice.
func NewKey(d *db.DB) func(alg jose.Algorithm) (crypto.Signer, error) {
	database := fmt.Sprintf("%+v ", d.Settings())
	return func(alg jose.Algorithm) (crypto.Signer, error) {
		made.Lock()
		defer made.Unlock()
		given := database + string(alg)
		n := made.given[given]
		if n == len(made.keys[alg]) {
			key, err := jose.Generate(alg)
			if err != nil {
				return nil, err
			}
			made.keys[alg] = append(made.keys[alg], key)
		}
		made.given[given]++
		return made.keys[alg][n], nil
	}
}

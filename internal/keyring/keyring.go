// Package keyring keeps the deployment's signing keys.
//
// Keys are made at the first start, one ES256 (P-256) and one RS256 (RSA 2048),
// sealed under the deployment's root key, and shared by all nodes through the
// database. A new key is published before it signs, and a replaced one stays
// published after: Settings say how long. Each node holds an immutable snapshot
// of the parsed keys and of the bytes of the published set, and polls one
// revision row; which key signs follows from the clock alone.
//
// Start also checks a sealed row, so that a node with the wrong key files
// refuses to start instead of writing what nobody can read.
package keyring

import (
	"context"
	"crypto"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"parvis/internal/audit"
	"parvis/internal/db"
	"parvis/internal/fault"
	"parvis/internal/jose"
	"parvis/internal/secret"
)

// poll is how often a node asks whether the keys changed.
const poll = 300 * time.Millisecond

// Keyring is the deployment's set of signing keys. DB, Keys, Settings, Audit and
// Now are needed. Start must have succeeded before anything else is used.
type Keyring struct {
	DB       *db.DB
	Keys     *secret.Keys
	Settings Settings
	Audit    *audit.Log
	Now      func() time.Time // the clock given to db.Open
	Logger   *slog.Logger     // told when the keys cannot be read again; may be nil

	// NewKey makes a private key; nil: jose.Generate. Tests take keys that were made before,
	// because RSA takes its time.
	NewKey func(alg jose.Algorithm) (crypto.Signer, error)

	// Peppers are the ids of the peppers that stored verifiers need; nil: none are stored.
	Peppers func(tx *db.Tx) ([]string, error)

	snapshot atomic.Pointer[snapshot]
}

// prepared is how often the caller of Prepare looks whether a service wants another algorithm.
const prepared = 10 * time.Second

// Algorithms are those for which there is always a key. Keys of the others are made once a
// service wants them, see Prepare.
func Algorithms() []jose.Algorithm { return []jose.Algorithm{jose.ES256, jose.RS256} }

// used are the algorithms for which there are keys, or always must be.
func used(keys []stored) []jose.Algorithm {
	out := Algorithms()
	for _, k := range keys {
		if !slices.Contains(out, k.Algorithm) {
			out = append(out, k.Algorithm)
		}
	}
	return out
}

// Prepare makes the keys of further algorithms, for services that want them. They sign at
// once: nobody has been given anything that an older one signed.
func (k *Keyring) Prepare(ctx context.Context, algs ...jose.Algorithm) error {
	for _, alg := range algs {
		if s := k.snapshot.Load(); s != nil && s.has(alg) {
			continue
		}
		if err := k.create(ctx, alg); err != nil {
			return err
		}
		if err := k.load(ctx); err != nil {
			return err
		}
	}
	return nil
}

func (s *snapshot) has(alg jose.Algorithm) bool {
	return slices.ContainsFunc(s.keys, func(k signing) bool { return k.Algorithm == alg })
}

// Key is what is known of a signing key without its private part.
type Key struct {
	ID         string
	Algorithm  jose.Algorithm
	CreatedAt  time.Time
	ActiveFrom time.Time // signs from here on, until a newer one does
	RetireAt   time.Time // no longer published from here on; zero: not replaced yet
}

// signing is a key with its private part.
type signing struct {
	Key
	signer *jose.Signer
}

// snapshot is the state of one revision as it holds from one change to the next.
type snapshot struct {
	revision    int64
	keys        []signing // by ActiveFrom, oldest first
	from, until time.Time // the span in which the fields below hold; zero until: for good
	active      map[jose.Algorithm]*jose.Signer
	set         *jose.KeySet
	bytes       []byte
}

// Start checks the deployment's keys against the database, makes the signing
// keys that are missing, and loads all. Several nodes may start at once: they
// end up with the same keys.
func (k *Keyring) Start(ctx context.Context) error {
	if err := k.check(ctx); err != nil {
		return err
	}
	if err := k.load(ctx); err != nil {
		return err
	}
	for _, alg := range Algorithms() {
		if _, ok := k.snapshot.Load().active[alg]; ok {
			continue
		}
		if err := k.create(ctx, alg); err != nil {
			return err
		}
	}
	return k.load(ctx)
}

// Run keeps the snapshot fresh until ctx ends.
func (k *Keyring) Run(ctx context.Context) error {
	tick := time.NewTicker(poll)
	defer tick.Stop()
	failing := false
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		err := k.Refresh(ctx)
		if err != nil && ctx.Err() == nil && !failing && k.Logger != nil {
			k.Logger.LogAttrs(ctx, slog.LevelError, "signing keys cannot be read", slog.String("error", err.Error()))
		}
		failing = err != nil
	}
}

// Refresh loads the keys again if their revision changed. When the database
// cannot be read, the snapshot stays: nothing that it signs could be issued
// without the database anyway.
func (k *Keyring) Refresh(ctx context.Context) error {
	var now int64
	err := k.DB.Read(ctx, func(tx *db.Tx) (err error) {
		now, err = revision(tx)
		return err
	})
	if err != nil {
		return fmt.Errorf("keyring: refresh: %w", err)
	}
	if s := k.snapshot.Load(); s != nil && s.revision == now {
		return nil
	}
	return k.load(ctx)
}

// errNone tells whoever runs the deployment where keys come from.
func errNone(alg jose.Algorithm) error {
	return fmt.Errorf("keyring: there is no key for %s yet; `parvis serve` makes the keys when it first starts: start it once, then try again", alg)
}

// Signer is the key that signs now with an algorithm.
func (k *Keyring) Signer(alg jose.Algorithm) (*jose.Signer, error) {
	s, err := k.current()
	if err != nil {
		return nil, err
	}
	signer, ok := s.active[alg]
	switch {
	case !ok && jose.Known(string(alg)) && !slices.Contains(Algorithms(), alg): // Prepare makes it in a moment
		return nil, &fault.Error{Kind: fault.Unavailable, Key: "error.unavailable", RetryAfter: prepared, Err: errNone(alg)}
	case !ok:
		return nil, errNone(alg)
	}
	return signer, nil
}

// JWKS is the published key set: keys that sign now first, then those to come,
// then those that were replaced. The bytes must not be changed.
func (k *Keyring) JWKS() []byte {
	s, err := k.current()
	if err != nil {
		return []byte(`{"keys":[]}`)
	}
	return s.bytes
}

// Set are the published keys, for verifying what this deployment signed itself.
func (k *Keyring) Set() *jose.KeySet {
	s, err := k.current()
	if err != nil {
		return nil
	}
	return s.set
}

// List are all keys, in the order of JWKS.
func (k *Keyring) List() []Key {
	s, err := k.current()
	if err != nil {
		return nil
	}
	var out []Key
	for _, key := range s.published(k.Now()) {
		out = append(out, key.Key)
	}
	return out
}

// Private is a published key with its private part, for signatures that are no tokens.
type Private struct {
	Key
	Signer *jose.Signer
}

// Privates are the published keys of an algorithm: the one that signs now, then those
// to come, then those that were replaced.
func (k *Keyring) Privates(alg jose.Algorithm) ([]Private, error) {
	s, err := k.current()
	if err != nil {
		return nil, err
	}
	var out []Private
	for _, key := range s.published(k.Now()) {
		if key.Algorithm == alg {
			out = append(out, Private{Key: key.Key, Signer: key.signer})
		}
	}
	if s.active[alg] == nil {
		return nil, errNone(alg)
	}
	return out, nil
}

// current is the snapshot, made anew when a key became active or retired since.
func (k *Keyring) current() (*snapshot, error) {
	s := k.snapshot.Load()
	if s == nil {
		return nil, fault.Wrap(fault.Unavailable, "error.unavailable", errors.New("keyring: not started"))
	}
	now := k.Now()
	if !now.Before(s.from) && (s.until.IsZero() || now.Before(s.until)) {
		return s, nil
	}
	next, err := newSnapshot(s.revision, s.keys, now)
	if err != nil {
		return nil, err
	}
	k.snapshot.CompareAndSwap(s, next)
	return next, nil
}

// newSnapshot works out which keys sign and which are published at an instant.
func newSnapshot(revision int64, keys []signing, now time.Time) (*snapshot, error) {
	s := &snapshot{revision: revision, keys: keys, active: map[jose.Algorithm]*jose.Signer{}}
	for _, key := range keys {
		for _, change := range []time.Time{key.ActiveFrom, key.RetireAt} {
			switch {
			case change.IsZero():
			case change.After(now):
				if s.until.IsZero() || change.Before(s.until) {
					s.until = change
				}
			case change.After(s.from):
				s.from = change
			}
		}
		if !key.ActiveFrom.After(now) && !key.retired(now) {
			s.active[key.Algorithm] = key.signer
		}
	}
	var public []jose.JWK
	for _, key := range s.published(now) {
		public = append(public, key.signer.JWK())
	}
	s.set = jose.NewKeySet(public...)
	var err error
	s.bytes, err = s.set.JSON()
	return s, err
}

func (k Key) retired(now time.Time) bool { return !k.RetireAt.IsZero() && !k.RetireAt.After(now) }

// published are the keys of the set: active, to come, replaced (newest first).
func (s *snapshot) published(now time.Time) []signing {
	var active, coming, replaced []signing
	for _, key := range s.keys {
		switch {
		case key.retired(now):
		case key.ActiveFrom.After(now):
			coming = append(coming, key)
		case s.active[key.Algorithm] != nil && s.active[key.Algorithm].KeyID() == key.ID:
			active = append(active, key)
		default:
			replaced = append(replaced, key)
		}
	}
	slices.Reverse(replaced)
	slices.SortStableFunc(active, func(a, b signing) int { return strings.Compare(string(b.Algorithm), string(a.Algorithm)) })
	return slices.Concat(active, coming, replaced)
}

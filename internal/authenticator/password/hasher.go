package password

import (
	"context"
	"crypto/fips140"
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha512"
	"fmt"
	"runtime"
	"sync/atomic"
	"time"

	"golang.org/x/crypto/argon2"

	"parvis/internal/fault"
	"parvis/internal/secret"
)

// The sizes of what a new verifier holds, in bytes.
const (
	saltBytes = 16
	sumBytes  = 32
)

// Hasher makes and checks verifiers. Safe for concurrent use.
type Hasher struct {
	keys     *secret.Keys
	settings Settings
	scheme   string
	turns    chan struct{} // one for each computation that runs
	waiting  atomic.Int64  // how many wait for a turn
	computed atomic.Int64  // how many were computed
}

// NewHasher makes a hasher. In FIPS 140 mode it makes verifiers with
// PBKDF2-HMAC-SHA512, else with argon2id; it checks both.
func NewHasher(keys *secret.Keys, s Settings) *Hasher {
	n := s.Concurrency
	if n == 0 {
		n = runtime.GOMAXPROCS(0)
	}
	h := &Hasher{keys: keys, settings: s, scheme: schemeArgon2id, turns: make(chan struct{}, n)}
	if fips140.Enabled() {
		h.scheme = schemePBKDF2
	}
	return h
}

// Waiting is how many computations wait for their turn, for the metrics.
func (h *Hasher) Waiting() int64 { return h.waiting.Load() }

// Computed is how many verifiers were made or checked so far, for the metrics and
// for the test that every sign-in costs one.
func (h *Hasher) Computed() int64 { return h.computed.Load() }

// Hash makes the verifier of a password, a PHC string. When too many wait it is
// a fault of kind Unavailable.
func (h *Hasher) Hash(ctx context.Context, password string) (string, error) {
	v := h.fresh()
	if err := h.compute(ctx, password, &v); err != nil {
		return "", err
	}
	return v.String(), nil
}

// HashLike makes the verifier that a text has with the salt and the cost of another
// verifier: equal texts give equal verifiers. One computation then compares a text
// with a whole set of one salt (package backupcode). Faults as of Hash.
func (h *Hasher) HashLike(ctx context.Context, text, verifier string) (string, error) {
	v, err := parsePHC(verifier)
	if err != nil {
		return "", err
	}
	v.sum = make([]byte, len(v.sum))
	if err := h.compute(ctx, text, &v); err != nil {
		return "", err
	}
	return v.String(), nil
}

// Checked is what came of a comparison.
type Checked struct {
	OK     bool // the password is the one
	Rehash bool // and its verifier is weaker than today's settings, or has an older pepper: hash again and Passwords.Replace
}

// Verify compares a password with a verifier. When too many wait it is a fault
// of kind Unavailable: no comparison was made.
func (h *Hasher) Verify(ctx context.Context, password, verifier string) (Checked, error) {
	stored, err := parsePHC(verifier)
	if err != nil {
		return Checked{}, err
	}
	mine := stored
	mine.sum = make([]byte, len(stored.sum))
	if err := h.compute(ctx, password, &mine); err != nil {
		return Checked{}, err
	}
	ok := secret.Equal(mine.sum, stored.sum)
	return Checked{OK: ok, Rehash: ok && h.weak(stored)}, nil
}

// VerifyDummy does the work of Verify for an account that does not exist or has
// no password, so that the time tells nothing. The answer is always no.
func (h *Hasher) VerifyDummy(ctx context.Context, password string) error {
	v := h.fresh()
	return h.compute(ctx, password, &v)
}

// fresh is an empty verifier with today's parameters and a new salt.
func (h *Hasher) fresh() phc {
	v := phc{scheme: h.scheme, salt: make([]byte, saltBytes), sum: make([]byte, sumBytes), pepper: h.keys.PepperIDs()[0]}
	_, _ = rand.Read(v.salt) // never fails: crypto/rand ends the process instead
	if h.scheme == schemePBKDF2 {
		v.iterations = h.settings.Iterations
		return v
	}
	v.memory, v.passes, v.lanes = h.settings.Memory, h.settings.Passes, h.settings.Lanes
	return v
}

// weak reports whether a verifier was made with other means than today's.
func (h *Hasher) weak(v phc) bool {
	now := h.fresh()
	return v.scheme != now.scheme || v.memory != now.memory || v.passes != now.passes || v.lanes != now.lanes ||
		v.iterations != now.iterations || v.pepper != now.pepper || len(v.salt) < saltBytes || len(v.sum) < sumBytes
}

// compute fills in the sum of a verifier when it is its turn.
func (h *Hasher) compute(ctx context.Context, password string, v *phc) error {
	peppered, found := h.keys.Pepper(v.pepper, Normalize(password))
	if !found {
		return fmt.Errorf("password: the verifier was made with the pepper %s, which is not among keys.pepper_files", v.pepper)
	}
	if err := h.enter(ctx); err != nil {
		return err
	}
	defer func() { <-h.turns }()
	h.computed.Add(1)
	if v.scheme == schemeArgon2id {
		v.sum = argon2.IDKey(peppered, v.salt, v.passes, v.memory, v.lanes, uint32(len(v.sum)))
		return nil
	}
	sum, err := pbkdf2.Key(sha512.New, string(peppered), v.salt, v.iterations, len(v.sum))
	if err != nil {
		return fmt.Errorf("password: pbkdf2: %w", err)
	}
	v.sum = sum
	return nil
}

// enter waits for a turn: not behind more than Settings.Queue others, not longer
// than Settings.QueueTimeout, and not for someone who has gone.
func (h *Hasher) enter(ctx context.Context) error {
	select {
	case h.turns <- struct{}{}:
		return nil
	default:
	}
	if h.waiting.Add(1) > int64(h.settings.Queue) {
		h.waiting.Add(-1)
		return busy(nil)
	}
	defer h.waiting.Add(-1)
	patience := time.NewTimer(h.settings.QueueTimeout)
	defer patience.Stop()
	select {
	case h.turns <- struct{}{}:
		return nil
	case <-patience.C:
		return busy(nil)
	case <-ctx.Done():
		return busy(ctx.Err())
	}
}

// retryAfter is what someone who finds the queue full is told to wait.
const retryAfter = 2 * time.Second

func busy(cause error) error {
	e := fault.Retry(fault.Unavailable, "error.busy", retryAfter)
	e.Err = cause
	return e
}

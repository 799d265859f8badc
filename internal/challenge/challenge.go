// Package challenge asks a browser for a proof of work, and takes it once.
//
// The protocol is version 2 of ALTCHA (https://altcha.org/docs/v2/): the browser looks
// for the counter whose PBKDF2 key begins with a given prefix; nobody sees or solves
// anything. Parameters are signed and not stored; they are bound to one browser and one
// form and run out. A solution is counted as used before the work that it is given for,
// on whatever node, and stays used when that work is refused. Checking one costs two
// HMACs and no key derivation.
//
// Who has no JavaScript, or an old browser, is mailed a code instead: [Challenges.Mail].
// package screening says when either is asked for.
//
// It refuses what it did not sign, what is for another browser or form, what has run out
// and what was used.
package challenge

import (
	"context"
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"time"

	"parvis/internal/db"
	"parvis/internal/secret"
)

const (
	algorithm   = "PBKDF2/SHA-256"
	keyBytes    = 32
	prefixBytes = 16
	nonceBytes  = 16

	// maxPayload bounds what a browser answers, in bytes.
	maxPayload = 2048
)

// Challenges makes challenges and takes their solutions. All fields are needed. Safe for
// concurrent use.
type Challenges struct {
	DB       *db.DB
	Keys     *secret.Keys
	Settings Settings
	Now      func() time.Time
}

// For is what a challenge is bound to.
type For struct {
	Form    string // name of the form
	Browser []byte // digest of the browser's secret
}

// parameters are those of ALTCHA, in the order of their names, which is how they are signed.
type parameters struct {
	Algorithm    string `json:"algorithm"`
	Cost         int    `json:"cost"`
	ExpiresAt    int64  `json:"expiresAt"` // Unix seconds
	KeyLength    int    `json:"keyLength"`
	KeyPrefix    string `json:"keyPrefix"`
	KeySignature string `json:"keySignature"`
	Nonce        string `json:"nonce"`
	Salt         string `json:"salt"`
}

type signed struct {
	Parameters parameters `json:"parameters"`
	Signature  string     `json:"signature"`
}

type solution struct {
	Counter    uint32 `json:"counter"`
	DerivedKey string `json:"derivedKey"`
}

// payload is what ALTCHA's widget sends, as JSON in base64.
type payload struct {
	Challenge signed   `json:"challenge"`
	Solution  solution `json:"solution"`
}

// Make makes a challenge for a browser: the JSON of its parameters and their signature.
func (c *Challenges) Make(what For) (string, error) {
	p := parameters{
		Algorithm: algorithm, Cost: c.Settings.Cost, KeyLength: keyBytes,
		ExpiresAt: c.Now().Add(c.Settings.Lifetime).Unix(),
	}
	nonce, salt := make([]byte, nonceBytes), make([]byte, nonceBytes)
	_, _ = rand.Read(nonce) // crypto/rand never fails
	_, _ = rand.Read(salt)
	key, err := derive(nonce, salt, c.counter(), p.Cost)
	if err != nil {
		return "", err
	}
	p.Nonce, p.Salt, p.KeyPrefix = hex.EncodeToString(nonce), hex.EncodeToString(salt), hex.EncodeToString(key[:prefixBytes])
	p.KeySignature = c.Keys.Index("challenge-key", p.Nonce+"|"+hex.EncodeToString(key))
	text, err := json.Marshal(signed{Parameters: p, Signature: c.Keys.Index("challenge", bound(p, what))})
	if err != nil {
		return "", fmt.Errorf("challenge: %w", err)
	}
	return string(text), nil
}

// counter is the one to find: in the upper half, so that luck saves no more than half.
func (c *Challenges) counter() uint32 {
	half := int64(c.Settings.Tries) / 2
	n, err := rand.Int(rand.Reader, big.NewInt(half))
	if err != nil {
		panic("challenge: the system's random source failed: " + err.Error())
	}
	return uint32(half + n.Int64())
}

// derive is one try: the key of a counter (ALTCHA: password is the nonce with the
// counter behind it, four bytes, the highest first).
func derive(nonce, salt []byte, counter uint32, cost int) ([]byte, error) {
	password := binary.BigEndian.AppendUint32(slices.Clone(nonce), counter)
	key, err := pbkdf2.Key(sha256.New, string(password), salt, cost, keyBytes)
	if err != nil {
		return nil, fmt.Errorf("challenge: %w", err)
	}
	return key, nil
}

// bound is what is signed: the parameters, and what they are bound to.
func bound(p parameters, what For) string {
	text, err := json.Marshal(p)
	if err != nil {
		return "" // strings and numbers only: cannot happen
	}
	return string(text) + "|" + what.Form + "|" + hex.EncodeToString(what.Browser)
}

// ErrPayload says that what a browser answered is none of ours.
var ErrPayload = errors.New("challenge: this is no solution")

// parse reads what a browser answered.
func parse(text string) (payload, error) {
	if len(text) == 0 || len(text) > maxPayload {
		return payload{}, ErrPayload
	}
	raw, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return payload{}, ErrPayload
	}
	var p payload
	if err := json.Unmarshal(raw, &p); err != nil {
		return payload{}, ErrPayload
	}
	if key, err := hex.DecodeString(p.Solution.DerivedKey); err != nil || len(key) != keyBytes || len(p.Challenge.Parameters.Nonce) != 2*nonceBytes {
		return payload{}, ErrPayload
	}
	return p, nil
}

// Spend takes a solution: true exactly once for each challenge, of any number of
// requests at once on any number of nodes. Wrong, foreign, old and used ones are false.
func (c *Challenges) Spend(ctx context.Context, what For, answer string) (bool, error) {
	p, err := parse(answer)
	if err != nil {
		return false, nil //nolint:nilerr // whatever a browser sends that is none is wrong
	}
	given := p.Challenge.Parameters
	if !slices.Contains(c.Keys.Indexes("challenge", bound(given, what)), p.Challenge.Signature) ||
		!slices.Contains(c.Keys.Indexes("challenge-key", given.Nonce+"|"+p.Solution.DerivedKey), given.KeySignature) {
		return false, nil
	}
	ends := time.Unix(given.ExpiresAt, 0)
	if !c.Now().Before(ends) {
		return false, nil
	}
	var n int64
	err = c.DB.WriteStatement(ctx, func(tx *db.Tx) error {
		n, err = tx.Exec(`INSERT INTO challenge_spent (nonce, ends_at) VALUES ($1, $2) ON CONFLICT (nonce) DO NOTHING`,
			given.Nonce, db.Millis(ends))
		return err
	})
	if err != nil {
		return false, fmt.Errorf("challenge: spend: %w", err)
	}
	return n == 1, nil
}

// Purge deletes what has run out: used solutions, which their end refuses from now on,
// and mailed codes. A job runs it.
func (c *Challenges) Purge(ctx context.Context) error {
	const grace = time.Minute // clocks of nodes differ
	err := c.DB.WriteStatement(ctx, func(tx *db.Tx) error {
		before := db.Millis(tx.Now().Add(-grace))
		if _, err := tx.Exec(`DELETE FROM challenge_spent WHERE ends_at <= $1`, before); err != nil {
			return err
		}
		_, err := tx.Exec(`DELETE FROM challenge_mail WHERE ends_at <= $1`, before)
		return err
	})
	if err != nil {
		return fmt.Errorf("challenge: purge: %w", err)
	}
	return nil
}

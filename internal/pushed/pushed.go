// Package pushed keeps the authorization requests that services pushed before they sent
// anybody (RFC 9126).
//
// It owns the table pushed_request. A request is named by 256 random bits, kept as their
// SHA-256; its parameters are sealed, since they may name a person. It can be looked at
// any number of times while it lives, so that a page which is loaded again still works,
// and gives one authorization: Use is one conditional delete in the transaction that makes
// the code, and of any number of racers on any node one wins.
package pushed

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"parvis/internal/db"
	"parvis/internal/id"
	"parvis/internal/secret"
)

// scheme is how the name of a pushed request begins (RFC 9126, 2.2).
const scheme = "urn:ietf:params:oauth:request_uri:"

// keepFor is how long the name of a request that was not used stays after its end: a journey
// that began with it can still be under way, and uses it up when it ends. What it said is
// wiped at its end.
const keepFor = 24 * time.Hour

// Settings are the numbers of pushed requests.
type Settings struct {
	// Life is how long a pushed request can be begun; less than 10m (FAPI 2.0 Security Profile, 5.3.2.2).
	Life time.Duration `yaml:"life"`
}

// Preset returns the numbers of a preset; they are the same in all of them.
func Preset(string) Settings { return Settings{Life: 90 * time.Second} }

// Problems lists what is wrong with the settings.
func (s Settings) Problems() []string {
	if s.Life < 5*time.Second || s.Life >= 10*time.Minute {
		return []string{"life: must be at least 5s and less than 10m"}
	}
	return nil
}

// Name is the name of a pushed request as it stands in request_uri.
type Name string

// NewName makes one. Make it before the transaction.
func NewName() Name { return Name(scheme + secret.NewToken()) }

// IsName reports whether a request_uri is the name of a pushed request, of ours or forged.
func IsName(requestURI string) bool {
	return strings.HasPrefix(requestURI, scheme) && len(requestURI) <= len(scheme)+64
}

// digest is what is kept of a name.
func (n Name) digest() []byte { return secret.Digest(strings.TrimPrefix(string(n), scheme)) }

// Key stands for a request where its name must not: in the record of a journey.
func (n Name) Key() string { return hex.EncodeToString(n.digest()) }

// Request is one that was pushed.
type Request struct {
	RelyingParty id.RelyingParty
	Parameters   map[string]string
	Signed       bool // they came in a request object
}

// Requests keeps them. Stateless and safe for concurrent use.
type Requests struct {
	Keys     *secret.Keys
	Settings Settings
}

// Push stores a request under a name. Run it in DB.WriteStatement.
func (s Requests) Push(tx *db.Tx, name Name, r Request) error {
	text, err := json.Marshal(r.Parameters)
	if err != nil {
		return fmt.Errorf("pushed: %w", err)
	}
	signed := 0
	if r.Signed {
		signed = 1
	}
	now := tx.Now()
	err = tx.ExecOne(`INSERT INTO pushed_request (digest, relying_party, parameters, signed, created_at, expires_at)
		VALUES ($1, $2, $3, $4, $5, $6)`,
		name.digest(), string(r.RelyingParty), s.Keys.Seal("pushed_request", "parameters", name.Key(), text), signed,
		db.Millis(now), db.Millis(now.Add(s.Settings.Life)))
	if err != nil {
		return fmt.Errorf("pushed: push: %w", err)
	}
	return nil
}

// Find is the request of a name that a service may begin now; false when there is none
// for it, it was used, or its time is over.
func (s Requests) Find(tx *db.Tx, name Name, rp id.RelyingParty) (Request, bool, error) {
	var sealed []byte
	var signed int64
	err := tx.QueryRow(`SELECT parameters, signed FROM pushed_request
		WHERE digest = $1 AND relying_party = $2 AND used_at IS NULL AND expires_at > $3`,
		name.digest(), string(rp), db.Millis(tx.Now())).Scan(&sealed, &signed)
	if errors.Is(err, db.ErrNoRows) {
		return Request{}, false, nil
	}
	if err != nil {
		return Request{}, false, fmt.Errorf("pushed: find: %w", err)
	}
	r := Request{RelyingParty: rp, Signed: signed == 1}
	text, err := s.Keys.Open("pushed_request", "parameters", name.Key(), sealed)
	if err == nil {
		err = json.Unmarshal(text, &r.Parameters)
	}
	if err != nil {
		return Request{}, false, fmt.Errorf("pushed: open: %w", err)
	}
	return r, true, nil
}

// Use uses a request up; false when another authorization came of it before. Its end does
// not matter here: it was begun in time. Nothing stays of it: the name is of no more use, and
// an update would put new entries into the indexes that everybody else who uses one at that
// time reads, which PostgreSQL takes for a conflict of serializable transactions. Rows with
// used_at are those that a node of an earlier version used.
func (s Requests) Use(tx *db.Tx, key string) (bool, error) {
	digest, err := hex.DecodeString(key)
	if err != nil {
		return false, fmt.Errorf("pushed: use: %w", err)
	}
	n, err := tx.Exec(`DELETE FROM pushed_request WHERE digest = $1 AND used_at IS NULL`, digest)
	if err != nil {
		return false, fmt.Errorf("pushed: use: %w", err)
	}
	return n == 1, nil
}

// purgeBatch is how many rows one transaction of Purge removes at most.
const purgeBatch = 500

// Purge wipes what ended, and removes what ended long enough ago, in small transactions.
func (s Requests) Purge(ctx context.Context, d *db.DB) error {
	err := purge(ctx, d, func(tx *db.Tx) (int64, error) {
		return tx.Exec(`UPDATE pushed_request SET parameters = $1, wiped_at = $2 WHERE digest IN
			(SELECT digest FROM pushed_request WHERE wiped_at IS NULL AND expires_at <= $2 ORDER BY expires_at LIMIT $3)`,
			[]byte{}, db.Millis(tx.Now()), purgeBatch)
	})
	if err != nil {
		return err
	}
	return purge(ctx, d, func(tx *db.Tx) (int64, error) {
		return tx.Exec(`DELETE FROM pushed_request WHERE digest IN
			(SELECT digest FROM pushed_request WHERE expires_at < $1 ORDER BY expires_at LIMIT $2)`,
			db.Millis(tx.Now().Add(-keepFor)), purgeBatch)
	})
}

// purge repeats a step until it finds less than a batch.
func purge(ctx context.Context, d *db.DB, step func(tx *db.Tx) (int64, error)) error {
	for {
		var n int64
		err := d.Write(ctx, func(tx *db.Tx) (err error) {
			n, err = step(tx)
			return err
		})
		if err != nil {
			return fmt.Errorf("pushed: purge: %w", err)
		}
		if n < purgeBatch {
			return nil
		}
	}
}

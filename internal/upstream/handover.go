package upstream

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"time"

	"parvis/internal/db"
	"parvis/internal/fault"
	"parvis/internal/secret"
)

// The bounds of answers on their way: how long one is, in bytes of its fields; how
// long it waits for its browser, which is led on at once; how many wait at all.
const (
	MaxAnswer   = 96 << 10
	answerLife  = 2 * time.Minute
	mostWaits   = 4096
	mostNetwork = 64 // of one network (networkOf): honest ones wait for a moment
)

// Answers keeps what a partner's page posted until the same browser comes for it
// with our cookies, which are not sent with a post of another site (SameSite=Lax).
// It proves nothing to have an answer here: whoever takes one must still be the
// browser in which the sign-in began.
type Answers struct {
	DB   *db.DB
	Keys *secret.Keys
}

// Keep stores the fields of an answer that came from a network address, sealed, and
// returns what stands in the address of our own page. Of answers with one relay state
// the last one is kept. fault.Expired for an answer to nothing that was asked of the
// provider (Relays), Invalid for more than MaxAnswer bytes, Unavailable when too many
// wait already, of this network or of all.
func (a Answers) Keep(ctx context.Context, provider ID, ip string, fields url.Values) (handle string, err error) {
	size := 0
	for name, values := range fields {
		for _, value := range values {
			size += len(name) + len(value)
		}
	}
	if size > MaxAnswer {
		return "", fault.New(fault.Invalid, "error.400.form")
	}
	plain, err := json.Marshal(fields)
	if err != nil {
		return "", fmt.Errorf("upstream: keep an answer: %w", err)
	}
	handle = fields.Get("RelayState")
	row := digestOf(handle)
	network := a.Keys.Index("upstream-network", networkOf(ip))
	sealed := a.Keys.Seal("upstream_answer", "answer", row, plain)
	ours, kept := false, false
	err = a.DB.WriteStatement(ctx, func(tx *db.Tx) error {
		now := tx.Now()
		if ours = (Relays{Keys: a.Keys}).Ours(provider, handle, now); !ours {
			return nil
		}
		n, err := tx.Exec(`INSERT INTO upstream_answer (id, provider, network, answer, expires_at)
			SELECT $1, $2, $3, $4, $5
			WHERE (SELECT COUNT(*) FROM upstream_answer WHERE expires_at > $6) < $7
				AND (SELECT COUNT(*) FROM upstream_answer WHERE network = $3 AND expires_at > $6) < $8
			ON CONFLICT (id) DO UPDATE SET answer = excluded.answer, network = excluded.network, expires_at = excluded.expires_at`,
			row, provider, network, sealed, db.Millis(now.Add(answerLife)), db.Millis(now), mostWaits, mostNetwork)
		kept = n == 1
		return err
	})
	if err != nil {
		return "", fmt.Errorf("upstream: keep an answer: %w", err)
	}
	if !ours {
		return "", fault.New(fault.Expired, "error.flow.not-found")
	}
	if !kept {
		return "", &fault.Error{Kind: fault.Unavailable, Key: "error.unavailable", RetryAfter: answerLife, Err: errors.New("upstream: too many answers wait for their browsers")}
	}
	return handle, nil
}

// Take gives an answer away once. It reports false when there is none: taken before,
// too old, of another partner, or never kept.
func (a Answers) Take(ctx context.Context, provider ID, handle string) (Answer, bool, error) {
	row := digestOf(handle)
	var sealed []byte
	err := a.DB.WriteStatement(ctx, func(tx *db.Tx) error {
		sealed = nil
		err := tx.QueryRow(`DELETE FROM upstream_answer WHERE id = $1 AND provider = $2 AND expires_at > $3 RETURNING answer`,
			row, provider, db.Millis(tx.Now())).Scan(&sealed)
		if errors.Is(err, db.ErrNoRows) {
			return nil
		}
		return err
	})
	if err != nil {
		return Answer{}, false, fmt.Errorf("upstream: take an answer: %w", err)
	}
	if sealed == nil {
		return Answer{}, false, nil
	}
	plain, err := a.Keys.Open("upstream_answer", "answer", row, sealed)
	if err != nil {
		return Answer{}, false, fmt.Errorf("upstream: take an answer: %w", err)
	}
	var fields url.Values
	if err := json.Unmarshal(plain, &fields); err != nil {
		return Answer{}, false, fmt.Errorf("upstream: take an answer: not readable")
	}
	return Answer{Params: fields}, true, nil
}

// digestOf is what is stored of a handle.
func digestOf(handle string) string { return hex.EncodeToString(secret.Digest(handle)) }

// Package handover keeps what must be remembered of people while their browsers are
// between a sign-in partner and us: answers that a partner's page posted, until the
// browser comes for them with our cookies (Answers), and what a partner calls the session
// of who has just signed out here, until they have signed out there, too, or have gone
// (Leavings). Everything is sealed, counted, given away once, and gone within minutes.
//
// It believes nothing and checks no message: that is for the consumers of upstream. It
// owns the tables upstream_answer and upstream_leaving.
package handover

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"time"

	"parvis/internal/db"
	"parvis/internal/fault"
	"parvis/internal/secret"
	"parvis/internal/upstream"
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
// provider (upstream.Relays), Invalid for more than MaxAnswer bytes, Unavailable when too many
// wait already, of this network or of all.
func (a Answers) Keep(ctx context.Context, provider upstream.ID, ip string, fields url.Values) (handle string, err error) {
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
		return "", fmt.Errorf("handover: keep an answer: %w", err)
	}
	handle = fields.Get("RelayState")
	row := digestOf(handle)
	network := a.Keys.Index("upstream-network", networkOf(ip))
	sealed := a.Keys.Seal("upstream_answer", "answer", row, plain)
	ours, kept := false, false
	err = a.DB.WriteStatement(ctx, func(tx *db.Tx) error {
		now := tx.Now()
		if ours = (upstream.Relays{Keys: a.Keys}).Ours(provider, handle, now); !ours {
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
		return "", fmt.Errorf("handover: keep an answer: %w", err)
	}
	if !ours {
		return "", fault.New(fault.Expired, "error.flow.not-found")
	}
	if !kept {
		return "", &fault.Error{Kind: fault.Unavailable, Key: "error.unavailable", RetryAfter: answerLife, Err: errors.New("handover: too many answers wait for their browsers")}
	}
	return handle, nil
}

// Take gives an answer away once. It reports false when there is none: taken before,
// too old, of another partner, or never kept.
func (a Answers) Take(ctx context.Context, provider upstream.ID, handle string) (upstream.Answer, bool, error) {
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
		return upstream.Answer{}, false, fmt.Errorf("handover: take an answer: %w", err)
	}
	if sealed == nil {
		return upstream.Answer{}, false, nil
	}
	plain, err := a.Keys.Open("upstream_answer", "answer", row, sealed)
	if err != nil {
		return upstream.Answer{}, false, fmt.Errorf("handover: take an answer: %w", err)
	}
	var fields url.Values
	if err := json.Unmarshal(plain, &fields); err != nil {
		return upstream.Answer{}, false, fmt.Errorf("handover: take an answer: not readable")
	}
	return upstream.Answer{Params: fields}, true, nil
}

// digestOf is what is stored of a handle.
func digestOf(handle string) string { return hex.EncodeToString(secret.Digest(handle)) }

// networkOf is the network that an address belongs to, as wide as one customer may have
// it: whoever floods comes from few of them.
func networkOf(ip string) string {
	addr, err := netip.ParseAddr(ip)
	if err != nil {
		return ip
	}
	addr = addr.Unmap().WithZone("")
	bits := 48
	if addr.Is4() {
		bits = 24
	}
	network, err := addr.Prefix(bits)
	if err != nil {
		return ip
	}
	return network.String()
}

// Purge deletes answers that nobody came for, and who was leaving and went. A job runs it.
func (a Answers) Purge(ctx context.Context) error {
	const some = 1000
	for _, query := range []string{
		`DELETE FROM upstream_answer WHERE expires_at <= $1 AND id IN (SELECT id FROM upstream_answer WHERE expires_at <= $2 LIMIT $3)`,
		`DELETE FROM upstream_leaving WHERE expires_at <= $1 AND (browser, provider) IN (SELECT browser, provider FROM upstream_leaving WHERE expires_at <= $2 LIMIT $3)`,
	} {
		for n := int64(some); n == some; {
			err := a.DB.WriteStatement(ctx, func(tx *db.Tx) (err error) {
				now := db.Millis(tx.Now())
				n, err = tx.Exec(query, now, now, some)
				return err
			})
			if err != nil {
				return fmt.Errorf("handover: purge: %w", err)
			}
		}
	}
	return nil
}

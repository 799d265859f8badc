// Package ciba keeps what services ask people to confirm who are not in front of them
// (OpenID Connect Client-Initiated Backchannel Authentication Core 1.0).
//
// It owns the tables ciba_request and ciba_ping. A service gets auth_req_id, 256 random bits
// kept as their digest, with which it polls, or is told first that it is worth asking (ping
// mode): then auth_req_id and the service's own token are kept, sealed, until it was told; its person is reached by mail, by text and on their own pages, where
// another identifier names the request. Only the account that was asked can decide, once.
// What is allowed is a grant by the digest of auth_req_id (package grant), so that
// everything that ends grants ends it, too; this package says who may redeem it, and when,
// in the words of package device. It refuses services that poll too fast, and requests that
// are over or were decided before.
package ciba

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"parvis/internal/courier"
	"parvis/internal/db"
	"parvis/internal/device"
	"parvis/internal/id"
	"parvis/internal/secret"
)

// Settings are the numbers of requests to confirm.
type Settings struct {
	// Life is how long a request waits for its person when the service does not say.
	Life time.Duration `yaml:"life"`
	// Longest is how long it waits at most, whatever the service says in requested_expiry.
	Longest time.Duration `yaml:"longest"`
	// Interval is how often a service may ask at most whether its person has decided; it grows by 5s for one that asks too soon.
	Interval time.Duration `yaml:"interval"`
	// Texts tells people by text message, too, who have a telephone to which codes go by text, where texts are configured. What they cost at most is for limits.ciba_text, ciba_text_number and ciba_text_client to say.
	Texts bool `yaml:"texts"`
	// Ping says how services of ping mode are told that somebody has decided, which is tried until the request is over.
	Ping courier.Settings `yaml:"ping"`
}

// Preset returns the numbers of a preset; they are the same in all of them.
func Preset(string) Settings {
	return Settings{
		Life: 10 * time.Minute, Longest: 30 * time.Minute, Interval: 5 * time.Second, Texts: true,
		Ping: courier.Settings{RetryFirst: 2 * time.Second, RetryMost: time.Minute, PerHost: 4, Hosts: 16},
	}
}

// Problems lists what is wrong with the settings.
func (s Settings) Problems() []string {
	var out []string
	if s.Life < time.Minute || s.Life > s.Longest || s.Longest > 24*time.Hour {
		out = append(out, "life, longest: must be at least 1m and at most 24h, life not above longest")
	}
	if s.Interval < time.Second || s.Interval > time.Minute {
		out = append(out, "interval: must be between 1s and 1m")
	}
	for _, p := range s.Ping.Problems() {
		out = append(out, "ping: "+p)
	}
	return out
}

// LifeOf is how long a request waits that asks for so much (requested_expiry); 0: it does not say.
func (s Settings) LifeOf(asked time.Duration) time.Duration {
	if asked <= 0 {
		return s.Life
	}
	return min(asked, s.Longest)
}

const (
	slower  = 5 * time.Second // CIBA, 11
	keepFor = time.Hour       // after its end, so that a service learns of it
)

// Request is one that waits for its person, or is to. Make a new one with Prepare, before the
// transaction.
type Request struct {
	AuthReqID    string // of a new one only
	Digest       []byte // of it
	ID           string // that its person's links name it by
	RelyingParty id.RelyingParty
	Account      id.Account
	Scopes       []string
	ACR          []string // acr_values, by preference
	Resources    []string // that its service wants tokens for (RFC 8707); nil for none in particular
	Claims       string   // that it asks for one by one, as claim.Parameter keeps them; "" for none
	Message      string   // binding_message; "" for none
	Begun        time.Time
	Life         time.Duration // of a new one
	Expires      time.Time     // of a stored one

	NotificationToken string // client_notification_token of a new one whose service is told (ping mode); "" for one that polls only
}

// Prepare makes the identifiers of a new request.
func Prepare(rp id.RelyingParty) Request {
	code := secret.NewToken()
	return Request{AuthReqID: code, Digest: secret.Digest(code), ID: id.New[string](), RelyingParty: rp}
}

// Requests keeps them. Stateless and safe for concurrent use.
type Requests struct {
	Keys     *secret.Keys
	Settings Settings
	Bell     courier.Bell // wakes this node's Pinger; nil wakes nobody
}

// Begin stores a request.
func (s Requests) Begin(tx *db.Tx, n Request) error {
	now := tx.Now()
	err := tx.ExecOne(`INSERT INTO ciba_request (digest, id, relying_party, account, scope, acr, message, state, pause, created_at, expires_at, resource, claims)
		VALUES ($1, $2, $3, $4, $5, $6, $7, 'waiting', $8, $9, $10, $11, $12)`,
		n.Digest, n.ID, string(n.RelyingParty), string(n.Account), strings.Join(n.Scopes, " "), strings.Join(n.ACR, " "), n.Message,
		s.Settings.Interval.Milliseconds(), db.Millis(now), db.Millis(now.Add(n.Life)),
		db.NullText(strings.Join(n.Resources, " ")), db.NullText(n.Claims))
	if err != nil {
		return fmt.Errorf("ciba: begin: %w", err)
	}
	if n.NotificationToken != "" {
		return s.await(tx, n)
	}
	return nil
}

const columns = `digest, id, relying_party, account, scope, acr, message, created_at, expires_at, resource, claims`

// Find is a request that waits still, by the identifier of its links.
func (s Requests) Find(tx *db.Tx, name string) (Request, bool, error) {
	r, err := scan(tx.QueryRow(`SELECT `+columns+` FROM ciba_request WHERE id = $1 AND state = 'waiting' AND expires_at > $2`,
		name, db.Millis(tx.Now())).Scan)
	if errors.Is(err, db.ErrNoRows) {
		return Request{}, false, nil
	}
	if err != nil {
		return Request{}, false, fmt.Errorf("ciba: find: %w", err)
	}
	return r, true, nil
}

// Waiting are the requests that wait for an account, the newest first.
func (s Requests) Waiting(tx *db.Tx, account id.Account) ([]Request, error) {
	rows, err := tx.Query(`SELECT `+columns+` FROM ciba_request WHERE account = $1 AND state = 'waiting' AND expires_at > $2
		ORDER BY created_at DESC, id LIMIT 20`, string(account), db.Millis(tx.Now()))
	out, err := db.Collect(rows, err, func(r *db.Rows) (Request, error) { return scan(r.Scan) })
	if err != nil {
		return nil, fmt.Errorf("ciba: waiting: %w", err)
	}
	return out, nil
}

func scan(scan func(dest ...any) error) (Request, error) {
	var r Request
	var scopes, acr, resources string
	err := scan(&r.Digest, &r.ID, &r.RelyingParty, &r.Account, &scopes, &acr, &r.Message, db.ScanTime(&r.Begun), db.ScanTime(&r.Expires), db.ScanText(&resources), db.ScanText(&r.Claims))
	r.Scopes, r.ACR, r.Resources = strings.Fields(scopes), strings.Fields(acr), strings.Fields(resources)
	return r, err
}

// Decide allows or refuses what a request asks for, once, by the account that was asked;
// false when it was decided before, is over, or asks somebody else. Its service is to be
// told from then on, whatever was decided, if it wants to be (CIBA, 10.2).
func (s Requests) Decide(tx *db.Tx, name string, account id.Account, allowed bool) (bool, error) {
	state := "denied"
	if allowed {
		state = "allowed"
	}
	n, err := tx.Exec(`UPDATE ciba_request SET state = $1 WHERE id = $2 AND account = $3 AND state = 'waiting' AND expires_at > $4`,
		state, name, string(account), db.Millis(tx.Now()))
	if err != nil {
		return false, fmt.Errorf("ciba: decide: %w", err)
	}
	if n == 0 {
		return false, nil
	}
	return true, s.decided(tx, name)
}

// Poll is a question of a service (CIBA, 11). Run it in DB.WriteStatement: it holds the row,
// so that of any number of questions at once one finds device.Allowed.
func (s Requests) Poll(tx *db.Tx, code string, rp id.RelyingParty) (device.Standing, error) {
	digest, now := secret.Digest(code), db.Millis(tx.Now())
	n, err := tx.Exec(`UPDATE ciba_request SET pause = pause + $1, polled_at = $2
		WHERE digest = $3 AND relying_party = $4 AND state = 'waiting' AND expires_at > $2 AND polled_at > $2 - pause`,
		slower.Milliseconds(), now, digest, string(rp))
	if err != nil {
		return "", fmt.Errorf("ciba: poll: %w", err)
	}
	if n == 1 {
		return device.TooSoon, nil
	}
	var state string
	var expires time.Time
	err = tx.QueryRow(`UPDATE ciba_request SET polled_at = $1 WHERE digest = $2 AND relying_party = $3 RETURNING state, expires_at`,
		now, digest, string(rp)).Scan(&state, db.ScanTime(&expires))
	switch {
	case errors.Is(err, db.ErrNoRows):
		return device.Unknown, nil
	case err != nil:
		return "", fmt.Errorf("ciba: poll: %w", err)
	}
	return device.Stands(state, !tx.Now().Before(expires)), nil
}

// Used notes that a request was redeemed. Its service need not be told any more.
func (s Requests) Used(tx *db.Tx, code string) error {
	if err := tx.ExecOne(`UPDATE ciba_request SET state = 'used' WHERE digest = $1 AND state = 'allowed'`, secret.Digest(code)); err != nil {
		return fmt.Errorf("ciba: used: %w", err)
	}
	if _, err := tx.Exec(`DELETE FROM ciba_ping WHERE request IN (SELECT id FROM ciba_request WHERE digest = $1)`, secret.Digest(code)); err != nil {
		return fmt.Errorf("ciba: used: %w", err)
	}
	return nil
}

// Erase forgets what an account was asked, and what services were to be told of it.
func (s Requests) Erase(tx *db.Tx, account id.Account) error {
	if _, err := tx.Exec(`DELETE FROM ciba_ping WHERE request IN (SELECT id FROM ciba_request WHERE account = $1)`, string(account)); err != nil {
		return fmt.Errorf("ciba: erase: %w", err)
	}
	if _, err := tx.Exec(`DELETE FROM ciba_request WHERE account = $1`, string(account)); err != nil {
		return fmt.Errorf("ciba: erase: %w", err)
	}
	return nil
}

// purgeBatch is how many rows one transaction of Purge removes at most.
const purgeBatch = 500

// pingSpare is how long a ping stays after the end of its request at most: the Pinger gives
// it up before that, and records it, unless it is not due.
const pingSpare = 5 * time.Minute

// Purge removes what ended long enough ago, in small transactions. What a service was to be
// told of a request that nobody decided goes at its end.
func (s Requests) Purge(ctx context.Context, d *db.DB) error {
	for {
		var n int64
		err := d.Write(ctx, func(tx *db.Tx) error {
			requests, err := tx.Exec(`DELETE FROM ciba_request WHERE digest IN
				(SELECT digest FROM ciba_request WHERE expires_at < $1 ORDER BY expires_at LIMIT $2)`,
				db.Millis(tx.Now().Add(-keepFor)), purgeBatch)
			if err != nil {
				return err
			}
			pings, err := tx.Exec(`DELETE FROM ciba_ping WHERE request IN
				(SELECT request FROM ciba_ping WHERE expires_at <= $1 AND (due_at IS NULL OR expires_at < $2) ORDER BY expires_at LIMIT $3)`,
				db.Millis(tx.Now()), db.Millis(tx.Now().Add(-pingSpare)), purgeBatch)
			n = max(requests, pings)
			return err
		})
		if err != nil {
			return fmt.Errorf("ciba: purge: %w", err)
		}
		if n < purgeBatch {
			return nil
		}
	}
}

// Desk tells the pages of an account what waits for it. All fields are needed.
type Desk struct {
	DB       *db.DB
	Requests Requests
}

// Waits reports whether something waits for an account.
func (d Desk) Waits(ctx context.Context, account id.Account) (waits bool, err error) {
	err = d.DB.Read(ctx, func(tx *db.Tx) error {
		all, err := d.Requests.Waiting(tx, account)
		waits = len(all) > 0
		return err
	})
	return waits, err //nolint:wrapcheck // wrapped by Waiting
}

// Package device keeps what devices without a browser, or without a keyboard, ask for
// (OAuth 2.0 Device Authorization Grant, RFC 8628).
//
// It owns the table device_request. A device gets a code of 256 random bits, kept as its
// digest, with which it polls, and its person a short one, kept as a keyed index, to type
// in a browser. What is allowed there is a grant by the digest of the device's code
// (package grant), so that everything that ends grants ends it, too; this package says who
// may redeem it, and when. It refuses devices that poll too fast, codes that are over or
// were decided before, and a code that was opened too often.
package device

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"parvis/internal/db"
	"parvis/internal/id"
	"parvis/internal/secret"
)

// Settings are the numbers of devices.
type Settings struct {
	// Life is how long a device waits for its person; the codes are worth nothing afterwards.
	Life time.Duration `yaml:"life"`
	// Interval is how often a device may ask at most; it grows by 5s for one that asks too soon.
	Interval time.Duration `yaml:"interval"`
}

// Preset returns the numbers of a preset; they are the same in all of them.
func Preset(string) Settings { return Settings{Life: 10 * time.Minute, Interval: 5 * time.Second} }

// Problems lists what is wrong with the settings.
func (s Settings) Problems() []string {
	var out []string
	if s.Life < time.Minute || s.Life > 30*time.Minute {
		out = append(out, "life: must be between 1m and 30m")
	}
	if s.Interval < time.Second || s.Interval > time.Minute {
		out = append(out, "interval: must be between 1s and 1m")
	}
	return out
}

// What bounds a request.
const (
	slower   = 5 * time.Second // RFC 8628, 3.5
	mostOpen = 5               // times that a code can be opened: whoever types it signs in each time
	keepFor  = time.Hour       // after its end, so that a device learns of it
	maxTyped = 64              // characters of a code that are looked at
)

// letters are those of user codes: no vowels, so that they make no words, and none that
// looks or sounds like another (RFC 8628, 6.1). Eight of them are 34 bits.
const letters = "BCDFGHJKLMNPQRSTVWXZ"

// codeLength is how many letters a user code has, shown in two groups.
const codeLength = 8

const indexPurpose = "device-user-code"

// What the origin of a request is sealed for.
const (
	table        = "device_request"
	originColumn = "origin"
)

// Code is the code of a person, as Clean gave it.
type Code string

// NewCode makes one.
func NewCode() Code {
	out := make([]byte, 0, codeLength)
	var b [32]byte
	for {
		_, _ = rand.Read(b[:]) // never fails
		for _, c := range b {
			if int(c) >= 256/len(letters)*len(letters) { // so that each letter is as likely
				continue
			}
			if out = append(out, letters[int(c)%len(letters)]); len(out) == codeLength {
				return Code(out)
			}
		}
	}
}

// Clean reads what somebody typed: small letters, spaces, dashes and all else that is no
// letter do not matter. False for what can be no code.
func Clean(typed string) (Code, bool) {
	if len(typed) > maxTyped {
		return "", false
	}
	var out []byte
	for _, c := range []byte(strings.ToUpper(typed)) {
		switch {
		case strings.IndexByte(letters, c) >= 0:
			out = append(out, c)
		case c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c >= 0x80: // what is in no code
			return "", false
		}
	}
	return Code(out), len(out) == codeLength
}

// String shows a code in two groups.
func (c Code) String() string {
	if len(c) != codeLength {
		return string(c)
	}
	return string(c[:codeLength/2]) + "-" + string(c[codeLength/2:])
}

// New is a request to be begun. Make it with Prepare, before the transaction.
type New struct {
	Device       string // the code of the device
	User         Code
	RelyingParty id.RelyingParty
	Scopes       []string
	Details      string   // what exactly it wants to do, as JSON (RFC 9396); "" for nothing in particular
	Resources    []string // that it wants tokens for (RFC 8707); nil for none in particular
	Claims       string   // that it asks for one by one, as claim.Parameter keeps them; "" for none
	Origin       Origin   // from where it asks; the zero Origin when that tells nothing of the device
}

// Origin is from where a device asks. It is kept until somebody decides.
type Origin struct {
	IP     string `json:"ip,omitempty"`
	System string `json:"system,omitempty"` // that it says it is, of a closed list; "" for an unknown one
}

// LogValue keeps the address out of the log.
func (o Origin) LogValue() slog.Value { return slog.StringValue(o.System) }

// Prepare makes the codes of a new request.
func Prepare(rp id.RelyingParty, scopes []string) New {
	return New{Device: secret.NewToken(), User: NewCode(), RelyingParty: rp, Scopes: scopes}
}

// Request is one that waits for its person.
type Request struct {
	Digest       []byte // of the device's code
	RelyingParty id.RelyingParty
	Scopes       []string
	Details      string // this and the next three as in New
	Resources    []string
	Claims       string
	Origin       Origin
	Begun        time.Time
	Expires      time.Time
}

// Requests keeps them. Stateless and safe for concurrent use.
type Requests struct {
	Keys     *secret.Keys
	Settings Settings
}

const columns = `digest, relying_party, scope, created_at, expires_at, authorization_details, resource, claims, origin`

// Begin stores a request; false when its user code is taken, which asks for another one. Run
// it in DB.WriteStatement.
func (s Requests) Begin(tx *db.Tx, n New) (bool, error) {
	now, digest := tx.Now(), secret.Digest(n.Device)
	var origin []byte
	if n.Origin != (Origin{}) {
		text, err := json.Marshal(n.Origin)
		if err != nil {
			return false, fmt.Errorf("device: begin: %w", err)
		}
		origin = s.Keys.Seal(table, originColumn, hex.EncodeToString(digest), text)
	}
	stored, err := tx.Exec(`INSERT INTO device_request (digest, user_index, relying_party, scope, state, opened, pause, created_at, expires_at, authorization_details, resource, claims, origin)
		VALUES ($1, $2, $3, $4, 'waiting', 0, $5, $6, $7, $8, $9, $10, $11) ON CONFLICT DO NOTHING`,
		digest, s.Keys.Index(indexPurpose, string(n.User)), string(n.RelyingParty), strings.Join(n.Scopes, " "),
		s.Settings.Interval.Milliseconds(), db.Millis(now), db.Millis(now.Add(s.Settings.Life)), db.NullText(n.Details),
		db.NullText(strings.Join(n.Resources, " ")), db.NullText(n.Claims), origin)
	if err != nil {
		return false, fmt.Errorf("device: begin: %w", err)
	}
	return stored == 1, nil
}

// Open is the request of a code that somebody typed; false when there is none, it is over or
// decided, or was opened too often.
func (s Requests) Open(tx *db.Tx, code Code) (Request, bool, error) {
	for _, index := range s.Keys.Indexes(indexPurpose, string(code)) {
		r, found, err := s.scan(tx.QueryRow(`UPDATE device_request SET opened = opened + 1
			WHERE user_index = $1 AND state = 'waiting' AND expires_at > $2 AND opened < $3
			RETURNING `+columns, index, db.Millis(tx.Now()), mostOpen))
		if err != nil || found {
			return r, found, err
		}
	}
	return Request{}, false, nil
}

// Find is a request that waits still.
func (s Requests) Find(tx *db.Tx, digest []byte) (Request, bool, error) {
	return s.scan(tx.QueryRow(`SELECT `+columns+` FROM device_request
		WHERE digest = $1 AND state = 'waiting' AND expires_at > $2`, digest, db.Millis(tx.Now())))
}

func (s Requests) scan(row interface{ Scan(dest ...any) error }) (Request, bool, error) {
	var r Request
	var scopes, resources string
	var origin []byte
	err := row.Scan(&r.Digest, &r.RelyingParty, &scopes, db.ScanTime(&r.Begun), db.ScanTime(&r.Expires), db.ScanText(&r.Details), db.ScanText(&resources), db.ScanText(&r.Claims), &origin)
	if errors.Is(err, db.ErrNoRows) {
		return Request{}, false, nil
	}
	if err != nil {
		return Request{}, false, fmt.Errorf("device: find: %w", err)
	}
	r.Scopes, r.Resources = strings.Fields(scopes), strings.Fields(resources)
	if len(origin) == 0 {
		return r, true, nil
	}
	plain, err := s.Keys.Open(table, originColumn, hex.EncodeToString(r.Digest), origin)
	if err == nil {
		err = json.Unmarshal(plain, &r.Origin)
	}
	if err != nil {
		return Request{}, false, fmt.Errorf("device: origin: %w", err)
	}
	return r, true, nil
}

// Decide allows or refuses what a request asks for, once; false when that was done before,
// or it is over.
func (s Requests) Decide(tx *db.Tx, digest []byte, allowed bool) (bool, error) {
	state := "denied"
	if allowed {
		state = "allowed"
	}
	n, err := tx.Exec(`UPDATE device_request SET state = $1, origin = NULL WHERE digest = $2 AND state = 'waiting' AND expires_at > $3`,
		state, digest, db.Millis(tx.Now()))
	if err != nil {
		return false, fmt.Errorf("device: decide: %w", err)
	}
	return n == 1, nil
}

// Standing is what a device learns of its request (RFC 8628, 3.5).
type Standing string

// The standings.
const (
	Unknown Standing = "unknown" // no such request of this service, or it was redeemed
	Waiting Standing = "waiting"
	TooSoon Standing = "too_soon" // and the device must ask more slowly from now on
	Allowed Standing = "allowed"  // redeem the grant, and call Used in the same transaction
	Denied  Standing = "denied"
	Expired Standing = "expired"
)

// Poll is a question of a device. Run it in DB.WriteStatement: it holds the row, so that of
// any number of questions at once one finds Allowed.
func (s Requests) Poll(tx *db.Tx, code string, rp id.RelyingParty) (Standing, error) {
	digest, now := secret.Digest(code), db.Millis(tx.Now())
	n, err := tx.Exec(`UPDATE device_request SET pause = pause + $1, polled_at = $2
		WHERE digest = $3 AND relying_party = $4 AND state = 'waiting' AND expires_at > $2 AND polled_at > $2 - pause`,
		slower.Milliseconds(), now, digest, string(rp))
	if err != nil {
		return "", fmt.Errorf("device: poll: %w", err)
	}
	if n == 1 {
		return TooSoon, nil
	}
	var state string
	var expires time.Time
	err = tx.QueryRow(`UPDATE device_request SET polled_at = $1 WHERE digest = $2 AND relying_party = $3 RETURNING state, expires_at`,
		now, digest, string(rp)).Scan(&state, db.ScanTime(&expires))
	switch {
	case errors.Is(err, db.ErrNoRows):
		return Unknown, nil
	case err != nil:
		return "", fmt.Errorf("device: poll: %w", err)
	}
	return Stands(state, !tx.Now().Before(expires)), nil
}

// Stands is the standing of a stored state, of a request that is over or not; also for
// package ciba, whose services wait in the same way.
func Stands(state string, over bool) Standing {
	switch {
	case state == "used":
		return Unknown
	case state == "denied":
		return Denied
	case over:
		return Expired
	case state == "allowed":
		return Allowed
	}
	return Waiting
}

// Used notes that a request was redeemed.
func (s Requests) Used(tx *db.Tx, code string) error {
	if err := tx.ExecOne(`UPDATE device_request SET state = 'used' WHERE digest = $1 AND state = 'allowed'`, secret.Digest(code)); err != nil {
		return fmt.Errorf("device: used: %w", err)
	}
	return nil
}

// purgeBatch is how many rows one transaction of Purge removes at most.
const purgeBatch = 500

// Purge removes what ended long enough ago, in small transactions.
func (s Requests) Purge(ctx context.Context, d *db.DB) error {
	for {
		var n int64
		err := d.Write(ctx, func(tx *db.Tx) (err error) {
			n, err = tx.Exec(`DELETE FROM device_request WHERE digest IN
				(SELECT digest FROM device_request WHERE expires_at < $1 ORDER BY expires_at LIMIT $2)`,
				db.Millis(tx.Now().Add(-keepFor)), purgeBatch)
			return err
		})
		if err != nil {
			return fmt.Errorf("device: purge: %w", err)
		}
		if n < purgeBatch {
			return nil
		}
	}
}

// Package operator holds the keys of the operators' API: who may change what in a
// deployment from another program.
//
// A key is a bearer token of 256 bits with a name, scopes and an end (RFC 6750). It
// is shown once, when it is made; only its digest is kept. The command line makes,
// lists and revokes keys, and internal/web/operatorapi asks for them at every request,
// so that a revoked key is refused at once on every node. Making and revoking are
// audited here; what is done with a key is audited by who does it, under the key's name.
//
// It owns the table api_key.
package operator

import (
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"parvis/internal/audit"
	"parvis/internal/db"
	"parvis/internal/fault"
	"parvis/internal/id"
	"parvis/internal/secret"
)

// Scope is what a key may be used for.
type Scope string

// The scopes. To write includes to read.
const (
	ReadUpstreams  Scope = "upstreams:read"
	WriteUpstreams Scope = "upstreams:write"

	ReadRegistrationTokens  Scope = "registration-tokens:read"
	WriteRegistrationTokens Scope = "registration-tokens:write"
)

// Scopes lists the scopes.
func Scopes() []Scope {
	return []Scope{ReadUpstreams, WriteUpstreams, ReadRegistrationTokens, WriteRegistrationTokens}
}

// UnmarshalText reads a scope; an unknown one is an error that lists those that exist.
func (s *Scope) UnmarshalText(text []byte) error {
	if !slices.Contains(Scopes(), Scope(text)) {
		return fmt.Errorf("%q is no scope; choose of %v", text, Scopes())
	}
	*s = Scope(text)
	return nil
}

// The bounds of keys.
const (
	MaxLife  = 366 * 24 * time.Hour
	maxKeys  = 100 // that are good at one time
	tokenTag = "parvis_"
)

// names are what a key may be called: it stands in logs and in the audit trail.
var names = regexp.MustCompile(`^[a-z0-9][a-z0-9._-]{0,63}$`)

// KeyID names one key.
type KeyID string

// Key is one key.
type Key struct {
	ID        KeyID
	Name      string
	Scopes    []Scope
	CreatedAt time.Time
	ExpiresAt time.Time
	UsedAt    time.Time // zero: never
	RevokedAt time.Time // zero: not revoked
}

// May reports whether the key is good for a scope.
func (k Key) May(s Scope) bool {
	what, reads := strings.CutSuffix(string(s), ":read")
	return slices.Contains(k.Scopes, s) || reads && slices.Contains(k.Scopes, Scope(what+":write"))
}

// Draft is a key that is about to be made; it is prepared before the transaction.
type Draft struct {
	ID     KeyID
	Name   string
	Scopes []Scope
	Life   time.Duration
	Token  string // shown once to whoever makes the key
}

// LogValue keeps the token out of the log.
func (d Draft) LogValue() slog.Value { return slog.StringValue(d.Name) }

// String keeps the token out of formatted texts.
func (d Draft) String() string { return "(API key " + d.Name + ")" }

// NewDraft prepares a key. Its token begins with parvis_, so that programs that look
// for lost secrets know it.
func NewDraft(name string, scopes []Scope, life time.Duration) Draft {
	return Draft{ID: id.New[KeyID](), Name: name, Scopes: scopes, Life: life, Token: tokenTag + secret.NewToken()}
}

// Keys makes, finds and revokes keys. Stateless and safe for concurrent use.
type Keys struct {
	Audit *audit.Log
}

// Add makes a key. fault.Invalid when its name, scopes or life cannot be, Conflict when
// a key has or had the name (the audit trail knows keys by it) or there are too many. Run
// it in DB.Write.
func (k Keys) Add(tx *db.Tx, d Draft) error {
	switch {
	case !names.MatchString(d.Name):
		return fault.On("name", fault.Invalid, "error.operator.name")
	case len(d.Scopes) == 0:
		return fault.On("scopes", fault.Invalid, "error.operator.scopes")
	case d.Life <= 0 || d.Life > MaxLife:
		return fault.On("life", fault.Invalid, "error.operator.life")
	}
	now := db.Millis(tx.Now())
	var good int
	if err := tx.QueryRow(`SELECT COUNT(*) FROM api_key WHERE revoked_at IS NULL AND expires_at > $1`, now).Scan(&good); err != nil {
		return fmt.Errorf("operator: add: %w", err)
	}
	if good >= maxKeys {
		return fault.New(fault.Conflict, "error.operator.many")
	}
	scopes := make([]string, len(d.Scopes))
	for i, s := range d.Scopes {
		scopes[i] = string(s)
	}
	n, err := tx.Exec(`INSERT INTO api_key (id, name, digest, scopes, created_at, expires_at)
		VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (name) DO NOTHING`,
		d.ID, d.Name, secret.Digest(d.Token), strings.Join(scopes, " "), now, db.Millis(tx.Now().Add(d.Life)))
	if err != nil {
		return fmt.Errorf("operator: add: %w", err)
	}
	if n == 0 {
		return fault.On("name", fault.Conflict, "error.operator.taken")
	}
	return k.record(tx, audit.APIKeyMade, d.Name, map[string]string{"scopes": strings.Join(scopes, " ")})
}

// Find is the key of a token; false for a token that nobody was given, that has ended,
// or that was revoked.
func (Keys) Find(tx *db.Tx, token string) (Key, bool, error) {
	if !strings.HasPrefix(token, tokenTag) {
		return Key{}, false, nil
	}
	k, err := scanKey(tx.QueryRow(`SELECT `+columns+` FROM api_key WHERE digest = $1 AND revoked_at IS NULL AND expires_at > $2`,
		secret.Digest(token), db.Millis(tx.Now())))
	if errors.Is(err, db.ErrNoRows) {
		return Key{}, false, nil
	}
	if err != nil {
		return Key{}, false, fmt.Errorf("operator: find: %w", err)
	}
	return k, true, nil
}

// Used notes a use, at most once a minute. Run it in DB.WriteStatement.
func (Keys) Used(tx *db.Tx, key KeyID) error {
	now := tx.Now()
	_, err := tx.Exec(`UPDATE api_key SET used_at = $1 WHERE id = $2 AND (used_at IS NULL OR used_at <= $3)`,
		db.Millis(now), key, db.Millis(now.Add(-time.Minute)))
	if err != nil {
		return fmt.Errorf("operator: note use: %w", err)
	}
	return nil
}

// List is every key, also those that are good no longer, by name.
func (Keys) List(tx *db.Tx) ([]Key, error) {
	rows, err := tx.Query(`SELECT ` + columns + ` FROM api_key ORDER BY name`)
	out, err := db.Collect(rows, err, func(r *db.Rows) (Key, error) { return scanKey(r) })
	if err != nil {
		return nil, fmt.Errorf("operator: list: %w", err)
	}
	return out, nil
}

// Revoke ends a key at once. fault.NotFound when there is none of the name, or it was
// revoked before. Run it in DB.Write.
func (k Keys) Revoke(tx *db.Tx, name string) error {
	n, err := tx.Exec(`UPDATE api_key SET revoked_at = $1 WHERE name = $2 AND revoked_at IS NULL`, db.Millis(tx.Now()), name)
	if err != nil {
		return fmt.Errorf("operator: revoke: %w", err)
	}
	if n == 0 {
		return fault.On("name", fault.NotFound, "error.operator.unknown")
	}
	return k.record(tx, audit.APIKeyRevoked, name, nil)
}

func (k Keys) record(tx *db.Tx, name audit.Name, key string, more map[string]string) error {
	data := map[string]string{"key": key}
	maps.Copy(data, more)
	return k.Audit.Record(tx, audit.Event{Name: name, Outcome: audit.Success, Data: data})
}

const columns = `id, name, scopes, created_at, expires_at, used_at, revoked_at`

func scanKey(r interface{ Scan(dest ...any) error }) (Key, error) {
	var k Key
	var scopes string
	var created, expires int64
	err := r.Scan(&k.ID, &k.Name, &scopes, &created, &expires, db.NullTime(&k.UsedAt), db.NullTime(&k.RevokedAt))
	for s := range strings.FieldsSeq(scopes) {
		k.Scopes = append(k.Scopes, Scope(s))
	}
	k.CreatedAt, k.ExpiresAt = db.Time(created), db.Time(expires)
	return k, err
}

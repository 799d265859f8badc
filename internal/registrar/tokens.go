package registrar

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"regexp"
	"strconv"
	"strings"
	"time"

	"parvis/internal/audit"
	"parvis/internal/db"
	"parvis/internal/fault"
	"parvis/internal/i18n"
	"parvis/internal/id"
	"parvis/internal/secret"
)

// The bounds of initial access tokens.
const (
	MaxLife   = 366 * 24 * time.Hour
	MaxUses   = 10_000
	maxTokens = 100 // that are good at one time
)

// How tokens begin, so that programs that look for lost secrets know them.
const (
	initialTag = "parvis_iat_"
	accessTag  = "parvis_rat_"
)

// names are what a token may be called: it stands in logs, in the audit trail and beside
// each service that it registers.
var names = regexp.MustCompile(`^[a-z0-9][a-z0-9._-]{0,63}$`)

// TokenID names one initial access token.
type TokenID string

// Token is one initial access token (RFC 7591, 1.2).
type Token struct {
	ID        TokenID
	Name      string
	Terms     Terms
	Uses      int64 // services that it registered
	MostUses  int64
	CreatedAt time.Time
	ExpiresAt time.Time
	UsedAt    time.Time // zero: never
	RevokedAt time.Time // zero: not revoked
}

// State is a word for whether a token is good: good, used up, expired or revoked.
func (t Token) State(now time.Time) string {
	switch {
	case !t.RevokedAt.IsZero():
		return "revoked"
	case !now.Before(t.ExpiresAt):
		return "expired"
	case t.Uses >= t.MostUses:
		return "used up"
	}
	return "good"
}

// Draft is a token that is about to be made; it is prepared before the transaction.
type Draft struct {
	ID    TokenID
	Name  string
	Terms Terms
	Uses  int64
	Life  time.Duration
	Token string // shown once to whoever makes it
}

// LogValue keeps the token out of the log.
func (d Draft) LogValue() slog.Value { return slog.StringValue(d.Name) }

// String keeps the token out of formatted texts.
func (d Draft) String() string { return "(initial access token " + d.Name + ")" }

// NewDraft prepares a token.
func NewDraft(name string, terms Terms, uses int64, life time.Duration) Draft {
	return Draft{ID: id.New[TokenID](), Name: name, Terms: terms, Uses: uses, Life: life, Token: initialTag + secret.NewToken()}
}

// Problem is one thing that is wrong with a draft.
type Problem struct {
	Field string // as in the JSON of a draft or of its terms
	Key   string // of its words
}

// Problems are what is wrong with a draft.
func (d Draft) Problems(langs []i18n.Lang) []Problem {
	var out []Problem
	add := func(wrong bool, field, key string) {
		if wrong {
			out = append(out, Problem{Field: field, Key: key})
		}
	}
	add(!names.MatchString(d.Name), "name", "error.registration.name")
	add(d.Uses < 1 || d.Uses > MaxUses, "uses", "error.registration.uses")
	add(d.Life <= 0 || d.Life > MaxLife, "life", "error.registration.life")
	return append(out, d.Terms.problems(langs)...)
}

// Tokens makes, finds and revokes initial access tokens. Safe for concurrent use.
type Tokens struct {
	Audit *audit.Log
	Langs []i18n.Lang // that people can choose: a department is wanted in each
}

// Add makes a token. fault.Invalid when it cannot be, Conflict when one has or had the
// name (services stay marked by it) or there are too many. Run it in DB.Write.
func (k Tokens) Add(tx *db.Tx, d Draft) error {
	if problems := d.Problems(k.Langs); len(problems) > 0 {
		return fault.On(problems[0].Field, fault.Invalid, problems[0].Key)
	}
	now := db.Millis(tx.Now())
	var good int
	err := tx.QueryRow(`SELECT COUNT(*) FROM registration_token WHERE revoked_at IS NULL AND expires_at > $1`, now).Scan(&good)
	if err != nil {
		return fmt.Errorf("registrar: add: %w", err)
	}
	if good >= maxTokens {
		return fault.New(fault.Conflict, "error.registration.many")
	}
	terms, err := json.Marshal(d.Terms)
	if err != nil {
		return fmt.Errorf("registrar: add: %w", err)
	}
	n, err := tx.Exec(`INSERT INTO registration_token (id, name, digest, terms, uses, most_uses, created_at, expires_at)
		VALUES ($1, $2, $3, $4, 0, $5, $6, $7) ON CONFLICT (name) DO NOTHING`,
		d.ID, d.Name, secret.Digest(d.Token), string(terms), d.Uses, now, db.Millis(tx.Now().Add(d.Life)))
	if err != nil {
		return fmt.Errorf("registrar: add: %w", err)
	}
	if n == 0 {
		return fault.On("name", fault.Conflict, "error.registration.taken")
	}
	return k.record(tx, audit.RegistrationTokenMade, map[string]string{"token": d.Name, "uses": strconv.FormatInt(d.Uses, 10)})
}

// Find is the token that was presented; false for one that nobody was given, that has
// ended, was revoked, or is used up.
func (Tokens) Find(tx *db.Tx, presented string) (Token, bool, error) {
	if !strings.HasPrefix(presented, initialTag) {
		return Token{}, false, nil
	}
	t, err := scanToken(tx.QueryRow(`SELECT `+columns+` FROM registration_token
		WHERE digest = $1 AND revoked_at IS NULL AND expires_at > $2 AND uses < most_uses`, secret.Digest(presented), db.Millis(tx.Now())))
	if errors.Is(err, db.ErrNoRows) {
		return Token{}, false, nil
	}
	if err != nil {
		return Token{}, false, fmt.Errorf("registrar: find: %w", err)
	}
	return t, true, nil
}

// use takes one use of a token; false when there is none left, or it is good no longer.
func (Tokens) use(tx *db.Tx, token TokenID) (bool, error) {
	n, err := tx.Exec(`UPDATE registration_token SET uses = uses + 1, used_at = $1
		WHERE id = $2 AND revoked_at IS NULL AND expires_at > $1 AND uses < most_uses`, db.Millis(tx.Now()), token)
	if err != nil {
		return false, fmt.Errorf("registrar: use: %w", err)
	}
	return n == 1, nil
}

// List is every token, also those that are good no longer, by name.
func (Tokens) List(tx *db.Tx) ([]Token, error) {
	rows, err := tx.Query(`SELECT ` + columns + ` FROM registration_token ORDER BY name`)
	out, err := db.Collect(rows, err, func(r *db.Rows) (Token, error) { return scanToken(r) })
	if err != nil {
		return nil, fmt.Errorf("registrar: list: %w", err)
	}
	return out, nil
}

// Page is every token whose name comes after another one, by name, and at most so many.
func (Tokens) Page(tx *db.Tx, after string, most int) ([]Token, error) {
	rows, err := tx.Query(`SELECT `+columns+` FROM registration_token WHERE name > $1 ORDER BY name LIMIT $2`, after, most)
	out, err := db.Collect(rows, err, func(r *db.Rows) (Token, error) { return scanToken(r) })
	if err != nil {
		return nil, fmt.Errorf("registrar: page: %w", err)
	}
	return out, nil
}

// Named is the token of a name; fault.NotFound when there is none.
func (Tokens) Named(tx *db.Tx, name string) (Token, error) {
	t, err := scanToken(tx.QueryRow(`SELECT `+columns+` FROM registration_token WHERE name = $1`, name))
	if errors.Is(err, db.ErrNoRows) {
		return t, fault.On("name", fault.NotFound, "error.registration.unknown")
	}
	if err != nil {
		return t, fmt.Errorf("registrar: named: %w", err)
	}
	return t, nil
}

// Revoke ends a token at once; services that it registered stay. fault.NotFound when there
// is none of the name, or it was revoked before. Run it in DB.Write.
func (k Tokens) Revoke(tx *db.Tx, name string) error {
	n, err := tx.Exec(`UPDATE registration_token SET revoked_at = $1 WHERE name = $2 AND revoked_at IS NULL`, db.Millis(tx.Now()), name)
	if err != nil {
		return fmt.Errorf("registrar: revoke: %w", err)
	}
	if n == 0 {
		return fault.On("name", fault.NotFound, "error.registration.unknown")
	}
	return k.record(tx, audit.RegistrationTokenRevoked, map[string]string{"token": name})
}

func (k Tokens) record(tx *db.Tx, name audit.Name, data map[string]string) error {
	return k.Audit.Record(tx, audit.Event{Name: name, Outcome: audit.Success, Data: data})
}

const columns = `id, name, terms, uses, most_uses, created_at, expires_at, used_at, revoked_at`

func scanToken(r interface{ Scan(dest ...any) error }) (Token, error) {
	var t Token
	var terms string
	var created, expires int64
	if err := r.Scan(&t.ID, &t.Name, &terms, &t.Uses, &t.MostUses, &created, &expires, db.NullTime(&t.UsedAt), db.NullTime(&t.RevokedAt)); err != nil {
		return t, err
	}
	t.CreatedAt, t.ExpiresAt = db.Time(created), db.Time(expires)
	if err := json.Unmarshal([]byte(terms), &t.Terms); err != nil {
		return t, fmt.Errorf("terms: %w", err)
	}
	return t, nil
}

// Package registrar keeps the services that register themselves (RFC 7591, RFC 7592).
//
// Nobody registers without an initial access token, which the operator makes for a
// department: it says how many services, until when, and what they may get. A service that
// registered gets a registration access token of its own, with which it reads, changes and
// deletes its registration. Of both only digests are kept. Names that look like those of
// another service, department, sign-in partner or of the deployment are refused.
//
// It owns the tables registration_token and client_registration; the service itself is a
// partner of internal/relyingparty, marked with the name of the token. Making and revoking
// tokens, and every registration, change, deletion and refusal is audited here.
package registrar

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"time"
	"unicode"

	"parvis/internal/audit"
	"parvis/internal/connection"
	"parvis/internal/db"
	"parvis/internal/fault"
	"parvis/internal/grant"
	"parvis/internal/i18n"
	"parvis/internal/id"
	"parvis/internal/relyingparty"
	"parvis/internal/secret"
)

// grace is how long the registration access token before is good after an update: whose
// answer got lost can try again.
const grace = 10 * time.Minute

// Registrations registers services. All fields are needed.
type Registrations struct {
	DB       *db.DB
	Tokens   Tokens
	Registry *relyingparty.Registry
	Store    relyingparty.Store
	Grants   grant.Grants
	// Connections are people's agreements with services.
	Connections connection.Connections
	Audit       *audit.Log
	// Reserved are names that no service may look like: of the deployment and of sign-in partners.
	Reserved func(context.Context) ([]string, error)
	// Most is how many services may be registered by themselves at one time.
	Most int64
}

// Registration is what a service registered itself with.
type Registration struct {
	Party     id.RelyingParty
	Token     Token  // with which it registered
	Metadata  string // as JSON, as it was accepted
	Baseline  string // the settings that it made of it, as JSON; "" when they are not kept
	CreatedAt time.Time

	access  []byte // digest of the registration access token that is in force
	current bool   // the one that was presented is in force, and not the one before
}

// Entry is a registration that is about to be made or changed; it is prepared before the transaction.
type Entry struct {
	Settings relyingparty.Settings
	Secret   []byte // digest of the client secret; nil for services without one
	Access   []byte // digest of the registration access token
	Metadata string
	Baseline string                // the settings that the registration made, as JSON; "" for Settings
	Before   relyingparty.Settings // from which an update was made
}

// ErrOutdated says that a service's settings changed while an update of them was made.
var ErrOutdated = errors.New("registrar: the settings changed meanwhile")

// baseline is what is kept of the settings that a registration makes.
func (e Entry) baseline() (string, error) {
	if e.Baseline != "" {
		return e.Baseline, nil
	}
	raw, err := json.Marshal(e.Settings) //nolint:gosec // access_tokens is a format, no token
	if err != nil {
		return "", fmt.Errorf("registrar: %w", err)
	}
	return string(raw), nil
}

// Refusal is why a service may not be registered so; "" when it may.
type Refusal string

// The refusals.
const (
	TokenSpent Refusal = "token_spent" // the initial access token is good no longer
	Full       Refusal = "full"        // there are as many services as there may be
	Alike      Refusal = "alike"       // people could take it for another one
)

// NewAccess makes a registration access token.
func NewAccess() string { return accessTag + secret.NewToken() }

// errMoved says that partners changed while one was being registered.
var errMoved = errors.New("registrar: partners changed meanwhile")

// tries is how often a registration is begun anew because others were made meanwhile.
const tries = 20

// Register registers a service with an initial access token.
func (g Registrations) Register(ctx context.Context, t Token, e Entry) (Refusal, error) {
	base, err := e.baseline()
	if err != nil {
		return "", err
	}
	return g.decided(ctx, t, e.Settings, func(tx *db.Tx) (Refusal, error) {
		var count int64
		if err := tx.QueryRow(`SELECT COUNT(*) FROM client_registration`).Scan(&count); err != nil {
			return "", fmt.Errorf("registrar: register: %w", err)
		}
		if count >= g.Most {
			return Full, nil
		}
		ok, err := g.Tokens.use(tx, t.ID)
		if err != nil || !ok {
			return TokenSpent, err
		}
		if err := g.Store.Register(tx, e.Settings, e.Secret, t.Name); err != nil {
			return "", err
		}
		now := db.Millis(tx.Now())
		if err := tx.ExecOne(`INSERT INTO client_registration (relying_party, token, digest, metadata, created_at, changed_at, baseline, baseline_at) VALUES ($1, $2, $3, $4, $5, $5, $6, $5)`,
			e.Settings.ID, t.ID, e.Access, e.Metadata, now, base); err != nil {
			return "", fmt.Errorf("registrar: register: %w", err)
		}
		return "", g.record(tx, audit.PartnerRegistered, t, id.RelyingParty(e.Settings.ID))
	})
}

// Update replaces a registration (RFC 7592, 2.2) and gives it another registration access
// token. issued reports that the client secret of the entry came into force.
func (g Registrations) Update(ctx context.Context, r Registration, e Entry) (issued bool, refusal Refusal, err error) {
	base, err := e.baseline()
	if err != nil {
		return false, "", err
	}
	refusal, err = g.decided(ctx, r.Token, e.Settings, func(tx *db.Tx) (Refusal, error) {
		now := tx.Now()
		stored, err := g.Store.Settings(tx, r.Party)
		switch {
		case fault.Is(err, fault.NotFound):
			return TokenSpent, nil
		case err != nil:
			return "", err
		case !reflect.DeepEqual(stored, e.Before):
			return "", ErrOutdated
		}
		former := db.Millis(now.Add(grace))
		// The one that was presented stays good for a while, and no other: of those who change
		// it at once with one token, one does.
		n, err := tx.Exec(`UPDATE client_registration SET digest = $1, metadata = $2, changed_at = $3, baseline = $4, baseline_at = $3,
			former_digest = CASE WHEN $5 = 1 THEN digest ELSE former_digest END,
			former_ends = CASE WHEN $5 = 1 THEN $6 ELSE former_ends END
			WHERE relying_party = $7 AND digest = $8`,
			e.Access, e.Metadata, db.Millis(now), base, flag(r.current), former, r.Party, r.access)
		if err != nil {
			return "", fmt.Errorf("registrar: update: %w", err)
		}
		if n == 0 {
			return TokenSpent, nil
		}
		issued, err = g.Store.Reregister(tx, e.Settings, e.Secret)
		return "", err
	})
	return issued, refusal, err
}

func flag(yes bool) int64 {
	if yes {
		return 1
	}
	return 0
}

// decided runs a change that needs to know every partner's name, on a state in which they are known.
func (g Registrations) decided(ctx context.Context, t Token, s relyingparty.Settings, do func(*db.Tx) (Refusal, error)) (Refusal, error) {
	for range tries {
		taken, revision, err := g.taken(ctx, t, id.RelyingParty(s.ID))
		if err != nil {
			return "", err
		}
		alike := looksLike(s.Name, taken)
		var refusal Refusal
		err = g.DB.Write(ctx, func(tx *db.Tx) error {
			refusal = ""
			now, err := g.Store.Revision(tx)
			switch {
			case err != nil:
				return err
			case now != revision:
				return errMoved
			case alike:
				refusal = Alike
			default:
				refusal, err = do(tx)
			}
			if err != nil || refusal == "" {
				return err
			}
			return g.Audit.Record(tx, audit.Event{Name: audit.RegistrationRefused, Outcome: audit.Refused, Reason: string(refusal), Data: map[string]string{"token": t.Name}})
		})
		if errors.Is(err, errMoved) {
			continue
		}
		if err == nil && refusal == "" {
			err = g.Registry.Refresh(ctx) // this node acts on it before it answers
		}
		return refusal, err
	}
	return "", &fault.Error{Kind: fault.Unavailable, Key: "error.unavailable", RetryAfter: time.Second, Err: errMoved}
}

// taken are the names that a service may not look like, as people see them: of the
// deployment, of sign-in partners, of other departments and of their services. Services of
// one token may: they are of one department.
func (g Registrations) taken(ctx context.Context, t Token, self id.RelyingParty) (map[string]bool, int64, error) {
	all, revision, err := g.Registry.Current(ctx)
	if err != nil {
		return nil, 0, err
	}
	reserved, err := g.Reserved(ctx)
	if err != nil {
		return nil, 0, err
	}
	out := map[string]bool{}
	for _, name := range reserved {
		out[i18n.Skeleton(name)] = true
	}
	for _, p := range all {
		if p.ID == self || p.RegisteredBy == t.Name {
			continue
		}
		for name := range maps.Values(p.Name) {
			out[i18n.Skeleton(name)] = true
		}
		for name := range maps.Values(p.Department) {
			out[i18n.Skeleton(name)] = true
		}
	}
	return out, revision, nil
}

// looksLike reports that a name looks like one that is taken, like none at all, or is
// written so that it could.
func looksLike(name i18n.Text, taken map[string]bool) bool {
	for value := range maps.Values(name) {
		s := i18n.Skeleton(value)
		if s == "" || taken[s] {
			return true
		}
		words := strings.FieldsFunc(value, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsMark(r) })
		if slices.ContainsFunc(words, i18n.MixedScripts) {
			return true
		}
	}
	return false
}

// Find is the registration of a service, for who presents its registration access token.
func (Registrations) Find(tx *db.Tx, party id.RelyingParty, presented string) (Registration, bool, error) {
	if !strings.HasPrefix(presented, accessTag) {
		return Registration{}, false, nil
	}
	out := Registration{Party: party}
	var token TokenID
	var created int64
	var base *string
	var former []byte
	var formerEnds time.Time
	err := tx.QueryRow(`SELECT token, digest, former_digest, former_ends, metadata, created_at,
		CASE WHEN baseline_at = changed_at THEN baseline ELSE NULL END FROM client_registration WHERE relying_party = $1`, party).
		Scan(&token, &out.access, &former, db.NullTime(&formerEnds), &out.Metadata, &created, &base)
	if errors.Is(err, db.ErrNoRows) {
		return Registration{}, false, nil
	}
	if err != nil {
		return Registration{}, false, fmt.Errorf("registrar: find: %w", err)
	}
	if base != nil {
		out.Baseline = *base
	}
	digest := secret.Digest(presented)
	out.CreatedAt, out.current = db.Time(created), secret.Equal(out.access, digest)
	if !out.current && (!secret.Equal(former, digest) || !tx.Now().Before(formerEnds)) {
		return Registration{}, false, nil
	}
	out.Token, err = scanToken(tx.QueryRow(`SELECT `+columns+` FROM registration_token WHERE id = $1`, token))
	if err != nil {
		return Registration{}, false, fmt.Errorf("registrar: find: %w", err)
	}
	return out, true, nil
}

// Settings are the settings of a service that registered itself, for Update to change.
func (g Registrations) Settings(tx *db.Tx, r Registration) (relyingparty.Settings, error) {
	return g.Store.Settings(tx, r.Party)
}

// Remove deletes a registration, the service and everything that it was given (RFC 7592,
// 2.3); false when that was done already, or its token is another one by now.
func (g Registrations) Remove(ctx context.Context, r Registration) (bool, error) {
	var done bool
	err := g.DB.Write(ctx, func(tx *db.Tx) error {
		n, err := tx.Exec(`DELETE FROM client_registration WHERE relying_party = $1 AND digest = $2`, r.Party, r.access)
		done = n == 1
		if err != nil {
			return fmt.Errorf("registrar: remove: %w", err)
		}
		if !done {
			return nil
		}
		if err := g.Store.Remove(tx, r.Party); err != nil {
			return err
		}
		if err := g.Grants.EndParty(tx, r.Party); err != nil {
			return err
		}
		if err := g.Connections.EndParty(tx, r.Party); err != nil {
			return err
		}
		return g.record(tx, audit.PartnerRemoved, r.Token, r.Party)
	})
	if err == nil && done {
		err = g.Registry.Refresh(ctx)
	}
	return done, err
}

func (g Registrations) record(tx *db.Tx, name audit.Name, t Token, party id.RelyingParty) error {
	return g.Audit.Record(tx, audit.Event{Name: name, RelyingParty: party, Outcome: audit.Success, Data: map[string]string{"token": t.Name}})
}

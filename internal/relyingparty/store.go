package relyingparty

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"parvis/internal/audit"
	"parvis/internal/db"
	"parvis/internal/fault"
	"parvis/internal/id"
	"parvis/internal/secret"
)

// Store changes the partners that stand in the database. Every change raises
// the revision, so that all nodes see it within a second, and is audited.
type Store struct {
	Registry *Registry
	Audit    *audit.Log
}

// record is one row.
type record struct {
	id                    string
	settings              []byte
	secret, former        []byte
	formerEnds, createdAt time.Time
	disabledAt            time.Time
	registeredBy          string
}

// build makes the partner of a row; the rules are asked again, because they may have become stricter.
func (rec record) build(keys *secret.Keys) (*RelyingParty, []string) {
	var s Settings
	if err := json.Unmarshal(rec.settings, &s); err != nil {
		return nil, []string{fmt.Sprintf("relying_party row %s: %v", rec.id, err)}
	}
	p, problems := s.Build()
	if len(problems) > 0 {
		return nil, problems
	}
	p.Disabled, p.RegisteredBy = !rec.disabledAt.IsZero(), rec.registeredBy
	for _, one := range []struct {
		stored []byte
		ends   time.Time
	}{{rec.secret, time.Time{}}, {rec.former, rec.formerEnds}} {
		if one.stored == nil {
			continue
		}
		s, err := kept(keys, p.AuthMethod, rec.id, one.stored, one.ends)
		if err != nil {
			return nil, []string{err.Error()}
		}
		p.Secrets = append(p.Secrets, s)
	}
	return p, nil
}

func readRevision(tx *db.Tx) (int64, error) {
	var revision int64
	err := tx.QueryRow(`SELECT revision FROM relying_party_revision WHERE id = 1`).Scan(&revision)
	if err != nil {
		return 0, fmt.Errorf("relyingparty: revision: %w", err)
	}
	return revision, nil
}

func readAll(tx *db.Tx) ([]record, error) {
	rows, err := tx.Query(`SELECT id, settings, secret, former_secret, former_secret_ends, created_at, disabled_at, COALESCE(registered_by, '')
		FROM relying_party ORDER BY id`)
	return db.Collect(rows, err, func(rows *db.Rows) (record, error) {
		var r record
		var created int64
		var settings string
		err := rows.Scan(&r.id, &settings, &r.secret, &r.former, db.NullTime(&r.formerEnds), &created, db.NullTime(&r.disabledAt), &r.registeredBy)
		r.settings, r.createdAt = []byte(settings), db.Time(created)
		return r, err
	})
}

// bump raises the revision that every node polls.
func bump(tx *db.Tx) error {
	return tx.ExecOne(`UPDATE relying_party_revision SET revision = revision + 1 WHERE id = 1`)
}

// Create stores a new partner. secret is what Keep makes of its client secret, nil
// for a partner without one. fault.Conflict when the identifier is taken,
// fault.Invalid when the settings have problems.
func (st Store) Create(tx *db.Tx, s Settings, secret []byte) error {
	return st.create(tx, s, secret, "")
}

func (st Store) create(tx *db.Tx, s Settings, secret []byte, by string) error {
	p, err := buildStored(s)
	if err != nil {
		return err
	}
	if err := st.mayWrite(p.ID); err != nil {
		return err
	}
	if !p.AuthMethod.keeps(secret) {
		return fault.On("secret", fault.Invalid, "error.partner.secret")
	}
	text, err := json.Marshal(s) //nolint:gosec // access_tokens is a format, no token
	if err != nil {
		return fmt.Errorf("relyingparty: create: %w", err)
	}
	n, err := tx.Exec(`INSERT INTO relying_party (id, settings, secret, created_at, changed_at, registered_by)
		VALUES ($1, $2, $3, $4, $4, $5) ON CONFLICT (id) DO NOTHING`, s.ID, string(text), nullBytes(secret), db.Millis(tx.Now()), db.NullText(by))
	if err != nil {
		return fmt.Errorf("relyingparty: create: %w", err)
	}
	if n == 0 {
		return fault.On("id", fault.Conflict, "error.partner.taken")
	}
	if by != "" {
		return bump(tx) // the registrar records it, with what it knows
	}
	return st.changed(tx, p.ID, audit.PartnerCreated, "")
}

// Update replaces the settings of a stored partner; its secrets stay. fault.Invalid when
// another method would need them kept otherwise than they are.
func (st Store) Update(tx *db.Tx, s Settings) error {
	p, err := buildStored(s)
	if err != nil {
		return err
	}
	if err := st.mayWrite(p.ID); err != nil {
		return err
	}
	before, err := st.Settings(tx, p.ID)
	if err != nil {
		return err
	}
	if was := AuthMethod(before.withDefaults().Auth); was != p.AuthMethod && (was == AuthSecretJWT || p.AuthMethod == AuthSecretJWT) {
		return fault.On("auth", fault.Invalid, "error.partner.secret")
	}
	text, err := json.Marshal(s) //nolint:gosec // access_tokens is a format, no token
	if err != nil {
		return fmt.Errorf("relyingparty: update: %w", err)
	}
	return st.update(tx, p.ID, audit.PartnerChanged, "settings",
		`UPDATE relying_party SET settings = $1, changed_at = $2 WHERE id = $3`, string(text), db.Millis(tx.Now()), s.ID)
}

// RotateSecret puts a new client secret in force, of which secret is what Keep makes; the one
// before stays valid until overlapEnds.
func (st Store) RotateSecret(tx *db.Tx, pid id.RelyingParty, secret []byte, overlapEnds time.Time) error {
	if err := st.mayWrite(pid); err != nil {
		return err
	}
	s, err := st.Settings(tx, pid)
	if err != nil {
		return err
	}
	if m := AuthMethod(s.withDefaults().Auth); !m.UsesSecret() || !m.keeps(secret) {
		return fault.On("secret", fault.Invalid, "error.partner.secret")
	}
	return st.update(tx, pid, audit.PartnerChanged, "secret",
		`UPDATE relying_party SET former_secret = secret, former_secret_ends = $1, secret = $2, changed_at = $3
			WHERE id = $4 AND secret IS NOT NULL`, db.Millis(overlapEnds), secret, db.Millis(tx.Now()), string(pid))
}

// Disable lets nobody sign in through the partner any more. The caller ends what was given to it.
func (st Store) Disable(tx *db.Tx, pid id.RelyingParty) error {
	return st.update(tx, pid, audit.PartnerDisabled, "",
		`UPDATE relying_party SET disabled_at = $1, changed_at = $1 WHERE id = $2`, db.Millis(tx.Now()), string(pid))
}

// Enable takes Disable back.
func (st Store) Enable(tx *db.Tx, pid id.RelyingParty) error {
	return st.update(tx, pid, audit.PartnerChanged, "enabled",
		`UPDATE relying_party SET disabled_at = NULL, changed_at = $1 WHERE id = $2`, db.Millis(tx.Now()), string(pid))
}

// Settings are the stored settings of a partner, for a command that edits them.
func (st Store) Settings(tx *db.Tx, pid id.RelyingParty) (Settings, error) {
	var text string
	err := tx.QueryRow(`SELECT settings FROM relying_party WHERE id = $1`, string(pid)).Scan(&text)
	if errors.Is(err, db.ErrNoRows) {
		return Settings{}, fault.New(fault.NotFound, "error.partner.unknown")
	}
	if err != nil {
		return Settings{}, fmt.Errorf("relyingparty: settings: %w", err)
	}
	var s Settings
	if err := json.Unmarshal([]byte(text), &s); err != nil {
		return Settings{}, fmt.Errorf("relyingparty: settings: %w", err)
	}
	return s, nil
}

func (st Store) update(tx *db.Tx, pid id.RelyingParty, name audit.Name, what, query string, args ...any) error {
	if err := st.mayWrite(pid); err != nil {
		return err
	}
	n, err := tx.Exec(query, args...)
	if err != nil {
		return fmt.Errorf("relyingparty: update: %w", err)
	}
	if n == 0 {
		return fault.New(fault.NotFound, "error.partner.unknown")
	}
	return st.changed(tx, pid, name, what)
}

func (st Store) changed(tx *db.Tx, pid id.RelyingParty, name audit.Name, what string) error {
	if err := bump(tx); err != nil {
		return err
	}
	return st.Audit.Record(tx, audit.Event{Name: name, RelyingParty: pid, Outcome: audit.Success, Reason: what})
}

// mayWrite refuses changes to partners of the configuration file.
func (st Store) mayWrite(pid id.RelyingParty) error {
	for _, p := range st.Registry.File {
		if p.ID == pid {
			return fault.On("id", fault.Conflict, "error.partner.from_file")
		}
	}
	return nil
}

// buildStored checks settings that are to be stored; secrets never stand in them.
func buildStored(s Settings) (*RelyingParty, error) {
	if s.Secret != "" || s.SecretFile != "" || len(s.SecretSHA256) > 0 {
		return nil, fault.On("secret", fault.Invalid, "error.partner.secret")
	}
	p, problems := s.Build()
	if len(problems) > 0 {
		return nil, fault.Wrap(fault.Invalid, "error.partner.settings", fmt.Errorf("%s", strings.Join(problems, "; ")))
	}
	return p, nil
}

func nullBytes(b []byte) any {
	if len(b) == 0 {
		return nil
	}
	return b
}

package upstream

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"parvis/internal/audit"
	"parvis/internal/db"
	"parvis/internal/fault"
	"parvis/internal/secret"
)

// Store changes the providers that stand in the database. Every change raises the
// revision, so that all nodes see it within a second, and is audited.
type Store struct {
	Registry *Registry
	Audit    *audit.Log
}

// record is one row.
type record struct {
	id          string
	settings    []byte
	credentials []byte
	disabledAt  time.Time
}

// Credentials are the parts of settings that are stored sealed only, and never shown.
type Credentials struct {
	Secret        string `json:"secret,omitempty"`
	PrivateKey    string `json:"private_key,omitempty"`
	DecryptionKey string `json:"decryption_key,omitempty"`

	SAMLPrivateKey    string `json:"saml_private_key,omitempty"`
	SAMLDecryptionKey string `json:"saml_decryption_key,omitempty"`
}

// Credentials are those of the settings.
func (s Settings) Credentials() Credentials {
	return Credentials{
		Secret: s.OIDC.Secret, PrivateKey: s.OIDC.PrivateKey, DecryptionKey: s.OIDC.DecryptionKey,
		SAMLPrivateKey: s.SAML.PrivateKey, SAMLDecryptionKey: s.SAML.DecryptionKey,
	}
}

// Take puts credentials into the settings, in the place of all that are there.
func (s *Settings) Take(c Credentials) {
	s.OIDC.Secret, s.OIDC.PrivateKey, s.OIDC.DecryptionKey = c.Secret, c.PrivateKey, c.DecryptionKey
	s.SAML.PrivateKey, s.SAML.DecryptionKey = c.SAMLPrivateKey, c.SAMLDecryptionKey
}

// decode reads the settings of a row with its credentials.
func (rec record) decode(keys *secret.Keys) (Settings, error) {
	var s Settings
	if err := json.Unmarshal(rec.settings, &s); err != nil {
		return s, fmt.Errorf("upstream: settings of %s: %w", rec.id, err)
	}
	if rec.credentials != nil {
		plain, err := keys.Open("upstream_provider", "credentials", rec.id, rec.credentials)
		if err != nil {
			return s, fmt.Errorf("upstream: credentials of %s: %w", rec.id, err)
		}
		var c Credentials
		if err := json.Unmarshal(plain, &c); err != nil {
			return s, fmt.Errorf("upstream: credentials of %s: not readable", rec.id)
		}
		s.Take(c)
	}
	s.Disabled = !rec.disabledAt.IsZero()
	return s, nil
}

// build makes the provider of a row; the rules are asked again, because they may have become stricter.
func (rec record) build(keys *secret.Keys) (*Provider, []string) {
	s, err := rec.decode(keys)
	if err != nil {
		return nil, []string{err.Error()}
	}
	return s.Build()
}

func readRevision(tx *db.Tx) (int64, error) {
	var revision int64
	if err := tx.QueryRow(`SELECT revision FROM upstream_revision WHERE id = 1`).Scan(&revision); err != nil {
		return 0, fmt.Errorf("upstream: revision: %w", err)
	}
	return revision, nil
}

const recordColumns = `id, settings, credentials, disabled_at`

func scanRecord(r interface{ Scan(dest ...any) error }) (record, error) {
	var rec record
	var settings string
	err := r.Scan(&rec.id, &settings, &rec.credentials, db.NullTime(&rec.disabledAt))
	rec.settings = []byte(settings)
	return rec, err
}

func readAll(tx *db.Tx) ([]record, error) {
	rows, err := tx.Query(`SELECT ` + recordColumns + ` FROM upstream_provider ORDER BY id`)
	return db.Collect(rows, err, func(rows *db.Rows) (record, error) { return scanRecord(rows) })
}

// Create stores a new provider. fault.Conflict when its identifier or its issuer is
// taken, or its name looks like another one's, fault.Invalid when the settings have problems. Run it in DB.Write.
func (st Store) Create(tx *db.Tx, s Settings) error {
	p, err := st.checked(tx, s)
	if err != nil {
		return err
	}
	text, sealed, err := st.encode(s)
	if err != nil {
		return err
	}
	n, err := tx.Exec(`INSERT INTO upstream_provider (id, settings, credentials, created_at, changed_at)
		VALUES ($1, $2, $3, $4, $4) ON CONFLICT (id) DO NOTHING`, s.ID, text, sealed, db.Millis(tx.Now()))
	if err != nil {
		return fmt.Errorf("upstream: create: %w", err)
	}
	if n == 0 {
		return fault.On("id", fault.Conflict, "error.upstream.taken")
	}
	return st.changed(tx, p.ID, audit.UpstreamCreated, "")
}

// Update replaces the settings and credentials of a stored provider. Its issuer
// must stay: people's links hang on it. Credentials that s does not give stay.
func (st Store) Update(tx *db.Tx, s Settings) error {
	before, err := st.Settings(tx, ID(s.ID))
	if err != nil {
		return err
	}
	if s.Credentials() == (Credentials{}) {
		s.Take(before.Credentials())
	}
	p, err := st.checked(tx, s)
	if err != nil {
		return err
	}
	former, problems := before.Build()
	if len(problems) == 0 && former.Issuer != p.Issuer {
		return fault.On("issuer", fault.Conflict, "error.upstream.issuer_stays", "issuer", former.Issuer)
	}
	text, sealed, err := st.encode(s)
	if err != nil {
		return err
	}
	return st.update(tx, p.ID, audit.UpstreamChanged, "settings",
		`UPDATE upstream_provider SET settings = $1, credentials = $2, changed_at = $3 WHERE id = $4`, text, sealed, db.Millis(tx.Now()), s.ID)
}

// Disable lets nobody sign in with the provider any more; links stay.
func (st Store) Disable(tx *db.Tx, provider ID) error {
	return st.update(tx, provider, audit.UpstreamDisabled, "",
		`UPDATE upstream_provider SET disabled_at = $1, changed_at = $1 WHERE id = $2`, db.Millis(tx.Now()), provider)
}

// Enable takes Disable back.
func (st Store) Enable(tx *db.Tx, provider ID) error {
	return st.update(tx, provider, audit.UpstreamChanged, "enabled",
		`UPDATE upstream_provider SET disabled_at = NULL, changed_at = $1 WHERE id = $2`, db.Millis(tx.Now()), provider)
}

// Settings are the stored settings of a provider with its credentials. fault.NotFound when there is none.
func (st Store) Settings(tx *db.Tx, provider ID) (Settings, error) {
	rec, err := scanRecord(tx.QueryRow(`SELECT `+recordColumns+` FROM upstream_provider WHERE id = $1`, provider))
	if errors.Is(err, db.ErrNoRows) {
		return Settings{}, fault.New(fault.NotFound, "error.upstream.unknown")
	}
	if err != nil {
		return Settings{}, fmt.Errorf("upstream: settings: %w", err)
	}
	return rec.decode(st.Registry.Keys)
}

// All are the stored settings of every provider with their credentials, by identifier.
func (st Store) All(tx *db.Tx) ([]Settings, error) {
	rows, err := readAll(tx)
	if err != nil {
		return nil, fmt.Errorf("upstream: settings: %w", err)
	}
	out := make([]Settings, 0, len(rows))
	for _, rec := range rows {
		s, err := rec.decode(st.Registry.Keys)
		if err != nil {
			return nil, err
		}
		out = append(out, s)
	}
	return out, nil
}

func (st Store) encode(s Settings) (text string, sealed []byte, err error) {
	plain, err := json.Marshal(s)
	if err != nil {
		return "", nil, fmt.Errorf("upstream: settings: %w", err)
	}
	if s.Credentials() == (Credentials{}) {
		return string(plain), nil, nil
	}
	secrets, err := json.Marshal(s.Credentials()) //nolint:gosec // sealed in the next step, and stored nowhere else
	if err != nil {
		return "", nil, fmt.Errorf("upstream: credentials: %w", err)
	}
	return string(plain), st.Registry.Keys.Seal("upstream_provider", "credentials", s.ID, secrets), nil
}

// checked builds settings that are to be stored. No other provider, neither of the
// file nor of the database, may have the issuer, or a name that looks like the new one.
func (st Store) checked(tx *db.Tx, s Settings) (*Provider, error) {
	p, problems := s.Build()
	if len(problems) > 0 {
		return nil, fault.Wrap(fault.Invalid, "error.upstream.settings", errors.New(strings.Join(problems, "; ")))
	}
	if err := st.mayWrite(p.ID); err != nil {
		return nil, err
	}
	stored, err := readAll(tx)
	if err != nil {
		return nil, fmt.Errorf("upstream: check: %w", err)
	}
	others := append([]*Provider{}, st.Registry.File...)
	for _, rec := range stored {
		if other, bad := rec.build(st.Registry.Keys); len(bad) == 0 && other.ID != p.ID {
			others = append(others, other)
		}
	}
	for _, other := range others {
		if other.Issuer == p.Issuer {
			return nil, fault.On("issuer", fault.Conflict, "error.upstream.issuer", "partner", string(other.ID))
		}
		if Alike(p, other) {
			return nil, fault.On("name", fault.Conflict, "error.upstream.alike", "partner", string(other.ID))
		}
	}
	return p, nil
}

func (st Store) update(tx *db.Tx, provider ID, name audit.Name, what, query string, args ...any) error {
	if err := st.mayWrite(provider); err != nil {
		return err
	}
	n, err := tx.Exec(query, args...)
	if err != nil {
		return fmt.Errorf("upstream: update: %w", err)
	}
	if n == 0 {
		return fault.New(fault.NotFound, "error.upstream.unknown")
	}
	return st.changed(tx, provider, name, what)
}

func (st Store) changed(tx *db.Tx, provider ID, name audit.Name, what string) error {
	if err := tx.ExecOne(`UPDATE upstream_revision SET revision = revision + 1 WHERE id = 1`); err != nil {
		return err
	}
	return st.Audit.Record(tx, audit.Event{Name: name, Outcome: audit.Success, Reason: what, Data: map[string]string{"provider": string(provider)}})
}

// mayWrite refuses changes to providers of the configuration file.
func (st Store) mayWrite(provider ID) error {
	for _, p := range st.Registry.File {
		if p.ID == provider {
			return fault.On("id", fault.Conflict, "error.upstream.from_file")
		}
	}
	return nil
}

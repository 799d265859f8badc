package relyingparty

import (
	"encoding/json"
	"errors"
	"fmt"

	"parvis/internal/audit"
	"parvis/internal/db"
	"parvis/internal/fault"
	"parvis/internal/id"
)

// Register stores a partner that registers itself (RFC 7591, 3) with the initial access
// token of a name. It is Create otherwise, but that the caller records it.
func (st Store) Register(tx *db.Tx, s Settings, secret []byte, by string) error {
	if by == "" {
		return fault.On("id", fault.Invalid, "error.partner.settings")
	}
	return st.create(tx, s, secret, by)
}

// Reregister replaces the settings of a partner that registered itself (RFC 7592, 2.2). A
// secret that it has stays while it uses one that is kept in this way; secret, which Keep made,
// is put in force when it has none, which is reported. fault.NotFound for partners that others registered.
func (st Store) Reregister(tx *db.Tx, s Settings, secret []byte) (issued bool, err error) {
	p, err := buildStored(s)
	if err != nil {
		return false, err
	}
	text, err := json.Marshal(s) //nolint:gosec // access_tokens is a format, no token
	if err != nil {
		return false, fmt.Errorf("relyingparty: register: %w", err)
	}
	var had []byte
	err = tx.QueryRow(`SELECT secret FROM relying_party WHERE id = $1 AND registered_by IS NOT NULL`, s.ID).Scan(&had)
	if errors.Is(err, db.ErrNoRows) {
		return false, fault.New(fault.NotFound, "error.partner.unknown")
	}
	if err != nil {
		return false, fmt.Errorf("relyingparty: register: %w", err)
	}
	now := db.Millis(tx.Now())
	switch uses := p.AuthMethod.UsesSecret(); {
	case uses && p.AuthMethod.keeps(had):
		err = st.update(tx, p.ID, audit.PartnerChanged, "registration",
			`UPDATE relying_party SET settings = $1, changed_at = $2 WHERE id = $3`, string(text), now, s.ID)
	case uses:
		issued = true
		err = st.update(tx, p.ID, audit.PartnerChanged, "registration",
			`UPDATE relying_party SET settings = $1, changed_at = $2, secret = $3, former_secret = NULL, former_secret_ends = NULL WHERE id = $4`, string(text), now, secret, s.ID)
	default:
		err = st.update(tx, p.ID, audit.PartnerChanged, "registration",
			`UPDATE relying_party SET settings = $1, changed_at = $2, secret = NULL, former_secret = NULL, former_secret_ends = NULL WHERE id = $3`,
			string(text), now, s.ID)
	}
	return issued, err
}

// Remove deletes a partner that registered itself (RFC 7592, 2.3). The caller ends what was
// given to it, and records it. Its identifier is random and never given again.
func (st Store) Remove(tx *db.Tx, pid id.RelyingParty) error {
	n, err := tx.Exec(`DELETE FROM relying_party WHERE id = $1 AND registered_by IS NOT NULL`, string(pid))
	if err != nil {
		return fmt.Errorf("relyingparty: remove: %w", err)
	}
	if n == 0 {
		return fault.New(fault.NotFound, "error.partner.unknown")
	}
	return bump(tx)
}

// Revision is the number that grows with every change; see Registry.Current.
func (st Store) Revision(tx *db.Tx) (int64, error) { return readRevision(tx) }

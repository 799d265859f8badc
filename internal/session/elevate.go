package session

import (
	"encoding/json"
	"fmt"

	"parvis/internal/db"
	"parvis/internal/id"
	"parvis/internal/policy"
	"parvis/internal/secret"
)

// Elevate adds what was proven to a live session and gives it a new token; the
// older one is dead from the commit on (SP 800-63B-4, 5.1). Its identifier and its
// ends stay: the services that know it go on, and a second step buys no time.
// False when the session has ended in the meantime or the token is not its own.
func (s Sessions) Elevate(tx *db.Tx, session id.Session, older, fresh string, facts policy.Facts) (bool, error) {
	text, err := json.Marshal(facts)
	if err != nil {
		return false, fmt.Errorf("session: encode facts: %w", err)
	}
	now := db.Millis(tx.Now())
	n, err := tx.Exec(`UPDATE session SET token_digest = $1, facts = $2, touched_at = $3
		WHERE id = $4 AND token_digest = $5 AND ended_at IS NULL AND ends_at > $3`,
		secret.Digest(fresh), string(text), now, session, secret.Digest(older))
	if err != nil {
		return false, fmt.Errorf("session: elevate: %w", err)
	}
	return n == 1, nil
}

package session

import (
	"fmt"
	"log/slog"

	"parvis/internal/db"
)

// Abroad is what a sign-in partner calls the session with which it opened one here. The
// zero value: no partner did, or it calls it nothing.
type Abroad struct {
	Text string // as upstream wrote it; sealed, and wiped when the session ends
	Key  string // what finds the session when the partner names it (upstream.Presence.Key); "" for nothing
}

// LogValue shows nothing of it.
func (Abroad) LogValue() slog.Value { return slog.StringValue("(session at a sign-in partner)") }

// String shows nothing of it.
func (Abroad) String() string { return "(session at a sign-in partner)" }

// therePurpose keeps the blind index of partners' sessions apart from others.
const therePurpose = "session-there"

// sealThere makes the columns of what a partner calls a new session; nil for nothing.
func (s Sessions) sealThere(n New) (there []byte, index any) {
	if n.There.Text != "" {
		there = s.Keys.Seal("session", "there", string(n.ID), []byte(n.There.Text))
	}
	if n.There.Key != "" {
		index = s.Keys.Index(therePurpose, n.There.Key)
	}
	return there, index
}

// There is the text of what the partner that opened a session calls its own; "" when
// none did, it calls it nothing, or the session has ended.
func (s Sessions) There(of Session) (string, error) {
	if of.there == nil || of.Standing == Ended {
		return "", nil
	}
	plain, err := s.Keys.Open("session", "there", string(of.ID), of.there)
	if err != nil {
		return "", fmt.Errorf("session: what a partner calls it: %w", err)
	}
	return string(plain), nil
}

// ByThere finds the sessions that a partner calls by a key, those that have ended within
// Settings.KeptFor included.
func (s Sessions) ByThere(tx *db.Tx, key string) ([]Session, error) {
	now := tx.Now()
	var out []Session
	for _, index := range s.Keys.Indexes(therePurpose, key) {
		rows, err := tx.Query(`SELECT `+columns+` FROM session WHERE there_index = $1 ORDER BY created_at DESC, id`, index)
		found, err := db.Collect(rows, err, func(r *db.Rows) (Session, error) { return s.scan(r, now) })
		if err != nil {
			return nil, fmt.Errorf("session: find by a partner's: %w", err)
		}
		out = append(out, found...)
	}
	return out, nil
}

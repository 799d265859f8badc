package handover

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"parvis/internal/db"
	"parvis/internal/id"
	"parvis/internal/secret"
	"parvis/internal/upstream"
)

// leavingLife is how long after a sign-out here somebody can begin one at the partner,
// and then how long its answer is awaited.
const leavingLife = 10 * time.Minute

// Leavings keep what a provider calls the session of somebody who has just signed out
// here, for the browser in which it was, until they have signed out there, too, or have
// gone. Only SAML needs it: its request names the person (core 3.7.1).
type Leavings struct {
	Keys *secret.Keys
}

// Leaving is one of them.
type Leaving struct {
	Browser  []byte // digest of the browser's secret
	Provider upstream.ID
	Session  id.Session // that ended here
	Presence upstream.Presence
}

// LogValue keeps who it is out of the log.
func (l Leaving) LogValue() slog.Value {
	return slog.StringValue("(leaving " + string(l.Provider) + ")")
}

// String keeps who it is out of formatted texts.
func (l Leaving) String() string { return "(leaving " + string(l.Provider) + ")" }

// row names a row to its seals.
func (l Leaving) row() string { return hex.EncodeToString(l.Browser) + "|" + string(l.Provider) }

// Begin notes that the session of a browser ends here because its owner signs out, with
// the partner that opened it and what that calls it, as upstream.Presence.Text wrote it. It does
// nothing where no request would name them. Run it in the transaction that ends it.
func (l Leavings) Begin(tx *db.Tx, browser []byte, provider upstream.ID, session id.Session, presence string) error {
	p, err := upstream.ReadPresence(presence)
	if err != nil {
		return err
	}
	if len(browser) == 0 || provider == "" || p.Subject == "" || p.Format == "" {
		return nil
	}
	of := Leaving{Browser: browser, Provider: provider}
	_, err = tx.Exec(`INSERT INTO upstream_leaving (browser, provider, session_id, presence, expires_at) VALUES ($1, $2, $3, $4, $5)
		ON CONFLICT (browser, provider) DO UPDATE SET session_id = excluded.session_id, presence = excluded.presence,
			state = NULL, asked = NULL, expires_at = excluded.expires_at`,
		browser, provider, session, l.Keys.Seal("upstream_leaving", "presence", of.row(), []byte(presence)), db.Millis(tx.Now().Add(leavingLife)))
	if err != nil {
		return fmt.Errorf("handover: leave: %w", err)
	}
	return nil
}

// Find is the leaving of a browser; false when nobody has signed out there just now.
func (l Leavings) Find(tx *db.Tx, browser []byte, provider upstream.ID) (Leaving, bool, error) {
	out := Leaving{Browser: browser, Provider: provider}
	if len(browser) == 0 {
		return Leaving{}, false, nil
	}
	var sealed []byte
	err := tx.QueryRow(`SELECT session_id, presence FROM upstream_leaving WHERE browser = $1 AND provider = $2 AND expires_at > $3`,
		browser, provider, db.Millis(tx.Now())).Scan(&out.Session, &sealed)
	if errors.Is(err, db.ErrNoRows) {
		return Leaving{}, false, nil
	}
	if err != nil {
		return Leaving{}, false, fmt.Errorf("handover: find a leaving: %w", err)
	}
	plain, err := l.Keys.Open("upstream_leaving", "presence", out.row(), sealed)
	if err != nil {
		return Leaving{}, false, fmt.Errorf("handover: find a leaving: %w", err)
	}
	out.Presence, err = upstream.ReadPresence(string(plain))
	return out, err == nil, err
}

// Asked notes the request that is being made of the provider; an earlier one is not
// awaited any more. False when the leaving is over. Run it in DB.WriteStatement.
func (l Leavings) Asked(tx *db.Tx, of Leaving, pending upstream.Pending) (bool, error) {
	text, err := json.Marshal(pending)
	if err != nil {
		return false, fmt.Errorf("handover: ask: %w", err)
	}
	n, err := tx.Exec(`UPDATE upstream_leaving SET state = $1, asked = $2, expires_at = $3
		WHERE browser = $4 AND provider = $5 AND session_id = $6 AND expires_at > $7`,
		secret.Digest(pending.State), l.Keys.Seal("upstream_leaving", "asked", of.row(), text), db.Millis(tx.Now().Add(leavingLife)),
		of.Browser, of.Provider, of.Session, db.Millis(tx.Now()))
	if err != nil {
		return false, fmt.Errorf("handover: ask: %w", err)
	}
	return n == 1, nil
}

// Take gives the request away that a browser's answer belongs to, once, and forgets who
// it was about. False when none waits for it. Run it in DB.WriteStatement.
func (l Leavings) Take(tx *db.Tx, browser []byte, provider upstream.ID, state string) (Leaving, upstream.Pending, bool, error) {
	out := Leaving{Browser: browser, Provider: provider}
	if len(browser) == 0 || state == "" {
		return Leaving{}, upstream.Pending{}, false, nil
	}
	var sealed []byte
	err := tx.QueryRow(`DELETE FROM upstream_leaving WHERE browser = $1 AND provider = $2 AND state = $3 AND expires_at > $4
		RETURNING session_id, asked`, browser, provider, secret.Digest(state), db.Millis(tx.Now())).Scan(&out.Session, &sealed)
	if errors.Is(err, db.ErrNoRows) {
		return Leaving{}, upstream.Pending{}, false, nil
	}
	if err != nil {
		return Leaving{}, upstream.Pending{}, false, fmt.Errorf("handover: take a leaving: %w", err)
	}
	plain, err := l.Keys.Open("upstream_leaving", "asked", out.row(), sealed)
	if err != nil {
		return Leaving{}, upstream.Pending{}, false, fmt.Errorf("handover: take a leaving: %w", err)
	}
	var pending upstream.Pending
	if err := json.Unmarshal(plain, &pending); err != nil {
		return Leaving{}, upstream.Pending{}, false, errors.New("handover: take a leaving: not readable")
	}
	return out, pending, true, nil
}

// Package session keeps the sessions of browsers: who signed in, what was
// proven and when, and until when it counts.
//
// A session is a row found by the digest of a random token that stands in the
// browser's cookie. It ends when nothing happens for a while (idle), at the
// latest after a fixed time (absolute), and at once when it is revoked: it is
// read from the database for every request and never cached. Every
// authentication makes a new session and a new token; the older one is dead.
// The session stores facts; what they are worth is for policy to say. What a sign-in
// partner calls the session that it opened is sealed beside them and wiped when it ends.
//
// Beside them stand the devices: browsers in which an account has signed in
// before. A device never replaces authentication; it only gives its browser a
// counter of wrong passwords of its own, and its token changes with each sign-in.
// Its owner may have it remembered (RememberStep), so that the second step is not
// asked there for a while.
package session

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"parvis/internal/db"
	"parvis/internal/id"
	"parvis/internal/policy"
	"parvis/internal/secret"
)

// Standing is what a session counts for now.
type Standing string

// The standings.
const (
	Unknown Standing = ""      // there is no such session
	Live    Standing = "live"  // it counts
	Idle    Standing = "idle"  // nothing happened for too long
	Over    Standing = "over"  // the longest time is over
	Ended   Standing = "ended" // signed out, replaced or revoked
)

// Session is one session of one browser.
type Session struct {
	ID         id.Session
	Account    id.Account
	Facts      policy.Facts
	Standing   Standing
	CreatedAt  time.Time
	TouchedAt  time.Time // when something last happened, as far as it was noted
	IdleEndsAt time.Time // when it ends if nothing happens
	EndsAt     time.Time // when it ends whatever happens
	Reason     EndReason // why it ended, for Ended
	Browser    string    // with which it was opened, in a word of a closed list, e.g. "Firefox"; "" unknown
	System     string    // that of its system, e.g. "Android"; "" unknown

	// Lineage is the first of the sessions that followed each other in this browser for
	// this account, each replacing the one before (Reauthenticate); ID when it is the first.
	Lineage id.Session

	there []byte // sealed: see There
}

// Live reports whether the session counts.
func (s Session) Live() bool { return s.Standing == Live }

// LogValue shows what may be logged of a session.
func (s Session) LogValue() slog.Value {
	return slog.GroupValue(slog.String("id", string(s.ID)), slog.String("standing", string(s.Standing)))
}

// EndReason says why a session was ended before its time.
type EndReason string

// The reasons.
const (
	SignedOut EndReason = "signed_out" // by the person
	Replaced  EndReason = "replaced"   // by a new authentication in the same browser
	Revoked   EndReason = "revoked"    // by a change of password, the owner elsewhere, or an operator
	Erased    EndReason = "erased"     // the account was closed
)

// New is a session to be started. Make it with Prepare, before the transaction.
type New struct {
	ID      id.Session
	Token   string // for the cookie: 256 bits
	Account id.Account
	Facts   policy.Facts
	There   Abroad // of one that a sign-in partner opened
	Browser string // with which it is opened, in a word of a closed list, e.g. "Firefox"; "" unknown
	System  string // that of its system, e.g. "Android"; "" unknown

	lineage id.Session // of the session that it replaces; "" none
}

// LogValue keeps the token out of the log.
func (n New) LogValue() slog.Value { return slog.StringValue("session:" + string(n.ID)) }

// Prepare makes the identifier and the token of a new session.
func Prepare(account id.Account, facts policy.Facts) New {
	return New{ID: id.New[id.Session](), Token: secret.NewToken(), Account: account, Facts: facts}
}

// Sessions are the sessions in the database. Every method takes a transaction.
type Sessions struct {
	Keys     *secret.Keys
	Settings Settings

	// OnEnd is told of sessions that end before their time, in the transaction that ends
	// them; next is the one that goes on for the same person in the same browser, "" for
	// none. nil tells nobody. Sessions that end by themselves are not told.
	OnEnd func(tx *db.Tx, ended []id.Session, next id.Session) error
}

// Start stores a new session. Call it after the authentication has succeeded,
// in the transaction that notes it.
func (s Sessions) Start(tx *db.Tx, n New) (Session, error) {
	facts, err := json.Marshal(n.Facts)
	if err != nil {
		return Session{}, fmt.Errorf("session: encode facts: %w", err)
	}
	now := tx.Now()
	ends := now.Add(s.Settings.Absolute)
	there, index := s.sealThere(n)
	err = tx.ExecOne(`INSERT INTO session (id, token_digest, account_id, facts, created_at, touched_at, ends_at, there, there_index, browser, system, lineage)
		VALUES ($1, $2, $3, $4, $5, $5, $6, $7, $8, $9, $10, $11)`,
		n.ID, secret.Digest(n.Token), n.Account, string(facts), db.Millis(now), db.Millis(ends), there, index, n.Browser, n.System, db.NullText(n.lineage))
	if err != nil {
		return Session{}, fmt.Errorf("session: start: %w", err)
	}
	return Session{
		ID: n.ID, Account: n.Account, Facts: n.Facts, Standing: Live, there: there,
		CreatedAt: now, TouchedAt: now, IdleEndsAt: s.idleEnd(now, ends), EndsAt: ends,
		Browser: n.Browser, System: n.System, Lineage: cmp.Or(n.lineage, n.ID),
	}, nil
}

// Reauthenticate ends the browser's older session, if it has one, and starts
// the new one. The older token is dead from the commit on. When both are of one account,
// the new one continues the older one's Lineage: also when something else that the browser
// did at the same time has replaced it, but not when it was signed out or revoked.
func (s Sessions) Reauthenticate(tx *db.Tx, older string, n New) (Session, error) {
	if older != "" {
		was, err := s.Find(tx, older)
		if err != nil {
			return Session{}, err
		}
		if was.ID != "" && was.Account == n.Account && (was.Standing != Ended || was.Reason == Replaced) {
			n.lineage = was.Lineage
		}
		var ended id.Session
		var whose id.Account
		err = tx.QueryRow(`UPDATE session SET ended_at = $1, end_reason = $2, there = NULL WHERE token_digest = $3 AND ended_at IS NULL
			RETURNING id, account_id`, db.Millis(tx.Now()), Replaced, secret.Digest(older)).Scan(&ended, &whose)
		if err != nil && !errors.Is(err, db.ErrNoRows) {
			return Session{}, fmt.Errorf("session: replace: %w", err)
		}
		if err == nil {
			next := n.ID
			if whose != n.Account {
				next = ""
			}
			if err := s.tell(tx, []id.Session{ended}, next); err != nil {
				return Session{}, err
			}
		}
	}
	return s.Start(tx, n)
}

const columns = `id, account_id, facts, created_at, touched_at, ends_at, ended_at, end_reason, there, browser, system, COALESCE(lineage, id)`

func (s Sessions) scan(r interface{ Scan(dest ...any) error }, now time.Time) (Session, error) {
	var out Session
	var facts string
	var ended time.Time
	err := r.Scan(&out.ID, &out.Account, &facts, db.ScanTime(&out.CreatedAt), db.ScanTime(&out.TouchedAt),
		db.ScanTime(&out.EndsAt), db.NullTime(&ended), db.ScanText(&out.Reason), &out.there, &out.Browser, &out.System, &out.Lineage)
	if err != nil {
		return Session{}, err
	}
	if err := json.Unmarshal([]byte(facts), &out.Facts); err != nil {
		return Session{}, fmt.Errorf("session: decode facts: %w", err)
	}
	out.IdleEndsAt = s.idleEnd(out.TouchedAt, out.EndsAt)
	switch {
	case !ended.IsZero():
		out.Standing = Ended
	case !now.Before(out.EndsAt):
		out.Standing = Over
	case !now.Before(out.IdleEndsAt):
		out.Standing = Idle
	default:
		out.Standing = Live
	}
	return out, nil
}

func (s Sessions) idleEnd(touched, ends time.Time) time.Time {
	if end := touched.Add(s.Settings.Idle); end.Before(ends) {
		return end
	}
	return ends
}

// Find looks up the session of a cookie's token and says what it counts for.
// A token that is unknown gives a session with the standing Unknown.
func (s Sessions) Find(tx *db.Tx, token string) (Session, error) {
	return s.find(tx, `SELECT `+columns+` FROM session WHERE token_digest = $1`, secret.Digest(token))
}

// FindLive looks up the session of a cookie's token ("" for none) when it counts;
// otherwise it is the zero Session, which is nobody's.
func (s Sessions) FindLive(tx *db.Tx, token string) (Session, error) {
	if token == "" {
		return Session{}, nil
	}
	found, err := s.Find(tx, token)
	if err != nil || found.Live() {
		return found, err
	}
	return Session{}, nil
}

// ByID looks up a session.
func (s Sessions) ByID(tx *db.Tx, session id.Session) (Session, error) {
	return s.find(tx, `SELECT `+columns+` FROM session WHERE id = $1`, session)
}

func (s Sessions) find(tx *db.Tx, query string, arg any) (Session, error) {
	out, err := s.scan(tx.QueryRow(query, arg), tx.Now())
	if errors.Is(err, db.ErrNoRows) {
		return Session{}, nil
	}
	if err != nil {
		return Session{}, fmt.Errorf("session: find: %w", err)
	}
	return out, nil
}

// Due reports whether a live session is to be touched for a request: not for
// every one, since touching is a write.
func (s Sessions) Due(session Session, now time.Time) bool {
	return session.Live() && now.Sub(session.TouchedAt) >= s.Settings.touchAfter()
}

// Touch notes that something happened, so that the idle time begins anew;
// false when the session no longer counts. Run it in DB.WriteStatement.
func (s Sessions) Touch(tx *db.Tx, session id.Session) (bool, error) {
	now := tx.Now()
	n, err := tx.Exec(`UPDATE session SET touched_at = $1
		WHERE id = $2 AND ended_at IS NULL AND ends_at > $1 AND touched_at > $3`,
		db.Millis(now), session, db.Millis(now.Add(-s.Settings.Idle)))
	if err != nil {
		return false, fmt.Errorf("session: touch: %w", err)
	}
	return n == 1, nil
}

// EndOne ends one live session of an account; false when the account has no such one (any more).
func (s Sessions) EndOne(tx *db.Tx, account id.Account, session id.Session, reason EndReason) (bool, error) {
	n, err := s.end(tx, reason, `id = $3 AND account_id = $4 AND ends_at > $1 AND touched_at > $5`,
		session, account, db.Millis(tx.Now().Add(-s.Settings.Idle)))
	return n == 1, err
}

// End ends one session; false when it had ended or there is none.
func (s Sessions) End(tx *db.Tx, session id.Session, reason EndReason) (bool, error) {
	n, err := s.end(tx, reason, `id = $3`, session)
	return n == 1, err
}

// EndLineage ends a session for who signs out in its browser, with every other of its
// Lineage: two tabs that sign in anew at once both replace the older one, and the browser
// keeps one of the two. OnEnd is told of all of them, also of those that were replaced
// before. It reports whether this one ended now.
func (s Sessions) EndLineage(tx *db.Tx, of id.Session, reason EndReason) (bool, error) {
	all, err := s.InLineage(tx, of)
	if err != nil {
		return false, err
	}
	rows, err := tx.Query(`UPDATE session SET ended_at = $1, end_reason = $2, there = NULL
		WHERE ended_at IS NULL AND account_id = (SELECT account_id FROM session WHERE id = $3)
			AND COALESCE(lineage, id) = (SELECT COALESCE(lineage, id) FROM session WHERE id = $3) RETURNING id`, db.Millis(tx.Now()), reason, of)
	ended, err := db.Collect(rows, err, func(r *db.Rows) (out id.Session, err error) { return out, r.Scan(&out) })
	if err != nil {
		return false, fmt.Errorf("session: end lineage: %w", err)
	}
	return slices.Contains(ended, of), s.tell(tx, all, "")
}

// InLineage are the sessions of a session's Lineage that are not forgotten yet, the newest
// first and not more than OnEnd is told of at once.
func (s Sessions) InLineage(tx *db.Tx, of id.Session) ([]id.Session, error) {
	rows, err := tx.Query(`SELECT id FROM session WHERE account_id = (SELECT account_id FROM session WHERE id = $1)
		AND COALESCE(lineage, id) = (SELECT COALESCE(lineage, id) FROM session WHERE id = $1) ORDER BY created_at DESC, id LIMIT $2`, of, toldAtOnce)
	out, err := db.Collect(rows, err, func(r *db.Rows) (out id.Session, err error) { return out, r.Scan(&out) })
	if err != nil {
		return nil, fmt.Errorf("session: lineage: %w", err)
	}
	return out, nil
}

// EndAll ends every session of an account except one ("" for none excepted)
// and tells how many.
func (s Sessions) EndAll(tx *db.Tx, account id.Account, except id.Session, reason EndReason) (int64, error) {
	return s.end(tx, reason, `account_id = $3 AND id <> $4`, account, except)
}

// end ends the sessions that a condition names, whose first placeholder is $3, and tells OnEnd of them.
func (s Sessions) end(tx *db.Tx, reason EndReason, condition string, args ...any) (int64, error) {
	rows, err := tx.Query(`UPDATE session SET ended_at = $1, end_reason = $2, there = NULL
		WHERE ended_at IS NULL AND `+condition+` RETURNING id`, append([]any{db.Millis(tx.Now()), reason}, args...)...)
	ended, err := db.Collect(rows, err, func(r *db.Rows) (out id.Session, err error) { return out, r.Scan(&out) })
	if err != nil {
		return 0, fmt.Errorf("session: end: %w", err)
	}
	return int64(len(ended)), s.tell(tx, ended, "")
}

// toldAtOnce is how many sessions OnEnd is told of in one call at most: it names each in a
// statement, and a database takes only so many values. Who opens more than that must not
// keep them from being ended.
const toldAtOnce = 500

// tell tells OnEnd.
func (s Sessions) tell(tx *db.Tx, ended []id.Session, next id.Session) error {
	if s.OnEnd == nil {
		return nil
	}
	for some := range slices.Chunk(ended, toldAtOnce) {
		if err := s.OnEnd(tx, some, next); err != nil {
			return err
		}
	}
	return nil
}

// List gives the live sessions of an account, the newest first.
func (s Sessions) List(tx *db.Tx, account id.Account) ([]Session, error) {
	now := tx.Now()
	rows, err := tx.Query(`SELECT `+columns+` FROM session
		WHERE account_id = $1 AND ended_at IS NULL AND ends_at > $2 AND touched_at > $3 ORDER BY created_at DESC, id`,
		account, db.Millis(now), db.Millis(now.Add(-s.Settings.Idle)))
	out, err := db.Collect(rows, err, func(r *db.Rows) (Session, error) { return s.scan(r, now) })
	if err != nil {
		return nil, fmt.Errorf("session: list: %w", err)
	}
	return out, nil
}

// Erase deletes everything that is kept of an account's sessions and browsers.
func (s Sessions) Erase(tx *db.Tx, account id.Account) error {
	if _, err := s.EndAll(tx, account, "", Erased); err != nil { // who is told of an end is told of this one
		return err
	}
	for _, query := range []string{
		`DELETE FROM session WHERE account_id = $1`,
		`DELETE FROM device WHERE account_id = $1`,
		`DELETE FROM remembered_browser WHERE account_id = $1`,
		`DELETE FROM new_sign_in WHERE account_id = $1`,
		`DELETE FROM alarm WHERE account_id = $1`,
	} {
		if _, err := tx.Exec(query, account); err != nil {
			return fmt.Errorf("session: erase: %w", err)
		}
	}
	return nil
}

// Purge deletes sessions that stopped counting longer ago than Settings.KeptFor
// and browsers that are no longer known or remembered, at most limit of each. What
// partners call sessions that ended by themselves it wipes at once.
func (s Sessions) Purge(tx *db.Tx, limit int) (int64, error) {
	now := tx.Now()
	_, err := tx.Exec(`UPDATE session SET there = NULL WHERE id IN (SELECT id FROM session
		WHERE there IS NOT NULL AND (ends_at <= $1 OR touched_at <= $2 OR ended_at IS NOT NULL) LIMIT $3)`,
		db.Millis(now), db.Millis(now.Add(-s.Settings.Idle)), limit)
	if err != nil {
		return 0, fmt.Errorf("session: purge: %w", err)
	}
	long := now.Add(-s.Settings.KeptFor)
	n, err := tx.Exec(`DELETE FROM session WHERE id IN (SELECT id FROM session
		WHERE ends_at <= $1 OR touched_at <= $2 OR ended_at <= $1 ORDER BY touched_at LIMIT $3)`,
		db.Millis(long), db.Millis(long.Add(-s.Settings.Idle)), limit)
	if err != nil {
		return 0, fmt.Errorf("session: purge: %w", err)
	}
	m, err := tx.Exec(`DELETE FROM device WHERE (digest, account_id) IN (
		SELECT digest, account_id FROM device WHERE used_at <= $1 ORDER BY used_at LIMIT $2)`,
		db.Millis(now.Add(-s.Settings.DeviceLifetime)), limit)
	if err != nil {
		return 0, fmt.Errorf("session: purge devices: %w", err)
	}
	r, err := s.purgeRemembered(tx, limit)
	if err != nil {
		return 0, err
	}
	a, err := s.purgeAlarms(tx, limit)
	return n + m + r + a, err
}

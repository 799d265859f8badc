package otp

import (
	"errors"
	"fmt"
	"time"

	"parvis/internal/authenticator"
	"parvis/internal/db"
	"parvis/internal/id"
)

// bound is the condition that names one binding.
const bound = `account_id = $1 AND authenticator_id = $2 AND purpose = $3 AND flow_id = $4 AND session_id = $5`

// Pending is what is known of the newest code of a binding.
type Pending struct {
	Channel   Channel
	Live      bool      // it can be used: neither expired, used, ended nor tried too often
	Used      bool      // it was used, or ended by other means than its age
	SentAt    time.Time // when it was sent
	ExpiresAt time.Time // when it can no longer be used
	TriesLeft int       // how many more codes can be typed for it
	SendsLeft int       // how many more codes can be sent before SendsEndAt
	ResendAt  time.Time // when another one can be sent
}

const columns = `channel, tries, sends, sends_end_at, sent_at, expires_at, redeemed_at, ended_at`

type stored struct {
	Pending
	redeemed, ended time.Time
}

func (c Codes) scan(r interface{ Scan(dest ...any) error }, now time.Time) (stored, error) {
	var s stored
	var tries, sends int
	var window time.Time
	err := r.Scan(&s.Channel, &tries, &sends, db.ScanTime(&window), db.ScanTime(&s.SentAt), db.ScanTime(&s.ExpiresAt),
		db.NullTime(&s.redeemed), db.NullTime(&s.ended))
	if err != nil {
		return stored{}, err
	}
	s.TriesLeft = max(0, c.Settings.Tries-tries)
	s.SendsLeft = c.Settings.Sends
	s.ResendAt = s.SentAt.Add(c.Settings.ResendAfter)
	if window.After(now) {
		s.SendsLeft = max(0, c.Settings.Sends-sends)
		if s.SendsLeft == 0 && window.After(s.ResendAt) {
			s.ResendAt = window
		}
	}
	s.Used = !s.redeemed.IsZero() || !s.ended.IsZero()
	s.Live = !s.Used && s.ExpiresAt.After(now) && s.TriesLeft > 0
	return s, nil
}

func (c Codes) read(tx *db.Tx, b Binding) (stored, bool, error) {
	s, err := c.scan(tx.QueryRow(`SELECT `+columns+` FROM one_time_code WHERE `+bound, b.args()...), tx.Now())
	if errors.Is(err, db.ErrNoRows) {
		return stored{}, false, nil
	}
	if err != nil {
		return stored{}, false, fmt.Errorf("otp: read: %w", err)
	}
	return s, true, nil
}

// Pending reads what is known of the newest code of a binding; false when none was
// sent, or so long ago that it is forgotten.
func (c Codes) Pending(tx *db.Tx, b Binding) (Pending, bool, error) {
	s, found, err := c.read(tx, b)
	return s.Pending, found, err
}

// Issue stores a code of a binding; the earlier one ends. False when codes were
// sent too often or too shortly before: then Pending.ResendAt says when it may be
// tried again, nothing was changed, and nothing may be sent. Another channel may be
// tried at once: a text that does not come is why people want a call. It is one conditional
// statement: of any number who ask at once no more are sent than Settings allow.
func (c Codes) Issue(tx *db.Tx, b Binding, d Draft, by Channel) (Pending, bool, error) {
	if err := b.check(); err != nil {
		return Pending{}, false, err
	}
	now := tx.Now()
	s, err := c.scan(tx.QueryRow(`INSERT INTO one_time_code (account_id, authenticator_id, purpose, flow_id, session_id,
			id, mac, channel, tries, sends, sends_end_at, sent_at, expires_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 0, 1, $9, $10, $11)
		ON CONFLICT (account_id, authenticator_id, purpose, flow_id, session_id) DO UPDATE SET
			id = $6, mac = $7, channel = $8, tries = 0, sent_at = $10, expires_at = $11, redeemed_at = NULL, ended_at = NULL,
			sends = CASE WHEN one_time_code.sends_end_at <= $10 THEN 1 ELSE one_time_code.sends + 1 END,
			sends_end_at = CASE WHEN one_time_code.sends_end_at <= $10 THEN $9 ELSE one_time_code.sends_end_at END
		WHERE (one_time_code.sent_at <= $12 OR one_time_code.channel <> $8) AND (one_time_code.sends_end_at <= $10 OR one_time_code.sends < $13)
		RETURNING `+columns,
		b.args(d.ID, c.Keys.CodeMAC(b.row(d.ID), d.Code), by, db.Millis(now.Add(c.Settings.SendWindow)), db.Millis(now),
			db.Millis(now.Add(c.lifetime(d, by))), db.Millis(now.Add(-c.Settings.ResendAfter)), c.Settings.Sends)...), now)
	if err == nil {
		return s.Pending, true, nil
	}
	if !errors.Is(err, db.ErrNoRows) {
		return Pending{}, false, fmt.Errorf("otp: issue: %w", err)
	}
	p, _, err := c.Pending(tx, b)
	return p, false, err
}

// Outcome is what came of a typed code.
type Outcome string

// The outcomes.
const (
	Matched   Outcome = "matched"   // redeem it now
	Wrong     Outcome = "wrong"     // not the code
	Expired   Outcome = "expired"   // the code is too old: send another one
	Exhausted Outcome = "exhausted" // too many were typed for this code: send another one
	None      Outcome = "none"      // no code of this binding waits: none was sent, or it was used, or it ended
)

// Trial is the outcome of one try.
type Trial struct {
	Outcome   Outcome
	TriesLeft int // how many more codes can be typed for this one

	binding Binding
	code    ID
}

// Try counts a try and then compares a parsed code with that of the binding. Run it
// alone or after authenticator.Authenticators.Attempt in DB.WriteStatement, and go
// on only when that has committed: then of any number who guess at once no more
// are compared than Settings allow.
func (c Codes) Try(tx *db.Tx, b Binding, code string) (Trial, error) {
	if err := b.check(); err != nil {
		return Trial{}, err
	}
	var row ID
	var mac []byte
	var tries int
	err := tx.QueryRow(`UPDATE one_time_code SET tries = tries + 1 WHERE `+bound+`
		AND redeemed_at IS NULL AND ended_at IS NULL AND expires_at > $6 AND tries < $7 RETURNING id, mac, tries`,
		b.args(db.Millis(tx.Now()), c.Settings.Tries)...).Scan(&row, &mac, &tries)
	switch {
	case errors.Is(err, db.ErrNoRows):
		return c.refused(tx, b)
	case err != nil:
		return Trial{}, fmt.Errorf("otp: try: %w", err)
	}
	out := Trial{Outcome: Wrong, TriesLeft: c.Settings.Tries - tries}
	if c.Keys.CodeMatches(b.row(row), code, mac) {
		out.Outcome, out.binding, out.code = Matched, b, row
	}
	return out, nil
}

// refused says why no comparison was made.
func (c Codes) refused(tx *db.Tx, b Binding) (Trial, error) {
	s, found, err := c.read(tx, b)
	switch {
	case err != nil:
		return Trial{}, err
	case !found, !s.redeemed.IsZero(), !s.ended.IsZero():
		return Trial{Outcome: None}, nil
	case !s.ExpiresAt.After(tx.Now()):
		return Trial{Outcome: Expired}, nil
	}
	return Trial{Outcome: Exhausted}, nil
}

// Redeem uses a matched code up; false when another request was faster, or the
// code ended since. Run it in the transaction that acts on it.
func (c Codes) Redeem(tx *db.Tx, t Trial) (bool, error) {
	if t.Outcome != Matched {
		return false, errors.New("otp: a code that did not match cannot be redeemed")
	}
	b := t.binding
	n, err := tx.Exec(`UPDATE one_time_code SET redeemed_at = $1 WHERE account_id = $2 AND authenticator_id = $3 AND purpose = $4
		AND flow_id = $5 AND session_id = $6 AND id = $7 AND redeemed_at IS NULL AND ended_at IS NULL AND expires_at > $1`,
		db.Millis(tx.Now()), b.Account, b.Authenticator, b.Purpose, b.Flow, b.Session, t.code)
	if err != nil {
		return false, fmt.Errorf("otp: redeem: %w", err)
	}
	return n == 1, nil
}

// EndMethod ends every code of an authenticator of an account: it was removed.
func (c Codes) EndMethod(tx *db.Tx, account id.Account, a authenticator.ID) error {
	if _, err := tx.Exec(`UPDATE one_time_code SET ended_at = $1 WHERE account_id = $2 AND authenticator_id = $3 AND ended_at IS NULL`,
		db.Millis(tx.Now()), account, a); err != nil {
		return fmt.Errorf("otp: end: %w", err)
	}
	return nil
}

// Erase deletes every code of an account.
func (c Codes) Erase(tx *db.Tx, account id.Account) error {
	if _, err := tx.Exec(`DELETE FROM one_time_code WHERE account_id = $1`, account); err != nil {
		return fmt.Errorf("otp: erase: %w", err)
	}
	return nil
}

// Purge deletes codes that can no longer be used and whose sending no longer
// counts, at most limit of them.
func (c Codes) Purge(tx *db.Tx, limit int) (int64, error) {
	n, err := tx.Exec(`DELETE FROM one_time_code WHERE (account_id, authenticator_id, purpose, flow_id, session_id) IN (
		SELECT account_id, authenticator_id, purpose, flow_id, session_id FROM one_time_code
		WHERE expires_at <= $1 AND sends_end_at <= $1 ORDER BY expires_at LIMIT $2)`, db.Millis(tx.Now()), limit)
	if err != nil {
		return 0, fmt.Errorf("otp: purge: %w", err)
	}
	return n, nil
}

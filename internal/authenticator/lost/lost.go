// Package lost keeps what people began because they have lost every method of the second
// step: at once, or after a wait, the methods are set aside (authenticator.SetAside), and
// until a while later the owner can undo that.
//
// An account has one request that is open. Each step is one conditional statement, so that
// it happens once, whoever tries it how often and on whatever node. Links are stored as
// digests; a stop link works while the request is open, whatever became of it.
//
// It owns the tables lost_method and lost_method_link. What a step does to the account,
// and who is told, is for reclaim, which calls it in the same transaction.
package lost

import (
	"errors"
	"fmt"
	"time"

	"parvis/internal/db"
	"parvis/internal/id"
	"parvis/internal/secret"
)

// ID names one request.
type ID string

// Outcome is how a request ended.
type Outcome string

// The outcomes. The zero value: it is open.
const (
	Stopped Outcome = "stopped" // by the owner, with a link, while it waited
	Found   Outcome = "found"   // a method was proven, while it waited
	Undone  Outcome = "undone"  // by the owner, with a link, after the methods were set aside
	Expired Outcome = "expired" // nobody used the link that ends the waiting
	Settled Outcome = "settled" // the time to undo it is over
	Dropped Outcome = "dropped" // an operator removed the methods meanwhile
)

// Request is one request.
type Request struct {
	ID        ID
	Account   id.Account
	AskedAt   time.Time
	WaitUntil time.Time // from when the methods can be set aside
	FinishBy  time.Time // until when
	WarnedAt  time.Time // when the owner was told again, near the end of the wait; zero: not yet
	OpenedAt  time.Time // when the link that ends the waiting was sent; zero: not yet
	DoneAt    time.Time // when the methods were set aside; zero: not yet
	UndoUntil time.Time // until when that can be undone
	EndedAt   time.Time // zero: it is open
	Outcome   Outcome
}

// Stage is how far a request is.
type Stage string

// The stages.
const (
	Waiting Stage = "waiting" // its owner is told, and can stop it
	Ready   Stage = "ready"   // the methods can be set aside now
	Late    Stage = "late"    // they could have been
	Done    Stage = "done"    // they are, and it can be undone
	Over    Stage = "over"    // it can no longer be undone
	Ended   Stage = "ended"   // see Outcome
)

// Stage is how far a request is at an instant.
func (r Request) Stage(now time.Time) Stage {
	switch {
	case r.Outcome == Settled:
		return Over
	case r.Outcome == Expired:
		return Late
	case !r.EndedAt.IsZero():
		return Ended
	case !r.DoneAt.IsZero() && now.Before(r.UndoUntil):
		return Done
	case !r.DoneAt.IsZero():
		return Over
	case now.Before(r.WaitUntil):
		return Waiting
	case now.Before(r.FinishBy):
		return Ready
	default:
		return Late
	}
}

// Does is what a link does.
type Does string

// What links do.
const (
	Stops    Does = "stop"   // stops the waiting, or undoes what was done
	Finishes Does = "finish" // sets the methods aside when the waiting is over
)

// Channel is how a link was sent.
type Channel string

// The channels.
const (
	ByEmail Channel = "email"
	ByText  Channel = "text"
)

// Draft is the identifier of a request and the secrets of its links, 256 bits each. Make
// it with New, before the transaction.
type Draft struct {
	ID     ID
	Mailed string // stop link for mails
	Texted string // stop link for texts
	Finish string // link that ends the waiting
}

// String keeps the secrets out of formatted texts.
func (Draft) String() string { return "(links)" }

// New makes a draft.
func New() Draft {
	return Draft{ID: id.New[ID](), Mailed: secret.NewToken(), Texted: secret.NewToken(), Finish: secret.NewToken()}
}

// Requests are the requests in the database. Every method takes a transaction.
type Requests struct{}

const columns = `id, account_id, asked_at, wait_until, finish_by, warned_at, opened_at, done_at, undo_until, ended_at, outcome`

func scan(s interface{ Scan(dest ...any) error }, more ...any) (Request, error) {
	var r Request
	err := s.Scan(append([]any{
		&r.ID, &r.Account, db.ScanTime(&r.AskedAt), db.ScanTime(&r.WaitUntil), db.ScanTime(&r.FinishBy), db.NullTime(&r.WarnedAt),
		db.NullTime(&r.OpenedAt), db.NullTime(&r.DoneAt), db.NullTime(&r.UndoUntil), db.NullTime(&r.EndedAt), db.ScanText(&r.Outcome),
	}, more...)...)
	return r, err
}

// Begin stores a request that waits; false when the account has an open one.
func (Requests) Begin(tx *db.Tx, d Draft, account id.Account, wait, open time.Duration) (Request, bool, error) {
	now := tx.Now()
	r := Request{ID: d.ID, Account: account, AskedAt: now, WaitUntil: now.Add(wait), FinishBy: now.Add(wait + open)}
	n, err := tx.Exec(`INSERT INTO lost_method (id, account_id, asked_at, wait_until, finish_by)
		VALUES ($1, $2, $3, $4, $5) ON CONFLICT (account_id) WHERE ended_at IS NULL DO NOTHING`,
		r.ID, account, db.Millis(now), db.Millis(r.WaitUntil), db.Millis(r.FinishBy))
	if err != nil {
		return Request{}, false, fmt.Errorf("lost: begin: %w", err)
	}
	return r, n == 1, nil
}

// Link stores a link of a request.
func (Requests) Link(tx *db.Tx, r Request, token string, does Does, by Channel) error {
	err := tx.ExecOne(`INSERT INTO lost_method_link (digest, request_id, account_id, does, channel, made_at) VALUES ($1, $2, $3, $4, $5, $6)`,
		secret.Digest(token), r.ID, r.Account, does, by, db.Millis(tx.Now()))
	if err != nil {
		return fmt.Errorf("lost: link: %w", err)
	}
	return nil
}

// Link is a link that was sent.
type Link struct {
	Does Does
	By   Channel
}

// ByToken is the request that a link is about, open or not; false for no such link.
func (Requests) ByToken(tx *db.Tx, token string) (Request, Link, bool, error) {
	var l Link
	r, err := scan(tx.QueryRow(`SELECT m.id, m.account_id, m.asked_at, m.wait_until, m.finish_by, m.warned_at, m.opened_at, m.done_at,
		m.undo_until, m.ended_at, m.outcome, l.does, l.channel
		FROM lost_method_link l JOIN lost_method m ON m.id = l.request_id WHERE l.digest = $1`, secret.Digest(token)), &l.Does, &l.By)
	if errors.Is(err, db.ErrNoRows) {
		return Request{}, Link{}, false, nil
	}
	if err != nil {
		return Request{}, Link{}, false, fmt.Errorf("lost: find link: %w", err)
	}
	return r, l, true, nil
}

// Open is the open request of an account; false when there is none.
func (Requests) Open(tx *db.Tx, account id.Account) (Request, bool, error) {
	r, err := scan(tx.QueryRow(`SELECT `+columns+` FROM lost_method WHERE account_id = $1 AND ended_at IS NULL`, account))
	if errors.Is(err, db.ErrNoRows) {
		return Request{}, false, nil
	}
	if err != nil {
		return Request{}, false, fmt.Errorf("lost: find: %w", err)
	}
	return r, true, nil
}

// one is a conditional statement about one request; false when it does not hold (any more).
func (Requests) one(tx *db.Tx, query string, args ...any) (bool, error) {
	n, err := tx.Exec(query, args...)
	if err != nil {
		return false, fmt.Errorf("lost: step: %w", err)
	}
	return n == 1, nil
}

// Finish notes that the methods are set aside, when the wait is over and not too long ago.
func (q Requests) Finish(tx *db.Tx, request ID, undoUntil time.Time) (bool, error) {
	return q.one(tx, `UPDATE lost_method SET done_at = $1, undo_until = $2
		WHERE id = $3 AND ended_at IS NULL AND done_at IS NULL AND wait_until <= $1 AND finish_by > $1`,
		db.Millis(tx.Now()), db.Millis(undoUntil), request)
}

// Stop ends a request before the methods are set aside.
func (q Requests) Stop(tx *db.Tx, request ID, how Outcome) (bool, error) {
	return q.one(tx, `UPDATE lost_method SET ended_at = $1, outcome = $2
		WHERE id = $3 AND ended_at IS NULL AND done_at IS NULL AND finish_by > $1`, db.Millis(tx.Now()), how, request)
}

// Undo ends a request after the methods were set aside, while there is time.
func (q Requests) Undo(tx *db.Tx, request ID) (bool, error) {
	return q.one(tx, `UPDATE lost_method SET ended_at = $1, outcome = $2
		WHERE id = $3 AND ended_at IS NULL AND done_at IS NOT NULL AND undo_until > $1`, db.Millis(tx.Now()), Undone, request)
}

// Drop ends whatever is open of an account: its methods are removed by other means.
func (Requests) Drop(tx *db.Tx, account id.Account) error {
	_, err := tx.Exec(`UPDATE lost_method SET ended_at = $1, outcome = $2 WHERE account_id = $3 AND ended_at IS NULL`,
		db.Millis(tx.Now()), Dropped, account)
	if err != nil {
		return fmt.Errorf("lost: drop: %w", err)
	}
	return nil
}

// Objected reports whether the owner of an account stopped or undid a request since an instant.
func (Requests) Objected(tx *db.Tx, account id.Account, since time.Time) (bool, error) {
	var n int
	err := tx.QueryRow(`SELECT COUNT(*) FROM lost_method WHERE account_id = $1 AND outcome IN ($2, $3) AND ended_at > $4`,
		account, Stopped, Undone, db.Millis(since)).Scan(&n)
	if err != nil {
		return false, fmt.Errorf("lost: read objections: %w", err)
	}
	return n > 0, nil
}

// kept is how long an ended request explains its links.
const kept = 90 * 24 * time.Hour

// Purge deletes requests that ended long ago, with their links, at most limit of them.
func (Requests) Purge(tx *db.Tx, limit int) (int64, error) {
	long := db.Millis(tx.Now().Add(-kept))
	_, err := tx.Exec(`DELETE FROM lost_method_link WHERE request_id IN (
		SELECT id FROM lost_method WHERE ended_at <= $1 ORDER BY ended_at, id LIMIT $2)`, long, limit)
	if err != nil {
		return 0, fmt.Errorf("lost: purge: %w", err)
	}
	n, err := tx.Exec(`DELETE FROM lost_method WHERE id IN (
		SELECT id FROM lost_method WHERE ended_at <= $1 ORDER BY ended_at, id LIMIT $2)`, long, limit)
	if err != nil {
		return 0, fmt.Errorf("lost: purge: %w", err)
	}
	return n, nil
}

// Erase forgets the requests of an account and their links.
func (Requests) Erase(tx *db.Tx, account id.Account) error {
	for _, query := range []string{`DELETE FROM lost_method_link WHERE account_id = $1`, `DELETE FROM lost_method WHERE account_id = $1`} {
		if _, err := tx.Exec(query, account); err != nil {
			return fmt.Errorf("lost: erase: %w", err)
		}
	}
	return nil
}

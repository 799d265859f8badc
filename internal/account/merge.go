package account

import (
	"errors"
	"fmt"
	"time"

	"parvis/internal/db"
	"parvis/internal/fault"
	"parvis/internal/id"
	"parvis/internal/secret"
)

// Held reports whether somebody holds an account: it was activated and is not closed.
// Its owner can prove who they are. What that opens is another question: a merged
// account opens nothing but the way to undo the merging, and a closing one nothing but
// the way to keep it.
func (a Account) Held() bool {
	return a.Status == Active || a.Status == Merged || a.Status == Closing
}

// Outcome says how a merging ended.
type Outcome string

// The outcomes. The zero value is: it has not ended.
const (
	Undone   Outcome = "undone"   // both accounts are as before
	Finished Outcome = "finished" // the second account is erased
)

// Merge is the merging of two accounts of one person.
type Merge struct {
	ID       id.Merge
	Survivor id.Account // the one that stays
	Second   id.Account // the one that is suspended, and erased at EndsAt
	At       time.Time
	EndsAt   time.Time // until when it can be undone
	EndedAt  time.Time // zero: it has not ended
	Outcome  Outcome
}

// MergeDraft is a merging to be stored. Make it with NewMerge, before the transaction.
type MergeDraft struct {
	ID            id.Merge
	SurvivorToken string // for the link in the mail to the account that stays: 256 bits
	SecondToken   string // for the link in the mail to the other one
}

// NewMerge makes the identifier and the secrets of a merging.
func NewMerge() MergeDraft {
	return MergeDraft{ID: id.New[id.Merge](), SurvivorToken: secret.NewToken(), SecondToken: secret.NewToken()}
}

// Merges are the mergings in the database. Every method takes a transaction.
type Merges struct {
	Settings Settings
}

// mergesKept is how long an ended merging still explains its links.
const mergesKept = 30 * 24 * time.Hour

// Begin suspends the second account and stores the merging. Both must be active and in
// no merging that has not ended: else fault Conflict, and nothing changes. Run it in
// DB.Write: of racers with one of the accounts one wins.
func (m Merges) Begin(tx *db.Tx, d MergeDraft, survivor, second id.Account) (Merge, error) {
	if survivor == second {
		return Merge{}, errors.New("account: an account is not merged with itself")
	}
	var busy int
	err := tx.QueryRow(`SELECT COUNT(*) FROM account_merge WHERE ended_at IS NULL AND (survivor IN ($1, $2) OR second IN ($1, $2))`,
		survivor, second).Scan(&busy)
	if err != nil {
		return Merge{}, fmt.Errorf("account: merge: %w", err)
	}
	n, err := tx.Exec(`UPDATE account SET status = $1 WHERE id = $2 AND status = $3
		AND EXISTS (SELECT 1 FROM account o WHERE o.id = $4 AND o.status = $3)`, Merged, second, Active, survivor)
	if err != nil {
		return Merge{}, fmt.Errorf("account: merge: %w", err)
	}
	if busy > 0 || n != 1 {
		return Merge{}, fault.New(fault.Conflict, "error.merge.pending")
	}
	out := Merge{ID: d.ID, Survivor: survivor, Second: second, At: tx.Now(), EndsAt: tx.Now().Add(m.Settings.MergeUndo)}
	err = tx.ExecOne(`INSERT INTO account_merge (id, survivor, second, survivor_digest, second_digest, merged_at, ends_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7)`,
		d.ID, survivor, second, secret.Digest(d.SurvivorToken), secret.Digest(d.SecondToken), db.Millis(out.At), db.Millis(out.EndsAt))
	if err != nil {
		return Merge{}, fmt.Errorf("account: merge: %w", err)
	}
	return out, nil
}

const mergeColumns = `id, survivor, second, merged_at, ends_at, ended_at, outcome`

func scanMerge(r row) (Merge, error) {
	var m Merge
	err := r.Scan(&m.ID, &m.Survivor, &m.Second, db.ScanTime(&m.At), db.ScanTime(&m.EndsAt), db.NullTime(&m.EndedAt), db.ScanText(&m.Outcome))
	return m, err
}

// Pending is the merging of an account that has not ended, whichever of the two it is.
func (m Merges) Pending(tx *db.Tx, account id.Account) (Merge, bool, error) {
	return m.one(tx, `(survivor = $1 OR second = $1) AND ended_at IS NULL`, account)
}

// ByToken is the merging that a mailed link is about, ended or not.
func (m Merges) ByToken(tx *db.Tx, token string) (Merge, bool, error) {
	return m.one(tx, `survivor_digest = $1 OR second_digest = $1`, secret.Digest(token))
}

func (m Merges) one(tx *db.Tx, where string, arg any) (Merge, bool, error) {
	out, err := scanMerge(tx.QueryRow(`SELECT `+mergeColumns+` FROM account_merge WHERE `+where, arg))
	if errors.Is(err, db.ErrNoRows) {
		return Merge{}, false, nil
	}
	if err != nil {
		return Merge{}, false, fmt.Errorf("account: find merging: %w", err)
	}
	return out, true, nil
}

// Undo ends a merging before its time: the second account is active again. False when
// it has ended already, or its time is over: one of undoing and finishing wins, once.
func (m Merges) Undo(tx *db.Tx, merge Merge) (bool, error) {
	ok, err := m.end(tx, merge.ID, Undone, `ends_at > $1`)
	if err != nil || !ok {
		return false, err
	}
	return m.resume(tx, merge.Second)
}

// Release ends a merging whose surviving account is there no longer, at whatever time:
// the second account is active again.
func (m Merges) Release(tx *db.Tx, merge Merge) (bool, error) {
	ok, err := m.end(tx, merge.ID, Undone, `1 = 1`)
	if err != nil || !ok {
		return false, err
	}
	return m.resume(tx, merge.Second)
}

func (m Merges) resume(tx *db.Tx, second id.Account) (bool, error) {
	n, err := tx.Exec(`UPDATE account SET status = $1 WHERE id = $2 AND status = $3`, Active, second, Merged)
	if err != nil {
		return false, fmt.Errorf("account: undo merging: %w", err)
	}
	return n == 1, nil
}

// Finish ends a merging whose time is over; false when it was undone. The caller erases
// the second account in the same transaction.
func (m Merges) Finish(tx *db.Tx, merge id.Merge) (bool, error) {
	return m.end(tx, merge, Finished, `ends_at <= $1`)
}

// Cut ends a merging whose surviving account is erased before the time is over; the caller
// erases the second account in the same transaction.
func (m Merges) Cut(tx *db.Tx, merge id.Merge) (bool, error) {
	return m.end(tx, merge, Finished, `1 = 1`)
}

// end is the one statement that ends a merging.
func (m Merges) end(tx *db.Tx, merge id.Merge, outcome Outcome, when string) (bool, error) {
	n, err := tx.Exec(`UPDATE account_merge SET ended_at = $1, outcome = $2 WHERE id = $3 AND ended_at IS NULL AND `+when,
		db.Millis(tx.Now()), outcome, merge)
	if err != nil {
		return false, fmt.Errorf("account: end merging: %w", err)
	}
	return n == 1, nil
}

// Due lists mergings whose time is over, and those of which one account was closed
// meanwhile, the oldest first.
func (m Merges) Due(tx *db.Tx, limit int) ([]Merge, error) {
	rows, err := tx.Query(`SELECT `+mergeColumns+` FROM account_merge m WHERE m.ended_at IS NULL AND (m.ends_at <= $1
		OR EXISTS (SELECT 1 FROM account a WHERE a.id = m.survivor AND a.status = $2)
		OR EXISTS (SELECT 1 FROM account a WHERE a.id = m.second AND a.status = $2)) ORDER BY m.ends_at LIMIT $3`,
		db.Millis(tx.Now()), Closed, limit)
	out, err := db.Collect(rows, err, func(r *db.Rows) (Merge, error) { return scanMerge(r) })
	if err != nil {
		return nil, fmt.Errorf("account: list mergings: %w", err)
	}
	return out, nil
}

// Purge deletes mergings that ended long ago, at most limit of them.
func (m Merges) Purge(tx *db.Tx, limit int) (int64, error) {
	n, err := tx.Exec(`DELETE FROM account_merge WHERE id IN (
		SELECT id FROM account_merge WHERE ended_at <= $1 ORDER BY ended_at LIMIT $2)`, db.Millis(tx.Now().Add(-mergesKept)), limit)
	if err != nil {
		return 0, fmt.Errorf("account: purge mergings: %w", err)
	}
	return n, nil
}

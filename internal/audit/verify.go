package audit

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"parvis/internal/db"
	"parvis/internal/id"
)

// Report is what Verify found.
type Report struct {
	Events      int64    // chained events that were read
	Waiting     int64    // events that are not chained yet
	Erased      int64    // events whose personal fields were erased
	Checkpoints int64    // checkpoints that were read
	Problems    []string // empty: the trail is whole
}

// problemsKept is how many problems a Report lists.
const problemsKept = 100

func (r *Report) problem(format string, args ...any) {
	if len(r.Problems) < problemsKept {
		r.Problems = append(r.Problems, fmt.Sprintf(format, args...))
	}
}

// verifyBatch is how many events are read in one snapshot.
const verifyBatch = 1000

// Verify reads the whole trail: every event must carry the hash that follows
// from its content and the event before it, numbers must have no gap, personal
// fields must match their digest, and every checkpoint must be ours and agree
// with the chain. It changes nothing and can run beside the server.
func (l *Log) Verify(ctx context.Context) (Report, error) {
	var r Report
	checkpoints, end, err := l.anchors(ctx, &r)
	if err != nil {
		return r, fmt.Errorf("audit: verify: %w", err)
	}
	at := link{chain: hashParts([]byte("parvis audit"))}
	for at.number < end.number {
		var list []row
		err := l.DB.Read(ctx, func(tx *db.Tx) error {
			rows, err := tx.Query(`SELECT `+columns+` FROM audit_event WHERE number > $1 AND number <= $2 ORDER BY number LIMIT $3`,
				at.number, end.number, verifyBatch)
			list, err = db.Collect(rows, err, scan)
			return err
		})
		if err != nil {
			return r, fmt.Errorf("audit: verify: %w", err)
		}
		if len(list) == 0 {
			r.problem("events %d to %d are missing", at.number+1, end.number)
			break
		}
		for _, e := range list {
			at = l.verifyEvent(&r, at, e)
			if c, ok := checkpoints[e.Number]; ok && !bytes.Equal(c.Chain, e.chain) {
				r.problem("the chain at event %d is not the one that was signed", e.Number)
			}
		}
	}
	if at.number == end.number && !bytes.Equal(at.chain, end.chain) {
		r.problem("the newest link is not the one that was noted")
	}
	return r, nil
}

// anchors reads the checkpoints and the newest link.
func (l *Log) anchors(ctx context.Context, r *Report) (map[int64]Checkpoint, link, error) {
	end := link{chain: hashParts([]byte("parvis audit"))}
	var list []Checkpoint
	err := l.DB.Read(ctx, func(tx *db.Tx) error {
		err := tx.QueryRow(`SELECT number, chain FROM audit_head WHERE id = 'head'`).Scan(&end.number, &end.chain)
		if err != nil && !errors.Is(err, db.ErrNoRows) {
			return err
		}
		if err := tx.QueryRow(`SELECT COUNT(*) FROM audit_event WHERE number IS NULL`).Scan(&r.Waiting); err != nil {
			return err
		}
		rows, err := tx.Query(`SELECT number, at, chain, signature FROM audit_checkpoint ORDER BY number`)
		list, err = db.Collect(rows, err, func(rows *db.Rows) (Checkpoint, error) {
			var c Checkpoint
			err := rows.Scan(&c.Number, db.ScanTime(&c.At), &c.Chain, &c.Signature)
			return c, err
		})
		return err
	})
	if err != nil {
		return nil, link{}, err
	}
	out := make(map[int64]Checkpoint, len(list))
	for _, c := range list {
		r.Checkpoints++
		if !l.signed(c) {
			r.problem("the checkpoint at event %d is not signed with a key of this deployment", c.Number)
		}
		if c.Number > end.number {
			r.problem("the checkpoint at event %d is beyond the newest event %d: events were cut off", c.Number, end.number)
		}
		out[c.Number] = c
	}
	return out, end, nil
}

func (l *Log) signed(c Checkpoint) bool {
	return slices.Contains(l.Keys.Indexes("audit_checkpoint", c.text()), c.Signature)
}

// verifyEvent checks one event and returns its link as the one to go on from.
func (l *Log) verifyEvent(r *Report, before link, e row) link {
	r.Events++
	if e.Number != before.number+1 {
		r.problem("events %d to %d are missing", before.number+1, e.Number-1)
	} else if !bytes.Equal(e.chain, e.hash(e.Number, before.chain)) {
		r.problem("event %d (%s) was changed", e.Number, e.ID)
	}
	switch {
	case e.sealed.digest == nil:
	case e.sealed.salt == nil:
		r.Erased++
	default:
		p, err := l.open(e.ID, e.sealed)
		if err != nil {
			r.problem("the personal fields of event %d cannot be opened", e.Number)
		} else if !bytes.Equal(p.digest(e.sealed.salt), e.sealed.digest) {
			r.problem("the personal fields of event %d were changed", e.Number)
		}
	}
	return link{number: e.Number, chain: e.chain}
}

// EraseAccount takes the personal fields, and the salt that could confirm a
// guess, out of every event of an account. The chain stays verifiable.
func (l *Log) EraseAccount(tx *db.Tx, account id.Account) error {
	_, err := tx.Exec(`UPDATE audit_event SET ip = NULL, user_agent = NULL, address = NULL, personal_salt = NULL
		WHERE account = $1 AND personal_salt IS NOT NULL`, account)
	if err != nil {
		return fmt.Errorf("audit: erase: %w", err)
	}
	return nil
}

// ErasePersonal takes the personal fields out of events older than
// Settings.KeepPersonal. A job runs it each day.
func (l *Log) ErasePersonal(ctx context.Context) error {
	for {
		var n int64
		err := l.DB.WriteStatement(ctx, func(tx *db.Tx) error {
			var err error
			n, err = tx.Exec(`UPDATE audit_event SET ip = NULL, user_agent = NULL, address = NULL, personal_salt = NULL
				WHERE id IN (SELECT id FROM audit_event WHERE personal_salt IS NOT NULL AND at < $1 ORDER BY at LIMIT $2)`,
				db.Millis(tx.Now().Add(-l.Settings.KeepPersonal)), chainBatch)
			return err
		})
		if err != nil {
			return fmt.Errorf("audit: erase: %w", err)
		}
		if n < chainBatch {
			return nil
		}
	}
}

func decodeData(text string) (map[string]string, error) {
	if text == "{}" {
		return nil, nil //nolint:nilnil // no data
	}
	var out map[string]string
	err := json.Unmarshal([]byte(text), &out)
	return out, err
}

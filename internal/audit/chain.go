package audit

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"time"

	"parvis/internal/db"
	"parvis/internal/id"
)

// chainBatch is how many events are chained in one transaction.
//
// An event whose transaction is still running may carry an earlier instant than
// one that has committed. It gets a later number: the chain keeps the order of
// numbers, not that of times.
const chainBatch = 500

// Chain numbers all committed events that have no number yet and links each to
// the one before. A job runs it each second under a lease; two runs at once
// would still not fork the chain, because each batch holds the head's row.
func (l *Log) Chain(ctx context.Context) error {
	waiting, err := l.waiting(ctx)
	if err != nil {
		return fmt.Errorf("audit: chain: %w", err)
	}
	for waiting {
		n, err := l.chainSome(ctx)
		if err != nil {
			return fmt.Errorf("audit: chain: %w", err)
		}
		waiting = n == chainBatch
	}
	return l.checkpointIfDue(ctx)
}

// waiting reports whether there is anything to chain, so that an idle
// deployment does not write each second.
func (l *Log) waiting(ctx context.Context) (bool, error) {
	var some bool
	err := l.DB.Read(ctx, func(tx *db.Tx) error {
		var one int64
		err := tx.QueryRow(`SELECT 1 FROM audit_event WHERE number IS NULL LIMIT 1`).Scan(&one)
		some = err == nil
		if errors.Is(err, db.ErrNoRows) {
			return nil
		}
		return err
	})
	return some, err
}

// chainSome chains one batch. It runs as READ COMMITTED: a serializable
// transaction that reads "events without a number" would make those fail who
// are recording some. The lock on the head's row keeps the chain one.
func (l *Log) chainSome(ctx context.Context) (int, error) {
	var count int
	err := l.DB.WriteStatement(ctx, func(tx *db.Tx) error {
		count = 0
		at, err := head(tx)
		if err != nil {
			return err
		}
		rows, err := tx.Query(`SELECT `+columns+` FROM audit_event WHERE number IS NULL ORDER BY at, id LIMIT $1`, chainBatch)
		list, err := db.Collect(rows, err, scan)
		if err != nil {
			return err
		}
		if len(list) == 0 {
			return nil
		}
		next := at
		for _, r := range list {
			next = link{number: next.number + 1, chain: r.hash(next.number+1, next.chain)}
			err := tx.ExecOne(`UPDATE audit_event SET number = $1, chain = $2 WHERE id = $3 AND number IS NULL`, next.number, next.chain, r.ID)
			if err != nil {
				return err
			}
		}
		count = len(list)
		return tx.ExecOne(`UPDATE audit_head SET number = $1, chain = $2 WHERE id = 'head' AND number = $3`, next.number, next.chain, at.number)
	})
	return count, err
}

// link is a place in the chain and its hash.
type link struct {
	number int64
	chain  []byte
}

// head is the newest link, whose row stays locked until the end of the
// transaction. The first call makes the row.
func head(tx *db.Tx) (link, error) {
	_, err := tx.Exec(`INSERT INTO audit_head (id, number, chain) VALUES ('head', 0, $1) ON CONFLICT (id) DO NOTHING`, hashParts([]byte("parvis audit")))
	if err != nil {
		return link{}, err
	}
	var h link
	err = tx.QueryRow(`UPDATE audit_head SET number = number WHERE id = 'head' RETURNING number, chain`).Scan(&h.number, &h.chain)
	return h, err
}

// due is the newest link when it is to be signed: the last signature is old
// enough and something came since. nil: not yet.
func (l *Log) due(tx *db.Tx) (*link, error) {
	var last Checkpoint
	err := tx.QueryRow(`SELECT number, at FROM audit_checkpoint ORDER BY number DESC LIMIT 1`).Scan(&last.Number, db.ScanTime(&last.At))
	if err != nil && !errors.Is(err, db.ErrNoRows) {
		return nil, err
	}
	var h link
	err = tx.QueryRow(`SELECT number, chain FROM audit_head WHERE id = 'head'`).Scan(&h.number, &h.chain)
	if errors.Is(err, db.ErrNoRows) {
		return nil, nil //nolint:nilnil // nothing was chained yet
	}
	if err != nil || h.number == last.Number || tx.Now().Sub(last.At) < l.Settings.CheckpointEvery {
		return nil, err
	}
	return &h, nil
}

// checkpointIfDue signs the newest link when it is due.
func (l *Log) checkpointIfDue(ctx context.Context) error {
	var is bool
	err := l.DB.Read(ctx, func(tx *db.Tx) error {
		h, err := l.due(tx)
		is = h != nil
		return err
	})
	if err != nil || !is {
		return err
	}
	var made *Checkpoint
	err = l.DB.Write(ctx, func(tx *db.Tx) error {
		made = nil
		h, err := l.due(tx)
		if err != nil || h == nil {
			return err
		}
		c := Checkpoint{Number: h.number, At: tx.Now(), Chain: h.chain}
		c.Signature = l.Keys.Index("audit_checkpoint", c.text())
		made = &c
		return tx.ExecOne(`INSERT INTO audit_checkpoint (number, at, chain, signature) VALUES ($1, $2, $3, $4)`,
			c.Number, db.Millis(c.At), c.Chain, c.Signature)
	})
	if err != nil {
		return fmt.Errorf("audit: checkpoint: %w", err)
	}
	if made != nil && l.Logger != nil {
		l.Logger.LogAttrs(ctx, slog.LevelInfo, "audit checkpoint", slog.Int64("number", made.Number),
			slog.String("chain", fmt.Sprintf("%x", made.Chain)), slog.String("signature", made.Signature))
	}
	return nil
}

// Checkpoint is a signed link of the chain. The signature is an HMAC-SHA256
// under a key derived from the deployment's root key.
type Checkpoint struct {
	Number    int64
	At        time.Time
	Chain     []byte
	Signature string
}

// text is what is signed.
func (c Checkpoint) text() string {
	return fmt.Sprintf("%d|%d|%x", c.Number, db.Millis(c.At), c.Chain)
}

// columns are what scan reads.
const columns = `id, at, name, account, relying_party, session, flow, outcome, reason, data,
	ip, user_agent, address, personal_salt, personal_digest, number, chain`

// row is an event as it is stored.
type row struct {
	Event
	at     int64
	data   string
	sealed sealed
	chain  []byte
}

func scan(rows *db.Rows) (row, error) {
	var r row
	var number *int64
	err := rows.Scan(&r.ID, &r.at, &r.Name, db.ScanText(&r.Account), db.ScanText(&r.RelyingParty), db.ScanText(&r.Session),
		db.ScanText(&r.Flow), &r.Outcome, &r.Reason, &r.data, &r.sealed.ip, &r.sealed.agent, &r.sealed.address,
		&r.sealed.salt, &r.sealed.digest, &number, &r.chain)
	if number != nil {
		r.Number = *number
	}
	r.At = db.Time(r.at)
	return r, err
}

// hash is the link of an event: everything it holds except the personal fields,
// of which it covers the digest.
func (r row) hash(number int64, before []byte) []byte {
	parts := [][]byte{before, fmt.Appendf(nil, "%d|%d", number, r.at)}
	for _, text := range []string{
		string(r.ID), string(r.Name), string(r.Account), string(r.RelyingParty), string(r.Session), string(r.Flow),
		r.Outcome, r.Reason, r.data,
	} {
		parts = append(parts, []byte(text))
	}
	return hashParts(append(parts, r.sealed.digest)...)
}

// event opens what is personal and decodes the data.
func (l *Log) event(r row) (Event, error) {
	var err error
	if r.Personal, err = l.open(r.ID, r.sealed); err != nil {
		return Event{}, err
	}
	if r.Data, err = decodeData(r.data); err != nil {
		return Event{}, fmt.Errorf("audit: data of event %s: %w", r.ID, err)
	}
	return r.Event, nil
}

// ByAccount are the newest events of an account, newest first.
func (l *Log) ByAccount(tx *db.Tx, account id.Account, limit int) ([]Event, error) {
	rows, err := tx.Query(`SELECT `+columns+` FROM audit_event WHERE account = $1 ORDER BY at DESC, id LIMIT $2`, account, limit)
	return l.collect(rows, err)
}

// Recent are the newest events of all, newest first.
func (l *Log) Recent(tx *db.Tx, limit int) ([]Event, error) {
	rows, err := tx.Query(`SELECT `+columns+` FROM audit_event ORDER BY at DESC, id LIMIT $1`, limit)
	return l.collect(rows, err)
}

func (l *Log) collect(rows *db.Rows, err error) ([]Event, error) {
	list, err := db.Collect(rows, err, scan)
	if err != nil {
		return nil, fmt.Errorf("audit: read: %w", err)
	}
	out := make([]Event, len(list))
	for i, r := range list {
		if out[i], err = l.event(r); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// Before reads the events of an account that have one of some names and are older than
// one of its events ("" for the newest ones), newest first, at most limit. Between the
// events of one instant the identifiers decide, so that no page repeats or leaves out one.
func (l *Log) Before(tx *db.Tx, account id.Account, names []Name, older id.Event, limit int) ([]Event, error) {
	if len(names) == 0 {
		return nil, nil
	}
	args, marks := []any{account}, make([]string, len(names))
	for i, n := range names {
		args = append(args, n)
		marks[i] = "$" + strconv.Itoa(len(args))
	}
	query := `SELECT ` + columns + ` FROM audit_event WHERE account = $1 AND name IN (` + strings.Join(marks, ", ") + `)`
	if older != "" {
		args = append(args, older)
		query += ` AND (at, id) < (SELECT at, id FROM audit_event WHERE account = $1 AND id = $` + strconv.Itoa(len(args)) + `)`
	}
	args = append(args, limit)
	rows, err := tx.Query(query+` ORDER BY at DESC, id DESC LIMIT $`+strconv.Itoa(len(args)), args...)
	return l.collect(rows, err)
}

// InSessions tells in which of some sessions of an account an event of a name was recorded.
func (l *Log) InSessions(tx *db.Tx, account id.Account, name Name, sessions []id.Session) (map[id.Session]bool, error) {
	out := map[id.Session]bool{}
	if len(sessions) == 0 {
		return out, nil
	}
	args, marks := []any{account, name}, make([]string, len(sessions))
	for i, s := range sessions {
		args = append(args, s)
		marks[i] = "$" + strconv.Itoa(len(args))
	}
	rows, err := tx.Query(`SELECT DISTINCT session FROM audit_event
		WHERE account = $1 AND name = $2 AND session IN (`+strings.Join(marks, ", ")+`)`, args...)
	list, err := db.Collect(rows, err, func(r *db.Rows) (s id.Session, err error) { return s, r.Scan(&s) })
	if err != nil {
		return nil, fmt.Errorf("audit: sessions: %w", err)
	}
	for _, s := range list {
		out[s] = true
	}
	return out, nil
}

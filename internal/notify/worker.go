package notify

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"parvis/internal/audit"
	"parvis/internal/db"
	"parvis/internal/id"
	"parvis/internal/secret"
)

// Worker delivers what waits in the outbox. Every node runs one; a row belongs to
// the node that claimed it until its lease ends.
type Worker struct {
	DB        *db.DB
	Keys      *secret.Keys
	Transport Transport
	Settings  Settings
	Bell      Bell
	Audit     *audit.Log
	Log       *slog.Logger

	counts struct{ sent, failed, expired, retried, lost atomic.Int64 }
	down   atomic.Int64 // failures of the way out in a row
}

// Stats counts what this node did since it started.
type Stats struct {
	Sent    int64 // accepted by the transport
	Failed  int64 // refused for good, or unreadable
	Expired int64 // too old to be sent
	Retried int64 // not accepted this time, tried again later
	Lost    int64 // delivered by this node after its lease had ended: the mail may have gone out twice
	Down    int64 // failures of the way out in a row; 0 when mail flows
}

// Stats reads the counters.
func (w *Worker) Stats() Stats {
	return Stats{
		Sent: w.counts.sent.Load(), Failed: w.counts.failed.Load(), Expired: w.counts.expired.Load(),
		Retried: w.counts.retried.Load(), Lost: w.counts.lost.Load(), Down: w.down.Load(),
	}
}

// Backlog is what waits in the outbox of all nodes.
type Backlog struct {
	Waiting int64
	Oldest  time.Duration // age of the oldest one
}

// Backlog reads what waits.
func (w *Worker) Backlog(ctx context.Context) (Backlog, error) {
	var b Backlog
	err := w.DB.Read(ctx, func(tx *db.Tx) error {
		var oldest time.Time
		b = Backlog{}
		err := tx.QueryRow(`SELECT COUNT(*), MIN(created_at) FROM outbox WHERE status = 'waiting'`).
			Scan(&b.Waiting, db.NullTime(&oldest))
		if !oldest.IsZero() {
			b.Oldest = max(0, tx.Now().Sub(oldest))
		}
		return err
	})
	if err != nil {
		return Backlog{}, fmt.Errorf("notify: %w", err)
	}
	return b, nil
}

// How the worker waits, all with jitter.
const (
	pollEvery = time.Second      // between looks at the outbox when nothing rings
	downMost  = 30 * time.Second // between looks while the way out is closed
	stopGrace = 5 * time.Second  // for deliveries under way when the node stops
)

// Run delivers until ctx ends, then waits a few seconds for deliveries under way.
func (w *Worker) Run(ctx context.Context) {
	work, abandon := context.WithCancel(context.WithoutCancel(ctx))
	defer abandon()
	var running sync.WaitGroup
	slots := make(chan struct{}, max(1, w.Settings.Workers))
	for ctx.Err() == nil {
		for _, e := range w.take(ctx, cap(slots)-len(slots)) {
			slots <- struct{}{}
			running.Go(func() {
				w.deliver(work, e)
				<-slots
				w.Bell.Ring()
			})
		}
		w.wait(ctx)
	}
	stop := time.AfterFunc(stopGrace, abandon)
	defer stop.Stop()
	running.Wait()
}

// RunDue delivers everything that is due now and returns when that is done; for the
// demonstration's clock and for tests.
func (w *Worker) RunDue(ctx context.Context) error {
	for {
		list, err := w.claim(ctx, max(1, w.Settings.Workers))
		if err != nil {
			return err
		}
		if len(list) == 0 {
			return nil
		}
		var running sync.WaitGroup
		for _, e := range list {
			running.Go(func() { w.deliver(ctx, e) })
		}
		running.Wait()
	}
}

// Purge deletes the records of mails that ended longer ago than Settings.Keep; run it as a job.
func (w *Worker) Purge(ctx context.Context) error {
	err := w.DB.WriteStatement(ctx, func(tx *db.Tx) error {
		_, err := tx.Exec(`DELETE FROM outbox WHERE done_at IS NOT NULL AND done_at < $1`,
			db.Millis(tx.Now().Add(-w.Settings.Keep)))
		return err
	})
	if err != nil {
		return fmt.Errorf("notify: %w", err)
	}
	return nil
}

// wait sleeps until the bell rings or the next look is due. While the way out is closed
// the bell is not heard, and the looks become rarer.
func (w *Worker) wait(ctx context.Context) {
	pause, bell := pollEvery, w.Bell
	if n := w.down.Load(); n > 0 {
		pause, bell = backoff(pollEvery, downMost, n), nil
	}
	timer := time.NewTimer(jitter(pause))
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-bell:
	case <-timer.C:
	}
}

// take claims up to n mails; one only, as a probe, while the way out is closed.
func (w *Worker) take(ctx context.Context, n int) []envelope {
	if n > 1 && w.down.Load() > 0 {
		n = 1
	}
	if n < 1 {
		return nil
	}
	list, err := w.claim(ctx, n)
	if err != nil {
		if ctx.Err() == nil {
			w.Log.Error("outbox cannot be read", "error", err)
		}
		return nil
	}
	return list
}

// envelope is a claimed row. attempt also tells this claim from later ones.
type envelope struct {
	id        id.Message
	kind      Kind
	account   id.Account
	recipient []byte
	letter    []byte
	attempt   int64
	at        time.Time
}

// claim ends what is too old and leases up to n mails to this node. A claimed row is one
// that is due when its lease ends. A look that finds nothing costs one read.
func (w *Worker) claim(ctx context.Context, n int) ([]envelope, error) {
	var due bool
	err := w.DB.Read(ctx, func(tx *db.Tx) error {
		var one int64
		err := tx.QueryRow(`SELECT 1 FROM outbox WHERE status = 'waiting' AND due_at <= $1 LIMIT 1`, db.Millis(tx.Now())).Scan(&one)
		due = err == nil
		if errors.Is(err, db.ErrNoRows) {
			return nil
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("notify: %w", err)
	}
	if !due {
		return nil, nil
	}
	var list []envelope
	var expired int64
	err = w.DB.WriteStatement(ctx, func(tx *db.Tx) error {
		var err error
		now := db.Millis(tx.Now())
		expired, err = tx.Exec(`UPDATE outbox SET status = 'expired', recipient = NULL, letter = NULL, done_at = $1
			WHERE status = 'waiting' AND due_at <= $1 AND expires_at <= $1`, now)
		if err != nil {
			return err
		}
		rows, err := tx.Query(`UPDATE outbox SET due_at = $1, attempts = attempts + 1
			WHERE status = 'waiting' AND due_at <= $2 AND id IN (
				SELECT id FROM outbox WHERE status = 'waiting' AND due_at <= $2 ORDER BY priority, due_at LIMIT $3)
			RETURNING id, kind, account, recipient, letter, attempts, created_at`,
			db.Millis(tx.Now().Add(w.Settings.Lease)), now, n)
		list, err = db.Collect(rows, err, func(r *db.Rows) (envelope, error) {
			var e envelope
			err := r.Scan(&e.id, &e.kind, db.ScanText(&e.account), &e.recipient, &e.letter, &e.attempt, db.ScanTime(&e.at))
			return e, err
		})
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("notify: %w", err)
	}
	w.counts.expired.Add(expired)
	return list, nil
}

// deliver hands one claimed mail to the transport and records what became of it.
func (w *Worker) deliver(ctx context.Context, e envelope) {
	letter, err := w.open(e)
	if err == nil {
		err = w.send(ctx, letter)
	}
	if err != nil && ctx.Err() != nil {
		return // the node stops: the row becomes due again when its lease ends
	}
	outcome := &DeliveryError{}
	if err != nil && !errors.As(err, &outcome) {
		outcome = &DeliveryError{Code: "unknown", Err: err}
	}
	if outcome.Down {
		w.down.Add(1)
	} else {
		w.down.Store(0)
	}
	switch {
	case err == nil:
		w.finish(ctx, e)
	case outcome.Permanent:
		w.Log.Warn("mail refused", "message", e.id, "kind", e.kind, "code", outcome.Code, "error", masked(outcome.Err))
		w.refuse(ctx, e, outcome.Code)
	default:
		w.Log.Info("mail not accepted yet", "message", e.id, "kind", e.kind, "attempt", e.attempt, "code", outcome.Code, "error", masked(outcome.Err))
		w.again(ctx, e, outcome)
	}
}

// open unseals a row.
func (w *Worker) open(e envelope) (Letter, error) {
	var letter Letter
	to, err := w.Keys.Open("outbox", "recipient", string(e.id), e.recipient)
	if err != nil {
		return letter, Refused("unreadable", err)
	}
	body, err := w.Keys.Open("outbox", "letter", string(e.id), e.letter)
	if err != nil {
		return letter, Refused("unreadable", err)
	}
	if err := json.Unmarshal(body, &letter); err != nil {
		return letter, Refused("unreadable", err)
	}
	letter.ID, letter.Kind, letter.To, letter.At = e.id, e.kind, string(to), e.at
	return letter, nil
}

// send bounds the transport in time and turns its panic into a refusal, so that one
// mail can neither hold a worker for ever nor end the node.
func (w *Worker) send(ctx context.Context, letter Letter) (err error) {
	ctx, cancel := context.WithTimeout(ctx, w.Settings.Lease*3/4)
	defer cancel()
	defer func() {
		if p := recover(); p != nil {
			err = Refused("panic", fmt.Errorf("transport: %v", p))
		}
	}()
	return w.Transport.Deliver(ctx, letter)
}

// wipe ends a claimed mail: its address and its words go, the record of it stays.
const wipe = `UPDATE outbox SET status = $1, result = $2, recipient = NULL, letter = NULL, done_at = $3
	WHERE id = $4 AND status = 'waiting' AND attempts = $5`

// finish records that a mail was delivered.
func (w *Worker) finish(ctx context.Context, e envelope) {
	w.counts.sent.Add(1)
	var n int64
	err := w.DB.WriteStatement(ctx, func(tx *db.Tx) error {
		var err error
		n, err = tx.Exec(wipe, "sent", nil, db.Millis(tx.Now()), e.id, e.attempt)
		return err
	})
	switch {
	case err != nil:
		w.unrecorded(e, err)
	case n == 0:
		w.counts.lost.Add(1)
		w.Log.Warn("a mail was taken over by another node while this one delivered it", "message", e.id, "kind", e.kind)
	}
}

// refuse records that a mail will never be delivered, in the audit trail too.
func (w *Worker) refuse(ctx context.Context, e envelope, code string) {
	w.counts.failed.Add(1)
	err := w.DB.Write(ctx, func(tx *db.Tx) error {
		n, err := tx.Exec(wipe, "failed", code, db.Millis(tx.Now()), e.id, e.attempt)
		if err != nil || n == 0 {
			return err
		}
		return w.Audit.Record(tx, audit.Event{
			Name: audit.MailRefused, Outcome: audit.Failed, Account: e.account,
			Reason: code, Data: map[string]string{"kind": string(e.kind)},
		})
	})
	if err != nil {
		w.unrecorded(e, err)
	}
}

// again puts a mail back until its next try.
func (w *Worker) again(ctx context.Context, e envelope, why *DeliveryError) {
	pause := backoff(w.Settings.RetryFirst, w.Settings.RetryMost, e.attempt)
	if why.Down {
		pause = w.Settings.RetryFirst // the worker itself waits until the way out is open
	}
	pause = jitter(pause)
	w.counts.retried.Add(1)
	err := w.DB.WriteStatement(ctx, func(tx *db.Tx) error {
		_, err := tx.Exec(`UPDATE outbox SET due_at = $1, result = $2 WHERE id = $3 AND status = 'waiting' AND attempts = $4`,
			db.Millis(tx.Now().Add(pause)), why.Code, e.id, e.attempt)
		return err
	})
	if err != nil {
		w.unrecorded(e, err)
	}
}

// unrecorded logs that the row stays as it was claimed.
func (w *Worker) unrecorded(e envelope, err error) {
	w.Log.Error("the result of a mail cannot be recorded; it is tried again when its lease ends", "message", e.id, "kind", e.kind, "error", err)
}

// address finds what may be an e-mail address in the words of a mail server.
var address = regexp.MustCompile(`[^\s<>"'(),;:]+@[^\s<>"'(),;:]+`) //nolint:gochecknoglobals // a constant

// masked is the text of an error without the addresses that mail servers like to repeat.
func masked(err error) string {
	if err == nil {
		return ""
	}
	text := address.ReplaceAllString(err.Error(), "(address)")
	if len(text) > 500 {
		text = strings.ToValidUTF8(text[:500], "") + "…"
	}
	return text
}

// backoff doubles from first with each failure, up to most.
func backoff(first, most time.Duration, failures int64) time.Duration {
	if failures > 30 {
		return most
	}
	return min(most, first<<max(0, failures-1))
}

// jitter spreads a wait by a fifth to both sides, so that nodes and mails do not march in step.
func jitter(d time.Duration) time.Duration {
	return d - d/5 + rand.N(2*d/5+1) //nolint:gosec // spreading, not a secret
}

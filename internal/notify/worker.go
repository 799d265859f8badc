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
	"time"

	"parvis/internal/audit"
	"parvis/internal/db"
	"parvis/internal/notify/notice"
	"parvis/internal/secret"
)

// Worker delivers what waits in the outbox. Every node runs one; a row belongs to
// the node that claimed it until its lease ends.
type Worker struct {
	DB         *db.DB
	Keys       *secret.Keys
	Transports map[notice.Channel]Transport // the ways out; a channel without one waits, and expires
	Settings   Settings
	Bell       Bell
	Audit      *audit.Log
	Log        *slog.Logger

	// Stopped is told, in the transaction that ends the message, that no message can be
	// sent to a number, so that its owner package marks it. It may run twice. nil: nobody keeps numbers.
	Stopped func(tx *db.Tx, n StoppedNumber) error

	email, text, voice lane
}

// Stats counts what this node did on a channel since it started.
type Stats struct {
	Sent    int64 // accepted by the transport
	Failed  int64 // refused for good, or unreadable
	Expired int64 // too old to be sent
	Retried int64 // not accepted this time, tried again later
	Lost    int64 // delivered by this node after its lease had ended: the message may have gone out twice
	Down    int64 // failures of the way out in a row; 0 when messages flow
}

// Stats reads the counters of a channel.
func (w *Worker) Stats(c notice.Channel) Stats {
	l := w.lane(c)
	return Stats{
		Sent: l.sent.Load(), Failed: l.failed.Load(), Expired: l.expired.Load(),
		Retried: l.retried.Load(), Lost: l.lost.Load(), Down: l.down.Load(),
	}
}

// Backlog is what waits in the outbox of all nodes.
type Backlog struct {
	Waiting int64
	Oldest  time.Duration // age of the oldest one
}

// Backlog reads what waits on a channel.
func (w *Worker) Backlog(ctx context.Context, c notice.Channel) (Backlog, error) {
	var b Backlog
	err := w.DB.Read(ctx, func(tx *db.Tx) error {
		var oldest time.Time
		b = Backlog{}
		err := tx.QueryRow(`SELECT COUNT(*), MIN(created_at) FROM outbox
			WHERE channel = $1 AND status IN ('waiting', 'ready')`, c).Scan(&b.Waiting, db.NullTime(&oldest))
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

// Run delivers until ctx ends, then waits a few seconds for deliveries under way.
func (w *Worker) Run(ctx context.Context) {
	work, abandon := context.WithCancel(context.WithoutCancel(ctx))
	defer abandon()
	var running sync.WaitGroup
	for c := range w.Transports {
		running.Go(func() { w.lane(c).run(ctx, work, w) })
	}
	<-ctx.Done()
	stop := time.AfterFunc(stopGrace, abandon)
	defer stop.Stop()
	running.Wait()
}

// RunDue delivers everything that is due now and returns when that is done; for the
// demonstration's clock and for tests.
func (w *Worker) RunDue(ctx context.Context) error {
	for c := range w.Transports {
		if err := w.lane(c).runDue(ctx, w); err != nil {
			return err
		}
	}
	return nil
}

// Purge deletes the records of messages that ended longer ago than Settings.Keep, and ends
// what expired on channels that no node serves any more; run it as a job.
func (w *Worker) Purge(ctx context.Context) error {
	err := w.DB.WriteStatement(ctx, func(tx *db.Tx) error {
		_, err := tx.Exec(`UPDATE outbox SET status = 'expired', recipient = NULL, letter = NULL, done_at = $1
			WHERE status IN ('waiting', 'ready') AND due_at <= $1 AND expires_at <= $1`, db.Millis(tx.Now()))
		if err != nil {
			return err
		}
		_, err = tx.Exec(`DELETE FROM outbox WHERE done_at IS NOT NULL AND done_at < $1`,
			db.Millis(tx.Now().Add(-w.Settings.Keep)))
		return err
	})
	if err != nil {
		return fmt.Errorf("notify: %w", err)
	}
	return nil
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
	w.lane(e.channel).saw(outcome)
	switch {
	case err == nil:
		w.finish(ctx, e)
	case outcome.Permanent:
		w.Log.Warn("message refused", "message", e.id, "channel", e.channel, "kind", e.kind, "code", outcome.Code, "error", masked(outcome.Err, letter))
		w.refuse(ctx, e, letter.To, outcome)
	default:
		w.Log.Info("message not accepted yet", "message", e.id, "channel", e.channel, "kind", e.kind, "attempt", e.attempt, "code", outcome.Code, "error", masked(outcome.Err, letter))
		w.again(ctx, e, outcome)
	}
}

// open unseals a row.
func (w *Worker) open(e envelope) (notice.Letter, error) {
	var letter notice.Letter
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
	letter.ID, letter.Channel, letter.Kind, letter.To, letter.At = e.id, e.channel, e.kind, string(to), e.at
	return letter, nil
}

// send bounds the transport in time and turns its panic into a refusal, so that one
// mail can neither hold a worker for ever nor end the node.
func (w *Worker) send(ctx context.Context, letter notice.Letter) (err error) {
	ctx, cancel := context.WithTimeout(ctx, w.Settings.Lease*3/4)
	defer cancel()
	defer func() {
		if p := recover(); p != nil {
			err = Refused("panic", fmt.Errorf("transport: %v", p))
		}
	}()
	return w.Transports[letter.Channel].Deliver(ctx, letter)
}

// wipe ends a claimed mail: its address and its words go, the record of it stays.
const wipe = `UPDATE outbox SET status = $1, result = $2, recipient = NULL, letter = NULL, done_at = $3
	WHERE id = $4 AND status IN ('waiting', 'ready') AND attempts = $5`

// finish records that a mail was delivered.
func (w *Worker) finish(ctx context.Context, e envelope) {
	w.lane(e.channel).sent.Add(1)
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
		w.lane(e.channel).lost.Add(1)
		w.Log.Warn("a mail was taken over by another node while this one delivered it", "message", e.id, "kind", e.kind)
	}
}

// refuse records that a message will never be delivered, in the audit trail too, and tells
// what the provider says of the number.
func (w *Worker) refuse(ctx context.Context, e envelope, to string, why *DeliveryError) {
	w.lane(e.channel).failed.Add(1)
	err := w.DB.Write(ctx, func(tx *db.Tx) error {
		n, err := tx.Exec(wipe, "failed", why.Code, db.Millis(tx.Now()), e.id, e.attempt)
		if err != nil || n == 0 {
			return err
		}
		if why.Number != "" && w.Stopped != nil {
			if err := w.Stopped(tx, StoppedNumber{Account: e.account, Channel: e.channel, Number: to, State: why.Number}); err != nil {
				return err
			}
		}
		event := audit.Event{
			Name: audit.MailRefused, Outcome: audit.Failed, Account: e.account,
			Reason: why.Code, Data: map[string]string{"kind": string(e.kind)},
		}
		if e.channel != notice.Email {
			event.Name, event.Data["channel"] = audit.TextRefused, string(e.channel)
		}
		return w.Audit.Record(tx, event)
	})
	if err != nil {
		w.unrecorded(e, err)
	}
}

// again puts a mail back until its next try, or until its end, when that comes first: it
// is wiped then, not later.
func (w *Worker) again(ctx context.Context, e envelope, why *DeliveryError) {
	pause := backoff(w.Settings.RetryFirst, w.Settings.RetryMost, e.attempt)
	if why.Down {
		pause = w.Settings.RetryFirst // the worker itself waits until the way out is open
	}
	pause = max(jitter(pause), min(why.After, mostAfter))
	w.lane(e.channel).retried.Add(1)
	err := w.DB.WriteStatement(ctx, func(tx *db.Tx) error {
		_, err := tx.Exec(`UPDATE outbox SET due_at = CASE WHEN expires_at < $1 THEN expires_at ELSE $1 END, result = $2
			WHERE id = $3 AND status IN ('waiting', 'ready') AND attempts = $4`,
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

// address finds what may be an e-mail address or a telephone number in the words of a server.
var address = regexp.MustCompile(`[^\s<>"'(),;:]+@[^\s<>"'(),;:]+|\+\d[\d ().-]{6,}|\d{7,}`) //nolint:gochecknoglobals // a constant

// masked is the text of an error without the addresses, numbers and codes that servers like to repeat.
func masked(err error, l notice.Letter) string {
	if err == nil {
		return ""
	}
	text := address.ReplaceAllString(err.Error(), "(address)")
	for _, code := range l.Codes {
		if code != "" {
			text = strings.NewReplacer(code, "(code)", notice.Grouped(code), "(code)").Replace(text)
		}
	}
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

package notify

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"parvis/internal/db"
	"parvis/internal/id"
	"parvis/internal/notify/notice"
)

// lane is what one node does on one channel. The lanes share nothing but the database, so
// that one whose way out is slow or closed does not hold up the others.
type lane struct {
	sent, failed, expired, retried, lost atomic.Int64
	down                                 atomic.Int64 // failures of the way out in a row
	after                                atomic.Int64 // how long the way out asks for peace, as a time.Duration
}

// lane is the lane of a channel.
func (w *Worker) lane(c notice.Channel) *lane {
	switch c {
	case notice.Text:
		return &w.text
	case notice.Voice:
		return &w.voice
	default:
		return &w.email
	}
}

// How a lane waits, all with jitter.
const (
	pollEvery = time.Second      // between looks at the outbox when nothing rings
	downMost  = 30 * time.Second // between looks while the way out is closed
	stopGrace = 5 * time.Second  // for deliveries under way when the node stops
	mostAfter = 15 * time.Minute // the longest that the other side can ask us to wait
)

// saw notes whether the way out is open.
func (l *lane) saw(outcome *DeliveryError) {
	if !outcome.Down {
		l.down.Store(0)
		l.after.Store(0)
		return
	}
	l.after.Store(int64(min(outcome.After, mostAfter)))
	l.down.Add(1)
}

// run delivers until ctx ends; deliveries under way go on until work does.
func (l *lane) run(ctx, work context.Context, w *Worker) {
	var running sync.WaitGroup
	slots := make(chan struct{}, max(1, w.Settings.Workers))
	for ctx.Err() == nil {
		for _, e := range l.take(ctx, w, cap(slots)-len(slots)) {
			slots <- struct{}{}
			running.Go(func() {
				w.deliver(work, e)
				<-slots
				w.Bell.Ring(e.channel)
			})
		}
		l.wait(ctx, w)
	}
	running.Wait()
}

// runDue delivers what is due now.
func (l *lane) runDue(ctx context.Context, w *Worker) error {
	for {
		list, err := l.claim(ctx, w, max(1, w.Settings.Workers))
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

// wait sleeps until the bell rings or the next look is due. While the way out is closed
// the bell is not heard, and the looks become rarer, or as rare as the other side asked.
func (l *lane) wait(ctx context.Context, w *Worker) {
	pause, bell := pollEvery, w.Bell[w.channel(l)]
	if n := l.down.Load(); n > 0 {
		pause, bell = backoff(pollEvery, downMost, n), nil
	}
	timer := time.NewTimer(max(jitter(pause), time.Duration(l.after.Load())))
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-bell:
	case <-timer.C:
	}
}

// channel is the channel of a lane.
func (w *Worker) channel(l *lane) notice.Channel {
	switch l {
	case &w.text:
		return notice.Text
	case &w.voice:
		return notice.Voice
	default:
		return notice.Email
	}
}

// take claims up to n messages; one only, as a probe, while the way out is closed.
func (l *lane) take(ctx context.Context, w *Worker, n int) []envelope {
	if n > 1 && l.down.Load() > 0 {
		n = 1
	}
	if n < 1 {
		return nil
	}
	list, err := l.claim(ctx, w, n)
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
	channel   notice.Channel
	kind      notice.Kind
	account   id.Account
	recipient []byte
	letter    []byte
	attempt   int64
	at        time.Time
}

// claim ends what is too old and leases up to n messages of the lane to this node. A claimed
// row is one that is due when its lease ends. A look that finds nothing costs one read.
func (l *lane) claim(ctx context.Context, w *Worker, n int) ([]envelope, error) {
	channel := w.channel(l)
	var due bool
	err := w.DB.Read(ctx, func(tx *db.Tx) error {
		var one int64
		err := tx.QueryRow(`SELECT 1 FROM outbox
			WHERE channel = $1 AND status IN ('waiting', 'ready') AND due_at <= $2 LIMIT 1`, channel, db.Millis(tx.Now())).Scan(&one)
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
			WHERE channel = $2 AND status IN ('waiting', 'ready') AND due_at <= $1 AND expires_at <= $1`, now, channel)
		if err != nil {
			return err
		}
		rows, err := tx.Query(`UPDATE outbox SET due_at = $1, attempts = attempts + 1
			WHERE status IN ('waiting', 'ready') AND due_at <= $2 AND id IN (
				SELECT id FROM outbox WHERE channel = $3 AND status IN ('waiting', 'ready') AND due_at <= $2
				ORDER BY priority, due_at LIMIT $4)
			RETURNING id, kind, account, recipient, letter, attempts, created_at`,
			db.Millis(tx.Now().Add(w.Settings.Lease)), now, channel, n)
		list, err = db.Collect(rows, err, func(r *db.Rows) (envelope, error) {
			e := envelope{channel: channel}
			err := r.Scan(&e.id, &e.kind, db.ScanText(&e.account), &e.recipient, &e.letter, &e.attempt, db.ScanTime(&e.at))
			return e, err
		})
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("notify: %w", err)
	}
	l.expired.Add(expired)
	return list, nil
}

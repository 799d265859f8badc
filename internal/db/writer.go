package db

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
)

// batchSize is how many closures share one commit at most.
const batchSize = 64

// attempts is how often a batch is begun again after its transaction was lost
// before everyone left in it is told to come back.
const attempts = 4

// writer is the only writer of a SQLite database. Its goroutine gathers waiting
// requests into one transaction, in which each has a savepoint, and commits
// once for all of them: one wait for the disk instead of 64.
//
// A closure runs in the goroutine that asked for it, when the writer gives it
// the turn: so a panic or a runtime.Goexit ends there and not here. Nobody is
// answered before the commit, not even who failed, because what he read may
// have been his neighbours' uncommitted rows.
type writer struct {
	db      *DB
	pool    *sql.DB
	conn    *liteConn
	queue   chan *request
	quit    chan struct{}
	stopped chan struct{}
	once    sync.Once
}

// request is one closure on its way through the writer.
type request struct {
	ctx    context.Context //nolint:containedctx // checked before the closure, never given to a statement
	fn     func(*Tx) error
	order  func(*liteConn) error // instead of fn: runs outside a transaction
	taken  atomic.Int32          // waiting, then claimed by the writer or left by its caller
	turn   chan *Tx
	ran    chan outcome
	done   chan error
	after  []func()
	result error
	gone   bool // its goroutine ended: it takes no further turn and no answer
}

const (
	waiting int32 = iota
	claimed
	left
)

// outcome is how one turn of a closure ended.
type outcome struct {
	err  error
	gone bool // the goroutine is ending: it will not take another turn
}

func openWriter(ctx context.Context, d *DB, pool *sql.DB) (*writer, error) {
	conn, err := pool.Conn(ctx)
	if err != nil {
		return nil, err
	}
	w := &writer{
		db: d, pool: pool, conn: newLiteConn(conn),
		queue: make(chan *request, 16*batchSize), quit: make(chan struct{}), stopped: make(chan struct{}),
	}
	if err := w.conn.verify(ctx); err != nil {
		return nil, err
	}
	go w.loop() //nolint:contextcheck // no request's context may reach the writer
	return w, nil
}

// do runs fn in one of the next batches and returns when that has committed or failed.
func (w *writer) do(ctx context.Context, fn func(*Tx) error) error {
	return w.submit(&request{ctx: ctx, fn: fn})
}

// outside runs f on the writer's connection between two batches.
func (w *writer) outside(ctx context.Context, f func(*liteConn) error) error {
	return w.submit(&request{ctx: ctx, order: f})
}

func (w *writer) submit(r *request) error {
	r.turn, r.ran, r.done = make(chan *Tx, 1), make(chan outcome, 1), make(chan error, 1)
	if err := r.ctx.Err(); err != nil {
		return err
	}
	wait, cancel := context.WithTimeout(r.ctx, w.db.settings.WaitTimeout)
	defer cancel()
	select {
	case <-w.quit:
		return ErrClosed
	default:
	}
	select {
	case w.queue <- r:
	case <-w.quit:
		return ErrClosed
	case <-wait.Done():
		return r.late()
	}
	for giveUp := wait.Done(); ; {
		select {
		case tx := <-r.turn:
			r.take(tx)
		case err := <-r.done:
			if err == nil {
				(&Tx{after: r.after}).committed()
			}
			return err
		case <-w.stopped:
			select {
			case err := <-r.done: // it was answered just before the end
				return err
			default:
				return ErrClosed
			}
		case <-giveUp:
			if r.taken.CompareAndSwap(waiting, left) {
				return r.late()
			}
			giveUp = nil // the writer has it: wait for its answer
		}
	}
}

// late is the error of a request that was not begun in time.
func (r *request) late() error {
	if err := r.ctx.Err(); err != nil {
		return err
	}
	return unavailable(errors.New("the writer is busy"))
}

// take runs the closure in the goroutine of its caller and gives the turn back,
// whatever happens.
func (r *request) take(tx *Tx) {
	out := outcome{err: errors.New("db: the goroutine of the closure ended"), gone: true}
	defer func() { r.ran <- out }()
	err := tx.run(r.fn)
	out = outcome{err: err}
}

// loop is the writer's goroutine.
func (w *writer) loop() {
	defer close(w.stopped)
	batch := make([]*request, 0, batchSize)
	for {
		select {
		case r := <-w.queue:
			batch = append(batch[:0], r)
		case <-w.quit:
			return
		}
	gather:
		for len(batch) < batchSize {
			select {
			case r := <-w.queue:
				batch = append(batch, r)
			default:
				break gather
			}
		}
		w.settle(batch)
	}
}

// settle answers every request of a batch.
func (w *writer) settle(batch []*request) {
	var closures []*request
	for _, r := range batch {
		switch {
		case !r.taken.CompareAndSwap(waiting, claimed): // its caller left
		case r.order != nil:
			r.done <- r.order(w.conn)
		default:
			closures = append(closures, r)
		}
	}
	for try := 0; len(closures) > 0; try++ {
		if try == attempts {
			answer(closures, unavailable(errors.New("the transaction was lost several times")))
			return
		}
		closures = w.attempt(closures)
	}
}

func answer(requests []*request, err error) {
	for _, r := range requests {
		r.done <- err
	}
}

// attempt runs closures in one transaction and commits it. It returns those
// that must run again because somebody else's failure lost the transaction.
func (w *writer) attempt(batch []*request) (again []*request) {
	if err := w.conn.order("BEGIN IMMEDIATE"); err != nil {
		answer(batch, unavailable(err))
		return nil
	}
	alone := len(batch) == 1
	for i, r := range batch {
		if r.result = r.ctx.Err(); r.result != nil {
			continue
		}
		lost := w.step(r, alone)
		if lost == nil {
			continue
		}
		_ = w.conn.order("ROLLBACK") // there may be no transaction any more
		r.done <- unavailable(lost)
		for j, other := range batch {
			if j != i && !other.gone {
				again = append(again, other)
			}
		}
		return again
	}
	if alone && batch[0].result != nil {
		if err := w.conn.order("ROLLBACK"); err != nil && !endsBatch(err) {
			batch[0].result = errors.Join(batch[0].result, err)
		}
	} else if err := w.conn.order("COMMIT"); err != nil {
		_ = w.conn.order("ROLLBACK") // what matters is that the commit failed
		answer(batch, unavailable(fmt.Errorf("commit: %w", err)))
		return nil
	}
	for _, r := range batch {
		r.done <- r.result
	}
	return nil
}

// step gives one closure its turn inside the open transaction, and takes back
// what it did when it fails. An error means that the whole transaction is lost.
func (w *writer) step(r *request, alone bool) error {
	if w.db.rehearse {
		if err := w.turn(r, false, true); err != nil || r.gone {
			return err
		}
	}
	return w.turn(r, alone, false)
}

// turn runs the closure once. Without a savepoint its caller rolls back the
// transaction when the closure fails; a rehearsal is always taken back.
func (w *writer) turn(r *request, bare, rehearsal bool) error {
	if !bare {
		if err := w.conn.order("SAVEPOINT closure"); err != nil {
			return err
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), w.db.settings.TransactionTimeout)
	defer cancel()
	tx := w.db.begin(ctx, w.conn)
	r.turn <- tx
	out := <-r.ran
	r.result, r.gone, r.after = out.err, out.gone, tx.after
	if tx.failed != nil && endsBatch(tx.failed) {
		return tx.failed
	}
	if bare {
		return nil
	}
	if out.err != nil || rehearsal {
		if err := w.conn.order("ROLLBACK TO closure"); err != nil {
			return err
		}
	}
	return w.conn.order("RELEASE closure")
}

// close lets the batch in work finish and refuses everything after it.
func (w *writer) close() error {
	w.once.Do(func() { close(w.quit) })
	<-w.stopped
	return errors.Join(w.conn.close(), w.pool.Close())
}

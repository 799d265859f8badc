package db

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// DB is an open database. Safe for concurrent use.
type DB struct {
	settings  Settings
	now       func() time.Time
	kind      string
	engine    engine
	rehearse  bool
	observe   func(query string)
	observeTx func(writes bool)
}

// mode is one of the three kinds of transaction.
type mode int

const (
	modeRead mode = iota
	modeWrite
	modeStatement
)

// engine is what differs between SQLite and PostgreSQL.
type engine interface {
	run(ctx context.Context, m mode, fn func(*Tx) error) error
	migrate(ctx context.Context, up bool) (Status, error)
	checkpoint(ctx context.Context) error
	clock(ctx context.Context) (time.Time, bool, error)
	close() error
}

// Option changes how Open opens a database.
type Option func(*DB)

// Rehearse makes every closure run twice, the first time rolled back, so that a
// test fails when a closure does something that cannot be repeated. For tests.
func Rehearse() Option { return func(d *DB) { d.rehearse = true } }

// Observe is told of every statement before it runs, also of those of a
// rehearsal. For tests that count statements.
func Observe(f func(query string)) Option { return func(d *DB) { d.observe = f } }

// ObserveTransactions is told of every transaction before it begins, and whether it may
// write; not of its repetitions. For tests that count them.
func ObserveTransactions(f func(writes bool)) Option { return func(d *DB) { d.observeTx = f } }

// Open opens a database; now is the clock of the process. It creates the file
// of a SQLite database, but no tables: see Migrate.
func Open(ctx context.Context, s Settings, now func() time.Time, options ...Option) (*DB, error) {
	if problems := s.Problems(); len(problems) > 0 {
		return nil, fmt.Errorf("db: database.%s", problems[0])
	}
	d := &DB{settings: s, now: now}
	for _, o := range options {
		o(d)
	}
	kind, rest, err := parseURL(s.URL)
	if err != nil {
		return nil, fmt.Errorf("db: %w", err)
	}
	d.kind = kind
	if kind == SQLite {
		d.engine, err = openLite(ctx, d, rest)
	} else {
		d.engine, err = openPG(ctx, d, rest)
	}
	if err != nil {
		return nil, fmt.Errorf("db: %w", err)
	}
	return d, nil
}

// Engine is SQLite or PostgreSQL.
func (d *DB) Engine() string { return d.kind }

// Close waits for running transactions and closes the database.
func (d *DB) Close() error { return d.engine.close() }

// Read runs fn on a snapshot that it cannot change.
func (d *DB) Read(ctx context.Context, fn func(*Tx) error) error {
	d.begins(false)
	return d.engine.run(ctx, modeRead, fn)
}

// Write runs fn in a serializable transaction and commits when it returns nil.
// fn may run several times. When the database stays busy or cannot be reached,
// the error is a fault of kind Unavailable. Once fn has begun, the end of ctx
// no longer stops it.
func (d *DB) Write(ctx context.Context, fn func(*Tx) error) error {
	d.begins(true)
	return d.engine.run(ctx, modeWrite, fn)
}

// WriteStatement is Write for single conditional statements that no SELECT of
// the same transaction decides: counters, consumption, leases. On PostgreSQL it
// runs as READ COMMITTED, where such statements wait for each other instead of failing.
func (d *DB) WriteStatement(ctx context.Context, fn func(*Tx) error) error {
	d.begins(true)
	return d.engine.run(ctx, modeStatement, fn)
}

func (d *DB) begins(writes bool) {
	if d.observeTx != nil {
		d.observeTx(writes)
	}
}

// Ping reports whether the database answers a query.
func (d *DB) Ping(ctx context.Context) error {
	return d.Read(ctx, func(tx *Tx) error {
		var one int64
		return tx.QueryRow("SELECT 1").Scan(&one)
	})
}

// ClockSkew is how far the clock of this process is ahead of the database's
// (negative: behind), to within the time of one round trip. Always 0 on SQLite,
// which has no clock of its own. Readiness fails beyond two seconds.
func (d *DB) ClockSkew(ctx context.Context) (time.Duration, error) {
	before := d.now()
	theirs, has, err := d.engine.clock(ctx)
	if err != nil {
		return 0, err
	}
	if !has {
		return 0, nil
	}
	after := d.now()
	return before.Add(after.Sub(before) / 2).Sub(theirs), nil
}

// Checkpoint moves everything from the write-ahead log of SQLite into the
// database file and empties the log, so that erased data is nowhere left. It
// does nothing on PostgreSQL.
func (d *DB) Checkpoint(ctx context.Context) error { return d.engine.checkpoint(ctx) }

// instant is the time of a new transaction.
func (d *DB) instant() time.Time { return d.now().UTC().Truncate(time.Millisecond) }

// begin makes the Tx of one run of a closure.
func (d *DB) begin(ctx context.Context, on executor) *Tx {
	return &Tx{ctx: ctx, on: on, now: d.instant(), observe: d.observe}
}

// asFault turns the end of waiting and a broken connection into Unavailable,
// and leaves every other error as it is.
func asFault(ctx context.Context, err error) error {
	if err == nil || errors.Is(err, ErrUnavailable) {
		return err
	}
	if cause := ctx.Err(); cause != nil && errors.Is(err, cause) {
		return err // the caller went away
	}
	if broken(err) {
		return unavailable(err)
	}
	return err
}

// Settings are what the database was opened with.
func (d *DB) Settings() Settings { return d.settings }

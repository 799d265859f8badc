package db

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/url"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
)

// retries is how often a closure is run again after a serialization failure or
// a deadlock before the caller is told to come back: some two thirds of a
// second of waits. Those who update a row that everybody reads beside them
// collide most, because on a small table they share the pages of an index: 32
// workers of the benchmark needed at most 2 repetitions once each code no longer
// wrote when its service was last used.
const retries = 12

// oldestServer is the first PostgreSQL version that is supported.
const oldestServer = 150000

// pg is the PostgreSQL engine.
type pg struct {
	db   *DB
	pool *sql.DB
}

// pgConn runs statements in one transaction.
type pgConn struct{ tx *sql.Tx }

// openPG prepares the connection pool and checks that a server answers and is new enough.
// It sends no start-up parameters, so that a transaction-mode pooler can stand between.
func openPG(ctx context.Context, d *DB, address string) (engine, error) {
	cfg, err := pgx.ParseConfig(address)
	if err != nil {
		return nil, errors.New("database.url cannot be read as a PostgreSQL address") // the cause would show the password
	}
	given, err := url.Parse(address)
	if err != nil || !given.Query().Has("default_query_exec_mode") {
		cfg.DefaultQueryExecMode = pgx.QueryExecModeExec
	}
	// A server that vanished is noticed by the kernel, because COMMIT is never cancelled by us.
	dialer := &net.Dialer{
		Timeout:         d.settings.WaitTimeout,
		KeepAliveConfig: net.KeepAliveConfig{Enable: true, Idle: 5 * time.Second, Interval: 5 * time.Second, Count: 3},
	}
	cfg.DialFunc = dialer.DialContext
	p := &pg{db: d, pool: stdlib.OpenDB(*cfg)}
	p.pool.SetMaxOpenConns(d.settings.Connections)
	p.pool.SetMaxIdleConns(d.settings.Connections)
	p.pool.SetConnMaxIdleTime(5 * time.Minute)
	p.pool.SetConnMaxLifetime(30 * time.Minute)
	if err := p.check(ctx); err != nil {
		return nil, errors.Join(err, p.pool.Close())
	}
	return p, nil
}

func (p *pg) check(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, p.db.settings.WaitTimeout)
	defer cancel()
	var version int
	var encoding string
	row := p.pool.QueryRowContext(ctx, "SELECT current_setting('server_version_num')::int, current_setting('server_encoding')")
	if err := row.Scan(&version, &encoding); err != nil {
		return fmt.Errorf("reach the PostgreSQL server of database.url: %w", err)
	}
	if version < oldestServer {
		return fmt.Errorf("the PostgreSQL server is version %d: version 15 or newer is needed", version/10000)
	}
	if encoding != "UTF8" {
		return fmt.Errorf("the PostgreSQL database is encoded as %s: create it with ENCODING 'UTF8'", encoding)
	}
	return nil
}

func (p *pg) close() error { return p.pool.Close() }

func (c pgConn) exec(ctx context.Context, query string, args []any) (int64, error) {
	result, err := c.tx.ExecContext(ctx, query, args...)
	if err != nil {
		return 0, err
	}
	return result.RowsAffected()
}

func (c pgConn) query(ctx context.Context, query string, args []any) (*sql.Rows, error) {
	return c.tx.QueryContext(ctx, query, args...)
}

func (m mode) options() *sql.TxOptions {
	switch m {
	case modeRead:
		return &sql.TxOptions{Isolation: sql.LevelRepeatableRead, ReadOnly: true}
	case modeWrite:
		return &sql.TxOptions{Isolation: sql.LevelSerializable}
	default:
		return &sql.TxOptions{Isolation: sql.LevelReadCommitted}
	}
}

// run repeats the transaction after serialization failures and deadlocks, with
// growing waits of random length so that those who collided do not meet again.
func (p *pg) run(ctx context.Context, m mode, fn func(*Tx) error) error {
	for try := 0; ; try++ {
		if err := ctx.Err(); err != nil {
			return err
		}
		err := p.once(ctx, m, fn)
		if err == nil || !errors.Is(err, errRepeat) {
			return asFault(ctx, err)
		}
		if try == retries {
			return unavailable(err)
		}
		pause := time.Millisecond << min(try, 7)
		select {
		case <-time.After(time.Duration(rand.Int64N(int64(pause)) + int64(pause)/4)): //nolint:gosec // no secret: it spreads retries
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// errRepeat marks a transaction that the server asks us to run again.
var errRepeat = errors.New("db: serialization failure")

// once runs one transaction (after its rehearsal, in tests).
func (p *pg) once(ctx context.Context, m mode, fn func(*Tx) error) error {
	if p.db.rehearse && m != modeRead {
		if _, err := p.transaction(ctx, m, fn, true); errors.Is(err, errRepeat) {
			return err
		}
	}
	after, err := p.transaction(ctx, m, fn, false)
	if err != nil {
		return err
	}
	(&Tx{after: after}).committed()
	return nil
}

func (p *pg) transaction(ctx context.Context, m mode, fn func(*Tx) error, rehearsal bool) (after []func(), err error) {
	wait, cancel := context.WithTimeout(ctx, p.db.settings.WaitTimeout)
	defer cancel()
	conn, err := p.pool.Conn(wait)
	if err != nil {
		return nil, err
	}
	defer func() { _ = conn.Close() }() // gives it back to the pool
	// Neither the caller's end nor a deadline may reach COMMIT: its outcome would be unknown.
	kept := context.WithoutCancel(ctx)
	sqlTx, err := conn.BeginTx(kept, m.options())
	if err != nil {
		return nil, err
	}
	ended := false
	defer func() {
		if !ended { // an error, or the goroutine of the closure is ending
			_ = sqlTx.Rollback()
		}
	}()
	limited := kept
	if m == modeRead {
		limited = ctx
	}
	limited, stop := context.WithTimeout(limited, p.db.settings.TransactionTimeout)
	defer stop()
	tx := p.db.begin(limited, pgConn{tx: sqlTx})
	err = tx.run(fn)
	if tx.failed != nil && repeatable(tx.failed) {
		return nil, fmt.Errorf("%w: %w", errRepeat, tx.failed)
	}
	if err != nil || rehearsal {
		return nil, err
	}
	ended = true
	if err := sqlTx.Commit(); err != nil {
		if repeatable(err) {
			return nil, fmt.Errorf("%w: %w", errRepeat, err)
		}
		return nil, fmt.Errorf("db: commit: %w", err)
	}
	return tx.after, nil
}

func (p *pg) clock(ctx context.Context) (time.Time, bool, error) {
	var millis int64
	row := p.pool.QueryRowContext(ctx, "SELECT (EXTRACT(EPOCH FROM clock_timestamp()) * 1000)::bigint")
	if err := row.Scan(&millis); err != nil {
		return time.Time{}, false, asFault(ctx, fmt.Errorf("db: read the clock: %w", err))
	}
	return Time(millis), true, nil
}

func (p *pg) checkpoint(context.Context) error { return nil }

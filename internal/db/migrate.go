package db

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"math/rand/v2"
	"os"
	"syscall"
	"time"

	"github.com/pressly/goose/v3"

	"parvis/internal/db/migrations"
)

// versionTable is where goose notes which migrations were applied.
const versionTable = "schema_version"

// Status is what is known about the schema.
type Status struct {
	Current int64    // newest migration that was applied; 0: none
	Latest  int64    // newest migration that this program knows
	Pending []string // file names of those that are still to be applied
}

// Newer reports that a newer version of this program migrated the database.
// This version still runs on it: migrations only add what older code can ignore,
// and take away only what the version before no longer used.
func (s Status) Newer() bool { return s.Current > s.Latest }

// Migrate applies all pending migrations, each in its own transaction. Several
// nodes may call it at once: one applies, the others wait for it.
func (d *DB) Migrate(ctx context.Context) (Status, error) { return d.engine.migrate(ctx, true) }

// Status tells which migrations were applied, and changes nothing but the empty version table.
func (d *DB) Status(ctx context.Context) (Status, error) { return d.engine.migrate(ctx, false) }

// migrate holds an exclusive lock on a file beside the database while it works.
func (l *lite) migrate(ctx context.Context, up bool) (Status, error) {
	lock, err := os.OpenFile(l.path+".migrate", os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return Status{}, fmt.Errorf("db: migrate: %w", err)
	}
	defer func() { _ = lock.Close() }() // ends the lock
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX); err != nil {
		return Status{}, fmt.Errorf("db: migrate: lock: %w", err)
	}
	pool, err := sql.Open("sqlite", dsn(l.path, false)+"&_txlock=immediate")
	if err != nil {
		return Status{}, fmt.Errorf("db: migrate: %w", err)
	}
	pool.SetMaxOpenConns(1)
	status, err := migrateWith(ctx, goose.DialectSQLite3, pool, migrations.Files, up)
	return status, errors.Join(err, pool.Close())
}

// migrate holds an advisory lock in a transaction of its own while goose works
// on another connection: unlike a lock of the session, that also holds behind a
// transaction-mode pooler, and it ends with the node that held it. Whoever waits
// for it asks again and again and holds no connection meanwhile: all those of a
// pooler could be held by nodes that wait, and the one with the lock needs two.
func (p *pg) migrate(ctx context.Context, up bool) (Status, error) {
	for {
		lock, err := p.tryLock(ctx)
		if err != nil {
			return Status{}, asFault(ctx, fmt.Errorf("db: migrate: lock: %w", err))
		}
		if lock != nil {
			defer func() { _ = lock.Rollback() }() // ends the lock
			return migrateWith(ctx, goose.DialectPostgres, p.pool, migrations.Files, up)
		}
		select {
		case <-time.After(lockPause/2 + rand.N(lockPause)): //nolint:gosec // no secret: nodes that start together do not ask together
		case <-ctx.Done():
			return Status{}, ctx.Err()
		}
	}
}

// lockPause is how long a node waits on average before it asks for the lock of migrations again.
const lockPause = 100 * time.Millisecond

// tryLock is the transaction that holds the lock of migrations, or nil while another node holds it.
func (p *pg) tryLock(ctx context.Context) (*sql.Tx, error) {
	tx, err := p.pool.BeginTx(ctx, nil)
	if err != nil {
		return nil, err
	}
	// The transaction stands idle while goose works: no server's timeout may end it before.
	if _, err = tx.ExecContext(ctx, "SET LOCAL idle_in_transaction_session_timeout = 0"); err != nil {
		return nil, errors.Join(err, tx.Rollback())
	}
	mine := false
	const text = "SELECT pg_try_advisory_xact_lock(hashtextextended('parvis migrate ' || current_schema(), 0))"
	if err = tx.QueryRowContext(ctx, text).Scan(&mine); err == nil && mine {
		return tx, nil
	}
	return nil, errors.Join(err, tx.Rollback())
}

func migrateWith(ctx context.Context, dialect goose.Dialect, pool *sql.DB, files fs.FS, up bool) (Status, error) {
	provider, err := goose.NewProvider(dialect, pool, files,
		goose.WithTableName(versionTable), goose.WithDisableGlobalRegistry(true), goose.WithSlog(slog.New(slog.DiscardHandler)))
	if err != nil {
		return Status{}, fmt.Errorf("db: migrate: %w", err)
	}
	if up {
		if _, err := provider.Up(ctx); err != nil {
			return Status{}, fmt.Errorf("db: migrate: %w", err)
		}
	}
	all, err := provider.Status(ctx)
	if err != nil {
		return Status{}, fmt.Errorf("db: migrate: %w", err)
	}
	var s Status
	for _, m := range all {
		s.Latest = max(s.Latest, m.Source.Version)
		if m.State == goose.StatePending {
			s.Pending = append(s.Pending, m.Source.Path)
		}
	}
	if s.Current, err = provider.GetDBVersion(ctx); err != nil {
		return Status{}, fmt.Errorf("db: migrate: %w", err)
	}
	return s, nil
}

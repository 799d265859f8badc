// Package dbtest runs tests on every database engine.
//
// Each test gets a migrated database of its own: a file for SQLite, a schema
// for PostgreSQL. Closures of Write and WriteStatement run twice, the first
// time rolled back, so that one that cannot be repeated is found out.
//
// Schemas are kept from one run to the next and emptied before each test, which
// takes a tenth of the time of making them anew.
//
// PostgreSQL is used when PARVIS_TEST_POSTGRES holds its address (make test
// sets it; scripts/postgres.sh start prints it), else that half is skipped. Its
// user must be a superuser.
package dbtest

import (
	"context"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"parvis/internal/db"
)

// Variable is the environment variable with the address of a PostgreSQL for tests.
const Variable = "PARVIS_TEST_POSTGRES"

// PoolerVariable is the environment variable with the address of a transaction-mode
// pooler in front of that PostgreSQL (scripts/pgbouncer.sh start prints it): when it
// is set, what is tested goes through it.
const PoolerVariable = "PARVIS_TEST_POOLER"

// setup is how a test wants its database.
type setup struct {
	now       func() time.Time
	once      bool // closures run once
	settings  func(*db.Settings)
	observe   func(query string)
	observeTx func(writes bool)
}

// wall is the clock of a test that does not care.
func wall() time.Time { return time.Now() } //nolint:forbidigo // tests have no other clock

// Option changes the database of a test.
type Option func(*setup)

// WithClock gives the database a clock, e.g. WithClock(clock.Now).
func WithClock(now func() time.Time) Option { return func(s *setup) { s.now = now } }

// WithoutRehearsal lets closures run once, as they do in service: for
// benchmarks and for tests that count runs.
func WithoutRehearsal() Option { return func(s *setup) { s.once = true } }

// WithSettings lets a test change the settings before the database is opened.
func WithSettings(change func(*db.Settings)) Option { return func(s *setup) { s.settings = change } }

// Observe tells of every statement before it runs.
func Observe(f func(query string)) Option { return func(s *setup) { s.observe = f } }

// ObserveTransactions tells of every transaction before it begins, and whether it may write.
func ObserveTransactions(f func(writes bool)) Option { return func(s *setup) { s.observeTx = f } }

// Each runs a test once per engine, each time with a fresh migrated database.
func Each(t *testing.T, test func(t *testing.T, d *db.DB), options ...Option) {
	t.Helper()
	for _, engine := range []string{db.SQLite, db.PostgreSQL} {
		t.Run(engine, func(t *testing.T) { test(t, Open(t, engine, options...)) })
	}
}

// EachB is Each for benchmarks; closures run once.
func EachB(b *testing.B, run func(b *testing.B, d *db.DB), options ...Option) {
	b.Helper()
	for _, engine := range []string{db.SQLite, db.PostgreSQL} {
		b.Run(engine, func(b *testing.B) { run(b, Open(b, engine, append(options, WithoutRehearsal())...)) })
	}
}

// Open makes a migrated database on one engine, which ends with the test.
func Open(tb testing.TB, engine string, options ...Option) *db.DB {
	tb.Helper()
	s := setup{now: wall}
	for _, o := range options {
		o(&s)
	}
	settings := db.Preset("parvis")
	settings.URL = URL(tb, engine)
	// Hundreds at once on a busy machine wait longer than people would: no test fails of that.
	settings.WaitTimeout, settings.TransactionTimeout = time.Minute, time.Minute
	if s.settings != nil {
		s.settings(&settings)
	}
	return open(tb, settings, s)
}

// URL is the address of a fresh migrated database on one engine, for a test that
// opens it by itself.
func URL(tb testing.TB, engine string) string {
	tb.Helper()
	if engine == db.SQLite {
		return "sqlite:" + liteFile(tb)
	}
	return pooled(tb)
}

// Second opens a test's database once more, as another node would.
func Second(tb testing.TB, d *db.DB, options ...Option) *db.DB {
	tb.Helper()
	s := setup{now: wall}
	for _, o := range options {
		o(&s)
	}
	return open(tb, d.Settings(), s)
}

func open(tb testing.TB, settings db.Settings, s setup) *db.DB {
	tb.Helper()
	var o []db.Option
	if !s.once {
		o = append(o, db.Rehearse())
	}
	if s.observe != nil {
		o = append(o, db.Observe(s.observe))
	}
	if s.observeTx != nil {
		o = append(o, db.ObserveTransactions(s.observeTx))
	}
	d, err := db.Open(tb.Context(), settings, s.now, o...)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := d.Close(); err != nil {
			tb.Errorf("close the database: %v", err)
		}
	})
	return d
}

// migrated makes the bytes of a migrated SQLite file once per test process.
//
//nolint:gochecknoglobals // computed once, never changed
var migrated = sync.OnceValues(func() ([]byte, error) {
	dir, err := os.MkdirTemp("", "parvis-dbtest-")
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.RemoveAll(dir) }() // a temporary directory
	settings := db.Preset("parvis")
	path := filepath.Join(dir, "parvis.db")
	settings.URL = "sqlite:" + path
	d, err := db.Open(context.Background(), settings, wall)
	if err != nil {
		return nil, err
	}
	if _, err := d.Migrate(context.Background()); err != nil {
		return nil, err
	}
	if err := d.Checkpoint(context.Background()); err != nil {
		return nil, err
	}
	if err := d.Close(); err != nil {
		return nil, err
	}
	return os.ReadFile(path)
})

// liteFile copies the migrated file for one test.
func liteFile(tb testing.TB) string {
	tb.Helper()
	content, err := migrated()
	if err != nil {
		tb.Fatal(err)
	}
	path := filepath.Join(tb.TempDir(), "parvis.db")
	if err := os.WriteFile(path, content, 0o600); err != nil {
		tb.Fatal(err)
	}
	return path
}

package dbtest

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"parvis/internal/db"
	"parvis/internal/db/migrations"
)

// server is the address of the PostgreSQL for tests; without one the test is skipped.
func server(tb testing.TB) string {
	tb.Helper()
	address := os.Getenv(Variable)
	if address == "" {
		tb.Skipf("%s is not set: run scripts/postgres.sh start and export what it prints", Variable)
	}
	return address
}

// Schema makes an empty PostgreSQL schema for one test and returns the address that works in it.
func Schema(tb testing.TB) string {
	tb.Helper()
	address := server(tb)
	name := "e_" + strings.ToLower(rand.Text())
	conn := connect(tb, address)
	order(tb, conn, "CREATE SCHEMA "+name)
	if pooler() == "" {
		tb.Cleanup(func() { order(tb, conn, "DROP SCHEMA "+name+" CASCADE") })
		return within(tb, address, name)
	}
	tb.Cleanup(func() { order(tb, conn, "DROP SCHEMA "+name+" CASCADE; DROP ROLE "+name) })
	return through(tb, conn, name)
}

// pooler is the address of the pooler that tests go through; "" for none.
func pooler() string { return os.Getenv(PoolerVariable) }

// through is an address that works in a schema behind the pooler. A pooler takes
// no search_path from a client, so each schema has a user of its own with it.
func through(tb testing.TB, conn *pgx.Conn, schema string) string {
	tb.Helper()
	parsed, err := url.Parse(pooler())
	if err != nil {
		tb.Fatalf("%s cannot be read: %v", PoolerVariable, err)
	}
	order(tb, conn, fmt.Sprintf(`DO $$ BEGIN
		IF NOT EXISTS (SELECT 1 FROM pg_roles WHERE rolname = '%[1]s') THEN CREATE ROLE %[1]s SUPERUSER LOGIN; END IF;
	END $$; ALTER ROLE %[1]s SET search_path = %[1]s`, schema))
	parsed.User = url.User(schema)
	return parsed.String()
}

// within is an address that works in a schema.
func within(tb testing.TB, address, schema string) string {
	tb.Helper()
	parsed, err := url.Parse(address)
	if err != nil {
		tb.Fatalf("%s cannot be read: %v", Variable, err)
	}
	query := parsed.Query()
	query.Set("search_path", schema)
	parsed.RawQuery = query.Encode()
	return parsed.String()
}

// version is a digest of all migrations: a schema made with others is not used.
//
//nolint:gochecknoglobals // computed once, never changed
var version = sync.OnceValues(func() (string, error) {
	h := sha256.New()
	names, err := fs.Glob(migrations.Files, "*.sql")
	if err != nil {
		return "", err
	}
	for _, name := range names {
		text, err := fs.ReadFile(migrations.Files, name)
		if err != nil {
			return "", err
		}
		_, _ = fmt.Fprintf(h, "%s %d\n", name, len(text)) // hash.Hash never fails
		_, _ = h.Write(text)
	}
	return fmt.Sprintf("%x", h.Sum(nil)[:6]), nil
})

// pooled takes a migrated schema that no other test uses, in this process or
// another, and empties it. An advisory lock on a connection that lives as long
// as the test says that it is taken.
func pooled(tb testing.TB) string {
	tb.Helper()
	address := server(tb)
	v, err := version()
	if err != nil {
		tb.Fatal(err)
	}
	conn := connect(tb, address)
	name := ""
	for n, taken := 0, false; !taken; n++ {
		name = fmt.Sprintf("t_%s_%d", v, n)
		query := "SELECT pg_try_advisory_lock(hashtextextended($1, 7))"
		if err := conn.QueryRow(context.Background(), query, name).Scan(&taken); err != nil {
			tb.Fatal(err)
		}
	}
	inside := within(tb, address, name)
	var ready bool
	query := "SELECT COALESCE(obj_description(to_regnamespace($1), 'pg_namespace') = 'ready', FALSE)"
	if err := conn.QueryRow(context.Background(), query, name).Scan(&ready); err != nil {
		tb.Fatal(err)
	}
	if !ready {
		prepare(tb, conn, name, inside)
	}
	order(tb, conn, strings.ReplaceAll(emptySchema, "SCHEMA", name))
	if pooler() != "" {
		return through(tb, conn, name)
	}
	return inside
}

// prepare migrates a schema, and copies it with the rows that migrations insert.
func prepare(tb testing.TB, conn *pgx.Conn, name, inside string) {
	tb.Helper()
	order(tb, conn, fmt.Sprintf("DROP SCHEMA IF EXISTS %[1]s CASCADE; DROP SCHEMA IF EXISTS %[1]s_first CASCADE; CREATE SCHEMA %[1]s; CREATE SCHEMA %[1]s_first", name))
	settings := db.Preset("parvis")
	settings.URL = inside
	d, err := db.Open(context.Background(), settings, wall)
	if err != nil {
		tb.Fatal(err)
	}
	if _, err := d.Migrate(context.Background()); err != nil {
		tb.Fatal(err)
	}
	if err := d.Close(); err != nil {
		tb.Fatal(err)
	}
	order(tb, conn, strings.ReplaceAll(copySchema, "SCHEMA", name))
}

const copySchema = `DO $$ DECLARE r RECORD; BEGIN
	FOR r IN SELECT tablename FROM pg_tables WHERE schemaname = 'SCHEMA' LOOP
		EXECUTE format('CREATE TABLE SCHEMA_first.%1$I AS SELECT * FROM SCHEMA.%1$I', r.tablename);
	END LOOP;
END $$; COMMENT ON schema SCHEMA IS 'ready'`

const emptySchema = `SET session_replication_role = replica; DO $$ DECLARE r RECORD; BEGIN
	FOR r IN SELECT tablename FROM pg_tables WHERE schemaname = 'SCHEMA' LOOP
		IF to_regclass(format('SCHEMA_first.%I', r.tablename)) IS NULL THEN
			EXECUTE format('DROP TABLE SCHEMA.%I CASCADE', r.tablename);
		ELSE
			EXECUTE format('DELETE FROM SCHEMA.%I', r.tablename);
			EXECUTE format('INSERT INTO SCHEMA.%1$I SELECT * FROM SCHEMA_first.%1$I', r.tablename);
		END IF;
	END LOOP;
END $$`

func connect(tb testing.TB, address string) *pgx.Conn {
	tb.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	conn, err := pgx.Connect(ctx, address)
	if err != nil {
		tb.Fatalf("reach the PostgreSQL of %s: %v", Variable, err)
	}
	tb.Cleanup(func() { _ = conn.Close(context.Background()) })
	return conn
}

func order(tb testing.TB, conn *pgx.Conn, statement string) {
	tb.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	if _, err := conn.Exec(ctx, statement); err != nil {
		tb.Errorf("%s: %v", statement, err)
	}
}

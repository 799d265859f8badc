package db_test

import (
	"context"
	"path/filepath"
	"testing"
	"time"

	"parvis/internal/db"
	"parvis/internal/db/dbtest"
)

// empty opens a database without tables several times, as so many nodes.
func empty(t *testing.T, engine string, nodes int) []*db.DB {
	t.Helper()
	settings := db.Preset("parvis")
	if engine == db.SQLite {
		settings.URL = "sqlite:" + filepath.Join(t.TempDir(), "parvis.db")
	} else {
		settings.URL = dbtest.Schema(t)
	}
	var out []*db.DB
	for range nodes {
		d, err := db.Open(t.Context(), settings, time.Now)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = d.Close() })
		out = append(out, d)
	}
	return out
}

func TestSeveralNodesMigrateAtOnce(t *testing.T) {
	for _, engine := range []string{db.SQLite, db.PostgreSQL} {
		t.Run(engine, func(t *testing.T) {
			nodes := empty(t, engine, 8)
			before, err := nodes[0].Status(t.Context())
			if err != nil || before.Current != 0 || len(before.Pending) == 0 {
				t.Fatalf("an empty database has status %+v, error %v", before, err)
			}
			for i, err := range together(len(nodes), func(i int) error {
				s, err := nodes[i].Migrate(context.Background())
				if err == nil && (len(s.Pending) > 0 || s.Current != s.Latest) {
					t.Errorf("node %d: status %+v", i, s)
				}
				return err
			}) {
				if err != nil {
					t.Errorf("node %d: %v", i, err)
				}
			}
			if n := count(t, nodes[1], "SELECT COUNT(*) FROM audit_event"); n != 0 {
				t.Errorf("a new table has %d rows", n)
			}
		})
	}
}

func TestOlderCodeRunsOnANewerSchema(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		d = empty(t, d.Engine(), 1)[0]
		if _, err := d.Migrate(t.Context()); err != nil {
			t.Fatal(err)
		}
		err := d.Write(t.Context(), func(tx *db.Tx) error {
			if _, err := tx.Exec("ALTER TABLE job ADD COLUMN later TEXT"); err != nil {
				return err
			}
			applied := "TRUE"
			if d.Engine() == db.SQLite {
				applied = "1"
			}
			return tx.ExecOne("INSERT INTO schema_version (version_id, is_applied) VALUES (9999, " + applied + ")")
		})
		if err != nil {
			t.Fatal(err)
		}
		s, err := d.Migrate(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if !s.Newer() || s.Current != 9999 || len(s.Pending) != 0 {
			t.Errorf("status %+v", s)
		}
	})
}

func TestSettingsThatCannotWorkAreNamed(t *testing.T) {
	for url, want := range map[string]string{
		"":                            "url is empty",
		"sqlite:":                     "names no file",
		"sqlite::memory:":             "names no file",
		"mysql://x":                   `url starts with "mysql"`,
		"sqlite:/nowhere/x/parvis.db": "",
		"postgres://parvis@db/parvis": "",
	} {
		s := db.Preset("parvis")
		s.URL = url
		problems := s.Problems()
		if want == "" && len(problems) > 0 || want != "" && (len(problems) != 1 || !contains(problems[0], want)) {
			t.Errorf("%q: %q", url, problems)
		}
	}
	s := db.Preset("parvis")
	s.URL = "sqlite:/nowhere/x/parvis.db"
	if _, err := db.Open(t.Context(), s, time.Now); err == nil || !contains(err.Error(), "database.url") {
		t.Errorf("a missing directory gives %v", err)
	}
	s.URL = "postgres://user:geheim@127.0.0.1:1/x"
	if _, err := db.Open(t.Context(), s, time.Now); err == nil || contains(err.Error(), "geheim") {
		t.Errorf("a server that is not there gives %v", err)
	}
}

func TestACheckpointEmptiesTheLogOfSQLite(t *testing.T) {
	d := dbtest.Open(t, db.SQLite)
	table(t, d)
	if err := d.Checkpoint(t.Context()); err != nil {
		t.Fatal(err)
	}
	path := d.Settings().URL[len("sqlite:"):] + "-wal"
	if n := size(t, path); n != 0 {
		t.Errorf("the log still has %d bytes", n)
	}
}

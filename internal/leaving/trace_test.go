package leaving_test

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"parvis/internal/account"
	"parvis/internal/db"
	"parvis/internal/journeytest"
)

// logged keeps what is logged.
type logged struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

// tables are the tables of a database.
func tables(t *testing.T, h *journeytest.House) []string {
	t.Helper()
	query := `SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name`
	if h.DB.Engine() == db.PostgreSQL {
		query = `SELECT table_name FROM information_schema.tables WHERE table_schema = current_schema() ORDER BY table_name`
	}
	var out []string
	read(t, h, func(tx *db.Tx) error {
		rows, err := tx.Query(query)
		out, err = db.Collect(rows, err, func(r *db.Rows) (name string, err error) { return name, r.Scan(&name) })
		return err
	})
	return out
}

func read(t *testing.T, h *journeytest.House, fn func(tx *db.Tx) error) {
	t.Helper()
	if err := h.DB.Read(t.Context(), fn); err != nil {
		t.Fatal(err)
	}
}

// columnsOf are the columns of a table, by the inventory.
func columnsOf(t *testing.T) map[string][]string {
	t.Helper()
	out := map[string][]string{}
	for full := range stored(t) {
		table, column, _ := strings.Cut(full, ".")
		out[table] = append(out[table], column)
	}
	return out
}

// dump is everything that is in the tables, and what is sealed there, opened with the
// keys of the deployment: whoever has both finds no more.
func dump(t *testing.T, h *journeytest.House) string {
	t.Helper()
	var out strings.Builder
	columns := columnsOf(t)
	for _, table := range tables(t, h) {
		list := columns[table]
		if len(list) == 0 {
			continue // of the migrations
		}
		read(t, h, func(tx *db.Tx) error {
			rows, err := tx.Query(`SELECT ` + strings.Join(list, ", ") + ` FROM ` + table)
			_, err = db.Collect(rows, err, func(r *db.Rows) (struct{}, error) {
				values := make([]any, len(list))
				dest := make([]any, len(list))
				for i := range values {
					dest[i] = &values[i]
				}
				if err := r.Scan(dest...); err != nil {
					return struct{}{}, err
				}
				fmt.Fprintf(&out, "%s: %s\n", table, opened(h, table, list, values))
				return struct{}{}, nil
			})
			return err
		})
	}
	return out.String()
}

// opened is one row in plain text.
func opened(h *journeytest.House, table string, columns []string, values []any) string {
	var out strings.Builder
	for i, v := range values {
		sealed, ok := v.([]byte)
		if !ok {
			fmt.Fprintf(&out, "%s=%v ", columns[i], v)
			continue
		}
		fmt.Fprintf(&out, "%s=%s %q ", columns[i], hex.EncodeToString(sealed), sealed)
		for _, row := range values { // one of them names the row to which the value is sealed
			name, ok := row.(string)
			if !ok {
				continue
			}
			if plain, err := h.Keys.Open(table, columns[i], name, sealed); err == nil {
				fmt.Fprintf(&out, "[%s] ", plain)
			}
		}
	}
	return out.String()
}

// files are the bytes of the database's files; nothing on PostgreSQL.
func files(t *testing.T, h *journeytest.House) []byte {
	t.Helper()
	if h.DB.Engine() != db.SQLite {
		return nil
	}
	var name string
	read(t, h, func(tx *db.Tx) error {
		return tx.QueryRow(`SELECT file FROM pragma_database_list WHERE name = 'main'`).Scan(&name)
	})
	var out []byte
	for _, suffix := range []string{"", "-wal", "-journal"} {
		text, err := os.ReadFile(name + suffix)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			t.Fatal(err)
		}
		out = append(out, text...)
	}
	if len(out) == 0 {
		t.Fatalf("%s is not the database", name)
	}
	return out
}

// leaks are the words of the person that are found in a text, also as hexadecimal digits.
func leaks(text string, words []string) []string {
	var out []string
	for _, w := range words {
		if strings.Contains(text, w) || strings.Contains(text, hex.EncodeToString([]byte(w))) {
			out = append(out, w)
		}
	}
	return out
}

// A person with something in every field deletes their account. Afterwards whoever has the
// database, its files, the keys and the log finds nothing that they gave, and the audit
// trail still verifies.
func TestDeletionLeavesNoTraceOfThePerson(t *testing.T) {
	journeytest.Each(t, func(t *testing.T, h *journeytest.House) {
		log := &logged{}
		logger := slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug}))
		h.Worker.Log, h.Audit.Logger = logger, logger
		p := full(t, h)
		var indexes []string
		for _, written := range []string{fullMain, fullSecond, fullFormer} {
			addr, err := account.ParseAddress(written)
			if err != nil {
				t.Fatal(err)
			}
			indexes = append(indexes, h.Keys.Index("address", addr.Key))
		}
		gave := []string{
			fullMain, fullSecond, fullFormer, "canary.first", "canary.second", "canary.former", fullApp, fullPhone, fullNumber, "4165550142", "Canaryagent", fullIP, fullAtBank,
		}
		words := append(append([]string{p.Session}, gave...), indexes...)

		before := dump(t, h)
		if missing := len(gave) - len(leaks(before, gave)); missing != 0 {
			t.Fatalf("%d words of the person are not found before: the test sees nothing; found %q", missing, leaks(before, gave))
		}
		if h.DB.Engine() == db.SQLite && len(leaks(string(files(t, h)), []string{fullApp})) == 0 {
			t.Fatal("the files hold nothing before: the test sees nothing")
		}

		if _, err := h.Leaving.Ask(t.Context(), p.Visitor); err != nil {
			t.Fatal(err)
		}
		h.Letters(fullMain)
		late := h.Browser() // somebody looks in meanwhile
		late.UserAgent, late.IP = fullAgent, fullIP
		late.SignIn(late.Direct(), fullMain, journeytest.Password)
		h.Clock.Advance(7*24*time.Hour + time.Minute)
		finish(t, h)
		h.Letters(fullMain) // the last message is delivered
		for range 2 {
			for _, job := range h.Lifecycle.Jobs() {
				if err := job.Run(t.Context()); err != nil {
					t.Fatal(job.Name, err)
				}
			}
			if err := h.Audit.Chain(t.Context()); err != nil {
				t.Fatal(err)
			}
			h.Clock.Advance(time.Hour)
		}
		if err := h.DB.Checkpoint(t.Context()); err != nil {
			t.Fatal(err)
		}

		after := dump(t, h)
		for _, word := range leaks(after, words) {
			for line := range strings.Lines(after) {
				if len(leaks(line, []string{word})) > 0 {
					t.Errorf("%q is still in the database: %.300s", word, line)
				}
			}
		}
		if found := leaks(string(files(t, h)), words); len(found) > 0 {
			t.Errorf("%q are still in the files of the database", found)
		}
		log.mu.Lock()
		if found := leaks(log.buf.String(), words); len(found) > 0 {
			t.Errorf("%q are in the log:\n%s", found, log.buf.String())
		}
		log.mu.Unlock()

		report, err := h.Audit.Verify(t.Context())
		if err != nil || len(report.Problems) > 0 || report.Events == 0 {
			t.Errorf("the audit trail does not verify: %+v, %v", report, err)
		}
	})
}

package db_test

import (
	"errors"
	"testing"

	"parvis/internal/db"
	"parvis/internal/db/dbtest"
)

// table makes a table of the test's own.
func table(t testing.TB, d *db.DB) {
	t.Helper()
	err := d.Write(t.Context(), func(tx *db.Tx) error {
		_, err := tx.Exec("CREATE TABLE thing (id TEXT NOT NULL PRIMARY KEY, n BIGINT, at BIGINT, body BYTEA)")
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestAValueComesBackAsItWasWritten(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		table(t, d)
		type name string
		err := d.Write(t.Context(), func(tx *db.Tx) error {
			return tx.ExecOne("INSERT INTO thing (id, n, at, body) VALUES ($1, $2, $3, $4)", name("a"), 7, db.Millis(tx.Now()), []byte{0, 1})
		})
		if err != nil {
			t.Fatal(err)
		}
		err = d.Read(t.Context(), func(tx *db.Tx) error {
			var id name
			var n int
			var body []byte
			if err := tx.QueryRow("SELECT id, n, body FROM thing WHERE id = $1", "a").Scan(&id, &n, &body); err != nil {
				return err
			}
			if id != "a" || n != 7 || string(body) != "\x00\x01" {
				t.Errorf("read %q %d %x", id, n, body)
			}
			err := tx.QueryRow("SELECT n FROM thing WHERE id = $1", "b").Scan(&n)
			if !errors.Is(err, db.ErrNoRows) {
				t.Errorf("a missing row gives %v", err)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	})
}

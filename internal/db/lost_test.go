package db_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"parvis/internal/db"
	"parvis/internal/db/dbtest"
	"parvis/internal/fault"
)

func TestALostConnectionIsUnavailableAndTheNextRequestWorks(t *testing.T) {
	d := dbtest.Open(t, db.PostgreSQL, dbtest.WithoutRehearsal())
	table(t, d)
	other := dbtest.Second(t, d)
	err := d.Write(t.Context(), func(tx *db.Tx) error {
		var pid int64
		if err := tx.QueryRow("SELECT CAST(pg_backend_pid() AS BIGINT)").Scan(&pid); err != nil {
			return err
		}
		kill := func(tx *db.Tx) error {
			_, err := tx.Exec("SELECT pg_terminate_backend(CAST($1 AS INT))", pid)
			return err
		}
		if err := other.WriteStatement(context.Background(), kill); err != nil {
			t.Error(err)
		}
		return insert(tx, "a")
	})
	if !fault.Is(err, fault.Unavailable) {
		t.Errorf("a lost connection gives %v", err)
	}
	if err := d.Write(t.Context(), func(tx *db.Tx) error { return insert(tx, "b") }); err != nil {
		t.Error(err)
	}
	if n := count(t, d, "SELECT COUNT(*) FROM thing"); n != 1 {
		t.Errorf("%d rows", n)
	}
}

func TestAnExhaustedPoolIsUnavailableInTime(t *testing.T) {
	few := dbtest.WithSettings(func(s *db.Settings) { s.Connections, s.WaitTimeout = 2, 3*time.Second }) // in which it connects, too
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		stuck, free := make(chan struct{}), make(chan struct{})
		for range 2 {
			go func() {
				_ = d.Read(context.Background(), func(*db.Tx) error {
					stuck <- struct{}{}
					<-free
					return nil
				})
			}()
			<-stuck
		}
		err := d.Read(t.Context(), func(*db.Tx) error { return nil })
		if !fault.Is(err, fault.Unavailable) {
			t.Errorf("reading gives %v", err)
		}
		close(free)
	}, few)
}

func TestAWriteInsideAWriteDoesNotHangForEver(t *testing.T) {
	short := dbtest.WithSettings(func(s *db.Settings) { s.WaitTimeout = 300 * time.Millisecond })
	d := dbtest.Open(t, db.SQLite, short, dbtest.WithoutRehearsal())
	err := d.Write(t.Context(), func(*db.Tx) error {
		return d.Write(t.Context(), func(*db.Tx) error { return nil })
	})
	if !fault.Is(err, fault.Unavailable) {
		t.Errorf("it gives %v", err)
	}
}

func TestAPasswordInTheAddressIsNotPrinted(t *testing.T) {
	s := db.Settings{URL: "postgres://parvis:geheim@db.example.org/parvis"}
	if text := s.LogValue().String(); strings.Contains(text, "geheim") || !strings.Contains(text, "db.example.org") {
		t.Errorf("logged as %s", text)
	}
}

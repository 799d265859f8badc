package db_test

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"parvis/internal/db"
	"parvis/internal/db/dbtest"
)

// childURL is set for the test binary that runs as the writer to be killed.
const childURL = "PARVIS_DB_TEST_CHILD"

func contains(s, part string) bool { return strings.Contains(s, part) }

func size(t *testing.T, path string) int64 {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	return info.Size()
}

func TestMain(m *testing.M) {
	if url := os.Getenv(childURL); url != "" {
		writeForEver(url)
		return
	}
	os.Exit(m.Run())
}

// writeForEver writes with many goroutines and prints each row's id once it is acknowledged.
func writeForEver(url string) {
	s := db.Preset("parvis")
	s.URL = url
	d, err := db.Open(context.Background(), s, time.Now)
	if err != nil {
		fmt.Println("error", err)
		os.Exit(1)
	}
	acknowledged := make(chan string, 100)
	start := time.Now().UnixNano()
	for w := range 16 {
		go func() {
			for i := 0; ; i++ {
				name := fmt.Sprintf("%d-%d-%d", start, w, i)
				err := d.Write(context.Background(), func(tx *db.Tx) error {
					if err := insert(tx, name); err != nil {
						return err
					}
					return tx.ExecOne("UPDATE thing SET n = n + 1 WHERE id = 'total'")
				})
				if err == nil {
					acknowledged <- name
				}
			}
		}()
	}
	for name := range acknowledged {
		fmt.Println(name)
	}
}

func TestKillingTheProcessLosesNothingThatWasAcknowledged(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		table(t, d)
		if err := d.Write(t.Context(), func(tx *db.Tx) error { return insert(tx, "total") }); err != nil {
			t.Fatal(err)
		}
		acknowledged := map[string]bool{}
		for round := range 4 {
			killAfter(t, d.Settings().URL, time.Duration(60+61*round)*time.Millisecond, acknowledged)
		}
		if len(acknowledged) == 0 {
			t.Fatal("the writers did not get to write anything")
		}
		kept, total := map[string]bool{}, 0
		err := d.Read(t.Context(), func(tx *db.Tx) error {
			rows, err := tx.Query("SELECT id FROM thing WHERE id <> 'total'")
			list, err := db.Collect(rows, err, func(r *db.Rows) (id string, err error) { err = r.Scan(&id); return })
			for _, id := range list {
				kept[id] = true
			}
			if err != nil {
				return err
			}
			return tx.QueryRow("SELECT n FROM thing WHERE id = 'total'").Scan(&total)
		})
		if err != nil {
			t.Fatal(err)
		}
		for id := range acknowledged {
			if !kept[id] {
				t.Errorf("row %s was acknowledged and is lost", id)
			}
		}
		if total != len(kept) {
			t.Errorf("half a transaction was kept: %d rows, total %d", len(kept), total)
		}
		t.Logf("%d acknowledged, %d kept", len(acknowledged), len(kept))
	}, dbtest.WithoutRehearsal())
}

// killAfter runs this binary as a writer, reads what it acknowledges, and kills it.
func killAfter(t *testing.T, url string, wait time.Duration, acknowledged map[string]bool) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), childURL+"="+url)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	first := true
	for lines.Scan() {
		if first { // it works: from here on the end may come at any moment
			first = false
			time.AfterFunc(wait, func() { _ = cmd.Process.Kill() })
		}
		id := lines.Text()
		if _, err := strconv.ParseInt(id[:strings.IndexByte(id+"-", '-')], 10, 64); err != nil {
			t.Fatal(id)
		}
		if strings.Count(id, "-") == 2 {
			acknowledged[id] = true
		}
	}
	_ = cmd.Wait() // killed
}

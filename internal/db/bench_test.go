package db_test

import (
	"context"
	"crypto/rand"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"parvis/internal/db"
	"parvis/internal/db/dbtest"
)

// rate is how many operations a second w goroutines do for a while.
func rate(b *testing.B, w int, during time.Duration, f func() error) float64 {
	b.Helper()
	var done atomic.Int64
	var all sync.WaitGroup
	start := time.Now()
	for range w {
		all.Go(func() {
			for time.Since(start) < during {
				if err := f(); err != nil {
					b.Error(err)
					return
				}
				done.Add(1)
			}
		})
	}
	all.Wait()
	return float64(done.Load()) / time.Since(start).Seconds()
}

func put(tx *db.Tx) error {
	return tx.ExecOne("INSERT INTO thing (id, n, at) VALUES ($1, $2, $3)", rand.Text(), 1, db.Millis(tx.Now()))
}

// BenchmarkCommits measures commits a second alone and with 64 writers, as ratios
// to bare single inserts through database/sql on the same engine by one client,
// each measured in the same run. It takes its own time: run with -benchtime=1x.
func BenchmarkCommits(b *testing.B) {
	during := time.Second
	if os.Getenv("PARVIS_BENCH_LONG") != "" {
		during = 10 * time.Second
	}
	dbtest.EachB(b, func(b *testing.B, d *db.DB) {
		table(b, d)
		bare, err := db.Bare(d)
		if err != nil {
			b.Fatal(err)
		}
		defer func() { _ = bare.Close() }()
		var floor, alone, together, statement, read float64
		for range b.N {
			ctx := context.Background()
			floor += rate(b, 1, during, func() error {
				_, err := bare.Exec("INSERT INTO thing (id, n, at) VALUES ($1, $2, $3)", rand.Text(), 1, 1)
				return err
			})
			alone += rate(b, 1, during, func() error { return d.Write(ctx, put) })
			together += rate(b, 64, during, func() error { return d.Write(ctx, put) })
			statement += rate(b, 64, during, func() error { return d.WriteStatement(ctx, put) })
			read += rate(b, 8, during, func() error {
				return d.Read(ctx, func(tx *db.Tx) error {
					var n int
					return tx.QueryRow("SELECT COUNT(*) FROM thing WHERE id = $1", "x").Scan(&n)
				})
			})
		}
		n := float64(b.N)
		b.ReportMetric(floor/n, "bare/s")
		b.ReportMetric(alone/n, "alone/s")
		b.ReportMetric(together/n, "64writers/s")
		b.ReportMetric(statement/n, "64statements/s")
		b.ReportMetric(read/n, "8readers/s")
		b.ReportMetric(alone/floor, "alone:bare")
		b.ReportMetric(together/floor, "64writers:bare")
	})
}

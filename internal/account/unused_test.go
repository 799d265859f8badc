package account_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"parvis/internal/account"
	"parvis/internal/db"
	"parvis/internal/db/dbtest"
)

// A deployment has millions of accounts, and few of them are unused.
func TestUnusedAccountsAndDueWarningsAreFoundByTheirIndexes(t *testing.T) {
	var asked string
	d := dbtest.Open(t, db.SQLite, dbtest.WithoutRehearsal(), dbtest.Observe(func(query string) {
		if strings.HasPrefix(query, "SELECT") {
			asked = query
		}
	}))
	at := time.UnixMilli(1)
	for _, c := range []struct {
		index string
		args  []any
		ask   func(tx *db.Tx) error
	}{
		{"account_used_at", []any{1, 0, "", 1, 10}, func(tx *db.Tx) error {
			_, err := account.Warnings{}.Unused(tx, at, account.Unused{}, 10)
			return err
		}},
		{"unused_warning_next", []any{1, 0, "", 10}, func(tx *db.Tx) error {
			_, err := account.Warnings{}.Due(tx, account.Warning{}, 10)
			return err
		}},
	} {
		err := d.Read(context.Background(), func(tx *db.Tx) error {
			if err := c.ask(tx); err != nil {
				return err
			}
			rows, err := tx.Query(`EXPLAIN QUERY PLAN `+asked, c.args...)
			plan, err := db.Collect(rows, err, func(r *db.Rows) (line string, err error) {
				var a, b, c int64
				return line, r.Scan(&a, &b, &c, &line)
			})
			if all := strings.Join(plan, "\n"); err == nil && (!strings.Contains(all, c.index) || strings.Contains(all, "TEMP B-TREE")) {
				t.Errorf("%s is not what it is found and ordered by:\n%s", c.index, all)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

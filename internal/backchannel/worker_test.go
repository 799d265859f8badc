package backchannel_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"parvis/internal/backchannel"
	"parvis/internal/db"
	"parvis/internal/db/dbtest"
)

// Whoever signs out asks for the notices of their own visits by the key of the table: a
// service that cannot be reached lets very many wait, and they make nobody's sign-out slow.
func TestWhoSignsOutLooksAtTheirOwnNoticesOnly(t *testing.T) {
	var asked string
	d := dbtest.Open(t, db.SQLite, dbtest.WithoutRehearsal(), dbtest.Observe(func(q string) {
		if strings.Contains(q, "FROM logout_notice") && !strings.HasPrefix(q, "EXPLAIN") {
			asked = q
		}
	}))
	w := &backchannel.Worker{DB: d, Settings: backchannel.Settings{Wait: time.Second}}
	w.Await(t.Context(), []backchannel.Visit{{RelyingParty: "a", Origin: "1"}, {RelyingParty: "b", Origin: "2"}})
	err := d.Read(context.Background(), func(tx *db.Tx) error {
		rows, err := tx.Query(`EXPLAIN QUERY PLAN `+asked, "a", "1", "b", "2")
		plan, err := db.Collect(rows, err, func(r *db.Rows) (line string, err error) {
			var a, b, c int64
			return line, r.Scan(&a, &b, &c, &line)
		})
		if all := strings.Join(plan, "\n"); strings.Contains(all, "SCAN") || strings.Count(all, "(relying_party=? AND origin=?)") != 2 {
			t.Errorf("%s\n%s", asked, all)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

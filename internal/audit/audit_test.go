package audit_test

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"parvis/internal/audit"
	"parvis/internal/db"
	"parvis/internal/db/dbtest"
	"parvis/internal/secret"
)

func keys(t testing.TB) *secret.Keys {
	t.Helper()
	k, err := secret.NewKeys([]byte(strings.Repeat("p", 32)), []byte(strings.Repeat("r", 32)))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func newLog(t testing.TB, d *db.DB) *audit.Log {
	t.Helper()
	return &audit.Log{DB: d, Keys: keys(t), Settings: audit.Preset("parvis")}
}

func record(t testing.TB, l *audit.Log, events ...audit.Event) {
	t.Helper()
	err := l.DB.Write(t.Context(), func(tx *db.Tx) error {
		for _, e := range events {
			if err := l.Record(tx, e); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// event is one with everything set.
func event(n int) audit.Event {
	return audit.Event{
		Name: audit.SigninSucceeded, Account: "account", RelyingParty: "service", Session: "session", Flow: "flow",
		Outcome: audit.Success, Reason: "reason", Data: map[string]string{"n": fmt.Sprint(n), "é": "<ü>"},
		Personal: audit.Personal{IP: "192.0.2.1", UserAgent: "agent", Address: "person@example.org"},
	}
}

func change(t testing.TB, d *db.DB, query string, args ...any) {
	t.Helper()
	err := d.Write(t.Context(), func(tx *db.Tx) error {
		_, err := tx.Exec(query, args...)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func verify(t testing.TB, l *audit.Log) audit.Report {
	t.Helper()
	r, err := l.Verify(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestAnEventComesBackWithWhatIsPersonalOpened(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		l := newLog(t, d)
		record(t, l, event(1))
		var list []audit.Event
		err := d.Read(t.Context(), func(tx *db.Tx) (err error) {
			list, err = l.ByAccount(tx, "account", 10)
			return err
		})
		if err != nil || len(list) != 1 {
			t.Fatalf("%d events, error %v", len(list), err)
		}
		e := list[0]
		if e.Personal != event(1).Personal || e.Data["é"] != "<ü>" || e.Name != audit.SigninSucceeded || e.Flow != "flow" || e.At.IsZero() {
			t.Errorf("read %+v", e)
		}
		if fmt.Sprint(e.Personal) != "(personal)" || strings.Contains(fmt.Sprintf("%+v", e), "example.org") {
			t.Error("a formatted event shows what is personal")
		}
		raw := 0
		err = d.Read(t.Context(), func(tx *db.Tx) error {
			return tx.QueryRow("SELECT COUNT(*) FROM audit_event WHERE address = $1 OR data LIKE '%example.org%'", []byte("person@example.org")).Scan(&raw)
		})
		if err != nil || raw != 0 {
			t.Errorf("the address stands open in %d rows, error %v", raw, err)
		}
	})
}

func TestWhatIsRolledBackWasNotRecorded(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		l := newLog(t, d)
		observed := 0
		l.Observe = func(audit.Name, string) { observed++ }
		_ = d.Write(t.Context(), func(tx *db.Tx) error {
			if err := l.Record(tx, event(1)); err != nil {
				return err
			}
			return context.Canceled
		})
		if r := verify(t, l); r.Waiting != 0 || observed != 0 {
			t.Errorf("%d events, %d observed", r.Waiting, observed)
		}
		record(t, l, event(1))
		if observed != 1 {
			t.Errorf("%d observed", observed)
		}
	})
}

func TestWhatAStrangerSentIsCutAndStorable(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		l := newLog(t, d)
		bad := "\x00\xff" + strings.Repeat("é", 5000)
		record(t, l, audit.Event{
			Name: audit.PasswordFailed, Outcome: audit.Refused, Reason: bad, Data: map[string]string{"x": bad},
			Personal: audit.Personal{IP: bad, UserAgent: bad, Address: bad},
		})
		if err := l.Chain(t.Context()); err != nil {
			t.Fatal(err)
		}
		if r := verify(t, l); len(r.Problems) > 0 || r.Events != 1 {
			t.Errorf("%+v", r)
		}
	})
}

func TestTheChainIsWholeWhileManyRecordAndTwoNodesChain(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		l, other := newLog(t, d), newLog(t, dbtest.Second(t, d))
		var all sync.WaitGroup
		for i := range 40 {
			all.Go(func() {
				err := d.Write(t.Context(), func(tx *db.Tx) error { return l.Record(tx, event(i)) })
				if err != nil {
					t.Error(err)
				}
			})
		}
		for range 4 {
			for _, node := range []*audit.Log{l, other} {
				all.Go(func() {
					if err := node.Chain(t.Context()); err != nil {
						t.Error(err)
					}
				})
			}
		}
		all.Wait()
		if err := l.Chain(t.Context()); err != nil {
			t.Fatal(err)
		}
		if r := verify(t, l); len(r.Problems) > 0 || r.Events != 40 || r.Waiting != 0 || r.Checkpoints == 0 {
			t.Errorf("%+v", r)
		}
	})
}

func TestEveryKindOfTamperingIsFound(t *testing.T) {
	for name, query := range map[string]string{
		"a changed reason":        "UPDATE audit_event SET reason = 'other' WHERE number = 3",
		"a changed account":       "UPDATE audit_event SET account = NULL WHERE number = 3",
		"an event taken out":      "DELETE FROM audit_event WHERE number = 3",
		"the newest taken out":    "DELETE FROM audit_event WHERE number = 6",
		"a cut chain":             "UPDATE audit_head SET number = 4, chain = (SELECT chain FROM audit_event WHERE number = 4) WHERE id = 'head'",
		"a forged link":           "UPDATE audit_event SET chain = personal_digest WHERE number = 3",
		"a forged digest":         "UPDATE audit_event SET personal_digest = chain WHERE number = 3",
		"a forged checkpoint":     "UPDATE audit_checkpoint SET chain = (SELECT chain FROM audit_event WHERE number = 2)",
		"exchanged personal data": "UPDATE audit_event SET ip = user_agent WHERE number = 3",
		"a changed salt":          "UPDATE audit_event SET personal_salt = personal_digest WHERE number = 3",
	} {
		t.Run(name, func(t *testing.T) {
			d := dbtest.Open(t, db.SQLite)
			l := newLog(t, d)
			for i := range 6 {
				record(t, l, event(i))
			}
			if err := l.Chain(t.Context()); err != nil {
				t.Fatal(err)
			}
			if r := verify(t, l); len(r.Problems) > 0 || r.Events != 6 || r.Checkpoints != 1 {
				t.Fatalf("before: %+v", r)
			}
			change(t, d, query)
			if r := verify(t, l); len(r.Problems) == 0 {
				t.Errorf("it was not found: %+v", r)
			}
		})
	}
}

func TestErasureLeavesTheChainVerifiable(t *testing.T) {
	clock := dbtest.NewClock()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		l := newLog(t, d)
		other := event(2)
		other.Account = "other"
		record(t, l, event(1), other)
		if err := l.Chain(t.Context()); err != nil {
			t.Fatal(err)
		}
		err := d.Write(t.Context(), func(tx *db.Tx) error { return l.EraseAccount(tx, "account") })
		if err != nil {
			t.Fatal(err)
		}
		if r := verify(t, l); len(r.Problems) > 0 || r.Erased != 1 {
			t.Errorf("after the erasure of one account: %+v", r)
		}
		clock.Advance(l.Settings.KeepPersonal + time.Hour)
		if err := l.ErasePersonal(t.Context()); err != nil {
			t.Fatal(err)
		}
		if r := verify(t, l); len(r.Problems) > 0 || r.Erased != 2 {
			t.Errorf("after the end of its time: %+v", r)
		}
		list := 0
		err = d.Read(t.Context(), func(tx *db.Tx) error {
			return tx.QueryRow("SELECT COUNT(*) FROM audit_event WHERE ip IS NOT NULL OR address IS NOT NULL OR user_agent IS NOT NULL").Scan(&list)
		})
		if err != nil || list != 0 {
			t.Errorf("%d events still hold something personal, error %v", list, err)
		}
	}, dbtest.WithClock(clock.Now))
}

func TestACheckpointIsLoggedAndSignedWithTheDeploymentsKey(t *testing.T) {
	clock := dbtest.NewClock()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		l := newLog(t, d)
		var text strings.Builder
		l.Logger = slog.New(slog.NewTextHandler(&text, nil))
		for range 3 {
			record(t, l, event(1))
			if err := l.Chain(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		if n := strings.Count(text.String(), "audit checkpoint"); n != 1 {
			t.Errorf("%d checkpoints within a minute", n)
		}
		clock.Advance(time.Minute)
		if err := l.Chain(t.Context()); err != nil {
			t.Fatal(err)
		}
		if r := verify(t, l); r.Checkpoints != 2 || len(r.Problems) > 0 {
			t.Errorf("%+v", r)
		}
		foreign, err := secret.NewKeys([]byte(strings.Repeat("p", 32)), []byte(strings.Repeat("x", 32)))
		if err != nil {
			t.Fatal(err)
		}
		l.Keys = foreign
		if r := verify(t, l); len(r.Problems) == 0 {
			t.Error("another deployment's key is accepted")
		}
	}, dbtest.WithClock(clock.Now))
}

func TestAnEventNeedsANameAndAnOutcome(t *testing.T) {
	d := dbtest.Open(t, db.SQLite)
	l := newLog(t, d)
	for _, e := range []audit.Event{{Outcome: audit.Success}, {Name: audit.Signout}} {
		err := d.Write(t.Context(), func(tx *db.Tx) error { return l.Record(tx, e) })
		if err == nil {
			t.Errorf("%+v was recorded", e)
		}
	}
	if p := (audit.Settings{}).Problems(); len(p) != 2 {
		t.Errorf("empty settings: %q", p)
	}
	if p := audit.Preset("parvis").Problems(); len(p) != 0 {
		t.Errorf("the preset: %q", p)
	}
}

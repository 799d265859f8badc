package pushed_test

import (
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"parvis/internal/db"
	"parvis/internal/db/dbtest"
	"parvis/internal/id"
	"parvis/internal/pushed"
	"parvis/internal/secret"
)

const service = id.RelyingParty("service")

func requests(t *testing.T) pushed.Requests {
	t.Helper()
	keys, err := secret.NewKeys(make([]byte, secret.RootBytes), []byte(strings.Repeat("k", secret.RootBytes)))
	if err != nil {
		t.Fatal(err)
	}
	return pushed.Requests{Keys: keys, Settings: pushed.Preset("")}
}

// names pushes some requests.
func names(t *testing.T, d *db.DB, s pushed.Requests, n int) []pushed.Name {
	t.Helper()
	var out []pushed.Name
	for range n {
		out = append(out, pushed.NewName())
	}
	check(t, d.WriteStatement(t.Context(), func(tx *db.Tx) error {
		for _, name := range out {
			err := s.Push(tx, name, pushed.Request{RelyingParty: service, Parameters: map[string]string{"state": strings.Repeat("s", 1000)}})
			if err != nil {
				return err
			}
		}
		return nil
	}))
	return out
}

// RFC 9126, 4: of any number who use one request at once, one gets an authorization.
func TestOfManyWhoUseOneRequestOneWins(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		s := requests(t)
		name := names(t, d, s, 1)[0]
		const racers = 64
		type end struct {
			first bool
			err   error
		}
		ends := make(chan end, racers)
		for range racers {
			go func() {
				var e end
				e.err = d.Write(t.Context(), func(tx *db.Tx) (err error) {
					e.first, err = s.Use(tx, name.Key())
					return err
				})
				ends <- e
			}()
		}
		won := 0
		for range racers {
			e := <-ends
			if e.err != nil {
				t.Error(e.err)
			}
			if e.first {
				won++
			}
		}
		if won != 1 {
			t.Errorf("%d of %d won", won, racers)
		}
		check(t, d.Read(t.Context(), func(tx *db.Tx) error {
			if _, found, err := s.Find(tx, name, service); err != nil || found {
				t.Errorf("it is found after its use: %v", err)
			}
			return nil
		}))
	})
}

// Three people come with three requests at the same time: nobody has to begin again. (The
// three overlap as serializable transactions must not when one reads what the next writes.)
func TestUsesOfDifferentRequestsAreNoConflict(t *testing.T) {
	d := dbtest.Open(t, db.PostgreSQL, dbtest.WithoutRehearsal()) // SQLite has one writer
	s := requests(t)
	// A table of few pages PostgreSQL reads whole, and then everybody collides. Of so many rows
	// it reads the index, where neighbours share a page.
	name := names(t, d, s, 100)
	slices.SortFunc(name, func(a, b pushed.Name) int { return strings.Compare(a.Key(), b.Key()) })
	name = name[50:53]
	var used [2]chan struct{}
	for i := range used {
		used[i] = make(chan struct{})
	}
	committed := make(chan struct{})
	var runs [3]atomic.Int64
	ends := make(chan error, 2)
	use := func(i int) error {
		return d.Write(t.Context(), func(tx *db.Tx) error {
			first, err := s.Use(tx, name[i].Key())
			if err != nil {
				return err
			}
			if !first {
				t.Errorf("request %d was used before", i)
			}
			if runs[i].Add(1) > 1 || i == 2 {
				return nil
			}
			close(used[i])
			<-committed
			return nil
		})
	}
	go func() { ends <- use(0) }()
	wait(t, used[0])
	go func() { ends <- use(1) }()
	wait(t, used[1])
	err := use(2)
	close(committed)
	check(t, err)
	for range 2 {
		check(t, <-ends)
	}
	for i := range runs {
		if n := runs[i].Load(); n != 1 {
			t.Errorf("the use of request %d was run %d times", i, n)
		}
	}
}

// A request that nobody used is wiped at its end; its name stays for a journey that began in time.
func TestAnUnusedRequestIsWipedAndStaysForTheJourneyThatBeganWithIt(t *testing.T) {
	clock := dbtest.NewClock()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		s := requests(t)
		name := names(t, d, s, 2)
		clock.Advance(s.Settings.Life)
		check(t, s.Purge(t.Context(), d))
		left := func() (rows, bytes int64) {
			check(t, d.Read(t.Context(), func(tx *db.Tx) error {
				return tx.QueryRow(`SELECT COUNT(*), COALESCE(SUM(LENGTH(parameters)), 0) FROM pushed_request`).Scan(&rows, &bytes)
			}))
			return rows, bytes
		}
		if rows, bytes := left(); rows != 2 || bytes != 0 {
			t.Errorf("%d rows, %d bytes after their end", rows, bytes)
		}
		clock.Advance(time.Hour)
		check(t, d.Write(t.Context(), func(tx *db.Tx) error {
			if first, err := s.Use(tx, name[0].Key()); err != nil || !first {
				t.Errorf("the journey that began with it cannot end: %v %v", first, err)
			}
			return nil
		}))
		if rows, _ := left(); rows != 1 {
			t.Errorf("%d rows after a use", rows)
		}
		clock.Advance(25 * time.Hour)
		check(t, s.Purge(t.Context(), d))
		if rows, _ := left(); rows != 0 {
			t.Errorf("%d rows after a day", rows)
		}
	}, dbtest.WithClock(clock.Now))
}

func wait(t *testing.T, c chan struct{}) {
	t.Helper()
	select {
	case <-c:
	case <-t.Context().Done():
		t.Fatal("the test is over")
	}
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

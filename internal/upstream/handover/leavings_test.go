package handover

import (
	"bytes"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"parvis/internal/db"
	"parvis/internal/db/dbtest"
	"parvis/internal/id"
	"parvis/internal/secret"
	"parvis/internal/upstream"
)

// porch is where people stand who have signed out here.
type porch struct {
	*testing.T
	db    *db.DB
	clock *dbtest.Clock
	Leavings
}

func onPorch(t *testing.T, test func(p *porch)) {
	t.Helper()
	clock := dbtest.NewClock()
	begin := clock.Now()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		clock.Set(begin)
		test(&porch{T: t, db: d, clock: clock, Leavings: Leavings{Keys: keys(t, 1)}})
	}, dbtest.WithClock(clock.Now))
}

func (p *porch) write(fn func(tx *db.Tx) error) {
	p.Helper()
	if err := p.db.Write(p.Context(), fn); err != nil {
		p.Fatal(err)
	}
}

func (p *porch) begin(browser []byte, session id.Session, presence upstream.Presence) {
	p.Helper()
	text, err := presence.Text()
	if err != nil {
		p.Fatal(err)
	}
	p.write(func(tx *db.Tx) error { return p.Begin(tx, browser, "bank", session, text) })
}

func (p *porch) find(browser []byte, provider upstream.ID) (l Leaving, found bool) {
	p.Helper()
	p.write(func(tx *db.Tx) (err error) { l, found, err = p.Find(tx, browser, provider); return err })
	return l, found
}

func (p *porch) ask(l Leaving, state string) (ok bool) {
	p.Helper()
	pending := upstream.Pending{Provider: l.Provider, State: state, Request: "_" + state}
	p.write(func(tx *db.Tx) (err error) { ok, err = p.Asked(tx, l, pending); return err })
	return ok
}

func (p *porch) take(browser []byte, provider upstream.ID, state string) (pending upstream.Pending, found bool) {
	err := p.db.WriteStatement(p.Context(), func(tx *db.Tx) (err error) {
		_, pending, found, err = p.Take(tx, browser, provider, state)
		return err
	})
	if err != nil {
		p.Error(err)
	}
	return pending, found
}

func TestALeavingBelongsToItsBrowserAndPartnerForAWhile(t *testing.T) {
	onPorch(t, func(p *porch) {
		mine, others := secret.Digest("mine"), secret.Digest("others")
		whom := upstream.Presence{Subject: "customer-1", Index: "_session", Format: "persistent"}
		p.begin(mine, "S1", whom)
		for name, nothing := range map[string]func(){
			"no browser":                   func() { p.begin(nil, "S2", whom) },
			"nothing was called":           func() { p.begin(others, "S2", upstream.Presence{}) },
			"a protocol that names no one": func() { p.begin(others, "S2", upstream.Presence{Subject: "customer-1", Index: "sid"}) },
		} {
			nothing()
			if n := countOf(t, p.db, "SELECT COUNT(*) FROM upstream_leaving"); n != 1 {
				t.Fatalf("%s: %d are kept", name, n)
			}
		}
		l, found := p.find(mine, "bank")
		if !found || l.Presence != whom || l.Session != "S1" {
			t.Fatalf("%+v", l)
		}
		if text := fmt.Sprintf("%v %+v", l, l); strings.Contains(text, "customer") {
			t.Error(text)
		}
		for name, c := range map[string]struct {
			browser  []byte
			provider upstream.ID
		}{"another browser": {others, "bank"}, "no browser": {nil, "bank"}, "another partner": {mine, "union"}} {
			if _, found := p.find(c.browser, c.provider); found {
				t.Errorf("%s finds it", name)
			}
		}
		if _, found := p.take(mine, "bank", ""); found {
			t.Error("an answer to nothing is taken")
		}
		if !p.ask(l, "first") || !p.ask(l, "second") {
			t.Fatal("it cannot be asked")
		}
		var presence, asked []byte
		p.write(func(tx *db.Tx) error {
			return tx.QueryRow(`SELECT presence, asked FROM upstream_leaving`).Scan(&presence, &asked)
		})
		if bytes.Contains(presence, []byte("customer")) || bytes.Contains(asked, []byte("second")) {
			t.Error("it is not sealed")
		}
		for name, c := range map[string]struct {
			browser  []byte
			provider upstream.ID
			state    string
		}{
			"the request before": {mine, "bank", "first"}, "another browser": {others, "bank", "second"},
			"another partner": {mine, "union", "second"}, "no browser": {nil, "bank", "second"},
		} {
			if _, found := p.take(c.browser, c.provider, c.state); found {
				t.Errorf("%s takes it", name)
			}
		}
		if got, found := p.take(mine, "bank", "second"); !found || got.Request != "_second" {
			t.Errorf("%+v", got)
		}
		if _, found := p.find(mine, "bank"); found {
			t.Error("who it was is known after the answer")
		}

		// Signing in and out again makes the older request void.
		p.begin(mine, "S2", whom)
		older, _ := p.find(mine, "bank")
		p.ask(older, "third")
		p.begin(mine, "S3", whom)
		if p.ask(older, "fourth") {
			t.Error("a leaving that was replaced is asked for")
		}
		if _, found := p.take(mine, "bank", "third"); found {
			t.Error("the answer to an older leaving is taken")
		}
		p.clock.Advance(leavingLife)
		if _, found := p.find(mine, "bank"); found {
			t.Error("it stands for too long")
		}
		if err := (Answers{DB: p.db}).Purge(t.Context()); err != nil {
			t.Fatal(err)
		}
		if n := countOf(t, p.db, "SELECT COUNT(*) FROM upstream_leaving"); n != 0 {
			t.Errorf("%d stay", n)
		}
	})
}

func TestOfManyWhoBringOneAnswerToASignOutOneIsHeard(t *testing.T) {
	onPorch(t, func(p *porch) {
		mine := secret.Digest("mine")
		p.begin(mine, "S1", upstream.Presence{Subject: "customer-1", Format: "persistent"})
		l, _ := p.find(mine, "bank")
		p.ask(l, "state")
		var won atomic.Int64
		var all sync.WaitGroup
		begin := make(chan struct{})
		for range 30 {
			all.Go(func() {
				<-begin
				if _, found := p.take(mine, "bank", "state"); found {
					won.Add(1)
				}
			})
		}
		close(begin)
		all.Wait()
		if won.Load() != 1 {
			t.Errorf("%d of 30 racers got one answer", won.Load())
		}
	})
}

package flow_test

import (
	"slices"
	"sync"
	"testing"
	"time"

	"parvis/internal/db"
	"parvis/internal/db/dbtest"
	"parvis/internal/fault"
	"parvis/internal/flow"
	"parvis/internal/id"
)

func (h *house) reopen(flow id.Flow, b []byte) (f flow.Flow, err error) {
	h.Helper()
	err = h.try(func(tx *db.Tx) (err error) { f, err = h.Reopen(tx, flow, b, "192.0.2.7"); return err })
	return f, err
}

// ranOut is a flow of browser 1 on which a step was saved, and whose time is just over.
func (h *house) ranOut(change func(*flow.State)) flow.Flow {
	h.Helper()
	n := flow.Prepare("fishing", sample())
	n.Browser, n.IP = browser(1), "192.0.2.7"
	f := h.begin(n)
	f.State.Progress = flow.Progress{
		Task: flow.TaskCreate, Address: "canary@example.org", Proof: "proof", Proven: "account", ProvenAt: 7, Taken: true,
		Confirmed: "session", Consented: 8, Consenter: "account", Cancelled: true, Second: flow.Second{Owner: "account", Draft: "secret"},
	}
	if change != nil {
		change(&f.State)
	}
	f, err := h.save(f)
	if err != nil {
		h.Fatal(err)
	}
	h.clock.Advance(h.Settings.IdleFor)
	if _, err := h.load(f.ID, browser(1)); !fault.Is(err, fault.Expired) {
		h.Fatalf("it should have run out: %v", err)
	}
	return f
}

func TestAFlowThatRanOutIsTakenUpAgainWithoutWhatWasProvenOnIt(t *testing.T) {
	each(t, func(h *house) {
		old := h.ranOut(nil)
		h.write(func(tx *db.Tx) error { _, err := h.Purge(tx, 100); return err })
		f, err := h.reopen(old.ID, browser(1))
		if err != nil || f.ID != old.ID || f.Reference != old.Reference || f.RelyingParty != "fishing" || f.Posted || f.Row != old.Row+1 ||
			!f.ExpiresAt.Equal(h.clock.Now().Add(h.Settings.StartedFor).Truncate(time.Millisecond)) {
			h.Fatalf("%v %+v", err, f)
		}
		want := sample()
		if string(f.State.Request) != string(want.Request) || f.State.Finish != want.Finish || !f.State.Demand.ForceLogin || f.State.LoginHint != want.LoginHint {
			h.Errorf("what the service asked: %+v", f.State)
		}
		if f.State.Progress != (flow.Progress{Task: flow.TaskCreate, Notice: flow.NoticeAgain}) {
			h.Errorf("what is left of the progress: %+v", f.State.Progress)
		}
		if _, err := h.save(old); !fault.Is(err, fault.Conflict) {
			h.Errorf("a step that was loaded before: %v", err)
		}
		if again, err := h.reopen(old.ID, browser(1)); err != nil || again.Row != f.Row {
			h.Errorf("while it lives: %v %+v", err, again)
		}
		if _, err := h.save(f); err != nil {
			h.Errorf("the next step: %v", err)
		}
	})
}

func TestWhoSignedInOnAFlowIsNotAskedToCreateAnAccountAgain(t *testing.T) {
	each(t, func(h *house) {
		old := h.ranOut(func(s *flow.State) { s.Progress.Account = "account" })
		f, err := h.reopen(old.ID, browser(1))
		if err != nil || f.State.Progress != (flow.Progress{Notice: flow.NoticeAgain}) {
			h.Errorf("%v %+v", err, f.State.Progress)
		}
		if f.State.LoginHint != "" { // they may have signed out since
			h.Errorf("the next person at this computer is told of %q", f.State.LoginHint)
		}
		detached := h.ranOut(func(s *flow.State) { s.Progress = flow.Progress{Detached: true, Address: "canary@example.org"} })
		if f, err := h.reopen(detached.ID, browser(1)); err != nil || f.State.Progress != (flow.Progress{Detached: true, Notice: flow.NoticeAgain}) {
			h.Errorf("a flow of another browser's link: %v %+v", err, f.State.Progress)
		}
	})
}

func TestAFlowThatNobodyUsedIsTakenUpAgainWithoutAWord(t *testing.T) {
	each(t, func(h *house) {
		f := h.begin(flow.Prepare("fishing", sample())) // nobody held it yet
		h.clock.Advance(h.Settings.StartedFor)
		got, err := h.reopen(f.ID, browser(1))
		if err != nil || got.State.Progress != (flow.Progress{}) {
			h.Fatalf("%v %+v", err, got.State.Progress)
		}
		if _, err := h.load(f.ID, browser(2)); !fault.Is(err, fault.NotFound) {
			h.Errorf("it is the first one's: %v", err)
		}
	})
}

// What runs out and is taken up again, again and again, counts as what was just begun.
func TestANetworkAddressCannotFillTheDatabaseWithWhatItTakesUpAgain(t *testing.T) {
	each(t, func(h *house) {
		h.Settings.PerIP = 10
		var begun []flow.Flow
		start := func() error {
			n := flow.Prepare("fishing", sample())
			n.Browser, n.IP = browser(len(begun)), "192.0.2.7"
			f, err := h.beginErr(n)
			if err == nil {
				begun = append(begun, f)
			}
			return err
		}
		for range 10 {
			if err := start(); err != nil {
				h.Fatal(err)
			}
		}
		h.clock.Advance(h.Settings.StartedFor)
		for range 4 {
			if err := start(); err != nil {
				h.Fatal(err)
			}
		}
		for i, f := range begun[:10] {
			got, err := h.reopen(f.ID, browser(i))
			if fault.Is(err, fault.Throttled) != (i >= 6) || i < 6 && err != nil {
				h.Errorf("%d is taken up again beside 4 that wait: %v %+v", i+1, err, got)
			}
		}
		if err := start(); !fault.Is(err, fault.Throttled) {
			h.Errorf("another one: %v", err)
		}
		first, err := h.load(begun[0].ID, browser(0))
		if err == nil {
			_, err = h.save(first) // a flow in which somebody has done something no longer counts
		}
		if err != nil {
			h.Fatal(err)
		}
		if _, err := h.reopen(begun[9].ID, browser(9)); err != nil {
			h.Errorf("after a step: %v", err)
		}
	})
}

func TestAFlowIsNotTakenUpAgain(t *testing.T) {
	each(t, func(h *house) {
		mine, h1 := browser(1), h.Settings
		cases := map[string]struct {
			do   func() flow.Flow
			as   []byte
			kind fault.Kind
		}{
			"by another browser": {func() flow.Flow { return h.ranOut(nil) }, browser(2), fault.NotFound},
			"by no browser":      {func() flow.Flow { return h.ranOut(nil) }, nil, fault.NotFound},
			"that nobody made":   {func() flow.Flow { return flow.Flow{ID: "NOSUCHFLOW"} }, mine, fault.NotFound},
			"too late": {func() flow.Flow {
				f := h.ranOut(nil)
				h.clock.Advance(h.Settings.AgainFor)
				return f
			}, mine, fault.Expired},
			"that has ended": {func() flow.Flow {
				f := h.ranOut(nil)
				h.write(func(tx *db.Tx) error { _, err := h.End(tx, f.ID); return err })
				return f
			}, mine, fault.Expired},
			"beyond its longest life": {func() flow.Flow {
				h.Settings.LongestFor = h.Settings.IdleFor
				return h.ranOut(nil)
			}, mine, fault.Expired},
			"that signs out":       {func() flow.Flow { return h.ranOut(func(s *flow.State) { s.Kind = flow.SignOut }) }, mine, fault.Expired},
			"that adds a partner":  {func() flow.Flow { return h.ranOut(func(s *flow.State) { s.Kind = flow.Adding }) }, mine, fault.Expired},
			"by a newer program's": {func() flow.Flow { return h.newer(h.ranOut(nil)) }, mine, fault.Expired},
			"where that is off": {func() flow.Flow {
				h.Settings.AgainFor = 0
				return h.ranOut(nil)
			}, mine, fault.Expired},
		}
		for name, c := range cases {
			h.Settings = h1
			f := c.do()
			// What cannot be seen from outside its state is found out by Reopen.
			if seen, err := h.load(f.ID, mine); fault.Is(err, fault.Expired) && seen.Over != slices.Contains([]string{"too late", "that has ended", "beyond its longest life", "where that is off"}, name) {
				h.Errorf("%s: over is %v", name, seen.Over)
			}
			got, err := h.reopen(f.ID, c.as)
			if !fault.Is(err, c.kind) || got.State.Kind != "" {
				h.Errorf("%s: %v %+v", name, err, got)
			}
			h.Settings = h1
			if _, err := h.load(f.ID, mine); f.RelyingParty != "" && !fault.Is(err, fault.Expired) {
				h.Errorf("%s: afterwards: %v", name, err)
			}
		}
	})
}

// newer makes a flow one that a newer program wrote.
func (h *house) newer(f flow.Flow) flow.Flow {
	h.Helper()
	sealed := h.Keys.Seal("flow", "state", string(f.ID), []byte(`{"version":99,"kind":"sign-in","more":true}`))
	h.write(func(tx *db.Tx) error { return tx.ExecOne(`UPDATE flow SET state = $1 WHERE id = $2`, sealed, f.ID) })
	return f
}

func TestAFlowKeepsNoNetworkAddressAfterItsTimeAndNoStateAfterItCanBeTakenUpAgain(t *testing.T) {
	each(t, func(h *house) {
		n := flow.Prepare("fishing", sample())
		n.Browser, n.IP = browser(1), "192.0.2.7"
		h.begin(n)
		var state, index []byte
		purge := func() {
			h.write(func(tx *db.Tx) error {
				if _, err := h.Purge(tx, 100); err != nil {
					return err
				}
				return tx.QueryRow(`SELECT state, ip_index FROM flow WHERE id = $1`, n.ID).Scan(&state, &index)
			})
		}
		h.clock.Advance(h.Settings.StartedFor)
		if purge(); len(index) != 0 || len(state) == 0 {
			h.Errorf("when it has run out: %d %d", len(state), len(index))
		}
		h.clock.Advance(h.Settings.AgainFor - time.Millisecond)
		if purge(); len(state) == 0 {
			h.Error("wiped too early")
		}
		h.clock.Advance(time.Millisecond)
		if purge(); len(state) != 0 {
			h.Error("kept for too long")
		}
	})
}

func TestOfRacingTabsOneTakesAFlowUpAgainAndTheOthersFindIt(t *testing.T) {
	each(t, func(h *house) {
		old := h.ranOut(nil)
		var wg sync.WaitGroup
		for range 40 {
			wg.Go(func() {
				f, err := h.reopen(old.ID, browser(1))
				if err != nil && !fault.Is(err, fault.Unavailable) || err == nil && f.Row != old.Row+1 {
					h.Errorf("%v %+v", err, f)
				}
			})
		}
		wg.Wait()
		if f, err := h.load(old.ID, browser(1)); err != nil || f.Row != old.Row+1 {
			h.Errorf("%v %+v", err, f)
		}
	}, dbtest.WithoutRehearsal())
}

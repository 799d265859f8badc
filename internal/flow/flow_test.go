package flow_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"parvis/internal/db"
	"parvis/internal/db/dbtest"
	"parvis/internal/fault"
	"parvis/internal/flow"
	"parvis/internal/id"
	"parvis/internal/policy"
	"parvis/internal/secret"
)

type house struct {
	*testing.T
	db    *db.DB
	clock *dbtest.Clock
	flow.Flows
}

func each(t *testing.T, test func(h *house), options ...dbtest.Option) {
	keys, err := secret.NewKeys(bytes.Repeat([]byte{9}, secret.RootBytes), bytes.Repeat([]byte{1}, secret.RootBytes))
	if err != nil {
		t.Fatal(err)
	}
	clock := dbtest.NewClock()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		test(&house{T: t, db: d, clock: clock, Flows: flow.Flows{Keys: keys, Settings: flow.Preset("parvis")}})
	}, append(options, dbtest.WithClock(clock.Now))...)
}

func (h *house) write(fn func(tx *db.Tx) error) {
	h.Helper()
	if err := h.db.Write(context.Background(), fn); err != nil {
		h.Fatal(err)
	}
}

// try runs something that may be refused and returns the refusal.
func (h *house) try(fn func(tx *db.Tx) error) error {
	return h.db.Write(context.Background(), fn)
}

func browser(n int) []byte { return secret.Digest(fmt.Sprint("browser ", n)) }

func sample() flow.State {
	return flow.State{
		Kind: flow.SignIn, Demand: policy.Demand{ForceLogin: true}, Request: json.RawMessage(`{"state":"xyz"}`),
		Finish: "/authorize/finish/x", LoginHint: "canary@example.org", Attributes: []string{"email"},
	}
}

func (h *house) begin(n flow.New) flow.Flow {
	h.Helper()
	f, err := h.beginErr(n)
	if err != nil {
		h.Fatal(err)
	}
	return f
}

func (h *house) beginErr(n flow.New) (f flow.Flow, err error) {
	h.Helper()
	err = h.db.WriteStatement(context.Background(), func(tx *db.Tx) (err error) { f, err = h.Start(tx, n); return err })
	return f, err
}

func (h *house) bind(flow id.Flow, b []byte) (f flow.Flow, err error) {
	h.Helper()
	err = h.try(func(tx *db.Tx) (err error) { f, err = h.Bind(tx, flow, b); return err })
	return f, err
}

func (h *house) load(flow id.Flow, b []byte) (f flow.Flow, err error) {
	h.Helper()
	err = h.try(func(tx *db.Tx) (err error) { f, err = h.Load(tx, flow, b); return err })
	return f, err
}

func (h *house) save(f flow.Flow) (out flow.Flow, err error) {
	h.Helper()
	err = h.try(func(tx *db.Tx) (err error) { out, err = h.Save(tx, f); return err })
	return out, err
}

func TestAFlowBelongsToTheBrowserThatAsksFirst(t *testing.T) {
	each(t, func(h *house) {
		f := h.begin(flow.Prepare("fishing", sample()))
		_, err := h.load(f.ID, browser(1))
		if !errors.Is(err, flow.ErrUnbound) || !fault.Is(err, fault.NotFound) {
			h.Fatalf("before it is bound: %v", err)
		}
		bound, err := h.bind(f.ID, browser(1))
		if err != nil || bound.RelyingParty != "fishing" || bound.State.LoginHint != "canary@example.org" ||
			bound.State.Demand.Journey != f.ID || string(bound.State.Request) != `{"state":"xyz"}` || bound.Reference != f.Reference {
			h.Fatalf("%v %+v", err, bound)
		}
		if again, err := h.bind(f.ID, browser(1)); err != nil || again.ID != f.ID {
			h.Errorf("a second time: %v", err)
		}
		_, forged := h.load("NOSUCHFLOW", browser(1))
		for name, err := range map[string]error{
			"load by another": second(h.load(f.ID, browser(2))), "bind by another": second(h.bind(f.ID, browser(2))),
			"load by none": second(h.load(f.ID, nil)), "bind by none": second(h.bind(f.ID, nil)), "forged": forged,
		} {
			if !fault.Is(err, fault.NotFound) || errors.Is(err, flow.ErrUnbound) || err.Error() != forged.Error() {
				h.Errorf("%s: %v", name, err)
			}
		}
	})
}

func second[T any](_ T, err error) error { return err }

func TestOfRacingBrowsersOneGetsTheFlow(t *testing.T) {
	each(t, func(h *house) {
		f := h.begin(flow.Prepare("fishing", sample()))
		var won atomic.Int64
		var wg sync.WaitGroup
		for n := range 40 {
			wg.Go(func() {
				if _, err := h.bind(f.ID, browser(n)); err == nil {
					won.Add(1)
				} else if !fault.Is(err, fault.NotFound) && !fault.Is(err, fault.Unavailable) {
					h.Error(err)
				}
			})
		}
		wg.Wait()
		if won.Load() != 1 {
			h.Errorf("%d browsers hold the flow", won.Load())
		}
	}, dbtest.WithoutRehearsal())
}

func TestASecondSaveOfOneLoadIsAConflict(t *testing.T) {
	each(t, func(h *house) {
		n := flow.Prepare("fishing", sample())
		n.Browser = browser(1)
		h.begin(n)
		mine, err := h.load(n.ID, browser(1))
		if err != nil {
			h.Fatal(err)
		}
		theirs := mine
		mine.State.Locale = "fr"
		saved, err := h.save(mine)
		if err != nil || saved.Row != mine.Row+1 || !saved.Posted {
			h.Fatalf("%v %+v", err, saved)
		}
		theirs.State.Locale = "en"
		if _, err := h.save(theirs); !fault.Is(err, fault.Conflict) {
			h.Errorf("the second: %v", err)
		}
		if f, err := h.load(n.ID, browser(1)); err != nil || f.State.Locale != "fr" || f.Row != saved.Row {
			h.Errorf("%v %+v", err, f)
		}
		if _, err := h.save(saved); err != nil {
			h.Errorf("the next: %v", err)
		}
	})
}

func TestAFlowLivesShortlyUntilAStepIsSavedAndThenLeadsBack(t *testing.T) {
	each(t, func(h *house) {
		n := flow.Prepare("fishing", sample())
		n.Browser = browser(1)
		f := h.begin(n)
		h.clock.Advance(h.Settings.StartedFor - time.Millisecond)
		f, err := h.load(f.ID, browser(1))
		if err != nil {
			h.Fatal(err)
		}
		if f, err = h.save(f); err != nil {
			h.Fatal(err)
		}
		h.clock.Advance(h.Settings.IdleFor - time.Millisecond)
		if _, err := h.load(f.ID, browser(1)); err != nil {
			h.Fatalf("after a step: %v", err)
		}
		h.clock.Advance(time.Millisecond)
		var late flow.Flow
		h.write(func(tx *db.Tx) error {
			var err error
			late, err = h.Load(tx, f.ID, browser(1))
			if !fault.Is(err, fault.Expired) || late.RelyingParty != "fishing" || late.Reference != f.Reference || late.State.LoginHint != "" {
				h.Errorf("expired: %v %+v", err, late)
			}
			_, err = h.Load(tx, f.ID, browser(2))
			if !fault.Is(err, fault.NotFound) {
				h.Errorf("expired, for another browser: %v", err)
			}
			return nil
		})
		if _, err := h.save(f); !fault.Is(err, fault.Conflict) {
			h.Errorf("saved after expiry: %v", err)
		}
		purge := func() (n int64) {
			h.write(func(tx *db.Tx) (err error) { n, err = h.Purge(tx, 100); return err })
			return n
		}
		h.clock.Advance(h.Settings.AgainFor)
		if n := purge(); n != 1 {
			h.Errorf("wiped %d", n)
		}
		h.clock.Advance(h.Settings.KeptFor - h.Settings.AgainFor - time.Millisecond)
		if purge(); !fault.Is(second(h.load(f.ID, browser(1))), fault.Expired) {
			h.Error("gone before a day")
		}
		h.clock.Advance(time.Millisecond)
		if purge(); !fault.Is(second(h.load(f.ID, browser(1))), fault.NotFound) {
			h.Error("kept for ever")
		}
	})
}

func TestAFlowThatNobodyHeldLeadsBackToo(t *testing.T) {
	each(t, func(h *house) {
		f := h.begin(flow.Prepare("fishing", sample()))
		h.clock.Advance(h.Settings.StartedFor)
		h.write(func(tx *db.Tx) error {
			late, err := h.Bind(tx, f.ID, browser(1))
			if !fault.Is(err, fault.Expired) || late.RelyingParty != "fishing" {
				h.Errorf("%v %+v", err, late)
			}
			return nil
		})
	})
}

func TestAnEndedFlowHoldsNothingPersonal(t *testing.T) {
	each(t, func(h *house) {
		n := flow.Prepare("fishing", sample())
		n.Browser, n.IP = browser(1), "192.0.2.7"
		h.begin(n)
		var state, index []byte
		look := func(tx *db.Tx) error {
			return tx.QueryRow(`SELECT state, ip_index FROM flow WHERE id = $1`, n.ID).Scan(&state, &index)
		}
		h.write(look)
		if bytes.Contains(state, []byte("canary")) || bytes.Contains(index, []byte("192.0.2.7")) || len(state) == 0 || len(index) == 0 {
			h.Errorf("in clear: %q %q", state, index)
		}
		var ended, again bool
		h.write(func(tx *db.Tx) (err error) {
			if ended, err = h.End(tx, n.ID); err != nil {
				return err
			}
			again, err = h.End(tx, n.ID)
			return err
		})
		h.write(look)
		if !ended || again || len(state) != 0 || len(index) != 0 {
			h.Errorf("ended %v, again %v: %q %q", ended, again, state, index)
		}
		if err := second(h.load(n.ID, browser(1))); !fault.Is(err, fault.Expired) {
			h.Errorf("%v", err)
		}
	})
}

func TestABrowserHasTwentyFlowsAndTheOneUnusedLongestEnds(t *testing.T) {
	each(t, func(h *house) {
		var all []id.Flow
		add := func() {
			f := h.begin(flow.Prepare(id.RelyingParty(fmt.Sprint("service ", len(all))), sample()))
			if _, err := h.bind(f.ID, browser(1)); err != nil {
				h.Fatal(err)
			}
			all = append(all, f.ID)
			h.clock.Advance(time.Second)
		}
		for range 20 {
			add()
		}
		first, err := h.load(all[0], browser(1))
		if err != nil {
			h.Fatal(err)
		}
		if _, err := h.save(first); err != nil { // used: it stays
			h.Fatal(err)
		}
		add()
		add()
		for i, f := range all {
			want := i != 1 && i != 2
			if _, err := h.load(f, browser(1)); (err == nil) != want {
				h.Errorf("flow %d: %v", i, err)
			}
		}
		h.write(func(tx *db.Tx) error {
			open, err := h.Open(tx, browser(1))
			if err == nil && (len(open) != 20 || open[0].Flow != all[0] || !open[0].Live || open[0].RelyingParty != "service 0") {
				h.Errorf("%d open, %+v", len(open), open[0])
			}
			return err
		})
	})
}

func TestASubscribersNetworkCountsAsOneAddress(t *testing.T) {
	each(t, func(h *house) {
		h.Settings.PerIP = 10
		for i := range 12 {
			n := flow.Prepare("fishing", sample())
			n.IP = fmt.Sprintf("2001:db8:1:2::%x", i+1)
			if _, err := h.beginErr(n); fault.Is(err, fault.Throttled) != (i >= 10) {
				h.Errorf("flow %d of one /64: %v", i+1, err)
			}
		}
	})
}

func TestANetworkAddressCannotFillTheDatabase(t *testing.T) {
	each(t, func(h *house) {
		h.Settings.PerIP = 10
		start := func(ip string) (flow.Flow, error) {
			n := flow.Prepare("fishing", sample())
			n.IP = ip
			return h.beginErr(n)
		}
		var last flow.Flow
		for range 10 {
			var err error
			if last, err = start("192.0.2.7"); err != nil {
				h.Fatal(err)
			}
		}
		_, err := start("192.0.2.7")
		if e, ok := errors.AsType[*fault.Error](err); !ok || e.Kind != fault.Throttled || e.RetryAfter == 0 {
			h.Errorf("the eleventh: %v", err)
		}
		for _, other := range []string{"192.0.2.8", ""} {
			if _, err := start(other); err != nil {
				h.Errorf("%q: %v", other, err)
			}
		}
		// A flow in which somebody has done something no longer counts.
		f, err := h.bind(last.ID, browser(1))
		if err != nil {
			h.Fatal(err)
		}
		if _, err := h.save(f); err != nil {
			h.Fatal(err)
		}
		if _, err := start("192.0.2.7"); err != nil {
			h.Errorf("after a step: %v", err)
		}
		h.clock.Advance(h.Settings.StartedFor)
		if _, err := start("192.0.2.7"); err != nil {
			h.Errorf("after expiry: %v", err)
		}
	})
}

func TestAStateBeyondTheCapIsRefusedAndTheFlowKept(t *testing.T) {
	each(t, func(h *house) {
		n := flow.Prepare("fishing", sample())
		n.Browser = browser(1)
		f := h.begin(n)
		f.State.LoginHint = strings.Repeat("x", 8<<10)
		if _, err := h.save(f); !fault.Is(err, fault.Invalid) {
			h.Errorf("%v", err)
		}
		if _, err := h.load(n.ID, browser(1)); err != nil {
			h.Errorf("%v", err)
		}
		big := flow.Prepare("fishing", f.State)
		if _, err := h.beginErr(big); !fault.Is(err, fault.Invalid) {
			h.Errorf("%v", err)
		}
	})
}

func TestAStateOfANewerProgramLeadsBackInsteadOfFailing(t *testing.T) {
	each(t, func(h *house) {
		n := flow.Prepare("fishing", sample())
		n.Browser = browser(1)
		h.newer(h.begin(n))
		h.write(func(tx *db.Tx) error {
			f, err := h.Load(tx, n.ID, browser(1))
			if !fault.Is(err, fault.Expired) || f.RelyingParty != "fishing" {
				h.Errorf("%v %+v", err, f)
			}
			return nil
		})
	})
}

func TestAStateIsSealedToItsFlow(t *testing.T) {
	each(t, func(h *house) {
		var flows []flow.New
		for range 2 {
			n := flow.Prepare("fishing", sample())
			n.Browser = browser(1)
			h.begin(n)
			flows = append(flows, n)
		}
		h.write(func(tx *db.Tx) error {
			return tx.ExecOne(`UPDATE flow SET state = (SELECT state FROM flow WHERE id = $1) WHERE id = $2`, flows[0].ID, flows[1].ID)
		})
		if err := second(h.load(flows[1].ID, browser(1))); !fault.Is(err, fault.Internal) {
			h.Errorf("a foreign state is read: %v", err)
		}
	})
}

func TestAReferenceCanBeReadAloudAndFound(t *testing.T) {
	pattern := regexp.MustCompile(`^[0-9A-HJKMNP-TV-Z]{4}-[0-9A-HJKMNP-TV-Z]{4}$`)
	seen := map[string]bool{}
	for range 1000 {
		r := flow.NewReference()
		if !pattern.MatchString(r) || seen[r] {
			t.Fatalf("reference %q", r)
		}
		seen[r] = true
		if got, ok := flow.ParseReference(" " + strings.ToLower(strings.ReplaceAll(r, "-", " "))); !ok || got != r {
			t.Fatalf("%q is read as %q", r, got)
		}
	}
	if got, ok := flow.ParseReference("oi1l-2345"); !ok || got != "0111-2345" {
		t.Errorf("%q", got)
	}
	for _, bad := range []string{"", "7K3Q", "7K3Q-M92TX", "7K3Q-M92U", "ſſſſ-ſſſſ", strings.Repeat("7", 1000)} {
		if got, ok := flow.ParseReference(bad); ok {
			t.Errorf("%q is read as %q", bad, got)
		}
	}
	each(t, func(h *house) {
		f := h.begin(flow.Prepare("fishing", sample()))
		h.write(func(tx *db.Tx) error {
			k, found, err := h.ByReference(tx, f.Reference)
			if err == nil && (!found || k.Flow != f.ID || k.RelyingParty != "fishing" || !k.Live) {
				h.Errorf("%v %+v", found, k)
			}
			k, found, err2 := h.Peek(tx, f.ID)
			if err2 == nil && (!found || k.Reference != f.Reference) {
				h.Errorf("%v %+v", found, k)
			}
			return errors.Join(err, err2)
		})
	})
}

func TestGoingBackClearsWhatCameLater(t *testing.T) {
	p := flow.Progress{Task: flow.TaskReset, Address: "a", Proof: "P", Proven: "A", Session: "S", Consented: 1, Consenter: "A", Detached: true}
	if got := p.Restart(flow.TaskCreate, "b"); got != (flow.Progress{Task: flow.TaskCreate, Address: "b", Detached: true}) {
		t.Errorf("%+v", got)
	}
}

func TestPresetsAreAcceptedAndEmptySettingsAreNot(t *testing.T) {
	if p := flow.Preset("parvis").Problems(); p != nil {
		t.Error(p)
	}
	if got := (flow.Settings{}).Problems(); len(got) < 5 {
		t.Errorf("%v", got)
	}
}

func FuzzParseReference(f *testing.F) {
	f.Add("7K3Q-M92T")
	f.Fuzz(func(t *testing.T, typed string) {
		r, ok := flow.ParseReference(typed)
		if again, okAgain := flow.ParseReference(r); ok && (!okAgain || again != r) {
			t.Fatalf("%q: %q, %q", typed, r, again)
		}
	})
}

// What a page would have to escape counts as it is: a service's state may be full of it.
func TestAStateHoldsAsManyAnglesAsLetters(t *testing.T) {
	each(t, func(h *house) {
		many := strings.Repeat("<&>", 2000)
		request, err := flow.Marshal(map[string]string{"state": many})
		if err != nil {
			h.Fatal(err)
		}
		f := h.begin(flow.Prepare("", flow.State{Kind: flow.SignIn, Request: request}))
		loaded, err := h.bind(f.ID, browser(1))
		if err != nil {
			h.Fatal(err)
		}
		var got map[string]string
		if err := json.Unmarshal(loaded.State.Request, &got); err != nil || got["state"] != many {
			h.Errorf("%d bytes of state came back: %v", len(got["state"]), err)
		}
		if _, err := h.beginErr(flow.Prepare("", flow.State{Kind: flow.SignIn, LoginHint: strings.Repeat("x", 9000)})); err == nil {
			h.Error("a state beyond the cap was taken")
		}
	})
}

package upstream

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"parvis/internal/fault"
	"parvis/internal/policy"
)

// partner stands for the other end of a protocol: what it answers is set by a test.
type partner struct {
	mutex    sync.Mutex
	probe    error
	hangs    bool
	answer   Assertion
	finish   error
	probes   int
	thorough int
	atOnce   atomic.Int64
	most     atomic.Int64
}

func (f *partner) Begin(context.Context, *Provider, Ask) (Request, error) {
	return Request{URL: "https://sign-in.bank.example/authorize", Pending: Pending{State: "s", At: time.Now()}}, nil
}

func (f *partner) Finish(context.Context, *Provider, Pending, Answer) (Assertion, error) {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	return f.answer, f.finish
}

func (f *partner) Probe(ctx context.Context, _ *Provider, thorough bool) error {
	now := f.atOnce.Add(1)
	defer f.atOnce.Add(-1)
	for most := f.most.Load(); now > most && !f.most.CompareAndSwap(most, now); most = f.most.Load() {
	}
	f.mutex.Lock()
	f.probes++
	if thorough {
		f.thorough++
	}
	err, hangs := f.probe, f.hangs
	f.mutex.Unlock()
	if hangs {
		<-ctx.Done()
		return Fail(Slow, "no answer")
	}
	return err
}

func (f *partner) Examine(context.Context, *Provider) []Finding { return nil }

func (f *partner) set(change func(*partner)) {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	change(f)
}

// watched is a registry of some providers, without a database, that is watched.
func watched(t *testing.T, f *partner, count int) *Registry {
	t.Helper()
	s := &snapshot{revision: 1, providers: map[ID]*Provider{}}
	for i := range count {
		settings := good()
		settings.ID, settings.Issuer = fmt.Sprintf("bank-%d", i), fmt.Sprintf("https://%d.bank.example", i)
		settings.MaxAge = time.Hour
		settings.Worth.Cap = policy.TwoSteps
		p, problems := settings.Build()
		if len(problems) > 0 {
			t.Fatal(problems)
		}
		s.providers[p.ID] = p
	}
	r := &Registry{Now: time.Now, Consumers: map[Protocol]Consumer{OIDC: f}}
	s.confirmed.Store(time.Now().UnixMilli())
	r.snapshot.Store(s)
	ctx, stop := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { r.Watch(ctx) })
	running.Go(func() { // what Run does with a database
		for ctx.Err() == nil {
			r.snapshot.Load().confirmed.Store(time.Now().UnixMilli())
			select {
			case <-ctx.Done():
			case <-time.After(time.Second):
			}
		}
	})
	t.Cleanup(func() { stop(); running.Wait() })
	return r
}

// replace puts a changed copy of the provider in its place: one that is in use never changes.
func replace(r *Registry, change func(*Provider)) {
	before := r.snapshot.Load()
	p := *before.providers["bank-0"]
	change(&p)
	next := &snapshot{revision: before.revision + 1, providers: map[ID]*Provider{p.ID: &p}}
	next.confirmed.Store(time.Now().UnixMilli())
	r.snapshot.Store(next)
}

func TestAnOutageIsKnownWithinFiveSecondsAndClearsByItself(t *testing.T) {
	for name, fails := range map[string]func(*partner){
		"it refuses": func(f *partner) { f.probe = Fail(Outage, "refused") },
		"it hangs":   func(f *partner) { f.hangs = true },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := &partner{}
				r := watched(t, f, 1)
				for _, offset := range []time.Duration{0, 700 * time.Millisecond, 1900 * time.Millisecond} {
					time.Sleep(10*time.Second + offset)
					if h := r.Health("bank-0"); h.Down {
						t.Fatalf("down although it answers: %+v", h)
					}
					f.set(fails)
					time.Sleep(5 * time.Second)
					h := r.Health("bank-0")
					if !h.Down || h.Since.IsZero() || h.Reason == "" {
						t.Errorf("not known after five seconds: %+v", h)
					}
					began := time.Now()
					if _, err := r.Begin(t.Context(), "bank-0", Ask{}); FailureOf(err) != Outage || time.Since(began) > 0 {
						t.Errorf("a person waited %v for %v", time.Since(began), err)
					}
					f.set(func(f *partner) { f.probe, f.hangs = nil, false })
					time.Sleep(5 * time.Second)
					if h := r.Health("bank-0"); h.Down {
						t.Errorf("still down: %+v", h)
					}
					if _, err := r.Begin(t.Context(), "bank-0", Ask{}); err != nil {
						t.Errorf("after the outage: %v", err)
					}
				}
			})
		})
	}
}

func TestOneFailedCheckOrOneFailedSignInClosesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &partner{}
		r := watched(t, f, 1)
		time.Sleep(time.Minute)
		request, err := r.Begin(t.Context(), "bank-0", Ask{})
		if err != nil {
			t.Fatal(err)
		}
		f.set(func(f *partner) { f.finish = Fail(Outage, "500") })
		for range 100 { // somebody who makes the partner fail with codes of their own
			if _, err := r.Finish(t.Context(), request.Pending, Answer{}); FailureOf(err) != Outage {
				t.Fatal(err)
			}
			time.Sleep(100 * time.Millisecond)
			if r.Health("bank-0").Down {
				t.Fatal("a stranger closed the way for all")
			}
		}
		f.mutex.Lock()
		if f.thorough == 0 || f.thorough > 45 {
			t.Errorf("%d thorough looks in ten seconds", f.thorough)
		}
		before := f.thorough
		f.finish = &Error{Failure: Outage, Code: "temporarily_unavailable", ByBrowser: true}
		f.mutex.Unlock()
		time.Sleep(time.Second)
		for range 10 {
			_, _ = r.Finish(t.Context(), request.Pending, Answer{})
		}
		time.Sleep(time.Second)
		f.mutex.Lock()
		defer f.mutex.Unlock()
		if f.thorough > before+1 {
			t.Error("what a browser brought made us look")
		}
	})
}

func TestAFailedSignInHastensTheKnowledgeOfAnOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &partner{finish: Fail(Slow, "no answer")}
		r := watched(t, f, 1)
		replace(r, func(p *Provider) { p.CheckEvery = time.Hour })
		time.Sleep(time.Minute)
		request, err := r.Begin(t.Context(), "bank-0", Ask{})
		if err != nil {
			t.Fatal(err)
		}
		f.set(func(f *partner) { f.probe = Fail(Outage, "refused") })
		if _, err := r.Finish(t.Context(), request.Pending, Answer{}); FailureOf(err) != Slow {
			t.Fatal(err)
		}
		time.Sleep(2 * time.Second)
		if !r.Health("bank-0").Down {
			t.Error("not known two seconds after a failed sign-in")
		}
		f.set(func(f *partner) { f.probe = nil })
		time.Sleep(5 * time.Second)
		if r.Health("bank-0").Down {
			t.Error("does not clear by itself")
		}
	})
}

func TestLookingAfterPartnersIsBoundedWork(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &partner{hangs: true}
		watched(t, f, 100)
		time.Sleep(10 * time.Second)
		if most := f.most.Load(); most > probesAtOnce {
			t.Errorf("%d looks at once", most)
		}
		one := &partner{}
		watched(t, one, 1)
		time.Sleep(time.Minute)
		one.mutex.Lock()
		defer one.mutex.Unlock()
		if one.probes < 25 || one.probes > 35 || one.thorough != 0 {
			t.Errorf("%d looks a minute at a partner that is well, %d of them thorough", one.probes, one.thorough)
		}
	})
}

func TestWhatASignInIsWorthDecidesWhetherItIsEnough(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &partner{answer: Assertion{Issuer: "https://0.bank.example", Subject: "s-1", AMR: []string{"otp"}}}
		r := watched(t, f, 1)
		p := r.snapshot.Load().providers["bank-0"]
		if _, err := r.Begin(t.Context(), "bank-0", Ask{Level: policy.AAL2}); FailureOf(err) != Weaker {
			t.Errorf("more than the cap was asked for: %v", err)
		}
		request, err := r.Begin(t.Context(), "bank-0", Ask{Level: policy.TwoSteps})
		if err != nil || *request.Pending.MaxAge != time.Hour || request.Pending.Issuer != p.Issuer {
			t.Fatalf("%v %+v", err, request)
		}
		if _, err := r.Finish(t.Context(), request.Pending, Answer{}); FailureOf(err) != Weaker {
			t.Errorf("worth one step where two are needed: %v", err)
		}
		replace(r, func(p *Provider) { p.Worth.AMR = map[string]policy.Level{"otp": policy.AAL3} })
		a, err := r.Finish(t.Context(), request.Pending, Answer{})
		if err != nil || a.Level != policy.TwoSteps {
			t.Errorf("%v %v", a.Level, err)
		}
		moved := request.Pending
		moved.Issuer = "https://elsewhere.example"
		if _, err := r.Finish(t.Context(), moved, Answer{}); FailureOf(err) != Invalid {
			t.Errorf("the issuer changed meanwhile: %v", err)
		}
		f.set(func(f *partner) { f.answer.Issuer = "https://1.bank.example" })
		if _, err := r.Finish(t.Context(), request.Pending, Answer{}); FailureOf(err) != Invalid {
			t.Errorf("an assertion of another issuer: %v", err)
		}
		replace(r, func(p *Provider) { p.Disabled = true })
		if _, err := r.Begin(t.Context(), "bank-0", Ask{}); !fault.Is(err, fault.NotFound) {
			t.Errorf("disabled: %v", err)
		}
		if _, err := r.Finish(t.Context(), request.Pending, Answer{}); !fault.Is(err, fault.NotFound) {
			t.Errorf("disabled meanwhile: %v", err)
		}
		replace(r, func(p *Provider) { p.Disabled = false })
		time.Sleep(pendingLife + time.Second)
		if _, err := r.Finish(t.Context(), request.Pending, Answer{}); FailureOf(err) != Replay {
			t.Errorf("an old request: %v", err)
		}
	})
}

func TestTheLogSaysWhyASignInAtAPartnerCameToNothing(t *testing.T) {
	var out bytes.Buffer
	before := slog.Default()
	defer slog.SetDefault(before)
	slog.SetDefault(slog.New(slog.NewTextHandler(&out, nil)))
	synctest.Test(t, func(t *testing.T) {
		f := &partner{}
		r := watched(t, f, 1)
		request, err := r.Begin(t.Context(), "bank-0", Ask{})
		if err != nil {
			t.Fatal(err)
		}
		f.set(func(f *partner) { f.finish = Fail(Invalid, "signed by a key of nobody") })
		if _, err := r.Finish(t.Context(), request.Pending, Answer{Params: url.Values{"code": {"a-secret-code"}}}); FailureOf(err) != Invalid {
			t.Fatal(err)
		}
	})
	text := out.String()
	for _, want := range []string{"upstream=bank-0", "failure=invalid", "signed by a key of nobody"} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not in the log: %s", want, text)
		}
	}
	if strings.Contains(text, "a-secret-code") {
		t.Error("the answer stands in the log")
	}
}

package courier_test

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"parvis/internal/courier"
	"parvis/internal/id"
	"parvis/internal/outbound"
)

// list is a book in memory: one errand for each of some services, all at one host.
type list struct {
	mu    sync.Mutex
	fails error                             // of every call
	due   map[id.RelyingParty]time.Time     // nil of none
	calls map[id.RelyingParty]int64         // so far
	ended map[id.RelyingParty]string        // by reason
	pause map[id.RelyingParty]time.Duration // the last
	until time.Time
}

func (l *list) Due(context.Context) (map[string][]id.RelyingParty, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	out := map[string][]id.RelyingParty{}
	for p, at := range l.due {
		if !at.After(time.Now()) {
			out["host"] = append(out["host"], p)
		}
	}
	return out, nil
}

func (l *list) Claim(_ context.Context, of id.RelyingParty, _ int) ([]courier.Errand[string], error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if at, is := l.due[of]; !is || at.After(time.Now()) {
		return nil, nil
	}
	l.due[of] = time.Now().Add(courier.Lease)
	l.calls[of]++
	return []courier.Errand[string]{{Of: of, Attempt: l.calls[of], Until: l.until, What: "news"}}, nil
}

func (l *list) Call(context.Context, courier.Errand[string]) error { return l.fails }

func (l *list) Done(_ context.Context, e courier.Errand[string], reason string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.due, e.Of)
	l.ended[e.Of] = reason
	return nil
}

func (l *list) Again(_ context.Context, e courier.Errand[string], pause time.Duration) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.due[e.Of], l.pause[e.Of] = time.Now().Add(pause), pause
	return nil
}

// carries runs a courier over some services for a while.
func carries(t *testing.T, fails error, during time.Duration, services ...id.RelyingParty) *list {
	t.Helper()
	l := &list{
		fails: fails, due: map[id.RelyingParty]time.Time{}, calls: map[id.RelyingParty]int64{}, ended: map[id.RelyingParty]string{},
		pause: map[id.RelyingParty]time.Duration{}, until: time.Now().Add(10 * time.Minute),
	}
	for _, s := range services {
		l.due[s] = time.Now()
	}
	c := &courier.Courier[string]{
		Book: l, About: "news", Log: slog.New(slog.DiscardHandler), Now: time.Now, Bell: make(courier.Bell, 1),
		Settings: courier.Settings{RetryFirst: 2 * time.Second, RetryMost: time.Minute, PerHost: 4, Hosts: 2},
	}
	ctx, stop := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { c.Run(ctx) })
	time.Sleep(during)
	stop()
	running.Wait()
	return l
}

func TestWhatWasToldIsNotToldAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := carries(t, nil, time.Hour, "a", "b")
		if !maps.Equal(l.calls, map[id.RelyingParty]int64{"a": 1, "b": 1}) || !maps.Equal(l.ended, map[id.RelyingParty]string{"a": "", "b": ""}) {
			t.Errorf("%v %v", l.calls, l.ended)
		}
	})
}

func TestAFailureIsRepeatedAfterGrowingPausesUntilItIsTooLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := carries(t, &outbound.Error{Kind: outbound.Status, Status: 503}, time.Hour, "a")
		if n := l.calls["a"]; n < 8 || n > 20 || l.ended["a"] != "503" || l.pause["a"] < 48*time.Second || l.pause["a"] > 72*time.Second {
			t.Errorf("%d calls, the last pause %s, ended by %q", n, l.pause["a"], l.ended["a"])
		}
	})
}

func TestWhatIsNotToBeToldAgainIsNot(t *testing.T) {
	for reason, err := range map[string]error{
		"":        courier.ErrNobody,
		"expired": courier.ErrLate,
		"failed":  courier.ErrFinal,
		"400":     errors.Join(courier.ErrFinal, &outbound.Error{Kind: outbound.Status, Status: 400}),
	} {
		synctest.Test(t, func(t *testing.T) {
			l := carries(t, err, time.Hour, "a")
			if got, ended := l.ended["a"]; l.calls["a"] != 1 || !ended || got != reason {
				t.Errorf("%v: %d calls, ended by %q", err, l.calls["a"], got)
			}
		})
	}
}

// A host that cannot be reached costs its few calls at once, then one now and then, however many services it has.
func TestAHostThatDoesNotAnswerIsLeftAloneAWhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := carries(t, &outbound.Error{Kind: outbound.Unreachable}, 10*time.Second, "a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l")
		total := int64(0)
		for _, n := range l.calls {
			total += n
		}
		if total < 3 || total > 8 {
			t.Errorf("%d calls in ten seconds", total)
		}
	})
}

// A service that never answers in time costs its own pauses, and those that share its host none.
func TestASlowServiceHoldsUpNoOtherOfItsHost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &busy{hosts: map[id.RelyingParty]string{"slow": "host", "slower": "host", "good": "host", "far": "elsewhere"}, waiting: map[id.RelyingParty]int{"slow": 500, "slower": 500}}
		ctx, stop := context.WithCancel(t.Context())
		var running sync.WaitGroup
		c := &courier.Courier[string]{
			Book: b, About: "news", Log: slog.New(slog.DiscardHandler), Now: time.Now, Bell: make(courier.Bell, 1),
			Settings: courier.Settings{RetryFirst: 2 * time.Second, RetryMost: time.Minute, PerHost: 4, Hosts: 2},
		}
		running.Go(func() { c.Run(ctx) })
		time.Sleep(time.Second)
		for range 20 { // while the two are told, again and again
			b.add("good")
			b.add("far")
			c.Bell.Ring()
			time.Sleep(11 * time.Second)
		}
		stop()
		running.Wait()
		if b.longest["good"] > 7*time.Second || b.longest["far"] > 2*time.Second || b.told["good"] != 20 || b.told["far"] != 20 {
			t.Errorf("told %v, after at most %v", b.told, b.longest)
		}
		if b.most > 4 || b.told["slow"] == 0 || b.told["slower"] == 0 {
			t.Errorf("%d calls at once at one host; told %v", b.most, b.told)
		}
	})
}

// A service that answers, late but in time, and has very much to be told leaves a call to the others at once.
func TestAServiceNeverTakesEveryCallOfItsHost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &busy{answers: true, hosts: map[id.RelyingParty]string{"slow": "host", "good": "host"}, waiting: map[id.RelyingParty]int{"slow": 500}}
		ctx, stop := context.WithCancel(t.Context())
		var running sync.WaitGroup
		c := &courier.Courier[string]{
			Book: b, About: "news", Log: slog.New(slog.DiscardHandler), Now: time.Now, Bell: make(courier.Bell, 1),
			Settings: courier.Settings{RetryFirst: 2 * time.Second, RetryMost: time.Minute, PerHost: 4, Hosts: 1},
		}
		running.Go(func() { c.Run(ctx) })
		time.Sleep(time.Second)
		for range 20 {
			b.add("good")
			time.Sleep(11 * time.Second)
		}
		stop()
		running.Wait()
		if b.longest["good"] > 2*time.Second || b.told["good"] != 20 || b.told["slow"] < 100 || b.most > 4 {
			t.Errorf("told %v, after at most %v, %d at once", b.told, b.longest, b.most)
		}
	})
}

// busy is a book whose slow services have much to be told and take five seconds for each.
type busy struct {
	mu      sync.Mutex
	answers bool // in time
	hosts   map[id.RelyingParty]string
	waiting map[id.RelyingParty]int
	since   map[id.RelyingParty]time.Time
	longest map[id.RelyingParty]time.Duration
	told    map[id.RelyingParty]int
	now     map[string]int
	most    int // calls at once at one host
}

func (b *busy) add(of id.RelyingParty) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.since == nil {
		b.since = map[id.RelyingParty]time.Time{}
	}
	b.waiting[of]++
	b.since[of] = time.Now()
}

func (b *busy) Due(context.Context) (map[string][]id.RelyingParty, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	out := map[string][]id.RelyingParty{}
	for p, n := range b.waiting {
		if n > 0 {
			out[b.hosts[p]] = append(out[b.hosts[p]], p)
		}
	}
	return out, nil
}

func (b *busy) Claim(_ context.Context, of id.RelyingParty, most int) ([]courier.Errand[string], error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	var out []courier.Errand[string]
	for ; b.waiting[of] > 0 && len(out) < most; b.waiting[of]-- {
		out = append(out, courier.Errand[string]{Of: of, Attempt: 1, Until: time.Now().Add(time.Hour)})
	}
	return out, nil
}

func (b *busy) Call(_ context.Context, e courier.Errand[string]) error {
	b.mu.Lock()
	if b.now == nil {
		b.now, b.told, b.longest = map[string]int{}, map[id.RelyingParty]int{}, map[id.RelyingParty]time.Duration{}
	}
	at := b.hosts[e.Of]
	b.now[at]++
	b.most = max(b.most, b.now[at])
	b.told[e.Of]++
	if since, is := b.since[e.Of]; is {
		b.longest[e.Of] = max(b.longest[e.Of], time.Since(since))
	}
	b.mu.Unlock()
	slow := e.Of == "slow" || e.Of == "slower"
	if slow {
		time.Sleep(5 * time.Second)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.now[at]--
	if slow && !b.answers {
		return &outbound.Error{Kind: outbound.Timeout}
	}
	return nil
}

func (b *busy) Done(context.Context, courier.Errand[string], string) error { return nil }

func (b *busy) Again(_ context.Context, e courier.Errand[string], _ time.Duration) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.waiting[e.Of]++
	return nil
}

func TestSettingsAreChecked(t *testing.T) {
	good := courier.Settings{RetryFirst: time.Second, RetryMost: time.Minute, PerHost: 1, Hosts: 1}
	if p := good.Problems(); len(p) != 0 {
		t.Error(p)
	}
	for name, change := range map[string]func(*courier.Settings){
		"too soon": func(s *courier.Settings) { s.RetryFirst = 0 }, "the first above the most": func(s *courier.Settings) { s.RetryFirst = time.Hour },
		"too late": func(s *courier.Settings) { s.RetryMost = 25 * time.Hour }, "no calls": func(s *courier.Settings) { s.PerHost = 0 }, "too many hosts": func(s *courier.Settings) { s.Hosts = 257 },
	} {
		s := good
		change(&s)
		if len(s.Problems()) != 1 {
			t.Errorf("%s: %v", name, s.Problems())
		}
	}
}

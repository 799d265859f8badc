package ratelimit_test

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"parvis/internal/db"
	"parvis/internal/db/dbtest"
	"parvis/internal/fault"
	"parvis/internal/ratelimit"
	"parvis/internal/secret"
)

func limiter(t testing.TB, d *db.DB, now func() time.Time, change func(*ratelimit.Settings)) *ratelimit.Limiter {
	t.Helper()
	keys, err := secret.NewKeys([]byte(strings.Repeat("p", 32)), []byte(strings.Repeat("r", 32)))
	if err != nil {
		t.Fatal(err)
	}
	s := ratelimit.Preset("parvis")
	if change != nil {
		change(&s)
	}
	return &ratelimit.Limiter{DB: d, Keys: keys, Settings: s, Now: now}
}

func take(t testing.TB, l *ratelimit.Limiter, rule ratelimit.Rule, key string) ratelimit.Decision {
	t.Helper()
	got, err := l.Take(t.Context(), rule, key)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func TestALimitRefusesWhatIsTooMuchUntilItsWindowEnds(t *testing.T) {
	clock := dbtest.NewClock()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		l := limiter(t, d, clock.Now, func(s *ratelimit.Settings) { s.ContactIP = ratelimit.Limit{Count: 3, Window: time.Hour} })
		for i := range 3 {
			if got := take(t, l, ratelimit.ContactIP, "192.0.2.1"); !got.Allowed || got.Left != int64(2-i) || got.Fault() != nil {
				t.Errorf("time %d: %+v", i+1, got)
			}
		}
		clock.Advance(10 * time.Minute)
		for range 3 {
			got := take(t, l, ratelimit.ContactIP, "192.0.2.1")
			if got.Allowed || got.RetryAfter != 50*time.Minute {
				t.Errorf("the fourth: %+v", got)
			}
			var f *fault.Error
			if !errors.As(got.Fault(), &f) || f.Kind != fault.Throttled || f.RetryAfter != got.RetryAfter {
				t.Errorf("fault %v", got.Fault())
			}
		}
		if got := take(t, l, ratelimit.ContactIP, "192.0.2.2"); !got.Allowed {
			t.Error("another address was refused")
		}
		if got := take(t, l, ratelimit.ResetIP, "192.0.2.1"); !got.Allowed {
			t.Error("another rule was refused")
		}
		clock.Advance(50 * time.Minute)
		if got := take(t, l, ratelimit.ContactIP, "192.0.2.1"); !got.Allowed {
			t.Errorf("after the window: %+v", got)
		}
	}, dbtest.WithClock(clock.Now))
}

func TestWhatIsGivenBackCanBeTakenAgainAndNoMore(t *testing.T) {
	clock := dbtest.NewClock()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		for _, count := range []int{5, 160} { // in one row, and spread over many
			l := limiter(t, d, clock.Now, func(s *ratelimit.Settings) {
				s.SigninAddress = ratelimit.Limit{Count: int64(count), Window: time.Hour}
			})
			key := fmt.Sprint("of ", count)
			back := func() {
				t.Helper()
				err := d.Write(t.Context(), func(tx *db.Tx) error {
					return l.GiveBackIn(tx, ratelimit.Counter{Rule: ratelimit.SigninAddress, Key: key})
				})
				if err != nil {
					t.Fatal(err)
				}
			}
			back() // where nothing was counted, nothing is given
			for i := range 2 * count {
				if !take(t, l, ratelimit.SigninAddress, key).Allowed {
					t.Fatalf("%d: time %d is refused, and all before were given back", count, i+1)
				}
				back()
			}
			back()
			for i := range count + 3 {
				if got := take(t, l, ratelimit.SigninAddress, key); got.Allowed != (i < count) {
					t.Errorf("%d: time %d: %+v", count, i+1, got)
				}
			}
		}
	}, dbtest.WithClock(clock.Now))
}

func TestManyAtOnceGetExactlyTheCountOnTwoNodes(t *testing.T) {
	clock := dbtest.NewClock()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		nodes := []*ratelimit.Limiter{
			limiter(t, d, clock.Now, nil),
			limiter(t, dbtest.Second(t, d, dbtest.WithClock(clock.Now)), clock.Now, nil),
		}
		for _, rule := range []struct {
			name        ratelimit.Rule
			key         string
			count, race int64
		}{{ratelimit.SigninAddress, "person@example.org", 50, 120}, {ratelimit.SigninIP, "192.0.2.1", 100, 160}} {
			var allowed, told atomic.Int64
			for _, l := range nodes {
				l.Reached = func(tx *db.Tx, _ ratelimit.Rule, _ string) error {
					tx.AfterCommit(func() { told.Add(1) })
					return nil
				}
			}
			var all sync.WaitGroup
			for i := range rule.race {
				l := nodes[i%2]
				all.Go(func() {
					got, err := l.Take(t.Context(), rule.name, rule.key)
					if err != nil {
						t.Error(err)
					}
					if got.Allowed {
						allowed.Add(1)
					} else if got.RetryAfter <= 0 {
						t.Error("refused without a time to wait")
					}
				})
			}
			all.Wait()
			if told.Load() != 1 {
				t.Errorf("%s: the limit was told %d times", rule.name, told.Load())
			}
			if n := allowed.Load(); n != rule.count {
				t.Errorf("%s allowed %d of %d, want %d", rule.name, n, rule.race, rule.count)
			}
		}
	}, dbtest.WithClock(clock.Now))
}

func TestReachingALimitIsToldOncePerWindow(t *testing.T) {
	clock := dbtest.NewClock()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		l := limiter(t, d, clock.Now, func(s *ratelimit.Settings) { s.ContactIP = ratelimit.Limit{Count: 2, Window: time.Hour} })
		told := 0
		l.Reached = func(tx *db.Tx, rule ratelimit.Rule, key string) error {
			tx.AfterCommit(func() { told++ })
			if rule != ratelimit.ContactIP || key != "192.0.2.1" {
				t.Errorf("told of %s %s", rule, key)
			}
			return nil
		}
		for range 6 {
			_ = take(t, l, ratelimit.ContactIP, "192.0.2.1")
		}
		if told != 1 {
			t.Errorf("told %d times", told)
		}
	}, dbtest.WithClock(clock.Now))
}

func TestAGrowingWindowFollowsTheNumbersOfLoginGov(t *testing.T) {
	clock := dbtest.NewClock()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		l := limiter(t, d, clock.Now, func(s *ratelimit.Settings) {
			s.SigninAddressIP = ratelimit.Limit{Count: 2, Window: 100 * time.Second, Growth: 2, Longest: time.Hour}
		})
		for range 2 {
			if !take(t, l, ratelimit.SigninAddressIP, "a").Allowed {
				t.Fatal("refused too early")
			}
		}
		for _, want := range []time.Duration{400 * time.Second, 800 * time.Second, 1600 * time.Second, 3200 * time.Second, time.Hour} {
			got := take(t, l, ratelimit.SigninAddressIP, "a")
			if got.Allowed || got.RetryAfter != want {
				t.Errorf("%+v, want %s", got, want)
			}
		}
		clock.Advance(time.Hour)
		if !take(t, l, ratelimit.SigninAddressIP, "a").Allowed {
			t.Error("still refused after its window")
		}
	}, dbtest.WithClock(clock.Now))
}

func TestNothingReadableIsStoredAndPurgeRemovesWhatEnded(t *testing.T) {
	clock := dbtest.NewClock()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		l := limiter(t, d, clock.Now, nil)
		_ = take(t, l, ratelimit.MailAddress, "person@example.org")
		_ = take(t, l, ratelimit.SigninIP, "192.0.2.1")
		rows := func(where string) int {
			n := 0
			err := d.Read(t.Context(), func(tx *db.Tx) error {
				return tx.QueryRow("SELECT COUNT(*) FROM rate_limit WHERE " + where).Scan(&n)
			})
			if err != nil {
				t.Fatal(err)
			}
			return n
		}
		if rows("id LIKE '%example%' OR id LIKE '%192%'") != 0 || rows("1 = 1") != 2 {
			t.Error("keys stand open in the table")
		}
		if err := l.Purge(t.Context()); err != nil || rows("1 = 1") != 2 {
			t.Errorf("purge took what still counts, error %v", err)
		}
		clock.Advance(24 * time.Hour)
		if err := l.Purge(t.Context()); err != nil || rows("1 = 1") != 0 {
			t.Errorf("purge left %d rows, error %v", rows("1 = 1"), err)
		}
	}, dbtest.WithClock(clock.Now))
}

func TestAnOperatorCanForgetACount(t *testing.T) {
	clock := dbtest.NewClock()
	d := dbtest.Open(t, db.SQLite, dbtest.WithClock(clock.Now))
	l := limiter(t, d, clock.Now, func(s *ratelimit.Settings) { s.ContactIP = ratelimit.Limit{Count: 1, Window: time.Hour} })
	_, _ = take(t, l, ratelimit.ContactIP, "x"), take(t, l, ratelimit.ContactIP, "x")
	if err := l.Forget(t.Context(), ratelimit.ContactIP, "x"); err != nil {
		t.Fatal(err)
	}
	if !take(t, l, ratelimit.ContactIP, "x").Allowed {
		t.Error("still refused")
	}
}

func TestWithoutADatabaseNothingIsAllowed(t *testing.T) {
	d := dbtest.Open(t, db.SQLite)
	second, err := db.Open(t.Context(), d.Settings(), time.Now)
	if err != nil {
		t.Fatal(err)
	}
	l := limiter(t, second, time.Now, nil)
	if err := second.Close(); err != nil {
		t.Fatal(err)
	}
	if got, err := l.Take(t.Context(), ratelimit.SigninIP, "192.0.2.1"); err == nil || got.Allowed {
		t.Errorf("%+v, error %v", got, err)
	}
	if got, err := l.Take(t.Context(), "nonsense", "x"); err == nil || got.Allowed {
		t.Errorf("a rule that does not exist: %+v, error %v", got, err)
	}
}

func TestAnIPv6NetworkIsOneKey(t *testing.T) {
	for in, want := range map[string]string{
		"192.0.2.1": "192.0.2.1", "::ffff:192.0.2.1": "192.0.2.1",
		"2001:db8:1:2:3:4:5:6": "2001:db8:1:2::/64", "2001:db8:1:2::1": "2001:db8:1:2::/64", "fe80::1%eth0": "fe80::/64",
		"": "", "unix": "unix",
	} {
		if got := ratelimit.IPKey(in); got != want {
			t.Errorf("%q gives %q, want %q", in, got, want)
		}
	}
}

func TestALocalLimitCountsInMemory(t *testing.T) {
	clock := dbtest.NewClock()
	l := limiter(t, nil, clock.Now, func(s *ratelimit.Settings) { s.RequestIP = ratelimit.Limit{Count: 3, Window: time.Minute} })
	for range 3 {
		if !l.Local(ratelimit.RequestIP, "192.0.2.1").Allowed {
			t.Fatal("refused too early")
		}
	}
	if got := l.Local(ratelimit.RequestIP, "192.0.2.1"); got.Allowed || got.RetryAfter != time.Minute {
		t.Errorf("%+v", got)
	}
	clock.Advance(time.Minute)
	if !l.Local(ratelimit.RequestIP, "192.0.2.1").Allowed {
		t.Error("still refused")
	}
}

func TestOneNetworkCannotFillTheMemoryAndKeepEverybodyOut(t *testing.T) {
	clock := dbtest.NewClock()
	l := limiter(t, nil, clock.Now, func(s *ratelimit.Settings) { s.RequestIP = ratelimit.Limit{Count: 3, Window: time.Minute} })
	l.Local(ratelimit.RequestIP, "198.51.100.1")
	for i := range 60_000 {
		l.Local(ratelimit.RequestIP, fmt.Sprintf("2001:db8:1:%x::1", i)) // a /48 has 65,536 of these
	}
	if l.Local(ratelimit.RequestIP, "2001:db8:1:ffff::1").Allowed {
		t.Error("the network that filled the memory still comes in")
	}
	for _, ip := range []string{"192.0.2.1", "198.51.100.1", "2001:db8:2::1"} {
		if !l.Local(ratelimit.RequestIP, ip).Allowed {
			t.Errorf("%s is kept out by strangers", ip)
		}
	}
	clock.Advance(2 * time.Minute)
	if !l.Local(ratelimit.RequestIP, "2001:db8:1:ffff::1").Allowed {
		t.Error("nothing is forgotten")
	}
}

func TestThePresetsHaveNoProblems(t *testing.T) {
	for _, name := range []string{"parvis", "ontario", "logingov"} {
		if p := ratelimit.Preset(name).Problems(); len(p) > 0 {
			t.Errorf("%s: %q", name, p)
		}
	}
	s := ratelimit.Preset("parvis")
	s.SigninIP.Window = 0
	s.ResetIP.Count = -1
	s.LinkIP.Growth = 3
	if p := s.Problems(); len(p) != 4 || !strings.HasPrefix(p[0], "signin_ip.window") {
		t.Errorf("%q", p)
	}
}

func TestAFullLimitIsSeenWithoutCounting(t *testing.T) {
	clock := dbtest.NewClock()
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		for _, count := range []int64{3, 120} { // in one row, and spread over several
			l := limiter(t, d, clock.Now, func(s *ratelimit.Settings) {
				s.SuspectContactIP = ratelimit.Limit{Count: count, Window: time.Hour}
				s.SuspectResetIP = ratelimit.Limit{}
			})
			other := limiter(t, dbtest.Second(t, d, dbtest.WithClock(clock.Now)), clock.Now, func(s *ratelimit.Settings) { *s = l.Settings })
			key := fmt.Sprintf("192.0.2.%d", count)
			for i := range count + 2 {
				for _, node := range []*ratelimit.Limiter{l, other} {
					if full, err := node.Full(t.Context(), ratelimit.SuspectContactIP, key); err != nil || full != (i >= count) {
						t.Fatalf("after %d of %d: %t, %v", i, count, full, err)
					}
				}
				_ = take(t, l, ratelimit.SuspectContactIP, key)
			}
			clock.Advance(time.Hour)
			if full, err := other.Full(t.Context(), ratelimit.SuspectContactIP, key); err != nil || full {
				t.Errorf("after its window: %t, %v", full, err)
			}
			if full, err := l.Full(t.Context(), ratelimit.SuspectResetIP, key); err != nil || full {
				t.Errorf("a limit that is off: %t, %v", full, err)
			}
		}
	}, dbtest.WithClock(clock.Now))
}

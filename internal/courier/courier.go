// Package courier calls services, machine to machine, to tell them what they are to be told.
//
// What is to be told stands in an outbox of the package that owns it (a Book): a row that
// was written in the transaction of what it tells of. A Courier runs on every node and takes
// its part: several hosts at once but few calls at one, again after growing pauses, and not
// for ever: each errand says until when. Each service has a lane of its own and never all
// calls of its host: one that is slow holds up none that shares the host with it. A service
// that does not answer in time is left alone a while, and a host that cannot be reached with
// all its services. Two nodes never tell the same errand, unless one died while it did.
package courier

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"strconv"
	"sync"
	"time"

	"parvis/internal/id"
	"parvis/internal/outbound"
)

// Settings are the numbers of telling services.
type Settings struct {
	// RetryFirst is the pause after the first failure; it doubles with each further one.
	RetryFirst time.Duration `yaml:"retry_first"`
	// RetryMost is the longest pause.
	RetryMost time.Duration `yaml:"retry_most"`
	// PerHost is how many calls to one host one node makes at once.
	PerHost int `yaml:"per_host"`
	// Hosts is how many hosts one node calls at once.
	Hosts int `yaml:"hosts"`
}

// Problems lists what is wrong with the settings.
func (s Settings) Problems() []string {
	var out []string
	if s.RetryFirst < time.Second || s.RetryFirst > s.RetryMost || s.RetryMost > 24*time.Hour {
		out = append(out, "retry_first, retry_most: must be at least 1s and at most 24h, the first not above the most")
	}
	if s.PerHost < 1 || s.PerHost > 64 || s.Hosts < 1 || s.Hosts > 256 {
		out = append(out, "per_host, hosts: must be between 1 and 64, and between 1 and 256")
	}
	return out
}

// How a courier waits.
const (
	// Lease is after which an errand that was claimed is due again.
	Lease     = time.Minute
	pollEvery = time.Second      // between looks at the outbox when nothing rings
	mostRest  = 30 * time.Second // the longest that whoever does not answer is left alone by this node
)

// Bell wakes a courier of this node. Make it with room for one ring; nil wakes nobody.
type Bell chan struct{}

// Ring wakes the courier, or does nothing when it is awake already.
func (b Bell) Ring() {
	select {
	case b <- struct{}{}:
	default:
	}
}

// Errand is something that a service is to be told.
type Errand[T any] struct {
	Of      id.RelyingParty
	Attempt int64     // of this call; the first is 1
	Until   time.Time // it is not tried again after
	What    T
}

// Errors of Book.Call that say that no further call is worth making.
var (
	// ErrNobody says that there is nobody any more to be told: it is forgotten.
	ErrNobody = errors.New("courier: nobody is to be told any more")
	// ErrFinal wraps the refusal of a service that is not to be told again.
	ErrFinal = errors.New("courier: it is not to be told again")
	// ErrLate says that an errand is not worth a call any more: its time was over before.
	ErrLate = errors.New("courier: it is too late to be told")
)

// Book is an outbox of errands.
type Book[T any] interface {
	// Due are the services that are to be told something now, by the host where; those that
	// cannot be told any more stand under "".
	Due(ctx context.Context) (map[string][]id.RelyingParty, error)
	// Claim takes some due errands of a service, at most so many; they are due again after Lease.
	Claim(ctx context.Context, of id.RelyingParty, most int) ([]Errand[T], error)
	// Call tells a service, once.
	Call(ctx context.Context, e Errand[T]) error
	// Done ends an errand of this attempt: it was told or, with a reason, it is given up.
	Done(ctx context.Context, e Errand[T], reason string) error
	// Again puts an errand of this attempt back for a while.
	Again(ctx context.Context, e Errand[T], pause time.Duration) error
}

// Courier carries the errands of one book. All fields are needed; safe for concurrent use.
type Courier[T any] struct {
	Book     Book[T]
	About    string // of what services are told, for the log
	Log      *slog.Logger
	Now      func() time.Time
	Settings Settings
	Bell     Bell

	mu    sync.Mutex
	hosts map[string]*host
	lanes map[id.RelyingParty]*rests // of the services that are told now, or rest
}

// rests is since when somebody does not answer.
type rests struct {
	busy     bool
	failures int
	until    time.Time
}

// rest lengthens the rest of who has just not answered.
func (r *rests) rest(now time.Time) {
	r.failures++
	r.until = now.Add(backoff(pollEvery, mostRest, int64(r.failures)))
}

// host is what this node does at one host.
type host struct {
	rests

	lanes int           // of services that are told there now
	calls chan struct{} // one for each call; who waits is served in turn
}

// Run tells services until ctx ends, then waits for the calls under way.
func (c *Courier[T]) Run(ctx context.Context) {
	var running sync.WaitGroup
	for ctx.Err() == nil {
		due, err := c.Book.Due(ctx)
		if err != nil && ctx.Err() == nil {
			c.stuck(ctx, "", err)
		}
		for name, parties := range due {
			for _, p := range parties {
				h := c.begin(name, p)
				if h == nil {
					continue
				}
				running.Go(func() {
					c.finish(name, h, p, c.serve(ctx, h, p))
					c.Bell.Ring()
				})
			}
		}
		c.rest(ctx)
	}
	running.Wait()
}

// RunDue tells everything that is due now, whether hosts rest or not, and returns when that
// is done; for a clock that was moved, and for tests.
func (c *Courier[T]) RunDue(ctx context.Context) error {
	due, err := c.Book.Due(ctx)
	if err != nil {
		return fmt.Errorf("courier: %w", err)
	}
	for _, parties := range due {
		h := c.host()
		for _, p := range parties {
			if c.serve(ctx, h, p) == unreachable {
				break
			}
		}
	}
	return nil
}

// stuck logs that nothing can be told.
func (c *Courier[T]) stuck(ctx context.Context, of id.RelyingParty, err error) {
	c.Log.ErrorContext(ctx, "services cannot be told", "about", c.About, "relying_party", string(of), "error", err.Error())
}

// rest sleeps until the bell rings or the next look is due.
func (c *Courier[T]) rest(ctx context.Context) {
	timer := time.NewTimer(jitter(pollEvery))
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-c.Bell:
	case <-timer.C:
	}
}

func (c *Courier[T]) host() *host {
	return &host{calls: make(chan struct{}, c.Settings.PerHost)}
}

// begin takes the lane of a service at its host; nil when it is taken, when one of the two
// rests, or when as many hosts are called as may be.
func (c *Courier[T]) begin(name string, of id.RelyingParty) *host {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.lanes == nil {
		c.hosts, c.lanes = map[string]*host{}, map[id.RelyingParty]*rests{}
	}
	now, l, h := c.Now(), c.lanes[of], c.hosts[name]
	if l != nil && (l.busy || now.Before(l.until)) || h != nil && now.Before(h.until) {
		return nil
	}
	if (h == nil || h.lanes == 0) && c.called() == c.Settings.Hosts {
		return nil
	}
	if l == nil {
		l = &rests{}
		c.lanes[of] = l
	}
	if h == nil {
		h = c.host()
		c.hosts[name] = h
	}
	if h.failures > 0 && h.lanes > 0 { // one service tries whether the host is there again
		return nil
	}
	l.busy = true
	h.lanes++
	return h
}

// called is how many hosts are called now.
func (c *Courier[T]) called() int {
	n := 0
	for _, h := range c.hosts {
		if h.lanes > 0 {
			n++
		}
	}
	return n
}

// outcome is what became of telling a service.
type outcome int

const (
	answered    outcome = iota
	silent              // it did not answer in time
	unreachable         // its host cannot be reached
)

// finish gives the lane back.
func (c *Courier[T]) finish(name string, h *host, of id.RelyingParty, o outcome) {
	c.mu.Lock()
	defer c.mu.Unlock()
	l, now := c.lanes[of], c.Now()
	l.busy = false
	h.lanes--
	switch o {
	case silent:
		l.rest(now)
	case unreachable, answered:
		delete(c.lanes, of)
	}
	if h.lanes == 0 && h.failures == 0 {
		delete(c.hosts, name)
	}
}

// serve tells a service what is due, a few things at once, until there is nothing or it
// does not answer.
func (c *Courier[T]) serve(ctx context.Context, h *host, of id.RelyingParty) outcome {
	for {
		n := c.take(ctx, h)
		if n == 0 || c.away(h) {
			h.give(n)
			return answered
		}
		errands, err := c.Book.Claim(ctx, of, n)
		h.give(n - len(errands))
		if err != nil && ctx.Err() == nil {
			c.stuck(ctx, of, err)
		}
		if len(errands) == 0 {
			return answered
		}
		if o := c.tellAll(ctx, h, errands); o != answered {
			return o
		}
	}
}

// away reports whether a host was found to be unreachable meanwhile.
func (c *Courier[T]) away(h *host) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.Now().Before(h.until)
}

// seen notes that a host could be reached, or lets it rest.
func (c *Courier[T]) seen(h *host, reached bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.Now()
	switch {
	case now.Before(h.until): // it rests since another call
	case reached:
		h.failures = 0
	default:
		h.rest(now)
	}
}

// take waits for a call at a host, and takes more when they are free: but for one of them,
// which is left to the other services there. It is 0 when ctx ends.
func (c *Courier[T]) take(ctx context.Context, h *host) int {
	select {
	case h.calls <- struct{}{}:
	case <-ctx.Done():
		return 0
	}
	for n := 1; n < c.Settings.PerHost-1; n++ {
		select {
		case h.calls <- struct{}{}:
		default:
			return n
		}
	}
	return max(1, c.Settings.PerHost-1)
}

// give gives calls back.
func (h *host) give(n int) {
	for range n {
		<-h.calls
	}
}

// tellAll tells one service some things at once, and gives each call back when it is over.
func (c *Courier[T]) tellAll(ctx context.Context, h *host, errands []Errand[T]) outcome {
	var running sync.WaitGroup
	became := make([]outcome, len(errands))
	for i, e := range errands {
		running.Go(func() {
			defer h.give(1)
			became[i] = c.tell(ctx, e)
			c.seen(h, became[i] != unreachable) // before another service takes the call
		})
	}
	running.Wait()
	return slices.Max(became)
}

// tell runs one errand and records what became of it.
func (c *Courier[T]) tell(ctx context.Context, e Errand[T]) outcome {
	err := c.Book.Call(ctx, e)
	switch {
	case err == nil, errors.Is(err, ErrNobody):
		c.record(ctx, e, c.Book.Done(ctx, e, ""))
		return answered
	case ctx.Err() != nil:
		return answered // the node stops: it is due again when its lease ends
	}
	reason, became := "failed", answered
	if errors.Is(err, ErrLate) {
		reason = "expired"
	}
	if failure, ok := errors.AsType[*outbound.Error](err); ok {
		reason = string(failure.Kind)
		switch failure.Kind { //nolint:exhaustive // the others are answers
		case outbound.Timeout:
			became = silent
		case outbound.Unreachable:
			became = unreachable
		case outbound.Status:
			reason = strconv.Itoa(failure.Status)
		}
	}
	c.Log.WarnContext(ctx, "a service could not be told", "about", c.About, "relying_party", string(e.Of), "attempt", e.Attempt, "error", err.Error())
	pause := jitter(backoff(c.Settings.RetryFirst, c.Settings.RetryMost, e.Attempt))
	if errors.Is(err, ErrFinal) || errors.Is(err, ErrLate) || c.Now().Add(pause).After(e.Until) {
		c.record(ctx, e, c.Book.Done(ctx, e, reason))
		return became
	}
	c.record(ctx, e, c.Book.Again(ctx, e, pause))
	return became
}

// record logs that the result could not be recorded: it is tried again when the lease ends.
func (c *Courier[T]) record(ctx context.Context, e Errand[T], err error) {
	if err != nil {
		c.Log.ErrorContext(ctx, "the result of telling a service cannot be recorded", "about", c.About, "relying_party", string(e.Of), "error", err.Error())
	}
}

// backoff doubles from first with each failure, up to most.
func backoff(first, most time.Duration, failures int64) time.Duration {
	if failures > 30 {
		return most
	}
	return min(most, first<<max(0, failures-1))
}

// jitter spreads a wait by a fifth to both sides, so that nodes do not march in step.
func jitter(d time.Duration) time.Duration {
	return d - d/5 + rand.N(2*d/5+1) //nolint:gosec // spreading, not a secret
}

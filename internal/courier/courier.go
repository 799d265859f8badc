// Package courier calls services, machine to machine, to tell them what they are to be told.
//
// What is to be told stands in an outbox of the package that owns it (a Book): a row that
// was written in the transaction of what it tells of. A Courier runs on every node and takes
// its part: several hosts at once but few calls at one, again after growing pauses, and not
// for ever: each errand says until when. A host that does not answer is left alone a while.
// Two nodes never tell the same errand, unless one died while it did.
package courier

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
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
	hostRest  = 30 * time.Second // the longest that a host which does not answer is left alone by this node
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
	lanes map[string]*lane // by host
}

// lane is what this node does at one host.
type lane struct {
	busy     bool
	failures int
	rests    time.Time // until when the host is left alone
}

// Run tells services until ctx ends, then waits for the calls under way.
func (c *Courier[T]) Run(ctx context.Context) {
	var running sync.WaitGroup
	slots := make(chan struct{}, c.Settings.Hosts)
	for ctx.Err() == nil {
		hosts, err := c.Book.Due(ctx)
		if err != nil && ctx.Err() == nil {
			c.stuck(ctx, "", err)
		}
		for host, parties := range hosts {
			if !c.begin(host) {
				continue
			}
			select {
			case slots <- struct{}{}:
			default: // as many as may be called are
				c.finish(host, false, true)
				continue
			}
			running.Go(func() {
				unreachable := c.serve(ctx, parties)
				<-slots
				c.finish(host, unreachable, false)
				c.Bell.Ring()
			})
		}
		c.rest(ctx)
	}
	running.Wait()
}

// RunDue tells everything that is due now, whether hosts rest or not, and returns when that
// is done; for a clock that was moved, and for tests.
func (c *Courier[T]) RunDue(ctx context.Context) error {
	hosts, err := c.Book.Due(ctx)
	if err != nil {
		return fmt.Errorf("courier: %w", err)
	}
	for _, parties := range hosts {
		c.serve(ctx, parties)
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

// begin takes the lane of a host; false when it is taken, or the host rests.
func (c *Courier[T]) begin(host string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.lanes == nil {
		c.lanes = map[string]*lane{}
	}
	l := c.lanes[host]
	if l == nil {
		l = &lane{}
		c.lanes[host] = l
	}
	if l.busy || c.Now().Before(l.rests) {
		return false
	}
	l.busy = true
	return true
}

// finish gives the lane back.
func (c *Courier[T]) finish(host string, unreachable, untried bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	l := c.lanes[host]
	l.busy = false
	switch {
	case untried:
	case unreachable:
		l.failures++
		l.rests = c.Now().Add(backoff(pollEvery, hostRest, int64(l.failures)))
	default:
		delete(c.lanes, host)
	}
}

// serve tells the services of one host what is due, and reports whether the host could not
// be reached, after which it is not tried further.
func (c *Courier[T]) serve(ctx context.Context, parties []id.RelyingParty) (unreachable bool) {
	for _, p := range parties {
		for ctx.Err() == nil && !unreachable {
			errands, err := c.Book.Claim(ctx, p, c.Settings.PerHost)
			if err != nil {
				c.stuck(ctx, p, err)
				return false
			}
			if len(errands) == 0 {
				break
			}
			unreachable = c.tellAll(ctx, errands)
		}
	}
	return unreachable
}

// tellAll tells one service some things at once.
func (c *Courier[T]) tellAll(ctx context.Context, errands []Errand[T]) (unreachable bool) {
	var running sync.WaitGroup
	failed := make([]bool, len(errands))
	for i, e := range errands {
		running.Go(func() { failed[i] = c.tell(ctx, e) })
	}
	running.Wait()
	for _, f := range failed {
		unreachable = unreachable || f
	}
	return unreachable
}

// tell runs one errand and records what became of it.
func (c *Courier[T]) tell(ctx context.Context, e Errand[T]) (unreachable bool) {
	err := c.Book.Call(ctx, e)
	switch {
	case err == nil, errors.Is(err, ErrNobody):
		c.record(ctx, e, c.Book.Done(ctx, e, ""))
		return false
	case ctx.Err() != nil:
		return false // the node stops: it is due again when its lease ends
	}
	reason := "failed"
	if errors.Is(err, ErrLate) {
		reason = "expired"
	}
	if failure, ok := errors.AsType[*outbound.Error](err); ok {
		reason, unreachable = string(failure.Kind), failure.Kind == outbound.Timeout || failure.Kind == outbound.Unreachable
		if failure.Kind == outbound.Status {
			reason = strconv.Itoa(failure.Status)
		}
	}
	c.Log.WarnContext(ctx, "a service could not be told", "about", c.About, "relying_party", string(e.Of), "attempt", e.Attempt, "error", err.Error())
	pause := jitter(backoff(c.Settings.RetryFirst, c.Settings.RetryMost, e.Attempt))
	if errors.Is(err, ErrFinal) || errors.Is(err, ErrLate) || c.Now().Add(pause).After(e.Until) {
		c.record(ctx, e, c.Book.Done(ctx, e, reason))
		return unreachable
	}
	c.record(ctx, e, c.Book.Again(ctx, e, pause))
	return unreachable
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

package upstream

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"parvis/internal/fault"
	"parvis/internal/policy"
)

// The numbers of looking after providers. With a check every two seconds an outage
// is known after 2 s + 1 s + 0.25 s + 1 s at the latest.
const (
	watchTick    = 250 * time.Millisecond
	probeTimeout = time.Second
	failuresDown = 2 // failed checks in a row
	probesAtOnce = 8 // on one node, whatever the number of providers
)

// Health is what this node knows of a provider.
type Health struct {
	Down   bool      // sign-ins are refused at once, so that nobody waits in vain
	Since  time.Time // of Down, or of the recovery; zero: it never was down
	Reason string    // for operators
}

// health keeps what is known of each provider. The zero value is ready.
type health struct {
	mutex  sync.Mutex
	states map[ID]*state
}

type state struct {
	Health
	failures int
	suspect  bool // a sign-in failed, or it is down: look thoroughly, at once
	running  bool
	checked  time.Time
}

func (h *health) of(id ID) *state {
	if h.states == nil {
		h.states = map[ID]*state{}
	}
	if h.states[id] == nil {
		h.states[id] = &state{}
	}
	return h.states[id]
}

// Health is what this node knows of a provider: within five seconds that it cannot
// be reached, and by itself that it can be reached again.
func (r *Registry) Health(provider ID) Health {
	r.health.mutex.Lock()
	defer r.health.mutex.Unlock()
	return r.health.of(provider).Health
}

// suspect lets a provider be looked at now. A failed sign-in alone closes nothing:
// what the browser brings is chosen by strangers.
func (h *health) suspect(provider ID) {
	h.mutex.Lock()
	defer h.mutex.Unlock()
	h.of(provider).suspect = true
}

// due reports whether a provider is to be looked at now, how thoroughly, and takes the turn.
func (h *health) due(p *Provider, now time.Time) (thorough, ok bool) {
	h.mutex.Lock()
	defer h.mutex.Unlock()
	s := h.of(p.ID)
	wait := p.CheckEvery
	switch {
	case s.suspect, s.failures > 0 && s.failures < failuresDown:
		wait = watchTick
	case s.Down:
		wait = min(p.CheckEvery, 2*time.Second)
	}
	if s.running || now.Sub(s.checked) < wait && !s.checked.IsZero() {
		return false, false
	}
	thorough = s.suspect || s.failures > 0
	s.running, s.checked = true, now
	return thorough, true
}

// done notes the result of a look; changed reports whether the provider went down or came back.
func (h *health) done(p *Provider, now time.Time, err error) (after Health, changed bool) {
	h.mutex.Lock()
	defer h.mutex.Unlock()
	s := h.of(p.ID)
	s.running = false
	if err == nil {
		changed = s.Down
		s.failures, s.suspect = 0, false
		if changed {
			s.Health = Health{Since: now}
		}
		return s.Health, changed
	}
	s.failures++
	if s.failures >= failuresDown {
		changed = !s.Down
		if changed {
			s.Since = now
		}
		s.Down, s.suspect, s.Reason = true, false, err.Error()
	}
	return s.Health, changed
}

// forget drops what is known of providers that are gone.
func (h *health) forget(keep map[ID]bool) {
	h.mutex.Lock()
	defer h.mutex.Unlock()
	for id, s := range h.states {
		if !keep[id] && !s.running {
			delete(h.states, id)
		}
	}
}

// Watch looks after every enabled provider until the context ends. Each node does
// it for itself: what counts is whether this node reaches the provider.
func (r *Registry) Watch(ctx context.Context) {
	tick := time.NewTicker(watchTick)
	defer tick.Stop()
	turns := make(chan struct{}, probesAtOnce)
	var running sync.WaitGroup
	defer running.Wait()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		s := r.snapshot.Load()
		if s == nil {
			continue
		}
		keep := map[ID]bool{}
		for _, p := range s.sorted() {
			if p.Disabled || r.Consumers[p.Protocol] == nil {
				continue
			}
			keep[p.ID] = true
			select {
			case turns <- struct{}{}:
			default:
				continue // the next tick
			}
			thorough, due := r.health.due(p, r.Now())
			if !due {
				<-turns
				continue
			}
			running.Go(func() {
				defer func() { <-turns }()
				r.probe(ctx, p, thorough)
			})
		}
		r.health.forget(keep)
	}
}

// probe looks at a provider once.
func (r *Registry) probe(ctx context.Context, p *Provider, thorough bool) {
	limited, cancel := context.WithTimeout(ctx, min(probeTimeout, p.Timeout))
	defer cancel()
	err := r.Consumers[p.Protocol].Probe(limited, p, thorough)
	if ctx.Err() != nil { // we are stopping
		return
	}
	after, changed := r.health.done(p, r.Now(), err)
	switch {
	case changed && after.Down:
		slog.ErrorContext(ctx, "a sign-in partner cannot be reached: people are told so at once", "upstream", p.ID, "reason", after.Reason)
	case changed:
		slog.InfoContext(ctx, "a sign-in partner can be reached again", "upstream", p.ID)
	}
}

// Begin makes the request of a sign-in at a provider. fault.NotFound when there is
// none or it is disabled; else the error is an *Error: of the failure Outage at once
// while the provider is known to be out of reach, Weaker when it can never reach
// the level.
func (r *Registry) Begin(ctx context.Context, provider ID, ask Ask) (_ Request, err error) {
	defer func() { logged(ctx, provider, err) }()
	p, err := r.Get(ctx, provider)
	if err != nil {
		return Request{}, err
	}
	if p.Disabled {
		return Request{}, fault.New(fault.NotFound, "error.upstream.unknown")
	}
	consumer := r.Consumers[p.Protocol]
	if consumer == nil {
		return Request{}, Fail(Invalid, "no consumer for the protocol %s", p.Protocol)
	}
	if h := r.Health(provider); h.Down {
		return Request{}, Fail(Outage, "known since %s", h.Since.UTC().Format(time.RFC3339))
	}
	ask.Level = max(ask.Level, p.Worth.Least)
	if ask.Level > p.Worth.Cap {
		return Request{}, Fail(Weaker, "%v is more than a sign-in there can be worth (%v)", ask.Level, p.Worth.Cap)
	}
	if p.MaxAge > 0 && (ask.MaxAge == nil || *ask.MaxAge > p.MaxAge) {
		limit := p.MaxAge
		ask.MaxAge = &limit
	}
	request, err := consumer.Begin(ctx, p, ask)
	r.note(p, err)
	if err != nil {
		return Request{}, err
	}
	pending := &request.Pending
	pending.Provider, pending.Issuer, pending.Protocol = p.ID, p.Issuer, p.Protocol
	pending.Level, pending.MaxAge, pending.Fresh = ask.Level, ask.MaxAge, ask.Fresh
	return request, nil
}

// Finish checks what the browser brought back from a provider. The pending must have
// been taken away before: a second try with it is the caller's Replay. The error is
// as of Begin; of the failure Weaker when the sign-in is worth less than was asked for.
func (r *Registry) Finish(ctx context.Context, pending Pending, answer Answer) (_ Assertion, err error) {
	defer func() { logged(ctx, pending.Provider, err) }()
	p, err := r.Get(ctx, pending.Provider)
	if err != nil {
		return Assertion{}, err
	}
	consumer := r.Consumers[p.Protocol]
	switch {
	case p.Disabled:
		return Assertion{}, fault.New(fault.NotFound, "error.upstream.unknown")
	case consumer == nil || p.Issuer != pending.Issuer || p.Protocol != pending.Protocol:
		return Assertion{}, Fail(Invalid, "the partner's settings changed since the request")
	case r.Now().Sub(pending.At) > pendingLife:
		return Assertion{}, Fail(Replay, "the request is older than %v", pendingLife)
	}
	a, err := consumer.Finish(ctx, p, pending, answer)
	r.note(p, err)
	if err != nil {
		return Assertion{}, err
	}
	if a.Issuer != p.Issuer || a.Subject == "" || len(a.Subject) > MaxSubject {
		return Assertion{}, Fail(Invalid, "an assertion of another issuer or without a usable subject")
	}
	a.Level = p.Worth.Of(a.ACR, a.AMR)
	if need := max(pending.Level, p.Worth.Least, policy.OneStep); a.Level < need {
		return Assertion{}, Fail(Weaker, "worth %v, %v is needed", a.Level, need)
	}
	return a, nil
}

// pendingLife is how old a request may be when its answer comes.
const pendingLife = time.Hour

// note lets a provider be looked at when a call to it failed.
func (r *Registry) note(p *Provider, err error) {
	e, ok := errors.AsType[*Error](err)
	if ok && !e.ByBrowser && (e.Failure == Outage || e.Failure == Slow) {
		r.health.suspect(p.ID)
	}
}

// logged tells operators why a sign-in at a provider came to nothing. People are told
// less, and a reason holds neither secrets nor anything about the person.
func logged(ctx context.Context, provider ID, err error) {
	if e, ok := errors.AsType[*Error](err); ok {
		slog.InfoContext(ctx, "a sign-in at a partner came to nothing", "upstream", provider, "failure", string(e.Failure), "reason", e.Error())
	}
}

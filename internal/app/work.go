package app

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	"parvis/internal/job"
	"parvis/internal/jose"
	"parvis/internal/keyring"
	"parvis/internal/notify/notice"
	"parvis/internal/upstream"
	"parvis/internal/upstream/handover"
)

// limits of readiness
const (
	maxSkew    = 2 * time.Second  // of this clock against the database's
	maxWaiting = 15 * time.Minute // of the oldest mail
)

// Start checks the database's version, makes or checks the keys, reads the
// partners, and begins the background work, which runs until ctx ends.
func (h *House) Start(ctx context.Context) error {
	status, err := h.DB.Status(ctx)
	if err != nil {
		return err
	}
	if len(status.Pending) > 0 {
		return fmt.Errorf("app: the database misses %d migrations; run: parvis migrate up", len(status.Pending))
	}
	if err := h.Keyring.Start(ctx); err != nil {
		return err
	}
	if err := h.Partners.Reseal(ctx, h.DB); err != nil {
		return err
	}
	if err := h.Registry.Start(ctx); err != nil {
		return err
	}
	if err := h.prepareKeys(ctx); err != nil {
		return err
	}
	if err := h.Upstreams.Start(ctx); err != nil {
		return err
	}
	if err := h.checkDoors(ctx); err != nil {
		return err
	}
	if err := h.Jobs.Start(ctx); err != nil {
		return err
	}
	h.background(func() {
		if err := h.Keyring.Run(ctx); err != nil && ctx.Err() == nil {
			h.Log.ErrorContext(ctx, "keys are not read any more", "error", err.Error())
		}
	})
	h.background(func() { h.Registry.Run(ctx) })
	h.background(func() { h.Upstreams.Run(ctx) })
	h.background(func() { h.Upstreams.Watch(ctx) })
	h.background(func() { h.Worker.Run(ctx) })
	h.background(func() { h.Telling.Run(ctx) })
	h.background(func() { h.Pinging.Run(ctx) })
	h.background(func() { h.watchBreached(ctx) })
	h.background(func() { h.watchPlaces(ctx) })
	h.background(func() {
		if err := h.Jobs.Run(ctx); err != nil {
			h.Log.ErrorContext(ctx, "jobs cannot run", "error", err.Error())
		}
	})
	h.started.Store(true)
	return nil
}

// RunDue does everything that has become due, at once: for a clock that was moved.
func (h *House) RunDue(ctx context.Context) error {
	return errors.Join(h.Registry.Refresh(ctx), h.Upstreams.Refresh(ctx), h.Jobs.RunDue(ctx), h.Worker.RunDue(ctx), h.Telling.RunDue(ctx), h.Pinging.RunDue(ctx))
}

// jobs are all periodic works of the service.
func (h *House) jobs() []job.Job {
	all := []job.Job{
		{Name: "audit.chain", Every: time.Second, Run: h.Audit.Chain},
		{Name: "audit.erase-personal", Every: 24 * time.Hour, Run: h.Audit.ErasePersonal},
		{Name: "ratelimit.purge", Every: time.Minute, Run: h.Limiter.Purge},
		{Name: "challenge.purge", Every: time.Minute, Run: h.Screening.Challenges.Purge},
		{Name: "keyring.maintain", Every: time.Minute, Run: h.Keyring.Maintain},
		{Name: "keyring.prepare", Every: 10 * time.Second, Run: h.prepareKeys},
		{Name: "outbox.purge", Every: time.Hour, Run: h.Worker.Purge},
		{Name: "grant.purge", Every: time.Minute, Run: func(ctx context.Context) error { return h.Grants.Purge(ctx, h.DB) }},
		{Name: "pushed.purge", Every: time.Minute, Run: func(ctx context.Context) error { return h.Pushed.Purge(ctx, h.DB) }},
		{Name: "device.purge", Every: time.Minute, Run: func(ctx context.Context) error { return h.Devices.Purge(ctx, h.DB) }},
		{Name: "ciba.purge", Every: time.Minute, Run: func(ctx context.Context) error { return h.Asked.Purge(ctx, h.DB) }},
		{Name: "upstream.purge", Every: time.Minute, Run: upstream.Assertions{DB: h.DB}.Purge},
		{Name: "handover.purge", Every: time.Minute, Run: handover.Answers{DB: h.DB}.Purge},
	}
	return slices.Concat(all, h.Lifecycle.Jobs(), h.Merging.Jobs(), h.Leaving.Jobs(), h.Unused.Jobs(), h.Reclaim.Jobs(), h.Activity.Jobs())
}

// prepareKeys makes the keys of algorithms that services want.
func (h *House) prepareKeys(ctx context.Context) error {
	parties, err := h.Registry.List(ctx)
	if err != nil {
		return fmt.Errorf("app: %w", err)
	}
	var algs []jose.Algorithm
	for _, p := range parties {
		algs = append(algs, p.SigningAlgorithms()...)
	}
	slices.Sort(algs)
	return h.Keyring.Prepare(ctx, slices.Compact(algs)...)
}

// node names this process among all that share the database.
func node() string {
	name, err := os.Hostname()
	if err != nil {
		name = "node"
	}
	return fmt.Sprintf("%s/%d", name, os.Getpid())
}

// probes are what readiness depends on.
func (h *House) probes() []probe {
	return []probe{
		{"started", func(context.Context) error {
			if !h.started.Load() {
				return errors.New("still starting")
			}
			return nil
		}},
		{"database", h.DB.Ping},
		{"migrations", func(ctx context.Context) error {
			s, err := h.DB.Status(ctx)
			if err == nil && len(s.Pending) > 0 {
				return fmt.Errorf("%d migrations are missing; run: parvis migrate up", len(s.Pending))
			}
			return err
		}},
		{"clock", func(ctx context.Context) error {
			skew, err := h.DB.ClockSkew(ctx)
			if err == nil && skew.Abs() > maxSkew {
				return fmt.Errorf("this clock differs from the database's by %s; check time synchronisation", skew.Round(time.Millisecond))
			}
			return err
		}},
		{"keys", func(context.Context) error {
			for _, alg := range keyring.Algorithms() {
				if _, err := h.Keyring.Signer(alg); err != nil {
					return err
				}
			}
			return nil
		}},
		{"outbox", func(ctx context.Context) error {
			b, err := h.Worker.Backlog(ctx, notice.Email)
			if err == nil && b.Oldest > maxWaiting {
				return fmt.Errorf("%d mails wait, the oldest for %s; check mail.server", b.Waiting, b.Oldest.Round(time.Second))
			}
			return err
		}},
	}
}

// asking bounds a question that a metric asks the database.
func asking() (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.Background(), probeTimeout)
}

// waiting is the value of a gauge that counts what waits; -1 when it cannot be counted.
func waiting(count func(context.Context) (int64, error)) func() float64 {
	return func() float64 {
		ctx, cancel := asking()
		defer cancel()
		n, err := count(ctx)
		if err != nil {
			return -1
		}
		return float64(n)
	}
}

// measure registers the numbers that are read when somebody asks for them.
func (h *House) measure() {
	m := h.metrics
	m.gauge("parvis_ready", "1 when /readyz answers 200.", func() float64 {
		ctx, cancel := asking()
		defer cancel()
		if h.Ready(ctx).Ready {
			return 1
		}
		return 0
	})
	m.gauge("parvis_outbox_waiting", "Mails that wait, of all nodes.", func() float64 {
		ctx, cancel := asking()
		defer cancel()
		b, err := h.Worker.Backlog(ctx, notice.Email)
		if err != nil {
			return -1
		}
		return float64(b.Waiting)
	})
	m.gauge("parvis_outbox_oldest_seconds", "Age of the oldest mail that waits.", func() float64 {
		ctx, cancel := asking()
		defer cancel()
		b, err := h.Worker.Backlog(ctx, notice.Email)
		if err != nil {
			return -1
		}
		return b.Oldest.Seconds()
	})
	m.gauge("parvis_logout_notices_waiting", "Ends of sessions that services are still to be told of, of all nodes.", waiting(h.Telling.Waiting))
	m.gauge("parvis_confirmation_pings_waiting", "Decisions of people that services are still to be told of, of all nodes.", waiting(h.Pinging.Waiting))
	m.gauge("parvis_clock_skew_seconds", "This node's clock against the database's.", func() float64 {
		ctx, cancel := asking()
		defer cancel()
		skew, err := h.DB.ClockSkew(ctx)
		if err != nil {
			return 0
		}
		return skew.Seconds()
	})
	m.gauge("parvis_upstreams_down", "Sign-in partners that this node cannot reach.", func() float64 {
		ctx, cancel := asking()
		defer cancel()
		all, err := h.Upstreams.List(ctx)
		if err != nil {
			return -1
		}
		down := 0
		for _, p := range all {
			if h.Upstreams.Health(p.ID).Down {
				down++
			}
		}
		return float64(down)
	})
	m.gauge("parvis_password_queue", "Password computations that wait for their turn.",
		func() float64 { return float64(h.Hasher.Waiting()) })
	for _, j := range h.Jobs.Jobs {
		m.labelled("parvis_job_failures", "Failures in a row of a background job on this node; 0 when it works.", "job", j.Name,
			func() float64 { return float64(h.Jobs.States()[j.Name].Failures) })
	}
	m.gauge("parvis_mail_server_failures", "Failures of the mail server in a row; 0 when mail flows.",
		func() float64 { return float64(h.Worker.Stats(notice.Email).Down) })
	m.counter("parvis_mails_total", "Mails of this node, by result.", "result", h.results(notice.Email))
	m.gauge("parvis_text_provider_failures", "Failures of the provider of text messages in a row; 0 when they flow.",
		func() float64 { return float64(h.Worker.Stats(notice.Text).Down) })
	m.counter("parvis_texts_total", "Text messages of this node, by result.", "result", h.results(notice.Text))
	m.gauge("parvis_call_provider_failures", "Failures of the provider of calls in a row; 0 when they flow.",
		func() float64 { return float64(h.Worker.Stats(notice.Voice).Down) })
	m.counter("parvis_calls_total", "Calls of this node, by result.", "result", h.results(notice.Voice))
}

// results reads what this node did on a channel.
func (h *House) results(c notice.Channel) map[string]func() float64 {
	return map[string]func() float64{
		"sent":    func() float64 { return float64(h.Worker.Stats(c).Sent) },
		"failed":  func() float64 { return float64(h.Worker.Stats(c).Failed) },
		"expired": func() float64 { return float64(h.Worker.Stats(c).Expired) },
		"retried": func() float64 { return float64(h.Worker.Stats(c).Retried) },
	}
}

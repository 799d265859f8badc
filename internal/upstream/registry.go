package upstream

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"parvis/internal/db"
	"parvis/internal/fault"
	"parvis/internal/i18n"
	"parvis/internal/secret"
)

// PollEvery is how often the revision is read, and StaleAfter how long an
// unconfirmed snapshot may be used before each question is read through.
const (
	PollEvery  = 300 * time.Millisecond
	StaleAfter = 2 * time.Second
)

// Registry answers which sign-in partners there are, and speaks with them. Its
// fields are set once; Start before use, Run and Watch beside it.
type Registry struct {
	DB        *db.DB
	Keys      *secret.Keys // open the credentials of stored providers
	Now       func() time.Time
	File      []*Provider // providers of the configuration file
	Consumers map[Protocol]Consumer

	snapshot atomic.Pointer[snapshot]
	reading  sync.Mutex
	health   health
}

// snapshot is what was known at one revision. Immutable but for confirmed.
type snapshot struct {
	revision  int64
	providers map[ID]*Provider
	confirmed atomic.Int64 // Unix ms when the revision was last seen unchanged
}

// Start reads the providers for the first time. It refuses identifiers and issuers
// that stand in the file twice, or in the file and in the database, and names that
// look like one.
func (r *Registry) Start(ctx context.Context) error {
	for i, p := range r.File {
		for _, other := range r.File[:i] {
			if clash(p, other) {
				return fmt.Errorf("upstream: upstreams: %q and %q have one id or one issuer; remove one", p.ID, other.ID)
			}
			if Alike(p, other) {
				return fmt.Errorf("upstream: %s", unlike(p, other))
			}
		}
	}
	s, err := r.read(ctx, nil)
	if err != nil {
		return err
	}
	for _, stored := range s.providers {
		for _, p := range r.File {
			if !stored.FromFile && clash(p, stored) {
				return fmt.Errorf("upstream: upstreams: %q stands in the configuration and, as %q, in the database; remove it from one of them", p.ID, stored.ID)
			}
			if !stored.FromFile && Alike(p, stored) {
				return fmt.Errorf("upstream: %s", unlike(p, stored))
			}
		}
	}
	return nil
}

// clash reports whether two providers cannot be there both: an issuer has one
// provider, so that it is always known by which rules its answers are checked.
func clash(a, b *Provider) bool { return a.ID == b.ID || a.Issuer == b.Issuer }

// Run keeps the snapshot fresh until the context ends.
func (r *Registry) Run(ctx context.Context) {
	tick := time.NewTicker(PollEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			if err := r.Refresh(ctx); err != nil && ctx.Err() == nil {
				slog.WarnContext(ctx, "sign-in partners cannot be read", "error", err)
			}
		}
	}
}

// Refresh reads the providers if their revision has changed.
func (r *Registry) Refresh(ctx context.Context) error {
	_, err := r.read(ctx, r.snapshot.Load())
	return err
}

// Get is one provider, disabled or not. fault.NotFound when there is none;
// fault.Unavailable when the database has been out of reach for StaleAfter.
func (r *Registry) Get(ctx context.Context, provider ID) (*Provider, error) {
	s, err := r.fresh(ctx)
	if err != nil {
		return nil, err
	}
	p, ok := s.providers[provider]
	if !ok {
		return nil, fault.New(fault.NotFound, "error.upstream.unknown")
	}
	return p, nil
}

// ByIssuer is the provider of a link; nil for one that is not configured any more.
func (r *Registry) ByIssuer(ctx context.Context, issuer string) (*Provider, error) {
	s, err := r.fresh(ctx)
	if err != nil {
		return nil, err
	}
	for _, p := range s.providers {
		if p.Issuer == issuer {
			return p, nil
		}
	}
	return nil, nil //nolint:nilnil // a partner that is gone is an ordinary answer
}

// List is every provider in the order in which they are shown.
func (r *Registry) List(ctx context.Context) ([]*Provider, error) {
	s, err := r.fresh(ctx)
	if err != nil {
		return nil, err
	}
	return s.sorted(), nil
}

// Open is List without those that are out of use: what a person can choose.
func (r *Registry) Open(ctx context.Context) ([]*Provider, error) {
	all, err := r.List(ctx)
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(all, func(p *Provider) bool { return p.Disabled }), nil
}

// NameOf is what people call the provider of an issuer; the issuer itself when it is not
// configured any more.
func (r *Registry) NameOf(ctx context.Context, issuer string) (i18n.Text, error) {
	p, err := r.ByIssuer(ctx, issuer)
	if err != nil {
		return nil, err
	}
	if p == nil {
		return i18n.Text{"en": issuer, "fr": issuer}, nil
	}
	return p.Name, nil
}

func (s *snapshot) sorted() []*Provider {
	out := make([]*Provider, 0, len(s.providers))
	for _, p := range s.providers {
		out = append(out, p)
	}
	slices.SortFunc(out, func(a, b *Provider) int { return cmp.Or(cmp.Compare(a.Order, b.Order), cmp.Compare(a.ID, b.ID)) })
	return out
}

// fresh is the snapshot when it was confirmed lately, else what a reading gives now.
func (r *Registry) fresh(ctx context.Context) (*snapshot, error) {
	s := r.snapshot.Load()
	if s != nil {
		age := r.Now().UnixMilli() - s.confirmed.Load()
		if age >= 0 && age < StaleAfter.Milliseconds() {
			return s, nil
		}
	}
	s, err := r.read(ctx, s)
	if err != nil {
		return nil, &fault.Error{Kind: fault.Unavailable, Key: "error.unavailable", RetryAfter: StaleAfter, Err: err}
	}
	return s, nil
}

// read looks at the revision and, when it is not the known one, at every provider.
func (r *Registry) read(ctx context.Context, known *snapshot) (*snapshot, error) {
	r.reading.Lock()
	defer r.reading.Unlock()
	if now := r.snapshot.Load(); now != nil && now != known {
		known = now
	}
	var revision int64
	var stored []record
	changed := false
	at := r.Now()
	err := r.DB.Read(ctx, func(tx *db.Tx) (err error) {
		revision, err = readRevision(tx)
		changed = err == nil && (known == nil || known.revision != revision)
		if changed {
			stored, err = readAll(tx)
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("upstream: read: %w", err)
	}
	next := known
	if changed {
		next = &snapshot{revision: revision, providers: r.join(ctx, stored)}
	}
	next.confirmed.Store(at.UnixMilli())
	r.snapshot.Store(next)
	return next, nil
}

// join puts the stored providers and those of the file together. A stored one that
// no longer passes the rules is left out and named in the log; so is one that
// clashes with another, except at the first reading, where Start reports it.
func (r *Registry) join(ctx context.Context, stored []record) map[ID]*Provider {
	out := make(map[ID]*Provider, len(stored)+len(r.File))
	first := r.snapshot.Load() == nil
	issuers := map[string]bool{}
	for _, p := range r.File {
		out[p.ID], issuers[p.Issuer] = p, true
	}
	for _, rec := range stored {
		p, problems := rec.build(r.Keys)
		if len(problems) == 0 && !first && (out[p.ID] != nil || issuers[p.Issuer]) {
			problems = []string{"its id or its issuer stands in the configuration, or with another one"}
		}
		if len(problems) > 0 {
			slog.ErrorContext(ctx, "a stored sign-in partner is left out", "upstream", rec.id, "problems", problems)
			continue
		}
		out[p.ID], issuers[p.Issuer] = p, true
	}
	return out
}

// FromFile builds the providers of the configuration file. It returns every problem of all of them.
func FromFile(all []Settings) ([]*Provider, []string) {
	var out []*Provider
	var problems []string
	for _, s := range all {
		p, bad := s.Build()
		if len(bad) > 0 {
			problems = append(problems, bad...)
			continue
		}
		p.FromFile = true
		out = append(out, p)
	}
	return out, problems
}

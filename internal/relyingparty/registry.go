package relyingparty

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"parvis/internal/db"
	"parvis/internal/fault"
	"parvis/internal/id"
	"parvis/internal/secret"
)

// PollEvery is how often the revision is read, and StaleAfter how long an
// unconfirmed snapshot may be used before each question is read through.
const (
	PollEvery  = 300 * time.Millisecond
	StaleAfter = 2 * time.Second
)

// Registry answers which partners there are. Its fields are set once; Start
// before use, Run beside it.
type Registry struct {
	DB   *db.DB
	Now  func() time.Time
	Keys *secret.Keys    // that seal secrets of AuthSecretJWT
	File []*RelyingParty // partners of the configuration file
	// Identities says that the deployment verifies identities, so that partners can ask for them.
	Identities bool

	snapshot atomic.Pointer[snapshot]
	reading  sync.Mutex
}

// snapshot is what was known at one revision. Immutable but for confirmed.
type snapshot struct {
	revision  int64
	parties   map[id.RelyingParty]*RelyingParty
	details   []string     // see DetailTypes
	confirmed atomic.Int64 // Unix ms when the revision was last seen unchanged
}

// Start reads the partners for the first time. It refuses identifiers that
// stand in the file twice, or in the file and in the database.
func (r *Registry) Start(ctx context.Context) error {
	seen := map[id.RelyingParty]bool{}
	for _, p := range r.File {
		p.Identities = r.Identities
		if seen[p.ID] {
			return fmt.Errorf("relyingparty: partners: %q stands in the configuration twice; remove one", p.ID)
		}
		seen[p.ID] = true
	}
	s, err := r.read(ctx, nil)
	if err != nil {
		return err
	}
	for pid, p := range s.parties {
		if seen[pid] && !p.FromFile {
			return fmt.Errorf("relyingparty: partners: %q stands in the configuration and in the database; remove it from one of them", pid)
		}
	}
	return nil
}

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
				slog.WarnContext(ctx, "partners cannot be read", "error", err)
			}
		}
	}
}

// Refresh reads the partners if their revision has changed.
func (r *Registry) Refresh(ctx context.Context) error {
	_, err := r.read(ctx, r.snapshot.Load())
	return err
}

// Get is one partner, disabled or not. fault.NotFound when there is none;
// fault.Unavailable when the database has been out of reach for StaleAfter.
func (r *Registry) Get(ctx context.Context, pid id.RelyingParty) (*RelyingParty, error) {
	s, err := r.fresh(ctx)
	if err != nil {
		return nil, err
	}
	p, ok := s.parties[pid]
	if !ok {
		return nil, fault.New(fault.NotFound, "error.partner.unknown")
	}
	return p, nil
}

// Known finds partners by their identifier, nil for one that is not registered: for who learns in a
// transaction which partner it is about. fault.Unavailable as Get.
func (r *Registry) Known(ctx context.Context) (func(id.RelyingParty) *RelyingParty, error) {
	s, err := r.fresh(ctx)
	if err != nil {
		return nil, err
	}
	return func(pid id.RelyingParty) *RelyingParty { return s.parties[pid] }, nil
}

// Find is the partner that a journey, a link or a page is about: nil for none (""),
// and for one that is registered no longer, whose name a page or a mail does without.
// fault.Unavailable as Get.
func (r *Registry) Find(ctx context.Context, pid id.RelyingParty) (*RelyingParty, error) {
	if pid == "" {
		return nil, nil //nolint:nilnil // no service is an ordinary answer
	}
	p, err := r.Get(ctx, pid)
	if fault.Is(err, fault.NotFound) {
		return nil, nil //nolint:nilnil // so is one that is gone
	}
	return p, err
}

// Reachable is the partner that can be told something at an address of its own; nil for one
// that has none, is gone or disabled.
func (r *Registry) Reachable(ctx context.Context, pid id.RelyingParty, at func(*RelyingParty) string) (*RelyingParty, error) {
	p, err := r.Find(ctx, pid)
	if err != nil || p == nil || p.Disabled || at(p) == "" {
		return nil, err
	}
	return p, nil
}

// Hosts are partners by the host where each can be told something; those that are not
// Reachable stand under "".
func (r *Registry) Hosts(ctx context.Context, pids []id.RelyingParty, at func(*RelyingParty) string) (map[string][]id.RelyingParty, error) {
	out := map[string][]id.RelyingParty{}
	for _, pid := range pids {
		p, err := r.Reachable(ctx, pid, at)
		if err != nil {
			return nil, err
		}
		host := ""
		if p != nil {
			host = Origin(at(p))
		}
		out[host] = append(out[host], pid)
	}
	return out, nil
}

// List is every partner in the order of identifiers.
func (r *Registry) List(ctx context.Context) ([]*RelyingParty, error) {
	s, err := r.fresh(ctx)
	if err != nil {
		return nil, err
	}
	out := make([]*RelyingParty, 0, len(s.parties))
	for _, pid := range slices.Sorted(maps.Keys(s.parties)) {
		out = append(out, s.parties[pid])
	}
	return out, nil
}

// DetailTypes are the types of authorization_details that partners are registered for, each
// once and in order (RFC 9396, 10). Those of disabled partners are not among them.
func (r *Registry) DetailTypes(ctx context.Context) ([]string, error) {
	s, err := r.fresh(ctx)
	if err != nil {
		return nil, err
	}
	return s.details, nil
}

func detailTypes(parties map[id.RelyingParty]*RelyingParty) []string {
	var out []string
	for _, p := range parties {
		for _, d := range p.DetailTypes {
			if !p.Disabled {
				out = append(out, d.Type)
			}
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// Current is List as it stands in the database now, with the revision that it has: a
// change which must know all partners compares it with Store.Revision in its transaction.
func (r *Registry) Current(ctx context.Context) ([]*RelyingParty, int64, error) {
	s, err := r.read(ctx, r.snapshot.Load())
	if err != nil {
		return nil, 0, err
	}
	return slices.Collect(maps.Values(s.parties)), s.revision, nil
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

// read looks at the revision and, when it is not the known one, at every partner.
func (r *Registry) read(ctx context.Context, known *snapshot) (*snapshot, error) {
	r.reading.Lock()
	defer r.reading.Unlock()
	if now := r.snapshot.Load(); now != nil && now != known {
		known = now
	}
	var next *snapshot
	at := r.Now()
	err := r.DB.Read(ctx, func(tx *db.Tx) error {
		next = nil
		revision, err := readRevision(tx)
		if err != nil {
			return err
		}
		if known != nil && known.revision == revision {
			return nil
		}
		stored, err := readAll(tx)
		if err != nil {
			return err
		}
		next = &snapshot{revision: revision, parties: r.join(ctx, stored)}
		next.details = detailTypes(next.parties)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("relyingparty: read: %w", err)
	}
	if next == nil {
		next = known
	}
	next.confirmed.Store(at.UnixMilli())
	r.snapshot.Store(next)
	return next, nil
}

// join puts the stored partners and those of the file together; the file wins.
// A stored partner that no longer passes the rules is left out and named in the log.
func (r *Registry) join(ctx context.Context, stored []record) map[id.RelyingParty]*RelyingParty {
	out := make(map[id.RelyingParty]*RelyingParty, len(stored)+len(r.File))
	for _, rec := range stored {
		p, problems := rec.build(r.Keys)
		if len(problems) > 0 {
			slog.ErrorContext(ctx, "a stored partner is left out", "relying_party", rec.id, "problems", problems)
			continue
		}
		p.Identities = r.Identities
		out[p.ID] = p
	}
	for _, p := range r.File {
		if stored, ok := out[p.ID]; ok && !stored.FromFile && r.snapshot.Load() == nil {
			continue // Start reports the conflict
		}
		out[p.ID] = p
	}
	return out
}

// FromFile builds the partners of the configuration file. It returns every problem of all of them.
func FromFile(all []Settings) ([]*RelyingParty, []string) {
	var out []*RelyingParty
	var problems []string
	for _, s := range all {
		p, bad := s.Build()
		if len(bad) > 0 {
			problems = append(problems, bad...)
			continue
		}
		p.FromFile = true
		if p.AuthMethod.UsesSecret() {
			if len(p.Secrets) == 0 {
				problems = append(problems, fmt.Sprintf("partners[%s].secret_file: auth: %s needs a secret; write secret_file%s", s.ID, p.AuthMethod, orDigest(p.AuthMethod)))
				continue
			}
		}
		out = append(out, p)
	}
	return out, problems
}

// orDigest is the other way to write a secret down, for methods that need no more of it.
func orDigest(m AuthMethod) string {
	if m == AuthSecretJWT {
		return ""
	}
	return " or secret_sha256"
}

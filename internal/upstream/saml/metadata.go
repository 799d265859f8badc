package saml

import (
	"context"
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"sync"
	"time"

	"parvis/internal/outbound"
	"parvis/internal/saml/protocol"
	"parvis/internal/upstream"
)

// How long a partner's metadata is kept. It is asked for again when it is older than
// its cacheDuration within these bounds, or usual without one; while that fails, it
// still serves until stale, and never after its validUntil. It is also asked for
// again when an answer is signed by none of its keys, but no more often than again.
const (
	usual   = time.Hour
	soonest = time.Minute
	latest  = 6 * time.Hour
	stale   = 24 * time.Hour
	again   = 10 * time.Second
)

// source is where metadata comes from, and who must have signed it: what is known of
// one source is not known of another.
type source struct {
	issuer, url string
	signed      [sha256.Size]byte
}

func sourceOf(p *upstream.Provider) source {
	h := sha256.New()
	for _, key := range p.SAML.MetadataKeys {
		raw, _ := x509.MarshalPKIXPublicKey(key) // cannot fail: it came from a certificate
		h.Write(raw)
	}
	return source{p.Issuer, p.SAML.MetadataURL, [sha256.Size]byte(h.Sum(nil))}
}

// cache is what is known of one source.
type cache struct {
	mutex   sync.Mutex // of what follows; never held during a call
	idp     *protocol.IdentityProvider
	at      time.Time // when idp was asked for
	tried   time.Time // the last call, whatever came of it
	err     error     // of the last call
	forced  time.Time // the last time that an unknown key was the reason
	running *call     // nil while nobody asks
}

// call is one call for metadata that everybody waits for who wants it.
type call struct {
	done chan struct{} // closed when what follows is there
	idp  *protocol.IdentityProvider
	err  error
}

// failedFor is for how long a failed call answers for the next ones: whoever comes then
// is told at once, and does not wait for the same.
const failedFor = 5 * time.Second

func (c *Consumer) of(p *upstream.Provider) *cache {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	if c.caches == nil {
		c.caches = map[source]*cache{}
	}
	s := sourceOf(p)
	if c.caches[s] == nil {
		for other := range c.caches {
			if other.issuer == s.issuer { // the settings changed
				delete(c.caches, other)
			}
		}
		c.caches[s] = &cache{}
	}
	return c.caches[s]
}

// usable is what is known, as long as it may be used at all.
func (k *cache) usable(now time.Time) (idp *protocol.IdentityProvider, age time.Duration, lately bool) {
	k.mutex.Lock()
	defer k.mutex.Unlock()
	age, lately = now.Sub(k.at), now.Sub(k.tried) < again && !now.Before(k.tried)
	if k.idp == nil || age < 0 || age >= stale || !k.idp.ValidUntil.IsZero() && !now.Before(k.idp.ValidUntil) {
		return nil, 0, lately
	}
	return k.idp, age, lately
}

// fresh is how long metadata is used without asking again.
func fresh(idp *protocol.IdentityProvider) time.Duration {
	if idp.CacheDuration == 0 {
		return usual
	}
	return min(max(idp.CacheDuration, soonest), latest)
}

// partner is what a provider's metadata says, from the settings or the cache.
func (c *Consumer) partner(ctx context.Context, p *upstream.Provider) (*protocol.IdentityProvider, error) {
	if known := p.SAML.Known; known != nil {
		if !known.ValidUntil.IsZero() && !c.Now().Before(known.ValidUntil) {
			return nil, upstream.Fail(upstream.Invalid, "metadata: expired on %s; give the new one", known.ValidUntil.Format(time.RFC3339))
		}
		return known, nil
	}
	k, now := c.of(p), c.Now()
	known, age, lately := k.usable(now)
	if known != nil && (age < fresh(known) || lately) {
		return known, nil
	}
	if err := k.failed(now); known == nil && err != nil {
		return nil, err
	}
	idp, err := c.fetch(ctx, p)
	if err != nil && known != nil {
		return known, nil // what it said before serves for a while
	}
	return idp, err
}

// failed is why the last call came to nothing, while that answers for others.
func (k *cache) failed(now time.Time) error {
	k.mutex.Lock()
	defer k.mutex.Unlock()
	if since := now.Sub(k.tried); k.err == nil || k.running != nil || since < 0 || since >= failedFor {
		return nil
	}
	return k.err
}

// renewed asks a provider for its metadata because an answer was signed by none of the
// known keys. It reports false when it was asked so only just now, or cannot be asked.
func (c *Consumer) renewed(ctx context.Context, p *upstream.Provider) (*protocol.IdentityProvider, bool) {
	if p.SAML.Known != nil {
		return nil, false
	}
	k, now := c.of(p), c.Now()
	k.mutex.Lock()
	lately := now.Sub(k.forced) < again && !now.Before(k.forced)
	if !lately {
		k.forced = now
	}
	k.mutex.Unlock()
	if lately {
		return nil, false
	}
	idp, err := c.fetch(ctx, p)
	return idp, err == nil
}

// fetch asks a provider for its metadata and keeps a good answer. Many at once ask once;
// each leaves when its own time is over, and the call goes on for the others, within the
// provider's timeout.
func (c *Consumer) fetch(ctx context.Context, p *upstream.Provider) (*protocol.IdentityProvider, error) {
	f := c.join(ctx, p)
	select {
	case <-f.done:
		return f.idp, f.err
	case <-ctx.Done():
	}
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return nil, upstream.Fail(upstream.Slow, "metadata: no answer in time")
	}
	return nil, upstream.Called(ctx, "metadata", ctx.Err())
}

// join joins the call that is under way, or makes one.
func (c *Consumer) join(ctx context.Context, p *upstream.Provider) *call {
	k := c.of(p)
	k.mutex.Lock()
	defer k.mutex.Unlock()
	if k.running != nil {
		return k.running
	}
	f, began := &call{done: make(chan struct{})}, c.Now()
	k.running, k.tried = f, began
	go func() {
		f.idp, f.err = c.ask(context.WithoutCancel(ctx), p)
		k.mutex.Lock()
		defer k.mutex.Unlock()
		defer close(f.done)
		k.running, k.err = nil, f.err
		if f.err == nil {
			k.idp, k.at = f.idp, began
		}
	}()
	return f
}

// ask calls for metadata and reads it.
func (c *Consumer) ask(ctx context.Context, p *upstream.Provider) (*protocol.IdentityProvider, error) {
	limited, cancel := context.WithTimeout(ctx, p.Timeout)
	defer cancel()
	answer, err := c.Outbound.Do(limited, outbound.Request{
		Method: "GET", URL: p.SAML.MetadataURL, Header: map[string]string{"Accept": "application/samlmetadata+xml, application/xml, text/xml"},
	})
	if err == nil && (answer.Status >= 500 || answer.Status == 429) {
		err = answer.Err()
	}
	if err != nil {
		return nil, upstream.Called(ctx, "metadata", err)
	}
	if answer.Status != 200 {
		return nil, upstream.Fail(upstream.Invalid, "metadata: status %d", answer.Status)
	}
	idp, err := protocol.ReadIdentityProvider(answer.Body, protocol.MetadataTrust{EntityID: p.Issuer, Now: c.Now(), Keys: p.SAML.MetadataKeys})
	if err != nil {
		return nil, upstream.Fail(upstream.Invalid, "metadata: %w", err)
	}
	return idp, nil
}

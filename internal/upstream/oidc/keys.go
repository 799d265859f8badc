package oidc

import (
	"context"
	"errors"
	"sync"
	"time"

	"parvis/internal/jose"
	"parvis/internal/outbound"
	"parvis/internal/upstream"
)

// failedFor is for how long a failed fetch of keys answers for the next ones: whoever
// comes then is told at once, and does not wait for the same.
const failedFor = 5 * time.Second

// keyCache is what is known of the signing keys of one provider.
type keyCache struct {
	mutex   sync.Mutex // never held during a call
	set     *jose.KeySet
	url     string    // where set comes from
	at      time.Time // when it was asked for
	tried   time.Time // the last fetch, whatever came of it
	err     error     // of the last fetch
	errURL  string
	running *keyFetch // nil while nobody asks
}

// keyFetch is one call for keys that everybody waits for who wants them.
type keyFetch struct {
	url  string
	done chan struct{} // closed when what follows is there
	set  *jose.KeySet
	err  error
}

// keys are the signing keys of a provider. renew asks again although they are
// fresh, because a token was signed by none of them; that is granted only so often,
// and asked tells whether it was. Between fresh and stale the known ones are given at
// once, and others are asked for beside.
func (c *Consumer) keys(ctx context.Context, p *upstream.Provider, m *metadata, renew bool) (set *jose.KeySet, asked bool, err error) {
	k := &c.of(p).keys
	k.mutex.Lock()
	now := c.Now()
	age, since := now.Sub(k.at), now.Sub(k.tried)
	usable := k.set != nil && k.url == m.Keys && age >= 0 && age < stale
	joins := renew && k.running != nil // somebody asks for them right now
	if usable && (!renew && age < fresh || since < again && !joins) {
		defer k.mutex.Unlock()
		return k.set, false, nil
	}
	if !usable && k.err != nil && k.errURL == m.Keys && since >= 0 && since < failedFor {
		defer k.mutex.Unlock()
		return nil, true, k.err
	}
	known := k.set
	fetch := c.fetchKeys(ctx, p, k, m.Keys)
	k.mutex.Unlock()
	if usable && !renew {
		return known, false, nil
	}
	set, err = fetch.wait(ctx)
	return set, true, err
}

// probeKeys asks for keys, whatever is known of them.
func (c *Consumer) probeKeys(ctx context.Context, p *upstream.Provider, m *metadata) error {
	k := &c.of(p).keys
	k.mutex.Lock()
	fetch := c.fetchKeys(ctx, p, k, m.Keys)
	k.mutex.Unlock()
	_, err := fetch.wait(ctx)
	return err
}

// wait gives what a fetch brings, or leaves when the caller's time is over.
func (f *keyFetch) wait(ctx context.Context) (*jose.KeySet, error) {
	select {
	case <-f.done:
		return f.set, f.err
	case <-ctx.Done():
	}
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return nil, upstream.Fail(upstream.Slow, "keys: no answer in time")
	}
	return nil, upstream.Called(ctx, "keys", ctx.Err())
}

// fetchKeys joins the fetch that is under way, or begins one. It goes on when the
// caller leaves, since others wait for it, and ends with the provider's timeout. The
// cache is locked.
func (c *Consumer) fetchKeys(ctx context.Context, p *upstream.Provider, k *keyCache, address string) *keyFetch {
	if k.running != nil && k.running.url == address {
		return k.running
	}
	f := &keyFetch{url: address, done: make(chan struct{})}
	began := c.Now()
	k.running, k.tried = f, began
	go func() {
		f.set, f.err = c.askKeys(context.WithoutCancel(ctx), p, address)
		k.mutex.Lock()
		defer k.mutex.Unlock()
		defer close(f.done)
		if k.running != f { // another address is asked by now
			return
		}
		k.running, k.err, k.errURL = nil, f.err, address
		if f.err == nil {
			k.set, k.url, k.at = f.set, address, began
		}
	}()
	return f
}

func (c *Consumer) askKeys(ctx context.Context, p *upstream.Provider, address string) (*jose.KeySet, error) {
	answer, err := c.call(ctx, p, "keys", outbound.Request{Method: "GET", URL: address, Header: map[string]string{"Accept": "application/json"}})
	if err != nil {
		return nil, err
	}
	if answer.Status != 200 {
		return nil, upstream.Fail(upstream.Invalid, "keys: status %d", answer.Status)
	}
	set, err := jose.ParseKeySet(answer.Body)
	if err != nil {
		return nil, upstream.Fail(upstream.Invalid, "keys: %w", err)
	}
	return set, nil
}

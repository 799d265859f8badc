package relyingparty

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"sync"
	"time"

	"parvis/internal/fault"
	"parvis/internal/id"
	"parvis/internal/jose"
	"parvis/internal/outbound"
)

// How long fetched keys of a partner are used before they are fetched again, and how
// often at most they are fetched: a token that names an unknown key is no reason to call
// somebody without end.
const (
	keysFor    = time.Hour
	keysUnseen = 24 * time.Hour // for as long they are good while their address does not answer
	keysPause  = 30 * time.Second
)

// Keys verifies what partners sign. Those of a partner with a jwks_uri are fetched when
// they are first needed and kept; a key that is not known is looked for there once more
// (RFC 7517, 5; OpenID Connect Core 1.0, 10.1.1). While the partner cannot be reached,
// what is known stays good for a day. Never call it in a transaction. Safe for concurrent use.
type Keys struct {
	Outbound *outbound.Client
	Now      func() time.Time

	mu    sync.Mutex
	known map[id.RelyingParty]*fetched
}

// fetched are the keys behind one jwks_uri. The lock is held while they are fetched: who
// comes meanwhile waits for the same answer.
type fetched struct {
	mu    sync.Mutex
	uri   string
	set   *jose.KeySet
	at    time.Time // of set
	tried time.Time

	asked time.Time // when somebody last wanted it; guarded by Keys.mu
}

// Verify checks a compact token with the keys of a partner: jose.ErrSignature when none
// of them verifies it, jose.ErrMalformed when it is no token, fault.Unavailable when the
// keys that would tell cannot be fetched.
func (k *Keys) Verify(ctx context.Context, p *RelyingParty, token string, algs ...jose.Algorithm) ([]byte, jose.Header, error) {
	if p.JWKSURI == "" {
		return p.Keys.Verify(token, algs...)
	}
	// Whoever asked and went away must not stop the fetch that others wait for.
	ctx = context.WithoutCancel(ctx)
	f := k.of(p)
	set := f.current(ctx, k, p)
	if set == nil {
		return nil, jose.Header{}, unreachable()
	}
	payload, head, err := set.Verify(token, algs...)
	if err == nil || !errors.Is(err, jose.ErrSignature) {
		return payload, head, err
	}
	// Only a key that is named and not known is a reason to look again.
	if kid := jose.KeyID(token); kid == "" || set.Has(kid) {
		return nil, jose.Header{}, err
	}
	set, failed := f.newer(ctx, k, p)
	switch {
	case failed:
		return nil, jose.Header{}, unreachable()
	case set == nil:
		return nil, jose.Header{}, err
	}
	return set.Verify(token, algs...)
}

// HasCertificate reports whether a certificate is one that a partner registered (RFC 8705,
// 2.2). fault.Unavailable when that cannot be told now. One that is not known is a reason to
// look again, as a key is.
func (k *Keys) HasCertificate(ctx context.Context, p *RelyingParty, der []byte) (bool, error) {
	if p.JWKSURI == "" {
		return p.Keys.HasCertificate(der), nil
	}
	ctx = context.WithoutCancel(ctx)
	f := k.of(p)
	set := f.current(ctx, k, p)
	switch {
	case set == nil:
		return false, unreachable()
	case set.HasCertificate(der):
		return true, nil
	}
	set, failed := f.newer(ctx, k, p)
	if failed {
		return false, unreachable()
	}
	return set.HasCertificate(der), nil
}

// Encrypter encrypts for a partner; nil where nothing is to be encrypted. fault.Unavailable
// when its keys cannot be fetched; jose.ErrNoKey when none of them fits.
func (k *Keys) Encrypter(ctx context.Context, p *RelyingParty, how Secrecy) (*jose.Encrypter, error) {
	if how.Key == "" {
		return nil, nil //nolint:nilnil // most partners want nothing encrypted
	}
	set := p.Keys
	if p.JWKSURI != "" {
		if set = k.of(p).current(context.WithoutCancel(ctx), k, p); set == nil {
			return nil, unreachable()
		}
	}
	return set.Encrypter(how.Key, how.Content) //nolint:wrapcheck // says what is missing
}

// unreachable says that it cannot be told now whose a token is: nobody is to be refused for
// that, who tries again later (RFC 9110, 15.6.4).
func unreachable() error {
	return &fault.Error{
		Kind: fault.Unavailable, Key: "error.unavailable", RetryAfter: keysPause,
		Err: errors.New("relyingparty: the keys of the partner cannot be fetched"),
	}
}

// of is what is kept of a partner; another address begins anew.
func (k *Keys) of(p *RelyingParty) *fetched {
	k.mu.Lock()
	defer k.mu.Unlock()
	f := k.known[p.ID]
	now := k.Now()
	if f == nil || f.uri != p.JWKSURI {
		if k.known == nil {
			k.known = map[id.RelyingParty]*fetched{}
		}
		// Partners come and go: what nobody asked for in a day is of no use any more.
		maps.DeleteFunc(k.known, func(_ id.RelyingParty, f *fetched) bool { return now.Sub(f.asked) >= keysUnseen })
		f = &fetched{uri: p.JWKSURI}
		k.known[p.ID] = f
	}
	f.asked = now
	return f
}

// Calls is the client for addresses of this partner, of the two that there are.
func (p *RelyingParty) Calls(c *outbound.Client) *outbound.Client {
	if p.RegisteredBy != "" {
		return c.Registered()
	}
	return c
}

// current are the keys as they are known, fetched when they are missing or old; nil when
// they cannot be had.
func (f *fetched) current(ctx context.Context, k *Keys, p *RelyingParty) *jose.KeySet {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.set == nil || k.Now().Sub(f.at) >= keysFor {
		f.fetch(ctx, k, p)
	}
	if f.set == nil || k.Now().Sub(f.at) >= keysUnseen {
		return nil
	}
	return f.set
}

// newer are keys fetched now; nil when they were fetched a moment ago, or when that
// failed, now or a moment ago.
func (f *fetched) newer(ctx context.Context, k *Keys, p *RelyingParty) (set *jose.KeySet, failed bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.fetch(ctx, k, p) {
		return nil, f.tried.After(f.at)
	}
	return f.set, false
}

// fetch asks the partner, and keeps what was known when that fails.
func (f *fetched) fetch(ctx context.Context, k *Keys, p *RelyingParty) bool {
	now := k.Now()
	if now.Sub(f.tried) < keysPause {
		return false
	}
	f.tried = now
	set, err := k.ask(ctx, p, f.uri)
	if err != nil {
		slog.WarnContext(ctx, "the keys of a partner cannot be fetched", "relying_party", string(p.ID), "error", err.Error())
		return false
	}
	f.set, f.at = set, now
	return true
}

func (k *Keys) ask(ctx context.Context, p *RelyingParty, uri string) (*jose.KeySet, error) {
	answer, err := p.Calls(k.Outbound).Do(ctx, outbound.Request{
		Method: "GET", URL: uri, Header: map[string]string{"Accept": "application/jwk-set+json, application/json"},
	})
	if err == nil {
		err = answer.Err()
	}
	if err != nil {
		return nil, fmt.Errorf("relyingparty: %w", err)
	}
	return jose.ParseKeySet(answer.Body)
}

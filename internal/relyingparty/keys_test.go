package relyingparty

import (
	"crypto"
	"encoding/base64"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"parvis/internal/fault"
	"parvis/internal/id"
	"parvis/internal/jose"
	"parvis/internal/outbound"
)

// publisher is a partner that publishes its keys.
type publisher struct {
	*httptest.Server

	calls  atomic.Int64
	status atomic.Int64
	body   atomic.Pointer[string]
}

func newPublisher(t *testing.T) (*publisher, *Keys, *time.Time) {
	t.Helper()
	p := &publisher{}
	p.status.Store(http.StatusOK)
	p.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		p.calls.Add(1)
		w.WriteHeader(int(p.status.Load()))
		_, _ = io.WriteString(w, *p.body.Load())
	}))
	t.Cleanup(p.Close)
	s := outbound.Preset("")
	s.Allow = []string{"127.0.0.0/8"}
	client, err := outbound.New(s, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	now := time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)
	return p, &Keys{Outbound: client, Now: func() time.Time { return now }}, &now
}

// publish makes a key the only one that is published, and gives a token that it signed.
func (p *publisher) publish(t *testing.T) (token string) {
	t.Helper()
	token, set := signed(t)
	p.body.Store(&set)
	return token
}

// signed is a token, and the key set that verifies it.
func signed(t *testing.T) (token, set string) {
	t.Helper()
	key, err := jose.Generate(jose.ES256)
	if err != nil {
		t.Fatal(err)
	}
	s, err := jose.NewSigner(jose.ES256, crypto.Signer(key))
	if err != nil {
		t.Fatal(err)
	}
	raw, err := jose.NewKeySet(s.JWK()).JSON()
	if err != nil {
		t.Fatal(err)
	}
	token, err = s.Sign("JWT", map[string]string{"sub": "service"})
	if err != nil {
		t.Fatal(err)
	}
	return token, string(raw)
}

func TestKeysBehindAnAddressAreFetchedOnceAndAgainWhenOneIsNotKnown(t *testing.T) {
	server, keys, now := newPublisher(t)
	party := &RelyingParty{ID: "service", JWKSURI: server.URL + "/jwks.json"}
	verify := func(token string) error {
		_, _, err := keys.Verify(t.Context(), party, token, jose.ES256)
		return err
	}
	first := server.publish(t)
	for range 3 {
		if err := verify(first); err != nil {
			t.Fatal(err)
		}
	}
	if n := server.calls.Load(); n != 1 {
		t.Errorf("fetched %d times", n)
	}
	second := server.publish(t)
	foreign, _ := signed(t)
	if err := verify(second); !errors.Is(err, jose.ErrSignature) || server.calls.Load() != 1 {
		t.Errorf("keys were fetched a moment ago: %v, %d calls", err, server.calls.Load())
	}
	*now = now.Add(keysPause)
	if err := verify(second); err != nil || server.calls.Load() != 2 {
		t.Errorf("a new key: %v, %d calls", err, server.calls.Load())
	}
	for range 100 { // who sends foreign tokens makes us call nobody
		if err := verify(foreign); !errors.Is(err, jose.ErrSignature) {
			t.Fatal(err)
		}
	}
	if err := verify("no token"); !errors.Is(err, jose.ErrMalformed) {
		t.Error(err)
	}
	if n := server.calls.Load(); n != 2 {
		t.Errorf("fetched %d times", n)
	}
	*now = now.Add(keysFor)
	if err := verify(second); err != nil || server.calls.Load() != 3 {
		t.Errorf("old keys: %v, %d calls", err, server.calls.Load())
	}
}

func TestKeysThatAreKnownStayGoodWhileTheirAddressDoesNotAnswer(t *testing.T) {
	server, keys, now := newPublisher(t)
	party := &RelyingParty{ID: "service", JWKSURI: server.URL}
	token := server.publish(t)
	good := *server.body.Load()
	server.status.Store(http.StatusInternalServerError)
	if _, _, err := keys.Verify(t.Context(), party, token, jose.ES256); !fault.Is(err, fault.Unavailable) {
		t.Errorf("keys that were never had: %v", err)
	}
	server.status.Store(http.StatusOK)
	*now = now.Add(keysPause)
	if _, _, err := keys.Verify(t.Context(), party, token, jose.ES256); err != nil {
		t.Fatal(err)
	}
	for name, body := range map[string]string{"no JSON": "<html>", "no keys": `{"keys":[]}`, "too long": strings.Repeat(" ", 65<<10) + good} {
		server.body.Store(&body)
		*now = now.Add(2 * keysFor)
		if _, _, err := keys.Verify(t.Context(), party, token, jose.ES256); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	server.Close()
	*now = now.Add(2 * keysFor)
	if _, _, err := keys.Verify(t.Context(), party, token, jose.ES256); err != nil {
		t.Errorf("out of reach: %v", err)
	}
	*now = now.Add(keysUnseen)
	if _, _, err := keys.Verify(t.Context(), party, token, jose.ES256); !fault.Is(err, fault.Unavailable) {
		t.Errorf("keys that nobody has seen for a day: %v", err)
	}
	moved := &RelyingParty{ID: "service", JWKSURI: server.URL + "/elsewhere"}
	if _, _, err := keys.Verify(t.Context(), moved, token, jose.ES256); !fault.Is(err, fault.Unavailable) {
		t.Errorf("the keys of the older address: %v", err)
	}
}

func TestManyWhoNeedAPartnersKeysAtOnceFetchThemOnce(t *testing.T) {
	server, keys, _ := newPublisher(t)
	party := &RelyingParty{ID: "service", JWKSURI: server.URL}
	token := server.publish(t)
	var all sync.WaitGroup
	var failed atomic.Int64
	for range 200 {
		all.Go(func() {
			if _, _, err := keys.Verify(t.Context(), party, token, jose.ES256); err != nil {
				failed.Add(1)
			}
		})
	}
	all.Wait()
	if failed.Load() != 0 || server.calls.Load() != 1 {
		t.Errorf("%d failed, fetched %d times", failed.Load(), server.calls.Load())
	}
}

func TestKeysAreRegisteredOrFetchedNotBoth(t *testing.T) {
	_, set := signed(t)
	base := good()
	for name, c := range map[string]struct {
		change func(*Settings)
		want   string
	}{
		"unused":  {func(s *Settings) { s.AuthAlg = "ES256" }, "token_endpoint_auth_signing_alg"},
		"neither": {func(s *Settings) { s.Auth = "private_key_jwt" }, "jwks"},
		"both":    {func(s *Settings) { s.Auth, s.JWKS, s.JWKSURI = "private_key_jwt", set, "https://service.example/jwks" }, "jwks_uri"},
		"plain":   {func(s *Settings) { s.Auth, s.JWKSURI = "private_key_jwt", "http://service.example/jwks" }, "jwks_uri"},
		"signed":  {func(s *Settings) { s.RequireObject = true }, "require_signed_request_object"},
		"objects": {func(s *Settings) { s.JWKS, s.RequireObject = set, true }, ""},
		"good":    {func(s *Settings) { s.Auth, s.JWKSURI = "private_key_jwt", "https://service.example/jwks" }, ""},
	} {
		s := base
		c.change(&s)
		problems := s.Problems()
		if c.want == "" && len(problems) > 0 || c.want != "" && (len(problems) != 1 || !strings.Contains(problems[0], "."+c.want+":")) {
			t.Errorf("%s: %q", name, problems)
		}
	}
}

func TestOnlyAKeyThatIsNamedAndUnknownIsLookedForAgain(t *testing.T) { // RFC 7517, 4.5; OpenID Connect Core 1.0, 10.1.1
	server, keys, now := newPublisher(t)
	party := &RelyingParty{ID: "service", JWKSURI: server.URL}
	token := server.publish(t)
	verify := func(token string) error {
		_, _, err := keys.Verify(t.Context(), party, token, jose.ES256)
		return err
	}
	if err := verify(token); err != nil {
		t.Fatal(err)
	}
	*now = now.Add(keysPause)
	parts := strings.Split(token, ".")
	header := func(text string) string { return base64.RawURLEncoding.EncodeToString([]byte(text)) }
	for name, bad := range map[string]string{
		"a known key":  parts[0] + "." + parts[1] + "." + strings.Repeat("A", 86),
		"without kid":  header(`{"alg":"ES256"}`) + "." + parts[1] + "." + parts[2],
		"no algorithm": header(`{"alg":"none","kid":"`+jose.KeyID(token)+`"}`) + "." + parts[1] + ".",
		"kid as KID":   header(`{"alg":"ES256","KID":"other"}`) + "." + parts[1] + "." + parts[2],
	} {
		if err := verify(bad); !errors.Is(err, jose.ErrSignature) || server.calls.Load() != 1 {
			t.Errorf("%s: %v, %d calls", name, err, server.calls.Load())
		}
	}
	unknown, _ := signed(t)
	server.status.Store(http.StatusServiceUnavailable)
	for range 3 { // it cannot be told whose it is: nobody is refused for that, and the address is asked once
		if err := verify(unknown); !fault.Is(err, fault.Unavailable) || server.calls.Load() != 2 {
			t.Errorf("an unknown key, address out of order: %v, %d calls", err, server.calls.Load())
		}
	}
	if err := verify(token); err != nil {
		t.Errorf("a known key meanwhile: %v", err)
	}
	server.status.Store(http.StatusOK)
	*now = now.Add(keysPause)
	if err := verify(unknown); !errors.Is(err, jose.ErrSignature) || server.calls.Load() != 3 {
		t.Errorf("an unknown key: %v, %d calls", err, server.calls.Load())
	}
}

func TestTheAddressOfAServiceThatRegisteredItselfLeadsToNoListedNetwork(t *testing.T) {
	p, keys, _ := newPublisher(t)
	token := p.publish(t)
	own := &RelyingParty{ID: "own", JWKSURI: p.URL}
	if _, _, err := keys.Verify(t.Context(), own, token, jose.ES256); err != nil {
		t.Fatal(err)
	}
	registered := &RelyingParty{ID: "registered", JWKSURI: p.URL, RegisteredBy: "pilot"}
	if _, _, err := keys.Verify(t.Context(), registered, token, jose.ES256); !fault.Is(err, fault.Unavailable) {
		t.Errorf("keys: %v", err)
	}
	if _, err := keys.Object(t.Context(), registered, p.URL); !errors.Is(err, ErrObject) {
		t.Errorf("a request object: %v", err)
	}
	if calls := p.calls.Load(); calls != 1 {
		t.Errorf("%d calls were made", calls)
	}
}

func TestTheKeysOfPartnersThatAreGoneAreForgotten(t *testing.T) {
	p, keys, now := newPublisher(t)
	token := p.publish(t)
	for i := range 10 {
		party := &RelyingParty{ID: id.RelyingParty("party-" + strconv.Itoa(i)), JWKSURI: p.URL}
		if _, _, err := keys.Verify(t.Context(), party, token, jose.ES256); err != nil {
			t.Fatal(err)
		}
		*now = now.Add(12 * time.Hour)
	}
	if n := len(keys.known); n > 3 {
		t.Errorf("%d partners are known", n)
	}
}

// Package bank is the sign-in partner of the demonstration: the invented
// Northland Bank, an OpenID provider of its own that lets its customers sign in
// elsewhere. It is a stranger to Parvis that happens to run in the same process:
// it knows its one client by an identifier, an address to send people back to and
// a key, and learns of a sign-in what stands in the request. Its sign-in page shows
// exactly that, so that everybody can see what a partner is told.
//
// It speaks the code flow with PKCE (RFC 7636), pushed requests (RFC 9126),
// private_key_jwt (RFC 7523) or a client secret, and iss in answers (RFC 9207). It
// refuses what a good provider refuses, except where its menu of faults says
// otherwise: Fault lists how it can misbehave. There are no passwords: a customer is
// chosen from a list. What it keeps is in memory, bounded and short-lived.
package bank

import (
	"crypto/rand"
	"fmt"
	"html/template"
	"net/http"
	"net/url"
	"sync"
	"time"

	"parvis/internal/i18n"
	"parvis/internal/jose"
)

// The bounds of what one bank keeps and reads.
const (
	keptRequests = 2000
	signinLife   = time.Hour        // as long as a person may take on the sign-in page
	pushedLife   = time.Minute      // from the pushed request until the browser comes
	codeLife     = time.Minute      // of an authorization code
	mostAhead    = 10 * time.Minute // how late a client assertion may expire
	tokenLife    = 5 * time.Minute  // of an ID token
	slowness     = 10 * time.Second // of the fault Slow
	maxForm      = 16 << 10         // bytes of a query or a form
)

// The bank's values of acr.
const (
	ACRPassword = "urn:northland-bank:password" // a password
	ACRApp      = "urn:northland-bank:app"      // a password and the bank's app
)

// Client is the one who sends people to the bank.
type Client struct {
	ID           string
	RedirectURI  string // where people are sent back to
	SignedOutURI string // where they are sent who sign out here, too; "": nowhere
	Secret       string // "": it signs assertions
	KeysURL      string // its key set, for assertions; "": it has a secret
}

// Customer is one customer of the bank.
type Customer struct {
	ID      string `json:"id"` // what the sign-in page sends
	Name    string `json:"name"`
	Subject string `json:"subject"` // who they are for the client
}

// Customers are all there are.
func Customers() []Customer {
	return []Customer{
		{ID: "lee-shore", Name: "Lee Shore", Subject: "nb-4c1f7f0a2d6e"},
		{ID: "maya-brook", Name: "Maya Brook", Subject: "nb-9b03e5a8c471"},
		{ID: "jules-cliff", Name: "Jules Cliff", Subject: "nb-e27d61b4905c"},
	}
}

// customer finds one by what the sign-in page sends.
func customer(id string) (Customer, bool) {
	for _, c := range Customers() {
		if c.ID == id {
			return c, true
		}
	}
	return Customer{}, false
}

// Settings are what a bank is made of. All but Delay are needed.
type Settings struct {
	Issuer string // its own address, no trailing slash
	Client Client
	Texts  *i18n.Bundle
	Now    func() time.Time
	Delay  time.Duration // of the fault Slow; 0: ten seconds
}

// Bank is one running bank. Safe for concurrent use.
type Bank struct {
	Settings

	http      *http.Client
	templates *template.Template
	stray     *jose.Signer // a key that is never published

	pushed  *shelf[url.Values] // by request_uri
	signins *shelf[signin]     // by the key in the address of the sign-in page
	leaving *shelf[signin]     // by the key in the address of the sign-out page
	codes   *shelf[grant]      // by code
	seen    *shelf[struct{}]   // identifiers of client assertions

	mu         sync.Mutex
	fault      Fault
	keys       []*jose.Signer // the first signs, all are published
	last       string         // address of the answer that was given last
	clientKeys *jose.KeySet
	fetched    time.Time // when clientKeys were asked for
}

// New opens a bank.
func New(s Settings) (*Bank, error) {
	if s.Delay == 0 {
		s.Delay = slowness
	}
	b := &Bank{
		Settings: s, fault: None,
		http: &http.Client{Timeout: 3 * time.Second, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }},

		pushed: newShelf[url.Values](pushedLife, s.Now), signins: newShelf[signin](signinLife, s.Now),
		leaving: newShelf[signin](signinLife, s.Now),
		codes:   newShelf[grant](codeLife, s.Now), seen: newShelf[struct{}](mostAhead+time.Minute, s.Now),
	}
	var err error
	if b.templates, err = template.ParseFS(pageFiles, "pages/*.html"); err != nil {
		return nil, fmt.Errorf("bank: %w", err)
	}
	if b.stray, err = newSigner(); err != nil {
		return nil, err
	}
	first, err := newSigner()
	b.keys = []*jose.Signer{first}
	return b, err
}

func newSigner() (*jose.Signer, error) {
	key, err := jose.Generate(jose.ES256)
	if err != nil {
		return nil, fmt.Errorf("bank: %w", err)
	}
	return jose.NewSigner(jose.ES256, key)
}

// Handler answers everything that the bank is asked.
func (b *Bank) Handler() http.Handler {
	own := http.NewServeMux() // what the bank's own pages post
	own.HandleFunc("GET /{$}", b.home)
	own.HandleFunc("GET /sign-in/{key}", b.signinPage)
	own.HandleFunc("POST /sign-in/{key}", b.signIn)
	own.HandleFunc("GET /sign-out/{key}", b.signOutPage)
	own.HandleFunc("POST /sign-out/{key}", b.signOut)
	menu := http.NewServeMux() // works whatever the fault is
	menu.HandleFunc("GET /faults", b.faultsPage)
	menu.HandleFunc("POST /faults", b.chooseFault)
	menu.HandleFunc("GET /faults.json", b.faultsJSON)
	menu.HandleFunc("POST /faults.json", b.setFaultJSON)
	foreign := http.NewServeMux() // what strangers send, from any site
	foreign.HandleFunc("GET /.well-known/openid-configuration", b.metadata)
	foreign.HandleFunc("GET /jwks", b.keySet)
	foreign.HandleFunc("GET /authorize", b.authorize)
	foreign.HandleFunc("POST /authorize", b.authorize)
	foreign.HandleFunc("GET /end-session", b.endSession)
	foreign.HandleFunc("POST /par", b.push)
	foreign.HandleFunc("POST /token", b.token)
	foreign.Handle("/", http.NewCrossOriginProtection().Handler(own))
	guarded := http.NewCrossOriginProtection().Handler(menu)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Body = http.MaxBytesReader(w, r.Body, maxForm)
		switch {
		case r.URL.Path == "/faults" || r.URL.Path == "/faults.json":
			guarded.ServeHTTP(w, r)
		case b.inOrder(w, r):
			foreign.ServeHTTP(w, r)
		}
	})
}

// metadata is what the bank says of itself (OpenID Connect Discovery 1.0, 3).
func (b *Bank) metadata(w http.ResponseWriter, _ *http.Request) {
	writeJSON(w, http.StatusOK, map[string]any{
		"issuer":                                           b.Issuer,
		"authorization_endpoint":                           b.Issuer + "/authorize",
		"token_endpoint":                                   b.Issuer + "/token",
		"pushed_authorization_request_endpoint":            b.Issuer + "/par",
		"end_session_endpoint":                             b.Issuer + "/end-session",
		"jwks_uri":                                         b.Issuer + "/jwks",
		"response_types_supported":                         []string{"code"},
		"response_modes_supported":                         []string{"query"},
		"grant_types_supported":                            []string{"authorization_code"},
		"subject_types_supported":                          []string{"pairwise"},
		"scopes_supported":                                 []string{"openid"},
		"claims_supported":                                 []string{"sub", "acr", "amr", "auth_time"},
		"claims_parameter_supported":                       true,
		"request_parameter_supported":                      false,
		"request_uri_parameter_supported":                  false,
		"acr_values_supported":                             []string{ACRApp, ACRPassword},
		"ui_locales_supported":                             []string{"en", "fr"},
		"code_challenge_methods_supported":                 []string{"S256"},
		"id_token_signing_alg_values_supported":            []string{string(jose.ES256)},
		"token_endpoint_auth_methods_supported":            []string{"private_key_jwt", "client_secret_basic", "client_secret_post"},
		"token_endpoint_auth_signing_alg_values_supported": jose.Algorithms(),
		"authorization_response_iss_parameter_supported":   true,
	})
}

// keySet is the bank's published keys.
func (b *Bank) keySet(w http.ResponseWriter, r *http.Request) {
	b.mu.Lock()
	var public []jose.JWK
	for _, k := range b.keys {
		public = append(public, k.JWK())
	}
	b.mu.Unlock()
	set, err := jose.NewKeySet(public...).JSON()
	if err != nil {
		b.broken(w, r, err)
		return
	}
	w.Header().Set("Content-Type", "application/jwk-set+json")
	_, _ = w.Write(set) // the client may have gone
}

// item is one thing on a shelf.
type item[T any] struct {
	what T
	put  time.Time
}

// shelf keeps a bounded number of things for a while.
type shelf[T any] struct {
	life time.Duration
	now  func() time.Time

	mu   sync.Mutex
	kept map[string]item[T]
}

func newShelf[T any](life time.Duration, now func() time.Time) *shelf[T] {
	return &shelf[T]{life: life, now: now, kept: map[string]item[T]{}}
}

// add puts something under a new key.
func (s *shelf[T]) add(what T) string {
	key := rand.Text()
	s.put(key, what)
	return key
}

// put puts something there and takes away what is too old, and the oldest of too
// many; false when the key was there already.
func (s *shelf[T]) put(key string, what T) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	now, oldest := s.now(), ""
	for k, i := range s.kept {
		if now.Sub(i.put) > s.life {
			delete(s.kept, k)
		} else if oldest == "" || i.put.Before(s.kept[oldest].put) {
			oldest = k
		}
	}
	if _, there := s.kept[key]; there {
		return false
	}
	if len(s.kept) >= keptRequests {
		delete(s.kept, oldest)
	}
	s.kept[key] = item[T]{what, now}
	return true
}

// get looks at something.
func (s *shelf[T]) get(key string) (T, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.look(key)
}

// take takes something away; of several at once, one gets it.
func (s *shelf[T]) take(key string) (T, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	defer delete(s.kept, key)
	return s.look(key)
}

// look finds what is not too old. The caller holds the lock.
func (s *shelf[T]) look(key string) (T, bool) {
	i, ok := s.kept[key]
	if !ok || s.now().Sub(i.put) > s.life {
		var none T
		return none, false
	}
	return i.what, true
}

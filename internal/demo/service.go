package demo

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
)

// keptLogins and keptSessions bound the memory of one example service.
const (
	keptLogins   = 2000
	keptSessions = 2000
	loginLife    = time.Hour // as long as a person may take at the sign-in service
)

// service is one example service: a stranger to Parvis that happens to run in
// the same process. It knows its issuer by address only, as any partner does.
type service struct {
	Key          string // short name: prefix of its cookies and theme of its pages
	ClientID     string
	ClientSecret string
	Issuer       string
	URL          string // its own address, no trailing slash
	Scopes       []string
	Claims       []string // what people agree to share with it
	Accepts      []string // acr values that are enough, the first is what its registration demands; none: any
	Demand       string   // one word for the ready file
	Sector       string   // who shares its people's identifiers, as the registry says
	Words        *words
	Now          func() time.Time

	mu       sync.Mutex
	provider *provider
	logins   map[string]login   // by state
	sessions map[string]visitor // by cookie
}

// provider is what discovery told.
type provider struct {
	oidc      *oidc.Provider
	verifier  *oidc.IDTokenVerifier
	oauth     oauth2.Config
	endOfSess string
}

// login is a sign-in that has begun: what the answer must match.
type login struct {
	browser  string
	nonce    string
	verifier string
	begun    time.Time
}

// visitor is someone who signed in.
type visitor struct {
	idToken string
	claims  map[string]any
	since   time.Time
}

// handler are the pages of the service.
func (s *service) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", s.home)
	mux.HandleFunc("GET /login", s.login)
	mux.HandleFunc("GET /callback", s.callback)
	mux.HandleFunc("GET /logout", s.logout)
	mux.HandleFunc("POST /logout", s.logout)
	mux.HandleFunc("GET /signed-out", s.signedOut)
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("ok\n")) })
	return mux
}

// discover reads the issuer's metadata once, at the first sign-in, as a real
// service may: the issuer need not be up when the service starts.
func (s *service) discover(ctx context.Context) (*provider, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.provider != nil {
		return s.provider, nil
	}
	// The key set keeps the context for its later fetches, so it must not end with this request.
	p, err := oidc.NewProvider(context.WithoutCancel(ctx), s.Issuer)
	if err != nil {
		return nil, fmt.Errorf("demo: discovery: %w", err)
	}
	var meta struct {
		EndSession string `json:"end_session_endpoint"`
	}
	if err := p.Claims(&meta); err != nil {
		return nil, fmt.Errorf("demo: discovery: %w", err)
	}
	s.provider = &provider{
		oidc:     p,
		verifier: p.Verifier(&oidc.Config{ClientID: s.ClientID, Now: s.Now}),
		oauth: oauth2.Config{
			ClientID: s.ClientID, ClientSecret: s.ClientSecret, Endpoint: p.Endpoint(),
			RedirectURL: s.URL + "/callback", Scopes: s.Scopes,
		},
		endOfSess: meta.EndSession,
	}
	return s.provider, nil
}

// login sends the person to the sign-in service. It is the initiate-login
// address, too (OpenID Connect Core 4): another issuer than its own is refused.
func (s *service) login(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	if iss := query.Get("iss"); iss != "" && iss != s.Issuer {
		s.problem(w, r, http.StatusBadRequest, "issuer", nil)
		return
	}
	p, err := s.discover(r.Context())
	if err != nil {
		s.problem(w, r, http.StatusBadGateway, "unreachable", err)
		return
	}
	state, browser := rand.Text(), s.browser(w, r)
	begun := login{browser: browser, nonce: rand.Text(), verifier: oauth2.GenerateVerifier(), begun: s.Now()}
	s.keep(state, begun)
	options := []oauth2.AuthCodeOption{
		oauth2.SetAuthURLParam("nonce", begun.nonce),
		oauth2.S256ChallengeOption(begun.verifier),
		oauth2.SetAuthURLParam("ui_locales", s.Words.language(r)),
	}
	// A test may ask for more; a link from another site may hint who is coming.
	for _, name := range []string{"prompt", "max_age", "login_hint", "acr_values", "ui_locales"} {
		if value := query.Get(name); value != "" {
			options = append(options, oauth2.SetAuthURLParam(name, value))
		}
	}
	http.Redirect(w, r, p.oauth.AuthCodeURL(state, options...), http.StatusFound) //nolint:gosec // leads to the issuer
}

// keep remembers a sign-in that has begun and forgets those that took too long.
func (s *service) keep(state string, l login) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for key, old := range s.logins {
		if len(s.logins) >= keptLogins || l.begun.Sub(old.begun) > loginLife {
			delete(s.logins, key)
		}
	}
	s.logins[state] = l
}

// take returns a sign-in that has begun in this browser, once.
func (s *service) take(state, browser string) (login, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	l, ok := s.logins[state]
	if !ok || l.browser != browser {
		return login{}, false
	}
	delete(s.logins, state)
	return l, true
}

// callback receives the answer and, when it is good, signs the person in here.
func (s *service) callback(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	begun, ok := s.take(query.Get("state"), s.cookie(r, "browser"))
	if !ok {
		s.problem(w, r, http.StatusBadRequest, "state", nil)
		return
	}
	// RFC 9207: the answer names who gave it.
	if iss := query.Get("iss"); iss != s.Issuer {
		s.problem(w, r, http.StatusBadRequest, "issuer", fmt.Errorf("demo: answer of %q", iss))
		return
	}
	if code := query.Get("error"); code != "" {
		key := "answer"
		if code == "access_denied" {
			key = "declined"
		}
		s.problem(w, r, http.StatusOK, key, errors.New(code+" "+query.Get("error_description")))
		return
	}
	v, err := s.redeem(r.Context(), begun, query.Get("code"))
	if err != nil {
		s.problem(w, r, http.StatusBadGateway, "answer", err)
		return
	}
	key := rand.Text()
	s.mu.Lock()
	if len(s.sessions) >= keptSessions {
		clear(s.sessions)
	}
	s.sessions[key] = v
	s.mu.Unlock()
	s.setCookie(w, "session", key)
	http.Redirect(w, r, "/", http.StatusSeeOther)
}

// redeem turns the code into claims: ID token checked, userinfo added.
func (s *service) redeem(ctx context.Context, begun login, code string) (visitor, error) {
	p, err := s.discover(ctx)
	if err != nil {
		return visitor{}, err
	}
	token, err := p.oauth.Exchange(ctx, code, oauth2.VerifierOption(begun.verifier))
	if err != nil {
		return visitor{}, fmt.Errorf("demo: token: %w", err)
	}
	raw, ok := token.Extra("id_token").(string)
	if !ok {
		return visitor{}, errors.New("demo: token: no id_token")
	}
	idToken, err := p.verifier.Verify(ctx, raw)
	if err != nil {
		return visitor{}, fmt.Errorf("demo: id_token: %w", err)
	}
	if idToken.Nonce != begun.nonce {
		return visitor{}, errors.New("demo: id_token: foreign nonce")
	}
	claims := map[string]any{}
	if err := idToken.Claims(&claims); err != nil {
		return visitor{}, fmt.Errorf("demo: id_token: %w", err)
	}
	if err := s.strong(claims); err != nil {
		return visitor{}, err
	}
	info, err := p.oidc.UserInfo(ctx, oauth2.StaticTokenSource(token))
	if err != nil {
		return visitor{}, fmt.Errorf("demo: userinfo: %w", err)
	}
	if info.Subject != idToken.Subject {
		return visitor{}, errors.New("demo: userinfo: foreign subject")
	}
	if err := info.Claims(&claims); err != nil {
		return visitor{}, fmt.Errorf("demo: userinfo: %w", err)
	}
	return visitor{idToken: raw, claims: claims, since: s.Now()}, nil
}

// strong checks that the sign-in was strong enough (OpenID Connect Core 3.1.3.7, 12):
// a service never takes that for granted, whatever it asked for.
func (s *service) strong(claims map[string]any) error {
	got, _ := claims["acr"].(string)
	if len(s.Accepts) > 0 && !slices.Contains(s.Accepts, got) {
		return fmt.Errorf("demo: id_token: acr %q is not enough", got)
	}
	return nil
}

// demanded is what the registration of the service demands.
func (s *service) demanded() []string {
	if len(s.Accepts) == 0 {
		return nil
	}
	return s.Accepts[:1]
}

// logout ends the session here and asks the sign-in service to end its own
// (OpenID Connect RP-Initiated Logout 1.0).
func (s *service) logout(w http.ResponseWriter, r *http.Request) {
	key := s.cookie(r, "session")
	s.mu.Lock()
	v, known := s.sessions[key]
	delete(s.sessions, key)
	s.mu.Unlock()
	s.dropCookie(w, "session")
	p, err := s.discover(r.Context())
	if err != nil || !known || p.endOfSess == "" {
		http.Redirect(w, r, "/signed-out", http.StatusSeeOther)
		return
	}
	query := url.Values{
		"id_token_hint":            {v.idToken},
		"client_id":                {s.ClientID},
		"post_logout_redirect_uri": {s.URL + "/signed-out"},
		"state":                    {rand.Text()},
		"ui_locales":               {s.Words.language(r)},
	}
	separator := "?"
	if strings.Contains(p.endOfSess, "?") {
		separator = "&"
	}
	http.Redirect(w, r, p.endOfSess+separator+query.Encode(), http.StatusSeeOther)
}

// visitor finds who is signed in.
func (s *service) visitor(r *http.Request) (visitor, bool) {
	key := s.cookie(r, "session")
	s.mu.Lock()
	defer s.mu.Unlock()
	v, ok := s.sessions[key]
	return v, ok
}

// browser is the cookie that ties an answer to the browser that asked; made on demand.
func (s *service) browser(w http.ResponseWriter, r *http.Request) string {
	if value := s.cookie(r, "browser"); value != "" {
		return value
	}
	value := rand.Text()
	s.setCookie(w, "browser", value)
	return value
}

// Cookies ignore ports, so both services on 127.0.0.1 see each other's: the names keep them apart.
func (s *service) cookie(r *http.Request, name string) string {
	c, err := r.Cookie(s.Key + "_" + name)
	if err != nil {
		return ""
	}
	return c.Value
}

func (s *service) setCookie(w http.ResponseWriter, name, value string) {
	//nolint:gosec // plain HTTP on the loopback address, demonstration only
	http.SetCookie(w, &http.Cookie{Name: s.Key + "_" + name, Value: value, Path: "/", HttpOnly: true, SameSite: http.SameSiteLaxMode})
}

func (s *service) dropCookie(w http.ResponseWriter, name string) {
	//nolint:gosec // as above
	http.SetCookie(w, &http.Cookie{Name: s.Key + "_" + name, Path: "/", MaxAge: -1, HttpOnly: true, SameSite: http.SameSiteLaxMode})
}

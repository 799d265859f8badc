package bank

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"parvis/internal/jose"
)

// token exchanges a code, once (OpenID Connect Core 1.0, 3.1.3).
func (b *Bank) token(w http.ResponseWriter, r *http.Request) {
	form, err := parameters(r)
	if err != nil {
		refuse(w, http.StatusBadRequest, "invalid_request")
		return
	}
	if !b.authenticated(w, r, form) {
		return
	}
	if form.Get("grant_type") != "authorization_code" {
		refuse(w, http.StatusBadRequest, "unsupported_grant_type")
		return
	}
	g, ok := b.codes.take(form.Get("code"))
	sum := sha256.Sum256([]byte(form.Get("code_verifier")))
	if !ok || g.redirect != form.Get("redirect_uri") || !same(base64.RawURLEncoding.EncodeToString(sum[:]), g.challenge) {
		refuse(w, http.StatusBadRequest, "invalid_grant")
		return
	}
	idToken, err := b.sign(b.claims(g))
	if err != nil {
		b.broken(w, r, err)
		return
	}
	writeJSON(w, http.StatusOK, map[string]any{
		"access_token": rand.Text(), "token_type": "Bearer", "expires_in": int(tokenLife / time.Second), // good for nothing: there is no resource here
		"id_token": idToken,
	})
}

// claims are those of the ID token.
func (b *Bank) claims(g grant) map[string]any {
	now := b.Now()
	out := map[string]any{
		"iss": b.Issuer, "sub": g.customer.Subject, "aud": b.Client.ID, "iat": now.Unix(), "exp": now.Add(tokenLife).Unix(),
		"auth_time": g.at.Unix(), "acr": g.acr, "amr": []string{"pwd"},
	}
	if g.acr == ACRApp {
		out["amr"] = []string{"pwd", "swk", "mfa"} // RFC 8176
	}
	if g.nonce != "" {
		out["nonce"] = g.nonce
	}
	b.Fault().spoil(out, now)
	return out
}

func same(a, b string) bool { return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }

// authenticated reports whether the client showed who it is, in exactly one way
// (RFC 6749, 2.3); else the answer is written.
func (b *Bank) authenticated(w http.ResponseWriter, r *http.Request, form url.Values) bool {
	name, password, basic := r.BasicAuth()
	ways := 0
	for _, way := range []bool{basic, form.Has("client_secret"), form.Has("client_assertion")} {
		if way {
			ways++
		}
	}
	if ways > 1 {
		refuse(w, http.StatusBadRequest, "invalid_request")
		return false
	}
	good := false
	switch {
	case form.Has("client_assertion"):
		good = form.Get("client_assertion_type") == "urn:ietf:params:oauth:client-assertion-type:jwt-bearer" &&
			b.asserted(r.Context(), form.Get("client_assertion")) == nil
	case basic: // both parts are form-encoded (RFC 6749, 2.3.1)
		id, err1 := url.QueryUnescape(name)
		given, err2 := url.QueryUnescape(password)
		good = errors.Join(err1, err2) == nil && id == b.Client.ID && b.secret(given)
	default:
		good = form.Get("client_id") == b.Client.ID && b.secret(form.Get("client_secret"))
	}
	if good && form.Has("client_id") && form.Get("client_id") != b.Client.ID {
		good = false
	}
	if !good {
		w.Header().Set("WWW-Authenticate", `Basic realm="Northland Bank"`)
		refuse(w, http.StatusUnauthorized, "invalid_client")
	}
	return good
}

func (b *Bank) secret(given string) bool {
	return b.Client.Secret != "" && same(given, b.Client.Secret)
}

// assertion are the claims of a client assertion (RFC 7523, 3).
type assertion struct {
	Issuer   string          `json:"iss"`
	Subject  string          `json:"sub"`
	Audience json.RawMessage `json:"aud"`
	ID       string          `json:"jti"`
	Expires  float64         `json:"exp"`
}

// asserted checks a client assertion: of the client, for this bank, in time, once.
func (b *Bank) asserted(ctx context.Context, token string) error {
	payload, err := b.verify(ctx, token)
	if err != nil {
		return err
	}
	var a assertion
	if err := json.Unmarshal(payload, &a); err != nil {
		return errors.New("bank: client assertion: a claim is not of its type")
	}
	audience := ""
	if err := json.Unmarshal(a.Audience, &audience); err != nil {
		var several []string
		if json.Unmarshal(a.Audience, &several) == nil && len(several) == 1 {
			audience = several[0]
		}
	}
	left := a.Expires - float64(b.Now().Unix())
	switch {
	case a.Issuer != b.Client.ID || a.Subject != b.Client.ID:
		return errors.New("bank: client assertion: of somebody else")
	case audience != b.Issuer:
		return errors.New("bank: client assertion: for somebody else")
	case left <= 0 || left > mostAhead.Seconds():
		return errors.New("bank: client assertion: expired, or good for too long")
	case a.ID == "" || len(a.ID) > 256 || !b.seen.put(a.ID, struct{}{}):
		return errors.New("bank: client assertion: used before")
	}
	return nil
}

// verify checks a signature of the client, and asks for its keys once more when none fits.
func (b *Bank) verify(ctx context.Context, token string) ([]byte, error) {
	for _, renew := range []bool{false, true} {
		set, err := b.keysOfClient(ctx, renew)
		if err != nil {
			return nil, err
		}
		payload, _, err := set.Verify(token, jose.Algorithms()...)
		if err == nil || renew {
			return payload, err
		}
	}
	return nil, jose.ErrSignature
}

// keysOfClient are the client's published keys, asked for at most once a second.
func (b *Bank) keysOfClient(ctx context.Context, renew bool) (*jose.KeySet, error) {
	if b.Client.KeysURL == "" {
		return nil, errors.New("bank: the client has no keys")
	}
	b.mu.Lock()
	now := b.Now()
	known, lately := b.clientKeys, now.Sub(b.fetched) < time.Second
	if known != nil && (!renew || lately) {
		b.mu.Unlock()
		return known, nil
	}
	b.fetched = now
	b.mu.Unlock()
	set, err := b.fetchKeys(ctx)
	if err != nil {
		return nil, fmt.Errorf("bank: keys of the client: %w", err)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.clientKeys = set
	return set, nil
}

func (b *Bank) fetchKeys(ctx context.Context) (*jose.KeySet, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, b.Client.KeysURL, http.NoBody)
	if err != nil {
		return nil, err
	}
	answer, err := b.http.Do(request)
	if err != nil {
		return nil, err
	}
	defer func() { _ = answer.Body.Close() }() // was read
	raw, err := io.ReadAll(io.LimitReader(answer.Body, jose.MaxKeySet+1))
	if err != nil {
		return nil, err
	}
	if answer.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("status %d", answer.StatusCode)
	}
	return jose.ParseKeySet(raw)
}

// refuse is an error of a machine's endpoint (RFC 6749, 5.2).
func refuse(w http.ResponseWriter, status int, code string) {
	writeJSON(w, status, map[string]any{"error": code})
}

func writeJSON(w http.ResponseWriter, status int, value any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	_ = e.Encode(value) // the client may have gone
}

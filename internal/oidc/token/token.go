// Package token holds the endpoints that services call themselves: the token
// and userinfo endpoints, the published keys and the discovery documents.
//
// A token request is one transaction: it notes the client's assertion, consumes
// the code and stores the access token; the ID token is signed after the commit.
// userinfo, keys and discovery write nothing. All answers are JSON; errors are
// those of RFC 6749, 5.2 and RFC 6750, 3.1, the same for every cause that could
// tell an attacker something. Browser applications may call these addresses from
// any origin, without credentials: no cookie is read or set here.
package token

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"mime"
	"net/http"
	"time"

	"parvis/internal/account"
	"parvis/internal/audit"
	"parvis/internal/db"
	"parvis/internal/fault"
	"parvis/internal/grant"
	"parvis/internal/id"
	"parvis/internal/jose"
	"parvis/internal/keyring"
	"parvis/internal/oidc/protocol"
	"parvis/internal/policy"
	"parvis/internal/ratelimit"
	"parvis/internal/relyingparty"
	"parvis/internal/secret"
	"parvis/internal/web/kit"
)

// Settings are the numbers of the machine endpoints.
type Settings struct {
	// IDTokenLife is how long after its making an ID token may be accepted by a service.
	IDTokenLife time.Duration `yaml:"id_token_life"`
	// DiscoveryCache is how long services may keep the discovery document.
	DiscoveryCache time.Duration `yaml:"discovery_cache"`
}

// Preset returns the numbers of a preset; they are the same in all of them.
func Preset(string) Settings {
	return Settings{IDTokenLife: 10 * time.Minute, DiscoveryCache: time.Hour}
}

// Problems lists what is wrong with the settings.
func (s Settings) Problems() []string {
	var out []string
	if s.IDTokenLife < time.Minute || s.IDTokenLife > 24*time.Hour {
		out = append(out, "id_token_life: must be between 1m and 24h")
	}
	if s.DiscoveryCache < 0 || s.DiscoveryCache > 24*time.Hour {
		out = append(out, "discovery_cache: must be between 0s and 24h")
	}
	return out
}

// Endpoint answers services. Make it with New.
type Endpoint struct {
	Config
	nobody    *relyingparty.RelyingParty // compared with when there is no such client
	documents *documents
}

// Config is what New needs; every field must be set.
type Config struct {
	Issuer   string // without a slash at the end
	Site     *kit.Site
	DB       *db.DB
	Registry *relyingparty.Registry
	Keyring  *keyring.Keyring
	Accounts account.Accounts
	Grants   grant.Grants
	Limiter  *ratelimit.Limiter
	Audit    *audit.Log
	Now      func() time.Time
	Table    policy.Table
	Settings Settings
}

// New makes the documents' bytes.
func New(c Config) (*Endpoint, error) {
	d, err := makeDocuments(c)
	if err != nil {
		return nil, err
	}
	nobody := &relyingparty.RelyingParty{AuthMethod: relyingparty.AuthBasic, Secrets: []relyingparty.Secret{{Digest: secret.Digest(secret.NewToken())}}}
	return &Endpoint{Config: c, nobody: nobody, documents: d}, nil
}

// Routes adds the endpoints' addresses.
func (e *Endpoint) Routes(mux *http.ServeMux) {
	mux.Handle("POST "+protocol.PathToken, e.machine(e.token))
	mux.Handle("GET "+protocol.PathUserInfo, e.machine(e.userinfo))
	mux.Handle("POST "+protocol.PathUserInfo, e.machine(e.userinfo))
	mux.Handle("GET "+protocol.PathJWKS, e.machine(e.jwks))
	mux.Handle("GET "+protocol.PathDiscovery, e.machine(e.discovery))
	mux.Handle("GET "+protocol.PathMetadata, e.machine(e.discovery))
	for _, path := range []string{protocol.PathToken, protocol.PathUserInfo, protocol.PathJWKS, protocol.PathDiscovery, protocol.PathMetadata} {
		mux.HandleFunc("OPTIONS "+path, preflight)
	}
}

// Doors are the addresses that other sites may POST to.
func Doors() []string {
	return []string{"POST " + protocol.PathToken, "POST " + protocol.PathUserInfo}
}

// token is POST /token: a code for tokens (RFC 6749, 4.1.3; OpenID Connect Core 1.0, 3.1.3).
func (e *Endpoint) token(w http.ResponseWriter, r *http.Request) error {
	params, err := form(r)
	if bad, ok := errors.AsType[*protocol.Error](err); ok {
		return e.refused(r, nil, bad)
	}
	if err != nil {
		return err
	}
	credentials, bad := protocol.ReadCredentials(r.Header.Get("Authorization"), params)
	if bad != nil {
		return e.refused(r, nil, bad)
	}
	party, assertion, err := e.authenticate(r.Context(), credentials)
	if refusal, ok := errors.AsType[*protocol.Error](err); ok {
		return e.refused(r, party, refusal)
	}
	if err != nil {
		return err
	}
	request, bad := protocol.ReadTokenRequest(params)
	if bad != nil {
		return e.refused(r, party, bad)
	}
	return e.redeem(w, r, party, request, assertion)
}

// redeem consumes the code and answers with what it gives.
func (e *Endpoint) redeem(w http.ResponseWriter, r *http.Request, party *relyingparty.RelyingParty, request protocol.TokenRequest, assertion *grant.Assertion) error {
	signer, err := e.Keyring.Signer(jose.Algorithm(party.IDTokenAlg))
	if err != nil {
		return fmt.Errorf("token: %w", err)
	}
	access := secret.NewToken()
	var result grant.Result
	err = e.DB.WriteStatement(r.Context(), func(tx *db.Tx) error {
		var err error
		result, err = e.Grants.Redeem(tx, grant.Redemption{
			Code: request.Code, RelyingParty: party.ID, RedirectURI: request.RedirectURI, Verifier: request.Verifier,
			Token: secret.Digest(access), TokenLife: party.AccessTokenTTL, Assertion: assertion,
		})
		return err
	})
	if err != nil {
		return fmt.Errorf("token: %w", err)
	}
	switch result.Outcome {
	case grant.Redeemed:
	case grant.Replayed:
		return e.refused(r, party, protocol.ClientRefused().Because(protocol.AssertionReplayed))
	default:
		return e.refused(r, party, protocol.GrantRefused().Because(protocol.Cause(result.Cause)))
	}
	idToken, err := e.idToken(r.Context(), signer, result.Grant, access)
	if err != nil {
		return err
	}
	now := e.Now()
	return answer(w, http.StatusOK, map[string]any{
		"access_token": access, "token_type": "Bearer", "expires_in": max(int64(result.Expires.Sub(now)/time.Second), 1),
		"id_token": idToken, "scope": scopeText(result.Grant.Scopes),
	})
}

// idToken signs what the service is told of the sign-in.
func (e *Endpoint) idToken(ctx context.Context, signer *jose.Signer, g grant.Grant, access string) (string, error) {
	var person map[string]any
	if len(g.IDTokenClaims) > 0 {
		err := e.DB.Read(ctx, func(tx *db.Tx) error {
			p, _, err := e.person(tx, g.Account)
			person = p.Claims(g.IDTokenClaims)
			return err
		})
		if err != nil {
			return "", fmt.Errorf("token: %w", err)
		}
	}
	now := e.Now()
	token, err := signer.Sign("JWT", protocol.IDToken{
		Issuer: e.Issuer, Subject: g.Subject, Audience: string(g.RelyingParty), IssuedAt: now, Expires: now.Add(e.Settings.IDTokenLife),
		AuthTime: g.AuthTime, Nonce: g.Nonce, ACR: g.ACR, AMR: g.AMR, SessionID: protocol.SessionID(string(g.Session), string(g.RelyingParty)),
		AccessToken: access, ID: id.New[string](), Person: person,
	}.Claims())
	if err != nil {
		return "", fmt.Errorf("token: sign: %w", err)
	}
	return token, nil
}

// authenticate checks that the client is who it says. A *protocol.Error is the refusal.
// Basic and post are one method, the client's secret: libraries differ in their default.
func (e *Endpoint) authenticate(ctx context.Context, c protocol.Credentials) (*relyingparty.RelyingParty, *grant.Assertion, error) {
	party, err := e.Registry.Get(ctx, id.RelyingParty(c.ClientID))
	if err != nil && !fault.Is(err, fault.NotFound) {
		return nil, nil, fmt.Errorf("token: %w", err)
	}
	known := party
	if party == nil {
		party = e.nobody
	}
	assertion, bad := e.prove(party, c)
	switch {
	case known == nil:
		bad = protocol.ClientRefused().Because(protocol.ClientUnknown)
	case known.Disabled:
		bad = protocol.ClientRefused().Because(protocol.ClientDisabled)
	}
	if bad != nil {
		return known, nil, bad
	}
	return known, assertion, nil
}

// prove checks what a client sent against what is registered.
func (e *Endpoint) prove(party *relyingparty.RelyingParty, c protocol.Credentials) (*grant.Assertion, *protocol.Error) {
	bySecret := party.AuthMethod == relyingparty.AuthBasic || party.AuthMethod == relyingparty.AuthPost
	switch {
	case c.Method == protocol.MethodBasic, c.Method == protocol.MethodPost:
		matched, ended := false, false
		for _, s := range c.Secrets {
			matched = party.SecretMatches(s, e.Now()) || matched
			ended = party.SecretMatches(s, time.Time{}) || ended
		}
		switch {
		case !bySecret:
			return nil, protocol.ClientRefused().Because(protocol.MethodDiffers)
		case matched:
			return nil, nil
		case ended:
			return nil, protocol.ClientRefused().Because(protocol.SecretEnded)
		}
		return nil, protocol.ClientRefused().Because(protocol.SecretWrong)
	case c.Method != string(party.AuthMethod):
		return nil, protocol.ClientRefused().Because(protocol.MethodDiffers)
	case c.Method == protocol.MethodPrivateKeyJWT:
		return e.assertion(party, c)
	}
	return nil, nil // a public client has nothing to prove
}

// assertion verifies a client assertion with the client's registered keys (RFC 7523, 3).
// For the audience, the issuer and the token endpoint are taken (OpenID Connect Core 1.0, 9).
func (e *Endpoint) assertion(party *relyingparty.RelyingParty, c protocol.Credentials) (*grant.Assertion, *protocol.Error) {
	payload, _, err := party.Keys.Verify(c.Assertion, jose.Algorithms()...)
	if err != nil {
		return nil, protocol.ClientRefused().Because(protocol.AssertionSignature)
	}
	jti, expires, bad := protocol.CheckAssertion(payload, string(party.ID), []string{e.Issuer, e.Issuer + protocol.PathToken}, e.Now())
	if bad != nil {
		return nil, bad
	}
	return &grant.Assertion{JTI: jti, Expires: expires}, nil
}

// refused notes a refusal, slows down who collects them, and returns the error to answer with.
func (e *Endpoint) refused(r *http.Request, party *relyingparty.RelyingParty, bad *protocol.Error) error {
	pid := id.RelyingParty("")
	if party != nil {
		pid = party.ID
	}
	e.log(r, "token request refused", pid, bad)
	rules := []struct {
		rule ratelimit.Rule
		key  string
	}{{ratelimit.TokenIP, kit.ClientIP(r)}, {ratelimit.TokenClient, string(pid)}}
	for _, l := range rules {
		if l.key == "" {
			continue
		}
		d, err := e.Limiter.Take(r.Context(), l.rule, l.key)
		if err != nil {
			return fmt.Errorf("token: %w", err)
		}
		if err := d.Fault(); err != nil {
			return err
		}
	}
	if party == nil {
		return bad
	}
	err := e.DB.Write(r.Context(), func(tx *db.Tx) error {
		return e.Audit.Record(tx, audit.Event{
			Name: audit.TokenRefused, RelyingParty: pid, Outcome: audit.Refused, Reason: string(bad.Code),
			Personal: audit.Personal{IP: kit.ClientIP(r), UserAgent: r.UserAgent()},
		})
	})
	if err != nil {
		return fmt.Errorf("token: %w", err)
	}
	return bad
}

// log writes the operator's line of a refusal: the error as the client got it, and its cause.
func (e *Endpoint) log(r *http.Request, message string, party id.RelyingParty, bad *protocol.Error) {
	e.Site.Log.InfoContext(r.Context(), message, slog.String("relying_party", string(party)), slog.String("error", string(bad.Code)),
		slog.String("description", bad.Description), slog.String("cause", bad.LogCause()), slog.String("reference", kit.Reference(r)))
}

// form reads the parameters of a body of the one type there is (RFC 6749, 4.1.3).
func form(r *http.Request) (protocol.Params, error) {
	if !isForm(r) {
		return protocol.Params{}, &protocol.Error{Code: protocol.InvalidRequest, Description: "the body must be application/x-www-form-urlencoded", Where: protocol.Direct}
	}
	raw, err := io.ReadAll(io.LimitReader(r.Body, protocol.MaxQuery+1))
	if err != nil {
		return protocol.Params{}, &protocol.Error{Code: protocol.InvalidRequest, Description: "the body could not be read", Where: protocol.Direct}
	}
	params, bad := protocol.ParseParams(string(raw))
	if bad != nil {
		return params, bad
	}
	return params, nil
}

func isForm(r *http.Request) bool {
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	return err == nil && kind == "application/x-www-form-urlencoded"
}

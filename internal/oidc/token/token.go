// Package token holds the endpoints that services call themselves: the token
// and userinfo endpoints, the published keys and the discovery documents.
//
// A token request is one transaction: it notes the client's assertion, consumes
// the code, or replaces the refresh token, and stores the access token; the ID token is
// signed after the commit.
// userinfo, keys and discovery write nothing. All answers are JSON; errors are
// those of RFC 6749, 5.2 and RFC 6750, 3.1, the same for every cause that could
// tell an attacker something. Browser applications may call these addresses from
// any origin, without credentials: no cookie is read or set here.
package token

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"parvis/internal/ciba"
	"parvis/internal/connection"
	"parvis/internal/db"
	"parvis/internal/device"
	"parvis/internal/disclosure"
	"parvis/internal/grant"
	"parvis/internal/id"
	"parvis/internal/jose"
	"parvis/internal/keyring"
	"parvis/internal/oidc/claim"
	"parvis/internal/oidc/machine"
	"parvis/internal/oidc/protocol"
	"parvis/internal/policy"
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
	documents *documents
}

// Config is what New needs; every field must be set.
type Config struct {
	Issuer   string // without a slash at the end
	Door     *machine.Door
	Site     *kit.Site
	DB       *db.DB
	Registry *relyingparty.Registry
	Keyring  *keyring.Keyring
	Told     disclosure.Source
	// Connections say which address of an account a service is told.
	Connections connection.Connections
	Grants      grant.Grants
	Devices     device.Requests
	Asked       ciba.Requests
	Now         func() time.Time
	Table       policy.Table
	Settings    Settings
	// Registration announces the endpoint at which services register themselves; optional.
	Registration bool
}

// New makes the documents' bytes.
func New(c Config) (*Endpoint, error) {
	d, err := makeDocuments(c)
	if err != nil {
		return nil, err
	}
	return &Endpoint{Config: c, documents: d}, nil
}

// Routes adds the endpoints' addresses.
func (e *Endpoint) Routes(mux *http.ServeMux) {
	mux.Handle("POST "+protocol.PathToken, e.Door.Handle(e.token))
	mux.Handle("POST "+protocol.PathRevoke, e.Door.Handle(e.revoke))
	mux.Handle("POST "+protocol.PathInspect, e.Door.Handle(e.introspect))
	mux.Handle("GET "+protocol.PathUserInfo, e.Door.Handle(e.userinfo))
	mux.Handle("POST "+protocol.PathUserInfo, e.Door.Handle(e.userinfo))
	mux.Handle("GET "+protocol.PathJWKS, e.Door.Handle(e.jwks))
	mux.Handle("GET "+protocol.PathDiscovery, e.Door.Handle(e.discovery))
	mux.Handle("GET "+protocol.PathMetadata, e.Door.Handle(e.discovery))
	mux.Handle("GET "+protocol.PathResource, e.Door.Handle(e.resource))
	for _, path := range []string{protocol.PathToken, protocol.PathRevoke, protocol.PathUserInfo, protocol.PathJWKS, protocol.PathDiscovery, protocol.PathMetadata, protocol.PathResource} {
		mux.HandleFunc("OPTIONS "+path, machine.Preflight)
	}
}

// Doors are the addresses that other sites may POST to.
func Doors() []string {
	return []string{
		"POST " + protocol.PathToken, "POST " + protocol.PathUserInfo, "POST " + protocol.PathRevoke, "POST " + protocol.PathInspect,
	}
}

// token is POST /token: a code for tokens (RFC 6749, 4.1.3; OpenID Connect Core 1.0, 3.1.3).
func (e *Endpoint) token(w http.ResponseWriter, r *http.Request) error {
	party, params, assertion, err := e.Door.Client(r)
	if err != nil {
		return err //nolint:wrapcheck // the refusal, or wrapped there
	}
	request, bad := protocol.ReadTokenRequest(params)
	if bad != nil {
		return e.Door.Refused(r, party, bad)
	}
	proof, err := e.Door.Holder(w, r, party)
	if refusal, ok := errors.AsType[*protocol.Error](err); ok {
		return e.Door.Refused(r, party, refusal)
	}
	if err != nil {
		return err //nolint:wrapcheck // wrapped there
	}
	switch {
	case !party.Grants(request.GrantType):
		return e.Door.Refused(r, party, protocol.NotRegistered())
	case request.GrantType == protocol.GrantRefreshToken:
		return e.renew(w, r, party, request, assertion, proof)
	case request.GrantType == protocol.GrantDeviceCode:
		return e.device(w, r, party, request, assertion, proof)
	case request.GrantType == protocol.GrantCIBA:
		return e.confirmed(w, r, party, request, assertion, proof)
	case request.GrantType == protocol.GrantTokenExchange:
		return e.exchange(w, r, party, request, assertion, proof)
	case request.GrantType == protocol.GrantClientCredentials:
		return e.own(w, r, party, request, assertion, proof)
	default:
		return e.redeem(w, r, party, request, assertion, proof)
	}
}

// redeem consumes the code and answers with what it gives.
func (e *Endpoint) redeem(w http.ResponseWriter, r *http.Request, party *relyingparty.RelyingParty, request protocol.TokenRequest, assertion *grant.Assertion, proof *grant.Proof) error {
	shape, bad, err := e.asked(r, party, request, func(tx *db.Tx) (grant.Grant, bool, error) { return e.Grants.FindCode(tx, request.Code) })
	if err != nil {
		return err
	}
	if bad != nil {
		return e.Door.Refused(r, party, bad)
	}
	signer, err := e.idTokens(r.Context(), party)
	if err != nil {
		return err
	}
	access := secret.NewToken()
	redemption := grant.Redemption{
		Code: request.Code, RelyingParty: party.ID, RedirectURI: request.RedirectURI, Verifier: request.Verifier,
		Token: secret.Digest(access), TokenLife: shape.life, Audience: shape.audience, Details: shape.details, Assertion: assertion, Proof: proof,
	}
	if party.Grants(protocol.GrantRefreshToken) {
		redemption.Offline = &grant.Offline{Scope: claim.ScopeOffline, Refresh: grant.NewRefresh(), Life: party.Away(), Bound: party.Unproven()}
	}
	var result grant.Result
	err = e.DB.WriteStatement(r.Context(), func(tx *db.Tx) (err error) {
		result, err = e.Grants.Redeem(tx, redemption)
		return err
	})
	if err != nil {
		return fmt.Errorf("token: %w", err)
	}
	if result.Outcome != grant.Redeemed {
		return e.refusedGrant(r, party, result, protocol.GrantRefused())
	}
	out := given{result: result, signer: signer, access: access, code: request.Code, proof: proof, readable: shape.readable}
	if result.Offline {
		out.refresh = redemption.Offline.Refresh.Text()
	}
	return e.answer(w, r, party, out)
}

// refusedGrant answers for a code or token that gives nothing, or for what was sent with it.
func (e *Endpoint) refusedGrant(r *http.Request, party *relyingparty.RelyingParty, result grant.Result, bad *protocol.Error) error {
	switch {
	case result.Outcome == grant.Replayed && result.Cause == grant.ProofReplayed:
		return e.Door.Refused(r, party, protocol.ProofReplayed())
	case result.Outcome == grant.Replayed:
		return e.Door.Refused(r, party, protocol.ClientRefused().Because(protocol.AssertionReplayed))
	default:
		return e.Door.Refused(r, party, bad.Because(protocol.Cause(result.Cause)))
	}
}

// given is what a token request came to.
type given struct {
	result   grant.Result
	signer   jose.Protector
	access   string
	code     string // "" for none
	refresh  string // "" for none
	proof    *grant.Proof
	readable bool     // the access token is a JWT
	actors   []string // of a token that came of another one
	again    bool     // by a refresh token: the ID token is that of the same sign-in
}

// answer tells the service what it is given (RFC 6749, 5.1).
func (e *Endpoint) answer(w http.ResponseWriter, r *http.Request, party *relyingparty.RelyingParty, g given) error {
	if g.readable {
		readable, err := e.readable(g.signer.Signer, party, g)
		if err != nil {
			return err
		}
		g.access = readable
	}
	body := map[string]any{
		"access_token": g.access, "token_type": protocol.SchemeBearer,
		"expires_in": max(int64(g.result.Expires.Sub(e.Now())/time.Second), 1),
	}
	if len(g.result.Grant.Scopes) > 0 {
		body["scope"] = scopeText(g.result.Grant.Scopes)
	}
	if g.proof != nil {
		body["token_type"] = protocol.SchemeOf(g.proof.Thumbprint)
	}
	if g.result.Details != "" { // RFC 9396, 7
		body["authorization_details"] = protocol.DetailsClaim(g.result.Details)
	}
	if g.actors != nil { // RFC 8693, 2.2.1
		body["issued_token_type"] = protocol.TypeOfAccessToken
		return machine.Answer(w, http.StatusOK, body)
	}
	if g.refresh != "" {
		body["refresh_token"] = g.refresh
	}
	if g.again {
		g.result.Grant.Nonce = "" // it was for the first ID token (OpenID Connect Core 1.0, 12.2)
		alive, err := e.alive(r.Context(), g.result.Grant)
		if err != nil {
			return err
		}
		if !alive {
			return e.Door.Refused(r, party, protocol.RefreshRefused().Because(protocol.AccountNotActive))
		}
	}
	if slices.Contains(g.result.Grant.Scopes, claim.ScopeOpenID) {
		idToken, err := e.idToken(r.Context(), party, g)
		if err != nil {
			return err
		}
		body["id_token"] = idToken
	}
	return machine.Answer(w, http.StatusOK, body)
}

// alive reports whether the account of a grant can be used now.
func (e *Endpoint) alive(ctx context.Context, g grant.Grant) (alive bool, err error) {
	err = e.DB.Read(ctx, func(tx *db.Tx) (err error) {
		_, alive, err = e.person(tx, g, nil)
		return err
	})
	if err != nil {
		return false, fmt.Errorf("token: %w", err)
	}
	return alive, nil
}

// idToken signs what the service is told of the sign-in, as far as it may ask for it still.
func (e *Endpoint) idToken(ctx context.Context, party *relyingparty.RelyingParty, out given) (string, error) {
	g := out.result.Grant
	var person map[string]any
	verified, only, err := keptOf(g)
	if err != nil {
		return "", fmt.Errorf("token: %w", err)
	}
	told, assured := claim.Covered(g.IDTokenClaims, party.MayAsk()), claim.Covered(verified.IDToken.Names(), party.MayAsk())
	if len(told)+len(assured) > 0 {
		err := e.DB.Read(ctx, func(tx *db.Tx) (err error) {
			person, _, err = e.known(tx, g, wished{claims: told, only: only.IDToken, verified: verified.IDToken, assured: assured})
			return err
		})
		if err != nil {
			return "", fmt.Errorf("token: %w", err)
		}
	}
	now := e.Now()
	token, err := out.signer.Protect("JWT", protocol.IDToken{
		Issuer: e.Issuer, Subject: g.Subject, Audience: string(g.RelyingParty), IssuedAt: now, Expires: now.Add(e.Settings.IDTokenLife),
		AuthTime: g.AuthTime, Nonce: g.Nonce, ACR: g.ACR, AMR: g.AMR, SessionID: protocol.SessionID(string(g.Session), string(g.RelyingParty)),
		AccessToken: out.access, Code: out.code, Algorithm: string(out.signer.Algorithm()), ID: id.New[string](), Person: person,
	}.Claims())
	if err != nil {
		return "", fmt.Errorf("token: sign: %w", err)
	}
	return token, nil
}

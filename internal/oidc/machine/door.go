// Package machine is what the endpoints that services call themselves share: reading a
// form, telling which client sent it, refusing, and answering in JSON.
//
// A client authenticates by exactly one method, the one it is registered with; who is
// unknown costs the same work as who is wrong, and all causes have one answer (RFC 6749,
// 5.2). Refusals are recorded, counted, and slow down who collects them.
//
// An assertion is only checked here: the endpoint notes it as used in the transaction of
// what it does, so that of any number of requests with one assertion one does something. A
// request that is refused uses up the assertion that authenticated it and its proof of
// possession, too, in the transaction that records the refusal. They stay good where the client was not
// authenticated, where we ask for a nonce or for patience (400 use_dpop_nonce, 429), and
// where the failure is ours (500, 503): then the same request may be sent again.
//
// Browser applications may call these addresses from any origin, without credentials: no cookie
// is read or set here.
package machine

import (
	"errors"
	"net/http"
	"time"

	"parvis/internal/audit"
	"parvis/internal/db"
	"parvis/internal/grant"
	"parvis/internal/oidc/protocol"
	"parvis/internal/ratelimit"
	"parvis/internal/relyingparty"
	"parvis/internal/secret"
	"parvis/internal/web/kit"
)

// Config is what New needs; every field must be set.
type Config struct {
	Issuer   string // without a slash at the end
	Site     *kit.Site
	DB       *db.DB
	Registry *relyingparty.Registry
	Partners *relyingparty.Keys // the keys of clients
	Keys     *secret.Keys
	Grants   grant.Grants
	Limiter  *ratelimit.Limiter
	Audit    *audit.Log
	Now      func() time.Time
	Settings Settings
	// Certificates reads those that clients show; nil takes none.
	Certificates *Certificates
}

// Settings are what a deployment demands of clients.
type Settings struct {
	// ProofNonce takes proofs of possession (DPoP, RFC 9449, section 8) only with a nonce that was given out a few minutes ago: one that was made beforehand is then worth nothing, and each client asks once more every few minutes.
	ProofNonce bool `yaml:"dpop_nonce"`
	// SecretJWT lets services be registered with client_secret_jwt (OpenID Connect Core 1.0, section 9): assertions signed with a secret (HS256), which must then be kept here itself, sealed. Better: private_key_jwt, with which nothing that we keep could speak for a service.
	SecretJWT bool `yaml:"client_secret_jwt"`
	// MTLS says how services show certificates.
	MTLS MTLS `yaml:"mtls"`
}

// Preset returns the settings of a preset; they are the same in all of them.
func Preset(string) Settings { return Settings{} }

// Door lets clients in. Make it with New; safe for concurrent use.
type Door struct {
	Config

	nobody *relyingparty.RelyingParty // compared with when there is no such client
	used   *replays
}

// New makes a door.
func New(c Config) *Door {
	nobody := &relyingparty.RelyingParty{
		AuthMethod: relyingparty.AuthBasic, Secrets: []relyingparty.Secret{{Digest: secret.Digest(secret.NewToken())}},
	}
	return &Door{Config: c, nobody: nobody, used: &replays{}}
}

// Client reads a form and who sent it. An error that is a *protocol.Error is the refusal to
// answer with; it is recorded already.
func (d *Door) Client(r *http.Request) (*relyingparty.RelyingParty, protocol.Params, *grant.Assertion, error) {
	params, err := Form(r)
	if bad, ok := errors.AsType[*protocol.Error](err); ok {
		return nil, params, nil, d.Refused(r, nil, bad)
	}
	if err != nil {
		return nil, params, nil, err
	}
	authorization, bad := Authorization(r, "")
	if bad != nil {
		return nil, params, nil, d.Refused(r, nil, bad)
	}
	credentials, bad := protocol.ReadCredentials(authorization, params)
	if bad != nil {
		return nil, params, nil, d.Refused(r, nil, bad)
	}
	shown, err := d.certificate(r)
	if refusal, ok := errors.AsType[*protocol.Error](err); ok {
		return nil, params, nil, d.Refused(r, nil, refusal)
	}
	party, assertion, err := d.authenticate(r.Context(), credentials, shown)
	callOf(r).assertion = assertion
	if refusal, ok := errors.AsType[*protocol.Error](err); ok {
		return nil, params, nil, d.Refused(r, party, refusal)
	}
	return party, params, assertion, err
}

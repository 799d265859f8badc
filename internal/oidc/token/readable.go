package token

import (
	"fmt"
	"net/http"
	"strings"
	"time"

	"parvis/internal/db"
	"parvis/internal/grant"
	"parvis/internal/jose"
	"parvis/internal/oidc/protocol"
	"parvis/internal/relyingparty"
)

// shape is what the access token of a request is going to be.
type shape struct {
	audience []string // nil: all that was granted
	details  string   // "": all that were granted
	readable bool     // a JWT that the protected resource reads by itself (RFC 9068)
	life     time.Duration
}

// shapeOf is the shape of a token for an audience. What others read lives a few minutes only:
// they do not hear that it was revoked.
func (e *Endpoint) shapeOf(party *relyingparty.RelyingParty, audience []string) shape {
	out := shape{audience: audience, readable: party.ReadsTokens(audience), life: party.AccessTokenTTL}
	if out.life <= 0 {
		out.life = e.Grants.Settings.AccessTokenLife
	}
	if out.readable {
		out.life = min(out.life, protocol.MaxReadableLife)
	}
	return out
}

// asked compares a request with what its code or refresh token was given for, before
// anything is used up: that never changes, and whether the code or token is good is decided
// when it is used. Where nothing can be narrowed, nothing is read.
func (e *Endpoint) asked(r *http.Request, party *relyingparty.RelyingParty, request protocol.TokenRequest, find func(tx *db.Tx) (grant.Grant, bool, error)) (shape, *protocol.Error, error) {
	if request.Scopes == nil && request.Resource == "" && request.Details == "" && len(party.Resources) == 0 {
		return e.shapeOf(party, nil), nil, nil
	}
	var granted grant.Grant
	var found bool
	err := e.DB.Read(r.Context(), func(tx *db.Tx) (err error) {
		granted, found, err = find(tx)
		return err
	})
	if err != nil {
		return shape{}, nil, fmt.Errorf("token: %w", err)
	}
	if !found || granted.RelyingParty != party.ID {
		return e.shapeOf(party, nil), nil, nil // it will be refused
	}
	out, bad := e.within(party, request, granted)
	return out, bad, nil
}

// within is the shape of what a request asks for of what was granted.
func (e *Endpoint) within(party *relyingparty.RelyingParty, request protocol.TokenRequest, granted grant.Grant) (shape, *protocol.Error) {
	if bad := request.Exceeds(granted.Scopes); bad != nil {
		return shape{}, bad
	}
	audience, bad := request.Narrowed(granted.Resources)
	if bad != nil {
		return shape{}, bad
	}
	out := e.shapeOf(party, audience)
	out.details, bad = request.NarrowedDetails(granted.Details)
	return out, bad
}

// readable signs an access token that is a JWT, of one that was stored.
func (e *Endpoint) readable(signer *jose.Signer, party *relyingparty.RelyingParty, g given) (string, error) {
	of := g.result.Grant
	claims := protocol.AccessToken{
		Issuer: e.Issuer, Subject: of.Subject, ClientID: string(party.ID), Audience: g.result.Audience,
		IssuedAt: e.Now(), Expires: g.result.Expires, Scopes: of.Scopes, AuthTime: of.AuthTime, ACR: of.ACR, AMR: of.AMR,
		Digest: grant.Digest(g.access), Actors: g.actors, Details: g.result.Details,
	}
	if g.proof != nil {
		claims.Thumbprint = g.proof.Thumbprint
	}
	token, err := signer.Sign(protocol.TypeAccessToken, claims.Claims())
	if err != nil {
		return "", fmt.Errorf("token: sign: %w", err)
	}
	return token, nil
}

// digest is what is kept of a presented access token. For a JWT it is what it says itself,
// when we signed it; what is kept then decides whether it is good, as for every other.
func (e *Endpoint) digest(presented string) []byte {
	if strings.Count(presented, ".") == 2 {
		payload, head, err := e.Keyring.Set().Verify(presented, jose.Algorithms()...)
		if err == nil {
			if digest, ok := protocol.ReadAccessToken(payload, head.Type, e.Issuer); ok {
				return digest
			}
		}
	}
	return grant.Digest(presented)
}

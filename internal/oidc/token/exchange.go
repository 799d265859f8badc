package token

import (
	"errors"
	"fmt"
	"net/http"
	"slices"

	"parvis/internal/db"
	"parvis/internal/grant"
	"parvis/internal/oidc/protocol"
	"parvis/internal/relyingparty"
	"parvis/internal/secret"
)

// exchange is POST /token with an access token (RFC 8693): a service that was sent it, or
// was given it, asks for one for another resource. The new token has never more than the
// first: no more scopes, no longer a life, the same sign-in, bound when the first one is; it
// ends with it, and says who acts.
func (e *Endpoint) exchange(w http.ResponseWriter, r *http.Request, party *relyingparty.RelyingParty, request protocol.TokenRequest, assertion *grant.Assertion, proof *grant.Proof) error {
	if party.Public() {
		return e.Door.Refused(r, party, protocol.NotRegistered())
	}
	subject, bad, err := e.subject(r, party, request, proof)
	if err != nil {
		return err
	}
	if bad == nil {
		bad = request.Exceeds(subject.Scopes)
	}
	var audience []string
	if bad == nil {
		audience, bad = request.Narrowed(party.ResourceURIs())
	}
	if bad != nil {
		return e.Door.Refused(r, party, bad)
	}
	signer, err := e.idTokens(r.Context(), party)
	if err != nil {
		return err
	}
	shape, access := e.shapeOf(party, audience), secret.NewToken()
	x := grant.Exchange{
		Subject: subject, Digest: e.digest(request.Subject), RelyingParty: party.ID, Scopes: request.Scopes, Audience: audience,
		Token: secret.Digest(access), TokenLife: shape.life, Assertion: assertion, Proof: proof,
	}
	if x.Scopes == nil {
		x.Scopes = subject.Scopes
	}
	var result grant.Result
	err = e.DB.WriteStatement(r.Context(), func(tx *db.Tx) (err error) {
		result, err = e.Grants.Exchange(tx, x)
		return err
	})
	if err != nil {
		return fmt.Errorf("token: %w", err)
	}
	if result.Outcome != grant.Redeemed {
		return e.refusedGrant(r, party, result, protocol.SubjectRefused())
	}
	return e.answer(w, r, party, given{result: result, signer: signer, access: access, proof: proof, readable: shape.readable, actors: x.Actors()})
}

// subject is the token that a service wants to exchange: one of its own, or one of a service
// whose tokens it is registered to exchange. A token that is bound is not exchanged for one
// that is not; of a service's own tokens the key must be shown.
func (e *Endpoint) subject(r *http.Request, party *relyingparty.RelyingParty, request protocol.TokenRequest, proof *grant.Proof) (grant.Token, *protocol.Error, error) {
	var found grant.Token
	var alive bool
	err := e.DB.Read(r.Context(), func(tx *db.Tx) (err error) {
		found, alive, err = e.Grants.FindDigest(tx, e.digest(request.Subject))
		if err == nil && alive && found.Grant.Account != "" {
			_, alive, err = e.person(tx, found.Grant, nil)
		}
		return err
	})
	if err != nil {
		return found, nil, fmt.Errorf("token: exchange: %w", err)
	}
	refused := protocol.SubjectRefused()
	switch {
	case !alive:
		return found, refused.Because(protocol.Cause(grant.TokenUnknown)), nil
	case found.Party != party.ID && !slices.Contains(party.ExchangesFrom, found.Party):
		return found, refused.Because(protocol.SubjectOfOther), nil
	case found.Thumbprint != "" && proof == nil,
		found.Thumbprint != "" && found.Party == party.ID && proof.Thumbprint != found.Thumbprint:
		return found, protocol.ProofRefused().Because(protocol.ProofMissing), nil
	case len(found.Actors) >= grant.MaxActors:
		return found, refused.Because(protocol.ActorsMany), nil
	}
	enabled, err := e.enabled(r, found)
	if err != nil {
		return found, nil, err
	}
	if !enabled {
		return found, refused.Because(protocol.ClientDisabled), nil
	}
	return found, nil, nil
}

// enabled reports whether the services that a token came by are all registered and not disabled.
func (e *Endpoint) enabled(r *http.Request, t grant.Token) (bool, error) {
	for _, p := range t.Parties() {
		of, err := e.Registry.Find(r.Context(), p)
		if err != nil {
			return false, errors.Join(errors.New("token: registry"), err)
		}
		if of == nil || of.Disabled {
			return false, nil
		}
	}
	return true, nil
}

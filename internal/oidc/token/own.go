package token

import (
	"fmt"
	"net/http"

	"parvis/internal/db"
	"parvis/internal/grant"
	"parvis/internal/id"
	"parvis/internal/oidc/protocol"
	"parvis/internal/relyingparty"
	"parvis/internal/secret"
)

// own is POST /token of a service that acts for itself (RFC 6749, 4.4): an access token with
// scopes of its own registration. There is no person in it, hence no ID token and, as 4.4.3
// says, no refresh token.
func (e *Endpoint) own(w http.ResponseWriter, r *http.Request, party *relyingparty.RelyingParty, request protocol.TokenRequest, assertion *grant.Assertion, proof *grant.Proof) error {
	if party.Public() { // 4.4: confidential clients only
		return e.Door.Refused(r, party, protocol.NotRegistered())
	}
	if bad := request.Exceeds(party.OwnScopes); bad != nil {
		// Libraries send the scopes of their sign-ins along.
		bad.Description = "a token for the client itself has the scopes that are registered as its own_scopes: name some of them, or none to have them all"
		return e.Door.Refused(r, party, bad)
	}
	audience, bad := request.Narrowed(party.ResourceURIs())
	if bad != nil {
		return e.Door.Refused(r, party, bad)
	}
	if request.Resource == "" {
		audience = nil // for no resource in particular
	}
	shape := e.shapeOf(party, audience)
	signer, err := e.idTokens(r.Context(), party)
	if err != nil {
		return err
	}
	scopes := request.Scopes
	if scopes == nil {
		scopes = party.OwnScopes
	}
	access, gid := secret.NewToken(), id.New[id.Grant]()
	var result grant.Result
	err = e.DB.WriteStatement(r.Context(), func(tx *db.Tx) (err error) {
		result, err = e.Grants.GiveOwn(tx, grant.Own{
			ID: gid, RelyingParty: party.ID, Scopes: scopes, Token: secret.Digest(access), TokenLife: shape.life,
			Audience: audience, Assertion: assertion, Proof: proof,
		})
		return err
	})
	if err != nil {
		return fmt.Errorf("token: %w", err)
	}
	if result.Outcome != grant.Redeemed {
		return e.refusedGrant(r, party, result, protocol.GrantRefused())
	}
	return e.answer(w, r, party, given{result: result, signer: signer, access: access, proof: proof, readable: shape.readable})
}

package token

import (
	"encoding/hex"
	"fmt"
	"net/http"

	"parvis/internal/db"
	"parvis/internal/grant"
	"parvis/internal/oidc/claim"
	"parvis/internal/oidc/protocol"
	"parvis/internal/relyingparty"
	"parvis/internal/secret"
)

// renew is POST /token with a refresh token (RFC 6749, 6; OpenID Connect Core 1.0, 12). A
// public client gets another one each time; every other client goes on with the one it has
// (FAPI 2.0 Security Profile, 5.3.2.1).
func (e *Endpoint) renew(w http.ResponseWriter, r *http.Request, party *relyingparty.RelyingParty, request protocol.TokenRequest, assertion *grant.Assertion, proof *grant.Proof) error {
	presented, ok := grant.ParseRefresh(request.Refresh)
	if !ok {
		return e.Door.Refused(r, party, protocol.RefreshRefused().Because(protocol.RefreshMalformed))
	}
	shape, bad, err := e.asked(r, party, request, func(tx *db.Tx) (grant.Grant, bool, error) { return e.Grants.FindFamily(tx, presented) })
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
	access, current := secret.NewToken(), presented
	renewal := grant.Renewal{
		Refresh: presented, RelyingParty: party.ID, Scopes: request.Scopes, May: append(party.MayAsk(), claim.ScopeOpenID),
		Token: secret.Digest(access), TokenLife: shape.life, Audience: shape.audience, Details: shape.details, Assertion: assertion, Proof: proof,
	}
	if party.Unproven() {
		next := presented.Next()
		current, renewal.Next, renewal.Sealed = next, &next, e.seal(presented, next)
	}
	var result grant.Result
	err = e.DB.WriteStatement(r.Context(), func(tx *db.Tx) (err error) {
		result, err = e.Grants.Renew(tx, renewal)
		return err
	})
	if err != nil {
		return fmt.Errorf("token: %w", err)
	}
	switch result.Outcome {
	case grant.Redeemed:
	case grant.Repeated:
		if current, err = e.unseal(presented, result.Sealed); err != nil {
			return err
		}
	default:
		return e.refusedGrant(r, party, result, protocol.RefreshRefused())
	}
	return e.answer(w, r, party, given{result: result, signer: signer, access: access, refresh: current.Text(), proof: proof, again: true, readable: shape.readable})
}

// seal keeps the successor of a refresh token for who asks again with that token.
func (e *Endpoint) seal(of, successor grant.Refresh) []byte {
	return e.Door.Keys.Seal("authorization_grant", "refresh_successor", rowOf(of), []byte(successor.Text()))
}

func (e *Endpoint) unseal(of grant.Refresh, sealed []byte) (grant.Refresh, error) {
	text, err := e.Door.Keys.Open("authorization_grant", "refresh_successor", rowOf(of), sealed)
	if err != nil {
		return grant.Refresh{}, fmt.Errorf("token: successor: %w", err)
	}
	out, ok := grant.ParseRefresh(string(text))
	if !ok {
		return out, fmt.Errorf("token: successor: what was sealed is no refresh token")
	}
	return out, nil
}

// rowOf stands for a refresh token where its text must not.
func rowOf(r grant.Refresh) string { return hex.EncodeToString(secret.Digest(r.Text())) }

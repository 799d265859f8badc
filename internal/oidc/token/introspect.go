package token

import (
	"fmt"
	"net/http"

	"parvis/internal/db"
	"parvis/internal/grant"
	"parvis/internal/jose"
	"parvis/internal/oidc/machine"
	"parvis/internal/oidc/protocol"
	"parvis/internal/relyingparty"
)

// introspect is POST /introspect: a protected resource asks what a token is worth (RFC
// 7662). It is told of tokens that it was given itself, and of others only when it is
// registered for that; of everything else it hears that it is not active, whatever the
// cause (2.2). Nothing is written but that an assertion was used.
func (e *Endpoint) introspect(w http.ResponseWriter, r *http.Request) error {
	party, params, assertion, err := e.Door.Client(r)
	if err != nil {
		return err //nolint:wrapcheck // the refusal, or wrapped there
	}
	if party.Public() { // 2.1: the endpoint must not answer just anybody
		return e.Door.Refused(r, party, protocol.ClientRefused().Because(protocol.MethodDiffers))
	}
	presented, bad := protocol.ReadPresented(params)
	if bad != nil {
		return e.Door.Refused(r, party, bad)
	}
	signed := protocol.WantsSigned(r.Header.Values("Accept"))
	var protect jose.Protector
	if signed { // before an assertion is used: the service's keys may be out of reach
		if protect, err = e.protector(r.Context(), party, party.InspectionAlgorithm(), party.IntrospectionSecrecy); err != nil {
			return err
		}
	}
	if assertion != nil {
		fresh := false
		err := e.DB.WriteStatement(r.Context(), func(tx *db.Tx) (err error) {
			fresh, err = e.once(tx, party, assertion)
			return err
		})
		if err != nil {
			return fmt.Errorf("token: introspect: %w", err)
		}
		if !fresh {
			return e.Door.Refused(r, party, protocol.ClientRefused().Because(protocol.AssertionReplayed))
		}
	}
	claims, err := e.worth(r, party, presented)
	if err != nil {
		return err
	}
	if signed {
		return e.signedWorth(w, party, protect, claims)
	}
	return machine.Answer(w, http.StatusOK, claims)
}

// signedWorth is the same answer as a JWT for who asked, encrypted where that is registered (RFC 9701, 5 and 6).
func (e *Endpoint) signedWorth(w http.ResponseWriter, party *relyingparty.RelyingParty, protect jose.Protector, claims map[string]any) error {
	token, err := protect.Protect(protocol.TypeIntrospection, map[string]any{
		"iss": e.Issuer, "aud": string(party.ID), "iat": e.Now().Unix(), "token_introspection": claims,
	})
	if err != nil {
		return fmt.Errorf("token: introspect: %w", err)
	}
	h := w.Header()
	h.Set("Content-Type", "application/"+protocol.TypeIntrospection)
	h.Set("Cache-Control", "no-store")
	w.WriteHeader(http.StatusOK)
	if _, err := w.Write([]byte(token)); err != nil { //nolint:gosec // a JWT, of base64url and dots
		return nil //nolint:nilerr // the client has gone
	}
	return nil
}

// worth is what a client is told of a token.
func (e *Endpoint) worth(r *http.Request, party *relyingparty.RelyingParty, presented string) (map[string]any, error) {
	inactive := map[string]any{"active": false}
	var found grant.Token
	var alive bool
	refresh, isRefresh := grant.ParseRefresh(presented)
	digest := e.digest(presented)
	err := e.DB.Read(r.Context(), func(tx *db.Tx) (err error) {
		if isRefresh {
			found, alive, err = e.Grants.FindRefresh(tx, refresh)
		} else {
			found, alive, err = e.Grants.FindDigest(tx, digest)
		}
		if err != nil || !alive {
			return err
		}
		if found.Grant.Account != "" { // else it is the service's own
			_, alive, err = e.person(tx, found.Grant, nil)
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("token: introspect: %w", err)
	}
	// Nobody but its own client is told that a refresh token is good: a protected resource
	// could take it for an access token.
	if !alive || found.Party != party.ID && (isRefresh || !party.Introspects) {
		return inactive, nil
	}
	enabled, err := e.enabled(r, found)
	if err != nil {
		return nil, err
	}
	if !enabled {
		return inactive, nil
	}
	return protocol.Introspection{
		Issuer: e.Issuer, Subject: found.Grant.Subject, ClientID: string(found.Party), Actors: found.Actors, Details: found.Details, Scope: scopeText(found.Scopes), Refresh: isRefresh, Audience: found.Audience,
		Given: found.Given, Expires: found.Expires, ACR: found.Grant.ACR, AMR: found.Grant.AMR, AuthTime: found.Grant.AuthTime, Thumbprint: found.Thumbprint,
	}.Claims(), nil
}

// once notes an assertion as used, when there is one, and reports whether it was new.
func (e *Endpoint) once(tx *db.Tx, party *relyingparty.RelyingParty, assertion *grant.Assertion) (bool, error) {
	if assertion == nil {
		return true, nil
	}
	fresh, err := e.Grants.UseAssertion(tx, party.ID, *assertion)
	if err != nil {
		return false, fmt.Errorf("token: %w", err)
	}
	return fresh, nil
}

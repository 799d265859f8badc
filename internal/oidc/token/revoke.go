package token

import (
	"fmt"
	"net/http"

	"parvis/internal/db"
	"parvis/internal/grant"
	"parvis/internal/oidc/machine"
	"parvis/internal/oidc/protocol"
)

// revoke is POST /revoke: a client ends a token that it was given (RFC 7009). With a refresh
// token all access tokens that came of it end; with an access token, it alone does (2.1). A
// token that nobody knows is one that has ended (2.2).
func (e *Endpoint) revoke(w http.ResponseWriter, r *http.Request) error {
	party, params, assertion, err := e.Door.Client(r)
	if err != nil {
		return err //nolint:wrapcheck // the refusal, or wrapped there
	}
	presented, bad := protocol.ReadPresented(params)
	if bad != nil {
		return e.Door.Refused(r, party, bad)
	}
	digest := e.digest(presented)
	var outcome grant.Outcome
	err = e.DB.Write(r.Context(), func(tx *db.Tx) error {
		fresh, err := e.once(tx, party, assertion)
		if err != nil {
			return err
		}
		if !fresh {
			outcome = grant.Replayed
			return nil
		}
		if refresh, ok := grant.ParseRefresh(presented); ok {
			outcome, err = e.Grants.RevokeRefresh(tx, party.ID, refresh)
			return err
		}
		outcome, err = e.Grants.RevokeToken(tx, party.ID, digest)
		return err
	})
	if err != nil {
		return fmt.Errorf("token: revoke: %w", err)
	}
	switch outcome {
	case grant.Replayed:
		return e.Door.Refused(r, party, protocol.ClientRefused().Because(protocol.AssertionReplayed))
	case grant.Mismatch:
		return e.Door.Refused(r, party, protocol.NotYours())
	default:
		return machine.Answer(w, http.StatusOK, map[string]any{})
	}
}

package token

import (
	"fmt"
	"net/http"

	"parvis/internal/db"
	"parvis/internal/device"
	"parvis/internal/grant"
	"parvis/internal/id"
	"parvis/internal/oidc/claim"
	"parvis/internal/oidc/protocol"
	"parvis/internal/relyingparty"
	"parvis/internal/secret"
)

// waiting are requests that wait for a person while a client asks for tokens.
type waiting interface {
	// Poll is a question of a client. Of any number at once one finds device.Allowed.
	Poll(tx *db.Tx, code string, rp id.RelyingParty) (device.Standing, error)
	// Used notes that what was allowed was redeemed.
	Used(tx *db.Tx, code string) error
}

// device is POST /token of a device that waits for its person (RFC 8628, 3.4 and 3.5).
func (e *Endpoint) device(w http.ResponseWriter, r *http.Request, party *relyingparty.RelyingParty, request protocol.TokenRequest, assertion *grant.Assertion, proof *grant.Proof) error {
	return e.waits(w, r, party, e.Devices, request, request.Device, assertion, proof)
}

// confirmed is POST /token of a service that waits for somebody's confirmation (CIBA, 10.1 and 11).
func (e *Endpoint) confirmed(w http.ResponseWriter, r *http.Request, party *relyingparty.RelyingParty, request protocol.TokenRequest, assertion *grant.Assertion, proof *grant.Proof) error {
	return e.waits(w, r, party, e.Asked, request, request.AuthReqID, assertion, proof)
}

// waits answers a client that waits for a person. What was allowed is a grant whose code is
// that which the client waits with.
func (e *Endpoint) waits(w http.ResponseWriter, r *http.Request, party *relyingparty.RelyingParty, of waiting, request protocol.TokenRequest, code string, assertion *grant.Assertion, proof *grant.Proof) error {
	if _, bad := request.Narrowed(nil); bad != nil { // nothing here is allowed for a resource (RFC 8707, 2.2)
		return e.Door.Refused(r, party, bad)
	}
	signer, err := e.idTokens(r.Context(), party)
	if err != nil {
		return err
	}
	shape, access := e.shapeOf(party, nil), secret.NewToken()
	redemption := grant.Redemption{
		Code: code, RelyingParty: party.ID, Token: secret.Digest(access), TokenLife: shape.life, Assertion: assertion, Proof: proof,
	}
	if party.Grants(protocol.GrantRefreshToken) {
		redemption.Offline = &grant.Offline{Scope: claim.ScopeOffline, Refresh: grant.NewRefresh(), Life: party.Away(), Bound: party.Unproven()}
	}
	var standing device.Standing
	var result grant.Result
	err = e.DB.WriteStatement(r.Context(), func(tx *db.Tx) (err error) {
		if standing, err = of.Poll(tx, code, party.ID); err != nil {
			return err
		}
		if standing != device.Allowed {
			result, err = e.Grants.Spend(tx, party.ID, assertion, proof)
			return err
		}
		result, err = e.Grants.Redeem(tx, redemption)
		if err != nil || result.Outcome != grant.Redeemed {
			return err
		}
		return of.Used(tx, code)
	})
	if err != nil {
		return fmt.Errorf("token: %w", err)
	}
	if result.Outcome != grant.Redeemed && (standing == device.Allowed || result.Outcome == grant.Replayed) {
		return e.refusedGrant(r, party, result, protocol.GrantRefused())
	}
	switch standing {
	case device.Allowed:
	case device.Waiting:
		return protocol.Pending() // an ordinary answer, and no refusal
	case device.TooSoon:
		return e.Door.Refused(r, party, protocol.Slower())
	case device.Denied:
		return e.Door.Refused(r, party, protocol.DeviceDenied())
	case device.Expired:
		return e.Door.Refused(r, party, protocol.DeviceExpired())
	default:
		return e.Door.Refused(r, party, protocol.GrantRefused().Because(protocol.Cause(grant.CodeUnknown)))
	}
	out := given{result: result, signer: signer, access: access, proof: proof, readable: shape.readable}
	if result.Offline {
		out.refresh = redemption.Offline.Refresh.Text()
	}
	return e.answer(w, r, party, out)
}

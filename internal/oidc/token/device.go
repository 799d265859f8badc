package token

import (
	"fmt"
	"net/http"

	"parvis/internal/db"
	"parvis/internal/device"
	"parvis/internal/grant"
	"parvis/internal/oidc/protocol"
	"parvis/internal/relyingparty"
	"parvis/internal/secret"
)

// device is POST /token of a device that waits for its person (RFC 8628, 3.4 and 3.5). What
// was allowed is a grant whose code is the device's.
func (e *Endpoint) device(w http.ResponseWriter, r *http.Request, party *relyingparty.RelyingParty, request protocol.TokenRequest, assertion *grant.Assertion, proof *grant.Proof) error {
	signer, err := e.idTokens(r.Context(), party)
	if err != nil {
		return err
	}
	access := secret.NewToken()
	redemption := grant.Redemption{
		Code: request.Device, RelyingParty: party.ID, Token: secret.Digest(access), TokenLife: party.AccessTokenTTL, Assertion: assertion, Proof: proof,
	}
	if party.Grants(protocol.GrantRefreshToken) {
		redemption.Offline = &grant.Offline{Scope: protocol.ScopeOffline, Refresh: grant.NewRefresh(), Life: party.Away(), Bound: party.Public()}
	}
	var standing device.Standing
	var result grant.Result
	err = e.DB.WriteStatement(r.Context(), func(tx *db.Tx) (err error) {
		if standing, err = e.Devices.Poll(tx, request.Device, party.ID); err != nil {
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
		return e.Devices.Used(tx, request.Device)
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
	out := given{result: result, signer: signer, access: access, proof: proof}
	if result.Offline {
		out.refresh = redemption.Offline.Refresh.Text()
	}
	return e.answer(w, r, party, out)
}

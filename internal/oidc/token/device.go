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
	signer, err := e.idTokens(r.Context(), party)
	if err != nil {
		return err
	}
	access := secret.NewToken()
	asked := question{party: party, request: request, Redemption: grant.Redemption{
		Code: code, Waited: true, RelyingParty: party.ID, Token: secret.Digest(access), Assertion: assertion, Proof: proof,
	}}
	if party.Grants(protocol.GrantRefreshToken) {
		asked.Offline = &grant.Offline{Scope: claim.ScopeOffline, Refresh: grant.NewRefresh(), Life: party.Away(), Bound: party.Unproven()}
	}
	var heard heard
	err = e.DB.WriteStatement(r.Context(), func(tx *db.Tx) (err error) {
		heard, err = e.hears(tx, of, asked)
		return err
	})
	if err != nil {
		return fmt.Errorf("token: %w", err)
	}
	result := heard.result
	switch {
	case result.Outcome == grant.Replayed:
		return e.refusedGrant(r, party, result, protocol.GrantRefused())
	case heard.bad != nil:
		return e.Door.Refused(r, party, heard.bad)
	case heard.standing == device.Allowed && result.Outcome != grant.Redeemed:
		return e.refusedGrant(r, party, result, protocol.GrantRefused())
	case heard.standing == device.Waiting:
		return protocol.Pending() // an ordinary answer, and no refusal
	case heard.standing != device.Allowed:
		return e.Door.Refused(r, party, notAllowed(heard.standing))
	}
	out := given{result: result, signer: signer, access: access, proof: proof, readable: heard.shape.readable}
	if result.Offline {
		out.refresh = asked.Offline.Refresh.Text()
	}
	return e.answer(w, r, party, out)
}

// notAllowed is what a client hears that asks too often, too late, or for what nobody allowed.
func notAllowed(at device.Standing) *protocol.Error {
	switch at {
	case device.TooSoon:
		return protocol.Slower()
	case device.Denied:
		return protocol.DeviceDenied()
	case device.Expired:
		return protocol.DeviceExpired()
	default:
		return protocol.GrantRefused().Because(protocol.Cause(grant.CodeUnknown))
	}
}

// question is one of a client that waits.
type question struct {
	grant.Redemption // of what is allowed by then

	party   *relyingparty.RelyingParty
	request protocol.TokenRequest
}

// heard is what became of a question.
type heard struct {
	standing device.Standing
	shape    shape
	bad      *protocol.Error // the question asks for more than was allowed, which can be asked for still
	result   grant.Result
}

// hears answers a question. What was allowed is read when it is known that something was: it
// may have been allowed a moment ago, and never changes.
func (e *Endpoint) hears(tx *db.Tx, of waiting, asked question) (out heard, err error) {
	if out.standing, err = of.Poll(tx, asked.Code, asked.RelyingParty); err != nil {
		return out, err //nolint:wrapcheck // wrapped by waits
	}
	if out.standing == device.Allowed {
		granted, found, err := e.Grants.FindCode(tx, asked.Code)
		if err != nil {
			return out, err //nolint:wrapcheck // wrapped by waits
		}
		if found {
			out.shape, out.bad = e.within(asked.party, asked.request, granted)
		}
	}
	if out.standing != device.Allowed || out.bad != nil {
		out.result, err = e.Grants.Spend(tx, asked.RelyingParty, asked.Assertion, asked.Proof)
		return out, err //nolint:wrapcheck // wrapped by waits
	}
	asked.TokenLife, asked.Audience, asked.Details = out.shape.life, out.shape.audience, out.shape.details
	out.result, err = e.Grants.Redeem(tx, asked.Redemption)
	if err != nil || out.result.Outcome != grant.Redeemed {
		return out, err //nolint:wrapcheck // wrapped by waits
	}
	return out, of.Used(tx, asked.Code) //nolint:wrapcheck // wrapped by waits
}

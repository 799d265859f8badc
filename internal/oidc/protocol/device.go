package protocol

import (
	"slices"

	"parvis/internal/oidc/claim"
)

// GrantDeviceCode is the grant type of devices without a browser (RFC 8628, 3.4).
const GrantDeviceCode = "urn:ietf:params:oauth:grant-type:device_code"

// The paths of devices and of their people.
const (
	PathDeviceAuthorization = "/device_authorization"
	PathDevice              = "/device"
)

// The error codes that a device learns (RFC 8628, 3.5).
const (
	AuthorizationPending Code = "authorization_pending"
	SlowDown             Code = "slow_down"
	ExpiredToken         Code = "expired_token"
)

// Pending says that the person has not decided yet.
func Pending() *Error { return direct(AuthorizationPending, "the person has not decided yet") }

// Slower says that, and that the device asks too often: by 5 seconds more from now on.
func Slower() *Error {
	return direct(SlowDown, "ask 5 seconds less often from now on")
}

// DeviceExpired says that the person did not decide in time.
func DeviceExpired() *Error { return direct(ExpiredToken, "the person did not decide in time") }

// DeviceDenied says that the person does not allow it.
func DeviceDenied() *Error { return direct(AccessDenied, "the person did not allow it") }

// ReadDevice reads what a device asks for (RFC 8628, 3.1): the request that people are asked
// about. Scopes that are unknown, or not registered for the client, are ignored; details and
// resources are those that the client is registered for (RFC 9396, 2; RFC 8707, 2). Single
// claims can be asked for as elsewhere, but not who must sign in, which is the person's choice.
func ReadDevice(p Params, c Client) (*Request, *Error) {
	scope := p.Get("scope")
	switch {
	case len(scope) > 2048:
		return nil, direct(InvalidScope, "scope is too long")
	case p.Get("client_id") != "" && p.Get("client_id") != c.ID:
		return nil, direct(InvalidRequest, "client_id differs from who authenticated")
	}
	r := &Request{ClientID: c.ID}
	for _, s := range splitList(scope) {
		if slices.Contains(claim.Scopes, s) && (s == claim.ScopeOpenID || slices.Contains(c.Scopes, s)) {
			r.Scopes = append(r.Scopes, s)
		}
	}
	if !slices.Contains(r.Scopes, claim.ScopeOpenID) {
		return nil, direct(InvalidScope, "scope must contain openid")
	}
	var bad *Error
	if r.Details, bad = c.details(p.Get(paramDetails)); bad != nil {
		return nil, bad
	}
	if bad = r.ReadResources(p, c); bad != nil {
		return nil, bad
	}
	if bad = r.ReadClaims(p, c); bad != nil {
		return nil, bad
	}
	if r.Subject != "" {
		return nil, direct(InvalidRequest, "claims of a device cannot name a sub: whoever types the code decides")
	}
	return r, nil
}

// withDevice reads the code of a device.
func (r TokenRequest) withDevice(p Params) (TokenRequest, *Error) {
	r.Device = p.Get("device_code")
	switch {
	case r.Device == "":
		return r, direct(InvalidRequest, "device_code is missing")
	case len(r.Device) > 512:
		return r, direct(InvalidGrant, "the device code is not valid").Because(MalformedCode)
	}
	return r, nil
}

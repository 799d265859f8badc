package protocol

import (
	"time"

	"parvis/internal/jose"
)

// GrantCIBA is the grant type of services that wait for somebody's confirmation (OpenID
// Connect Client-Initiated Backchannel Authentication Core 1.0, 4).
const GrantCIBA = "urn:openid:params:grant-type:ciba"

// PathCIBA is the backchannel authentication endpoint.
const PathCIBA = "/bc-authorize"

// The token delivery modes (CIBA, 5): a service asks, or is told that it is worth asking.
const (
	ModePoll = "poll"
	ModePing = "ping"
)

// CIBAModes are those there are.
var CIBAModes = []string{ModePoll, ModePing}

// The error codes of the backchannel authentication endpoint (CIBA, 13).
const (
	UnknownUserID         Code = "unknown_user_id"
	InvalidBindingMessage Code = "invalid_binding_message"
)

// maxAuthReq is how many bytes of an auth_req_id are looked at.
const maxAuthReq = 512

// PersonUnknown is the one answer to a hint by which the service can reach nobody.
func PersonUnknown() *Error {
	return direct(UnknownUserID, "nobody who agreed to share what is asked for is connected to the client under that hint")
}

// TooManyAsked says that a person was asked too often, by the client or by all of them.
func TooManyAsked() *Error {
	out := direct(AccessDenied, "this person was asked too often; ask again later")
	out.Forbidden = true
	return out
}

// BackchannelObject makes the parameters of a signed authentication request whose signature
// was good (CIBA, 7.1.1), and the name by which it is used once. Nothing may stand beside it
// but what authenticates the client.
func BackchannelObject(beside Params, payload []byte, clientID, issuer string, now time.Time) (p Params, jti string, expires time.Time, bad *Error) {
	for name := range beside.Without("request", "client_id", "client_secret", "client_assertion", "client_assertion_type") {
		if beside.Get(name) != "" {
			return Params{}, "", time.Time{}, direct(InvalidRequest, "what is asked must stand in the signed request only")
		}
	}
	refused := func(e *Error) (Params, string, time.Time, *Error) {
		return Params{}, "", time.Time{}, direct(InvalidRequest, e.Description)
	}
	if bad := checkObject(payload, clientID, issuer, now, true); bad != nil {
		return refused(bad)
	}
	var a assertion
	if jose.Exact(payload, &a) != nil || a.Issuer == "" || a.IssuedAt == nil || a.ID == "" || len(a.ID) > 256 {
		return refused(badObject("the signed request needs iss, aud, exp, iat, nbf and jti"))
	}
	p, bad = membersOf(payload)
	if bad != nil {
		return refused(bad)
	}
	return p, "bc:" + a.ID, numericDate(a.Expires), nil
}

// withAuthReqID reads what a service waits with.
func (r TokenRequest) withAuthReqID(p Params) (TokenRequest, *Error) {
	r.AuthReqID = p.Get("auth_req_id")
	switch {
	case r.AuthReqID == "":
		return r, direct(InvalidRequest, "auth_req_id is missing")
	case len(r.AuthReqID) > maxAuthReq:
		return r, direct(InvalidGrant, "auth_req_id is not valid").Because(MalformedCode)
	}
	return r, nil
}

package protocol

import (
	"mime"
	"strings"
	"time"
)

// Introspection is what is told of a token that is good (RFC 7662, 2.2). The name by which
// the service knows the person is the only thing about the person in it.
type Introspection struct {
	Issuer   string
	Subject  string
	ClientID string
	Scope    string
	Given    time.Time
	Expires  time.Time
	ACR      string // how the person signed in (RFC 9470, 6.2)
	AMR      []string
	AuthTime time.Time // zero: not known

	Refresh    bool // it is a refresh token: it has no token_type, which says how an access token is used
	Audience   []string
	Details    string   // what exactly was allowed (RFC 9396, 9.2)
	Actors     []string // who act for the subject, the newest first (RFC 8693, 4.1)
	Thumbprint string   // of the key that the token is bound to; "" for none (RFC 9449, 6.2)
}

// Claims are the members of the answer.
func (i Introspection) Claims() map[string]any {
	out := map[string]any{
		"active": true, "iss": i.Issuer, "client_id": i.ClientID, "token_type": "Bearer",
		"iat": i.Given.Unix(), "exp": i.Expires.Unix(),
	}
	if i.Scope != "" { // no scope is written as no member (RFC 6749, 3.3)
		out["scope"] = i.Scope
	}
	if i.Thumbprint != "" {
		out["token_type"], out["cnf"] = SchemeOf(i.Thumbprint), Confirmation(i.Thumbprint)
	}
	if i.Subject != "" { // else it is the service's own, and of no person
		out["sub"] = i.Subject
	}
	switch len(i.Audience) {
	case 0:
	case 1:
		out["aud"] = i.Audience[0]
	default:
		out["aud"] = i.Audience
	}
	if i.Details != "" {
		out[paramDetails] = DetailsClaim(i.Details)
	}
	if len(i.Actors) > 0 {
		out["act"] = ActClaim(i.Actors)
	}
	if i.Refresh {
		delete(out, "token_type")
	}
	if i.ACR != "" {
		out["acr"] = i.ACR
	}
	if len(i.AMR) > 0 {
		out["amr"] = i.AMR
	}
	if !i.AuthTime.IsZero() {
		out["auth_time"] = i.AuthTime.Unix()
	}
	return out
}

// TypeIntrospection is the typ and, after application/, the media type of a signed answer (RFC 9701, 5).
const TypeIntrospection = "token-introspection+jwt"

// WantsSigned reports whether a request accepts a signed answer and names it (RFC 9701, 4):
// who accepts anything gets JSON.
func WantsSigned(accept []string) bool {
	for _, line := range accept {
		if len(line) > 1024 {
			continue
		}
		for part := range strings.SplitSeq(line, ",") {
			kind, params, err := mime.ParseMediaType(part)
			if err == nil && kind == "application/"+TypeIntrospection && !neverQuality(params["q"]) {
				return true
			}
		}
	}
	return false
}

// neverQuality reports whether a weight says "not acceptable" (RFC 9110, 12.4.2).
func neverQuality(q string) bool {
	whole, fraction, _ := strings.Cut(q, ".")
	return whole == "0" && strings.Trim(fraction, "0") == ""
}

// NotYours answers a client that wants to end a token of another one (RFC 7009, 2.1).
func NotYours() *Error {
	return direct(InvalidRequest, "the token was not given to this client")
}

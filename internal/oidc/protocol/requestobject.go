package protocol

import (
	"encoding/json"
	"slices"
	"strings"
	"time"

	"parvis/internal/jose"
)

// The limits of request objects.
const (
	maxObject  = 16 << 10
	objectLife = time.Hour // FAPI 2.0 Message Signing, 5.3.1: exp at most 60 minutes after nbf
)

// TypeRequestObject is the typ of a request object (RFC 9101, 10.8); older clients write JWT or nothing.
const TypeRequestObject = "oauth-authz-req+jwt"

// jwtClaims are members of a request object that are no parameters of the request.
var jwtClaims = []string{"iss", "aud", "exp", "nbf", "iat", "jti", "sub"}

// ObjectParams makes the parameters of a request object whose signature was good (RFC
// 9101, 6.3): they alone count, whatever stands beside the object (6.3). typ is its
// header's. strict asks for what FAPI 2.0 Message Signing, 5.3.1 demands: aud, nbf and exp,
// none of them far away.
func ObjectParams(payload []byte, typ, clientID, issuer string, now time.Time, strict bool) (Params, *Error) {
	if typ != "" && typ != "jwt" && typ != TypeRequestObject {
		return Params{}, badObject("the request object has another typ than oauth-authz-req+jwt")
	}
	if err := checkObject(payload, clientID, issuer, now, strict); err != nil {
		return Params{}, err
	}
	p, err := membersOf(payload)
	switch {
	case err != nil:
		return Params{}, err
	case p.Get("client_id") != clientID:
		return Params{}, badObject("client_id of the request object differs from the one beside it")
	}
	return p, nil
}

// membersOf makes parameters of what a request object holds beside the claims about itself.
func membersOf(payload []byte) (Params, *Error) {
	var members map[string]json.RawMessage
	if len(payload) > maxObject || json.Unmarshal(payload, &members) != nil {
		return Params{}, badObject("the request object is no JSON object of at most 16 kB")
	}
	p := Params{values: map[string]string{}, repeated: map[string]bool{}}
	for name, raw := range members {
		if slices.Contains(jwtClaims, name) {
			continue
		}
		value, ok := paramOf(raw)
		if name == paramResource {
			value, ok = resourceParam(raw)
		}
		if !ok || strings.ContainsRune(name, 0) || strings.ContainsRune(value, 0) {
			return Params{}, badObject("a member of the request object cannot be a parameter")
		}
		p.values[name] = value
	}
	switch {
	case len(p.values) > MaxParams:
		return Params{}, badObject("the request object has too many members")
	case p.Get("request") != "" || p.Get("request_uri") != "":
		return Params{}, badObject("a request object holds no other")
	}
	return p, nil
}

// paramOf writes a JSON value as a parameter: text as it is, everything else as its JSON.
func paramOf(raw json.RawMessage) (string, bool) {
	var text string
	if json.Unmarshal(raw, &text) == nil {
		return text, true
	}
	trimmed := strings.TrimSpace(string(raw))
	return trimmed, trimmed != "" && trimmed != "null" && len(trimmed) <= maxObject
}

// checkObject checks the claims about the object itself. sub must not be the client: such
// a token is a client assertion (RFC 9101, 10.8).
func checkObject(payload []byte, clientID, issuer string, now time.Time, strict bool) *Error {
	var a assertion
	if len(payload) > maxObject {
		return badObject("the request object is no JSON object of at most 16 kB")
	}
	if jose.Exact(payload, &a) != nil {
		return badObject("the request object has claims of a wrong type")
	}
	switch {
	case a.Issuer != "" && a.Issuer != clientID:
		return badObject("iss of the request object must be the client_id")
	case a.Subject != "" && a.Subject == clientID:
		return badObject("sub of the request object must not be the client_id")
	case a.Audience != nil && !slices.Contains(a.Audience, issuer):
		return badObject("aud of the request object must be the issuer")
	case a.Expires != nil && !numericDate(a.Expires).After(now):
		return badObject("the request object has expired")
	case a.NotYet != nil && numericDate(a.NotYet).After(now.Add(clockAhead)):
		return badObject("the request object is not valid yet")
	case a.IssuedAt != nil && numericDate(a.IssuedAt).After(now.Add(clockAhead)):
		return badObject("the request object was issued in the future")
	case !strict:
		return nil
	case a.Audience == nil || a.NotYet == nil || a.Expires == nil:
		return badObject("the request object needs aud, nbf and exp")
	case numericDate(a.NotYet).Before(now.Add(-objectLife)):
		return badObject("nbf of the request object is more than an hour ago")
	case numericDate(a.Expires).Sub(numericDate(a.NotYet)) > objectLife:
		return badObject("the request object is valid for more than an hour")
	}
	return nil
}

// badObject refuses a request object. It goes to a page: nothing in the object can be
// trusted, least of all the address that an answer would go to.
func badObject(description string) *Error {
	return &Error{Code: InvalidRequestObject, Description: description, Where: ToPage}
}

// URIRefused refuses an address of a request object (RFC 9101, 7).
func URIRefused(description string) *Error {
	return &Error{Code: InvalidRequestURI, Description: description, Where: ToPage}
}

// ObjectRefused is the one answer to a request object that none of the client's keys verifies.
func ObjectRefused() *Error {
	return badObject("the request object was not signed with a registered key and algorithm of the client")
}

package protocol

import "slices"

// GrantTokenExchange is the grant type of RFC 8693, 2.1.
const GrantTokenExchange = "urn:ietf:params:oauth:grant-type:token-exchange" //nolint:gosec // a name

// TypeOfAccessToken is the one type of token that is exchanged, and given (RFC 8693, 3).
const TypeOfAccessToken = "urn:ietf:params:oauth:token-type:access_token" //nolint:gosec // a name

// withSubject reads a token exchange (RFC 8693, 2.1).
func (r TokenRequest) withSubject(p Params) (TokenRequest, *Error) {
	r.Subject = p.Get("subject_token")
	r.Resource = joinList(splitList(r.Resource + " " + p.Get("audience"))) // another name for the same: resources have one name here
	wanted := p.Get("requested_token_type")
	switch {
	case r.Subject == "" || len(r.Subject) > maxPresented:
		return r, direct(InvalidRequest, "subject_token is missing or too long")
	case p.Get("subject_token_type") != TypeOfAccessToken:
		return r, direct(InvalidRequest, "subject_token_type must be that of an access token of this issuer")
	case p.Get("actor_token") != "" || p.Get("actor_token_type") != "":
		return r, direct(InvalidRequest, "actor_token is not supported: the client that authenticates is the actor")
	case wanted != "" && wanted != TypeOfAccessToken:
		return r, direct(InvalidRequest, "requested_token_type must be that of an access token")
	case r.Resource == "":
		return r, direct(InvalidTarget, "name the resource that the token is for")
	}
	return r.withScope(p)
}

// SubjectRefused is the one answer to every subject token that gives nothing (RFC 8693, 2.2.2).
func SubjectRefused() *Error {
	return direct(InvalidRequest, "the subject token is wrong, expired or revoked, or this client may not exchange it")
}

// ActClaim says who acts for the subject of a token, the newest first, each for the one
// after it (RFC 8693, 4.1).
func ActClaim(actors []string) map[string]any {
	var out map[string]any
	for _, actor := range slices.Backward(actors) {
		act := map[string]any{"sub": actor}
		if out != nil {
			act["act"] = out
		}
		out = act
	}
	return out
}

package protocol

import (
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"parvis/internal/jose"
	"parvis/internal/oidc/claim"
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

// The limits of what a service asks.
const (
	maxBinding = 100  // characters of a binding message
	maxExpiry  = 1e9  // seconds, of what is read of requested_expiry; the settings say less
	maxAuthReq = 512  // bytes of an auth_req_id that are looked at
	maxScope   = 2048 // bytes
)

// Backchannel is what a service asks somebody to confirm (CIBA, 7.1).
type Backchannel struct {
	Request // Hint or LoginHint says whom

	Message string        // binding_message
	Expiry  time.Duration // requested_expiry; 0: it does not say
}

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

// ReadBackchannel reads what a service asks (CIBA, 7.1): exactly one hint, openid among the
// scopes, and nothing that is not supported. Scopes that are unknown, or not registered for
// the client, are ignored.
func ReadBackchannel(p Params, client string, registered []string) (*Backchannel, *Error) {
	b := &Backchannel{Request: Request{ClientID: client}}
	for _, rule := range []func(*Backchannel, Params, []string) *Error{asksWhat, asksWhom, asksHow} {
		if bad := rule(b, p, registered); bad != nil {
			return nil, bad
		}
	}
	return b, nil
}

func asksWhat(b *Backchannel, p Params, registered []string) *Error {
	scope, acr := p.Get("scope"), p.Get("acr_values")
	b.ACR = splitList(acr)
	switch {
	case p.Repeated():
		return direct(InvalidRequest, "a parameter was sent twice")
	case p.Get("client_id") != "" && p.Get("client_id") != b.ClientID:
		return direct(InvalidRequest, "client_id differs from who authenticated")
	case len(scope) > maxScope:
		return direct(InvalidScope, "scope is too long")
	case len(acr) > 1024 || len(b.ACR) > maxList:
		return direct(InvalidRequest, "acr_values is too long")
	}
	for _, s := range splitList(scope) {
		if slices.Contains(claim.Scopes, s) && !slices.Contains(b.Scopes, s) && (s == claim.ScopeOpenID || slices.Contains(registered, s)) {
			b.Scopes = append(b.Scopes, s)
		}
	}
	if !slices.Contains(b.Scopes, claim.ScopeOpenID) {
		return direct(InvalidScope, "scope must contain openid")
	}
	return nil
}

// asksWhom takes exactly one hint.
func asksWhom(b *Backchannel, p Params, _ []string) *Error {
	b.Hint, b.LoginHint = p.Get("id_token_hint"), p.Get("login_hint")
	switch {
	case p.Get("login_hint_token") != "":
		return direct(InvalidRequest, "login_hint_token is not supported; send login_hint or id_token_hint")
	case (b.Hint == "") == (b.LoginHint == ""):
		return direct(InvalidRequest, "send exactly one of login_hint and id_token_hint")
	case len(b.Hint) > maxHintToken:
		return direct(InvalidRequest, "id_token_hint is too long")
	case len(b.LoginHint) > maxLoginHint:
		return PersonUnknown()
	}
	return nil
}

// asksHow reads what is shown, and for how long.
func asksHow(b *Backchannel, p Params, _ []string) *Error {
	b.Message = p.Get("binding_message")
	if !plainMessage(b.Message) {
		return direct(InvalidBindingMessage, "binding_message must be at most 100 printable characters, in one line, without spaces at its ends")
	}
	if text := p.Get("requested_expiry"); text != "" {
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil || n < 1 || n > maxExpiry {
			return direct(InvalidRequest, "requested_expiry must be a positive number of seconds")
		}
		b.Expiry = time.Duration(n) * time.Second
	}
	return nil
}

// plainMessage reports whether a text can be shown to a person as it is: nothing that is
// unseen, turns the direction of writing, or looks like a link.
func plainMessage(text string) bool {
	if !utf8.ValidString(text) || utf8.RuneCountInString(text) > maxBinding || text != strings.TrimSpace(text) || strings.Contains(text, "://") {
		return false
	}
	return !strings.ContainsFunc(text, func(r rune) bool { return r != ' ' && !unicode.IsPrint(r) })
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

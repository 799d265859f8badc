package protocol

import (
	"slices"
	"strconv"
	"strings"

	"parvis/internal/oidc/claim"
)

// The longest values in bytes; together they fit a flow.
const (
	maxState     = 2048
	maxNonce     = 512
	maxHintToken = 8192
	maxLoginHint = 254
	maxList      = 20
)

// The redirect address must be one of the registered ones, byte by byte (RFC
// 9700, 2.1; OpenID Connect Core 1.0, 3.1.2.1). Otherwise nobody is sent anywhere.
func redirectURI(d *draft) *Error {
	given := d.params.Get("redirect_uri")
	if given == "" {
		return page("redirect_uri is missing")
	}
	if !MatchRedirect(d.client.RedirectURIs, d.client.Native, given) {
		return page("redirect_uri is not registered for this client").Because(redirectDifference(d.client.RedirectURIs, given))
	}
	d.request.RedirectURI = given
	return nil
}

// The state goes back as it came (RFC 6749, 4.1.2).
func state(d *draft) *Error {
	value := d.params.Get("state")
	if len(value) > maxState {
		return refuse(InvalidRequest, "state is longer than 2048 bytes")
	}
	if !d.params.Repeated("state") {
		d.request.State = value
	}
	return nil
}

// The code goes back in the query, or by form_post when the client is registered
// for it; as it is or in a signed JWT. Fragments are never used (RFC 9700, 2.1.2).
func responseMode(d *draft) *Error {
	switch mode := d.params.Get("response_mode"); {
	case d.params.Repeated("response_mode"):
		return refuse(InvalidRequest, "response_mode was sent twice")
	case mode == "" || mode == ModeQuery:
		return nil
	case mode == ModeJWT || mode == ModeQueryJWT:
		d.request.ResponseMode = ModeQueryJWT
		return nil
	case (mode == ModeFormPost || mode == ModeFormPostJWT) && d.client.FormPost:
		d.request.ResponseMode = mode
		return nil
	case mode == ModeFormPost || mode == ModeFormPostJWT:
		return refuse(InvalidRequest, "response_mode form_post is not enabled for this client")
	default:
		return refuse(InvalidRequest, "response_mode must be query, form_post, jwt, query.jwt or form_post.jwt")
	}
}

// A parameter must not be included more than once (RFC 6749, 3.1).
func noRepetition(d *draft) *Error {
	if d.params.Repeated() {
		return refuse(InvalidRequest, "a parameter was sent twice")
	}
	return nil
}

// A client can be registered for pushed requests or for request objects only (RFC 9126,
// 6; RFC 9101, 10.5): then nothing that a browser could have changed counts. What is not
// supported is answered with their own codes
// (OpenID Connect Core 1.0, 6.1, 6.2 and 7.2.1).
func wayIn(d *draft) *Error {
	switch {
	case d.client.RequirePushed && !d.came.Pushed:
		return refuse(InvalidRequest, "this client must push its authorization requests (RFC 9126)")
	case d.client.RequireObject && !d.came.Signed:
		return refuse(InvalidRequest, "this client must send signed request objects (RFC 9101)")
	case d.params.Get("request") != "":
		return refuse(RequestNotSupported, "no keys are registered that a request object of this client could be verified with")
	case d.params.Get("request_uri") != "":
		return refuse(RequestURINotSupported, "request_uri must be one that was given for a pushed request")
	case d.params.Get("registration") != "":
		return refuse(RegistrationUnsupported, "the registration parameter is not supported")
	}
	return nil
}

// Only the code flow exists (RFC 9700, 2.1.2).
func responseType(d *draft) *Error {
	switch d.params.Get("response_type") {
	case "code":
		return nil
	case "":
		return refuse(InvalidRequest, "response_type is missing")
	default:
		return refuse(UnsupportedResponseType, "response_type must be code")
	}
}

// The scope must contain openid (OpenID Connect Core 1.0, 3.1.2.1). Scopes that
// are unknown or not the client's are ignored (3.1.2.1); the token answer names those granted.
func scope(d *draft) *Error {
	raw := d.params.Get("scope")
	if len(raw) > 2048 {
		return refuse(InvalidScope, "scope is too long")
	}
	for _, s := range splitList(raw) {
		if slices.Contains(claim.Scopes, s) && (s == claim.ScopeOpenID || slices.Contains(d.client.Scopes, s)) {
			d.request.Scopes = append(d.request.Scopes, s)
		}
	}
	exact := d.params.Get(paramDetails) != "" || len(splitList(d.params.Get(paramResource))) > 0
	switch {
	case slices.Contains(d.request.Scopes, claim.ScopeOpenID), d.client.PlainOAuth && (exact || len(d.request.Scopes) > 0):
		return nil
	case d.client.PlainOAuth:
		return refuse(InvalidScope, "scope must contain one that is registered for this client")
	}
	return refuse(InvalidScope, "scope must contain openid")
}

// The nonce goes into the ID token as it came (OpenID Connect Core 1.0, 3.1.2.1).
func nonce(d *draft) *Error {
	value := d.params.Get("nonce")
	if len(value) > maxNonce {
		return refuse(InvalidRequest, "nonce is longer than 512 bytes")
	}
	d.request.Nonce = value
	return nil
}

// PKCE with S256 is required of public clients, and of every other unless its
// registration says otherwise (RFC 7636, 4.3; RFC 9700, 2.1.1).
func pkce(d *draft) *Error {
	challenge, method := d.params.Get("code_challenge"), d.params.Get("code_challenge_method")
	switch {
	case challenge == "" && method != "":
		return refuse(InvalidRequest, "code_challenge is missing")
	case challenge == "" && (d.client.RequirePKCE || d.client.Public):
		return refuse(InvalidRequest, "code_challenge is required (PKCE with S256)")
	case challenge == "":
		return nil
	case method != "S256":
		return refuse(InvalidRequest, "code_challenge_method must be S256")
	case len(challenge) != 43 || !isBase64URL(challenge):
		return refuse(InvalidRequest, "code_challenge must be 43 characters of base64url")
	}
	d.request.Challenge = challenge
	return nil
}

// dpop_jkt binds the code to a key (RFC 9449, 10).
func boundKey(d *draft) *Error {
	value := d.params.Get("dpop_jkt")
	if value != "" && !isThumbprint(value) {
		return refuse(InvalidRequest, "dpop_jkt must be the SHA-256 thumbprint of a key")
	}
	d.request.Thumbprint = value
	return nil
}

func isBase64URL(s string) bool {
	for i := range len(s) {
		c := s[i]
		if (c < 'A' || c > 'Z') && (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' && c != '_' {
			return false
		}
	}
	return true
}

// prompt is a list; none stands alone (OpenID Connect Core 1.0, 3.1.2.1), and so
// does create (Initiating User Registration 1.0, 4.1).
func prompt(d *draft) *Error {
	list := splitList(d.params.Get("prompt"))
	p := &d.request.Prompt
	for _, value := range list {
		switch value {
		case "none":
			p.None = true
		case "login":
			p.Login = true
		case "consent":
			p.Consent = true
		case "select_account":
			p.SelectAccount = true
		case "create":
			p.Create = true
		default:
			return refuse(InvalidRequest, "prompt has an unknown value")
		}
	}
	if len(list) > 1 && (p.None || p.Create) {
		return refuse(InvalidRequest, "prompt none and create stand alone")
	}
	return nil
}

// max_age is a number of seconds; 0 asks for a new sign-in (OpenID Connect Core 1.0, 3.1.2.1).
func maxAge(d *draft) *Error {
	raw := d.params.Get("max_age")
	if raw == "" {
		return nil
	}
	n, err := strconv.ParseUint(raw, 10, 31)
	if err != nil {
		return refuse(InvalidRequest, "max_age must be a number of seconds")
	}
	seconds := int64(n)
	d.request.MaxAge = &seconds
	return nil
}

// ui_locales is a list of language tags by preference (OpenID Connect Core 1.0, 3.1.2.1).
func locales(d *draft) *Error {
	raw := d.params.Get("ui_locales")
	if len(raw) > 256 {
		return nil // a preference only: ignored
	}
	d.request.UILocales = splitList(raw)
	return nil
}

// login_hint fills in the address field (OpenID Connect Core 1.0, 3.1.2.1). One that
// cannot be an address is ignored.
func loginHint(d *draft) *Error {
	value := d.params.Get("login_hint")
	if len(value) <= maxLoginHint && strings.Contains(value, "@") && !strings.ContainsFunc(value, func(r rune) bool { return r < ' ' || r == 0x7f }) {
		d.request.LoginHint = value
	}
	return nil
}

// acr_values are wishes by preference, not conditions (OpenID Connect Core 1.0, 3.1.2.1 and 5.5.1.1).
func acrValues(d *draft) *Error {
	raw := d.params.Get("acr_values")
	list := splitList(raw)
	if len(raw) > 1024 || len(list) > maxList {
		return refuse(InvalidRequest, "acr_values is too long")
	}
	d.request.ACR = list
	return nil
}

// id_token_hint is an ID token of ours; who knows the keys verifies it (OpenID Connect Core 1.0, 3.1.2.1).
func hint(d *draft) *Error {
	value := d.params.Get("id_token_hint")
	if len(value) > maxHintToken {
		return refuse(InvalidRequest, "id_token_hint is too long")
	}
	d.request.Hint = value
	return nil
}

package protocol

import (
	"encoding/base64"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"
)

// The grant types (RFC 6749, 4.1, 4.4 and 6).
const (
	GrantAuthorizationCode = "authorization_code"
	GrantRefreshToken      = "refresh_token"
	GrantClientCredentials = "client_credentials"
)

// GrantTypes are all there are; a partner's settings choose from them.
var GrantTypes = []string{GrantAuthorizationCode, GrantRefreshToken, GrantClientCredentials, GrantDeviceCode, GrantCIBA, GrantTokenExchange}

// AssertionType is the one type of client assertion (RFC 7523, 2.2).
const AssertionType = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

// The client authentication methods (OpenID Connect Core 1.0, 9).
const (
	MethodBasic         = "client_secret_basic"
	MethodPost          = "client_secret_post"
	MethodSecretJWT     = "client_secret_jwt"
	MethodPrivateKeyJWT = "private_key_jwt"
	MethodNone          = "none"
	MethodTLS           = "tls_client_auth"             // RFC 8705, 2.1
	MethodSelfSigned    = "self_signed_tls_client_auth" // RFC 8705, 2.2
)

const maxSecret = 1024

// Credentials are how a client said who it is: by exactly one method.
type Credentials struct {
	Method    string
	ClientID  string   // as claimed; for private_key_jwt the assertion's subject, not yet verified
	Secrets   []string // the secret sent, decoded and as it stood (many clients do not encode it)
	Assertion string
}

// TokenRequest is a request for tokens (RFC 6749, 4.1.3, 4.4.2 and 6).
type TokenRequest struct {
	GrantType   string
	Refresh     string   // the refresh token
	Scopes      []string // asked for, of those that were granted; nil: all of them
	Resource    string   // that the token is for, as it came; "" for all that was granted (RFC 8707)
	Details     string   // authorization_details as they came; "" for all that was granted (RFC 9396)
	Subject     string   // the token that is exchanged (RFC 8693)
	Code        string
	RedirectURI string
	Verifier    string
	Device      string // the code of a device (RFC 8628, 3.4)
	AuthReqID   string // of a service that waits for a confirmation (CIBA, 10.1)
}

// ReadCredentials finds the one way a client authenticates. Two ways at once are
// refused (RFC 6749, 2.3). authorization is the header's value, empty for none.
func ReadCredentials(authorization string, p Params) (Credentials, *Error) {
	if p.Repeated() {
		return Credentials{}, direct(InvalidRequest, "a parameter was sent twice")
	}
	header := authorization != ""
	secret, assertion := p.Get("client_secret") != "", p.Get("client_assertion") != "" || p.Get("client_assertion_type") != ""
	if count(header, secret, assertion) > 1 {
		return Credentials{}, direct(InvalidRequest, "the client authenticated in more than one way")
	}
	clientID := p.Get("client_id")
	if len(clientID) > 256 {
		return Credentials{}, direct(InvalidRequest, "client_id is too long")
	}
	switch {
	case header:
		return basic(authorization, clientID)
	case assertion:
		return assertionOf(p, clientID)
	case clientID == "":
		return Credentials{}, unauthenticated("the client did not say who it is")
	case secret:
		if len(p.Get("client_secret")) > maxSecret {
			return Credentials{}, unauthenticated("the client secret is too long")
		}
		return Credentials{Method: MethodPost, ClientID: clientID, Secrets: []string{p.Get("client_secret")}}, nil
	default:
		return Credentials{Method: MethodNone, ClientID: clientID}, nil
	}
}

func count(flags ...bool) int {
	n := 0
	for _, f := range flags {
		if f {
			n++
		}
	}
	return n
}

func unauthenticated(description string) *Error {
	return &Error{Code: InvalidClient, Description: description, Where: Direct, Challenge: "Basic"}
}

// ClientRefused is the one answer to every failed client authentication (RFC 6749, 5.2).
func ClientRefused() *Error { return unauthenticated("client authentication failed") }

// basic reads HTTP Basic with both parts form-urlencoded (RFC 6749, 2.3.1).
func basic(authorization, bodyID string) (Credentials, *Error) {
	scheme, encoded, _ := strings.Cut(authorization, " ")
	if !strings.EqualFold(scheme, "Basic") || len(encoded) > 4*maxSecret {
		return Credentials{}, unauthenticated("the Authorization header is not Basic")
	}
	raw, err := base64.StdEncoding.DecodeString(strings.TrimSpace(encoded))
	if err != nil || !utf8.Valid(raw) {
		return Credentials{}, unauthenticated("the Authorization header cannot be decoded")
	}
	user, password, ok := strings.Cut(string(raw), ":")
	if !ok || user == "" || len(password) > maxSecret || strings.ContainsRune(string(raw), 0) {
		return Credentials{}, unauthenticated("the Authorization header holds no client and secret")
	}
	clientID, err := url.QueryUnescape(user)
	if err != nil {
		clientID = user
	}
	if bodyID != "" && bodyID != clientID {
		return Credentials{}, direct(InvalidRequest, "client_id differs from the Authorization header")
	}
	secrets := []string{password}
	if decoded, err := url.QueryUnescape(password); err == nil && decoded != password {
		secrets = []string{decoded, password}
	}
	return Credentials{Method: MethodBasic, ClientID: clientID, Secrets: secrets}, nil
}

// assertionOf takes a client assertion (RFC 7523, 2.2). client_id is optional beside
// it (RFC 7521, 4.2), and then must be its subject, which CheckAssertion compares.
func assertionOf(p Params, bodyID string) (Credentials, *Error) {
	token := p.Get("client_assertion")
	if p.Get("client_assertion_type") != AssertionType || token == "" || len(token) > maxAssertion {
		return Credentials{}, unauthenticated("client_assertion_type must be the jwt-bearer type, with a client_assertion")
	}
	subject, err := assertionSubject(token)
	if err != nil {
		return Credentials{}, err
	}
	if bodyID != "" && bodyID != subject {
		return Credentials{}, unauthenticated("client_id differs from the assertion's subject")
	}
	return Credentials{Method: MethodPrivateKeyJWT, ClientID: subject, Assertion: token}, nil
}

// ReadTokenRequest reads what is asked for, after the client is known.
func ReadTokenRequest(p Params) (TokenRequest, *Error) {
	r := TokenRequest{GrantType: p.Get("grant_type"), Resource: joinList(splitList(p.Get(paramResource))), Details: p.Get(paramDetails)}
	switch r.GrantType {
	case "":
		return r, direct(InvalidRequest, "grant_type is missing")
	case GrantAuthorizationCode:
		return r.withCode(p)
	case GrantRefreshToken:
		return r.withRefresh(p)
	case GrantClientCredentials:
		if r.Details != "" { // nobody is there who could allow it
			return r, badDetails("authorization_details are granted by a person")
		}
		return r.withScope(p)
	case GrantTokenExchange:
		return r.withSubject(p)
	case GrantDeviceCode:
		return r.withDevice(p)
	case GrantCIBA:
		return r.withAuthReqID(p)
	default:
		return r, direct(UnsupportedGrantType, "grant_type is none of those in grant_types_supported")
	}
}

func (r TokenRequest) withCode(p Params) (TokenRequest, *Error) {
	r.Code, r.RedirectURI, r.Verifier = p.Get("code"), p.Get("redirect_uri"), p.Get("code_verifier")
	switch {
	case r.Code == "":
		return r, direct(InvalidRequest, "code is missing")
	case len(r.Code) > 512 || len(r.RedirectURI) > MaxURI:
		return r, direct(InvalidGrant, "the code is not valid").Because(MalformedCode)
	case r.Verifier != "" && !validVerifier(r.Verifier):
		return r, direct(InvalidGrant, "code_verifier must be 43 to 128 unreserved characters")
	}
	return r, nil
}

func (r TokenRequest) withRefresh(p Params) (TokenRequest, *Error) {
	r.Refresh = p.Get("refresh_token")
	switch {
	case r.Refresh == "":
		return r, direct(InvalidRequest, "refresh_token is missing")
	case len(r.Refresh) > 512:
		return r, RefreshRefused().Because(RefreshMalformed)
	}
	return r.withScope(p)
}

func (r TokenRequest) withScope(p Params) (TokenRequest, *Error) {
	scope := p.Get("scope")
	if len(scope) > 2048 {
		return r, direct(InvalidScope, "scope is too long")
	}
	r.Scopes = splitList(scope)
	return r, nil
}

// Exceeds refuses scopes that were not granted: a token never has more than what it comes
// from (RFC 6749, 6).
func (r TokenRequest) Exceeds(granted []string) *Error {
	for _, s := range r.Scopes {
		if !slices.Contains(granted, s) {
			return direct(InvalidScope, "scope must not exceed what was granted")
		}
	}
	return nil
}

// RefreshRefused is the one answer to every refresh token that gives nothing (RFC 6749, 5.2).
func RefreshRefused() *Error {
	return direct(InvalidGrant, "the refresh token is wrong, used, expired or revoked, or was given to another client or key")
}

// NotRegistered answers a client that asks in a way it is not registered for (RFC 6749, 5.2).
func NotRegistered() *Error {
	return direct(UnauthorizedClient, "the client is not registered for this grant_type")
}

// validVerifier is RFC 7636, 4.1.
func validVerifier(s string) bool {
	if len(s) < 43 || len(s) > 128 {
		return false
	}
	for i := range len(s) {
		c := s[i]
		if (c < 'A' || c > 'Z') && (c < 'a' || c > 'z') && (c < '0' || c > '9') && strings.IndexByte("-._~", c) < 0 {
			return false
		}
	}
	return true
}

// ReadPresented takes the token that a client asks about, or wants to end (RFC 7009, 2.1;
// RFC 7662, 2.1). token_type_hint only helps to find it and is not needed here.
func ReadPresented(p Params) (string, *Error) {
	token := p.Get("token")
	if token == "" {
		return "", direct(InvalidRequest, "token is missing")
	}
	return token, nil
}

// GrantRefused is the one answer to every code that gives nothing (RFC 6749, 5.2).
func GrantRefused() *Error {
	return direct(InvalidGrant, "the code is wrong, used, expired, or was given for another client, redirect_uri or code_verifier")
}

// The schemes of access tokens (RFC 6750, 2.1; RFC 9449, 7.1).
const (
	SchemeBearer = "Bearer"
	SchemeDPoP   = "DPoP"
)

// maxPresented is longer than any access token of ours that is a JWT; the others are short.
const maxPresented = 8 << 10

// Presented is an access token as it came.
type Presented struct {
	Token  string
	Scheme string
}

// ReadPresentedToken takes the access token from the Authorization header or, in a POST,
// from the form (RFC 6750, 2.1 and 2.2; RFC 9449, 7.1). Both at once are refused (2).
func ReadPresentedToken(authorization string, p Params) (Presented, *Error) {
	out := Presented{Token: p.Get("access_token"), Scheme: SchemeBearer}
	inForm := out.Token != ""
	if p.Repeated() || inForm && authorization != "" {
		return out, &Error{Code: InvalidRequest, Description: "the access token was sent twice", Where: Direct, Challenge: SchemeBearer}
	}
	if !inForm {
		scheme, value, _ := strings.Cut(authorization, " ")
		switch {
		case strings.EqualFold(scheme, SchemeDPoP):
			out.Scheme = SchemeDPoP
		case !strings.EqualFold(scheme, SchemeBearer):
			return out, &Error{Where: Direct, Challenge: SchemeBearer, Code: InvalidToken, Cause: TokenMissing}
		}
		out.Token = strings.TrimSpace(value)
	}
	if n := len(out.Token); n == 0 || n > maxPresented || n > 512 && strings.Count(out.Token, ".") != 2 {
		return out, out.Refused().Because(TokenMalformed)
	}
	return out, nil
}

// TooNarrow refuses an access token that was not given for what it is used for (RFC 6750, 3.1).
func (p Presented) TooNarrow() *Error {
	return &Error{Code: InsufficientScope, Description: "the access token was not given for openid", Where: Direct, Challenge: p.Scheme}
}

// Refused is the one answer to every access token that is not good (RFC 6750, 3.1; RFC 9449, 7.1).
func (p Presented) Refused() *Error {
	return &Error{Code: InvalidToken, Description: "the access token is wrong, expired or revoked", Where: Direct, Challenge: p.Scheme}
}

// Package protocol is OpenID Connect as pure functions: what a request says,
// which rules it must keep, what an answer looks like. It does no I/O, holds no
// state and knows no HTTP types; the endpoints in oidc/authorize, oidc/token and
// oidc/logout are its only callers, and relyingparty asks it what may be
// registered.
//
// Each rule is one function with the clause it comes from. A rule that fails
// returns an *Error, which knows where it goes: to a page (the client or its
// redirect address cannot be trusted), back to the client by redirect, or
// directly as JSON. Nothing a request contained is ever repeated in an error.
//
// Refused: repeated parameters, response types other than code, PKCE methods
// other than S256, request objects, redirect addresses that are not registered
// byte by byte.
package protocol

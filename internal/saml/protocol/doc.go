// Package protocol is SAML 2.0 as pure functions: what a message says, which rules
// it must keep, what we send. It does no I/O, holds no state and knows no HTTP
// types. Today it has the side of the service provider (we sign in with a
// partner); the identity provider's side, which answers services, uses the same
// bindings, signatures, metadata and rules.
//
// The way of a message in: a binding decodes it (DecodeRedirect, DecodePost) to a
// Message, which nobody believes yet and which only tells who it claims to be
// from (Message.Claims), so that the caller finds the partner's keys. ReadResponse,
// ReadLogoutRequest and ReadLogoutResponse verify it and check it against what
// was expected; their result is made of verified bytes only. The way out:
// AuthnRequest, LogoutRequest and LogoutResponse become an address (Redirect) or a
// form (Post). ReadIdentityProvider reads a partner's metadata,
// ServiceProvider.Metadata writes ours.
//
// Each rule is one function with the clause it comes from: core, bindings,
// profiles and metadata are the OASIS standards of March 2005 with the errata of
// 2012. A broken rule is an *Error with its Reason; a partner that says no is a
// *StatusError. Nothing that a message contained is repeated in an error.
//
// The caller keeps the ID of an accepted assertion until Assertion.NotOnOrAfter
// and takes it once (core 2.5.1.5; profiles 4.1.4.5), keys the account by issuer
// and NameID, and binds RelayState to the browser.
//
// Refused: unsigned assertions, several assertions, signatures that lie anywhere
// else than where SAML has them, responses by redirect, unknown conditions,
// assertions that may not be passed on, artifacts, SOAP. Attributes are not read:
// a partner tells us who it is, when and how, and nothing else.
package protocol

// Package operatorapi is the operators' API: what a program may do to a running
// deployment with a key of the package operator. It answers JSON on the operators'
// listener only, never on the public one, and reads and sets no cookie.
//
//	GET    /api/v1/upstreams               every sign-in partner
//	POST   /api/v1/upstreams               add one: 201 with Location
//	POST   /api/v1/upstreams/check         examine settings that are not stored
//	GET    /api/v1/upstreams/{id}          one, with its ETag
//	PUT    /api/v1/upstreams/{id}          replace its settings; If-Match is kept
//	POST   /api/v1/upstreams/{id}/check    fetch its metadata and keys, and say what is wrong
//	POST   /api/v1/upstreams/{id}/disable  let nobody sign in with it; links stay
//	POST   /api/v1/upstreams/{id}/enable   take that back
//
//	GET    /api/v1/registration-tokens                initial access tokens, by name, page by page
//	POST   /api/v1/registration-tokens                make one: 201; the token is answered this once
//	GET    /api/v1/registration-tokens/{name}         one
//	POST   /api/v1/registration-tokens/{name}/revoke  end one at once; what it registered stays
//
//	GET    /api/openapi.json               this list for programs (OpenAPI 3.1)
//
// A key is presented as a bearer token (RFC 6750, 2.1). Errors are problem details
// (RFC 9457) with a list of all that is wrong. What was given as a credential is never
// answered. Each change is audited in its own transaction under the key's name, and
// this node knows it before it answers; the others do within a second.
package operatorapi

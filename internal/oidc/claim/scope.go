// Package claim knows the scopes and claims there are: what each scope stands for, what
// people are asked about, what the claims parameter of a request asks for, and the values
// of claims with their JSON types (OpenID Connect Core 1.0, 5).
//
// It is pure: no HTTP, no database. oidc/protocol reads requests with it, the endpoints
// answer with it, services' settings name its scopes, and pages its claims. What a service
// may not ask for, and what nobody knows of, is left out and is never an error (5.5.1).
package claim

import "slices"

// The scopes (OpenID Connect Core 1.0, section 5.4; locale as Login.gov has it).
const (
	ScopeOpenID  = "openid"
	ScopeEmail   = "email"
	ScopeProfile = "profile"
	ScopeLocale  = "locale"
	ScopeOffline = "offline_access" // go on while the person is away (OpenID Connect Core 1.0, 11)
)

// Scopes are all scopes there are; a partner's settings choose from them.
var Scopes = []string{ScopeOpenID, ScopeEmail, ScopeProfile, ScopeLocale, ScopeOffline}

// The claims about a person that exist so far (OpenID Connect Core 1.0, section 5.1).
const (
	Email         = "email"
	EmailVerified = "email_verified"
	Locale        = "locale"
	UpdatedAt     = "updated_at"
)

// Consent are the claims people are asked about, in the order pages show
// them. email_verified goes with email and is not asked about by itself. The scope
// offline_access stands among them: it is no claim, but people are asked about it.
var Consent = []string{Email, Locale, UpdatedAt, ScopeOffline}

// Of are the claims a scope stands for.
func Of(scope string) []string {
	switch scope {
	case ScopeEmail:
		return []string{Email, EmailVerified}
	case ScopeProfile:
		return []string{Locale, UpdatedAt}
	case ScopeLocale:
		return []string{Locale}
	default:
		return nil
	}
}

// AskAbout turns claims into those that a consent names, in the fixed order.
func AskAbout(claims []string) []string {
	var out []string
	for _, c := range Consent {
		if slices.Contains(claims, c) || c == Email && slices.Contains(claims, EmailVerified) {
			out = append(out, c)
		}
	}
	return out
}

// Remaining are those of a grant's claims that a token with fewer scopes lets a service
// read: a claim goes with the last of the scopes that stand for it.
func Remaining(claims, all, left []string) []string {
	covered := func(scopes []string, claim string) bool {
		return slices.ContainsFunc(scopes, func(s string) bool { return slices.Contains(Of(s), claim) })
	}
	out := []string{}
	for _, c := range claims {
		if covered(left, c) || !covered(all, c) && slices.Contains(left, ScopeOpenID) {
			out = append(out, c)
		}
	}
	return out
}

// IsScope reports whether a text can be the name of a scope (RFC 6749, 3.3).
func IsScope(s string) bool {
	if s == "" || len(s) > 128 {
		return false
	}
	for i := range len(s) {
		if c := s[i]; c <= ' ' || c > '~' || c == '"' || c == '\\' {
			return false
		}
	}
	return true
}

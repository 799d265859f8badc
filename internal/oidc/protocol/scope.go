package protocol

import (
	"slices"
	"strings"
)

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
	ClaimEmail         = "email"
	ClaimEmailVerified = "email_verified"
	ClaimLocale        = "locale"
	ClaimUpdatedAt     = "updated_at"
)

// ConsentClaims are the claims people are asked about, in the order pages show
// them. email_verified goes with email and is not asked about by itself. The scope
// offline_access stands among them: it is no claim, but people are asked about it.
var ConsentClaims = []string{ClaimEmail, ClaimLocale, ClaimUpdatedAt, ScopeOffline}

// ClaimsOf are the claims a scope stands for.
func ClaimsOf(scope string) []string {
	switch scope {
	case ScopeEmail:
		return []string{ClaimEmail, ClaimEmailVerified}
	case ScopeProfile:
		return []string{ClaimLocale, ClaimUpdatedAt}
	case ScopeLocale:
		return []string{ClaimLocale}
	default:
		return nil
	}
}

// AskAbout turns claims into those that a consent names, in the fixed order.
func AskAbout(claims []string) []string {
	var out []string
	for _, c := range ConsentClaims {
		if slices.Contains(claims, c) || c == ClaimEmail && slices.Contains(claims, ClaimEmailVerified) {
			out = append(out, c)
		}
	}
	return out
}

// joinList is the opposite of splitList.
func joinList(list []string) string { return strings.Join(list, " ") }

// splitList cuts a space-separated list and drops repetitions, keeping the order (RFC 6749, 3.3).
func splitList(s string) []string {
	var out []string
	for word := range strings.FieldsSeq(s) {
		if !slices.Contains(out, word) {
			out = append(out, word)
		}
	}
	return out
}

// Remaining are those of a grant's claims that a token with fewer scopes lets a service
// read: a claim goes with the last of the scopes that stand for it.
func Remaining(claims, all, left []string) []string {
	covered := func(scopes []string, claim string) bool {
		return slices.ContainsFunc(scopes, func(s string) bool { return slices.Contains(ClaimsOf(s), claim) })
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

package registrar

import (
	"slices"

	"parvis/internal/i18n"
	"parvis/internal/oidc/claim"
	"parvis/internal/oidc/protocol"
	"parvis/internal/relyingparty"
)

// Terms are what a service that registers itself with a token may be and get. What they do
// not give, no such service gets: its ways in, the class of sign-in that is demanded, its
// place on the public list, and questions about the tokens of others stay the operator's.
type Terms struct {
	// Department runs the services, per language. A service cannot name another one.
	Department i18n.Text `json:"department"`
	// Scopes are those that it may ask for.
	Scopes []string `json:"scopes"`
	// Grants are the grant types that it may register; none: authorization_code, and
	// refresh_token where the scopes have offline_access.
	Grants []string `json:"grants,omitempty"`
	// OwnScopes are those that it may ask for by client_credentials.
	OwnScopes []string `json:"own_scopes,omitempty"`
	// DetailTypes are what it may ask people to allow in particular (RFC 9396), with the
	// words that people read: those are the operator's, and no service chooses them.
	DetailTypes []relyingparty.DetailType `json:"authorization_details_types,omitempty"`
	// Profile is the set of rules that the services are held to; "" for the standard one.
	Profile string `json:"profile,omitempty"`
	// OptionalPKCE lets services with a secret or keys leave PKCE out.
	OptionalPKCE bool `json:"optional_pkce,omitempty"`
	// PublicSubject lets services be told the same subject as others (subject_type public).
	PublicSubject bool `json:"public_subject,omitempty"`
}

// withPeople are the grant types of tokens that are about a person, and come without another token.
var withPeople = []string{protocol.GrantAuthorizationCode, protocol.GrantDeviceCode, protocol.GrantCIBA}

// offered are the grant types that a token can give. Exchanging the tokens of others stays
// the operator's to allow: it names whose.
var offered = append([]string{protocol.GrantRefreshToken, protocol.GrantClientCredentials}, withPeople...)

// WithPeople reports grant types of which one is about a person.
func WithPeople(grants []string) bool {
	return slices.ContainsFunc(grants, func(g string) bool { return slices.Contains(withPeople, g) })
}

// GrantTypes are those that a service may register for.
func (t Terms) GrantTypes() []string {
	out := slices.Clone(t.Grants)
	if len(out) == 0 {
		out = []string{protocol.GrantAuthorizationCode, protocol.GrantRefreshToken}
	}
	if !slices.Contains(t.Scopes, claim.ScopeOffline) {
		out = slices.DeleteFunc(out, func(g string) bool { return g == protocol.GrantRefreshToken })
	}
	return out
}

// problems are what is wrong with the terms.
func (t Terms) problems(langs []i18n.Lang) []Problem {
	var out []Problem
	add := func(wrong bool, field, key string) {
		if wrong {
			out = append(out, Problem{Field: field, Key: key})
		}
	}
	add(len(t.Department) == 0 || len(t.Department.Missing(langs)) > 0 || tooLong(t.Department), "department", "error.registration.department")
	unknown := func(scope string) bool { return !slices.Contains(claim.Scopes, scope) }
	add(len(t.Scopes) == 0 && WithPeople(t.GrantTypes()) || slices.ContainsFunc(t.Scopes, unknown), "scopes", "error.registration.scopes")
	add(!t.goTogether(), "grants", "error.registration.grants")
	odd := func(scope string) bool { return slices.Contains(claim.Scopes, scope) || !claim.IsScope(scope) }
	add(len(t.OwnScopes) > 100 || slices.ContainsFunc(t.OwnScopes, odd) || len(t.OwnScopes) > 0 && !slices.Contains(t.Grants, protocol.GrantClientCredentials),
		"own_scopes", "error.registration.own_scopes")
	add(!t.readable(langs), "authorization_details_types", "error.registration.details")
	add(t.Profile != "" && !slices.Contains(profiles(), t.Profile), "profile", "error.registration.profile")
	return out
}

// goTogether reports grant types that there are, each once, and of which none needs another
// one or a scope that is missing.
func (t Terms) goTogether() bool {
	for i, g := range t.Grants {
		if !slices.Contains(offered, g) || slices.Contains(t.Grants[:i], g) {
			return false
		}
	}
	return !slices.Contains(t.Grants, protocol.GrantRefreshToken) || WithPeople(t.Grants) && slices.Contains(t.Scopes, claim.ScopeOffline)
}

// readable reports details that a partner could have, with words in every language.
func (t Terms) readable(langs []i18n.Lang) bool {
	for _, d := range t.DetailTypes {
		if len(d.Title.Missing(langs)) > 0 {
			return false
		}
		for _, label := range d.Fields {
			if len(label.Missing(langs)) > 0 {
				return false
			}
		}
	}
	return len(relyingparty.DetailProblems(t.DetailTypes)) == 0
}

func profiles() []string {
	return []string{string(relyingparty.ProfileStandard), string(relyingparty.ProfileFAPI2), string(relyingparty.ProfileCompatible)}
}

// tooLong reports a department that no partner could have.
func tooLong(t i18n.Text) bool {
	for _, value := range t {
		if len([]rune(value)) > 120 {
			return true
		}
	}
	return false
}

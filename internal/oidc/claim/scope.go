// Package claim knows the scopes and claims there are: what each scope stands for, what
// people are asked about, what the claims parameter of a request asks for, and the values
// of claims with their JSON types (OpenID Connect Core 1.0, 5), alone and as verified claims
// with how they were verified (OpenID Connect for Identity Assurance 1.0).
//
// It is pure: no HTTP, no database. oidc/protocol reads requests with it, the endpoints
// answer with it, services' settings name its scopes, and pages its claims. What a service
// may not ask for, and what nobody knows of, is left out and is never an error (5.5.1).
package claim

import "slices"

// The scopes (OpenID Connect Core 1.0, 5.4). all_emails, locale, those with a colon and the
// last three are Login.gov's, which services that come from there ask for.
const (
	ScopeOpenID            = "openid"
	ScopeEmail             = "email"
	ScopeAllEmails         = "all_emails"
	ScopePhone             = "phone"
	ScopeProfile           = "profile"
	ScopeName              = "profile:name"
	ScopeBirthdate         = "profile:birthdate"
	ScopeVerifiedAt        = "profile:verified_at"
	ScopeAddress           = "address"
	ScopeSocialSecurity    = "social_security_number"
	ScopeCertificate       = "x509"
	ScopeCertificateOf     = "x509:subject"
	ScopeCertificateBy     = "x509:issuer"
	ScopeCertificateIsHere = "x509:presented"
	ScopeLocale            = "locale"
	ScopeOffline           = "offline_access" // go on while the person is away (OpenID Connect Core 1.0, 11)
)

// Scopes are all scopes there are; a partner's settings choose from them.
var Scopes = []string{
	ScopeOpenID, ScopeEmail, ScopeAllEmails, ScopePhone, ScopeProfile, ScopeName, ScopeBirthdate, ScopeVerifiedAt, ScopeAddress,
	ScopeSocialSecurity, ScopeCertificate, ScopeCertificateOf, ScopeCertificateBy, ScopeCertificateIsHere, ScopeLocale, ScopeOffline,
}

// The claims about a person (OpenID Connect Core 1.0, 5.1), and those that Login.gov adds.
const (
	Email                = "email"
	EmailVerified        = "email_verified"
	AllEmails            = "all_emails" // of Login.gov: the proven addresses
	PhoneNumber          = "phone_number"
	PhoneNumberVerified  = "phone_number_verified"
	Phone                = "phone"          // as Login.gov calls phone_number
	PhoneVerified        = "phone_verified" // as Login.gov calls phone_number_verified
	Name                 = "name"
	GivenName            = "given_name"
	MiddleName           = "middle_name"
	FamilyName           = "family_name"
	Birthdate            = "birthdate"
	Address              = "address"
	SocialSecurityNumber = "social_security_number" // of Login.gov
	VerifiedAt           = "verified_at"            // of Login.gov: when the identity was verified
	CertificateSubject   = "x509_subject"           // of Login.gov: of the certificate of a card
	CertificateIssuer    = "x509_issuer"
	CertificatePresented = "x509_presented"
	Locale               = "locale"
	UpdatedAt            = "updated_at"
)

// Certificate is what people are asked about for the three claims of a card's certificate.
const Certificate = "x509"

// Consent is what people are asked about, in the order pages show it: claims that say the
// same thing are asked about once, by one name. The scope offline_access stands among
// them: it is no claim, but people are asked about it.
var Consent = []string{
	Email, AllEmails, PhoneNumber, Name, Birthdate, Address, SocialSecurityNumber, VerifiedAt, Certificate, Locale, UpdatedAt, ScopeOffline,
}

// Of are the claims a scope stands for.
func Of(scope string) []string {
	switch scope {
	case ScopeEmail:
		return []string{Email, EmailVerified}
	case ScopeAllEmails:
		return []string{AllEmails}
	case ScopePhone:
		return []string{PhoneNumber, PhoneNumberVerified, Phone, PhoneVerified}
	case ScopeProfile:
		return []string{Name, GivenName, MiddleName, FamilyName, Birthdate, VerifiedAt, Locale, UpdatedAt}
	case ScopeName:
		return []string{Name, GivenName, MiddleName, FamilyName}
	case ScopeBirthdate:
		return []string{Birthdate}
	case ScopeVerifiedAt:
		return []string{VerifiedAt}
	case ScopeAddress:
		return []string{Address}
	case ScopeSocialSecurity:
		return []string{SocialSecurityNumber}
	case ScopeCertificate:
		return []string{CertificateSubject, CertificateIssuer, CertificatePresented}
	case ScopeCertificateOf:
		return []string{CertificateSubject}
	case ScopeCertificateBy:
		return []string{CertificateIssuer}
	case ScopeCertificateIsHere:
		return []string{CertificatePresented}
	case ScopeLocale:
		return []string{Locale}
	default:
		return nil
	}
}

// OfIdentity reports whether only a verified identity gives a claim.
func OfIdentity(name string) bool {
	switch askedAs(name) {
	case Name, Birthdate, Address, SocialSecurityNumber, VerifiedAt, Certificate:
		return true
	}
	return false
}

// Offered are the scopes that mean something where identities are verified, or are not: a
// scope all of whose claims only a verified identity gives means nothing without one.
func Offered(identities bool) []string {
	return slices.DeleteFunc(slices.Clone(Scopes), func(scope string) bool {
		names := Of(scope)
		return !identities && len(names) > 0 && !slices.ContainsFunc(names, func(c string) bool { return !OfIdentity(c) })
	})
}

// Supported are the claims about people that can be told where identities are verified, or are not.
func Supported(identities bool) []string {
	var out []string
	for _, scope := range Scopes {
		for _, c := range Of(scope) {
			if !slices.Contains(out, c) && (identities || !OfIdentity(c)) {
				out = append(out, c)
			}
		}
	}
	return out
}

// askedAs is the name under which people are asked about a claim.
func askedAs(name string) string {
	switch name {
	case EmailVerified:
		return Email
	case PhoneNumberVerified, Phone, PhoneVerified:
		return PhoneNumber
	case GivenName, MiddleName, FamilyName:
		return Name
	case CertificateSubject, CertificateIssuer, CertificatePresented:
		return Certificate
	default:
		return name
	}
}

// AskAbout turns claims into what a consent names, in the fixed order.
func AskAbout(claims []string) []string {
	var out []string
	for _, c := range Consent {
		if slices.ContainsFunc(claims, func(name string) bool { return askedAs(name) == c }) {
			out = append(out, c)
		}
	}
	return out
}

// Covered are those of some claims that scopes stand for, or that are part of a verification, whatever it is of.
func Covered(claims, scopes []string) []string {
	return slices.DeleteFunc(slices.Clone(claims), func(c string) bool {
		return c != VerifiedAt && !slices.ContainsFunc(scopes, func(s string) bool { return slices.Contains(Of(s), c) })
	})
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

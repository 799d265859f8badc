package claim

import (
	"log/slog"
	"strconv"
	"strings"
	"time"
)

// Person are the values of the claims about a person, as they stand when they are released.
type Person struct {
	Email     string // empty: not released
	Verified  bool
	Emails    []string // all that were proven; none: not released
	Phone     string   // a number that was proven, E.164; empty: there is none
	Locale    string
	UpdatedAt time.Time // zero: not released
	Identity  Identity
}

// LogValue keeps the values out of the log.
func (p Person) LogValue() slog.Value { return slog.StringValue("***") }

// Identity is what is known of a person whose identity was verified. Its zero value is
// that of everybody else; whatever is empty is not known.
type Identity struct {
	GivenName, MiddleName, FamilyName string
	Birthdate                         string // YYYY-MM-DD (ISO 8601-1)
	Address                           PostalAddress
	SocialSecurityNumber              string
	VerifiedAt                        time.Time
	Verification                      Verification
	Card                              Card
}

// LogValue keeps the values out of the log.
func (i Identity) LogValue() slog.Value { return slog.StringValue("***") }

// Card is the certificate of a card that somebody signed in with.
type Card struct {
	Subject, Issuer string // distinguished names (RFC 4514)
	Presented       bool
}

// PostalAddress is where somebody lives (OpenID Connect Core 1.0, 5.1.1).
type PostalAddress struct {
	Street     string // the lines of the street and house, separated by line feeds
	Locality   string
	Region     string
	PostalCode string
	Country    string // ISO 3166-1, two letters
}

// Claim is the JSON object of an address; nil when nothing is known of it.
func (a PostalAddress) Claim() map[string]any {
	place := strings.TrimSpace(strings.Join([]string{a.Locality, a.Region, a.PostalCode}, " "))
	place = strings.Join(strings.Fields(place), " ")
	var lines []string
	for _, line := range []string{a.Street, place, a.Country} {
		if line != "" {
			lines = append(lines, line)
		}
	}
	var out map[string]any
	for name, value := range map[string]string{
		"formatted": strings.Join(lines, "\n"), "street_address": a.Street, "locality": a.Locality,
		"region": a.Region, "postal_code": a.PostalCode, "country": a.Country,
	} {
		if value == "" {
			continue
		}
		if out == nil {
			out = map[string]any{}
		}
		out[name] = value
	}
	return out
}

// FullName is the name in the order in which it is spoken.
func (i Identity) FullName() string {
	return strings.Join(strings.Fields(i.GivenName+" "+i.MiddleName+" "+i.FamilyName), " ")
}

// Claims are the named claims with the JSON types of OpenID Connect Core 1.0,
// 5.1. A claim without a value is left out (5.3.2).
func (p Person) Claims(names []string) map[string]any {
	out := map[string]any{}
	for _, name := range names {
		if value := p.value(name); value != nil {
			out[name] = value
		}
	}
	return out
}

// value is what a claim says; nil when there is nothing to say.
func (p Person) value(name string) any {
	switch name {
	case Email:
		return text(p.Email)
	case EmailVerified:
		return with(p.Email != "", p.Verified)
	case AllEmails:
		return with(len(p.Emails) > 0, p.Emails)
	case PhoneNumber, Phone:
		return text(p.Phone)
	case PhoneNumberVerified, PhoneVerified:
		return with(p.Phone != "", true)
	case Locale:
		return text(p.Locale)
	case UpdatedAt:
		return with(!p.UpdatedAt.IsZero(), p.UpdatedAt.Unix())
	default:
		return p.Identity.value(name)
	}
}

func (i Identity) value(name string) any {
	switch name {
	case Name:
		return text(i.FullName())
	case GivenName:
		return text(i.GivenName)
	case MiddleName:
		return text(i.MiddleName)
	case FamilyName:
		return text(i.FamilyName)
	case Birthdate:
		return text(i.Birthdate)
	case Address:
		object := i.Address.Claim()
		return with(object != nil, object)
	case SocialSecurityNumber:
		return text(i.SocialSecurityNumber)
	case VerifiedAt:
		return with(!i.VerifiedAt.IsZero(), i.VerifiedAt.Unix())
	case CertificateSubject:
		return text(i.Card.Subject)
	case CertificateIssuer:
		return text(i.Card.Issuer)
	case CertificatePresented:
		return with(i.Card.Presented, true)
	default:
		return nil
	}
}

// Shown is what a consent names as a person reads it: at most as exact as what is told; ""
// when the service receives nothing.
func (p Person) Shown(asked string) string {
	switch asked {
	case AllEmails:
		return strings.Join(p.Emails, "\n")
	case Address:
		formatted, _ := p.Identity.Address.Claim()["formatted"].(string)
		return formatted
	case SocialSecurityNumber:
		if n := p.Identity.SocialSecurityNumber; len(n) > 4 {
			return strings.Repeat("•", len(n)-4) + n[len(n)-4:]
		}
		return ""
	case Certificate:
		return p.Identity.Card.Subject
	default:
		switch v := p.value(asked).(type) {
		case string:
			return v
		case int64:
			return strconv.FormatInt(v, 10)
		}
		return ""
	}
}

func text(s string) any { return with(s != "", s) }

func with[T any](there bool, value T) any {
	if !there {
		return nil
	}
	return value
}

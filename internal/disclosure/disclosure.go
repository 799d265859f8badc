// Package disclosure reads the values of the claims about a person as a service would be
// told them now: the same where they are shown to the person, before, and where they are
// told to the service, afterwards. It decides nothing and writes nothing; who may be told
// what is a matter of the request, the registration and the person's consent.
package disclosure

import (
	"fmt"
	"slices"

	"parvis/internal/account"
	"parvis/internal/authenticator/phone"
	"parvis/internal/db"
	"parvis/internal/id"
	"parvis/internal/oidc/claim"
)

// Source reads values. Stateless and safe for concurrent use.
type Source struct {
	Accounts account.Accounts
	Phones   phone.Phones
	// Identity reads the verified identity of an account; its zero value when there is
	// none. Nil where identities are not verified: then no service can ask for one.
	Identity func(tx *db.Tx, of id.Account) (claim.Identity, error)
	// Frameworks are the trust frameworks by which Identity can say that somebody was verified.
	Frameworks []string
}

// Verifies reports whether verified identities can be told.
func (s Source) Verifies() bool { return s.Identity != nil }

// Person reads the values of some claims, or of what a consent names, about an active
// account, with the address that was chosen for the service ("" for the main one). False
// when the account is not active. What is not asked for is not read.
func (s Source) Person(tx *db.Tx, of id.Account, chosen id.Address, claims []string) (claim.Person, bool, error) {
	a, address, ok, err := s.Accounts.WithAddress(tx, of, chosen)
	if err != nil {
		return claim.Person{}, false, fmt.Errorf("disclosure: %w", err)
	}
	if !ok || a.Status != account.Active {
		return claim.Person{}, false, nil
	}
	p := claim.Person{Locale: a.Locale, UpdatedAt: a.ActivatedAt}
	if address.ID != "" {
		p.Email, p.Verified = address.Address.Written, !address.ProvenAt.IsZero()
		if address.ProvenAt.After(p.UpdatedAt) {
			p.UpdatedAt = address.ProvenAt
		}
	}
	if err := s.more(tx, of, claims, &p); err != nil {
		return claim.Person{}, false, fmt.Errorf("disclosure: %w", err)
	}
	return p, true, nil
}

// more reads what stands apart from the account.
func (s Source) more(tx *db.Tx, of id.Account, claims []string, p *claim.Person) error {
	asked := claim.AskAbout(claims)
	if slices.Contains(asked, claim.AllEmails) {
		all, err := s.Accounts.Addresses(tx, of)
		if err != nil {
			return err
		}
		for _, e := range all {
			if !e.ProvenAt.IsZero() {
				p.Emails = append(p.Emails, e.Address.Written)
			}
		}
	}
	if slices.Contains(asked, claim.PhoneNumber) {
		first, ok, err := s.Phones.First(tx, of)
		if err != nil {
			return err
		}
		if ok {
			p.Phone = first.Number.E164()
		}
	}
	if s.Identity != nil && slices.ContainsFunc(asked, claim.OfIdentity) {
		identity, err := s.Identity(tx, of)
		if err != nil {
			return err
		}
		p.Identity = identity
	}
	return nil
}

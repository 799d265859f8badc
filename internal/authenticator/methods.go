package authenticator

import (
	"time"

	"parvis/internal/policy"
)

// Owned are the second steps of a list, as policy weighs them.
func Owned(list []Authenticator) policy.Owned {
	var out policy.Owned
	var here, aside []Authenticator
	for _, a := range list {
		if a.IsAside() {
			aside = append(aside, a)
		} else {
			here = append(here, a)
		}
		for _, at := range []time.Time{a.AsideUntil, a.CountsFrom} {
			if at.After(out.CountFrom) {
				out.CountFrom = at
			}
		}
	}
	out.Methods, out.Aside = Methods(here), Methods(aside)
	return out
}

// Methods are what the authenticators of a list can prove as a second step. One
// that waits, is disabled or was set aside counts: policy must not take its owner for
// somebody who has nothing.
func Methods(list []Authenticator) []policy.Method {
	var out []policy.Method
	seen := map[Type]bool{}
	for _, a := range list {
		if seen[a.Type] {
			continue
		}
		seen[a.Type] = true
		out = append(out, a.Type.Methods()...)
	}
	return out
}

// Methods are what an authenticator of a type can prove as a second step.
func (t Type) Methods() []policy.Method {
	switch t {
	case Email:
		return []policy.Method{policy.Email}
	case Phone:
		return []policy.Method{policy.Text, policy.Voice}
	case TOTP:
		return []policy.Method{policy.App}
	case BackupCode:
		return []policy.Method{policy.Backup}
	case Passkey:
		return []policy.Method{policy.Passkey}
	default:
		return nil // a password is the first step
	}
}

// TypeOf is the type of authenticator that proves a method; "" for none.
func TypeOf(m policy.Method) Type {
	switch m {
	case policy.Email:
		return Email
	case policy.Text, policy.Voice:
		return Phone
	case policy.App:
		return TOTP
	case policy.Backup:
		return BackupCode
	case policy.Passkey, policy.SecurityKey:
		return Passkey
	case policy.Password:
		return Password
	default:
		return ""
	}
}

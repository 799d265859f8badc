package authenticator

import "parvis/internal/policy"

// Methods are what the authenticators of a list can prove as a second step. One
// that waits or is disabled counts: policy must not take its owner for somebody
// who has nothing.
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

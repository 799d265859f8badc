package claim

import "time"

// Person are the values of the claims about a person, as they stand when they are released.
type Person struct {
	Email     string // empty: not released
	Verified  bool
	Locale    string
	UpdatedAt time.Time // zero: not released
}

// Claims are the named claims with the JSON types of OpenID Connect Core 1.0,
// 5.1. A claim without a value is left out (5.3.2).
func (p Person) Claims(names []string) map[string]any {
	out := map[string]any{}
	for _, name := range names {
		switch name {
		case Email:
			if p.Email != "" {
				out[name] = p.Email
			}
		case EmailVerified:
			if p.Email != "" {
				out[name] = p.Verified
			}
		case Locale:
			if p.Locale != "" {
				out[name] = p.Locale
			}
		case UpdatedAt:
			if !p.UpdatedAt.IsZero() {
				out[name] = p.UpdatedAt.Unix()
			}
		}
	}
	return out
}

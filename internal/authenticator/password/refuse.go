package password

import (
	"errors"

	"parvis/internal/fault"
)

// Refuse is Check as an error: nil for an accepted password, else one fault of
// kind Invalid on the field "password" for each broken rule, the most telling
// first, joined.
func (p Policy) Refuse(typed string, c Context) error {
	var all []error
	for _, v := range p.Check(typed, c) {
		all = append(all, fault.On("password", fault.Invalid, v.Key, v.Args...))
	}
	return errors.Join(all...)
}

package authenticator

import (
	"strings"
	"unicode"

	"parvis/internal/fault"
)

// mostCodeBytes is how much of what was typed for a code is looked at.
const mostCodeBytes = 128

// ParseCode reads a code of decimal digits as people type or paste it: with
// spaces, hyphens and marks that cannot be seen, in full-width or Arabic digits. A
// fault on the field "code" when it is not made of so many digits.
func ParseCode(typed string, digits int) (string, error) {
	out := make([]byte, 0, digits)
	if len(typed) > mostCodeBytes {
		return "", fault.On("code", fault.Invalid, "error.method.code-format", "count", digits)
	}
	for _, r := range typed {
		if Separates(r) {
			continue
		}
		value, ok := digit(r)
		if !ok || len(out) == digits {
			return "", fault.On("code", fault.Invalid, "error.method.code-format", "count", digits)
		}
		out = append(out, '0'+value)
	}
	switch len(out) {
	case digits:
		return string(out), nil
	case 0:
		return "", fault.On("code", fault.Invalid, "error.method.code-empty")
	}
	return "", fault.On("code", fault.Invalid, "error.method.code-format", "count", digits)
}

// Separates reports characters that may stand between those of a code: spaces,
// hyphens and dashes, full stops, and marks that cannot be seen.
func Separates(r rune) bool {
	return unicode.IsSpace(r) || unicode.In(r, unicode.Pd, unicode.Cf) || strings.ContainsRune(".·•\u2212", r)
}

// digit is the value of a decimal digit of the writings that keyboards offer here.
func digit(r rune) (byte, bool) {
	for _, zero := range []rune{'0', '\uff10', '\u0660', '\u06f0'} { // ASCII, full-width, Arabic, Persian
		if r >= zero && r <= zero+9 {
			return byte(r - zero), true
		}
	}
	return 0, false
}

// Package backupcode is the set of backup codes: look-up secrets that their owner
// printed or saved, each good for one sign-in (SP 800-63B-4, 3.1.2).
//
// Codes.Make makes the codes, which are shown then and never again; Codes.Draft
// makes their verifiers, before the transaction in which Codes.Store puts the set in
// the place of an older one. They are kept like passwords, but with one salt for the set, so that a try costs one
// computation and not ten. At sign-in the journey counts the attempt
// (authenticator.Authenticators.Attempt), asks Codes.Guess outside of every
// transaction, and uses the code up with Codes.Redeem.
package backupcode

import (
	"crypto/rand"
	"strings"

	"parvis/internal/authenticator"
	"parvis/internal/fault"
)

// alphabet are the 32 characters of Crockford's base 32: those that cannot be
// taken for another, or make words, are left out (I, L, O, U).
const alphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"

// group is how many characters stand together.
const group = 4

// newCode makes a uniformly random code: five bits a character.
func newCode(length int) string {
	b := make([]byte, length)
	_, _ = rand.Read(b) // never fails: crypto/rand ends the process instead
	for i := range b {
		b[i] = alphabet[b[i]%byte(len(alphabet))]
	}
	return string(b)
}

// Grouped is a code as it is shown: "7K3Q-M92T-0XVD".
func Grouped(code string) string {
	var out []string
	for code != "" {
		n := min(group, len(code))
		out = append(out, code[:n])
		code = code[n:]
	}
	return strings.Join(out, "-")
}

// mostBytes is how much of what was typed is looked at.
const mostBytes = 128

// Parse reads a code as people type it: in any case, with spaces and hyphens, in
// full-width characters, with O for 0 and I or L for 1. A fault on the field "code"
// when it is not one of ours.
func (c Codes) Parse(typed string) (string, error) {
	wrong := fault.On("code", fault.Invalid, "error.method.backup-format", "count", c.Settings.Length)
	if len(typed) > mostBytes {
		return "", wrong
	}
	out := make([]byte, 0, c.Settings.Length)
	for _, r := range typed {
		if authenticator.Separates(r) {
			continue
		}
		b, ok := character(r)
		if !ok || len(out) == c.Settings.Length {
			return "", wrong
		}
		out = append(out, b)
	}
	switch len(out) {
	case c.Settings.Length:
		return string(out), nil
	case 0:
		return "", fault.On("code", fault.Invalid, "error.method.code-empty")
	}
	return "", wrong
}

// character is the character of the alphabet that was meant.
func character(r rune) (byte, bool) {
	if r >= '\uff01' && r <= '\uff5e' { // full-width
		r -= '\uff01' - '!'
	}
	if r >= 'a' && r <= 'z' {
		r -= 'a' - 'A'
	}
	switch r {
	case 'O':
		r = '0'
	case 'I', 'L':
		r = '1'
	}
	return byte(r), r < 0x80 && strings.ContainsRune(alphabet, r)
}

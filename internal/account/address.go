package account

import (
	"log/slog"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/net/idna"
	"golang.org/x/text/secure/precis"
	"golang.org/x/text/unicode/norm"

	"parvis/internal/fault"
	"parvis/internal/i18n"
)

// The sizes of an address, in bytes (RFC 5321, 4.5.3.1).
const (
	addressBytes = 254
	localBytes   = 64
)

// Addr is a well-formed e-mail address.
type Addr struct {
	// Written is the address as the person wrote it (without outer spaces, in
	// Unicode NFC): what is shown, and where mail goes.
	Written string
	// Key is what two ways of writing one mailbox have in common: the local part
	// by the PRECIS profile UsernameCaseMapped (RFC 8265) and the domain in
	// lower-case A-labels. Accounts, counters and limits go by it.
	Key string
}

// dotless are the mail providers that deliver a local part with and without dots to
// one mailbox, under the one domain that they are counted by.
var dotless = map[string]string{"gmail.com": "gmail.com", "googlemail.com": "gmail.com"} //nolint:gochecknoglobals // constant

// Mailbox is what the ways of writing one mailbox most likely have in common: Key
// without what stands behind a "+" of its local part (RFC 5233, subaddressing) and,
// where the provider ignores them, without dots. Limits on mail go by it, so that
// nobody is sent more by aliases. Two people may share one; so accounts do not go by it.
func (a Addr) Mailbox() string {
	local, domain := split(a.Key)
	if plus := strings.IndexByte(local, '+'); plus > 0 {
		local = local[:plus]
	}
	if one, ok := dotless[domain]; ok {
		local, domain = strings.ReplaceAll(local, ".", ""), one
	}
	return local + "@" + domain
}

// Masked is the address as pages show it back: "s•••s@example.org".
func (a Addr) Masked() string { return Mask(a.Written) }

// String is the masked address, so that nothing prints the whole by accident.
func (a Addr) String() string { return a.Masked() }

// LogValue is the masked address.
func (a Addr) LogValue() slog.Value { return slog.StringValue(a.Masked()) }

// Words are the parts of the address that its owner's password must not be.
func (a Addr) Words() []string {
	local, domain := split(a.Key)
	words := append([]string{a.Key, local, domain}, strings.FieldsFunc(local, func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r)
	})...)
	return append(words, strings.Split(domain, ".")...)
}

// GuessWords are the words of an address as it was typed; none when it is not one.
func GuessWords(typed string) []string {
	addr, err := ParseAddress(typed)
	if err != nil {
		return nil
	}
	return addr.Words()
}

// Mask hides most of the local part of an address.
func Mask(address string) string {
	local, domain := split(address)
	if domain == "" {
		return "•••"
	}
	first, _ := utf8.DecodeRuneInString(local)
	if utf8.RuneCountInString(local) < 3 {
		return string(first) + "•••@" + domain
	}
	last, _ := utf8.DecodeLastRuneInString(local)
	return string(first) + "•••" + string(last) + "@" + domain
}

// split cuts at the last "@".
func split(address string) (local, domain string) {
	i := strings.LastIndexByte(address, '@')
	if i < 0 {
		return address, ""
	}
	return address[:i], address[i+1:]
}

// ParseAddress reads an address that a person typed. It accepts the addr-spec
// of RFC 5322 and RFC 6531 without quoted local parts, comments and domain
// literals. Every refusal is a fault of kind Invalid.
func ParseAddress(typed string) (Addr, error) {
	// Longer input reaches no parser (Go's own mail parser was quadratic).
	if len(typed) > 4*addressBytes {
		return Addr{}, refuse("error.address.too-long")
	}
	written := strings.TrimSpace(typed)
	switch {
	case written == "":
		return Addr{}, refuse("error.address.empty")
	case len(written) > addressBytes:
		return Addr{}, refuse("error.address.too-long")
	case !utf8.ValidString(written):
		return Addr{}, refuse("error.address.format")
	}
	written = norm.NFC.String(written)
	local, domain := split(written)
	if !dotAtom(local) || len(local) > localBytes || strings.Contains(domain, "@") {
		return Addr{}, refuse("error.address.format")
	}
	if i18n.MixedScripts(local) {
		return Addr{}, refuse("error.address.mixed-scripts")
	}
	key, err := precis.UsernameCaseMapped.String(local)
	// A letter that only looks different (full width, a Turkish İ) must not turn
	// into the ASCII letter of somebody else's mailbox: the mail would go to one
	// person and the account to another.
	if err != nil || asciiCount(key) != asciiCount(local) || !dotAtom(key) {
		return Addr{}, refuse("error.address.format")
	}
	host, ok := domainKey(domain)
	if !ok {
		return Addr{}, refuse("error.address.format")
	}
	return Addr{Written: written, Key: key + "@" + host}, nil
}

func refuse(key string) error { return fault.On("email", fault.Invalid, key) }

// dotAtom reports whether a local part is a dot-atom of RFC 5322, with the
// letters, digits and marks of other scripts as RFC 6531 allows them.
func dotAtom(local string) bool {
	if local == "" || local[0] == '.' || local[len(local)-1] == '.' || strings.Contains(local, "..") {
		return false
	}
	for _, r := range local {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9':
		case r < utf8.RuneSelf:
			if !strings.ContainsRune(".!#$%&'*+-/=?^_`{|}~", r) {
				return false
			}
		case !unicode.In(r, unicode.L, unicode.M, unicode.N):
			return false
		}
	}
	return true
}

// domainProfile reads domains as browsers do when they look one up.
var domainProfile = idna.New(idna.MapForLookup(), idna.Transitional(false), idna.BidiRule(),
	idna.StrictDomainName(true), idna.VerifyDNSLength(true))

// domainKey is a domain as lower-case A-labels; false for anything that is no
// name of at least two labels in the public DNS.
func domainKey(domain string) (string, bool) {
	for i := range len(domain) {
		if domain[i] <= ' ' || domain[i] == 0x7f {
			return "", false
		}
	}
	host, err := domainProfile.ToASCII(domain)
	if err != nil || len(host) > 253 || strings.HasSuffix(host, ".") {
		return "", false
	}
	dot := strings.LastIndexByte(host, '.')
	if dot < 1 {
		return "", false
	}
	top := host[dot+1:]
	if strings.Trim(top, "0123456789") == "" {
		return "", false // an IPv4 address
	}
	return host, true
}

func asciiCount(s string) int {
	n := 0
	for i := range len(s) {
		if s[i] < utf8.RuneSelf {
			n++
		}
	}
	return n
}

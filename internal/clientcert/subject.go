package clientcert

import (
	"crypto/x509"
	"encoding/asn1"
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"
)

// Subject is whose certificate a service shows: exactly one of the fields is set (RFC 8705, 2.1.2).
type Subject struct {
	DN    string // RFC 4514
	DNS   string
	URI   string
	IP    string
	Email string
}

// Set are the names of the fields that are set, as the metadata of clients calls them.
func (s Subject) Set() []string {
	var out []string
	for _, f := range []struct{ name, value string }{
		{"tls_client_auth_subject_dn", s.DN},
		{"tls_client_auth_san_dns", s.DNS},
		{"tls_client_auth_san_uri", s.URI},
		{"tls_client_auth_san_ip", s.IP},
		{"tls_client_auth_san_email", s.Email},
	} {
		if f.value != "" {
			out = append(out, f.name)
		}
	}
	return out
}

// Problem says what is wrong with the field that is set; nil when nothing is.
func (s Subject) Problem() error {
	switch {
	case s.DN != "":
		_, err := ParseDN(s.DN)
		return err
	case s.IP != "":
		if _, err := netip.ParseAddr(s.IP); err != nil {
			return errors.New("is no IP address")
		}
	case s.DNS != "":
		if strings.ContainsAny(s.DNS, "* /:@") || len(s.DNS) > 253 {
			return errors.New("is no name of a host; wildcards are not taken")
		}
	case s.URI != "":
		if u, err := url.Parse(s.URI); err != nil || u.Scheme == "" || len(s.URI) > 1024 {
			return errors.New("is no URI")
		}
	case s.Email != "":
		if strings.Count(s.Email, "@") != 1 || len(s.Email) > 254 {
			return errors.New("is no e-mail address")
		}
	}
	return nil
}

// Matches reports whether a certificate is that of the subject (RFC 8705, 2.1.2): one of its
// alternative names, or its whole subject.
func (s Subject) Matches(c *x509.Certificate) bool {
	switch {
	case s.DN != "":
		want, err := ParseDN(s.DN)
		if err != nil {
			return false
		}
		have, err := namesOf(c.RawSubject)
		return err == nil && len(have) > 0 && slices.EqualFunc(want, have, slices.Equal[[]Attribute])
	case s.DNS != "":
		return slices.ContainsFunc(c.DNSNames, func(name string) bool { return strings.EqualFold(name, s.DNS) })
	case s.URI != "":
		return slices.ContainsFunc(c.URIs, func(u *url.URL) bool { return u.String() == s.URI })
	case s.Email != "":
		return slices.Contains(c.EmailAddresses, s.Email)
	case s.IP != "":
		want, err := netip.ParseAddr(s.IP)
		if err != nil {
			return false
		}
		for _, ip := range c.IPAddresses {
			if have, ok := netip.AddrFromSlice(ip); ok && have.Unmap() == want.Unmap() {
				return true
			}
		}
	}
	return false
}

// Attribute is one attribute of a distinguished name.
type Attribute struct{ OID, Value string }

// types are the names of attributes (RFC 4514, 3; RFC 4519; X.520).
func types() map[string]string {
	return map[string]string{
		"CN": "2.5.4.3", "SN": "2.5.4.4", "SERIALNUMBER": "2.5.4.5", "C": "2.5.4.6", "L": "2.5.4.7", "ST": "2.5.4.8", "S": "2.5.4.8",
		"STREET": "2.5.4.9", "O": "2.5.4.10", "OU": "2.5.4.11", "TITLE": "2.5.4.12", "POSTALCODE": "2.5.4.17", "GIVENNAME": "2.5.4.42",
		"ORGANIZATIONIDENTIFIER": "2.5.4.97", "DC": "0.9.2342.19200300.100.1.25", "UID": "0.9.2342.19200300.100.1.1",
		"EMAILADDRESS": "1.2.840.113549.1.9.1", "BUSINESSCATEGORY": "2.5.4.15", "JURISDICTIONC": "1.3.6.1.4.1.311.60.2.1.3",
	}
}

const maxDN = 1024

// ParseDN reads a distinguished name as it is written (RFC 4514, 3): the last name comes
// first. Values in # and hexadecimal digits are not taken.
func ParseDN(text string) ([][]Attribute, error) {
	if len(text) > maxDN || !utf8.ValidString(text) {
		return nil, fmt.Errorf("is longer than %d bytes, or not UTF-8", maxDN)
	}
	var out [][]Attribute
	var rdn []Attribute
	for rest := text; ; {
		a, end, after, err := attribute(rest)
		if err != nil {
			return nil, err
		}
		rdn = append(rdn, a)
		if end != '+' {
			slices.SortFunc(rdn, func(a, b Attribute) int { return strings.Compare(a.OID+"\x00"+a.Value, b.OID+"\x00"+b.Value) })
			out, rdn = append(out, rdn), nil
		}
		if end == 0 {
			break
		}
		rest = after
	}
	slices.Reverse(out)
	return out, nil
}

// attribute reads one attribute and what ends it: a comma, a plus sign, or nothing.
func attribute(text string) (a Attribute, end byte, rest string, err error) {
	name, value, ok := strings.Cut(text, "=")
	name = strings.ToUpper(strings.TrimSpace(name))
	oid, known := types()[name]
	if dotted := strings.TrimPrefix(name, "OID."); !known && isOID(dotted) {
		oid, known = dotted, true
	}
	if !ok || !known {
		return a, 0, "", fmt.Errorf("is no distinguished name of RFC 4514 with known attributes, such as CN=client,O=Example,C=CA")
	}
	var b strings.Builder
	kept := 0 // length up to the last byte that is not a space at the end
	value = strings.TrimLeft(value, " ")
	i := 0
scan:
	for ; i < len(value); i++ {
		switch c := value[i]; c {
		case ',', '+', ';':
			end = c
			break scan
		case '"', '<', '>', 0:
			return a, 0, "", errors.New("has a character that must be escaped (RFC 4514, 2.4)")
		case '#':
			if b.Len() == 0 {
				return a, 0, "", errors.New("has a value in hexadecimal digits, which is not taken")
			}
			b.WriteByte(c)
			kept = b.Len()
		case '\\':
			raw, n, err := escaped(value[i+1:])
			if err != nil {
				return a, 0, "", err
			}
			b.WriteByte(raw)
			kept = b.Len()
			i += n
		default:
			b.WriteByte(c)
			if c != ' ' {
				kept = b.Len()
			}
		}
	}
	if end != 0 {
		rest = value[i+1:]
	}
	if end == ';' {
		return a, 0, "", errors.New("has a semicolon that must be escaped (RFC 4514, 2.4)")
	}
	text = b.String()[:kept]
	if text == "" || !utf8.ValidString(text) {
		return a, 0, "", errors.New("has an empty value, or one that is not UTF-8")
	}
	return Attribute{OID: oid, Value: text}, end, rest, nil
}

// escaped is the byte behind a backslash (RFC 4514, 3: pair), and how many bytes it took.
func escaped(rest string) (byte, int, error) {
	if rest == "" {
		return 0, 0, errors.New("ends with a backslash")
	}
	if strings.IndexByte(`\"+,;<>#= `, rest[0]) >= 0 {
		return rest[0], 1, nil
	}
	if len(rest) >= 2 {
		hi, lo := digit(rest[0]), digit(rest[1])
		if hi >= 0 && lo >= 0 && hi|lo != 0 {
			return byte(hi<<4 | lo), 2, nil
		}
	}
	return 0, 0, errors.New("has a backslash that escapes nothing (RFC 4514, 2.4)")
}

func digit(c byte) int { return strings.Index("0123456789abcdef", strings.ToLower(string(rune(c)))) }

func isOID(s string) bool {
	if s == "" || len(s) > 64 || !strings.Contains(s, ".") || strings.Contains(s, "..") || s[0] == '.' || s[len(s)-1] == '.' {
		return false
	}
	return !strings.ContainsFunc(s, func(r rune) bool { return r != '.' && (r < '0' || r > '9') })
}

// namesOf reads the subject of a certificate, the first name first.
func namesOf(raw []byte) ([][]Attribute, error) {
	var sequence []asn1.RawValue
	if rest, err := asn1.Unmarshal(raw, &sequence); err != nil || len(rest) > 0 {
		return nil, fmt.Errorf("%w: subject", ErrMalformed)
	}
	var out [][]Attribute
	for _, set := range sequence {
		var rdn []Attribute
		for rest := set.Bytes; len(rest) > 0; {
			var pair struct {
				Type  asn1.ObjectIdentifier
				Value string
			}
			var err error
			if rest, err = asn1.Unmarshal(rest, &pair); err != nil {
				return nil, fmt.Errorf("%w: subject", ErrMalformed)
			}
			rdn = append(rdn, Attribute{OID: pair.Type.String(), Value: pair.Value})
		}
		slices.SortFunc(rdn, func(a, b Attribute) int { return strings.Compare(a.OID+"\x00"+a.Value, b.OID+"\x00"+b.Value) })
		out = append(out, rdn)
	}
	return out, nil
}

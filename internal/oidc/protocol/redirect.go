package protocol

import (
	"errors"
	"net/url"
	"regexp"
	"slices"
	"strings"
)

// MaxURI is the longest address in bytes that is registered or compared.
const MaxURI = 2048

var schemePattern = regexp.MustCompile(`^[a-z][a-z0-9+-]*(\.[a-z0-9+-]+)+$`)

// CheckRedirectURI says whether an address may be registered as a redirect or
// landing address, and is asked again before one is used.
//
// Web addresses are https, or http on the loopback. Native applications may
// also use a private scheme in reverse domain form (RFC 8252, section 7.1).
// Fragments (RFC 6749, 3.1.2), wildcards, user information, backslashes, dot
// segments and everything that two parsers might read differently are refused.
func CheckRedirectURI(uri string, native bool) error {
	if uri == "" || len(uri) > MaxURI {
		return errors.New("must have 1 to 2048 characters")
	}
	for i := range len(uri) {
		if c := uri[i]; c <= ' ' || c >= 0x7f || strings.IndexByte("\\\"<>^`{|}*#", c) >= 0 {
			return errors.New("must be plain ASCII without spaces, fragment, wildcard or backslash")
		}
	}
	u, err := url.Parse(uri)
	if err != nil {
		return errors.New("is no address")
	}
	scheme, _, _ := strings.Cut(uri, ":")
	switch {
	case u.Scheme == "" || u.Scheme != scheme:
		return errors.New("must begin with a lower-case scheme")
	case u.User != nil || strings.Contains(u.Host, "@"):
		return errors.New("must not contain user information")
	case scheme == "https" || scheme == "http":
		return checkWeb(uri, u)
	case !native:
		return errors.New("must be https (private schemes only for type: native)")
	case !schemePattern.MatchString(scheme):
		return errors.New("a private scheme must be a reversed domain name, such as ca.example.app")
	default:
		return nil
	}
}

func checkWeb(uri string, u *url.URL) error {
	host := u.Hostname()
	_, rest, ok := strings.Cut(uri, "://")
	authority, _, _ := strings.Cut(rest, "/")
	authority, _, _ = strings.Cut(authority, "?")
	switch {
	case !ok || u.Opaque != "" || host == "" || authority != u.Host:
		return errors.New("must have a host after ://")
	case !plainHost(u.Host):
		return errors.New("must have a lower-case host name without escapes")
	case strings.HasSuffix(host, ".") || strings.HasSuffix(u.Host, ":") || strings.Contains(host, ".."):
		return errors.New("must have a complete host name")
	case u.Scheme == "http" && !isLoopback(host) && host != "localhost":
		return errors.New("must be https; http only on 127.0.0.1, [::1] or localhost")
	}
	for segment := range strings.SplitSeq(u.EscapedPath(), "/") {
		plain := strings.ReplaceAll(strings.ToLower(segment), "%2e", ".")
		if plain == "." || plain == ".." {
			return errors.New("must not contain . or .. in its path")
		}
	}
	return nil
}

// hostPattern is a name or IPv4 address, or an IPv6 address without zone, with an optional port.
var hostPattern = regexp.MustCompile(`^([a-z0-9.-]+|\[[0-9a-f:]+\])(:[0-9]{1,5})?$`)

func plainHost(host string) bool { return hostPattern.MatchString(host) }

// isLoopback knows the two literal loopback addresses of RFC 8252, section 7.3.
func isLoopback(host string) bool { return host == "127.0.0.1" || host == "::1" }

// MatchRedirect compares an address byte by byte with the registered ones (RFC
// 9700, 2.1). The one exception is the port of a native application's loopback
// address, which the operating system picks (RFC 8252, section 7.3).
func MatchRedirect(registered []string, native bool, given string) bool {
	if slices.Contains(registered, given) {
		return CheckRedirectURI(given, native) == nil
	}
	if !native || CheckRedirectURI(given, true) != nil {
		return false
	}
	plain, ok := withoutLoopbackPort(given)
	if !ok {
		return false
	}
	for _, r := range registered {
		if other, isLoop := withoutLoopbackPort(r); isLoop && other == plain {
			return true
		}
	}
	return false
}

// withoutLoopbackPort cuts the port out of http://127.0.0.1:port/… and http://[::1]:port/…
func withoutLoopbackPort(uri string) (string, bool) {
	for _, host := range []string{"http://127.0.0.1", "http://[::1]"} {
		rest, ok := strings.CutPrefix(uri, host)
		if !ok {
			continue
		}
		if port, isPort := strings.CutPrefix(rest, ":"); isPort {
			digits := strings.TrimLeft(port, "0123456789")
			if len(port)-len(digits) > 5 || len(port) == len(digits) {
				return "", false
			}
			rest = digits
		}
		if rest != "" && rest[0] != '/' && rest[0] != '?' {
			return "", false
		}
		return host + rest, true
	}
	return "", false
}

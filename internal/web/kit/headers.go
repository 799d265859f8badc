package kit

import (
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
)

// policy is the Content-Security-Policy of a page. Nothing is inline, so no
// nonce is needed; form-action names where the answer to a form may redirect to,
// because browsers apply it to redirects after a POST too; frame-src the origins of what
// the page frames, most pages nothing.
func policy(formOrigins, frames []string) string {
	action := []string{"'self'"}
	for _, origin := range formOrigins {
		if source := formSource(origin); source != "" {
			action = append(action, source)
		}
	}
	frame := []string{"; frame-src"}
	for _, address := range frames {
		if source := formSource(address); strings.HasPrefix(source, "http") && !slices.Contains(frame, source) {
			frame = append(frame, source)
		}
	}
	if len(frame) == 1 {
		frame = nil
	}
	return "default-src 'none'" + strings.Join(frame, " ") + "; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; " +
		"form-action " + strings.Join(action, " ") + "; base-uri 'none'; object-src 'none'; frame-ancestors 'none'"
}

// plainHost is a host with an optional port, and nothing that a policy could read as more.
var plainHost = regexp.MustCompile(`^[A-Za-z0-9.\-]+(:[0-9]+)?$|^\[[0-9a-fA-F:.]+\](:[0-9]+)?$`)

// formSource makes a CSP source of a redirect address: its origin, or the
// scheme alone when it is an app's own. "" when it is neither.
func formSource(address string) string {
	u, err := url.Parse(strings.TrimSpace(address))
	if err != nil || u.Scheme == "" {
		return ""
	}
	if u.Scheme == "http" || u.Scheme == "https" {
		if u.Host == "" || !plainHost.MatchString(u.Host) {
			return ""
		}
		return u.Scheme + "://" + u.Host
	}
	switch u.Scheme {
	case "javascript", "data", "blob", "filesystem", "about", "file", "ws", "wss":
		return ""
	}
	return u.Scheme + ":"
}

// header is a header with its value as a map of headers holds it.
type header struct {
	name  string // canonical
	value []string
}

// always are the headers of every answer. The values are shared by all answers:
// each has no room behind it, so that Add copies it, and Set replaces it.
func (s *Site) always() []header {
	var out []header
	add := func(name, value string) {
		out = append(out, header{http.CanonicalHeaderKey(name), []string{value}})
	}
	add("X-Content-Type-Options", "nosniff")
	add("Referrer-Policy", "no-referrer")
	add("Cross-Origin-Opener-Policy", "same-origin")
	add("Cross-Origin-Resource-Policy", "same-origin")
	add("X-Frame-Options", "DENY")
	add("Cache-Control", "no-store")
	add("Permissions-Policy", "accelerometer=(), browsing-topics=(), camera=(), display-capture=(), geolocation=(), gyroscope=(), microphone=(), midi=(), payment=(), usb=()")
	add("Content-Security-Policy", "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
	if s.Secure() {
		add("Strict-Transport-Security", "max-age=63072000; includeSubDomains")
	}
	return out
}

// secure sets the headers of every answer.
func (s *Site) secure(h http.Header) {
	for _, one := range s.headers {
		h[one.name] = one.value
	}
}

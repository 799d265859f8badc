package kit

import (
	"net/http"
	"net/url"
	"regexp"
	"strings"
)

// policy is the Content-Security-Policy of a page. Nothing is inline, so no
// nonce is needed; form-action names where the answer to a form may redirect to,
// because browsers apply it to redirects after a POST too.
func policy(formOrigins []string) string {
	action := []string{"'self'"}
	for _, origin := range formOrigins {
		if source := formSource(origin); source != "" {
			action = append(action, source)
		}
	}
	return "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; " +
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

// secure sets the headers of every answer.
func (s *Site) secure(h http.Header) {
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Cache-Control", "no-store")
	h.Set("Permissions-Policy", "accelerometer=(), browsing-topics=(), camera=(), display-capture=(), geolocation=(), gyroscope=(), microphone=(), midi=(), payment=(), usb=()")
	h.Set("Content-Security-Policy", "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
	if s.Secure() {
		h.Set("Strict-Transport-Security", "max-age=63072000; includeSubDomains")
	}
}

package oidc_test

import (
	"net/http"
	"strings"
	"testing"
)

// RFC 6749, 3.1.2: the query of a redirect address is kept.
// RFC 8252, 7.3: the port of a loopback address is free.
// RFC 8252, 7.1: a scheme of the application itself is a redirect address.
func TestARegisteredQueryStaysAndANativePortIsFree(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		b, a := h.agreed("service", "native")
		if to := b.authorize(request("service", "redirect_uri", callback+"?x=1")).Header.Get("Location"); !strings.HasPrefix(to, callback+"?x=1&code=") {
			t.Error(to)
		}
		for _, uri := range []string{"http://127.0.0.1:51004/cb", "ca.example.app:/cb"} {
			to := b.authorize(request("native", "redirect_uri", uri)).Header.Get("Location")
			code, _, _ := strings.Cut(strings.TrimPrefix(to, uri+"?code="), "&")
			tok := h.asClient("", exchange(code, "client_id", "native", "redirect_uri", uri))
			if tok.status != http.StatusOK {
				t.Errorf("%s: %s %+v", uri, to, tok)
			}
		}
		_ = a
	})
}

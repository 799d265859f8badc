package app

import (
	"bytes"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"

	"parvis/internal/config"
)

func pipe(t *testing.T) (server, client net.Conn) {
	t.Helper()
	server, client = net.Pipe()
	t.Cleanup(func() { _, _ = server.Close(), client.Close() })
	return server, client
}

func TestALogLineNamesNoAddressAndNoLink(t *testing.T) {
	var out bytes.Buffer
	log := NewLog(&out, slog.LevelInfo)
	log.Info("mail refused", "to", "sam.rivers@example.org", "error", errors.New("550 <sam.rivers@example.org> unknown"), "path", "/link/3q2-7wAB_x")
	for _, secret := range []string{"sam.rivers", "example.org", "3q2-7wAB_x"} {
		if strings.Contains(out.String(), secret) {
			t.Errorf("%q stands in %s", secret, out.String())
		}
	}
}

func TestOnlyThePublicAddressIsAnswered(t *testing.T) {
	h := onlyHost("https://sign-in.example.org", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) }))
	for _, c := range []struct {
		method, host string
		status       int
		location     string
	}{
		{"GET", "sign-in.example.org", http.StatusTeapot, ""},
		{"POST", "sign-in.example.org:443", http.StatusTeapot, ""},
		{"GET", "evil.example", http.StatusTemporaryRedirect, "https://sign-in.example.org/a/b?c=d"},
		{"GET", "", http.StatusTemporaryRedirect, "https://sign-in.example.org/a/b?c=d"},
		{"POST", "evil.example", http.StatusMisdirectedRequest, ""},
	} {
		r := httptest.NewRequest(c.method, "/a/b?c=d", nil)
		r.Host = c.host
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code != c.status || w.Header().Get("Location") != c.location {
			t.Errorf("%s to host %q: %d %q, want %d %q", c.method, c.host, w.Code, w.Header().Get("Location"), c.status, c.location)
		}
		if w.Code == http.StatusMisdirectedRequest && !strings.Contains(w.Body.String(), "server.public_url") {
			t.Error("the refusal does not name the setting")
		}
	}
}

func TestAForeignPathCannotLeadElsewhere(t *testing.T) {
	h := onlyHost("https://sign-in.example.org", http.NotFoundHandler())
	r := httptest.NewRequest("GET", "http://x//evil.example/", nil)
	r.Host = "x"
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	if to := w.Header().Get("Location"); !strings.HasPrefix(to, "https://sign-in.example.org/") {
		t.Errorf("leads to %q", to)
	}
	r = httptest.NewRequest("GET", "/", nil)
	r.Host, r.URL = "x", &url.URL{Scheme: "x", Opaque: "@evil.example"} // GET x:@evil.example HTTP/1.1
	w = httptest.NewRecorder()
	h.ServeHTTP(w, r)
	if to := w.Header().Get("Location"); to != "" || w.Code != http.StatusMisdirectedRequest {
		t.Errorf("without a path: %d, leads to %q", w.Code, to)
	}
}

// Cookies are __Host- and Secure wherever the public address is https; on one's own machine
// every browser keeps them.
func TestCookiesAreNamedForTheSchemeOfThePublicAddress(t *testing.T) {
	for public, want := range map[string]string{
		"https://localhost:8080": "__Host-parvis_lang=fr; Path=/; Max-Age=31536000; HttpOnly; Secure; SameSite=Lax",
		"http://localhost:8080":  "parvis_lang=fr; Path=/; Max-Age=31536000; HttpOnly; SameSite=Lax",
	} {
		h := houseWith(t, func(c *config.Config, _ *Options) { c.Server.PublicURL = public })
		start(t, h)
		w := ask(h.Handler(), "GET", "/signin?lang=fr")
		if got := w.Header().Values("Set-Cookie"); len(got) == 0 || !slices.Contains(got, want) {
			t.Errorf("%s: %d %q", public, w.Code, got)
		}
	}
}

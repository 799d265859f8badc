package app

import (
	"crypto/tls"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"parvis/internal/config"
	"parvis/internal/oidc/machine"
)

func TestTheListenerForCertificatesAsksForOneAndServesItsAddressOnly(t *testing.T) {
	files := filesIn(t.TempDir())
	issue(t, files, 1)
	c := &certificate{Files: files, Log: slog.New(slog.DiscardHandler), Now: time.Now}
	if err := c.load(); err != nil {
		t.Fatal(err)
	}
	shown, err := machine.NewCertificates(machine.MTLS{PublicURL: "https://mtls.example", Listen: "127.0.0.1:0"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	site := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) })
	h := &House{Config: &config.Config{}, Certificates: shown, Log: slog.New(slog.DiscardHandler)}
	h.handler = h.certificateHost(site, http.NotFoundHandler())
	s := h.certificateServer(c)
	if s.TLSConfig.ClientAuth != tls.RequestClientCert || s.TLSConfig.MinVersion != tls.VersionTLS12 || len(s.TLSConfig.CipherSuites) != 6 {
		t.Errorf("%+v", s.TLSConfig)
	}
	for _, one := range []struct {
		host, path string
		want       int
	}{
		{"mtls.example", "/token", http.StatusTeapot},
		{"mtls.example:443", "/userinfo", http.StatusTeapot},
		{"mtls.example", "/signin/x", http.StatusNotFound},
		{"mtls.example", "/authorize", http.StatusNotFound},
		{"sign-in.example", "/token", http.StatusMisdirectedRequest},
	} {
		w := httptest.NewRecorder()
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, one.path, http.NoBody)
		r.Host = one.host
		s.Handler.ServeHTTP(w, r)
		if _, err := io.Copy(io.Discard, w.Body); err != nil || w.Code != one.want {
			t.Errorf("%s%s: %d", one.host, one.path, w.Code)
		}
	}
	if (&House{}).certificateServer(c) != nil {
		t.Error("there is one without the setting")
	}
}

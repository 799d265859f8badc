package app

import (
	"context"
	"crypto/tls"
	"net/http"

	"parvis/internal/oidc/protocol"
)

// certificateHost lets services that show a certificate in at the address for them, where
// only the endpoints for programs are; everything else goes on to next.
func (h *House) certificateHost(site, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if h.Certificates.At(r.Host) && protocol.ForPrograms(r.URL.Path) {
			site.ServeHTTP(w, r)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// certificateServer answers at the listener that asks for certificates; nil without one.
// Whose a certificate is, is judged by what is registered, request by request: the handshake
// proves that its key is at hand, and nothing else. Pages are not served there.
func (h *House) certificateServer(c *certificate) *http.Server {
	if h.Certificates == nil || h.Certificates.Listen == "" || c == nil {
		return nil
	}
	s := NewServer(h.Config.Server, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !h.Certificates.At(r.Host) {
			http.Error(w, "This listener answers at "+h.Certificates.PublicURL+" only.", http.StatusMisdirectedRequest)
			return
		}
		h.handler.ServeHTTP(w, r)
	}), h.Log)
	s.TLSConfig = c.config()
	s.TLSConfig.ClientAuth = tls.RequestClientCert
	return s
}

// serveCertificates binds that listener and begins to answer there.
func (h *House) serveCertificates(ctx context.Context, c *certificate, failed chan<- error) (*http.Server, error) {
	s := h.certificateServer(c)
	if s == nil {
		return nil, nil //nolint:nilnil // there is none
	}
	l, err := listen(ctx, "oidc.mtls.listen", h.Certificates.Listen)
	if err != nil {
		return nil, err
	}
	go func() { failed <- s.ServeTLS(l, "", "") }()
	return s, nil
}
